"""Dagster's home directory: its configuration, and the commands that run it from there."""

import json
import sys
from pathlib import Path

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

import futures_pipeline
from futures_pipeline.config import Settings, writable_directory
from futures_pipeline.domain.errors import DataDirectoryError

DEFINITIONS = "futures_pipeline.definitions"
WEBSERVER = "futures_pipeline.orchestration.hosting.webserver"
LOCATION = "futures_pipeline"
INSTANCE_FILE = "dagster.yaml"
WORKSPACE_FILE = "workspace.yaml"
# How long a queued run may wait to be noticed, unless the spool is looked at more often.
DEQUEUE_SECONDS = 5

# -P: a file gql.py in the user's working directory would be imported for the library.
PYTHON = [sys.executable, "-P"]

INSTANCE = """\
# Written by futures-pipeline; changes are overwritten when it starts.
telemetry:
  enabled: false
nux:
  enabled: false

# One writer per Delta table. A second one would be refused and repeat its work, never lose rows.
concurrency:
  runs:
    max_concurrent_runs: 2
  pools:
    default_limit: 1
    granularity: op
run_queue:
  dequeue_interval_seconds: {dequeue_seconds}

# A run whose process died is failed, its pool slots are freed, and it is started once more.
# One that is killed while it starts is noticed by the time-out alone.
run_monitoring:
  enabled: true
  start_timeout_seconds: 60
  cancel_timeout_seconds: 60
  max_runtime_seconds: 3600
  poll_interval_seconds: 5
  free_slots_after_run_end_seconds: 5
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false

# What a run prints goes to the daemon's log. Capturing it takes four processes a run.
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager

# Days to keep what a sensor or schedule decided.
retention:
  sensor:
    purge_after_days:
      skipped: 2
      started: 14
      success: 14
      failure: 30
  schedule:
    purge_after_days:
      skipped: 7
      started: 30
      success: 30
      failure: 30
"""

WORKSPACE = """\
load_from:
  - python_module:
      module_name: {module}
      location_name: {location}
      working_directory: {directory}
"""


def prepare_home(home: Path, settings: Settings) -> None:
    """Write the instance and workspace files into ``home``, and create Dagster's databases.

    To be called before webserver and daemon start: started at the same moment on an empty
    home, they collide in creating the databases, and one of them fails.

    Raises:
        DataDirectoryError: ``home`` cannot be written, or the disk is full.
    """
    writable_directory(home)
    try:
        _write_files(home, settings)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            instance.get_runs_count()
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise DataDirectoryError(
            f"Dagster's home {home}: its files and databases cannot be written ({cause}); "
            "make room on the disk and check the rights, then start again"
        ) from error


def _write_files(home: Path, settings: Settings) -> None:
    dequeue = min(DEQUEUE_SECONDS, settings.dagster.ingest_interval_seconds)
    # The directory that holds the package, so that it need not be installed.
    directory = Path(futures_pipeline.__file__).resolve().parents[1]
    (home / INSTANCE_FILE).write_text(INSTANCE.format(dequeue_seconds=dequeue), encoding="utf-8")
    (home / WORKSPACE_FILE).write_text(
        WORKSPACE.format(
            module=DEFINITIONS, location=LOCATION, directory=json.dumps(str(directory))
        ),
        encoding="utf-8",
    )


def home_environment(home: Path) -> dict[str, str]:
    """Return the variables that Dagster's processes need, besides ``FUTURES_PIPELINE_*``.

    The second does for the processes they start what ``-P`` does for themselves.
    """
    return {"DAGSTER_HOME": str(home.absolute()), "PYTHONSAFEPATH": "1"}


def webserver_command(home: Path, port: int) -> list[str]:
    """Return the command of the guarded UI on ``127.0.0.1:port``, valid in any directory."""
    address = ["--port", str(port), "--workspace", _workspace(home)]
    return [*PYTHON, "-m", WEBSERVER, *address]


def daemon_command(home: Path) -> list[str]:
    """Return the command of the daemon: sensors, the run queue and run monitoring."""
    return [*PYTHON, "-m", "dagster._daemon", "run", "-w", _workspace(home)]


def _workspace(home: Path) -> str:
    return str((home / WORKSPACE_FILE).absolute())
