"""A back-fill brings every minute once, keeps the limits, and can be interrupted."""

import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.spool import Spool
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    environment,
    simulated,
    wait_until,
)

pytestmark = pytest.mark.scenario

START = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
CALENDAR = calendar_for(START)
ALL = ",".join(UNIVERSE)
FETCH_SECONDS = 15.0
INTERRUPTED = 130


class Told:
    """What a started command prints until it ends, and how it ends."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self.text, self.errors = child.communicate(timeout=120)
        self.status = child.returncode
        found = re.search(r"Fetched ([\d,]+) bars in ([\d.]+) s", self.text)
        self.bars, self.seconds = (
            (int(found[1].replace(",", "")), float(found[2])) if found else (None, None)
        )

    def row(self, symbol: str) -> list[str]:
        """Return the cells of a symbol's line in the table."""
        rows = [line.split("│") for line in self.text.splitlines() if line.startswith("│")]
        (mine,) = [row for row in rows if row[1].strip() == symbol]
        return [cell.strip() for cell in mine[2:-1]]


def start(data: Path, variables: dict[str, str], *options: str) -> "subprocess.Popen[str]":
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "futures_pipeline", "backfill", "--data", str(data), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment({**variables, "COLUMNS": "160"}),
    )


def backfill(data: Path, variables: dict[str, str], *options: str) -> Told:
    """Run the command to its end."""
    return Told(start(data, variables, *options))


def spool_of(data: Path) -> Spool:
    return Spool(f"sqlite:///{data / 'collector.sqlite'}")


def history(data: Path) -> pl.DataFrame:
    """Return every bar of history that the spool holds."""
    spool = spool_of(data)
    frames = [
        batch.rows()
        for part in spool.partitions()
        if part.table == "bars_1m"
        for batch in spool.read_after(part.table, part.session_date, 0)
    ]
    spool.close()
    return pl.concat(frames).filter(pl.col("source") == "history")


def statuses(data: Path) -> dict[str, int]:
    """Return the number of back-fill requests by status."""
    spool = spool_of(data)
    counts = spool.request_counts()
    spool.close()
    return {status: count for (kind, status), count in counts.items() if kind == "backfill"}


def doubles(bars: pl.DataFrame) -> int:
    return int(bars.select("contract", "ts_start").is_duplicated().sum())


@pytest.mark.parametrize(("days", "sessions"), [(7, 5), (30, 20)])
def test_seven_symbols_come_quickly_completely_and_within_the_limits(
    data: Path, days: int, sessions: int
) -> None:
    with simulated(START, 1.0, ALL, "--limits", "on") as simulator:
        told = backfill(data, simulator.variables, "--days", str(days))
        after = simulator.command(command="stats")

    bars = history(data)
    complete = CALENDAR.globex.before(CALENDAR.session_date(START), sessions)
    es = bars.filter(pl.col("symbol") == "ES", pl.col("session_date") < START.date())
    assert (told.status, told.errors) == (0, "")
    assert "the broker's hard limits do not apply to one-minute bars" in told.text
    assert told.seconds is not None
    assert told.seconds < FETCH_SECONDS
    assert told.bars == bars.height
    assert doubles(bars) == 0
    assert set(bars["symbol"].unique()) == set(UNIVERSE)
    assert es.height == sum(session.minutes for session in complete)
    assert told.row("ES")[0] == str(sessions + 1)
    assert (after["violations"], after["unsupported"]) == ({}, {})
    assert (after["lines_in_use"], after["clients"]) == (0, [])


def test_a_second_call_asks_only_for_what_is_new(data: Path) -> None:
    with simulated(START, 60.0, "ES,SPY", "--limits", "on") as simulator:
        first = backfill(data, simulator.variables, "--symbols", "ES", "--days", "2")
        asked_first = simulator.command(command="stats")["requests"]["20"]
        second = backfill(data, simulator.variables, "--days", "2")
        asked_second = simulator.command(command="stats")["requests"]["20"] - asked_first

    assert first.status == second.status == 0
    assert first.row("ES")[0] == "3"
    assert "2 others were answered before" in second.text
    assert second.row("ES")[0] == "1"  # the session under way
    assert asked_second == int(second.row("SPY")[0]) + 1
    assert statuses(data).keys() == {"done"}


def test_with_a_collector_running_the_queue_is_filled_and_watched(data: Path) -> None:
    with simulated(START, 1.0, "ES,SPY", "--limits", "on") as simulator:
        variables = {
            **simulator.variables,
            "FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "0",
        }
        collector = CollectorProcess(data, variables)
        try:
            wait_until(lambda: "round_finished" in collector.log, 30, "a round of the collector")
            told = backfill(data, variables, "--days", "3")
            after = simulator.command(command="stats")
        finally:
            collector.leave(10)

    bars = history(data)
    assert (told.status, told.errors) == (0, "")
    assert "A collector is running on this data directory" in told.text
    assert after["connections"] == 1
    assert {"ES", "SPY"} == set(bars["symbol"].unique())
    assert bars.filter(pl.col("contract") == "ESH5")["session_date"].n_unique() >= 2
    assert doubles(bars.filter(pl.col("session_date") < START.date())) == 0


def test_a_collector_that_is_stopped_ends_the_watch(data: Path) -> None:
    with simulated(START, 1.0, "ES") as simulator:
        variables = {
            **simulator.variables,
            "FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "0",
        }
        collector = CollectorProcess(data, variables)
        try:
            wait_until(lambda: "round_finished" in collector.log, 30, "a round of the collector")
            simulator.command(command="fault", name="slow_history", delay=600.0)
            child = start(data, variables, "--days", "3")
            wait_until(lambda: statuses(data).get("running", 0) > 0, 30, "a running request")
        finally:
            collector.leave(10)
        told = Told(child)

    assert told.status == 1
    assert "the collector has stopped after" in told.errors
    assert "run the same command again" in told.errors


def test_an_interrupted_back_fill_goes_on_where_it_was(data: Path) -> None:
    with simulated(START, 1.0, "ES,SPY", "--limits", "on") as simulator:
        simulator.command(command="fault", name="slow_history", delay=600.0)
        child = start(data, simulator.variables, "--days", "5")
        wait_until(lambda: statuses(data).get("running", 0) > 0, 30, "a running request")
        child.send_signal(signal.SIGINT)
        stopped = Told(child)
        left = statuses(data)
        simulator.command(command="heal")
        told = backfill(data, simulator.variables, "--days", "5")
        after = simulator.command(command="stats")

    bars = history(data)
    assert stopped.status == INTERRUPTED
    assert re.search(r"Stopped after 0 of \d+ requests", stopped.text)
    assert "wait in the queue: run the same command again" in stopped.text
    assert "Traceback" not in stopped.errors
    assert left.keys() == {"pending"}
    assert told.status == 0
    assert statuses(data).keys() == {"done"}
    assert doubles(bars.filter(pl.col("session_date") < START.date())) == 0
    assert after["violations"] == {}


def test_a_lost_connection_is_made_again(data: Path) -> None:
    with simulated(START, 20.0, "ES,SPY", "--limits", "on") as simulator:
        simulator.command(command="fault", name="slow_history", delay=40.0)  # two seconds
        child = start(data, simulator.variables, "--days", "5")
        wait_until(lambda: statuses(data).get("running", 0) > 0, 30, "a running request")
        simulator.command(command="drop")
        simulator.command(command="heal")
        told = Told(child)

    bars = history(data)
    assert told.status == 0
    assert statuses(data).keys() == {"done"}
    assert doubles(bars) == 0
    assert told.bars == bars.height > 0


def test_sessions_without_data_say_why(data: Path) -> None:
    with simulated(START, 1.0, "ES,SPY,QQQ") as simulator:
        simulator.command(command="fault", name="162_no_permission", symbol="SPY")
        simulator.command(command="fault", name="162_no_data", symbol="QQQ", count=0)
        told = backfill(data, simulator.variables, "--days", "2")

    assert told.status == 1
    assert told.row("ES")[2:] == ["0", ""]
    assert told.row("SPY")[1] == "0"
    assert told.row("SPY")[3].startswith("not_subscribed: 2025-01-1")
    assert told.row("QQQ")[3].startswith("no data: 2025-01-1")
    assert "backfill.log" in told.text


def test_rows_of_the_back_fill_do_not_hide_that_no_collector_ran(data: Path) -> None:
    """The collector takes the last row kept for its last sign of life."""
    with simulated(START, 1.0, "VIX") as simulator:
        backfill(data, simulator.variables, "--days", "1")

    spool = spool_of(data)
    events = pl.concat(
        batch.rows()
        for part in spool.partitions()
        if part.table == "gateway_events"
        for batch in spool.read_after(part.table, part.session_date, 0)
    ).filter(pl.col("event") == "collector_down")
    spool.close()
    first = history(data)["ts_start"].min()
    assert events["starts_at"].min() <= first
    assert START < events["ends_at"].max() < START + timedelta(minutes=5)


def test_no_gateway(data: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        variables = {
            "FUTURES_PIPELINE_GATEWAY_PORT": str(port),
            "FUTURES_PIPELINE_GATEWAY_CONNECT_ATTEMPTS": "1",
        }

        told = backfill(data, variables)

    assert told.status == 1
    assert f"127.0.0.1:{port}: nothing listens there; start IB Gateway" in told.errors


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--symbols", "ES,XX"], 1, "symbol 'XX' is not known; known are ES, NQ"),
        (["--days", "0"], 2, "0 is not in the range 1<=x<=365"),
        (["--days", "366"], 2, "366 is not in the range 1<=x<=365"),
    ],
)
def test_wrong_options(data: Path, options: list[str], status: int, words: str) -> None:
    told = backfill(data, {}, *options)

    assert told.status == status
    assert words in told.errors
    assert "Traceback" not in told.errors
