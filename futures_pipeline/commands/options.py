"""Options and start-up steps that several commands share."""

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from futures_pipeline.config import Settings, load_settings, writable_directory
from futures_pipeline.domain.errors import DataDirectoryError

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--config`` and ``--data`` to a command."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="Settings file; default futures_pipeline.toml in this directory, if there.",
    )
    data = click.option(
        "--data",
        type=click.Path(path_type=Path),
        help="Data directory; default FUTURES_PIPELINE_DATA, or data/.",
    )
    return config(data(command))


def with_own_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command below a group its own ``--config`` and ``--data``, else the group's."""

    @with_settings
    @click.pass_obj
    @wraps(command)
    def called(
        settings: Settings,
        /,
        *arguments: Any,
        config: Path | None,
        data: Path | None,
        **options: Any,
    ) -> Any:
        own = load_settings(config=config, data=data) if config or data else settings
        return command(own, *arguments, **options)

    return called


def start_up(config: Path | None, data: Path | None) -> Settings:
    """Return checked settings with a data directory that can be written."""
    settings = load_settings(config=config, data=data)
    writable_directory(settings.data)
    return settings


@contextmanager
def sole_user(directory: Path, name: str) -> Iterator[None]:
    """Hold ``directory/NAME.lock`` for the body; the lock ends with the process.

    Raises:
        DataDirectoryError: another process holds it.
    """
    path = directory / f"{name}.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DataDirectoryError(
                f"data directory {directory}: another {name} is using it; "
                "stop that one, or choose another directory with --data"
            ) from error
        yield


def start_logging() -> None:
    """Log to standard error; the broker library speaks only of its own failures."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    logging.getLogger("ib_async.decoder").setLevel(logging.ERROR)
