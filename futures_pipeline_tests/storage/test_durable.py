"""Writes are synced before they count, and a write that fails leaves nothing behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from futures_pipeline.storage.lake.durable import append_lines, write_new, write_over

WORK = """
import sys
from pathlib import Path
import polars as pl
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline_tests.storage.test_lake import NAME, quotes
lake = Lake(Path(sys.argv[1]))
table = lake.open_or_create(NAME)
print("mark", file=sys.stderr)
table.append(quotes(), Once("a", 1), {})
"""


def test_an_append_after_a_torn_line_starts_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "list"
    append_lines(path, "one\n")
    with path.open("a") as file:
        file.write("tw")
    append_lines(path, "three\n")

    assert path.read_text() == "one\ntw\nthree\n"


def test_a_file_is_never_written_over_by_mistake(tmp_path: Path) -> None:
    write_new(tmp_path / "a" / "b" / "file", b"first")

    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a" / "b" / "file", b"second")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_new(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_over(path, b"new")
        with pytest.raises(OSError, match="No space"):
            write_new(tmp_path / "other", b"new")
    assert [held.name for held in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_everything_a_commit_makes_is_synced_and_data_before_the_commit(tmp_path: Path) -> None:
    """The system calls themselves: no file of a commit is left to the kernel."""
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write,linkat,rename,renameat2"]
    done = subprocess.run(
        [*command, "-o", str(trace), sys.executable, "-c", WORK, str(tmp_path / "lake")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "PTRACE" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("tracing is not allowed on this machine")
    lines = trace.read_text().splitlines()
    after = lines[next(n for n, line in enumerate(lines) if '"mark' in line) :]
    synced = [line for line in after if "fsync(" in line]
    data = next(n for n, line in enumerate(after) if "fsync(" in line and ".parquet>" in line)
    commit = next(n for n, line in enumerate(after) if "00001.json" in line)

    assert data < commit
    for ending in (".parquet>", "00001.json>", "_digests.sha256>", "_delta_log>", "month=2025-01>"):
        assert any(ending in line for line in synced), ending
