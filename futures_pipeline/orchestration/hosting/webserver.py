"""The process of the Dagster UI: Dagster's own application, reached through the guard alone.

``python -m futures_pipeline.orchestration.hosting.webserver --port 3000 --workspace FILE``
listens on 127.0.0.1. There is no second, unguarded address (docs/decisions/0020).
"""

import signal
from pathlib import Path

import click
import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from futures_pipeline.web.guard import Guard, own_hosts

LOOPBACK = "127.0.0.1"
STATEMENT_MILLISECONDS = 15_000
RECYCLE_SECONDS = 3_600
MOST_CONNECTIONS = 20


@click.command()
@click.option("--port", type=int, required=True)
@click.option("--workspace", type=click.Path(path_type=Path, exists=True), required=True)
def serve(port: int, workspace: Path) -> None:
    """Serve the UI of the instance in DAGSTER_HOME until interrupted."""
    # uvicorn raises the signal again when it has ended; the code server must end as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, RECYCLE_SECONDS, MOST_CONNECTIONS)
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, target, version=dg.__version__) as context:
            app = create_app_from_workspace_process_context(context)
            guarded = Guard(app, own_hosts(port))
            uvicorn.run(guarded, host=LOOPBACK, port=port, log_level="warning")


if __name__ == "__main__":
    serve()
