"""The contracts that the simulated broker lists at a moment, and how requests find them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from futures_pipeline.domain.calendar import FIRST_DATE, load_calendar
from futures_pipeline.domain.contracts import (
    QUARTERLY_MONTHS,
    FuturesContract,
    local_symbol,
    quarterly_expiry,
    rule_contracts,
)
from futures_pipeline.domain.instruments import UNIVERSE, Instrument, Kind
from futures_pipeline.domain.sessions import Session, Timetable, TradingCalendar, new_york
from futures_pipeline.simulator.protocol.wire import ContractQuery

COMING_EXPIRIES = 5
COMING = timedelta(days=500)
EXPIRED = timedelta(days=365)
FUTURE_LIFE = timedelta(days=760)
INDEX_AFTER_CLOSE = timedelta(minutes=15)
OPTION = "OPT"
SEC_TYPES = {Kind.FUTURE: "FUT", Kind.ETF: "STK", Kind.INDEX: "IND"}
# What the real broker calls them, so that a stored id means the same contract there.
FIXED_CON_IDS = {"SPY": 756733, "QQQ": 320227571, "IWM": 9579970, "VIX": 13455763}
FUTURES_CON_IDS = {"ES": 600_000_000, "NQ": 610_000_000, "RTY": 620_000_000}
PRIMARY_EXCHANGES = {"SPY": "ARCA", "QQQ": "NASDAQ", "IWM": "ARCA"}


@dataclass(frozen=True, slots=True)
class Listing:
    """One contract on offer; ``expiry`` (last trade date) is None for ETFs and the index."""

    con_id: int
    instrument: Instrument
    local_symbol: str
    expiry: date | None

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def sec_type(self) -> str:
        return SEC_TYPES[self.instrument.kind]

    @property
    def primary_exchange(self) -> str:
        return PRIMARY_EXCHANGES.get(self.symbol, "")

    @property
    def trading_class(self) -> str:
        return "NMS" if self.symbol == "QQQ" else self.symbol

    @property
    def time_zone(self) -> str:
        """Return the broker's name of the zone its hours are written in."""
        return "US/Central" if self.instrument.kind is Kind.FUTURE else "US/Eastern"


@dataclass(frozen=True, slots=True)
class Hours:
    """When one listing trades at all, and its regular hours."""

    trading: Timetable
    liquid: Timetable


def calendar_at(moment: datetime) -> TradingCalendar:
    """Return the calendar from 2010 to two years ahead, enough for the listed expiries."""
    return load_calendar(FIRST_DATE, date(moment.year + 2, 12, 31))


def futures_con_id(symbol: str, year: int, month: int) -> int:
    """Return the id of a futures contract: the same in every run, whatever the clock says."""
    return FUTURES_CON_IDS[symbol] + year * 100 + month


def futures_listing(symbol: str, year: int, month: int, regular: Timetable) -> Listing | None:
    """Return the contract of a month, or None when the symbol has no such contract."""
    if symbol not in FUTURES_CON_IDS or month not in QUARTERLY_MONTHS:
        return None
    expiry = quarterly_expiry(year, month, regular)
    name = local_symbol(symbol, expiry)
    return Listing(futures_con_id(symbol, year, month), UNIVERSE[symbol], name, expiry)


def spot_listing(symbol: str) -> Listing:
    """Return an ETF or the index."""
    return Listing(FIXED_CON_IDS[symbol], UNIVERSE[symbol], symbol, None)


def listings(session_date: date, calendar: TradingCalendar, expired: bool) -> list[Listing]:
    """Return everything on offer: ETFs, the index, five expiries a future, in that order.

    ``expired`` adds the futures that expired during the last year.
    """
    found = [spot_listing(symbol) for symbol in FIXED_CON_IDS]
    for symbol in FUTURES_CON_IDS:
        coming = _expiring(symbol, session_date, session_date + COMING, calendar)
        if expired:
            yesterday = session_date - timedelta(days=1)
            found += _expiring(symbol, session_date - EXPIRED, yesterday, calendar)
        found += coming[:COMING_EXPIRIES]
    return found


def _expiring(symbol: str, first: date, last: date, calendar: TradingCalendar) -> list[Listing]:
    # The rule selects by third Friday, so a contract that expires the day before is asked for
    # with a margin and then compared by its true expiry.
    contracts = rule_contracts(symbol, first, last + timedelta(days=7), calendar)
    return [
        Listing(futures_con_id(symbol, day.year, day.month), UNIVERSE[symbol], name, day)
        for name, day in contracts
        if first <= day <= last
    ]


def rule_front_candidates(
    symbol: str, session_date: date, calendar: TradingCalendar
) -> list[FuturesContract]:
    """Return the coming contracts of a symbol as the domain's front-month rule takes them."""
    return [
        FuturesContract(listing.expiry, symbol, listing.local_symbol, listing.con_id)
        for listing in _expiring(symbol, session_date, session_date + COMING, calendar)
        if listing.expiry is not None
    ]


def matching(query: ContractQuery, offered: list[Listing]) -> list[Listing]:
    """Return the listings that a contract block describes; a con id decides alone."""
    return [listing for listing in offered if _fits(query, listing)]


def _fits(query: ContractQuery, listing: Listing) -> bool:
    exchanges = {"", listing.instrument.exchange, listing.primary_exchange}
    if query.exchange not in exchanges:
        return False
    if query.con_id:
        return query.con_id == listing.con_id
    expiry = f"{listing.expiry:%Y%m%d}" if listing.expiry else ""
    same = (
        (query.symbol, listing.symbol),
        (query.sec_type, listing.sec_type),
        (query.currency, "USD"),
        (query.local_symbol, listing.local_symbol),
        (query.trading_class, listing.trading_class),
        (query.primary_exchange, listing.primary_exchange),
    )
    named = bool(query.symbol or query.local_symbol)
    fits = all(not asked or asked == ours for asked, ours in same)
    return named and fits and (not query.expiry or _fits_expiry(query.expiry, expiry))


def _fits_expiry(asked: str, expiry: str) -> bool:
    return bool(expiry) and (asked == expiry or (len(asked) == 6 and expiry.startswith(asked)))


@lru_cache(maxsize=256)
def hours_of(listing: Listing, calendar: TradingCalendar) -> Hours:
    """Return the hours of a listing; a future's end at 09:30 New York on its expiry date.

    Options are quoted in NYSE's regular hours.
    """
    if listing.sec_type == OPTION:
        return Hours(calendar.regular, calendar.regular)
    if listing.instrument.kind is Kind.INDEX:
        sessions = [
            Session(day.session_date, day.opens_at, day.closes_at + INDEX_AFTER_CLOSE)
            for day in calendar.regular.sessions
        ]
        return Hours(Timetable("VIX", sessions), Timetable("VIX", sessions))
    if listing.expiry is None:
        return Hours(calendar.extended, calendar.regular)
    return _futures_hours(listing.local_symbol, listing.expiry, calendar)


@lru_cache(maxsize=256)
def recorded_hours_of(listing: Listing, calendar: TradingCalendar) -> Hours:
    """Return the hours of a recording: each session begins where the one before it ended.

    What was recorded in a closure of today's calendar (Globex once closed at 17:15, ETFs
    trade on after a shortened day) belongs to the next session and is replayed with it.
    """
    hours = hours_of(listing, calendar)
    sessions = hours.trading.sessions
    joined = [
        Session(session.session_date, before.closes_at, session.closes_at)
        for before, session in pairwise(sessions)
    ]
    trading = Timetable(f"{hours.trading.name} recorded", [*sessions[:1], *joined])
    return Hours(trading, hours.liquid)


def _futures_hours(name: str, expiry: date, calendar: TradingCalendar) -> Hours:
    trading, liquid = [], []
    for session in calendar.globex.between(expiry - FUTURE_LIFE, expiry):
        day = session.session_date
        end = min(session.closes_at, new_york(day, 9, 30)) if day == expiry else session.closes_at
        trading.append(Session(day, session.opens_at, end))
        regular = calendar.regular.on(day)
        opens = regular.opens_at if regular else session.opens_at
        if opens < end:
            liquid.append(Session(day, opens, end))
    return Hours(Timetable(name, trading), Timetable(f"{name} liquid", liquid))
