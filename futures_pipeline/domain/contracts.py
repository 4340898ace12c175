"""Futures contracts: names, expiries, which one is the front month and when it rolls."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, pairwise
from typing import Literal

from futures_pipeline.domain.errors import CalendarError, PipelineError
from futures_pipeline.domain.sessions import Timetable, TradingCalendar

MONTH_CODES = "FGHJKMNQUVXZ"
QUARTERLY_MONTHS = (3, 6, 9, 12)
OVERLAP_SESSIONS = 10
FRIDAY = 4
ONE_DAY = timedelta(days=1)

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
class Roll:
    """Where a contract hands over: the first session of the next one, and what decided it."""

    session_date: date
    rule: Literal["calendar", "volume"]


# Given a contract and the one after it (None where none is known), when it hands over.
RollRule = Callable[[FuturesContract, FuturesContract | None], Roll]


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


def roll_monday(expiry: date) -> date:
    """Return the Monday of expiry week: sessions from it on belong to the next contract.

    The rule of today for all years; before June 2022 the exchange moved on a Thursday, eight
    days before expiry. Source: CME fair-value FAQ, lead month "until the Monday prior to
    expiration".

    >>> roll_monday(date(2026, 6, 18))  # a Thursday: the Friday is Juneteenth
    datetime.date(2026, 6, 15)
    """
    return expiry - timedelta(days=expiry.weekday())


def roll_session(expiry: date, globex: Timetable) -> date:
    """Return the session from which the next contract is the front month, by the calendar.

    The first of expiry week, effective at its open: for a Monday, Sunday 18:00 New York.
    """
    week = globex.between(roll_monday(expiry), expiry)
    if not week:
        raise CalendarError(f"expiry {expiry}: no session of its week is in the loaded calendar")
    return week[0].session_date


def calendar_roll(front: FuturesContract, _following: FuturesContract | None = None) -> Roll:
    """Return the roll of the calendar rule; a :data:`RollRule` that needs no calendar."""
    return Roll(roll_monday(front.expiry), "calendar")


def volume_rule(globex: Timetable, session_volume: Mapping[tuple[date, str], float]) -> RollRule:
    """Return the rule by which the front month follows volume.

    The next contract leads from the first session after a completed one in which it traded
    more than the front: not earlier than ten sessions before expiry, so the session before
    those is the first that counts, and not later than the calendar rule.

    Args:
        globex: sessions around the expiries.
        session_volume: contracts traded in a whole session, by session and local symbol; of a
            session under way it decides nothing yet. A missing entry or a tie rolls nothing.
    """

    def traded_more(following: FuturesContract, front: FuturesContract, completed: date) -> bool:
        ours = session_volume.get((completed, front.local_symbol))
        theirs = session_volume.get((completed, following.local_symbol))
        return ours is not None and theirs is not None and theirs > ours

    def roll(front: FuturesContract, following: FuturesContract | None) -> Roll:
        latest = roll_session(front.expiry, globex)
        start = overlap_start(front.expiry, globex)
        window = (*globex.before(start, 1), *globex.between(start, latest - ONE_DAY))
        for completed, effective in pairwise(session.session_date for session in window):
            if following is not None and traded_more(following, front, completed):
                return Roll(effective, "volume")
        return Roll(latest, "calendar")

    return roll


def front_month(
    contracts: Sequence[FuturesContract],
    session_date: date,
    globex: Timetable,
    override: str | None = None,
) -> FuturesContract:
    """Return the contract that stands for its symbol in a session, by the calendar rule.

    ``override`` is a local symbol that wins over the rule (configuration), up to the last
    session of its contract; after that the rule decides again.

    Raises:
        PipelineError: no listed contract fits, or the override is neither listed nor expired.
    """
    ordered = sorted(contracts)
    if override is not None and (named := _overriding(ordered, session_date, override)):
        return named
    by_rule = _calendar_front(ordered, session_date, globex)
    if by_rule is None:
        raise _no_front(ordered, session_date, "one that has not rolled")
    return by_rule


def contracts_to_collect(
    contracts: Sequence[FuturesContract],
    session_date: date,
    globex: Timetable,
    override: str | None = None,
) -> tuple[FuturesContract, ...]:
    """Return the front month, and the next one from ten sessions before the front expires.

    Where an override leads, the overlap of the calendar rule is collected all the same:
    without the other contract there would be nothing to join the override's prices to.
    """
    ordered = sorted(contracts)
    front = front_month(ordered, session_date, globex, override)
    by_rule = _calendar_front(ordered, session_date, globex) or front
    overlaps = (_overlap(contract, ordered, session_date, globex) for contract in (front, by_rule))
    return tuple(dict.fromkeys((front, *chain.from_iterable(overlaps))))


def overlap_start(expiry: date, globex: Timetable) -> date:
    """Return the tenth session before expiry, from which front and next are both collected."""
    return globex.before(expiry, OVERLAP_SESSIONS)[0].session_date


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


def _calendar_front(
    ordered: Sequence[FuturesContract], session_date: date, globex: Timetable
) -> FuturesContract | None:
    for contract in ordered:
        if session_date < roll_session(contract.expiry, globex):
            return contract
    return None


def _overlap(
    front: FuturesContract,
    ordered: Sequence[FuturesContract],
    session_date: date,
    globex: Timetable,
) -> tuple[FuturesContract, ...]:
    """Return ``front`` and the one after it while both are to be collected, else nothing."""
    later = [contract for contract in ordered if contract.expiry > front.expiry]
    due = later and session_date >= overlap_start(front.expiry, globex)
    return (front, later[0]) if due else ()


def _overriding(
    ordered: Sequence[FuturesContract], session_date: date, override: str
) -> FuturesContract | None:
    """Return the contract that an override names; None when it has expired."""
    for contract in ordered:
        if contract.local_symbol == override:
            return contract if session_date <= contract.expiry else None
    parsed = parse_local_symbol(override, session_date)
    # The broker lists no expired contract, so its expiry is known from its name alone.
    if parsed is None or session_date < third_friday(*parsed[1:]):
        raise _no_front(ordered, session_date, override)
    return None


def _no_front(ordered: Sequence[FuturesContract], session_date: date, needed: str) -> PipelineError:
    listed = ", ".join(contract.local_symbol for contract in ordered) or "none"
    return PipelineError(
        f"front month of {session_date}: listed contracts are {listed}, need {needed}; "
        "check the contract override"
    )
