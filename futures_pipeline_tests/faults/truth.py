"""What the generated market has, minute by minute, to hold against what was collected.

Computed from the seed in this process, so nothing that went over the wire is trusted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.contracts import contracts_to_collect
from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.domain.sessions import Session, TradingCalendar
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.market.source import Bars
from futures_pipeline.simulator.market.universe import (
    Listing,
    calendar_at,
    futures_listing,
    rule_front_candidates,
    spot_listing,
)

# Everything the broker delivers by default.
ALL_SYMBOLS = ("ES", "NQ", "RTY", "SPY", "QQQ", "IWM", "VIX")
VALUES = ("open", "high", "low", "close", "volume")
START_TYPE = pl.Datetime("us", "UTC")
SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "contract": pl.String,
    "ts_start": START_TYPE,
    "session_date": pl.Date,
    **dict.fromkeys(VALUES, pl.Float64),
    "is_due": pl.Boolean,
}
# Far below a tick and below one contract; above what adding floats in another order moves.
TOLERANCE = 1e-6


class Truth:
    """The minutes that a market of ``seed`` has of the contracts due for ``symbols``."""

    def __init__(self, seed: int, symbols: Sequence[str], near: datetime) -> None:
        self.symbols = tuple(symbols)
        self.calendar = calendar_for(near)
        self._market = GeneratedMarket(seed)
        self._listed = calendar_at(near)
        self._sessions: dict[date, pl.DataFrame] = {}

    def due(self, session_date: date) -> list[Listing]:
        """Return the contracts to collect in a session."""
        return [
            listing for symbol in self.symbols for listing in self._due_of(symbol, session_date)
        ]

    def minutes(self, session_date: date) -> pl.DataFrame:
        """Return a session's bars: ``SCHEMA``, ascending by contract and start.

        ``is_due`` is false for what may be collected and need not be: the index after 16:00.
        """
        if session_date not in self._sessions:
            found = [self._minutes(listing, session_date) for listing in self.due(session_date)]
            self._sessions[session_date] = pl.concat([pl.DataFrame(schema=SCHEMA), *found]).sort(
                "contract", "ts_start"
            )
        return self._sessions[session_date]

    def between(self, start: datetime, end: datetime) -> pl.DataFrame:
        """Return the bars with ``start <= ts_start < end``."""
        first, last = (self.calendar.session_date(moment) for moment in (start, end))
        days = [day.session_date for day in self.calendar.globex.between(first, last)]
        whole = pl.concat([pl.DataFrame(schema=SCHEMA), *(self.minutes(day) for day in days)])
        return whole.filter(pl.col("ts_start") >= start, pl.col("ts_start") < end)

    def _due_of(self, symbol: str, session_date: date) -> Iterable[Listing]:
        if UNIVERSE[symbol].kind is not Kind.FUTURE:
            return [spot_listing(symbol)]
        coming = rule_front_candidates(symbol, session_date, self._listed)
        due = contracts_to_collect(coming, session_date, self._listed.globex)
        found = [
            futures_listing(symbol, it.expiry.year, it.expiry.month, self._listed.regular)
            for it in due
        ]
        return [listing for listing in found if listing is not None]

    def _minutes(self, listing: Listing, session_date: date) -> pl.DataFrame:
        globex = self.calendar.globex.on(session_date)
        assert globex is not None, f"{session_date} is no session"
        since = self.calendar.globex.before(session_date, 1)[0].closes_at
        hours = self._market.hours(listing, self._listed).trading
        days = [day for day in hours.sessions if day.opens_at < globex.closes_at]
        parts = [
            self._cut(listing, day, (since, globex.closes_at))
            for day in days[-3:]
            if day.closes_at > since
        ]
        return _labelled(pl.concat([_frame(None), *parts]), listing, session_date, self.calendar)

    def _cut(
        self, listing: Listing, day: Session, window: tuple[datetime, datetime]
    ) -> pl.DataFrame:
        start, end = (int(moment.timestamp()) for moment in window)
        bars = self._market.minutes(listing, day)
        return _frame(None if bars is None else bars.cut(start, end))


def _frame(bars: Bars | None) -> pl.DataFrame:
    columns = ("start", *VALUES)
    values = {name: [] if bars is None else getattr(bars, name).tolist() for name in columns}
    schema = {"start": pl.Int64, **dict.fromkeys(VALUES, pl.Float64)}
    return pl.DataFrame(values, schema=schema)


def _labelled(
    bars: pl.DataFrame, listing: Listing, session_date: date, calendar: TradingCalendar
) -> pl.DataFrame:
    kind = listing.instrument.kind
    hours = market_hours(kind, calendar)
    starts = [datetime.fromtimestamp(second, UTC) for second in bars["start"].to_list()]
    return bars.with_columns(
        contract=pl.lit(listing.local_symbol),
        ts_start=pl.Series(starts, dtype=START_TYPE),
        session_date=pl.lit(session_date),
        volume=pl.lit(None, pl.Float64) if kind is Kind.INDEX else pl.col("volume"),
        is_due=pl.Series([hours.is_open(start) for start in starts], dtype=pl.Boolean),
    ).select(list(SCHEMA))


@dataclass(frozen=True, slots=True)
class Difference:
    """How collected minutes differ from the market's; each holds ``contract, ts_start``."""

    missing: pl.DataFrame
    changed: pl.DataFrame
    invented: pl.DataFrame
    twice: pl.DataFrame

    @property
    def is_nothing(self) -> bool:
        return not any(
            part.height for part in (self.missing, self.changed, self.invented, self.twice)
        )

    def within(self, start: datetime, end: datetime) -> "Difference":
        """Return the part with ``start <= ts_start < end``."""
        inside = (pl.col("ts_start") >= start) & (pl.col("ts_start") < end)
        parts = (self.missing, self.changed, self.invented, self.twice)
        return Difference(*(part.filter(inside) for part in parts))


def difference(
    stored: pl.DataFrame, expected: pl.DataFrame, revised_points: float = 0.0
) -> Difference:
    """Hold stored bars (``contract, ts_start`` and ``VALUES``) against expected ones.

    ``missing``: due and not stored. ``changed``: stored with another value. ``invented``:
    stored and unknown to the market. ``twice``: a key stored more than once. With
    ``revised_points`` a bar may as well be as the simulator's history revises it.
    """
    key = ["contract", "ts_start"]
    both = stored.join(expected, on=key, suffix="_true")
    same = pl.all_horizontal(_same(name, pl.col(f"{name}_true")) for name in VALUES)
    if revised_points:
        same |= _revised(revised_points)
    counts = stored.group_by(key).len()
    return Difference(
        missing=expected.filter("is_due").join(stored, on=key, how="anti").select(key),
        changed=both.filter(~same).select(key),
        invented=stored.join(expected, on=key, how="anti").select(key),
        twice=counts.filter(pl.col("len") > 1).select(key),
    )


def _same(name: str, true: pl.Expr) -> pl.Expr:
    ours = pl.col(name)
    near = ((ours - true).abs() <= TOLERANCE).fill_null(False)
    return near | (ours.is_null() & true.is_null())


def _revised(points: float) -> pl.Expr:
    """Return whether a bar is the true one with its close moved and one more traded."""
    close = pl.col("close_true") + points
    revised = {
        "open": pl.col("open_true"),
        "high": pl.max_horizontal("high_true", close),
        "low": pl.min_horizontal("low_true", close),
        "close": close,
        "volume": pl.col("volume_true") + 1,
    }
    return pl.all_horizontal(_same(name, true) for name, true in revised.items())


def minutes_of(frame: pl.DataFrame) -> str:
    """Return the first and last of some minutes in words, for a person."""
    if frame.is_empty():
        return "none"
    spans = frame.group_by("contract").agg(
        pl.col("ts_start").min().alias("first"), pl.col("ts_start").max().alias("last"), pl.len()
    )
    return "; ".join(
        f"{contract} {count} min {first:%m-%d %H:%M}-{last + timedelta(minutes=1):%H:%M} UTC"
        for contract, first, last, count in spans.sort("contract").iter_rows()
    )
