"""The ledger's pages in the collector's database: written with the rows, or not at all."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.storage.spool import LedgerPage, NewBatch, NewRequest, Spool
from futures_pipeline_tests.storage.rows import AT, SESSION, frame, snapshot

Keep = Callable[[Spool, list[NewBatch], list[LedgerPage]], None]
PAGE = LedgerPage("ES", "ESH5", SESSION, b"\x00\xff\xfe\x03")


def batch() -> NewBatch:
    return NewBatch("futures_snapshots", SESSION, frame([snapshot()]))


both_ways = pytest.mark.parametrize(
    "keep",
    [
        lambda spool, batches, pages: spool.append(batches, AT, pages),
        lambda spool, batches, pages: spool.finish([1], batches, AT, pages),
    ],
    ids=["append", "finish"],
)


def test_a_page_is_read_as_it_was_written(spool: Spool) -> None:
    every_byte = replace(PAGE, states=bytes(range(256)) * 5)
    spool.append([], AT, [every_byte])

    assert spool.ledger_page("ESH5", SESSION) == every_byte


def test_a_page_is_replaced_and_never_doubled(spool: Spool) -> None:
    later = replace(PAGE, states=b"\xff\xff\xff\xff")
    spool.append([], AT, [PAGE])
    spool.append([], AT, [later])

    assert spool.ledger_page("ESH5", SESSION) == later
    with sqlite3.connect(spool.url.removeprefix("sqlite:///")) as database:
        assert database.execute("SELECT count(*) FROM ledger").fetchone() == (1,)
    database.close()


def test_pages_are_told_apart_by_contract_and_session(spool: Spool) -> None:
    other_day = replace(PAGE, session_date=SESSION + timedelta(days=1), states=b"day")
    other = replace(PAGE, contract="ESM5", states=b"contract")
    spool.append([], AT, [PAGE, other_day, other])

    assert spool.ledger_page("ESH5", SESSION) == PAGE
    assert spool.ledger_page("ESH5", other_day.session_date) == other_day
    assert spool.ledger_page("ESM5", SESSION) == other
    assert spool.ledger_page("ESM5", other_day.session_date) is None
    assert spool.ledger_page("NQH5", SESSION) is None


def test_pages_survive_the_process(spool: Spool) -> None:
    spool.finish([], [], AT, [PAGE])
    spool.close()
    again = Spool(spool.url)

    assert again.ledger_page("ESH5", SESSION) == PAGE
    again.close()


@both_ways
def test_a_batch_that_cannot_be_kept_leaves_the_old_page(spool: Spool, keep: Keep) -> None:
    spool.append([], AT, [PAGE])
    unkeepable = NewBatch(None, SESSION, batch().rows)  # type: ignore[arg-type]
    later = replace(PAGE, states=b"\xff\xff\xff\xff")

    with pytest.raises(SpoolError, match="NOT NULL"):
        keep(spool, [batch(), unkeepable], [later])

    assert spool.ledger_page("ESH5", SESSION) == PAGE
    assert spool.partitions() == []


@both_ways
def test_a_page_that_cannot_be_written_leaves_no_row_and_no_request_done(
    spool: Spool, keep: Keep
) -> None:
    spool.enqueue([NewRequest("backfill", "ES", 1)], AT)
    assert [taken.id for taken in spool.claim(["backfill"], 1, AT)] == [1]
    unwritable = replace(PAGE, states=None)  # type: ignore[arg-type]

    with pytest.raises(SpoolError, match="NOT NULL"):
        keep(spool, [batch()], [PAGE, unwritable])

    assert spool.ledger_page("ESH5", SESSION) is None
    assert spool.partitions() == []
    assert spool.request_counts() == {("backfill", "running"): 1}


# --- the last sign of life -------------------------------------------------------------------


def test_a_new_spool_has_never_kept_anything(spool: Spool) -> None:
    spool.enqueue([NewRequest("backfill", "ES", 1)], AT)
    spool.append([], AT, [PAGE])

    assert spool.last_kept_at() is None


def test_the_last_rows_are_the_last_sign_of_life(spool: Spool) -> None:
    later = AT + timedelta(minutes=7, microseconds=3)
    spool.append([batch()], AT)
    spool.finish([], [batch()], later)
    spool.append([], later + timedelta(hours=1))

    assert spool.last_kept_at() == later


def test_rows_of_an_old_session_kept_now_are_a_sign_of_life_of_now(spool: Spool) -> None:
    old = replace(batch(), session_date=date(2024, 12, 2))
    spool.append([batch()], AT)
    spool.append([old], AT + timedelta(minutes=1))

    assert spool.last_kept_at() == AT + timedelta(minutes=1)


# --- what is being asked ---------------------------------------------------------------------


def test_the_parameters_of_requests_are_found_by_kind_and_status(spool: Spool) -> None:
    for kind in ("backfill", "repair", "snapshot"):
        spool.enqueue([NewRequest(kind, "ES", 1, {"kind": kind, "n": n}) for n in (1, 2)], AT)
    taken = spool.claim(["repair"], 1, AT)[0]
    spool.put_back(taken.id, "dead", ("it", "failed"), (AT, AT))

    assert spool.parameters_of(["backfill", "repair"], ["pending"]) == [
        {"kind": "backfill", "n": 1},
        {"kind": "backfill", "n": 2},
        {"kind": "repair", "n": 2},
    ]
    assert spool.parameters_of(["repair"], ["pending", "dead"]) == [
        {"kind": "repair", "n": 1},
        {"kind": "repair", "n": 2},
    ]
    assert spool.parameters_of(["repair"], ["running", "done"]) == []
    assert spool.parameters_of([], ["pending"]) == []
