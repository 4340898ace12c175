"""Spans with a cause: cut at session closes, told while they last, one row a span in the lake."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.collection.outages import (
    EVERYTHING,
    TELL_EVERY,
    Event,
    Outages,
    Subject,
    event_rows,
)
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import NewBatch, Spool
from futures_pipeline.storage.tables import GATEWAY_EVENTS
from futures_pipeline.storage.tables.events import CONNECTED
from futures_pipeline_tests.collection.builders import CALENDAR, NOON, new_york_time

ES = Subject("ES", "ESH5")
MINUTE = timedelta(minutes=1)
moments = st.integers(0, 200 * 24 * 60).map(lambda n: NOON + n * MINUTE)


def rows_of(batches: Sequence[NewBatch]) -> list[tuple[str, datetime, datetime]]:
    """Return (event, from, to) of batches."""
    return [
        row
        for batch in batches
        for row in batch.rows.select("event", "starts_at", "ends_at").rows()
    ]


def slices(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the rows an event of this span becomes."""
    event = Event(Cause.CONNECTION_LOST, EVERYTHING, start, end)
    return [(row["starts_at"], row["ends_at"]) for row in event_rows(event, CALENDAR, end)]


# --- cut at the closes -----------------------------------------------------------------------


@given(moments, st.integers(0, 20 * 24 * 60))
def test_slices_cover_the_span_without_overlap_and_each_lies_in_one_session(
    start: datetime, minutes: int
) -> None:
    end = start + minutes * MINUTE

    found = slices(start, end)

    assert found[0][0] == start
    assert found[-1][1] == end
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(from_ <= to for from_, to in found)
    for from_, to in found:
        assert to <= CALENDAR.globex.at(from_).closes_at
    dates = [CALENDAR.session_date(from_) for from_, _ in found]
    assert dates == sorted(set(dates))


@pytest.mark.parametrize(
    ("start", "end", "cuts"),
    [
        ((2025, 1, 15, 10), (2025, 1, 15, 11), []),
        ((2025, 1, 15, 16, 30), (2025, 1, 15, 17), []),  # ends with the session
        ((2025, 1, 15, 16, 30), (2025, 1, 15, 17, 30), [(2025, 1, 15, 17)]),
        ((2025, 1, 15, 16, 30), (2025, 1, 15, 19), [(2025, 1, 15, 17)]),
        # A week-end belongs to Monday.
        ((2025, 1, 10, 16), (2025, 1, 12, 20), [(2025, 1, 10, 17)]),
        ((2025, 1, 11, 12), (2025, 1, 12, 12), []),
        ((2025, 1, 12, 12), (2025, 1, 13, 18, 30), [(2025, 1, 13, 17)]),
        ((2025, 1, 15, 17), (2025, 1, 15, 18, 30), []),  # begins at the close
        # Into the change of the clock and out of it.
        ((2025, 3, 7, 16), (2025, 3, 10, 18), [(2025, 3, 7, 17), (2025, 3, 10, 17)]),
    ],
)
def test_a_span_is_cut_where_sessions_close(
    start: tuple[int, ...], end: tuple[int, ...], cuts: list[tuple[int, ...]]
) -> None:
    edges = [new_york_time(*at) for at in (start, *cuts, end)]

    assert slices(edges[0], edges[-1]) == list(pairwise(edges))


def test_a_moment_is_a_row_without_length() -> None:
    (row,) = event_rows(Event(CONNECTED, EVERYTHING, NOON, text="id 17"), CALENDAR, NOON)

    assert (row["starts_at"], row["ends_at"]) == (NOON, NOON)
    assert (row["symbol"], row["contract"], row["text"]) == ("*", "*", "id 17")


# --- begun, told, ended ----------------------------------------------------------------------


def test_a_span_is_opened_once_for_its_cause_and_subject() -> None:
    outages = Outages(CALENDAR)

    assert outages.begin(Cause.STREAM_SILENT, ES, NOON, text="quotes silent")
    assert not outages.begin(Cause.STREAM_SILENT, ES, NOON + MINUTE)
    assert outages.begin(Cause.STREAM_SILENT, Subject("NQ", "NQH5"), NOON)
    assert outages.begin(Cause.UPSTREAM_LOST, ES, NOON)
    assert outages.end(Cause.STREAM_SILENT, ES, NOON + 3 * MINUTE) == Event(
        "stream_silent", ES, NOON, NOON + 3 * MINUTE, text="quotes silent"
    )


def test_what_was_not_open_cannot_be_ended() -> None:
    outages = Outages(CALENDAR)

    assert outages.end(Cause.STREAM_SILENT, ES, NOON) is None
    assert outages.end_all(NOON) == []
    assert outages.take_batches(NOON) == []


@given(moments, moments)
def test_a_span_is_never_negative(since: datetime, at: datetime) -> None:
    """The end may be told by a datum that was under way before the bad news."""
    outages = Outages(CALENDAR)
    outages.begin(Cause.UPSTREAM_LOST, EVERYTHING, since)
    told = rows_of(outages.take_batches(at))
    outages.end_all(at)
    told += rows_of(outages.take_batches(at))

    assert all(start <= end for _, start, end in told)


def test_a_span_that_lasts_is_told_every_five_minutes_with_a_later_end() -> None:
    outages = Outages(CALENDAR)
    outages.begin(Cause.GATEWAY_DOWN, EVERYTHING, NOON)
    told = {}
    for minute in range(13):
        now = NOON + minute * MINUTE
        for event, start, end in rows_of(outages.take_batches(now)):
            assert (event, start) == ("gateway_down", NOON)
            told[minute] = end

    assert told == {0: NOON, 5: NOON + 5 * MINUTE, 10: NOON + 10 * MINUTE}
    assert TELL_EVERY == 5 * MINUTE


def test_what_has_ended_is_told_at_once_and_once() -> None:
    outages = Outages(CALENDAR)
    outages.take_batches(NOON)
    outages.begin(Cause.STREAM_SILENT, ES, NOON)
    outages.end(Cause.STREAM_SILENT, ES, NOON + MINUTE)

    assert rows_of(outages.take_batches(NOON + MINUTE)) == [("stream_silent", NOON, NOON + MINUTE)]
    assert outages.take_batches(NOON + 10 * MINUTE) == []


def test_what_lasts_is_listed_from_the_oldest() -> None:
    outages = Outages(CALENDAR)
    outages.begin(Cause.FARM_BROKEN, EVERYTHING, NOON + MINUTE)
    outages.begin(Cause.STREAM_SILENT, ES, NOON)
    assert [event.event for event in outages.lasting] == ["stream_silent", "farm_broken"]

    outages.end_all(NOON + 2 * MINUTE)

    assert outages.lasting == []


# --- in the lake -----------------------------------------------------------------------------


def in_the_lake(tmp_path: Path, batches: Sequence[NewBatch], now: datetime) -> pl.DataFrame:
    """Bring batches through the spool into a lake and return its rows; none may be refused."""
    spool = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
    lake = Lake(tmp_path / "lake")
    spool.append(batches, now)
    ingestion = Ingestion(lake, spool, tuple(UNIVERSE.values()), CALENDAR, "test")
    for part in spool.partitions():
        report = ingest_partition(ingestion, GATEWAY_EVENTS, part.session_date, now)
        assert report.refused == {}
    spool.close()
    return lake.read(GATEWAY_EVENTS.name).sort("starts_at")


def test_the_lake_ends_with_one_row_a_session_for_a_span_told_many_times(tmp_path: Path) -> None:
    """From Friday afternoon to Sunday evening."""
    start, end = new_york_time(2025, 1, 10, 16), new_york_time(2025, 1, 12, 20, 3)
    outages = Outages(CALENDAR)
    outages.begin(Cause.GATEWAY_DOWN, EVERYTHING, start, text="nothing listens")
    batches, now = [], start
    while now < end:
        batches += outages.take_batches(now)
        now += timedelta(minutes=47)
    outages.end_all(end)
    batches += outages.take_batches(end)

    rows = in_the_lake(tmp_path, batches, end)

    close = new_york_time(2025, 1, 10, 17)
    assert rows.select("starts_at", "ends_at").rows() == [(start, close), (close, end)]
    assert rows["session_date"].cast(pl.String).to_list() == ["2025-01-10", "2025-01-13"]
    assert rows["text"].unique().to_list() == ["nothing listens"]


def test_all_that_happens_in_a_bad_hour_is_there_once(tmp_path: Path) -> None:
    outages = Outages(CALENDAR)
    batches = []
    for minute in range(40):
        now = NOON + minute * MINUTE
        if minute == 3:
            outages.begin(Cause.STREAM_SILENT, ES, now)
            outages.begin(Cause.STREAM_SILENT, Subject("NQ", "NQH5"), now)
        if minute == 9:
            outages.end_all(now)
            outages.begin(Cause.CONNECTION_LOST, EVERYTHING, NOON + 3 * MINUTE)
        if minute == 20:
            outages.end_all(now)
            outages.note(Event(CONNECTED, EVERYTHING, now))
        if minute in (25, 30):
            outages.begin(Cause.STREAM_SILENT, ES, now)
        if minute in (26, 31):
            outages.end(Cause.STREAM_SILENT, ES, now)
        batches += outages.take_batches(now)

    rows = in_the_lake(tmp_path, batches, NOON + 40 * MINUTE)

    found = [
        (event, contract, (start - NOON) // MINUTE, (end - NOON) // MINUTE)
        for event, contract, start, end in rows.select(
            "event", "contract", "starts_at", "ends_at"
        ).rows()
    ]
    assert sorted(found) == [
        ("connected", "*", 20, 20),
        ("connection_lost", "*", 3, 20),
        ("stream_silent", "ESH5", 3, 9),
        ("stream_silent", "ESH5", 25, 26),
        ("stream_silent", "ESH5", 30, 31),
        ("stream_silent", "NQH5", 3, 9),
    ]


@settings(deadline=None, max_examples=5)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 500)), min_size=1, max_size=12))
def test_no_two_rows_of_one_cause_overlap_however_often_it_comes(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    outages, now, batches = Outages(CALENDAR), NOON, list[NewBatch]()
    for action, minutes in steps:
        if action == 0:
            outages.begin(Cause.UPSTREAM_LOST, EVERYTHING, now)
        elif action == 1:
            outages.end(Cause.UPSTREAM_LOST, EVERYTHING, now)
        now += minutes * MINUTE
        batches += outages.take_batches(now)
    outages.note(Event(CONNECTED, EVERYTHING, now))
    batches += outages.take_batches(now)

    rows = in_the_lake(tmp_path_factory.mktemp("spans"), batches, now)

    found = rows.filter(pl.col("event") == "upstream_lost").select("starts_at", "ends_at").rows()
    assert all(one[1] <= other[0] for one, other in pairwise(found))
