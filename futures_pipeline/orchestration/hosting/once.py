"""One whole pass for the command line: is the lake level with the spool, do all checks pass?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from futures_pipeline.config import Settings
from futures_pipeline.orchestration.analysis.automation import DAILY_JOB, ROLLING_JOB
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.decisions.automation import DECISIONS_JOB
from futures_pipeline.orchestration.ingestion.positions import spool_positions
from futures_pipeline.orchestration.partitions import (
    contiguous,
    session_dates,
    session_partitions,
)
from futures_pipeline.orchestration.quality.freshness import freshness_checks
from futures_pipeline.orchestration.quality.series import QUALITY_JOB
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.scorecard.automation import BRIEF_JOB, SCORECARD_JOB
from futures_pipeline.orchestration.sensors.derived import (
    DERIVE_JOB,
    running_session,
    sessions_to_derive,
)
from futures_pipeline.orchestration.sensors.planning import LONGEST_RANGE
from futures_pipeline.orchestration.sensors.runs import UNFINISHED, run_request, unfinished_run
from futures_pipeline.orchestration.sensors.spool import INGEST_JOB, sessions_to_ingest
from futures_pipeline.storage.spool import Partition

# What is computed of the newest sessions alone, so that a look ends soon.
NEWEST = 2
EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION
ON_NEWEST = (ROLLING_JOB, DAILY_JOB, DECISIONS_JOB, SCORECARD_JOB, BRIEF_JOB)
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """A check's result; ``severity`` is WARN or ERROR and matters when it did not pass."""

    asset: str
    check: str
    passed: bool
    severity: str
    says: str

    @property
    def badness(self) -> int:
        return 0 if self.passed else ("WARN", "ERROR").index(self.severity) + 1


class LakeProgress:
    """Tells how far the lake is behind the spool; remembers what it has seen."""

    def __init__(self, settings: Settings) -> None:
        self._workbench = Workbench(settings)
        globex = self._workbench.calendar.globex
        partitions = session_partitions(settings.dagster.first_session, globex)
        self._reachable = set(session_dates(partitions.get_partition_keys()))

    def sessions_done(self, wanted: Sequence[Partition]) -> tuple[int, int]:
        """Return how many of the sessions in ``wanted`` are level, and how many there are.

        The running session is level once its rows are in; what follows from them is computed
        now and then. Sessions that are no partition are the sensor's to report and count
        neither way.
        """
        sessions = {part.session_date for part in wanted} & self._reachable
        positions = spool_positions(wanted, sessions)
        running = running_session(self._workbench)
        derive = {day for day in sessions_to_derive(positions, self._workbench) if day < running}
        behind = derive.union(sessions_to_ingest(positions, self._workbench))
        return len(sessions - behind), len(sessions)

    def is_at_work(self) -> bool:
        """Return whether a run that fills the lake is under way."""
        with dg.DagsterInstance.get() as instance:
            return any(unfinished_run(instance, job) for job in (INGEST_JOB, DERIVE_JOB))


def materialize_all(settings: Settings, sessions: Sequence[date]) -> list[CheckOutcome]:
    """Materialise the assets of some sessions in this process and return what checks say.

    What follows from the derived tables is made of the newest two sessions. Recorded in the
    Dagster instance of ``DAGSTER_HOME``, like any other run.
    """
    workbench = Workbench(settings)
    partitions = session_partitions(settings.dagster.first_session, workbench.calendar.globex)
    ranges = contiguous(sessions, partitions.get_partition_keys(), LONGEST_RANGE)
    definitions = build_defs(settings)
    outcomes = []
    with dg.DagsterInstance.get() as instance:
        for keys in ranges:
            for job in (INGEST_JOB, DERIVE_JOB):
                outcomes += _executed(definitions.resolve_job_def(job), instance, keys)
        for job in ON_NEWEST if ranges else ():
            newest = ranges[-1][-NEWEST:]
            outcomes += _executed(definitions.resolve_job_def(job), instance, newest)
        outcomes += _executed(definitions.resolve_job_def(QUALITY_JOB), instance, [])
    return outcomes


def end_left_runs() -> None:
    """End the runs that a stopped daemon left: they hold the places of their tables."""
    with dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
            instance.report_run_canceled(run, message="the daemon was stopped")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def checks_of_runs(since: datetime) -> list[CheckOutcome]:
    """Return what the checks of the runs created after a (system) time say, oldest first."""
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(dg.RunsFilter(created_after=since), ascending=True)
        logs = [instance.all_logs(run.run_id, of_type=EVALUATED) for run in runs]
    events = [entry.dagster_event for log in logs for entry in log if entry.dagster_event]
    return _told([event.asset_check_evaluation_data for event in events])


def worst_of(outcomes: Sequence[CheckOutcome]) -> list[CheckOutcome]:
    """Return one outcome a check: the newest of its worst, as runs look at several sessions."""
    worst: dict[tuple[str, str], CheckOutcome] = {}
    for outcome in outcomes:
        key = (outcome.asset, outcome.check)
        if key not in worst or outcome.badness >= worst[key].badness:
            worst[key] = outcome
    return list(worst.values())


def _executed(
    job: dg.JobDefinition, instance: dg.DagsterInstance, keys: Sequence[str]
) -> list[CheckOutcome]:
    """Return what the checks of one run say, and whether the run failed otherwise."""
    request = run_request(keys, spool_seq=0) if keys else dg.RunRequest()
    result = job.execute_in_process(
        instance=instance,
        tags=request.tags,
        run_config=QUIET,
        partition_key=request.partition_key,
        raise_on_error=False,
    )
    outcomes = _told(result.get_asset_check_evaluations())
    is_told = any(not outcome.passed and outcome.severity == "ERROR" for outcome in outcomes)
    return outcomes if result.success or is_told else [*outcomes, _failed_run(job.name, result)]


def _told(found: Sequence[dg.AssetCheckEvaluation]) -> list[CheckOutcome]:
    """Return evaluations as outcomes, without freshness: nothing collects any more."""
    stale = {key.name for key in freshness_checks.check_keys}
    return [_outcome(it) for it in found if it.check_name not in stale]


def _outcome(found: dg.AssetCheckEvaluation) -> CheckOutcome:
    return CheckOutcome(
        asset=found.asset_key.to_user_string(),
        check=found.check_name,
        passed=found.passed,
        severity=found.severity.value,
        says=(found.description or "").partition(": ")[2],
    )


def _failed_run(job: str, result: dg.ExecuteInProcessResult) -> CheckOutcome:
    says = f"run {result.run_id} did not succeed; see Dagster's log"
    return CheckOutcome(job, "run", False, "ERROR", says)
