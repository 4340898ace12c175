"""However rows are cut into batches, the same rows are stored, and repeating changes nothing."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.storage.merge import Merge, merge_rows
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.storage.rows import AT, bar, frame


def bars(*rows: dict[str, Any]) -> pl.DataFrame:
    return (
        frame(list(rows), BARS_1M)
        .with_columns(ingested_at=pl.lit(AT).dt.cast_time_unit("us"), spool_seq=pl.lit(1, pl.Int64))
        .select(BARS_1M.names)
    )


def after(stored: pl.DataFrame, merged: Merge) -> pl.DataFrame:
    """Return the partition once ``merged`` is committed."""
    if merged.partition is not None:
        return merged.partition
    return pl.concat([stored, merged.added]).sort(BARS_1M.order)


def merge_all(batches: list[pl.DataFrame]) -> pl.DataFrame:
    stored = bars()
    for batch in batches:
        stored = after(stored, merge_rows(stored, batch, BARS_1M))
    return stored


def values(stored: pl.DataFrame) -> list[tuple[Any, ...]]:
    return stored.select(*BARS_1M.key, *BARS_1M.values).rows()


# A few minutes and prices, so that rivals for one minute and equal bars are common.
ARRIVALS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from(["realtime", "history"])),
    min_size=1,
    max_size=12,
)


def arriving(arrivals: list[tuple[int, int, str]]) -> list[pl.DataFrame]:
    """Return one-row frames in order of arrival: minute, price in points, source."""
    return [
        bars(
            bar(
                ts_start=AT + timedelta(minutes=minute),
                open=float(price),
                high=float(price),
                low=float(price),
                close=float(price),
                source=source,
                received_at=AT + timedelta(hours=1, seconds=second),
            )
        )
        for second, (minute, price, source) in enumerate(arrivals)
    ]


@given(ARRIVALS, st.data())
def test_any_cut_into_batches_stores_the_same_rows(
    arrivals: list[tuple[int, int, str]], data: st.DataObject
) -> None:
    rows = arriving(arrivals)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)))) | {0, len(rows)})
    batches = [
        pl.concat(data.draw(st.permutations(rows[first:last]))) for first, last in pairwise(cuts)
    ]

    assert values(merge_all(batches)) == values(merge_all([pl.concat(rows)]))


@given(ARRIVALS, st.randoms(use_true_random=False))
def test_sources_may_overtake_each_other(arrivals: list[tuple[int, int, str]], random: Any) -> None:
    """History of a minute may come before or after its realtime bar, or between two."""
    rows = arriving(arrivals)
    by_source = {
        source: [row for row, kind in zip(rows, arrivals, strict=True) if kind[2] == source]
        for source in ("realtime", "history")
    }
    turns = [kind[2] for kind in arrivals]
    random.shuffle(turns)
    shuffled = [by_source[source].pop(0) for source in turns]

    assert values(merge_all(shuffled)) == values(merge_all([pl.concat(rows)]))


@given(ARRIVALS)
def test_repeating_changes_nothing(arrivals: list[tuple[int, int, str]]) -> None:
    rows = arriving(arrivals)
    stored = merge_all(rows)

    again = merge_rows(stored, pl.concat(rows), BARS_1M)

    assert (again.new, again.revised, again.partition) == (0, 0, None)
    assert again.unchanged == stored.height


@given(ARRIVALS)
def test_keys_stay_unique_and_the_best_source_stays(arrivals: list[tuple[int, int, str]]) -> None:
    stored = merge_all(arriving(arrivals))

    assert stored.select(BARS_1M.key).is_unique().all()
    for minute in stored.iter_rows(named=True):
        sources = {s for m, _, s in arrivals if AT + timedelta(minutes=m) == minute["ts_start"]}
        assert minute["source"] == min(sources)  # "history" sorts before "realtime"


def test_history_revises_a_realtime_bar_and_is_not_revised_back() -> None:
    realtime = bars(bar(close=5900.5, received_at=AT + timedelta(minutes=1)))
    history = bars(bar(close=5900.25, source="history", received_at=AT + timedelta(minutes=2)))
    late = bars(bar(close=5900.75, received_at=AT + timedelta(minutes=3)))

    revised = merge_rows(realtime, history, BARS_1M)
    assert (revised.new, revised.revised, revised.unchanged) == (0, 1, 0)
    assert revised.partition is not None
    assert merge_rows(revised.partition, late, BARS_1M).partition is None


def test_new_rows_beside_a_revision_are_counted_apart() -> None:
    stored = bars(bar())
    incoming = bars(
        bar(close=5900.25, received_at=AT + timedelta(minutes=9)),
        bar(ts_start=AT + timedelta(minutes=1)),
    )

    merged = merge_rows(stored, incoming, BARS_1M)

    assert (merged.new, merged.revised, merged.unchanged) == (1, 1, 0)
    assert merged.partition is not None
    assert merged.partition["close"].to_list() == [5900.25, 5900.5]


def test_a_null_that_becomes_a_number_is_a_revision() -> None:
    stored = bars(bar(volume=None))
    known = bars(bar(volume=5.0, received_at=AT + timedelta(minutes=9)))

    assert merge_rows(stored, known, BARS_1M).revised == 1
