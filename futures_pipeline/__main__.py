"""``futures-pipeline COMMAND``; every refusal is one sentence."""

import signal
import sys

from futures_pipeline.domain.errors import PipelineError


def main() -> None:
    """Run the command line; a PipelineError ends it with its sentence and status 1."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while the rest loads ends in silence
    from futures_pipeline.commands.cli import cli

    try:
        cli()
    except PipelineError as error:
        sys.stderr.write(f"futures-pipeline: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
