"""Which minutes of which contract a session owes: the left side of the coverage ledger."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from futures_pipeline.analytics.market_time import UTC_TIME, market_hours
from futures_pipeline.domain.contracts import (
    FuturesContract,
    contracts_to_collect,
    parse_local_symbol,
    quarterly_expiry,
    rule_contracts,
)
from futures_pipeline.domain.instruments import Instrument, Kind
from futures_pipeline.domain.sessions import Session, Timetable, TradingCalendar

BARS, SNAPSHOTS = "bars", "snapshots"
STREAMS = (BARS, SNAPSHOTS)
# Reaches the next quarterly contract and the one after it from any day.
LISTED_AHEAD = timedelta(days=200)

EXPECTED_SCHEMA: Mapping[str, pl.DataType] = {
    "session_date": pl.Date(),
    "symbol": pl.String(),
    "contract": pl.String(),
    "stream": pl.String(),
    "opens_at": UTC_TIME,
    "closes_at": UTC_TIME,
}


def expected_streams(
    instruments: Sequence[Instrument],
    session_dates: Sequence[date],
    seen: pl.DataFrame,
    overrides: Mapping[str, str],
    calendar: TradingCalendar,
) -> pl.DataFrame:
    """Return the spans of open market in which each stream of some sessions owes its minutes.

    Args:
        instruments: what is collected.
        session_dates: Globex sessions; dates without one give no rows.
        seen: ``symbol``, ``contract``, ``expiry`` of stored futures rows, in any number.
        overrides: front month by symbol (``collection.front_month``).
        calendar: holds the sessions.

    Returns:
        ``EXPECTED_SCHEMA``: one row per open span, ``[opens_at, closes_at)`` in UTC, whole
        minutes, inside the Globex session; a pair's begins where the session before ended, with
        the closure between them. ETFs have two on most days: the evening and the day. A market
        that stays shut for the session has no row.

    Futures are expected in ``contracts_to_collect``. The contracts listed are those seen and
    the quarterly ones by rule, so a contract of which nothing ever came is expected as well.
    """
    rows = []
    for day in sorted(set(session_dates)):
        session = calendar.globex.on(day)
        if session is None:
            continue
        for instrument in instruments:
            spans = owed_spans(instrument.kind, session, calendar)
            override = overrides.get(instrument.symbol)
            for contract in _contracts(instrument, day, seen, override, calendar):
                rows += [
                    (day, instrument.symbol, contract, stream, *span)
                    for stream in STREAMS
                    for span in spans
                ]
    return pl.DataFrame(rows, schema=EXPECTED_SCHEMA, orient="row")


def owed_spans(
    kind: Kind, session: Session, calendar: TradingCalendar
) -> list[tuple[datetime, datetime]]:
    """Return the spans of a Globex session in which a kind of instrument owes its minutes."""
    market = market_hours(kind, calendar)
    if kind is not Kind.CRYPTO:
        return open_spans(market, session)
    own = market.on(session.session_date)
    return [] if own is None else [(own.opens_at, own.closes_at)]


def open_spans(market: Timetable, session: Session) -> list[tuple[datetime, datetime]]:
    """Return the spans of a Globex session in which a market is open, ascending."""
    days = market.between(session.opens_at.date(), session.session_date)
    spans = [
        (max(day.opens_at, session.opens_at), min(day.closes_at, session.closes_at)) for day in days
    ]
    return [(start, end) for start, end in spans if start < end]


def _contracts(
    instrument: Instrument,
    day: date,
    seen: pl.DataFrame,
    override: str | None,
    calendar: TradingCalendar,
) -> Iterator[str]:
    if instrument.kind is not Kind.FUTURE:
        return iter([instrument.symbol])
    own = seen.filter(symbol=instrument.symbol).drop_nulls("expiry")
    expiries = dict(rule_contracts(instrument.symbol, day, day + LISTED_AHEAD, calendar))
    expiries |= dict(_overriding(override, day, calendar))
    expiries |= dict(own.select("contract", "expiry").unique().sort("expiry").iter_rows())
    listed = [
        FuturesContract(expiry, instrument.symbol, name, 0) for name, expiry in expiries.items()
    ]
    due = contracts_to_collect(listed, day, calendar.globex, override)
    return (contract.local_symbol for contract in due)


def _overriding(
    override: str | None, day: date, calendar: TradingCalendar
) -> Iterator[tuple[str, date]]:
    """Yield the configured contract, which may lie further ahead than the rule looks."""
    parsed = parse_local_symbol(override, day) if override else None
    if override and parsed:
        yield override, quarterly_expiry(parsed[1], parsed[2], calendar.regular)
