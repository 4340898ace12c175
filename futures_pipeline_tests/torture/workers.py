"""What is killed, cut off and starved: a process that fills the spool and ingests it.

Each runs in a child of a fork server, which has the imports ready and no thread: a start
costs milliseconds.
"""

import logging
import multiprocessing
import os
import random
import resource
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import CommitConflict, Lake
from futures_pipeline.storage.lake import durable as disk
from futures_pipeline.storage.maintenance import maintain
from futures_pipeline.storage.repair import repair_logs
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import BARS_1M, QUARANTINE
from futures_pipeline_tests.storage.killed_ingester import next_batch, spool_url
from futures_pipeline_tests.storage.rows import AT, CALENDAR, SESSION
from futures_pipeline_tests.torture.truth import Account, account

NAMES = (BARS_1M.name, QUARANTINE.name)
UPKEEP_EVERY = 25
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Settled:
    """A directory after the rest was ingested: its rows, and what had to be repaired first."""

    account: Account
    repairs: tuple[str, ...]
    batches: int

    @property
    def steps_back(self) -> int:
        """How often a commit had to be taken back: only what was torn is."""
        return sum("went back" in says or "table was set aside" in says for says in self.repairs)


def opened(spool_at: Path, lake_at: Path) -> Ingestion:
    """Return an ingestion on a spool's directory and a lake's."""
    spool = Spool(spool_url(spool_at))
    return Ingestion(Lake(lake_at), spool, tuple(UNIVERSE.values()), CALENDAR, "torture")


def last_seq(spool: Spool) -> int:
    held = spool.partitions()
    return held[0].last_seq if held else 0


def work(directory: Path, seed: int, told: Connection | None, *, syncs: bool = True) -> None:
    """Fill the spool and ingest it until killed; tell of each batch the spool acknowledged.

    ``syncs``: False is the negative control, a lake that leaves all to the kernel.
    """
    if not syncs:
        disk.os = _NoSync()  # type: ignore[attr-defined,assignment]
    ingestion, dice = opened(directory, directory / "lake"), random.Random(seed)
    number = last_seq(ingestion.spool)
    while True:
        ingestion.spool.append([next_batch(number)], AT)
        number += 1
        if told is not None:
            told.send(number)
        try:
            ingest_partition(ingestion, BARS_1M, SESSION, AT)
            if dice.randrange(UPKEEP_EVERY) == 0:
                maintain(ingestion.lake, SESSION + timedelta(days=1), datetime.now(UTC), NAMES)
        except CommitConflict:
            continue


class _NoSync:
    """``os`` for a disk module that forgets to sync."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, handle: int) -> None:
        del handle


def fill(directory: Path, batches: int) -> None:
    """Put batches into the spool, after those it has."""
    spool = Spool(spool_url(directory))
    first = last_seq(spool)
    for number in range(first, first + batches):
        spool.append([next_batch(number)], AT)
    spool.close()


def settle(directory: Path, lake_at: Path) -> Settled:
    """Do what a restart does, repair and ingest the rest, and take stock."""
    ingestion = opened(directory, lake_at)
    repairs = [f"{done.table}: {done.did}" for done in repair_logs(ingestion.lake, NAMES)]
    ingest_partition(ingestion, BARS_1M, SESSION, AT)
    found = account(ingestion.lake, ingestion.spool)
    batches = last_seq(ingestion.spool)
    ingestion.spool.close()
    return Settled(found, tuple(repairs), batches)


def starve(directory: Path, lake_at: Path, limits: dict[int, int], commits: int) -> str:
    """Ingest ``commits`` batches one by one under limits; return what was said at the end.

    A limit of open files counts from those that are open once polars has its threads.
    """
    be_quiet()
    ingestion = opened(directory, lake_at)
    next_batch(0).rows.sort("symbol")
    for limit, value in limits.items():
        held = len(os.listdir("/proc/self/fd")) if limit == resource.RLIMIT_NOFILE else 0
        resource.setrlimit(limit, (held + value, resource.getrlimit(limit)[1]))
    try:
        number = last_seq(ingestion.spool)
        for _ in range(commits):
            ingestion.spool.append([next_batch(number)], AT)
            number += 1
            ingest_partition(ingestion, BARS_1M, SESSION, AT)
    except PipelineError as error:
        return str(error)
    return ""


def be_quiet() -> None:
    """Say nothing on standard error: libraries tell at length of limits that are set here."""
    logging.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def start(function: Callable[..., object], *arguments: Any, **named: Any) -> BaseProcess:
    """Start a function in a child of the fork server."""
    child = CHILDREN.Process(target=function, args=arguments, kwargs=named, daemon=True)
    child.start()
    return child


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns in a child of its own.

    Raises:
        AssertionError: the child died.
    """
    receive, send = CHILDREN.Pipe(duplex=False)
    child = start(_answer, send, function, *arguments)
    send.close()
    try:
        answer = receive.recv()
    except EOFError:
        answer = AssertionError("the child died without an answer")
    child.join()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _answer(send: Connection, function: Callable[..., Any], *arguments: Any) -> None:
    try:
        send.send(function(*arguments))
    except (PipelineError, AssertionError, OSError) as error:
        send.send(AssertionError(f"{type(error).__name__}: {error}"))
