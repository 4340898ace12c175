"""What is told of the collector's database, without touching it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.storage.spool import NewBatch, NewRequest, Spool
from futures_pipeline.storage.spool.queue_report import STATUSES, last_kept_at, read_queue
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.storage.rows import bar, frame

NOW = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def queued(spool: Spool) -> Spool:
    """Six requests: one that runs, two that wait, one failed, one dead, one done."""
    wanted = [("backfill", "ES", 50), ("backfill", "NQ", 20), ("repair", "ES", 20)]
    spool.enqueue([NewRequest("snapshot", name, 0) for name in ("ES", "NQ", "SPY", "VIX")], NOW)
    spool.enqueue([NewRequest(*request) for request in wanted], NOW + SECOND)
    first, second, third, _ = spool.claim(["snapshot"], 4, NOW + 2 * SECOND)
    spool.finish([first.id], [], NOW + 3 * SECOND)
    spool.put_back(second.id, "failed", ("stale_stream", "silent"), (NOW + 4 * SECOND, NOW))
    spool.put_back(third.id, "dead", ("not_subscribed", "354 no"), (NOW + 5 * SECOND, NOW))
    return spool


def test_requests_come_in_the_order_in_which_a_person_looks(queued: Spool) -> None:
    """What runs, what waits by priority and age, then what ended with the newest first."""
    found = read_queue(queued.url, STATUSES)

    assert found is not None
    assert [(one.kind, one.symbol, one.status) for one in found.requests] == [
        ("snapshot", "VIX", "running"),
        ("backfill", "NQ", "pending"),
        ("repair", "ES", "pending"),
        ("backfill", "ES", "pending"),
        ("snapshot", "SPY", "dead"),
        ("snapshot", "NQ", "failed"),
        ("snapshot", "ES", "done"),
    ]
    dead = found.requests[4]
    assert (dead.error_kind, dead.error_message, dead.attempts) == ("not_subscribed", "354 no", 1)
    assert dead.updated_at == NOW + 5 * SECOND
    assert found.oldest_pending_at == NOW + SECOND


def test_counts_are_of_everything_and_requests_of_what_is_asked(queued: Spool) -> None:
    found = read_queue(queued.url, ("pending",), "backfill")

    assert found is not None
    assert [one.symbol for one in found.requests] == ["NQ", "ES"]
    assert sum(found.counts.values()) == 7
    assert found.counts["snapshot", "dead"] == 1


def test_an_empty_queue_has_no_oldest(spool: Spool) -> None:
    found = read_queue(spool.url, STATUSES)
    assert found is not None
    assert (found.counts, found.oldest_pending_at, found.requests) == ({}, None, [])


def test_the_last_sign_of_life_is_the_newest_batch(spool: Spool) -> None:
    assert last_kept_at(spool.url) is None
    for seconds in (0, 60):
        at = NOW + seconds * SECOND
        spool.append([NewBatch(BARS_1M.name, date(2025, 1, 15), frame([bar()], BARS_1M))], at)
    assert last_kept_at(spool.url) == NOW + 60 * SECOND


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'collector.sqlite'}"
    assert read_queue(url, STATUSES) is None
    assert last_kept_at(url) is None
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_has_no_queue_yet(tmp_path: Path) -> None:
    (tmp_path / "collector.sqlite").touch()
    assert read_queue(f"sqlite:///{tmp_path / 'collector.sqlite'}", STATUSES) is None


def test_another_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "collector.sqlite").write_bytes(b"not a database, and long enough to see it" * 40)
    with pytest.raises(SpoolError, match=r"cannot be read .*; check that it is the collector's"):
        read_queue(f"sqlite:///{tmp_path / 'collector.sqlite'}", STATUSES)


def test_a_writer_in_the_middle_of_its_work_is_not_waited_for(queued: Spool) -> None:
    spool = queued
    engine = sa.create_engine(spool.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as writer:
        writer.exec_driver_sql("BEGIN IMMEDIATE")
        writer.exec_driver_sql("DELETE FROM requests")

        found = read_queue(spool.url, STATUSES)

        writer.exec_driver_sql("ROLLBACK")
    engine.dispose()
    assert found is not None
    assert len(found.requests) == 7
