"""What the sensor starts, by a table of decisions, and on a real instance."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from futures_pipeline.config import Settings
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.hosting.once import LakeProgress
from futures_pipeline.orchestration.partitions import session_partitions
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.derived import build_derived_sensor
from futures_pipeline.orchestration.sensors.planning import (
    FailedRun,
    next_runs,
    outside_partitions,
)
from futures_pipeline.orchestration.sensors.runs import (
    RANGE_END,
    RANGE_START,
    SPOOL_SEQ,
    run_request,
)
from futures_pipeline.orchestration.sensors.spool import INGEST_JOB, build_spool_sensor
from futures_pipeline.storage.lake.commit_log import CommitLog, commit_name
from futures_pipeline.storage.repair import repair_logs
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline_tests.orchestration.conftest import (
    FRIDAY,
    TUESDAY,
    WEDNESDAY,
    Ingest,
    plant_quotes,
)
from futures_pipeline_tests.storage.rows import frame, snapshot

KEYS = ["2025-01-13", "2025-01-14", "2025-01-15", "2025-01-16", "2025-01-17", "2025-01-21"]
NOW = datetime(2025, 1, 20, 12, tzinfo=UTC)


def failed(first: int, last: int, seq: int, minutes_ago: float) -> FailedRun:
    """Return a failed run over days of January, asked for when the spool was at ``seq``."""
    ended = NOW - timedelta(minutes=minutes_ago)
    return FailedRun(f"2025-01-{first}", f"2025-01-{last}", seq, ended)


def killed(day: int, seconds_ago: float) -> FailedRun:
    """Return a run over one day of January whose process was killed."""
    ended = NOW - timedelta(seconds=seconds_ago)
    return FailedRun(f"2025-01-{day}", f"2025-01-{day}", 5, ended, crashed=True)


def decide(
    behind: dict[int, int], failures: list[FailedRun]
) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return the days of each run and the days that wait, for days of January 2025."""
    found = next_runs({date(2025, 1, day): seq for day, seq in behind.items()}, failures, KEYS, NOW)
    return [tuple(key[-2:] for key in run) for run in found.ranges], [
        key[-2:] for key in found.waiting
    ]


@pytest.mark.parametrize(
    ("behind", "failures", "starts", "waits"),
    [
        pytest.param({}, [], [], [], id="nothing new"),
        pytest.param({14: 5}, [], [("14",)], [], id="one session"),
        pytest.param({13: 5, 14: 6, 16: 7}, [], [("13", "14"), ("16",)], [], id="two ranges"),
        pytest.param({17: 5, 21: 6}, [], [("17", "21")], [], id="a range over a long weekend"),
        pytest.param({18: 5}, [], [], [], id="no partition"),
        pytest.param({14: 5}, [failed(14, 14, 5, 4.9)], [], ["14"], id="failed just now"),
        pytest.param({14: 5}, [failed(14, 14, 5, 5.1)], [("14",)], [], id="5 minutes later"),
        pytest.param({14: 6}, [failed(14, 14, 5, 1)], [("14",)], [], id="new rows end the wait"),
        pytest.param(
            {14: 5},
            [failed(14, 14, 5, 9), failed(14, 14, 5, 15)],
            [],
            ["14"],
            id="the second wait is 10 minutes",
        ),
        pytest.param(
            {14: 5},
            [failed(14, 14, 5, 61 + 100 * n) for n in range(12)],
            [("14",)],
            [],
            id="no wait is over an hour",
        ),
        pytest.param(
            {14: 5},
            [killed(14, 11.0 * n) for n in range(1, 20)],
            [("14",)],
            [],
            id="killed runs wait 10 seconds, however many",
        ),
        pytest.param({14: 5}, [killed(14, 9)], [], ["14"], id="killed just now"),
        pytest.param(
            {14: 5},
            [killed(14, 60), failed(14, 14, 5, 4)],
            [],
            ["14"],
            id="a killed run does not shorten the wait of a failed one",
        ),
        pytest.param(
            {13: 5, 14: 5, 15: 9, 16: 5},
            [failed(13, 16, 5, 6)],
            [("15",), ("13",), ("14",), ("16",)],
            [],
            id="after a failure each session is tried alone",
        ),
        pytest.param(
            {13: 5, 15: 5}, [failed(14, 16, 5, 1)], [("13",)], ["15"], id="others do not wait"
        ),
    ],
)
def test_decisions(
    behind: dict[int, int],
    failures: list[FailedRun],
    starts: list[tuple[str, ...]],
    waits: list[str],
) -> None:
    assert decide(behind, failures) == (starts, waits)


def test_no_run_is_longer_than_60_sessions() -> None:
    days = [date(2024, 1, 1) + timedelta(days=count) for count in range(130)]
    found = next_runs(dict.fromkeys(days, 1), [], [str(day) for day in days], NOW)

    assert [len(run) for run in found.ranges] == [60, 60, 10]


MONDAY = date(2025, 1, 13)
GLOBEX = load_calendar(date(2024, 12, 1), date(2025, 12, 31)).globex


@pytest.mark.parametrize(
    ("spooled", "says"),
    [
        ([date(2024, 12, 30)], ["2024-12-30 (before", "dagster.first_session to 2024-12-30"]),
        ([date(2019, 5, 6)], ["set dagster.first_session to 2019-05-06 or earlier"]),
        ([date(2025, 1, 18)], ["2025-01-18 (days without a Globex session"]),  # a Saturday
        ([date(2024, 12, 28)], ["2024-12-28 (days without a Globex session"]),
        ([date(2024, 12, 25)], ["2024-12-25 (days without a Globex session"]),  # Christmas
        ([date(2031, 1, 6)], ["2031-01-06 (after the last partition; check the clock"]),
        (
            [date(2031, 1, 6), date(2025, 1, 18), date(2024, 12, 30), date(2024, 12, 31)],
            [
                "4 sessions",
                "2024-12-30, 2024-12-31 (before the first partition; set",
                "2025-01-18 (days without",
                "2031-01-06 (after",
                "partitions are 2025-01-13 to 2025-01-21",
            ],
        ),
    ],
)
def test_each_kind_of_session_that_is_no_partition_has_its_remedy(
    spooled: list[date], says: list[str]
) -> None:
    found = outside_partitions(spooled, KEYS, GLOBEX) or ""
    assert [text for text in says if text not in found] == []
    kinds = ("before the first", "days without", "after the last")
    assert sum(kind in found for kind in kinds) == min(len(spooled), 3)


def test_sessions_that_are_partitions_are_not_mentioned() -> None:
    assert outside_partitions([date(2025, 1, 14)], KEYS, GLOBEX) is None
    assert "no partition yet" in (outside_partitions([date(2025, 1, 14)], [], GLOBEX) or "")


def test_a_request_for_one_session_has_a_partition_and_for_more_a_range() -> None:
    assert run_request(["2025-01-14"], 7).partition_key == "2025-01-14"
    tags = run_request(KEYS, 7).tags
    assert (tags[RANGE_START], tags[RANGE_END], tags[SPOOL_SEQ]) == (KEYS[0], KEYS[-1], "7")


Tick = Callable[[], dg.SensorResult | dg.SkipReason]


@pytest.fixture
def tick(settings: Settings, workbench: Workbench, instance: dg.DagsterInstance) -> Tick:
    """Evaluate the sensor of the spool, on the same workbench each time, as the daemon does."""
    return evaluated(build_spool_sensor, settings, workbench, instance)


@pytest.fixture
def derived_tick(settings: Settings, workbench: Workbench, instance: dg.DagsterInstance) -> Tick:
    """Evaluate the sensor of what follows."""
    return evaluated(build_derived_sensor, settings, workbench, instance)


def evaluated(
    build: Callable[[dg.DailyPartitionsDefinition, int], dg.SensorDefinition],
    settings: Settings,
    workbench: Workbench,
    instance: dg.DagsterInstance,
) -> Tick:
    first = settings.dagster.first_session
    sensor = build(session_partitions(first, workbench.calendar.globex), 30)

    def evaluate() -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(instance=instance, resources={"workbench": workbench})
        found = sensor(context)
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        return found

    return evaluate


def requested(found: dg.SensorResult | dg.SkipReason) -> list[tuple[str | None, str | None]]:
    """Return the first and last key of each requested run."""
    assert isinstance(found, dg.SensorResult), found
    return [
        (request.partition_key or request.tags[RANGE_START], request.tags.get(RANGE_END))
        for request in found.run_requests or []
    ]


def skipped(found: dg.SensorResult | dg.SkipReason) -> str:
    assert isinstance(found, dg.SkipReason), found
    return found.skip_message or ""


def test_an_empty_spool_is_skipped(tick: Tick) -> None:
    assert skipped(tick()) == "the lake has every row of the spool"


def test_new_rows_are_ingested_once(tick: Tick, workbench: Workbench, ingest: Ingest) -> None:
    for day in (FRIDAY, MONDAY, TUESDAY, WEDNESDAY):
        plant_quotes(workbench, day)
    assert requested(tick()) == [("2025-01-10", "2025-01-15")]

    ingest("2025-01-10", "2025-01-14")
    assert requested(tick()) == [("2025-01-15", None)]
    ingest("2025-01-15")
    assert skipped(tick()) == "the lake has every row of the spool"
    plant_quotes(workbench, WEDNESDAY)
    assert requested(tick()) == [("2025-01-15", None)]


def test_a_late_batch_makes_later_sessions_stale_once(
    derived_tick: Tick, workbench: Workbench, ingest: Ingest
) -> None:
    """The changes of a session depend on the ones before it, so these are computed anew.

    Not before the late rows are in the lake: as long as they cannot be ingested, computing
    the later sessions again would change nothing, for ever.
    """
    plant_quotes(workbench, TUESDAY)
    plant_quotes(workbench, WEDNESDAY)
    ingest(str(TUESDAY), str(WEDNESDAY))
    assert skipped(derived_tick()).startswith("everything is computed")
    plant_quotes(workbench, MONDAY)
    assert skipped(derived_tick()).startswith("everything is computed"), "its rows come first"

    ingest(str(MONDAY))
    assert requested(derived_tick()) == [("2025-01-14", "2025-01-15")]
    ingest(str(TUESDAY), str(WEDNESDAY))
    assert skipped(derived_tick()).startswith("everything is computed")


def test_the_running_session_is_computed_now_and_then(
    settings: Settings, workbench: Workbench, ingest: Ingest, instance: dg.DagsterInstance
) -> None:
    """A run a minute would cost a fifth of a processor; a session that is over waits for none."""
    during = settings.model_copy(update={"clock_text": "2025-01-15T15:00:00+00:00@4000000000.0*1"})
    running = Workbench(during)
    look = evaluated(build_derived_sensor, during, running, instance)
    plant_quotes(workbench, TUESDAY)
    plant_quotes(workbench, WEDNESDAY)
    ingest.only_raw(str(TUESDAY), str(WEDNESDAY))
    assert requested(look()) == [("2025-01-14", "2025-01-15")]

    ingest(str(TUESDAY), str(WEDNESDAY))
    plant_quotes(workbench, TUESDAY)
    plant_quotes(workbench, WEDNESDAY)
    ingest.only_raw(str(TUESDAY), str(WEDNESDAY))
    assert requested(look()) == [("2025-01-14", None)]
    running.spool.close()


def test_what_follows_waits_for_ingestion(
    derived_tick: Tick, workbench: Workbench, instance: dg.DagsterInstance, settings: Settings
) -> None:
    plant_quotes(workbench, WEDNESDAY)
    run_of_ingest(instance, settings, dg.DagsterRunStatus.NOT_STARTED, 1)

    assert "of job ingest is still under way" in skipped(derived_tick())


def test_what_no_run_ingests_is_named(
    tick: Tick, workbench: Workbench, ingest: Ingest, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = frame([snapshot()])
    workbench.spool.append([NewBatch("option_chains", WEDNESDAY, rows)], NOW)
    plant_quotes(workbench, WEDNESDAY)
    tick()
    assert "'option_chains'; raw tables are futures_snapshots" in capfd.readouterr().err

    ingest(str(WEDNESDAY))
    assert skipped(tick()).startswith("the lake has every other row of the spool; the spool has")
    assert "'option_chains'; raw tables are futures_snapshots" in skipped(tick())


def test_a_lake_made_anew_is_filled_again(tick: Tick, workbench: Workbench, ingest: Ingest) -> None:
    """Positions are remembered between ticks, yet not beyond the tables they are about."""
    plant_quotes(workbench, WEDNESDAY)
    ingest(str(WEDNESDAY))
    assert "every row" in skipped(tick())
    for path in sorted(workbench.lake.root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    plant_quotes(workbench, TUESDAY)

    assert requested(tick()) == [("2025-01-14", "2025-01-15")]


def test_rows_of_a_lost_commit_are_ingested_again(
    tick: Tick, workbench: Workbench, ingest: Ingest
) -> None:
    """A disk lost the newest commit while the sensor remembers its position."""
    plant_quotes(workbench, TUESDAY)
    ingest(str(TUESDAY))
    plant_quotes(workbench, WEDNESDAY)
    ingest(str(WEDNESDAY))
    assert "every row" in skipped(tick())
    log = CommitLog(workbench.lake.path("futures_snapshots"))
    (log.directory / commit_name(log.watermark())).unlink()

    assert requested(tick()) == [("2025-01-14", "2025-01-15")]

    ingest(str(TUESDAY), str(WEDNESDAY))
    assert workbench.lake.read("futures_snapshots").height == 6
    assert "every row" in skipped(tick())


def test_a_repaired_table_that_caught_up_is_not_taken_for_the_old_one(
    tick: Tick, workbench: Workbench, ingest: Ingest
) -> None:
    """Its version is as high as before, but the commits are others: Wednesday's rows are lost."""
    plant_quotes(workbench, WEDNESDAY)
    ingest.only_raw(str(WEDNESDAY))
    assert "every row" in skipped(tick())
    log = CommitLog(workbench.lake.path("futures_snapshots"))
    (log.directory / commit_name(log.watermark())).unlink()
    repair_logs(workbench.lake)
    plant_quotes(workbench, TUESDAY)
    ingest.only_raw(str(TUESDAY))

    assert requested(tick()) == [("2025-01-15", None)]


def run_of_ingest(
    instance: dg.DagsterInstance, settings: Settings, status: dg.DagsterRunStatus, seq: int
) -> None:
    """Record a run of the job over one session in some status."""
    run = instance.create_run_for_job(
        build_defs(settings).resolve_job_def(INGEST_JOB),
        tags={**run_request([str(WEDNESDAY)], seq).tags, "dagster/partition": str(WEDNESDAY)},
    )
    instance.report_engine_event("planted", run)
    event = {
        dg.DagsterRunStatus.FAILURE: instance.report_run_failed,
        dg.DagsterRunStatus.CANCELED: instance.report_run_canceled,
    }.get(status)
    if event is not None:
        event(run)


def test_a_run_under_way_is_waited_for(
    tick: Tick, workbench: Workbench, instance: dg.DagsterInstance, settings: Settings
) -> None:
    plant_quotes(workbench, WEDNESDAY)
    run_of_ingest(instance, settings, dg.DagsterRunStatus.NOT_STARTED, 1)

    assert "still under way" in skipped(tick())


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_a_failed_run_is_not_repeated_at_once(
    tick: Tick,
    workbench: Workbench,
    instance: dg.DagsterInstance,
    settings: Settings,
    status: dg.DagsterRunStatus,
) -> None:
    plant_quotes(workbench, WEDNESDAY)
    run_of_ingest(instance, settings, status, 1)
    assert "waiting before 2025-01-15" in skipped(tick())

    plant_quotes(workbench, WEDNESDAY)
    assert requested(tick()) == [("2025-01-15", None)]


def test_rows_before_the_first_session_are_reported(tick: Tick, workbench: Workbench) -> None:
    plant_quotes(workbench, date(2024, 12, 30))

    assert "set dagster.first_session to 2024-12-30" in skipped(tick())


def test_progress_counts_only_sessions_that_are_partitions(
    workbench: Workbench, settings: Settings
) -> None:
    """A Saturday in the spool is reported by the sensor and must not hold up the demo."""
    plant_quotes(workbench, WEDNESDAY)
    plant_quotes(workbench, date(2025, 1, 18))

    assert LakeProgress(settings).sessions_done(workbench.spool.partitions()) == (0, 1)
