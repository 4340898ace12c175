"""Which options an ETF has on a day: expiries, strikes, names and contract ids.

The exchanges' rules in outline: the coming sessions, Fridays, month ends and third Fridays are
expiries, and strikes lie closer together near the money. What has expired is not listed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

from futures_pipeline.domain.contracts import FRIDAY, third_friday
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import Timetable
from futures_pipeline.simulator.market.universe import OPTION, Listing
from futures_pipeline.simulator.protocol.wire import ContractQuery

MULTIPLIER = "100"
RIGHTS = ("C", "P")
EXCHANGES = ("AMEX", "BATS", "CBOE", "ISE", "MIAX", "NASDAQOM", "PHLX", "PSE", "SMART")
# The ETFs with options, in an order that their contract ids depend on, and whether every
# month end is an expiry; otherwise those of the quarters are.
MONTH_ENDS = {"SPY": True, "QQQ": True, "IWM": False}
QUARTER_MONTHS = (3, 6, 9, 12)
DAILY_SESSIONS = 6
WEEKLY_DAYS, MONTH_END_DAYS, MONTHLY_DAYS = 45, 100, 400
# Step of the strikes in dollars, and how far below and above the money it goes (fractions).
NEAR_STRIKES = (1, 0.12, 0.08)
FAR_STRIKES = (5, 0.40, 0.25)
# Later expiries have no single-dollar strikes yet.
NEAR_STRIKES_DAYS = 75

LOCAL_SYMBOL = re.compile(r"([A-Z ]{6})(\d{6})([CP])(\d{8})")
# Above every other id of the simulator, below what 32 bits hold.
FIRST_CON_ID = 1_000_000_000
FIRST_DAY = date(2010, 1, 1).toordinal()
DAYS, HALF_DOLLARS = 1 << 14, 1 << 12


@dataclass(frozen=True, slots=True)
class OptionListing(Listing):
    """One option; its ``instrument`` is the ETF, ``right`` is ``C`` or ``P``."""

    strike: float
    right: str

    @property
    def last_trade(self) -> date:
        assert self.expiry is not None
        return self.expiry

    @property
    def sec_type(self) -> str:
        return OPTION

    @property
    def primary_exchange(self) -> str:
        return ""

    @property
    def trading_class(self) -> str:
        return self.symbol


@dataclass(frozen=True, slots=True)
class Board:
    """What decides which options exist on a day: NYSE's sessions and the ETFs' last closes.

    An ETF without a close in ``levels`` has no options.
    """

    today: date
    regular: Timetable
    levels: Mapping[str, float]


def option_listing(symbol: str, expiry: date, strike: float, right: str) -> OptionListing:
    """Return an option, whether it is listed or not.

    >>> option_listing("SPY", date(2025, 3, 21), 590.0, "C").local_symbol
    'SPY   250321C00590000'
    """
    name = f"{symbol:<6}{expiry:%y%m%d}{right}{round(strike * 1000):08d}"
    number = tuple(MONTH_ENDS).index(symbol) * DAYS + expiry.toordinal() - FIRST_DAY
    number = (number * HALF_DOLLARS + round(strike * 2)) * len(RIGHTS) + RIGHTS.index(right)
    return OptionListing(FIRST_CON_ID + number, UNIVERSE[symbol], name, expiry, strike, right)


def is_option(query: ContractQuery) -> bool:
    """Return whether a contract block means options."""
    named = LOCAL_SYMBOL.fullmatch(query.local_symbol) is not None
    return query.sec_type == OPTION or query.con_id >= FIRST_CON_ID or named


def find(query: ContractQuery, board: Board) -> list[OptionListing]:
    """Return the listed options that a contract block describes; a con id decides alone."""
    if query.exchange not in ("", *EXCHANGES):
        return []
    if query.con_id:
        query = _named(_local_symbol(query.con_id))
    elif query.local_symbol:
        query = _named(query.local_symbol)
    fits = query.trading_class in ("", query.symbol) and query.multiplier in ("", MULTIPLIER)
    return list(_listed(query, board)) if fits else []


@lru_cache(maxsize=16)
def expiries(symbol: str, today: date, regular: Timetable) -> tuple[date, ...]:
    """Return the expiries of an ETF's options, ascending; each is a session of NYSE."""
    coming = regular.between(today, today + timedelta(days=WEEKLY_DAYS))
    daily = {session.session_date for session in coming[:DAILY_SESSIONS]}
    days = [today + timedelta(days=n) for n in range(MONTHLY_DAYS)]
    wanted = {day for day in days if _expires_on(symbol, day, (day - today).days)}
    sessions = (regular.between(day - timedelta(days=7), day)[-1] for day in wanted)
    rolled = {session.session_date for session in sessions}
    return tuple(sorted(day for day in daily | rolled if day >= today))


def _expires_on(symbol: str, day: date, ahead: int) -> bool:
    """Return whether options expire on a day, or before it when NYSE is shut then."""
    if day == third_friday(day.year, day.month):
        return True
    if day.weekday() == FRIDAY and ahead <= WEEKLY_DAYS:
        return True
    is_month_end = (day + timedelta(days=1)).month != day.month
    is_listed = MONTH_ENDS[symbol] and ahead <= MONTH_END_DAYS
    return is_month_end and (is_listed or day.month in QUARTER_MONTHS)


@lru_cache(maxsize=256)
def strikes(level: float, days: int) -> tuple[float, ...]:
    """Return the strikes of an expiry so many days ahead, ascending; ``level`` is the ETF's."""
    grids = [FAR_STRIKES, *([NEAR_STRIKES] if days <= NEAR_STRIKES_DAYS else [])]
    found = {
        float(step * number)
        for step, below, above in grids
        for number in range(
            round(level * (1 - below) / step), round(level * (1 + above) / step) + 1
        )
    }
    return tuple(sorted(found))


def all_strikes(symbol: str, board: Board) -> tuple[float, ...]:
    """Return the strikes that any expiry of an ETF has, as the broker tells them."""
    listed = expiries(symbol, board.today, board.regular)
    level = board.levels[symbol]
    found = {strike for day in listed for strike in strikes(level, (day - board.today).days)}
    return tuple(sorted(found))


def _listed(query: ContractQuery, board: Board) -> Iterator[OptionListing]:
    level = board.levels.get(query.symbol)
    if level is None:
        return
    for expiry in expiries(query.symbol, board.today, board.regular):
        if not f"{expiry:%Y%m%d}".startswith(query.expiry):
            continue
        for strike in strikes(level, (expiry - board.today).days):
            if query.strike in (0.0, strike):
                for right in (query.right,) if query.right else RIGHTS:
                    yield option_listing(query.symbol, expiry, strike, right)


def _local_symbol(con_id: int) -> str:
    """Return the name behind an id of :func:`option_listing`, empty for any other."""
    rest, right = divmod(con_id - FIRST_CON_ID, len(RIGHTS))
    rest, half_dollars = divmod(rest, HALF_DOLLARS)
    number, day = divmod(rest, DAYS)
    if not 0 <= number < len(MONTH_ENDS):
        return ""
    symbol, expiry = tuple(MONTH_ENDS)[number], date.fromordinal(FIRST_DAY + day)
    return option_listing(symbol, expiry, half_dollars / 2, RIGHTS[right]).local_symbol


def _named(name: str) -> ContractQuery:
    """Return the query for the option of this name; one that finds nothing without such a name."""
    nothing = ContractQuery(0, "", OPTION, "", "", "", "", "", "")
    match = LOCAL_SYMBOL.fullmatch(name)
    if match is None:
        return nothing
    symbol, expiry, right, strike = match.groups()
    return replace(
        nothing,
        symbol=symbol.rstrip(),
        expiry=f"20{expiry}",
        strike=int(strike) / 1000,
        right=right,
    )
