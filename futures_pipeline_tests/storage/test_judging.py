"""Nothing a payload can hold raises, and no batch holds up its neighbours."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.storage import spool as module
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.spool import NewBatch, Spool, to_payload
from futures_pipeline.storage.spool.tables import BATCHES
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS, QUARANTINE, Table
from futures_pipeline_tests.storage.rows import AT, CALENDAR, SESSION, bar, frame, snapshot


def put(spool: Spool, rows: pl.DataFrame, table: Table = FUTURES_SNAPSHOTS) -> None:
    spool.append([NewBatch(table.name, SESSION, rows)], AT)


def between_good_batches(
    ingestion: Ingestion, rows: pl.DataFrame, payload: bytes | None = None
) -> pl.DataFrame:
    """Ingest a batch that stands between two good ones; return the quarantine."""
    put(ingestion.spool, frame([snapshot()]))
    put(ingestion.spool, rows)
    put(ingestion.spool, frame([snapshot("NQ")]))
    if payload is not None:
        with ingestion.spool._transaction() as connection:
            new = {"payload": payload, "checksum": zlib.crc32(payload)}
            connection.execute(BATCHES.update().where(BATCHES.c.seq == 2).values(new))
    report = ingest_partition(ingestion, FUTURES_SNAPSHOTS, SESSION, AT)
    stored = ingestion.lake.read(FUTURES_SNAPSHOTS.name)
    assert report.last_seq == 3
    assert {1, 3} <= set(stored["spool_seq"])
    kept = ingestion.lake.read(QUARANTINE.name)
    second = stored.filter(spool_seq=2).height
    assert second + kept.filter(pl.col("rule") != "unreadable_batch").height in (rows.height, 0)
    return kept


def with_values(column: str, values: Iterable[Any]) -> pl.DataFrame:
    """Return good rows, one a value, in which one column holds these values."""
    held = pl.Series(column, values, strict=False)
    first = AT + timedelta(minutes=1)
    rows = [snapshot(timestamp=first + timedelta(minutes=n)) for n in range(len(held))]
    return frame(rows).with_columns(held)


@pytest.mark.parametrize("name", ["row_index", "spool_seq", "rule", "says", "misfit", "literal"])
def test_a_payload_may_have_columns_named_as_ours(ingestion: Ingestion, name: str) -> None:
    rows = with_values("last", [1.0, -1.0]).with_columns(pl.lit("theirs").alias(name))

    kept = between_good_batches(ingestion, rows)

    assert kept.select("rule", "row_index", "spool_seq").rows() == [("prices_positive", 1, 2)]
    assert json.loads(kept["row_json"][0])[name] == "theirs"


@pytest.mark.parametrize("column", ["symbol", "contract"])
@pytest.mark.parametrize("value", [["ES"], b"\xff\xfe", {"root": "ES"}, 17, AT, 1.5, True])
def test_any_type_may_stand_for_a_name(ingestion: Ingestion, column: str, value: Any) -> None:
    kept = between_good_batches(ingestion, with_values(column, [value]))

    assert kept["rule"].to_list() == ["values_have_their_type"]
    assert kept[column].to_list() == [str(value)]


@pytest.mark.parametrize(
    ("column", "values", "refused"),
    [
        ("bid", ["5900.0", "much"], [1]),
        ("con_id", [1.0, 1.7], [1]),
        ("symbol", [b"ES", b"\xff"], [1]),
        ("timestamp", [(AT + timedelta(minutes=1)).isoformat(), "soon"], [1]),
        ("timestamp", [AT.replace(tzinfo=None)], [0]),
        ("last_at", [AT.replace(tzinfo=None), None], [0]),
    ],
)
def test_a_cell_without_its_type_refuses_its_row_alone(
    ingestion: Ingestion, column: str, values: list[Any], refused: list[int]
) -> None:
    rows = with_values(column, values)

    kept = between_good_batches(ingestion, rows)

    assert kept["row_index"].to_list() == refused
    assert set(kept["rule"]) == {"values_have_their_type"}
    assert kept["says"][0].startswith(f"{column} is a ")
    assert json.loads(kept["row_json"][0])[column] == json.loads(
        json.dumps(values[refused[0]], default=str)
    )
    stored = ingestion.lake.read(FUTURES_SNAPSHOTS.name).filter(spool_seq=2)
    assert stored.height == rows.height - len(refused)


def test_a_refused_row_is_kept_as_it_came(ingestion: Ingestion) -> None:
    """With columns we do not know, its own session date, and values before any conversion."""
    rows = with_values("last", [-1]).with_columns(
        session_date=pl.lit("1999-01-01"), extra=pl.lit([1, 2], dtype=pl.List(pl.Int64))
    )

    row = json.loads(between_good_batches(ingestion, rows)["row_json"][0])

    assert (row["last"], row["extra"], row["session_date"]) == (-1, [1, 2], "1999-01-01")
    assert set(row) == set(rows.columns)


def test_times_that_python_cannot_hold_are_kept_as_numbers(ingestion: Ingestion) -> None:
    far = 9 * 10**18
    rows = with_values("last", [1.0]).with_columns(
        last_at=pl.Series([far]).cast(pl.Datetime("us", "UTC"))
    )

    kept = between_good_batches(ingestion, rows)

    assert kept["rule"].to_list() == ["values_have_their_type"]
    assert json.loads(kept["row_json"][0])["last_at"] == far


@pytest.mark.parametrize("flipped", [1, 8, 100, 500, 900, -10, -20, -100])
def test_a_payload_with_a_flipped_byte_is_kept_whole(ingestion: Ingestion, flipped: int) -> None:
    """Some bytes make polars panic, which is no Exception; some change a value unseen."""
    rows = with_values("last", [1.0])
    payload = bytearray(to_payload(rows))
    payload[flipped] ^= 0xFF

    kept = between_good_batches(ingestion, rows, bytes(payload)).filter(rule="unreadable_batch")

    assert all(bytes(payload).hex() in text for text in kept["row_json"])


@pytest.mark.parametrize(
    "error",
    [
        pl.exceptions.PanicException("index out of bounds"),
        pl.exceptions.ComputeError("no"),
        TypeError("no"),
        OverflowError("no"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_payload_raises_it_is_kept_whole(
    ingestion: Ingestion, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = with_values("last", [1.0, 2.0])
    torn = to_payload(rows)[:-1]
    decode = module.from_payload

    def from_payload(payload: bytes) -> pl.DataFrame:
        if payload == torn:
            raise error
        return decode(payload)

    monkeypatch.setattr(module, "from_payload", from_payload)
    kept = between_good_batches(ingestion, rows, torn)

    assert kept.select("rule", "symbol", "row_index").rows() == [("unreadable_batch", None, 0)]
    assert torn.hex() in kept["row_json"][0]


@pytest.mark.parametrize("payload", [b"", b"torn", b"ARROW1\0\0" + b"\xff" * 64])
def test_bytes_that_are_no_frame_are_kept_whole(ingestion: Ingestion, payload: bytes) -> None:
    kept = between_good_batches(ingestion, with_values("last", [1.0]), payload)

    assert kept["rule"].to_list() == ["unreadable_batch"]
    assert json.loads(kept["row_json"][0])["payload_hex"] == payload.hex()


def test_a_batch_without_rows_is_passed(ingestion: Ingestion) -> None:
    nothing = to_payload(pl.DataFrame())
    assert between_good_batches(ingestion, with_values("last", [1.0]), nothing).is_empty()


OPENS = CALENDAR.globex.before(SESSION, 1)[0].closes_at  # the closure before belongs to it too
CLOSES = datetime(2025, 1, 15, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("at", "is_refused"),
    [
        (OPENS - MINUTE, True),
        (OPENS, False),
        (CLOSES - MINUTE, False),
        (CLOSES, True),
        (datetime(1999, 1, 4, tzinfo=UTC), True),
        (datetime(2077, 1, 4, tzinfo=UTC), True),
    ],
)
@pytest.mark.parametrize("table", [FUTURES_SNAPSHOTS, BARS_1M], ids=lambda table: table.name)
def test_a_row_outside_its_session_is_refused(
    ingestion: Ingestion, table: Table, at: datetime, is_refused: bool
) -> None:
    row = bar(ts_start=at) if table is BARS_1M else snapshot(timestamp=at)
    put(ingestion.spool, frame([row], table), table)

    report = ingest_partition(ingestion, table, SESSION, AT)

    assert report.refused == ({"in_its_session": 1} if is_refused else {})


def test_no_row_belongs_to_a_day_without_a_session(ingestion: Ingestion) -> None:
    saturday = SESSION.replace(day=18)
    rows = frame([snapshot(timestamp=datetime(2025, 1, 18, 15, tzinfo=UTC))])
    ingestion.spool.append([NewBatch(FUTURES_SNAPSHOTS.name, saturday, rows)], AT)

    report = ingest_partition(ingestion, FUTURES_SNAPSHOTS, saturday, AT)

    assert report.refused == {"in_its_session": 1}


def test_a_changed_byte_is_noticed_before_it_is_read(spool: Spool) -> None:
    """Some changed bytes end the process that decodes them, so they are not decoded."""
    spool.append([NewBatch(FUTURES_SNAPSHOTS.name, SESSION, frame([snapshot()]))], AT)
    (kept,) = spool.read_after(FUTURES_SNAPSHOTS.name, SESSION, 0)
    torn = bytes([kept.payload[0] ^ 1, *kept.payload[1:]])

    assert kept.rows().height == 1
    with pytest.raises(SpoolError, match="does not match its checksum"):
        replace(kept, payload=torn).rows()
