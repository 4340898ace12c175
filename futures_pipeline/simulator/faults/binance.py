"""Faults of the simulated Binance: lost, mute or wrong streams, refused requests."""

from collections.abc import Mapping
from functools import partial, wraps

from futures_pipeline.simulator.binance.exchange import GOING_AWAY, Exchange, LostMinute
from futures_pipeline.simulator.binance.weights import BANNED, TOO_MANY
from futures_pipeline.simulator.faults.counting import Charge
from futures_pipeline.simulator.faults.table import Fault, Lasting, Run, lasting

POLICY_VIOLATION = 1008


async def rst(exchange: Exchange) -> None:
    for line in list(exchange.lines):
        line.reset()


async def close(exchange: Exchange, code: int) -> None:
    await exchange.end_lines(code)


async def shutdown(exchange: Exchange) -> Lasting:
    """Announce the end; close what is connected by then when the time is over."""
    await exchange.announce_shutdown()
    told = list(exchange.lines)
    yield None
    for line in told:
        await line.connection.close(GOING_AWAY)


async def stall(exchange: Exchange) -> Lasting:
    """Send nothing on what is connected now; the connections stay open."""
    held = list(exchange.lines)
    for line in held:
        line.is_held = True
    yield None
    for line in held:
        line.is_held = False


async def refuse(exchange: Exchange) -> Lasting:
    exchange.faults.is_refusing = True
    yield None
    exchange.faults.is_refusing = False


async def spoil(exchange: Exchange, how: str, count: int) -> Lasting:
    charge = Charge.of(count)
    setattr(exchange.faults.spoiling, how, charge)
    yield charge
    charge.left = 0


async def broken(exchange: Exchange, count: int) -> Lasting:
    exchange.faults.broken = charge = Charge.of(count)
    yield charge
    charge.left = 0


async def lost_minute(exchange: Exchange, count: int) -> Lasting:
    lost = exchange.faults.lost_minute = LostMinute(Charge.of(count))
    yield lost.charge
    lost.charge.left = 0


async def refuse_requests(exchange: Exchange, status: int, wait: float) -> None:
    """Refuse all requests for ``wait`` seconds, which clients are told in Retry-After."""
    now = exchange.clock.now().timestamp()
    exchange.weights.refuse(status, now + wait)


async def clock_skew(exchange: Exchange, by: float) -> Lasting:
    """Let the exchange live ``by`` seconds ahead of the market clock (negative: behind)."""
    exchange.faults.skew_seconds = by
    yield None
    exchange.faults.skew_seconds = 0.0


_FAULTS: Mapping[str, Fault] = {
    "binance_rst": Fault("every stream connection is reset", rst),
    "binance_1001": Fault("every stream is closed: going away", partial(close, code=GOING_AWAY)),
    "binance_1008": Fault("every stream is closed: policy", partial(close, code=POLICY_VIOLATION)),
    "binance_shutdown": lasting("serverShutdown, later the end", shutdown, seconds=10.0),
    "binance_stall": lasting("connected streams say nothing", stall),
    "binance_refuse": lasting("new stream connections are answered 503", refuse),
    "binance_duplicates": lasting("trades come twice", partial(spoil, how="twice"), count=1),
    "binance_lost_trades": lasting("trades are left out", partial(spoil, how="never"), count=1),
    "binance_malformed": lasting(
        "messages that are no events", partial(spoil, how="malformed"), count=1
    ),
    "binance_503": lasting("REST requests are answered 503", broken, count=1),
    "binance_lost_minute": lasting("REST bars: one minute is missing", lost_minute, count=1),
    "binance_429": Fault(
        "REST requests are refused",
        partial(refuse_requests, status=TOO_MANY),
        {"wait": 10.0},
    ),
    "binance_418": Fault(
        "the address is banned", partial(refuse_requests, status=BANNED), {"wait": 120.0}
    ),
    "binance_clock_skew": lasting("the exchange's time is off", clock_skew, by=90.0),
}


def exchange_faults(exchange: Exchange) -> Mapping[str, Fault]:
    """Return the faults of one exchange, for the table of a control port."""
    return {
        name: Fault(fault.description, _of(exchange, fault.run), fault.parameters)
        for name, fault in _FAULTS.items()
    }


def _of(exchange: Exchange, run: Run) -> Run:
    """Return a fault's start for a table that hands the gateway to each; this needs none."""

    @wraps(run)
    def start(_gateway: object, **values: object) -> object:
        return run(exchange, **values)

    return start  # type: ignore[return-value]
