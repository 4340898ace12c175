"""Historical bars: which sessions a request means, and their bars in the broker's words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from futures_pipeline.domain.sessions import Session
from futures_pipeline.simulator.market.source import (
    SIDES,
    Bars,
    Market,
    last_opened,
    merge,
    trades_volume,
)
from futures_pipeline.simulator.market.universe import Hours, Listing
from futures_pipeline.simulator.protocol.messages import Fields, bar_rest, text
from futures_pipeline.simulator.protocol.wire import Refused

DAY_SECONDS = 86400
BAR_SECONDS = {
    "1 secs": 1,
    "5 secs": 5,
    "10 secs": 10,
    "15 secs": 15,
    "30 secs": 30,
    "1 min": 60,
    "5 mins": 300,
    "15 mins": 900,
    "30 mins": 1800,
    "1 hour": 3600,
    "1 day": DAY_SECONDS,
}
SESSIONS_A_WEEK = 5
WHOLE_SESSION = 1 << 40  # one interval that holds every moment


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """What to return: bars that ended by ``end``, reaching back over ``duration``."""

    end: datetime
    duration: str
    bar_seconds: int
    what: str
    regular_only: bool
    epoch_dates: bool


def parse_request(end: str, duration: str, bar: str, what: str, now: datetime) -> HistoryRequest:
    """Return the request; the two flags are the caller's to set.

    Raises:
        Refused: the broker would not accept it.
    """
    if bar not in BAR_SECONDS:
        raise Refused(321, f"Error validating request.-'bX' : cause - Invalid bar size {bar!r}")
    if what not in ("TRADES", *SIDES):
        raise Refused(321, f"Error validating request.-'bX' : cause - Invalid data type {what!r}")
    duration_of(duration)
    until = min(parse_end(end), now) if end else now
    return HistoryRequest(until, duration, BAR_SECONDS[bar], what, False, False)


def duration_of(text: str) -> tuple[int, str]:
    """Return count and unit of ``5 D``."""
    count, _, unit = text.partition(" ")
    if not count.isdecimal() or int(count) == 0 or unit not in ("S", "D", "W"):
        raise Refused(321, f"Error validating request.-'bX' : cause - Invalid duration {text!r}")
    return int(count), unit


def parse_end(stamp: str) -> datetime:
    """Return the end of a request; without a zone only the dashed form, in UTC, is taken.

    >>> parse_end("20250115-14:30:00") == parse_end("20250115 09:30:00 US/Eastern")
    True
    """
    try:
        if "-" in stamp:
            return datetime.strptime(stamp, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
        day, clock, zone = stamp.split(" ")
        local = datetime.strptime(f"{day} {clock} +0000", "%Y%m%d %H:%M:%S %z")
        return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise Refused(
            10314,
            "End Date/Time: The date, time, or time-zone entered is invalid. The correct format "
            "is yyyymmdd hh:mm:ss xx/xxxx where yyyymmdd and xx/xxxx are optional.",
        ) from error


def sessions_of(request: HistoryRequest, hours: Hours) -> tuple[Session, ...]:
    """Return the sessions a request touches, ascending.

    ``1 D`` is the trading day that contains the moment before the end, in a closure the one
    before it; seconds are counted back on the clock, open or not.
    """
    timetable = hours.liquid if request.regular_only else hours.trading
    count, unit = duration_of(request.duration)
    if unit == "S":
        start = request.end - timedelta(seconds=count)
        nearby = last_opened(timetable, request.end, count // DAY_SECONDS + 2)
        return tuple(session for session in nearby if session.closes_at > start)
    return last_opened(timetable, request.end, count * (SESSIONS_A_WEEK if unit == "W" else 1))


def session_bars(
    market: Market, listing: Listing, hours: Hours, session: Session, request: HistoryRequest
) -> Bars | None:
    """Return the bars of one session that ended by the request's end; None without any."""
    whole = hours.trading.on(session.session_date)
    base = _base_bars(market, listing, whole, request) if whole else None
    if base is None:
        return None
    opens, closes = int(session.opens_at.timestamp()), int(session.closes_at.timestamp())
    limit = min(request.end.timestamp(), closes)
    width = min(request.bar_seconds, 60)
    ended = base.cut(max(opens, _earliest(request)), int(limit) - width + 1)
    if request.bar_seconds == DAY_SECONDS:
        bars = merge(ended, WHOLE_SESSION, opens) if limit == closes else None
    elif request.bar_seconds > 60:
        bars = _complete(merge(ended, request.bar_seconds, opens), request, closes)
    else:
        bars = ended
    return bars if bars is not None and len(bars) else None


def _base_bars(
    market: Market, listing: Listing, whole: Session, request: HistoryRequest
) -> Bars | None:
    if request.what == "TRADES" and request.bar_seconds >= 60:
        return market.minutes(listing, whole)
    if request.what != "TRADES" and not trades_volume(listing):
        return None
    tape = market.tape(listing, whole)
    return tape.bars(min(request.bar_seconds, 60), request.what) if tape else None


def _earliest(request: HistoryRequest) -> int:
    count, unit = duration_of(request.duration)
    return int(request.end.timestamp()) - count if unit == "S" else 0


def _complete(bars: Bars, request: HistoryRequest, closes: int) -> Bars:
    """Drop a last bar whose interval, cut at the close, ends after the request's end."""
    if not len(bars):
        return bars
    last = int(bars.start[-1])
    ends = min(last - last % request.bar_seconds + request.bar_seconds, closes)
    return bars if ends <= request.end.timestamp() else bars.cut(0, last)


def bar_fields(
    bars: Bars, listing: Listing, session_date: date, request: HistoryRequest
) -> Iterator[Fields]:
    """Yield the eight fields of each bar, its start first in the form asked for."""
    rest: Sequence[Sequence[float]] = (
        bars.open.tolist(),
        bars.high.tolist(),
        bars.low.tolist(),
        bars.close.tolist(),
        bars.volume.tolist(),
        bars.wap.tolist(),
        bars.count.tolist(),
    )
    for start, opened, high, low, close, volume, wap, count in zip(
        bars.start.tolist(), *rest, strict=True
    ):
        stamp = _stamp(start, listing, session_date, request)
        prices = (text(opened), text(high), text(low), text(close))
        yield (stamp, *prices, *bar_rest(volume, wap, int(count)))


def _stamp(start: int, listing: Listing, session_date: date, request: HistoryRequest) -> str:
    if request.bar_seconds == DAY_SECONDS:
        return f"{session_date:%Y%m%d}"
    return str(start) if request.epoch_dates else zoned(start, listing.time_zone)


def zoned(epoch_seconds: float, time_zone: str) -> str:
    """Return a moment as the broker writes it.

    >>> zoned(1736951400, "US/Eastern")
    '20250115 09:30:00 US/Eastern'
    """
    local = datetime.fromtimestamp(epoch_seconds, ZoneInfo(time_zone))
    return f"{local:%Y%m%d %H:%M:%S} {time_zone}"


def no_data(listing: Listing, what: str) -> Refused:
    """Return the broker's answer to a request that finds nothing."""
    exchange = listing.instrument.exchange
    return Refused(
        162,
        "Historical Market Data Service error message:HMDS query returned no data: "
        f"{listing.local_symbol}@{exchange} {what.title()}",
    )
