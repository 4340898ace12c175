"""Every row of the spool is in the lake or in quarantine exactly once, whatever happens."""

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage import ingestion as module
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition, source_id
from futures_pipeline.storage.lake import CommitConflict, Lake, OpenTable
from futures_pipeline.storage.spool import NewBatch, Spool
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS, QUARANTINE, Table
from futures_pipeline_tests.storage.killed_ingester import next_batch, spool_url
from futures_pipeline_tests.storage.rows import AT, CALENDAR, SESSION, frame, snapshot
from futures_pipeline_tests.torture.truth import account

KILLS = 25
SEED = 7


def ingest(ingestion: Ingestion, table: Table = FUTURES_SNAPSHOTS) -> module.IngestReport:
    return ingest_partition(ingestion, table, SESSION, AT)


def put(ingestion: Ingestion, rows: pl.DataFrame, table: Table = FUTURES_SNAPSHOTS) -> None:
    ingestion.spool.append([NewBatch(table.name, SESSION, rows)], AT)


def test_good_rows_are_stored_and_bad_rows_kept_with_their_rule(ingestion: Ingestion) -> None:
    crossed = snapshot("NQ", bid=2.0, ask=1.0)
    put(ingestion, frame([snapshot(), crossed, snapshot("RTY", last=float("nan"))]))

    report = ingest(ingestion)

    assert (report.new, report.refused) == (1, {"prices_finite": 1, "quote_not_crossed": 1})
    assert ingestion.lake.read(FUTURES_SNAPSHOTS.name)["symbol"].to_list() == ["ES"]
    kept = ingestion.lake.read(QUARANTINE.name)
    assert kept.select("rule", "symbol", "row_index").rows() == [
        ("quote_not_crossed", "NQ", 1),
        ("prices_finite", "RTY", 2),
    ]
    assert '"bid": 2.0' in kept["row_json"][0]
    assert '"last": NaN' in kept["row_json"][1]


def test_ingesting_again_changes_nothing(ingestion: Ingestion) -> None:
    put(ingestion, frame([snapshot(), snapshot("NQ", last=-1.0)]))
    first = ingest(ingestion)
    again = ingest(ingestion)

    assert (again.new, again.refused, again.version) == (0, {}, first.version)
    assert ingestion.lake.read(QUARANTINE.name).height == 1


def test_a_batch_of_only_bad_rows_is_not_read_again(ingestion: Ingestion) -> None:
    put(ingestion, frame([snapshot(last=-1.0)]))
    ingest(ingestion)

    table = ingestion.lake.open_or_create(FUTURES_SNAPSHOTS.name)
    assert table.committed_seq(source_id(FUTURES_SNAPSHOTS.name, SESSION)) == 1
    assert ingestion.lake.read(QUARANTINE.name).height == 1


def test_a_batch_of_other_columns_goes_to_quarantine_row_by_row(ingestion: Ingestion) -> None:
    put(ingestion, pl.DataFrame({"symbol": ["ES", "NQ"], "what": [1, 2]}))

    assert ingest(ingestion).refused == {"columns_present": 2}
    kept = ingestion.lake.read(QUARANTINE.name)
    assert kept["row_json"].to_list() == [
        '{"symbol": "ES", "what": 1}',
        '{"symbol": "NQ", "what": 2}',
    ]


def test_a_row_with_another_session_date_is_filed_under_its_batch(ingestion: Ingestion) -> None:
    """The collector decides the session of a batch; the lake keeps one answer per batch."""
    put(ingestion, frame([snapshot(session_date=SESSION.replace(day=16))]))
    ingest(ingestion)

    assert ingestion.lake.read(FUTURES_SNAPSHOTS.name)["session_date"].to_list() == [SESSION]


def test_a_symbol_that_is_not_collected_is_refused(lake: Lake, spool: Spool) -> None:
    only_es = Ingestion(lake, spool, (UNIVERSE["ES"],), CALENDAR, "test")
    put(only_es, frame([snapshot(), snapshot("NQ")]))

    assert ingest(only_es).refused == {"symbol_known": 1}


def test_quarantine_is_kept_before_the_rows_and_only_once(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the two commits repeats neither: the next try skips the kept rows."""
    put(ingestion, frame([snapshot(), snapshot("NQ", last=-1.0)]))

    def crash(*_: object) -> None:
        raise LakeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(module, "_commit", crash)
        with pytest.raises(LakeError, match="power cut"):
            ingest(ingestion)
    assert ingestion.lake.read(QUARANTINE.name).height == 1
    assert ingestion.lake.read(FUTURES_SNAPSHOTS.name).is_empty()

    ingest(ingestion)
    assert ingestion.lake.read(QUARANTINE.name).height == 1
    assert ingestion.lake.read(FUTURES_SNAPSHOTS.name).height == 1


def test_a_conflict_is_tried_again_and_given_up_in_the_end(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ingestion, frame([snapshot()]))
    tries = []

    def conflict(self: OpenTable, *_: object) -> None:
        tries.append(self.version)
        raise CommitConflict("another writer was faster")

    monkeypatch.setattr(OpenTable, "append", conflict)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(CommitConflict):
        ingest(ingestion)
    assert len(tries) == module.MAX_TRIES


def test_exactly_once_under_kill(tmp_path: Path) -> None:
    """A process that ingests is killed at random moments; then the rest is ingested."""
    moments = random.Random(SEED)
    command = [sys.executable, "-m", "futures_pipeline_tests.storage.killed_ingester"]
    for _ in range(KILLS):
        with subprocess.Popen(
            [*command, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == "ready\n"
            time.sleep(moments.uniform(0.0, 0.4))
            victim.kill()

    spool, lake = Spool(spool_url(tmp_path)), Lake(tmp_path / "lake")
    last = Ingestion(lake, spool, tuple(UNIVERSE.values()), CALENDAR, "last")
    ingest(last, BARS_1M)
    assert len(spool.read_after(BARS_1M.name, SESSION, 0)) >= KILLS
    assert account(lake, spool).is_even
    spool.close()


def test_exactly_once_with_two_ingesters(ingestion: Ingestion) -> None:
    """Two ingest what a third writes; each batch is committed by one of them."""
    batches = 20

    def keep_ingesting(name: str) -> int:
        own = replace(ingestion, run_id=name)
        new = 0
        while True:
            report = ingest(own, BARS_1M)
            new += report.new
            if report.last_seq == batches:
                return new

    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(keep_ingesting, name) for name in ("first", "second")]
        for number in range(batches):
            ingestion.spool.append([next_batch(number)], AT)
            time.sleep(0.02)
        new = sum(worker.result(timeout=60) for worker in workers)

    assert new == 2 * batches
    assert account(ingestion.lake, ingestion.spool).is_even


def test_many_small_commits_are_gathered_and_stay_readable_as_of(ingestion: Ingestion) -> None:
    """A file a minute would slow every read; the log is summed up and old versions remain."""
    commits = 105
    for minute in range(commits):
        put(ingestion, frame([snapshot(timestamp=AT + timedelta(minutes=minute))]))
        ingest(ingestion)

    table = ingestion.lake.open(FUTURES_SNAPSHOTS.name)
    assert table is not None
    assert table.files(SESSION) <= module.MOST_FILES
    log = ingestion.lake.root / FUTURES_SNAPSHOTS.name / "_delta_log"
    assert len(list(log.glob("*.checkpoint.parquet"))) == 1
    assert table.read().height == commits
    for version in (1, 49, 60, 100, 104):
        assert ingestion.lake.read(FUTURES_SNAPSHOTS.name, as_of=version).height == version
