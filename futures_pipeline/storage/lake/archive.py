"""Old commits, kept beside the log that tables are opened from.

A commit a minute is 126,000 in the 90 days that versions stay readable, and every opening of
a table lists its whole log. Commits that are older than ``HOT`` therefore move to a log of
their own, ``_archive/TABLE``, which is a Delta table over the same data files: its months are
links. Only reads as of long ago open it.
"""

from datetime import datetime, timedelta
from pathlib import Path

from futures_pipeline.storage.lake.commit_log import CommitLog, checkpoint_name, commit_name
from futures_pipeline.storage.lake.data_files import MONTH
from futures_pipeline.storage.lake.durable import make_directory, sync

ARCHIVE = "_archive"
HOT = timedelta(days=2)
# One of them may be damaged: then the other and the commits after it stand in.
CHECKPOINTS_LEFT = 2


def archive_root(root: Path) -> Path:
    """Return the directory of a table's archive."""
    return root.parent / ARCHIVE / root.name


def archive_before(root: Path, cutoff: datetime) -> int:
    """Move the log from before ``cutoff`` to the archive; return how many files.

    Damaged ones stay, where a scrub names them.
    """
    log, archive = CommitLog(root), CommitLog(archive_root(root))
    commits, checkpoints = log.commits(), log.checkpoints()
    old = [v for v in checkpoints if v in commits and log.made_at(v) < cutoff]
    base = min(old[-1:] + checkpoints[-CHECKPOINTS_LEFT:], default=0) if old else 0
    names = [commit_name(v) for v in commits if v < base]
    names += [checkpoint_name(v) for v in checkpoints if v < base]
    damaged = set(log.damaged(names))
    moved = [name for name in names if name not in damaged]
    _move(log, archive, moved)
    link_months(root)
    return len(moved)


def bring_back(root: Path) -> int:
    """Move the whole archive back into the log; return how many files."""
    log, archive = CommitLog(root), CommitLog(archive_root(root))
    names = [commit_name(v) for v in archive.commits()]
    names += [checkpoint_name(v) for v in archive.checkpoints()]
    _move(archive, log, [name for name in names if name not in set(archive.damaged(names))])
    return len(names)


def _move(source: CommitLog, target: CommitLog, names: list[str]) -> None:
    if not names:
        return
    make_directory(target.directory)
    source.forget(names)
    for name in names:
        (source.directory / name).rename(target.directory / name)
    sync(source.directory)
    target.list_durable(names)


def link_months(root: Path) -> None:
    """Let the archive, if there is one, find every month's data files."""
    archive = archive_root(root)
    if archive.exists():
        for month in root.glob(f"{MONTH}=*"):
            link = archive / month.name
            if not link.is_symlink():
                link.symlink_to(Path("..", "..", root.name, month.name))
