"""Which historical bars to ask for: a pure plan of requests for the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from futures_pipeline.domain.contracts import FuturesContract, contracts_to_collect
from futures_pipeline.domain.instruments import Instrument, Kind
from futures_pipeline.domain.sessions import Session, TradingCalendar, minute_floor
from futures_pipeline.storage.spool import NewRequest

BACKFILL, REPAIR = "backfill", "repair"
BACKFILL_PRIORITY = 50
REPAIR_PRIORITY = 20
INDEX_CLOSE_DELAY = timedelta(minutes=15)
# Source: historical_limitations, step sizes: one day for bars of a minute or more.
ONE_DAY = "1 D"


@dataclass(frozen=True, slots=True)
class Universe:
    """What can be asked for: instruments, the listed futures and the calendar."""

    instruments: Sequence[Instrument]
    futures: Mapping[str, Sequence[FuturesContract]]
    overrides: Mapping[str, str]
    calendar: TradingCalendar


def history_plan(universe: Universe, now: datetime, sessions: int) -> list[NewRequest]:
    """Return the requests for the last complete sessions and the one under way.

    Newest first. A complete day is identified by contract and date, so it is asked for
    once in the life of a spool; the day under way is asked for at every start.
    """
    calendar = universe.calendar
    current = calendar.globex.at(now)
    chosen = [*calendar.globex.before(current.session_date, sessions), current]
    window = (_window_start(chosen[0], calendar), current.closes_at)
    requests = []
    for instrument in universe.instruments:
        if instrument.kind is Kind.FUTURE:
            requests += _futures_requests(universe, instrument, chosen, now)
        else:
            requests += _spot_requests(instrument, calendar, window, now)
    return sorted(requests, key=lambda request: request.parameters["from"], reverse=True)


def repair_request(symbol: str, contract: str, span: tuple[datetime, datetime]) -> NewRequest:
    """Return the request for minutes that nothing has delivered."""
    start, end = span
    seconds = int((end - start).total_seconds())
    parameters = _parameters(contract, start, end, end, f"{seconds} S")
    return NewRequest(REPAIR, symbol, REPAIR_PRIORITY, parameters)


def is_over(request: NewRequest, now: datetime) -> bool:
    """Return whether the window of a request of the plan has ended."""
    return datetime.fromisoformat(request.parameters["to"]) <= now


def _futures_requests(
    universe: Universe, instrument: Instrument, sessions: Sequence[Session], now: datetime
) -> list[NewRequest]:
    requests = []
    for session in sessions:
        if session.opens_at >= now:
            continue
        listed = contracts_to_collect(
            universe.futures[instrument.symbol],
            session.session_date,
            universe.calendar.globex,
            universe.overrides.get(instrument.symbol),
        )
        for contract in listed:
            name = contract.local_symbol
            window = (_window_start(session, universe.calendar), session.closes_at)
            requests.append(_day_request(instrument, name, session, window, now))
    return requests


def _spot_requests(
    instrument: Instrument,
    calendar: TradingCalendar,
    window: tuple[datetime, datetime],
    now: datetime,
) -> list[NewRequest]:
    """One request for each NYSE day that touches the window; evenings belong to the next."""
    requests = []
    opens_at = window[0]
    for day in calendar.extended.between(window[0].date(), window[1].date()):
        if instrument.kind is Kind.INDEX:
            regular = calendar.regular.on(day.session_date)
            end = day.closes_at if regular is None else regular.closes_at + INDEX_CLOSE_DELAY
        else:
            end = day.closes_at
        span = (max(opens_at, window[0]), min(end, window[1]))
        opens_at = end
        if max(span[0], day.opens_at) < min(span[1], now):
            trading_day = Session(day.session_date, day.opens_at, end)
            requests.append(_day_request(instrument, instrument.symbol, trading_day, span, now))
    return requests


def _day_request(
    instrument: Instrument,
    contract: str,
    day: Session,
    window: tuple[datetime, datetime],
    now: datetime,
) -> NewRequest:
    complete = window[1] <= now
    end = day.closes_at if day.closes_at <= now else None
    stamp = "" if complete else f":{minute_floor(now).isoformat()}"
    identity = f"history:{contract}:{day.session_date}:{window[0].isoformat()}{stamp}"
    parameters = _parameters(contract, window[0], window[1], end, ONE_DAY)
    return NewRequest(BACKFILL, instrument.symbol, BACKFILL_PRIORITY, parameters, identity)


def _parameters(
    contract: str, start: datetime, end: datetime, ask_until: datetime | None, duration: str
) -> dict[str, str]:
    """``from`` and ``to`` bound the rows kept; ``end`` is the broker's end time, "" for now."""
    return {
        "contract": contract,
        "from": start.isoformat(),
        "to": end.isoformat(),
        "end": "" if ask_until is None else ask_until.isoformat(),
        "duration": duration,
    }


def _window_start(first: Session, calendar: TradingCalendar) -> datetime:
    """Return the close of the session before ``first``: rows of a closure belong to it."""
    earlier = calendar.globex.before(first.session_date, 1)
    return earlier[-1].closes_at if earlier else first.opens_at
