"""``futures-pipeline demo``: simulator, collector and Dagster from one command."""

import json
import logging
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import click
from rich.console import Console

from futures_pipeline.commands.options import sole_user, with_settings
from futures_pipeline.commands.running.market import (
    SIMULATOR,
    Recording,
    chosen_sessions,
    describe_recording,
    generated_start,
    recorded_span,
    recorded_start,
    recorded_symbols,
)
from futures_pipeline.commands.running.pipeline import Pipeline
from futures_pipeline.commands.running.processes import Interrupted, Processes, python_module
from futures_pipeline.config import Settings, load_settings, writable_directory
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.clock import (
    ReplayClock,
    SystemClock,
    checked_speed,
    parse_time,
    start_clock,
)
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError
from futures_pipeline.domain.sessions import NEW_YORK

ONCE_SPEED, LIVE_SPEED = 30.0, 10.0
ONCE_INGEST_SECONDS, LIVE_INGEST_SECONDS = 5, 30
MARKER = "demo.json"
VARIABLES = "env.sh"
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Plan:
    """What a demo run shows."""

    start: datetime
    speed: float
    complete_sessions: Sequence[date]
    current_session: date
    sessions_asked: int
    sessions_back: int
    ingest_seconds: int
    symbols: Sequence[str]
    market: str
    simulator_options: Sequence[str]
    left_out: Sequence[str]


@click.command()
@click.option("--once", is_flag=True, help="Collect, ingest, check, print a summary and exit.")
@click.option(
    "--recorded",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Replay Parquet files (a folder or single files) instead of the generated market.",
)
@click.option("--from", "start", help="Market time to start at, like 2025-01-15T08:55-05:00.")
@click.option("--speed", type=float, help="Market seconds a second (default 10, with --once 30).")
@click.option("--sessions", type=int, default=25, help="Complete sessions of history (25).")
@click.option(
    "--seed", type=click.IntRange(min=0), default=7, help="Seed of the generated market (7)."
)
@with_settings
def demo(  # noqa: PLR0913 - one argument for each option of the command line
    once: bool,
    recorded: tuple[Path, ...],
    start: str | None,
    speed: float | None,
    sessions: int,
    seed: int,
    config: Path | None,
    data: Path | None,
) -> None:
    """Show the whole pipeline on a simulated market; no account is needed."""
    logging.basicConfig(level=logging.ERROR)  # warnings are in the logs of the processes
    settings = load_settings(config=config, data=data)
    if data is None and "FUTURES_PIPELINE_DATA" not in os.environ:
        settings = settings.model_copy(update={"data": settings.data / "demo"})
    if recorded:  # bars that are not in the recording would be of another market
        off = settings.binance.model_copy(update={"enabled": False})
        settings = settings.model_copy(update={"binance": off})
    writable_directory(settings.data)
    if not 1 <= sessions <= 250:
        raise ConfigurationError("--sessions", sessions, "a number from 1 to 250")
    plan = make_plan(
        settings,
        describe_recording(recorded) if recorded else None,
        [str(path.absolute()) for path in recorded],
        (parse_time(start) if start else None, speed, once),
        (sessions, seed),
    )
    claim_directory(settings.data, plan.market)
    console = Console()
    announce(console, plan, settings)
    with (
        sole_user(settings.data, "pipeline"),
        Processes(settings.data / "logs") as processes,
    ):
        try:
            pipeline, told = start_all(processes, settings, plan, console)
            if not once:
                pipeline.watch()
            is_well = pipeline.once()
            from futures_pipeline.commands.running.once_flow import print_flow

            print_flow(console, told)
            if not is_well:
                raise SystemExit(1)
        except Interrupted:
            console.print("Stopped before the end." if once else "Stopping.")
            raise SystemExit(INTERRUPTED if once else 0) from None


def make_plan(
    settings: Settings,
    recording: Recording | None,
    paths: Sequence[str],
    when: tuple[datetime | None, float | None, bool],
    market: tuple[int, int],
) -> Plan:
    """Return what to show.

    Args:
        settings: for the symbols of a generated market.
        recording: what ``--recorded`` holds, None for a generated market.
        paths: the recording's files and folders.
        when: the start asked for, the speed asked for, and whether it is ``--once``.
        market: sessions of history, and the seed of a generated market.
    """
    (asked, speed, once), (sessions, seed) = when, market
    now = SystemClock().now()
    calendar = calendar_for(now)
    if asked is not None and asked > now:
        raise ConfigurationError("--from", asked.isoformat(), "a time that has passed")
    if asked is None:
        generated = generated_start(now, calendar, once)
        asked = generated if recording is None else recorded_start(recording, calendar)
    complete, current = chosen_sessions(asked, sessions, calendar)
    options = [option for path in paths for option in ("--recorded", path)]
    symbols, before = settings.collection.symbols, len(complete)
    if recording is not None:
        complete, before = recorded_span(recording, complete, current, calendar)
        symbols = tuple(recorded_symbols(recording, [*complete, current]))
    return Plan(
        start=asked,
        speed=checked_speed(speed if speed is not None else ONCE_SPEED if once else LIVE_SPEED),
        sessions_asked=sessions,
        complete_sessions=complete,
        current_session=current,
        sessions_back=before,
        ingest_seconds=ONCE_INGEST_SECONDS if once else LIVE_INGEST_SECONDS,
        symbols=symbols,
        market=f"recorded {', '.join(sorted(paths))}" if paths else f"generated, seed {seed}",
        simulator_options=options or ["--seed", str(seed)],
        left_out=recording.left_out if recording else (),
    )


def claim_directory(directory: Path, market: str) -> None:
    """Make sure a directory never mixes two markets.

    Raises:
        DataDirectoryError: it holds rows of another market.
    """
    marker = directory / MARKER
    held = _held(marker)
    if held is None and (directory / "collector.sqlite").exists():
        held = "rows that no demo collected"
    if held is not None and held != market:
        raise DataDirectoryError(
            f"data directory {directory}: it holds {held}, this demo is {market}; "
            "choose another with --data, or delete it"
        )
    marker.write_text(json.dumps({"market": market}))


def _held(marker: Path) -> str | None:
    if not marker.exists():
        return None
    try:
        return str(json.loads(marker.read_text())["market"])
    except (ValueError, KeyError, TypeError):
        return f"an unreadable {marker.name}"


def announce(console: Console, plan: Plan, settings: Settings) -> None:
    """Say what will be shown before anything starts."""
    local = plan.start.astimezone(NEW_YORK)
    symbols = [*plan.symbols, *(instrument.symbol for instrument in settings.pairs)]
    console.print(f"Market    {plan.market}: {', '.join(symbols)}")
    console.print(
        f"Time      from {local:%a %Y-%m-%d %H:%M} New York ({plan.start:%H:%M} UTC), "
        f"{plan.speed:g} market seconds a second"
    )
    console.print(
        f"Sessions  {len(plan.complete_sessions)} complete, {plan.complete_sessions[0]} to "
        f"{plan.complete_sessions[-1]}, and {plan.current_session} as far as the clock has come"
    )
    if len(plan.complete_sessions) < plan.sessions_asked:
        console.print(
            f"          {plan.sessions_asked} were asked for; the recording has no earlier one",
            style="yellow",
        )
    console.print(f"Data      {settings.data}")
    for sentence in plan.left_out:
        console.print(f"Left out  {sentence}", style="yellow")


def as_exports(environment: Mapping[str, str]) -> str:
    """Return shell lines that put another terminal into the demo's market and time."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def start_all(
    processes: Processes, settings: Settings, plan: Plan, console: Console
) -> tuple[Pipeline, Settings]:
    """Start the simulator, then the pipeline against it; return it with what it was told."""
    clock = start_clock(plan.start, plan.speed)
    assert isinstance(clock, ReplayClock)
    environment = {
        "FUTURES_PIPELINE_DATA": str(settings.data),
        "FUTURES_PIPELINE_CLOCK": str(clock),
        "FUTURES_PIPELINE_GATEWAY_HOST": "127.0.0.1",
        "FUTURES_PIPELINE_COLLECTION_SYMBOLS": ",".join(plan.symbols),
        "FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": str(plan.sessions_back),
        "FUTURES_PIPELINE_DAGSTER_FIRST_SESSION": str(plan.complete_sessions[0]),
        "FUTURES_PIPELINE_DAGSTER_INGEST_INTERVAL_SECONDS": str(plan.ingest_seconds),
        "FUTURES_PIPELINE_DECISIONS_GATE": "off",  # no market of a day can open it
        "FUTURES_PIPELINE_BINANCE_ENABLED": str(settings.binance.enabled).lower(),
        "FUTURES_PIPELINE_BINANCE_SYMBOLS": ",".join(settings.binance.symbols),
        "FUTURES_PIPELINE_FEED_PORT": str(settings.feed.port),
    }
    simulator = python_module(SIMULATOR, "--port", "0", *plan.simulator_options)
    ready = processes.start_until_ready("simulator", simulator, environment)
    environment["FUTURES_PIPELINE_GATEWAY_PORT"] = str(ready["port"])
    binance = f"127.0.0.1:{ready['binance_port']}"
    environment["FUTURES_PIPELINE_BINANCE_STREAM_URL"] = f"ws://{binance}"
    environment["FUTURES_PIPELINE_BINANCE_REST_URL"] = f"http://{binance}"
    variables = settings.data / VARIABLES
    variables.write_text(as_exports(environment))
    console.print(f"Terminal  in a second one: source {variables}; futures-pipeline coverage")
    told = load_settings(data=settings.data, environment=environment)
    told = told.model_copy(
        update={
            "dagster": told.dagster.model_copy(update={"port": settings.dagster.port}),
            "dashboard": settings.dashboard,
        }
    )
    return Pipeline(processes, told, environment, console), told
