"""The recorded market: bars from files, replayed exactly and never filled up.

Within a minute only the bar is known. Its path is a step function: 15 seconds at the open, at
one extreme, at the other, at the close; its volume is spread evenly. So every price that is
sent was recorded, and the path's bars are the recorded ones.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from futures_pipeline.domain.sessions import Session, TradingCalendar
from futures_pipeline.simulator.market.recorded_files import (
    PRICES,
    QUOTES,
    Dropped,
    Skipped,
    columns_of,
    read_files,
)
from futures_pipeline.simulator.market.source import Bars, Floats, Integers, Tape
from futures_pipeline.simulator.market.universe import (
    FIXED_CON_IDS,
    FUTURES_CON_IDS,
    Hours,
    Listing,
    calendar_at,
    futures_listing,
    recorded_hours_of,
    spot_listing,
)

TAPES = 24
MINUTES = 1024
SECONDS = 60
STEP = 15


@dataclass(frozen=True, slots=True)
class Rows:
    """The recorded minutes of one contract, ascending by ``at`` (epoch seconds of the start).

    Columns of ``bars`` are open, high, low, close, volume (NaN in a minute that was only
    quoted), of ``quotes`` bid, ask and their sizes (NaN where unknown).
    """

    at: Integers
    bars: Floats
    quotes: Floats

    def between(self, session: Session) -> "Rows":
        a, b = np.searchsorted(
            self.at, (session.opens_at.timestamp(), session.closes_at.timestamp())
        )
        return Rows(self.at[a:b], self.bars[a:b], self.quotes[a:b])


@dataclass(frozen=True, slots=True)
class SymbolRecord:
    """What is recorded of one symbol; dates are sessions, times are UTC bar starts."""

    first_session: str
    last_session: str
    bars: int
    session_dates: list[str]
    last_bar: dict[str, str]


@dataclass(frozen=True, slots=True)
class Recording:
    """What a set of recorded files holds, and which files and rows were left out."""

    symbols: dict[str, SymbolRecord]
    skipped: list[Skipped]
    dropped: list[Dropped]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class RecordedMarket:
    """Prices from recorded files; a minute that is not in them does not exist."""

    seed = 0

    def __init__(self, paths: Iterable[Path]) -> None:
        frame, self.report = read_files(paths)
        last = int(frame["at"].to_numpy().max())
        calendar = calendar_at(datetime.fromtimestamp(last, UTC))
        self._rows: dict[int, Rows] = {}
        self._listings: dict[int, Listing] = {}
        for part in frame.partition_by("con_id", maintain_order=True):
            self._add(part, calendar)
        self._calendar = calendar
        self.tape = lru_cache(maxsize=TAPES)(self._tape)
        self.minutes = lru_cache(maxsize=MINUTES)(self._minutes)

    def _add(self, part: pl.DataFrame, calendar: TradingCalendar) -> None:
        con_id: int = part["con_id"][0]
        listing = listing_of(con_id, calendar)
        at = part["at"].to_numpy().astype(np.int64)
        inside = _session_numbers(at, listing, calendar) >= 0
        outside = int((~inside).sum())
        if outside:
            self.report.drop(listing.local_symbol, "outside the calendar", outside)
        bars = columns_of(part, (*PRICES, "volume")).to_numpy()
        quotes = columns_of(part, QUOTES).to_numpy()
        if inside.any():
            self._listings[con_id] = listing
            self._rows[con_id] = Rows(at[inside], bars[inside], quotes[inside])

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols with at least one recorded minute."""
        return tuple(dict.fromkeys(listing.symbol for listing in self._listings.values()))

    def hours(self, listing: Listing, calendar: TradingCalendar) -> Hours:
        return recorded_hours_of(listing, calendar)

    def has_history(self, listing: Listing, session: Session) -> bool:
        rows = self._rows.get(listing.con_id)
        return rows is not None and len(rows.between(session).at) > 0

    def open_interest(self, listing: Listing, at: datetime) -> int | None:  # noqa: ARG002
        """Return None: files of bars do not know it."""
        return None

    def implied_vol(self, listing: Listing, at: datetime) -> float | None:  # noqa: ARG002
        """Return None: files of bars do not know it."""
        return None

    def recording(self) -> Recording:
        """Return what is recorded, by symbol."""
        last_bars: dict[str, dict[date, int]] = {}
        counts: dict[str, int] = {}
        for con_id, listing in self._listings.items():
            rows = self._rows[con_id]
            at = rows.at[np.isfinite(rows.bars[:, 3])]
            numbers = _session_numbers(at, listing, self._calendar)
            sessions = recorded_hours_of(listing, self._calendar).trading.sessions
            known = last_bars.setdefault(listing.symbol, {})
            for number in np.unique(numbers).tolist():
                day = sessions[number].session_date
                latest = int(at[np.searchsorted(numbers, number, side="right") - 1])
                known[day] = max(known.get(day, 0), latest)
            counts[listing.symbol] = counts.get(listing.symbol, 0) + len(at)
        found = {name: _record(counts[name], days) for name, days in last_bars.items() if days}
        return Recording(found, self.report.skipped, self.report.dropped)

    def _minutes(self, listing: Listing, session: Session) -> Bars | None:
        tape = self.tape(listing, session)
        return tape.bars(SECONDS, "TRADES") if tape else None

    def _tape(self, listing: Listing, session: Session) -> Tape | None:
        rows = self._rows.get(listing.con_id)
        minutes = rows.between(session) if rows else None
        if minutes is None or not len(minutes.at):
            return None
        return tape_of(minutes, listing.instrument.tick_size)


def describe(paths: Iterable[Path]) -> Recording:
    """Return what recorded files hold.

    Raises:
        RecordedDataError: no file is usable.
    """
    return RecordedMarket(paths).recording()


def listing_of(con_id: int, calendar: TradingCalendar) -> Listing:
    """Return the contract of an id that this package gave out."""
    for symbol, fixed in FIXED_CON_IDS.items():
        if con_id == fixed:
            return spot_listing(symbol)
    for symbol, base in FUTURES_CON_IDS.items():
        year, month = divmod(con_id - base, 100)
        if 0 < year < 9999:
            listing = futures_listing(symbol, year, month, calendar.regular)
            if listing is not None:
                return listing
    raise KeyError(con_id)


def _session_numbers(at: Integers, listing: Listing, calendar: TradingCalendar) -> Integers:
    """Return the position of each minute's session in the listing's hours, -1 outside."""
    sessions = recorded_hours_of(listing, calendar).trading.sessions
    opens = np.array([session.opens_at.timestamp() for session in sessions])
    closes = np.array([session.closes_at.timestamp() for session in sessions])
    number = np.searchsorted(opens, at, side="right") - 1
    inside = (number >= 0) & (at < closes[number])
    return np.where(inside, number, -1)


def _record(bars: int, last_bars: dict[date, int]) -> SymbolRecord:
    days = sorted(last_bars)
    return SymbolRecord(
        first_session=days[0].isoformat(),
        last_session=days[-1].isoformat(),
        bars=bars,
        session_dates=[day.isoformat() for day in days],
        last_bar={
            day.isoformat(): datetime.fromtimestamp(last_bars[day], UTC).isoformat() for day in days
        },
    )


def tape_of(rows: Rows, tick_size: float) -> Tape:
    """Return the second-by-second path of recorded minutes."""
    at = rows.at[:, None] + np.arange(SECONDS)
    path, volume = _path(rows.bars), _volumes(rows.bars[:, 4])
    bid, bid_size = _side(rows, path, 0, -tick_size / 2)
    ask, ask_size = _side(rows, path, 1, tick_size / 2)
    return Tape(
        at.ravel(),
        path.ravel(),
        volume.ravel(),
        (volume > 0).astype(np.int64).ravel(),
        bid.ravel(),
        ask.ravel(),
        bid_size.ravel(),
        ask_size.ravel(),
    )


def _path(bars: Floats) -> Floats:
    """Return prices, minute by second; a rising minute visits its low first, others their high."""
    opened, high, low, close = bars[:, 0], bars[:, 1], bars[:, 2], bars[:, 3]
    rising = close >= opened
    steps = np.stack([opened, np.where(rising, low, high), np.where(rising, high, low), close])
    path: Floats = np.repeat(steps.T, STEP, axis=1)
    return path


def _volumes(volume: Floats) -> Floats:
    """Spread each minute's volume over its seconds, so that the sum is exactly the volume."""
    known = np.where(np.isfinite(volume), volume, 0.0)
    whole = np.floor(known)
    each = whole // SECONDS
    spread = each[:, None] + (np.arange(SECONDS) < (whole - each * SECONDS)[:, None])
    spread[:, -1] += known - whole
    filled: Floats = spread
    return filled


def _side(rows: Rows, path: Floats, column: int, offset: float) -> tuple[Floats, Floats]:
    """Return one side's prices and sizes (minute by second).

    A recorded quote is the minute's last, so it holds from the minute's last step on; before
    it the previous one does. A minute without quotes is quoted half a tick beside its price.
    """
    quoted = np.isfinite(rows.quotes[:, 0]) | np.isfinite(rows.quotes[:, 1])
    recorded = rows.quotes[:, column]
    recorded = np.where(recorded > 0, recorded, np.nan)
    final = np.where(quoted, recorded, path[:, -1] + offset)
    price = path + offset
    earlier = np.concatenate(([np.nan], final[:-1]))
    price[quoted] = np.repeat(
        np.stack([earlier, earlier, earlier, final])[:, quoted].T, STEP, axis=1
    )
    sizes = rows.quotes[:, column + 2]
    size = np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0)
    return price, np.broadcast_to(size[:, None], price.shape)
