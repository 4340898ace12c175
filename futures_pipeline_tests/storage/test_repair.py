"""Whatever is torn, gone or flipped in a table's log: found, repaired, no row lost or twice."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake, LakeDamaged, Once
from futures_pipeline.storage.lake.commit_log import CommitLog, checkpoint_name, commit_name
from futures_pipeline.storage.repair import heal, heal_logs, repair_logs
from futures_pipeline.storage.scrub import scrub
from futures_pipeline.storage.tables import BARS_1M, CHANGE_METRICS, QUARANTINE
from futures_pipeline_tests.storage.killed_ingester import next_batch
from futures_pipeline_tests.storage.rows import AT, SESSION
from futures_pipeline_tests.torture.truth import account

BATCHES = 6


def log_of(ingestion: Ingestion, table: str = BARS_1M.name) -> CommitLog:
    return CommitLog(ingestion.lake.path(table))


def fill(ingestion: Ingestion, count: int = BATCHES, first: int = 0) -> None:
    for number in range(first, first + count):
        ingestion.spool.append([next_batch(number)], AT)
        ingest_partition(ingestion, BARS_1M, SESSION, AT)


def fresh(ingestion: Ingestion) -> Ingestion:
    """Return the same lake as another process sees it: nothing is known to be checked."""
    lake = Lake(ingestion.lake.root)
    return Ingestion(lake, ingestion.spool, ingestion.instruments, ingestion.calendar, "after")


def newest(log: CommitLog) -> Path:
    return log.directory / commit_name(log.commits()[-1])


def empty_it(log: CommitLog) -> None:
    newest(log).write_bytes(b"")


def tear_it(log: CommitLog) -> None:
    path = newest(log)
    path.write_bytes(path.read_bytes()[:100])


def remove_it(log: CommitLog) -> None:
    newest(log).unlink()


def flip_in_the_middle(log: CommitLog) -> None:
    """A digit of an earlier commit's position: valid JSON that means something else."""
    path = log.directory / commit_name(3)
    path.write_bytes(path.read_bytes().replace(b'"version":', b'"version":1', 1))


def remove_the_first(log: CommitLog) -> None:
    (log.directory / commit_name(0)).unlink()


def empty_all(log: CommitLog) -> None:
    for version in log.commits():
        (log.directory / commit_name(version)).write_bytes(b"")


DAMAGES: list[Callable[[CommitLog], None]] = [
    empty_it,
    tear_it,
    remove_it,
    flip_in_the_middle,
    remove_the_first,
    empty_all,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_log_is_never_read_in_silence(
    ingestion: Ingestion, damage: Callable[[CommitLog], None]
) -> None:
    fill(ingestion)
    damage(log_of(ingestion))

    with pytest.raises(LakeDamaged, match="lake repair"):
        Lake(ingestion.lake.root).open(BARS_1M.name)


@pytest.mark.parametrize("name", [BARS_1M.name, QUARANTINE.name])
@pytest.mark.parametrize("damage", DAMAGES)
def test_ingestion_repairs_the_log_and_repeats_what_was_lost(
    ingestion: Ingestion, damage: Callable[[CommitLog], None], name: str
) -> None:
    fill(ingestion)
    damage(log_of(ingestion, name))
    again = fresh(ingestion)
    fill(again, 1, first=BATCHES)

    found = account(again.lake, again.spool)
    assert found.is_even, found
    assert found.acknowledged == 2 * (BATCHES + 1) + BATCHES + 1


def test_what_was_taken_out_is_set_aside_not_deleted(ingestion: Ingestion) -> None:
    fill(ingestion)
    tear_it(log_of(ingestion))
    (done,) = heal_logs(ingestion, [BARS_1M.name], AT)

    assert "went back from version 6 to 5" in done.did
    (kept,) = (ingestion.lake.root / "_set_aside").rglob("*.json")
    assert kept.name == commit_name(6)


def test_a_sound_table_is_left_alone(ingestion: Ingestion) -> None:
    fill(ingestion)
    before = {path: path.stat().st_mtime_ns for path in ingestion.lake.root.rglob("*.json")}

    assert heal(fresh(ingestion), [BARS_1M.name, QUARANTINE.name, CHANGE_METRICS.name], AT) == []
    assert before == {path: path.stat().st_mtime_ns for path in ingestion.lake.root.rglob("*.json")}


def test_a_whole_commit_of_a_killed_writer_is_kept(ingestion: Ingestion) -> None:
    """The kill came between the commit and its listing: nothing has to be repeated."""
    fill(ingestion)
    log = log_of(ingestion)
    log.forget([commit_name(log.commits()[-1])])
    again = fresh(ingestion)

    assert log.watermark() == BATCHES - 1
    assert repair_logs(again.lake, [BARS_1M.name]) == []
    assert log.watermark() == BATCHES


def test_a_commit_newer_than_the_watermark_whose_file_is_gone_is_taken_back(
    ingestion: Ingestion,
) -> None:
    fill(ingestion)
    log = log_of(ingestion)
    log.forget([commit_name(log.commits()[-1])])
    table = ingestion.lake.open(BARS_1M.name)
    assert table is not None
    for action in log.actions(table.version):
        if "add" in action:
            (table.root / action["add"]["path"]).unlink()
    again = fresh(ingestion)
    heal(again, [BARS_1M.name], AT)
    ingest_partition(again, BARS_1M, SESSION, AT)

    assert account(again.lake, again.spool).is_even


def test_a_torn_line_of_the_list_hides_no_other(ingestion: Ingestion) -> None:
    fill(ingestion)
    listed = log_of(ingestion).directory / "_digests.sha256"
    listed.write_bytes(listed.read_bytes()[:-30])
    again = fresh(ingestion)
    fill(again, 2, first=BATCHES)

    assert log_of(again).watermark() == BATCHES + 2
    assert account(again.lake, again.spool).is_even


def checkpointed(ingestion: Ingestion) -> CommitLog:
    fill(ingestion, 3)
    table = ingestion.lake.open_or_create(BARS_1M.name)
    table.checkpoint()
    fill(ingestion, 3, first=3)
    return table.log


@pytest.mark.parametrize("damage", [b"", b"PAR1 and then nothing of use"])
def test_a_bad_checkpoint_is_set_aside_and_the_commits_stand_in(
    ingestion: Ingestion, damage: bytes
) -> None:
    log = checkpointed(ingestion)
    (log.directory / checkpoint_name(3)).write_bytes(damage)
    with pytest.raises(LakeDamaged, match="lake repair"):
        Lake(ingestion.lake.root).open(BARS_1M.name)
    again = fresh(ingestion)
    fill(again, 1, first=BATCHES)

    assert log.checkpoints() == []
    assert account(again.lake, again.spool).is_even


@pytest.mark.parametrize("hint", [b"", b"{", b'{"version":999,"size":1}'])
def test_a_bad_hint_at_the_checkpoint_is_no_harm(ingestion: Ingestion, hint: bytes) -> None:
    log = checkpointed(ingestion)
    (log.directory / "_last_checkpoint").write_bytes(hint)
    again = fresh(ingestion)
    heal(again, [BARS_1M.name], AT)
    fill(again, 1, first=BATCHES)

    assert log.checkpoints() == [3]
    assert account(again.lake, again.spool).is_even


def test_a_derived_table_that_went_back_is_behind_again(ingestion: Ingestion) -> None:
    """Its position is part of the lost commit, so Dagster computes the session anew."""
    table = ingestion.lake.open_or_create(CHANGE_METRICS.name)
    nothing = pl.DataFrame(schema=CHANGE_METRICS.schema)
    for position in (4, 9):
        table.replace([SESSION], nothing, {}, Once("spool:change_metrics", position))
    empty_it(table.log)
    repair_logs(ingestion.lake, [CHANGE_METRICS.name])

    again = Lake(ingestion.lake.root).open(CHANGE_METRICS.name)
    assert again is not None
    assert again.committed_seq("spool:change_metrics") == 4


def test_a_writer_of_a_derived_table_repairs_its_log_by_itself(ingestion: Ingestion) -> None:
    nothing = pl.DataFrame(schema=CHANGE_METRICS.schema)
    table = ingestion.lake.open_or_create(CHANGE_METRICS.name)
    table.replace([SESSION], nothing, {}, Once("spool:change_metrics", 4))
    tear_it(table.log)
    again = Lake(ingestion.lake.root).open_or_create(CHANGE_METRICS.name)

    assert again.committed_seq("spool:change_metrics") == 0


def test_as_of_reads_find_their_log_damaged_too(ingestion: Ingestion) -> None:
    fill(ingestion)
    flip_in_the_middle(log_of(ingestion))

    assert Lake(ingestion.lake.root).read(BARS_1M.name, as_of=2).height == 4
    with pytest.raises(LakeDamaged, match=commit_name(3)):
        Lake(ingestion.lake.root).read(BARS_1M.name, as_of=4)


def test_rows_of_other_sessions_survive_a_step_back(ingestion: Ingestion) -> None:
    fill(ingestion, 2)
    table = ingestion.lake.open_or_create(BARS_1M.name)
    other = table.read().with_columns(session_date=pl.lit(SESSION + timedelta(1)))
    table.append(other, Once("other", 1), {})
    fill(ingestion, 1, first=2)
    empty_it(table.log)
    again = fresh(ingestion)
    ingest_partition(again, BARS_1M, SESSION, AT)

    assert again.lake.read(BARS_1M.name, [SESSION + timedelta(1)]).height == other.height


@pytest.mark.parametrize(("version", "is_newest"), [(1, False), (3, False), (3, True)])
def test_a_damaged_commit_behind_a_checkpoint_is_set_aside_and_costs_no_row(
    ingestion: Ingestion, version: int, is_newest: bool
) -> None:
    """The rows of now are read from the checkpoint; what is gone is the way back."""
    fill(ingestion, 3)
    ingestion.lake.open_or_create(BARS_1M.name).checkpoint()
    if not is_newest:
        fill(ingestion, 3, first=3)
    log, before = log_of(ingestion), ingestion.lake.read(BARS_1M.name)
    with (log.directory / commit_name(version)).open("ab") as file:
        file.write(b"{torn")
    again = fresh(ingestion)
    assert len(scrub(again.lake, [BARS_1M.name]).damages) == 1
    (healed,) = heal(again, [BARS_1M.name], AT)
    assert (healed.table, healed.lost_rows) == (BARS_1M.name, 0)
    assert again.lake.read(BARS_1M.name).equals(before)
    if is_newest:  # writers need it
        assert "after the next commit" in healed.did
        fill(again, 1, first=BATCHES)
        heal(again, [BARS_1M.name], AT)
    assert scrub(again.lake, [BARS_1M.name]).damages == ()
    with pytest.raises(LakeError):  # what stood between the two commits nobody knows any more
        again.lake.read(BARS_1M.name, as_of=log.made_at(version - 1))
    fill(again, 2, first=BATCHES)
    assert account(again.lake, again.spool).is_even
    assert scrub(Lake(again.lake.root), [BARS_1M.name]).damages == ()
