"""One whole pass for the command line: is the lake level with the spool, do all checks pass?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg

from futures_pipeline.config import Settings
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.partitions import (
    contiguous,
    session_dates,
    session_partitions,
)
from futures_pipeline.orchestration.positions import spool_positions
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors import (
    INGEST_JOB,
    LONGEST_RANGE,
    run_request,
    sessions_behind,
)
from futures_pipeline.storage.spool import Partition

QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """A check's result; ``severity`` is WARN or ERROR and matters when it did not pass."""

    asset: str
    check: str
    passed: bool
    severity: str
    says: str


class Progress:
    """Tells how far the lake is behind the spool; remembers what it has seen."""

    def __init__(self, settings: Settings) -> None:
        self._workbench = Workbench(settings)
        globex = self._workbench.calendar.globex
        partitions = session_partitions(settings.dagster.first_session, globex)
        self._reachable = set(session_dates(partitions.get_partition_keys()))

    def sessions_done(self, wanted: Sequence[Partition]) -> tuple[int, int]:
        """Return how many of the sessions in ``wanted`` are level, and how many there are.

        Sessions that are no partition are the sensor's to report and count neither way.
        """
        sessions = {part.session_date for part in wanted} & self._reachable
        positions = spool_positions(wanted, sessions)
        behind = set(sessions_behind(positions, self._workbench))
        return len(sessions - behind), len(sessions)


def materialize_all(settings: Settings, sessions: Sequence[date]) -> list[CheckOutcome]:
    """Materialise every asset of some sessions in this process and return what checks say.

    Recorded in the Dagster instance of ``DAGSTER_HOME``, like any other run.
    """
    workbench = Workbench(settings)
    partitions = session_partitions(settings.dagster.first_session, workbench.calendar.globex)
    ranges = contiguous(sessions, partitions.get_partition_keys(), LONGEST_RANGE)
    job = build_defs(settings).resolve_job_def(INGEST_JOB)
    outcomes = []
    with dg.DagsterInstance.get() as instance:
        for keys in ranges:
            request = run_request(keys, spool_seq=0)
            result = job.execute_in_process(
                instance=instance,
                tags=request.tags,
                run_config=QUIET,
                partition_key=request.partition_key,
                raise_on_error=False,
            )
            outcomes += [_outcome(found) for found in result.get_asset_check_evaluations()]
            outcomes += [] if result.success else [_failed_run(keys, result.run_id)]
    return outcomes


def _outcome(found: dg.AssetCheckEvaluation) -> CheckOutcome:
    return CheckOutcome(
        asset=found.asset_key.to_user_string(),
        check=found.check_name,
        passed=found.passed,
        severity=found.severity.value,
        says=(found.description or "").partition(": ")[2],
    )


def _failed_run(keys: Sequence[str], run_id: str) -> CheckOutcome:
    says = f"run {run_id} over {keys[0]} to {keys[-1]} did not succeed; see Dagster's log"
    return CheckOutcome("all", "run", False, "ERROR", says)
