"""A flipped bit is found, named by file, session and rows, and healed or told as a loss."""

import random
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.storage.ingestion import Ingestion, ingest_partition, source_id
from futures_pipeline.storage.lake import Lake, LakeDamaged, Once
from futures_pipeline.storage.lake.data_files import DataFile
from futures_pipeline.storage.repair import heal, rebuild
from futures_pipeline.storage.scrub import scrub
from futures_pipeline.storage.tables import BARS_1M, CHANGE_METRICS, QUARANTINE
from futures_pipeline_tests.storage.killed_ingester import next_batch
from futures_pipeline_tests.storage.rows import AT, SESSION
from futures_pipeline_tests.torture.truth import account

SEED = 20250115
FLIPS = 60


def fill(ingestion: Ingestion, count: int = 4) -> None:
    for number in range(count):
        ingestion.spool.append([next_batch(number)], AT)
        ingest_partition(ingestion, BARS_1M, SESSION, AT)


def files_of(lake: Lake, name: str = BARS_1M.name) -> list[DataFile]:
    table = lake.open(name)
    assert table is not None
    return table.data_files()


def flip(path: Path, at_bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[at_bit // 8 % len(data)] ^= 1 << at_bit % 8
    path.write_bytes(bytes(data))


def flip_in(lake: Lake, name: str = BARS_1M.name, number: int = 0) -> DataFile:
    file = files_of(lake, name)[number]
    flip(lake.path(name) / file.path, 8 * (file.size // 2))
    return file


def test_a_sound_lake_has_nothing_to_say(ingestion: Ingestion) -> None:
    fill(ingestion)
    found = scrub(ingestion.lake)

    assert found.damages == ()
    held = [
        file for name in (BARS_1M.name, QUARANTINE.name) for file in files_of(ingestion.lake, name)
    ]
    assert (found.files, found.size_bytes) == (len(held), sum(file.size for file in held))


def test_no_flipped_bit_of_a_data_file_is_read_in_silence(ingestion: Ingestion) -> None:
    fill(ingestion, 1)
    (file,) = files_of(ingestion.lake)
    path = ingestion.lake.path(BARS_1M.name) / file.path
    sound, moments = path.read_bytes(), random.Random(SEED)
    for _ in range(FLIPS):
        flip(path, moments.randrange(8 * len(sound)))
        with pytest.raises(LakeDamaged, match=r"2 rows of 2025-01-15.*scrub --rebuild"):
            ingestion.lake.read(BARS_1M.name)
        (damage,) = scrub(ingestion.lake).damages
        assert (damage.path, damage.sessions, damage.rows) == (file.path, (SESSION,), 2)
        path.write_bytes(sound)


def test_no_flipped_bit_of_the_log_is_read_in_silence(ingestion: Ingestion) -> None:
    fill(ingestion, 2)
    log = ingestion.lake.path(BARS_1M.name) / "_delta_log"
    moments = random.Random(SEED)
    for _ in range(FLIPS):
        path = moments.choice(sorted(log.glob("*.json")))
        sound = path.read_bytes()
        flip(path, moments.randrange(8 * len(sound)))
        with pytest.raises(LakeDamaged):
            Lake(ingestion.lake.root).read(BARS_1M.name)
        assert scrub(Lake(ingestion.lake.root), [BARS_1M.name]).damages
        path.write_bytes(sound)


def test_a_damaged_session_is_rebuilt_from_the_spool(ingestion: Ingestion) -> None:
    fill(ingestion)
    flip_in(ingestion.lake)
    (healed,) = heal(ingestion, [BARS_1M.name], AT)

    assert healed.lost_rows == 0
    assert f"rebuilt {SESSION} from the spool: 8 of 8 rows" in healed.did
    assert scrub(ingestion.lake).damages == ()
    assert account(ingestion.lake, ingestion.spool).is_even


def test_a_damaged_quarantine_is_rebuilt_from_the_spool(ingestion: Ingestion) -> None:
    fill(ingestion)
    flip_in(ingestion.lake, QUARANTINE.name, number=1)
    (healed,) = heal(ingestion, [QUARANTINE.name], AT)

    assert healed.lost_rows == 0
    assert account(ingestion.lake, ingestion.spool).is_even


def test_a_file_that_is_gone_is_damage(ingestion: Ingestion) -> None:
    fill(ingestion)
    file = files_of(ingestion.lake)[-1]
    (ingestion.lake.path(BARS_1M.name) / file.path).unlink()

    (damage,) = scrub(ingestion.lake).damages
    assert "it is gone" in damage.says
    heal(ingestion, [BARS_1M.name], AT)
    assert account(ingestion.lake, ingestion.spool).is_even


def test_ingestion_heals_the_session_it_reads(ingestion: Ingestion) -> None:
    fill(ingestion)
    flip_in(ingestion.lake)
    ingestion.spool.append([next_batch(4)], AT)
    ingest_partition(ingestion, BARS_1M, SESSION, AT)

    assert account(ingestion.lake, ingestion.spool).is_even


def test_without_a_journal_the_loss_is_told(ingestion: Ingestion) -> None:
    """The batches of the damaged file were pruned: the other rows stay, two are lost."""
    rows = next_batch(0).rows.head(1)
    table = ingestion.lake.open_or_create(BARS_1M.name)
    for minute in range(3):
        stored = rows.with_columns(
            pl.col("ts_start", "ts_end") + timedelta(minutes=minute),
            ingested_at=pl.lit(AT).dt.cast_time_unit("us"),
            spool_seq=pl.lit(minute, pl.Int64),
        )
        table.append(stored, Once("elsewhere", minute), {})
    flip_in(ingestion.lake)

    (healed,) = rebuild(ingestion, scrub(ingestion.lake).damages, AT)
    assert healed.lost_rows == 1
    assert "2 of 3 rows" in healed.did
    assert ingestion.lake.read(BARS_1M.name).height == 2


def test_a_damaged_derived_session_is_computed_anew(ingestion: Ingestion) -> None:
    columns = {name: pl.Series([None], dtype=kind) for name, kind in CHANGE_METRICS.schema.items()}
    row = pl.DataFrame({name: columns[name] for name in CHANGE_METRICS.names})
    table = ingestion.lake.open_or_create(CHANGE_METRICS.name)
    days: list[date] = [SESSION, SESSION + timedelta(1)]
    for day in days:
        own = row.with_columns(session_date=pl.lit(day))
        table.replace([day], own, {}, Once(source_id(CHANGE_METRICS.name, day), 9))
    table.gather(table.data_files())
    flip_in(ingestion.lake, CHANGE_METRICS.name)
    (healed,) = heal(ingestion, [CHANGE_METRICS.name], AT)

    again = ingestion.lake.open(CHANGE_METRICS.name)
    assert again is not None
    assert [again.committed_seq(source_id(CHANGE_METRICS.name, day)) for day in days] == [0, 0]
    assert (healed.lost_rows, again.session_dates()) == (0, [])
