"""Small files become few, old versions go, rows and the promise of as-of reads stay."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake, LakeDamaged, Once
from futures_pipeline.storage.lake.archive import HOT, archive_root
from futures_pipeline.storage.lake.commit_log import CommitLog, checkpoint_name, commit_name
from futures_pipeline.storage.lake.data_files import DataFile
from futures_pipeline.storage.maintenance import (
    FILE_ROWS,
    JOURNAL,
    KEEP,
    in_groups,
    maintain,
    prune_journal,
    to_gather,
)
from futures_pipeline.storage.repair import repair_logs
from futures_pipeline.storage.scrub import scrub
from futures_pipeline.storage.tables import BARS_1M, QUARANTINE
from futures_pipeline_tests.storage.killed_ingester import next_batch
from futures_pipeline_tests.storage.rows import AT, SESSION, bar, frame

NAME = BARS_1M.name
FEBRUARY = date(2025, 2, 14)


def file(days: str, rows: int = 10, month: str = "2025-01", tag: str = "0") -> DataFile:
    return DataFile(f"month={month}/{days}.{tag * 8}.{'0' * 64}.parquet", 1, rows)


def stored(session_date: date, minute: int) -> pl.DataFrame:
    start = datetime(session_date.year, session_date.month, session_date.day, 15, tzinfo=UTC)
    row = bar(session_date=session_date, ts_start=start + timedelta(minutes=minute))
    return frame([row], BARS_1M).with_columns(
        ingested_at=pl.lit(AT).dt.cast_time_unit("us"), spool_seq=pl.lit(minute, pl.Int64)
    )


def january(lake: Lake, days: int = 3, minutes: int = 4) -> pl.DataFrame:
    """Append bars of some January sessions, a commit a minute; return them all."""
    table = lake.open_or_create(NAME)
    for number in range(days):
        for minute in range(minutes):
            day = date(2025, 1, 13) + timedelta(number)
            table.append(stored(day, minute), Once(f"{day}", minute + 1), {})
    return lake.read(NAME)


def test_a_closed_month_becomes_one_file_and_an_open_month_a_file_a_session() -> None:
    files = [file("13"), file("13", tag="1"), file("14"), file("14", tag="1"), file("15-16")]

    assert to_gather(files, FEBRUARY) == [sorted(files, key=lambda f: (min(f.sessions), f.path))]
    assert to_gather(files, date(2025, 1, 15)) == [files[:2], files[2:4]]
    assert to_gather(files, date(2025, 1, 14)) == [files[:2]]
    assert to_gather([file("13-14"), file("13", month="2025-02")], FEBRUARY) == []


@given(st.lists(st.integers(1, FILE_ROWS + 5), max_size=30))
def test_groups_are_the_files_in_order_and_never_too_large(rows: list[int]) -> None:
    files = [file(f"{1 + n:02}", count) for n, count in enumerate(rows)]
    groups = in_groups(files, FILE_ROWS)

    assert [one for group in groups for one in group] == files
    assert all(len(g) == 1 or sum(f.rows for f in g) <= FILE_ROWS for g in groups)


def test_gathering_changes_no_row_no_position_and_no_old_version(lake: Lake) -> None:
    rows = january(lake)
    (done,) = maintain(lake, FEBRUARY, datetime.now(UTC), [NAME])

    assert (done.before.files, done.after.files) == (12, 1)
    assert lake.read(NAME).equals(rows)
    table = lake.open(NAME)
    assert table is not None
    assert table.session_dates() == [date(2025, 1, day) for day in (13, 14, 15)]
    assert table.committed_seq("2025-01-13") == 4
    assert [lake.read(NAME, as_of=v).height for v in range(13)] == list(range(13))
    assert scrub(Lake(lake.root), [NAME]).damages == ()


def test_a_second_time_finds_nothing_to_do(lake: Lake) -> None:
    january(lake)
    maintain(lake, FEBRUARY, datetime.now(UTC), [NAME])
    (again,) = maintain(lake, FEBRUARY, datetime.now(UTC), [NAME])

    assert again.before == again.after


def test_a_replaced_session_of_a_gathered_month_leaves_its_neighbours(lake: Lake) -> None:
    rows = january(lake)
    maintain(lake, FEBRUARY, datetime.now(UTC), [NAME])
    table = lake.open_or_create(NAME)
    day = date(2025, 1, 14)
    table.replace([day], stored(day, 0), {})

    others = rows.filter(pl.col("session_date") != day)
    assert lake.read(NAME).filter(pl.col("session_date") != day).equals(others)
    assert lake.read(NAME, [day]).height == 1
    assert sorted(len(held.sessions) for held in table.data_files()) == [1, 1, 1]


def test_versions_stay_readable_for_the_promise_and_go_after_it(lake: Lake) -> None:
    january(lake)
    made = datetime.now(UTC)
    maintain(lake, FEBRUARY, made, [NAME])
    (kept,) = maintain(lake, FEBRUARY, made + KEEP - timedelta(days=1), [NAME])
    assert lake.read(NAME, as_of=3).height == 3
    assert kept.after.files_kept == 13

    (gone,) = maintain(lake, FEBRUARY, made + KEEP + timedelta(days=1), [NAME])
    assert gone.after.files_kept == 1
    assert lake.read(NAME).height == 12
    with pytest.raises(LakeError, match="as of 3"):
        lake.read(NAME, as_of=3)
    assert scrub(Lake(lake.root), [NAME]).damages == ()
    lake.open_or_create(NAME).append(stored(date(2025, 1, 20), 0), Once("later", 1), {})
    assert Lake(lake.root).read(NAME).height == 13


def test_a_file_of_a_killed_writer_goes_after_a_day(lake: Lake) -> None:
    january(lake)
    orphan = lake.path(NAME) / "month=2025-01" / "orphan.parquet"
    orphan.write_bytes(b"half")
    now = datetime.now(UTC)
    maintain(lake, FEBRUARY, now, [NAME])
    assert orphan.exists()

    maintain(lake, FEBRUARY, now + timedelta(days=2), [NAME])
    assert not orphan.exists()


def test_absent_tables_are_not_made(lake: Lake) -> None:
    assert maintain(lake, FEBRUARY, datetime.now(UTC)) == []
    assert not lake.path(NAME).exists()


def test_the_spool_gives_up_only_what_is_in_the_lake_and_old(ingestion: Ingestion) -> None:
    ingestion.spool.append([next_batch(0), next_batch(1)], AT)
    ingest_partition(ingestion, BARS_1M, SESSION, AT)
    ingestion.spool.append([next_batch(2)], AT)
    before = ingestion.spool.partitions()

    assert prune_journal(ingestion.lake, ingestion.spool, AT + JOURNAL) == 0
    later = AT + JOURNAL + timedelta(seconds=1)
    assert prune_journal(ingestion.lake, ingestion.spool, later) == 2
    assert prune_journal(ingestion.lake, ingestion.spool, later) == 0
    assert ingestion.spool.partitions() == before
    payloads = [b.payload for b in ingestion.spool.read_after(NAME, SESSION, 0)]
    assert [bool(payload) for payload in payloads] == [False, False, True]
    assert ingest_partition(ingestion, BARS_1M, SESSION, AT).new == 2


def test_a_batch_that_only_the_spool_had_is_a_loss_that_is_filed(ingestion: Ingestion) -> None:
    """The lake is thrown away after its journal was pruned: each batch leaves a note."""
    ingestion.spool.append([next_batch(0)], AT)
    ingestion.spool.prune({(NAME, SESSION): 1}, AT + timedelta(days=1))
    report = ingest_partition(ingestion, BARS_1M, SESSION, AT)

    assert report.refused == {"unreadable_batch": 1}
    assert ingestion.lake.read(QUARANTINE.name).height == 1


def long_ago(lake: Lake) -> None:
    """Let a table have checkpoints at versions 3, 6, 9 and 12 and an archive of most commits."""
    january(lake, minutes=0)
    for number in range(12):
        table = lake.open_or_create(NAME)
        table.append(stored(date(2025, 1, 13), number), Once("minutes", number + 1), {})
        if table.version % 3 == 0:
            table.checkpoint()
    maintain(lake, FEBRUARY, datetime.now(UTC) + HOT + timedelta(hours=1), [NAME])


def test_old_commits_leave_the_log_and_stay_readable(lake: Lake) -> None:
    long_ago(lake)
    table = lake.open(NAME)
    assert table is not None

    assert table.log.commits() == [12, 13]
    again = Lake(lake.root)
    assert [again.read(NAME, as_of=v).height for v in range(14)] == [*range(13), 12]
    made_at = CommitLog(archive_root(table.root)).made_at(5)
    assert again.read(NAME, as_of=made_at).height >= 5
    table = again.open(NAME, as_of=4)
    assert table is not None
    assert table.scan().collect().height == 4
    assert scrub(again, [NAME]).damages == ()


def test_a_flipped_bit_of_the_archive_is_found(lake: Lake) -> None:
    long_ago(lake)
    path = archive_root(lake.path(NAME)) / "_delta_log" / commit_name(4)
    path.write_bytes(path.read_bytes().replace(b"numRecords", b"numRecordz"))

    (damage,) = scrub(Lake(lake.root), [NAME]).damages
    assert commit_name(4) in damage.path
    with pytest.raises(LakeDamaged, match=commit_name(4)):
        Lake(lake.root).read(NAME, as_of=5)


def test_without_a_sound_checkpoint_the_archive_comes_back(lake: Lake) -> None:
    """Years of rows must not depend on one file that can be worked out again."""
    long_ago(lake)
    rows = lake.read(NAME)
    log = CommitLog(lake.path(NAME))
    for version in log.checkpoints():
        (log.directory / checkpoint_name(version)).write_bytes(b"")
    done = repair_logs(Lake(lake.root), [NAME])

    assert "its archive was moved back" in done[-1].did
    assert Lake(lake.root).read(NAME).equals(rows)


def test_the_archive_goes_after_the_promise(lake: Lake) -> None:
    long_ago(lake)
    maintain(lake, FEBRUARY, datetime.now(UTC) + KEEP + timedelta(days=4), [NAME])

    assert CommitLog(archive_root(lake.path(NAME))).commits() == []
    assert Lake(lake.root).read(NAME).height == 12
    with pytest.raises(LakeError, match="nothing is kept from as early as 4"):
        Lake(lake.root).read(NAME, as_of=4)
