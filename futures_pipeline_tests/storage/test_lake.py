"""Tables are opened, appended to once, replaced by session and read as of a version."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.lake import CommitConflict, Lake, Once
from futures_pipeline_tests.storage.rows import AT, SESSION, frame, snapshot

NAME = "futures_snapshots"
NEXT = SESSION + timedelta(days=1)


def quotes(session_date: date = SESSION, count: int = 2) -> pl.DataFrame:
    """Return complete rows as the lake stores them."""
    rows = [
        snapshot(session_date=session_date, timestamp=AT + timedelta(minutes=n))
        for n in range(count)
    ]
    return frame(rows).with_columns(
        ingested_at=pl.lit(AT).dt.cast_time_unit("us"), spool_seq=pl.lit(1, pl.Int64)
    )


def test_an_absent_table_is_none_and_reads_as_its_columns(lake: Lake) -> None:
    assert lake.open(NAME) is None
    assert lake.read(NAME).is_empty()
    assert lake.read(NAME).columns == quotes().columns


def test_creating_twice_keeps_the_rows(lake: Lake) -> None:
    lake.open_or_create(NAME).append(quotes(), Once("a", 1), {})

    assert lake.open_or_create(NAME).read().height == 2


def test_an_append_records_its_position(lake: Lake) -> None:
    table = lake.open_or_create(NAME)
    assert table.committed_seq("a") == 0
    table.append(quotes(), Once("a", 7), {"run_id": "r"})
    table.append(quotes().clear(), Once("b", 9), {})

    seen = lake.open_or_create(NAME)
    assert (seen.committed_seq("a"), seen.committed_seq("b")) == (7, 9)
    assert seen.read().height == 2


def test_two_writers_of_one_source_conflict(lake: Lake) -> None:
    """Both opened the same version, so the second must read and decide again."""
    first, second = lake.open_or_create(NAME), lake.open_or_create(NAME)
    first.append(quotes(), Once("a", 7), {})

    with pytest.raises(CommitConflict, match=NAME):
        second.append(quotes(), Once("a", 7), {})
    assert lake.read(NAME).height == 2


def test_replace_touches_only_its_sessions(lake: Lake) -> None:
    table = lake.open_or_create(NAME)
    table.append(pl.concat([quotes(SESSION, 3), quotes(NEXT, 4)]), Once("a", 1), {})
    table.replace([SESSION], quotes(SESSION, 1), {})

    assert lake.read(NAME, [SESSION]).height == 1
    assert lake.read(NAME, [NEXT]).height == 4


def test_replace_with_no_rows_empties_the_session(lake: Lake) -> None:
    table = lake.open_or_create(NAME)
    table.append(pl.concat([quotes(SESSION), quotes(NEXT)]), Once("a", 1), {})
    table.replace([SESSION], quotes().clear(), {}, Once("a", 2))

    assert lake.read(NAME)["session_date"].unique().to_list() == [NEXT]
    assert lake.open_or_create(NAME).committed_seq("a") == 2


def test_replace_refuses_rows_of_another_session(lake: Lake) -> None:
    table = lake.open_or_create(NAME)
    with pytest.raises(LakeError, match="nothing was added"):
        table.replace([SESSION], quotes(NEXT), {})
    assert lake.read(NAME).is_empty()


def test_reads_a_version_from_before(lake: Lake) -> None:
    table = lake.open_or_create(NAME)
    table.append(quotes(), Once("a", 1), {})
    before = table.version
    table.replace([SESSION], quotes().clear(), {})

    assert lake.read(NAME, as_of=before).height == 2
    assert lake.read(NAME).is_empty()


def test_an_unknown_version_is_an_error(lake: Lake) -> None:
    lake.open_or_create(NAME)
    with pytest.raises(LakeError, match="as of 99"):
        lake.open(NAME, as_of=99)


def test_rows_come_in_the_tables_order(lake: Lake) -> None:
    rows = frame([snapshot("NQ"), snapshot("ES", timestamp=AT + timedelta(1)), snapshot("ES")])
    stored = rows.with_columns(
        ingested_at=pl.lit(AT).dt.cast_time_unit("us"), spool_seq=pl.lit(1, pl.Int64)
    )
    lake.open_or_create(NAME).append(stored, Once("a", 1), {})

    read = lake.read(NAME).select("symbol", "timestamp").rows()
    assert read == sorted(read)


def test_reads_as_of_a_time_by_what_commits_say_of_themselves(lake: Lake) -> None:
    table = lake.open_or_create(NAME)
    before = table.log.made_at(0)
    time.sleep(0.002)  # commits are stamped to the millisecond
    table.append(quotes(), Once("a", 1), {})
    made_at = table.log.made_at(1)
    for path in table.log.directory.glob("*.json"):
        os.utime(path, (0, 0))  # as a copy of the lake has other times

    assert lake.read(NAME, as_of=before).is_empty()
    assert lake.read(NAME, as_of=made_at).height == 2
    assert lake.read(NAME, as_of=made_at + timedelta(days=1)).height == 2
    assert lake.open(NAME, as_of=before - timedelta(days=1)) is None
    assert lake.committed_at(NAME, 1) == made_at
    with pytest.raises(LakeError, match="version 2 is not kept; choose one of: futures-pipeline"):
        lake.committed_at(NAME, 2)


def test_the_newest_is_opened_again_only_after_a_commit(lake: Lake) -> None:
    assert lake.newest(NAME) is None
    table = lake.open_or_create(NAME)
    first = lake.newest(NAME)
    assert first is not None
    assert lake.newest(NAME) is first

    table.append(quotes(), Once("a", 1), {})

    second = lake.newest(NAME)
    assert second is not None
    assert (first.version, second.version) == (0, 1)
    assert second.read().height == 2


def test_sessions_replaced_side_by_side_do_not_conflict(lake: Lake) -> None:
    """A back-fill in parallel: both read the same version, and touch other sessions."""
    table = lake.open_or_create(NAME)
    table.append(pl.concat([quotes(SESSION, 3), quotes(NEXT, 4)]), Once("a", 1), {})
    first, second, third = (lake.open_or_create(NAME) for _ in range(3))
    first.replace([SESSION], quotes(SESSION, 1), {}, Once("one", 1))
    second.replace([NEXT], quotes(NEXT, 2), {}, Once("two", 1))
    third.append(quotes(NEXT + timedelta(days=1)), Once("three", 1), {})

    assert lake.read(NAME)["session_date"].value_counts().sort("session_date")[
        "count"
    ].to_list() == [1, 2, 2]


def test_one_session_replaced_twice_conflicts(lake: Lake) -> None:
    lake.open_or_create(NAME).append(quotes(), Once("a", 1), {})
    first, second = lake.open_or_create(NAME), lake.open_or_create(NAME)
    first.replace([SESSION], quotes(count=1), {})

    with pytest.raises(CommitConflict, match=NAME):
        second.replace([SESSION], quotes(count=3), {})
    assert lake.read(NAME).height == 1


def test_the_same_rows_may_be_appended_twice(lake: Lake) -> None:
    """A file's name is its own even when its bytes are not: no row is dropped in silence."""
    table = lake.open_or_create(NAME)
    table.append(quotes(), Once("a", 1), {})
    table.append(quotes(), Once("b", 1), {})

    assert lake.read(NAME).height == 4


def test_rows_of_another_type_are_refused(lake: Lake) -> None:
    table = lake.open_or_create(NAME)
    with pytest.raises(LakeError, match="nothing was added"):
        table.append(quotes().with_columns(bid=pl.lit("much")), Once("a", 1), {})
    assert lake.read(NAME).is_empty()


def test_other_delta_readers_see_the_same_rows(lake: Lake) -> None:
    table = lake.open_or_create(NAME)
    table.append(pl.concat([quotes(SESSION, 3), quotes(NEXT, 4)]), Once("a", 1), {})
    table.replace([SESSION], quotes(SESSION, 2), {})

    read = pl.read_delta(str(lake.path(NAME))).select(table.table.names).sort(table.table.order)
    assert read.equals(lake.read(NAME))
    assert table.scan().filter(pl.col("session_date") == NEXT).collect().height == 4


def test_a_lake_of_an_earlier_layout_is_refused_with_its_remedy(lake: Lake) -> None:
    pl.DataFrame(quotes()).write_delta(
        lake.path(NAME), delta_write_options={"partition_by": ["session_date"]}
    )

    with pytest.raises(LakeError, match="fills it again from the spool"):
        lake.read(NAME)


STEPS = st.one_of(
    st.tuples(st.sampled_from(["append", "replace"]), st.integers(0, 3), st.integers(0, 3)),
    st.just(("gather", 0, 0)),
    st.just(("checkpoint", 0, 0)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, max_size=12))
def test_any_sequence_of_writes_leaves_what_a_dict_would_hold(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Sessions are split, gathered and summed up; every version stays what it was."""
    lake = Lake(tmp_path_factory.mktemp("model"))
    held: dict[date, int] = {}
    history = [0]
    for what, number, count in steps:
        table, day = lake.open_or_create(NAME), SESSION + timedelta(days=number)
        if what == "append":
            table.append(quotes(day, count), Once("a", len(history)), {})
            held[day] = held.get(day, 0) + count
        elif what == "replace":
            table.replace([day], quotes(day, count), {})
            held[day] = count
        elif what == "gather" and table.data_files():
            table.gather(table.data_files())
        elif what == "checkpoint":
            table.checkpoint()
        history += [sum(held.values())] * (table.version + 1 - len(history))

    again = Lake(lake.root)
    counts = again.read(NAME)["session_date"].value_counts()
    assert dict(counts.iter_rows()) == {day: count for day, count in held.items() if count}
    if steps:
        assert [again.read(NAME, as_of=v).height for v in range(len(history))] == history


def test_a_table_may_be_created_by_many_at_once(lake: Lake) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: Lake(lake.root).open_or_create(NAME), range(6)))

    assert {table.version for table in made} == {0}
    assert lake.read(NAME).is_empty()
