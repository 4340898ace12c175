"""``futures-pipeline coverage`` is right whatever of the rows is in the lake already."""

import doctest
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from futures_pipeline.commands.inspecting import coverage_tables
from futures_pipeline.commands.inspecting.coverage import coverage
from futures_pipeline.commands.options import sole_user
from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import NewBatch, Spool
from futures_pipeline.storage.tables import BARS_1M, GATEWAY_EVENTS, RAW_TABLES
from futures_pipeline_tests.storage.rows import CALENDAR, event, frame, minute_bars

TUESDAY, DAY = date(2025, 1, 14), date(2025, 1, 15)
OPENS = datetime(2025, 1, 14, 23, 0, tzinfo=UTC)
NOON = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)
NEXT_DAY = datetime(2025, 1, 16, 12, 0, tzinfo=UTC)
SYMBOLS = (UNIVERSE["ES"],)

Show = Callable[..., str]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    """Run the command on the test's directory, at a moment, and return what it prints."""

    def run(*arguments: str, now: datetime = NEXT_DAY, columns: int = 160) -> str:
        answer = CliRunner().invoke(
            coverage,
            ["--data", str(tmp_path), *arguments],
            env={
                "FUTURES_PIPELINE_CLOCK": f"{now.isoformat()}@4000000000.0*1",
                "FUTURES_PIPELINE_COLLECTION_SYMBOLS": "ES",
                "FUTURES_PIPELINE_BINANCE_ENABLED": "false",
                "COLUMNS": str(columns),
            },
        )
        if answer.exception is not None:
            raise answer.exception
        return answer.output

    return run


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
    yield opened
    opened.close()


def plant(spool: Spool, first: int, last: int, at: datetime = NEXT_DAY) -> None:
    """Put the ES bars of some minutes after the session's open into the spool."""
    bars = minute_bars("ES", DAY, OPENS + timedelta(minutes=first), last - first)
    spool.append([NewBatch(BARS_1M.name, DAY, bars)], at)


def plant_outage(spool: Spool) -> None:
    """Tell that the connection was lost from minute 600 to 630, 04:00 New York."""
    span = (OPENS + timedelta(minutes=600, seconds=20), OPENS + timedelta(minutes=629, seconds=5))
    rows = frame([event("connection_lost", *span, text="no [answer]")], GATEWAY_EVENTS)
    spool.append([NewBatch(GATEWAY_EVENTS.name, DAY, rows)], NEXT_DAY)


def ingest(spool: Spool, data: Path) -> None:
    """Bring what the spool holds into the lake."""
    ingestion = Ingestion(Lake(data / "lake"), spool, SYMBOLS, CALENDAR, "test")
    for table in RAW_TABLES:
        ingest_partition(ingestion, table, DAY, NEXT_DAY)


def words(output: str, start: str) -> list[str]:
    """Return the words of the one line that begins with ``start``."""
    (line,) = [line for line in output.splitlines() if line.strip().startswith(start)]
    return line.split()


@pytest.mark.parametrize("where", ["spool", "both", "lake", "lake alone"])
def test_rows_count_wherever_they_are(spool: Spool, show: Show, tmp_path: Path, where: str) -> None:
    """23 hours but for an outage of half an hour and five minutes that nothing explains."""
    with sole_user(tmp_path, "collector"):
        plant(spool, 0, 600)
        if where == "both":
            ingest(spool, tmp_path)
        plant(spool, 630, 1_000)
        plant(spool, 1_005, 1_380)
        plant_outage(spool)
        if where.startswith("lake"):
            ingest(spool, tmp_path)
        if where == "lake alone":
            spool.close()
            for file in tmp_path.glob("collector.sqlite*"):
                file.unlink()

        output = show()

    assert output.startswith(
        "Coverage of session 2025-01-15, Tue 18:00 to Wed 17:00 New York: judged to its end\n"
    )
    bars = ["ESH5", "bars", "1,380", "1,345", "97.5", "30", "5", "30", "live"]
    assert words(output, "ESH5 bars") == bars
    assert words(output, "Wed 04:00-04:30")[1:5] == ["04:00-04:30", "30", "ESH5:", "bars"]
    assert "was lost or dead: no [answer]" in output
    assert "Wed 10:40-10:45" in output
    assert "15:40-15:45 UTC" in output
    snapshots = 1_380 - 32  # the outage explains a minute more on both sides
    assert words(output, "unknown")[1] == f"{5 + snapshots:,}"
    assert "if not, see logs/collector.log" in output


def test_bad_rows_that_wait_in_the_spool_are_not_counted(spool: Spool, show: Show) -> None:
    bars = minute_bars("ES", DAY, OPENS, 10).with_columns(high=pl.lit(1.0))
    spool.append([NewBatch(BARS_1M.name, DAY, bars)], NEXT_DAY)
    plant(spool, 10, 20)

    assert words(show(), "ESH5 bars")[2:4] == ["1,380", "10"]


def test_a_session_under_way_is_judged_as_far_as_rows_can_be_there(
    spool: Spool, show: Show, tmp_path: Path
) -> None:
    plant(spool, 0, 1_079)
    with sole_user(tmp_path, "collector"):
        output = show(now=NOON)

    assert "judged up to 11:58 New York (16:58 UTC)" in output
    assert words(output, "ESH5 bars")[2:4] == ["1,078", "1,078"]
    assert "No collector" not in output


def test_what_is_missing_since_the_collector_stopped_is_put_down_to_it(
    spool: Spool, show: Show, tmp_path: Path
) -> None:
    plant(spool, 0, 1_000, at=OPENS + timedelta(minutes=1_000))

    output = show(now=NOON)
    with sole_user(tmp_path, "collector"):
        while_it_runs = show(now=NOON)

    assert "No collector is running on this data directory." in output
    assert "the collector did not run: it does not run now" in output
    assert words(output, "ESH5 bars")[5:7] == ["78", "0"]
    assert words(while_it_runs, "ESH5 bars")[5:7] == ["0", "78"]


def test_the_newest_session_is_shown_unless_another_is_asked_for(spool: Spool, show: Show) -> None:
    earlier = minute_bars("ES", TUESDAY, OPENS - timedelta(days=1), 7)
    spool.append([NewBatch(BARS_1M.name, TUESDAY, earlier)], NEXT_DAY)
    plant(spool, 0, 9)

    assert "session 2025-01-15," in show()
    tuesday = show("--session", "2025-01-14")
    assert words(tuesday, "ESH5 bars")[3] == "7"


def test_a_session_between_stored_ones_is_all_missing(spool: Spool, show: Show) -> None:
    monday = minute_bars("ES", date(2025, 1, 13), OPENS - timedelta(days=2), 7)
    spool.append([NewBatch(BARS_1M.name, date(2025, 1, 13), monday)], NEXT_DAY)
    plant(spool, 0, 9)

    assert words(show("--session", "2025-01-14"), "ESH5 bars")[2:4] == ["1,380", "0"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("soon", r"--session: 'soon' is not allowed; it must be a date like 2025-01-15"),
        ("2025-01-18", r"weekend or holiday; the nearest are 2025-01-17 and 2025-01-20"),
        ("2025-04-18", r"weekend or holiday; the nearest are 2025-04-17 and 2025-04-21"),
        ("2025-01-10", r"nothing is stored; stored sessions are 2025-01-15 to 2025-01-15; choose"),
        ("2025-01-16", r"session 2025-01-16: nothing is stored; .*backfill"),
        ("2025-01-21", r"it opens at 2025-01-20 23:00 UTC; the newest stored session is 2025-01-1"),
        ("1999-01-04", r"must be a date from 2010-01-04 to"),
        ("9999-01-04", r"must be a date from 2010-01-04 to"),
    ],
)
def test_a_session_that_cannot_be_shown_is_refused_with_the_way_out(
    spool: Spool, show: Show, asked: str, says: str
) -> None:
    plant(spool, 0, 9)
    with pytest.raises(PipelineError, match=says):
        show("--session", asked)


def test_a_directory_without_rows_is_refused_and_left_as_it_is(show: Show, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"nothing is stored in .* yet; start futures-pipeline"):
        show()
    assert list(tmp_path.iterdir()) == []


def test_many_explained_gaps_are_cut_and_counted(spool: Spool, show: Show) -> None:
    quiet = range(0, 200, 2)
    for minute in range(1, 201, 2):
        plant(spool, minute, minute + 1)
    plant(spool, 200, 1_380)
    rows = [
        event("no_trades", at, at + timedelta(minutes=1), symbol="ES", contract="ESH5")
        for at in (OPENS + timedelta(minutes=minute) for minute in quiet)
    ]
    spool.append([NewBatch(GATEWAY_EVENTS.name, DAY, frame(rows, GATEWAY_EVENTS))], NEXT_DAY)

    output = show()

    assert words(output, "ESH5 bars")[3:7] == ["1,280", "92.8", "100", "0"]
    # 100 gaps of bars, and one of snapshots: each quiet minute explains those beside it.
    assert "86 shorter gaps with a cause are not listed." in output
    assert words(output, "no_trades")[1] == "300"


def test_it_fits_a_narrow_terminal(spool: Spool, show: Show) -> None:
    plant(spool, 0, 600)
    plant_outage(spool)

    output = show(columns=80)

    assert max(len(line) for line in output.splitlines()) <= 80
    assert "…" not in output


def test_doctests() -> None:
    found = doctest.testmod(coverage_tables)
    assert found.attempted
    assert not found.failed
