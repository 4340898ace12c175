"""Small file systems of our own, where mounting is allowed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGE_BYTES = 64 * 2**20


class MountRefused(Exception):
    """The machine does not let us mount; says why."""


def _call(*command: str | Path) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise MountRefused(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        says = (error.stderr or "").strip().splitlines() or ["no reason given"]
        raise MountRefused(f"{command[0]}: {says[-1]}") from error


@contextmanager
def tmpfs(at: Path, size_bytes: int) -> Iterator[None]:
    """Mount a memory disk of a size for the body.

    Raises:
        MountRefused: the machine does not allow it.
    """
    at.mkdir(parents=True)
    _call("mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", at)
    try:
        yield
    finally:
        _call("umount", at)


def grow(at: Path, size_bytes: int) -> None:
    """Give a memory disk more room."""
    _call("mount", "-o", f"remount,size={size_bytes}", at)


def new_image(path: Path) -> None:
    """Make an empty ext4 file system in a file."""
    with path.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    _call("mkfs.ext4", "-q", path)


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[None]:
    """Mount an image for the body; its journal is replayed, as after a power cut.

    Raises:
        MountRefused: the machine does not allow it.
    """
    at.mkdir(parents=True, exist_ok=True)
    _call("mount", "-o", "loop", image, at)
    try:
        yield
    finally:
        _call("umount", at)
