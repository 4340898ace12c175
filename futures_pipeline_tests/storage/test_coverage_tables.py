"""Rows of the coverage tables that do not add up are found where they are stored."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from futures_pipeline.analytics.expected_streams import STREAMS
from futures_pipeline.domain.causes import Cause
from futures_pipeline.storage.schemas import failure_cases
from futures_pipeline.storage.tables import COVERAGE, GAPS, Table
from futures_pipeline_tests.storage.rows import AT

STREAM = {
    "session_date": date(2025, 1, 15),
    "symbol": "ES",
    "contract": "ESH5",
    "stream": "bars",
}
LEDGER: dict[str, Any] = {
    **STREAM,
    "expected_minutes": 10,
    "received_minutes": 6,
    "explained_minutes": 3,
    "unexplained_minutes": 1,
    "share": 0.6,
    "largest_gap_minutes": 2,
    "data_types": "live",
    "judged_until": AT,
}
GAP: dict[str, Any] = {
    **STREAM,
    "starts_at": AT,
    "ends_at": AT + timedelta(minutes=2),
    "minutes": 2,
    "cause": "pacing",
    "says": "the broker's request limits were reached",
    "is_explained": True,
}
NOTHING_YET = {
    **dict.fromkeys((name for name in LEDGER if name.endswith("_minutes")), 0),
    "share": None,
    "judged_until": None,
}


def broken(table: Table, *rows: dict[str, Any]) -> set[str]:
    frame = pl.DataFrame(list(rows), schema=table.schema, orient="row")
    return set(failure_cases(frame, table)["check"])


@pytest.mark.parametrize("row", [LEDGER, LEDGER | NOTHING_YET])
def test_a_ledger_row_that_adds_up_is_good(row: dict[str, Any]) -> None:
    assert broken(COVERAGE, row) == set()


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"stream": "trades"}, "stream_known"),
        ({"explained_minutes": 2}, "minutes_add_up"),
        ({"explained_minutes": -1, "unexplained_minutes": 5}, "minutes_add_up"),
        ({"share": 0.7}, "share_is_received_of_expected"),
        ({"share": None}, "share_is_received_of_expected"),
        (NOTHING_YET | {"share": 0.0}, "share_is_received_of_expected"),
        ({"largest_gap_minutes": 5}, "largest_gap_is_missing"),
        ({"largest_gap_minutes": -1}, "largest_gap_is_missing"),
    ],
)
def test_a_ledger_row_that_does_not_add_up_is_found(values: dict[str, Any], rule: str) -> None:
    assert broken(COVERAGE, LEDGER | values) == {rule}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"stream": "trades"}, "stream_known"),
        ({"cause": "magic", "is_explained": False}, "cause_known"),
        ({"minutes": 3}, "lasts_its_minutes"),
        ({"minutes": 0, "ends_at": AT}, "lasts_its_minutes"),
        ({"is_explained": False}, "explained_by_its_cause"),
        ({"cause": "unknown"}, "explained_by_its_cause"),
    ],
)
def test_a_gap_that_cannot_be_is_found(values: dict[str, Any], rule: str) -> None:
    assert broken(GAPS, GAP) == set()
    assert broken(GAPS, GAP | values) == {rule}


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_may_stand_in_the_table(cause: Cause) -> None:
    named = {"cause": cause.value, "is_explained": cause.is_explained}
    assert broken(GAPS, GAP | named) == set()


@pytest.mark.parametrize(("table", "row"), [(COVERAGE, LEDGER), (GAPS, GAP)])
def test_a_key_is_stored_once(table: Table, row: dict[str, Any]) -> None:
    assert broken(table, row, row) == {"multiple_fields_uniqueness"}
    others = [row | {"stream": stream} for stream in STREAMS]
    assert broken(table, *others) == set()
