"""What the collector's tests share: clocks that stand, listed contracts, a broker's stand-in."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import ib_async

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.collection.normalize import Listed, bar_row
from futures_pipeline.collection.streaming.bars import Bar
from futures_pipeline.collection.streaming.lines import Line, Moment
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.domain.sessions import NEW_YORK, Session

CALENDAR = load_calendar(date(2024, 6, 1), date(2026, 6, 30))
# A Wednesday, 10:00 in New York: every market is open.
NOON = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
EXPIRY = date(2025, 3, 21)
NAMES = {"ES": "ESH5", "NQ": "NQH5", "RTY": "RTYH5"}


def new_york_time(*when: int) -> datetime:
    """Return a New York wall-clock time as UTC."""
    return datetime(*when, tzinfo=NEW_YORK).astimezone(UTC)  # type: ignore[misc]


def session_on(year: int, month: int, day: int) -> Session:
    """Return the Globex session of a trade date."""
    session = CALENDAR.globex.on(date(year, month, day))
    assert session is not None
    return session


def listed(symbol: str = "ES", name: str | None = None) -> Listed:
    """Return a contract as the broker lists it."""
    instrument = UNIVERSE[symbol]
    con_id = 1 + list(UNIVERSE).index(symbol)
    own = name or NAMES.get(symbol, symbol)
    contract = ib_async.Contract(conId=con_id, symbol=symbol, localSymbol=own)
    expiry = EXPIRY if instrument.kind is Kind.FUTURE else None
    return Listed(instrument, own, con_id, expiry, contract)


def bars_of(contract: Listed, starts: Iterable[datetime], **changed: float) -> list[dict[str, Any]]:
    """Return rows of ``bars_1m``, one a start; ``changed`` replaces good prices."""
    prices = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, **changed}
    return [
        bar_row(
            contract,
            Bar(start, **prices, volume=5.0, wap=100.2, trade_count=3),
            "history",
            None,
            start + timedelta(minutes=2),
        )
        for start in starts
    ]


def minutes_from(start: datetime, count: int) -> list[datetime]:
    """Return the starts of ``count`` minutes."""
    return [start + timedelta(minutes=index) for index in range(count)]


class StandingClock:
    """A market clock that moves only when it is told to, at ``speed`` machine seconds."""

    def __init__(self, at: datetime = NOON, speed: float = 1.0) -> None:
        self.at = at
        self.speed = speed

    def now(self) -> datetime:
        return self.at

    def system_seconds(self, market_seconds: float) -> float:
        return market_seconds / self.speed


def line_of(symbol: str, opened: datetime, machine_seconds: float = 0.0) -> Line:
    """Return a line with both of its streams subscribed to."""
    contract = listed(symbol)
    hours = market_hours(contract.instrument.kind, CALENDAR)
    line = Line(contract, hours, CALENDAR.regular, Moment(opened, machine_seconds))
    line.ticker = ib_async.Ticker(contract=contract.broker_contract)
    line.bars = ib_async.RealTimeBarList()
    return line


@dataclass
class Broker:
    """Stands in for a gateway session: hands out streams, answers as told, writes down calls.

    ``history_answers`` are given in turn: bars, or an exception to raise. ``probe`` is what
    asking the time raises, None when it is answered. Request ids count the calls.
    """

    history_answers: list[Sequence[ib_async.BarData] | Exception] = field(default_factory=list)
    details_answers: list[list[ib_async.ContractDetails] | Exception] = field(default_factory=list)
    probe: Exception | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[ib_async.Contract, datetime | None, str]] = field(default_factory=list)
    requests: dict[int, int] = field(default_factory=dict)
    on_tickers: Callable[..., None] = print
    on_bars: Callable[..., None] = print

    def stream_quotes(self, contract: ib_async.Contract, kind: Kind) -> ib_async.Ticker:
        del kind
        self.calls.append(("quotes", contract.localSymbol))
        ticker = ib_async.Ticker(contract=contract)
        self.requests[id(ticker)] = len(self.calls)
        return ticker

    def quotes_request(self, ticker: ib_async.Ticker) -> int:
        return self.requests.get(id(ticker), 0)

    def stream_bars(self, contract: ib_async.Contract) -> ib_async.RealTimeBarList:
        self.calls.append(("bars", contract.localSymbol))
        bars = ib_async.RealTimeBarList()
        bars.contract = contract
        bars.reqId = len(self.calls)
        return bars

    def end_quotes(self, contract: ib_async.Contract) -> None:
        self.calls.append(("end_quotes", contract.localSymbol))

    def end_bars(self, bars: ib_async.RealTimeBarList) -> None:
        self.calls.append(("end_bars", bars.contract.localSymbol))

    async def current_time(self, within_seconds: float | None = None) -> datetime:
        self.calls.append(("time", f"{within_seconds}"))
        if self.probe is not None:
            raise self.probe
        return NOON

    async def history(
        self, contract: ib_async.Contract, end: datetime | None, duration: str
    ) -> Sequence[ib_async.BarData]:
        self.asked.append((contract, end, duration))
        answer = self.history_answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def futures(self, instrument: object) -> list[ib_async.ContractDetails]:
        return self._details(instrument)

    async def spot(self, instrument: object) -> list[ib_async.ContractDetails]:
        return self._details(instrument)

    def _details(self, instrument: object) -> list[ib_async.ContractDetails]:
        del instrument
        answer = self.details_answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def count(self, what: str, name: str) -> int:
        """Return how often a call was made."""
        return self.calls.count((what, name))


class Machine(SimpleNamespace):
    """Stands in for the ``time`` module: monotonic seconds that move only when told to."""

    seconds: float = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


def history_bars(starts: Iterable[datetime], price: float = 100.0) -> list[ib_async.BarData]:
    """Return one-minute bars as the library hands them over."""
    return [
        ib_async.BarData(
            start, price, price + 1, price - 1, price, volume=5.0, average=price, barCount=3
        )
        for start in starts
    ]
