"""A data file's name tells its sessions and its digest; its statistics bound its rows."""

import hashlib
import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.lake.claims import Claim
from futures_pipeline.storage.lake.data_files import DataFile, encoded, sessions_in, statistics
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.storage.rows import AT, bar, frame

SOME = frozenset({date(2025, 1, 15)})


def rows(days: set[int]) -> pl.DataFrame:
    made = [
        bar(session_date=date(2025, 1, day), ts_start=datetime(2025, 1, day, 15, tzinfo=UTC))
        for day in days
    ]
    return frame(made, BARS_1M).with_columns(
        ingested_at=pl.lit(AT).dt.cast_time_unit("us"), spool_seq=pl.lit(1, pl.Int64)
    )


@given(st.sets(st.integers(1, 31), min_size=1))
def test_the_name_gives_back_sessions_and_digest(days: set[int]) -> None:
    file, data = encoded(rows(days))

    assert file.sessions == sessions_in(file.path) == {date(2025, 1, day) for day in days}
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert (file.month, file.rows, file.size) == ("2025-01", len(days), len(data))


@pytest.mark.parametrize(
    "path",
    [
        "part-00000-1.c000.snappy.parquet",
        "month=2025-01/15.parquet",
        "month=2025-01/99.x.y.parquet",
    ],
)
def test_a_file_of_another_program_is_refused_with_its_remedy(path: str) -> None:
    with pytest.raises(LakeError, match="fills it again from the spool"):
        _ = DataFile(path, 1, 1).sessions


def test_statistics_bound_what_reads_are_narrowed_by() -> None:
    said = json.loads(statistics(rows({14, 15}), BARS_1M))

    assert said["numRecords"] == 2
    assert said["minValues"] == {
        "symbol": "ES",
        "contract": "ESH5",
        "ts_start": "2025-01-14T15:00:00.000000Z",
        "session_date": "2025-01-14",
    }
    assert said["maxValues"]["session_date"] == "2025-01-15"
    assert set(said["nullCount"].values()) == {0}


def added(day: int) -> dict[str, dict[str, str]]:
    file, _ = encoded(rows({day}))
    return {"add": {"path": file.path}}


def test_a_claim_clashes_with_what_touches_it_only() -> None:
    claim = Claim(frozenset({"a"}), frozenset({"gone"}), SOME)

    assert claim.clashes([{"txn": {"appId": "a", "version": 1}}])
    assert claim.clashes([{"remove": {"path": "gone"}}])
    assert claim.clashes([added(15)])
    assert claim.clashes([{"metaData": {}}])
    others = [{"commitInfo": {}}, {"txn": {"appId": "b"}}, {"remove": {"path": "x"}}, added(16)]
    assert not claim.clashes(others)


def test_an_append_stands_beside_other_rows_of_its_session() -> None:
    assert not Claim(frozenset({"a"}), frozenset(), frozenset()).clashes([added(15)])
