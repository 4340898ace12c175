"""Run the simulated gateway and the simulated Binance: ``python -m futures_pipeline.simulator``."""

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

import click

from futures_pipeline.domain.clock import parse_clock
from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.simulator.binance.exchange import Exchange
from futures_pipeline.simulator.binance.prices import at_rest
from futures_pipeline.simulator.control import ControlPort
from futures_pipeline.simulator.gateway.broker import Broker
from futures_pipeline.simulator.gateway.listener import Gateway
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.market.recorded import RecordedMarket
from futures_pipeline.simulator.market.recorded import describe as describe_files
from futures_pipeline.simulator.market.source import Market
from futures_pipeline.simulator.protocol.limits import Limits

WRONG_INPUT = 2

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="API port; 0 takes a free one."
)
@click.option("--control-port", type=click.IntRange(0, 65535), default=0, help="Port for commands.")
@click.option(
    "--binance-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the simulated Binance, streams and REST; 0 takes a free one.",
)
@click.option("--seed", type=click.IntRange(min=0), default=7, help="Seed of the generated market.")
@click.option(
    "--lead-seconds",
    type=click.FloatRange(0.0, 3600.0),
    default=0.0,
    help="How long generated spot prices follow the futures.",
)
@click.option(
    "--recorded",
    "recorded_paths",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Recorded one-minute bars (Parquet file or directory) instead of a generated market.",
)
@click.option(
    "--clock",
    "clock_text",
    envvar="FUTURES_PIPELINE_CLOCK",
    default="",
    help="START@SYSTEM_SECONDS*SPEED; empty is system time.",
)
@click.option(
    "--limits",
    type=click.Choice(["on", "off"]),
    default="on",
    help="Whether the broker's pacing and line limits are enforced and counted.",
)
@click.option("--describe", is_flag=True, help="Print what the recorded files hold, and exit.")
def main(  # noqa: PLR0913 - one parameter an option
    port: int,
    control_port: int,
    binance_port: int,
    seed: int,
    lead_seconds: float,
    recorded_paths: tuple[Path, ...],
    clock_text: str,
    limits: str,
    describe: bool,
) -> None:
    """Answer the TWS API on 127.0.0.1 as an IB Gateway would."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    try:
        if describe:
            click.echo(json.dumps(describe_files(recorded_paths).as_json()))
            return
        market = _market(recorded_paths, seed, lead_seconds)
        clock = parse_clock(clock_text)
        broker = Broker(market, clock, limits=Limits(limits == "on"))
        # With recorded futures the pairs go their own way.
        index = market.index_path if isinstance(market, GeneratedMarket) else at_rest
        exchange = Exchange(clock, seed, index)
        asyncio.run(_run(broker, exchange, (port, control_port, binance_port)))
    except PipelineError as error:
        click.echo(str(error), err=True)
        sys.exit(WRONG_INPUT)


def _market(recorded_paths: tuple[Path, ...], seed: int, lead_seconds: float) -> Market:
    if recorded_paths:
        return RecordedMarket(recorded_paths)
    return GeneratedMarket(seed, lead_seconds)


async def _run(broker: Broker, exchange: Exchange, ports: tuple[int, int, int]) -> None:
    gateway = Gateway(broker)
    control = ControlPort(gateway, exchange)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, gateway.stopped.set)
    # Loads the calendar before a client waits for it, and refuses a clock outside of it.
    broker.calendar().session_date(broker.now())
    await gateway.listen(ports[0])
    await control.listen(ports[1])
    await exchange.listen(ports[2])
    ready = {
        "ready": True,
        "port": gateway.port,
        "control_port": control.port,
        "binance_port": exchange.port,
        "now": broker.now().isoformat(),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await gateway.stopped.wait()
    await control.close()
    await exchange.close()
    await gateway.close()


if __name__ == "__main__":
    main()
