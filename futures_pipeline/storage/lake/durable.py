"""The one place that makes bytes survive a power cut: write, sync, digest, lock.

For local disks. An object store acknowledges only what is durable and needs none of it, so
a lake on one would replace this module and nothing else.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from futures_pipeline.domain.errors import LakeError


class LakeDamaged(LakeError):
    """A file of a table is not what was made durable; ``futures-pipeline lake repair`` acts."""


def digest(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sync(path: Path) -> None:
    """Return once what the kernel holds of a file or directory is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(path: Path) -> None:
    """Create a directory, and return once every new entry above it is on disk."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for directory in missing:
        sync(directory.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, and return once it is on disk with its name.

    A write that fails, on a full disk for one, leaves nothing behind.
    """
    make_directory(path.parent)
    _write(path, data)
    sync(path.parent)


def write_over(path: Path, data: bytes) -> None:
    """Replace a file: after a power cut it is either the old one or the new one, whole."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    _write(beside, data)
    beside.replace(path)
    sync(path.parent)


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def append_lines(path: Path, lines: str) -> None:
    """Add whole lines to a file in one write, after a torn line too, and sync it."""
    is_new = not path.exists()
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        start = "" if size == 0 or file.read(1) == b"\n" else "\n"
        file.write(f"{start}{lines}".encode())
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync(path.parent)


@contextmanager
def locked(path: Path, *, alone: bool) -> Iterator[None]:
    """Hold a lock for the body: one ``alone``, or any number that share it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
