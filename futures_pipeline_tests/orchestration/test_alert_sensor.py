"""What becomes an alert: failed checks, failed sessions, events that last."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from futures_pipeline.alerting import Outbox
from futures_pipeline.config import Settings
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.alerts import (
    SELF_HEALING,
    failed_sessions,
    lasting_events,
)
from futures_pipeline.orchestration.sensors.runs import run_request
from futures_pipeline.storage.tables import GATEWAY_EVENTS
from futures_pipeline_tests.alerting.web import web_hook
from futures_pipeline_tests.orchestration.conftest import (
    TUESDAY,
    WEDNESDAY,
    Ingest,
    plant_quotes,
)
from futures_pipeline_tests.storage.rows import event, frame

NOON = datetime(2025, 1, 15, 17, tzinfo=UTC)


def minutes_ago(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("name", "began", "ended", "alarms"),
    [
        pytest.param("competing_session", 30, 1, True, id="lasts"),
        pytest.param("competing_session", 9, 0, False, id="has just begun"),
        pytest.param("competing_session", 60, 30, False, id="is over"),
        pytest.param("nightly_reset", 30, 1, False, id="is expected"),
        pytest.param("no_permission", 30, 0, True, id="a missing subscription"),
    ],
)
def test_events_that_last_alarm(name: str, began: float, ended: float, alarms: bool) -> None:
    rows = frame([event(name, minutes_ago(began), minutes_ago(ended))], GATEWAY_EVENTS)
    assert bool(lasting_events(rows, NOON)) == alarms


def test_an_event_says_since_when_and_of_what() -> None:
    spans = [("ESH5", 30), ("NQH5", 20)]
    rows = [
        event("no_permission", minutes_ago(began), NOON, contract=contract, symbol=contract[:2])
        for contract, began in spans
    ]
    (found,) = lasting_events(frame(rows, GATEWAY_EVENTS), NOON)
    assert found.title == "gateway: no permission"
    assert found.says == (
        "the account has no subscription for these data, since 2025-01-15 16:30 UTC: ESH5, NQH5"
    )


def failed_run(instance: dg.DagsterInstance, settings: Settings, *, killed: bool) -> None:
    """Record a failed run of ``ingest`` over Wednesday."""
    reason = {} if killed else {"dagster/failure_reason": "STEP_FAILURE"}
    tags = {**run_request([str(WEDNESDAY)], 1).tags, "dagster/partition": str(WEDNESDAY), **reason}
    job = build_defs(settings).resolve_job_def("ingest")
    run = instance.create_run_for_job(job, tags=tags)
    instance.report_run_failed(run)


def test_a_failed_session_alarms_until_it_is_made_good(
    instance: dg.DagsterInstance, settings: Settings, workbench: Workbench, ingest: Ingest
) -> None:
    failed_run(instance, settings, killed=False)

    (found,) = failed_sessions(instance, ["ingest"], datetime.now(UTC))
    assert found.title == "job ingest, session 2025-01-15: failed"

    plant_quotes(workbench, TUESDAY)
    ingest(str(TUESDAY))
    assert failed_sessions(instance, ["ingest"], datetime.now(UTC))
    ingest(str(TUESDAY), str(WEDNESDAY))
    assert failed_sessions(instance, ["ingest"], datetime.now(UTC)) == []


def test_a_killed_run_has_time_to_be_started_again(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    failed_run(instance, settings, killed=True)

    now = datetime.now(UTC)
    assert failed_sessions(instance, ["ingest"], now) == []
    assert failed_sessions(instance, ["ingest"], now + SELF_HEALING) != []


Tick = Callable[[], str]


@pytest.fixture
def tick(settings: Settings, workbench: Workbench, instance: dg.DagsterInstance) -> Tick:
    sensor = build_defs(settings).get_repository_def().get_sensor_def("alert_sensor")

    def evaluate() -> str:
        context = dg.build_sensor_context(instance=instance, resources={"workbench": workbench})
        found = sensor(context)
        assert isinstance(found, dg.SkipReason)
        return found.skip_message or ""

    return evaluate


def test_a_check_that_fails_reaches_a_person_once(
    tick: Tick, settings: Settings, workbench: Workbench, ingest: Ingest
) -> None:
    """Refused rows: a warning, named by asset and check, with the check's own words."""
    plant_quotes(workbench, WEDNESDAY, crossed=1)
    with web_hook() as hook:
        (settings.data / "alert_urls").write_text(hook.url)
        assert tick() == "0 wrong, 0 new messages, 0 delivered"
        ingest(str(WEDNESDAY))
        tick()
        tick()

        titles = [title for title in hook.titles if "refused" in title]
        (sent,) = [each for each in hook.received if "refused" in each["title"]]

    assert titles == ["ERROR: futures_snapshots: no refused rows"]
    assert "1 rows refused: 2025-01-15 quote_not_crossed (1)" in sent["message"]
    keys = [state.condition.key for state in Outbox(settings.data).states()]
    assert "check futures_snapshots futures_snapshots_no_refused_rows" in keys
