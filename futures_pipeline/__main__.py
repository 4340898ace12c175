"""``futures-pipeline COMMAND``; every refusal is one sentence."""

import sys

from futures_pipeline.domain.errors import PipelineError

INTERRUPTED = 130  # as a shell tells of Ctrl-C


def main() -> None:
    """Run the command line; a PipelineError ends it with its sentence and status 1."""
    try:
        from futures_pipeline.commands.cli import cli

        cli()
    except PipelineError as error:
        sys.stderr.write(f"futures-pipeline: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
