"""Futures contracts: names, expiries, which one is the front month and when it rolls."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from futures_pipeline.domain.errors import CalendarError, PipelineError
from futures_pipeline.domain.sessions import Timetable, TradingCalendar

MONTH_CODES = "FGHJKMNQUVXZ"
QUARTERLY_MONTHS = (3, 6, 9, 12)
OVERLAP_SESSIONS = 10
FRIDAY = 4

LOCAL_SYMBOL = re.compile(rf"([A-Z0-9]{{1,5}}?)([{MONTH_CODES}])(\d)")


@dataclass(frozen=True, slots=True, order=True)
class FuturesContract:
    """One listed contract; ordered by expiry, the last trade date."""

    expiry: date
    symbol: str
    local_symbol: str
    con_id: int

    @property
    def contract_month(self) -> str:
        """Return the month of expiry as the broker writes it, ``"202503"``."""
        return f"{self.expiry:%Y%m}"


@dataclass(frozen=True, slots=True)
class RollAdjustment:
    """What joins two contracts at a roll: multiply older prices, or add to them."""

    ratio: float
    difference_points: float


def third_friday(year: int, month: int) -> date:
    """Return the third Friday of a month.

    >>> third_friday(2025, 3)
    datetime.date(2025, 3, 21)
    """
    first = date(year, month, 1)
    return first + timedelta(days=(FRIDAY - first.weekday()) % 7 + 14)


def quarterly_expiry(year: int, month: int, regular: Timetable) -> date:
    """Return the rule's last trade date: third Friday, or the NYSE session before it.

    A fall-back only: the broker's ``realExpirationDate`` is authoritative. Source: CME
    contract specifications; June 2026 (Juneteenth) gives the 18th.
    """
    friday = third_friday(year, month)
    return friday if regular.on(friday) else regular.before(friday, 1)[-1].session_date


def local_symbol(symbol: str, expiry: date) -> str:
    """Return the exchange's short name of a contract.

    >>> local_symbol("ES", date(2026, 3, 20))
    'ESH6'
    """
    return f"{symbol}{MONTH_CODES[expiry.month - 1]}{expiry.year % 10}"


def parse_local_symbol(text: str, near: date) -> tuple[str, int, int] | None:
    """Return (symbol, year, month) of ``ESH6``; None for anything else, spreads included.

    The one-digit year is read as the year nearest to ``near``, the later one of two: contracts
    are listed years ahead and not kept years after.
    """
    match = LOCAL_SYMBOL.fullmatch(text)
    if match is None:
        return None
    symbol, code, digit = match.groups()
    year = near.year - near.year % 10 + int(digit)
    year += 10 * ((near.year - year + 5) // 10)
    return symbol, year, MONTH_CODES.index(code) + 1


def roll_session(expiry: date, globex: Timetable) -> date:
    """Return the session from which the next contract is the front month.

    The Monday of expiry week, effective at that session's open (Sunday 18:00 New York).
    Source: CME fair-value FAQ, lead month "until the Monday prior to expiration".
    """
    monday = expiry - timedelta(days=expiry.weekday())
    week = globex.between(monday, expiry)
    if not week:
        raise CalendarError(f"expiry {expiry}: no session of its week is in the loaded calendar")
    return week[0].session_date


def front_month(
    contracts: Sequence[FuturesContract],
    session_date: date,
    globex: Timetable,
    override: str | None = None,
) -> FuturesContract:
    """Return the contract that stands for its symbol in a session, by the calendar rule.

    ``override`` is a local symbol that wins over the rule (configuration).

    Raises:
        PipelineError: no listed contract fits.
    """
    for contract in sorted(contracts):
        chosen = contract.local_symbol == override
        if chosen or (override is None and session_date < roll_session(contract.expiry, globex)):
            return contract
    listed = ", ".join(c.local_symbol for c in sorted(contracts)) or "none"
    raise PipelineError(
        f"front month of {session_date}: listed contracts are {listed}, "
        f"need {override or 'one that has not rolled'}; check the contract override"
    )


def front_month_by_volume(
    contracts: Sequence[FuturesContract],
    session_date: date,
    globex: Timetable,
    session_volume: Mapping[tuple[date, str], float],
) -> FuturesContract:
    """Return the front month when the roll follows volume instead of the calendar.

    The next contract takes over at the first session after a completed one in which it
    traded more than the front, never earlier than ten sessions before expiry and never
    later than the calendar rule. ``session_volume``: contracts traded, by session and
    local symbol; a missing entry decides nothing.
    """
    front = front_month(contracts, session_date, globex)
    later = [contract for contract in sorted(contracts) if contract.expiry > front.expiry]
    if not later:
        return front
    start = _overlap_start(front.expiry, globex)
    if session_date < start:
        return front
    window = (*globex.before(start, 1), *globex.between(start, session_date))
    for session in (session for session in window if session.session_date < session_date):
        ours = session_volume.get((session.session_date, front.local_symbol))
        theirs = session_volume.get((session.session_date, later[0].local_symbol))
        if ours is not None and theirs is not None and theirs > ours:
            return later[0]
    return front


def contracts_to_collect(
    contracts: Sequence[FuturesContract],
    session_date: date,
    globex: Timetable,
    override: str | None = None,
) -> tuple[FuturesContract, ...]:
    """Return the front month, and the next one from ten sessions before the front expires."""
    front = front_month(contracts, session_date, globex, override)
    later = [contract for contract in sorted(contracts) if contract.expiry > front.expiry]
    if later and session_date >= _overlap_start(front.expiry, globex):
        return (front, later[0])
    return (front,)


def roll_adjustment(old_settlement: float, new_settlement: float) -> RollAdjustment:
    """Return what makes the old contract's prices continuous with the new one's.

    Both settlements are taken at the last common anchor before the roll. Adjusted prices
    never feed basis, strikes or signals.
    """
    return RollAdjustment(
        ratio=new_settlement / old_settlement,
        difference_points=new_settlement - old_settlement,
    )


def rule_contracts(
    symbol: str, first: date, last: date, calendar: TradingCalendar
) -> list[tuple[str, date]]:
    """Return (local symbol, expiry) of the quarterly contracts expiring in a span, by rule."""
    expiries = [
        quarterly_expiry(year, month, calendar.regular)
        for year in range(first.year, last.year + 1)
        for month in QUARTERLY_MONTHS
        if first <= third_friday(year, month) <= last
    ]
    return [(local_symbol(symbol, expiry), expiry) for expiry in expiries]


def _overlap_start(expiry: date, globex: Timetable) -> date:
    return globex.before(expiry, OVERLAP_SESSIONS)[0].session_date
