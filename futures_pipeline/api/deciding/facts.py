"""What is stored of a pair around one session, as signals read it."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

import polars as pl

from futures_pipeline.analytics.quality import INDEX_PAIRS
from futures_pipeline.analytics.reference_prices import is_live_bar, reference_prices
from futures_pipeline.analytics.rolls import front_month_schedule, listed_contracts, session_volumes
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.decisions.readings.past import RETURN_SESSIONS, Lead, Past
from futures_pipeline.decisions.readings.series import series_by_contract
from futures_pipeline.decisions.readings.soundness import SESSIONS, fault_of, stands_still
from futures_pipeline.decisions.readings.today import Today, today_of
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.contracts import FuturesContract, RollRule, calendar_roll, volume_rule
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline.storage.remembered import Part, rows_of
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS, SPOT_SNAPSHOTS

FUTURE_OF = {spot: futures for futures, spot in INDEX_PAIRS}
# Sessions that hold one more NYSE close than there are returns, holidays between them.
PAST_SESSIONS = RETURN_SESSIONS + 4
LISTED = ("symbol", "contract", "expiry", "session_date")
BAR_COLUMNS = (
    *LISTED,
    *("ts_start", "ts_end", "high", "low", "close", "volume", "source", "data_type"),
)
SNAPSHOT_COLUMNS = (*LISTED, "timestamp", "bid", "ask", "last", "last_at", "data_type")
BAR_SCHEMA = pl.Schema(BARS_1M.schema)
SNAPSHOT_SCHEMA = pl.Schema(FUTURES_SNAPSHOTS.schema)
Legs = tuple[str, str]
Listed = tuple[tuple[str, date | None], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The day's raw rows of a pair, from the session of its last anchor on."""

    snapshots: pl.DataFrame
    bars: pl.DataFrame

    def data_types(self, moment: datetime) -> dict[str, str]:
        """Return what the broker last sent of each contract by a moment: live, delayed, ..."""
        found = {}
        for contract, (times, types) in _data_types(self).items():
            place = bisect_right(times, moment)
            if place:
                found[contract] = types[place - 1]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """A pair around one session; ``fault``: what of earlier sessions stops its signals."""

    past: Past
    today: Today
    rows: Rows
    fault: str | None

    def fault_at(self, moment: datetime) -> str | None:
        """Return what stops the pair's signals at a moment, None for nothing."""
        if self.fault is not None or not self.past.calendar.regular.is_open(moment):
            return self.fault
        day = self.past.session_date
        so_far = self.rows.bars.filter(pl.col("session_date") == day, pl.col("ts_end") <= moment)
        return stands_still(so_far, day, self.past.calendar)

    def coverage(self, moment: datetime) -> dict[str, tuple[int, int]]:
        """Return how many minutes have a bar, and how many should, of the session so far.

        Of the future since the open, of the ETF since the NYSE open.
        """
        past, calendar = self.past, self.past.calendar
        lead = past.leads.get(past.session_date)
        globex, regular = (
            market.on(past.session_date) for market in (calendar.globex, calendar.regular)
        )
        spans = {lead.contract if lead else past.futures_symbol: globex, past.spot_symbol: regular}
        found = {}
        for contract, session in spans.items():
            if session is None or session.opens_at > moment:
                continue
            end = min(moment, session.closes_at)
            bars = self.today.highs.get(contract)
            have = 0 if bars is None else len(bars.within(session.opens_at, end))
            found[contract] = (have, int((end - session.opens_at).total_seconds() // 60))
        return found


def checked_etf(symbol: str) -> Legs:
    """Return the pair of an ETF.

    Raises:
        ConfigurationError: it is none whose future is collected.
    """
    if symbol not in FUTURE_OF:
        raise ConfigurationError("symbol", symbol, f"an ETF: {', '.join(FUTURE_OF)}")
    return FUTURE_OF[symbol], symbol


def facts_at(sources: Sources, legs: Legs, moment: datetime) -> Facts:
    """Return what is stored of a pair around the session of a moment."""
    return pair_facts(sources, legs, calendar_for(moment).session_date(moment))


def pair_facts(sources: Sources, legs: Legs, day: date) -> Facts:
    """Return what is stored of a pair around a session, found once for all who ask."""
    return sources.once((legs, day), lambda: _pair_facts(sources, legs, day))


def _pair_facts(sources: Sources, legs: Legs, day: date) -> Facts:
    calendar = calendar_for(new_york(day, 12))
    first = calendar.regular.before(day, 1)[-1].session_date
    days = tuple(session.session_date for session in calendar.globex.between(first, day))
    rows = _rows(
        sources.parts(FUTURES_SNAPSHOTS.name, days),
        sources.parts(SPOT_SNAPSHOTS.name, days),
        sources.parts(BARS_1M.name, days),
        legs,
        days,
    )
    held = pl.concat([rows.bars.select(LISTED), rows.snapshots.select(LISTED)])
    futures = held.filter(pl.col("symbol") == legs[0], pl.col("session_date") == day)
    listed = tuple(futures.select("contract", "expiry").unique().sort("contract").iter_rows())
    before = tuple(s.session_date for s in calendar.globex.before(day, PAST_SESSIONS))
    collection = sources.settings.collection
    rule = (collection.roll, tuple(sorted(collection.front_month.items())))
    past, fault = _past(
        sources.parts(BARS_1M.name, before), legs, (*before, day), listed, rule, calendar
    )
    return Facts(past, _today(rows), rows, fault)


@lru_cache(maxsize=32)
def _rows(
    futures: tuple[Part, ...],
    spots: tuple[Part, ...],
    bars: tuple[Part, ...],
    legs: Legs,
    days: tuple[date, ...],
) -> Rows:
    snapshots = [
        rows_of(parts, days, legs, SNAPSHOT_COLUMNS, SNAPSHOT_SCHEMA) for parts in (futures, spots)
    ]
    return Rows(pl.concat(snapshots), rows_of(bars, days, legs, BAR_COLUMNS, BAR_SCHEMA))


@lru_cache(maxsize=32)
def _data_types(rows: Rows) -> dict[str, tuple[list[datetime], list[str]]]:
    """Return the data types of each contract's snapshots, with their times, ascending."""
    by_contract = rows.snapshots.sort("contract", "timestamp").group_by("contract")
    lists = by_contract.agg("timestamp", "data_type").sort("contract")
    return {contract: (times, types) for contract, times, types in lists.iter_rows()}


@lru_cache(maxsize=32)
def _today(rows: Rows) -> Today:
    ticks = {symbol: instrument.tick_size for symbol, instrument in UNIVERSE.items()}
    prices = reference_prices(rows.snapshots, rows.bars, ticks)
    return today_of(prices, rows.bars.filter(is_live_bar()))


@lru_cache(maxsize=64)
def _past(
    parts: tuple[Part, ...],
    legs: Legs,
    days: tuple[date, ...],
    listed: Listed,
    rule: tuple[str, tuple[tuple[str, str], ...]],
    calendar: TradingCalendar,
) -> tuple[Past, str | None]:
    """Return the sessions before the last of ``days``, and what is wrong with the newest."""
    *before, day = days
    bars = rows_of(parts, before, legs, BAR_COLUMNS, BAR_SCHEMA)
    live = bars.filter(is_live_bar())
    past = Past(
        *legs,
        session_date=day,
        calendar=calendar,
        leads=_leads(bars, legs[0], (day, listed), rule, calendar),
        closes=series_by_contract(live, "ts_end", "close"),
        volumes=series_by_contract(live, "ts_end", "volume"),
    )
    return past, fault_of(bars, legs, list(before[-SESSIONS:]), calendar)


def _leads(
    bars: pl.DataFrame,
    symbol: str,
    today: tuple[date, Listed],
    rule: tuple[str, tuple[tuple[str, str], ...]],
    calendar: TradingCalendar,
) -> dict[date, Lead]:
    """Return who leads in each stored session of a future and in the session of today."""
    day, listed = today
    held = bars.filter(pl.col("symbol") == symbol).select(LISTED).unique()
    newest = held.filter(pl.col("session_date") == pl.col("session_date").max())
    names = listed or tuple(newest.select("contract", "expiry").iter_rows())
    now = [(symbol, contract, expiry, day) for contract, expiry in names]
    stored = pl.concat([held, pl.DataFrame(now, schema=held.schema, orient="row")])
    contracts = listed_contracts(stored)
    follows: RollRule = calendar_roll
    if rule[0] == "volume":
        follows = volume_rule(calendar.globex, session_volumes(bars))
    schedule = front_month_schedule(stored, contracts, follows, dict(rule[1]))
    return _by_session(schedule.drop_nulls("contract"), contracts)


def _by_session(schedule: pl.DataFrame, contracts: Sequence[FuturesContract]) -> dict[date, Lead]:
    expiries = {contract.local_symbol: contract.expiry for contract in contracts}
    columns = ("session_date", "contract", "expiry", "next_contract")
    return {
        day: Lead(contract, expiry, following, expiries.get(following))
        for day, contract, expiry, following in schedule.select(columns).iter_rows()
    }
