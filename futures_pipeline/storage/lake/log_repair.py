"""Start-up repair of a table's log: what a power cut tore goes, what is whole stays.

Nothing is deleted: what is taken out of a log is set aside under the lake's ``_set_aside``.
A table then stands at an earlier commit, and so do its positions, from which ingestion
repeats exactly the rows that are missing and Dagster computes derived sessions anew.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path

from futures_pipeline.storage.lake.archive import ARCHIVE, archive_root, bring_back
from futures_pipeline.storage.lake.commit_log import (
    HINT,
    CommitLog,
    checkpoint_name,
    commit_name,
    version_of,
)
from futures_pipeline.storage.lake.data_files import DataFile, checked_bytes
from futures_pipeline.storage.lake.durable import LakeDamaged, locked, make_directory, sync

SET_ASIDE = "_set_aside"


def repair_log(root: Path) -> list[str]:
    """Bring a table's log back to its last whole commit; return what was done, in sentences.

    Raises:
        OSError: the disk refuses.
    """
    log = CommitLog(root)
    if not log.directory.is_dir():
        return []
    with locked(root / "_lock", alone=True):
        done = _drop_checkpoints(log)
        if not log.checkpoints() and min(log.commits(), default=0) > 0 and bring_back(root):
            done.append("its archive was moved back into its log, for want of a checkpoint")
        newest = max([log.watermark(), *log.commits()])
        bad = first_unsound(log, root, newest)
        if bad is not None:
            return [*done, _go_back(log, root, bad, newest)]
        log.make_durable(newest)
        return done


def drop_damaged_history(root: Path) -> list[str]:
    """Set aside damaged commits that no present row is read from; return sentences.

    A later checkpoint holds what they did. What is lost is the way back to the versions
    between them and that checkpoint. The newest commit stays until there is a newer one: no
    writer would find the table's version without it.

    Raises:
        OSError: the disk refuses.
    """
    done = []
    with locked(root / "_lock", alone=True):
        for log in (CommitLog(root), CommitLog(archive_root(root))):
            base, last = max(log.checkpoints(), default=-1), log.watermark()
            bad = [name for name in log.damaged(log.digests()) if version_of(name) <= base]
            if commit_name(last) in bad:
                bad.remove(commit_name(last))
                done.append(
                    f"{commit_name(last)} is not as committed; the rows are whole, it is set aside "
                    "by the first repair after the next commit"
                )
            log.forget(bad)
            _set_aside(log, [name for name in bad if (log.directory / name).exists()])
            done += [
                f"set aside {name}, which was not as committed: the rows of now are whole, some "
                "earlier versions cannot be read any more"
                for name in bad
            ]
    return done


def first_unsound(log: CommitLog, root: Path, newest: int) -> int | None:
    """Return the first version after the last checkpoint that cannot be relied on."""
    base = max(log.checkpoints(), default=-1)
    listed = log.digests()
    for version in range(base + 1, newest + 1):
        name = commit_name(version)
        is_sound = not log.damaged([name]) if name in listed else _is_whole(log, root, version)
        if not is_sound:
            return version
    return None


def _is_whole(log: CommitLog, root: Path, version: int) -> bool:
    """Return whether a commit that is not known to be durable is complete, with its files."""
    try:
        for action in log.actions(version):
            if "add" in action:
                added = action["add"]
                checked_bytes(root, DataFile(added["path"], added["size"], 0))
    except (FileNotFoundError, ValueError, LakeDamaged):
        return False
    return True


def _drop_checkpoints(log: CommitLog) -> list[str]:
    """Set aside checkpoints that are not what was made durable: commits can stand in for them."""
    listed = log.digests()
    names = [checkpoint_name(version) for version in log.checkpoints()]
    bad = [name for name in names if name not in listed or log.damaged([name])]
    log.forget(bad)
    _set_aside(log, bad)
    hint = log.directory / HINT
    if hint.exists() and log.last_checkpoint() != max(log.checkpoints(), default=-1):
        bad.append(HINT)
        hint.unlink()
    return [f"set aside {name}, which was not whole" for name in bad]


def _go_back(log: CommitLog, root: Path, bad: int, newest: int) -> str:
    """Take the commits from ``bad`` on out of the log; the whole table if none is left."""
    if bad == 0 or (bad - 1 not in log.commits() and bad - 1 not in log.checkpoints()):
        away = _new_directory(root)
        root.rename(away / root.name)
        if archive_root(root).exists():
            archive_root(root).rename(away / ARCHIVE)
        sync(root.parent)
        return f"its log could not be read from commit {bad} on: the table was set aside as {away}"
    log.forget([name for name in log.digests() if version_of(name) >= bad])
    _set_aside(log, [commit_name(v) for v in log.commits() if v >= bad])
    log.make_durable(bad - 1)
    return (
        f"commit {bad} was not whole: went back from version {newest} to {bad - 1}; ingestion "
        "brings the rows in again from the spool"
    )


def _set_aside(log: CommitLog, names: Sequence[str]) -> None:
    if not names:
        return
    away = _new_directory(log.directory.parent)
    for name in sorted(names, key=version_of, reverse=True):
        (log.directory / name).rename(away / name)
    sync(away)
    sync(log.directory)


def _new_directory(root: Path) -> Path:
    away = root.parent / SET_ASIDE / f"{root.name}.{uuid.uuid4().hex[:8]}"
    make_directory(away)
    return away
