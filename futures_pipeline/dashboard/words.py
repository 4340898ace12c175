"""Numbers, times and states in the words of a page; units are always said."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import NEW_YORK, TradingCalendar

UNKNOWN = "—"
STALE_AFTER = timedelta(minutes=5)
IN_PROGRESS = "Data collection in progress. Analysis available after 7 days."


def both_times(at: datetime | None) -> str:
    """Return a time in UTC and New York.

    >>> both_times(datetime(2025, 12, 1, 14, 35, tzinfo=UTC))
    '2025-12-01 14:35:00 UTC (09:35 New York)'
    """
    if at is None:
        return UNKNOWN
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({at.astimezone(NEW_YORK):%H:%M} New York)"


def clock_times(at: datetime | None) -> str:
    """Return a time of day in UTC and New York, where the day is said elsewhere.

    >>> clock_times(datetime(2025, 12, 1, 14, 35, tzinfo=UTC))
    '14:35:00 UTC (09:35 New York)'
    """
    return UNKNOWN if at is None else both_times(at).partition(" ")[2]


def number(value: float | None, digits: int = 2, unit: str = "", *, signed: bool = False) -> str:
    """Return a number with its unit, a dash for what is unknown.

    >>> number(4780.5), number(0.25, 2, " points", signed=True), number(None), number(-0.0)
    ('4,780.50', '+0.25 points', '—', '0.00')
    """
    if value is None or value != value:
        return UNKNOWN
    rounded = round(value, digits) + 0.0
    text = f"{rounded:+,.{digits}f}" if signed else f"{rounded:,.{digits}f}"
    return f"{text.replace('-', '−')}{unit}"


def percent(fraction: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """Return a fraction in percent.

    >>> percent(0.0123, signed=True)
    '+1.23 %'
    """
    return number(None if fraction is None else fraction * 100.0, digits, " %", signed=signed)


def span(low: float | None, high: float | None) -> str:
    """Return an interval of fractions in percent.

    >>> span(0.25, 0.5)
    '25.0 to 50.0 %'
    """
    return f"{percent(low, 1).removesuffix(' %')} to {percent(high, 1)}"


def duration(length: timedelta) -> str:
    """Return a length of time in its largest unit.

    >>> [duration(timedelta(seconds=s)) for s in (5, 150, 9000, 200_000)]
    ['5 s', '2 min', '2.5 h', '2.3 days']
    """
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds // 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def price_digits(symbol: str) -> int:
    """Return how many digits a price of a symbol is shown with.

    >>> price_digits("RTY"), price_digits("BTC/USDT"), price_digits("DOGE/BTC")
    (2, 2, 8)
    """
    return 2 if UNIVERSE[symbol].tick_size >= 0.01 else 8


class Situation(StrEnum):
    """What the newest price says of the data behind a page."""

    EMPTY = "empty"
    CLOSED = "closed"
    STALE = "stale"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class State:
    """A situation and the sentence that a person reads."""

    situation: Situation
    sentence: str


def state_of(
    newest: datetime | None,
    now: datetime,
    calendar: TradingCalendar,
    stale_after: timedelta = STALE_AFTER,
) -> State:
    """Return what a page has to say of its data before it shows any.

    Args:
        newest: when the newest stored price was observed, None for no price.
        now: market time.
        calendar: the exchange's.
        stale_after: the age, in minutes in which Globex was open, from which data is stale.
    """
    if newest is None:
        return State(
            Situation.EMPTY,
            "Nothing is stored yet. Start `futures-pipeline run` with your Gateway, or "
            "`futures-pipeline demo` without an account; prices appear within two minutes.",
        )
    seen = f"Newest price {both_times(newest)}"
    session = calendar.globex.at(now)
    if not calendar.globex.is_open(now):
        opens = f"opens again {both_times(session.opens_at)}"
        return State(Situation.CLOSED, f"Globex is closed and {opens}. {seen}.")
    quiet = timedelta(seconds=calendar.globex.open_seconds(newest, now)) if newest < now else None
    if quiet is not None and quiet > stale_after:
        return State(
            Situation.STALE,
            f"Stale: {seen}, {duration(quiet)} of open market ago. See System health for the "
            "cause; what is shown below is old.",
        )
    return State(Situation.LIVE, f"Globex is open. {seen}, {duration(now - newest)} ago.")
