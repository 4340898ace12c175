"""One simulator and one real collector under watch: where the faults are played."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import polars as pl

from futures_pipeline.domain.clock import Clock, parse_clock
from futures_pipeline.domain.instruments import select_instruments
from futures_pipeline.storage.spool import Spool, from_payload
from futures_pipeline.storage.tables import BARS_1M, TABLES
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    Simulator,
    simulated,
)

POLL_SECONDS = 0.1
LEAVING_SECONDS = 30.0
# Machine seconds: a dead door is left soon, because market time runs many times faster.
TIMEOUTS = {
    "FUTURES_PIPELINE_GATEWAY_CONNECT_TIMEOUT_SECONDS": "1.5",
    "FUTURES_PIPELINE_GATEWAY_REQUEST_TIMEOUT_SECONDS": "2.5",
}
# Option chains take the free lines in turn: what is held at a moment would tell nothing.
NO_OPTIONS = {"FUTURES_PIPELINE_COLLECTION_OPTION_INTERVAL_SECONDS": "0"}


class Refused(RuntimeError):
    """The simulator did not accept a command."""


@dataclass
class Harvest:
    """What the spool has been given, read on as it grows."""

    spool: Spool
    _read: dict[tuple[str, date], int] = field(default_factory=dict)
    _frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def rows(self, table: str) -> pl.DataFrame:
        """Return every row spooled for a table so far, with its batch as ``seq``."""
        self._catch_up()
        known = self._frames.get(table, [])
        if len(known) > 1:
            known[:] = [pl.concat(known)]
        return known[0] if known else pl.DataFrame(schema={**TABLES[table].schema, "seq": pl.Int64})

    def snapshots(self, symbols: Sequence[str]) -> pl.DataFrame:
        """Return ``symbol`` and ``timestamp`` of every snapshot of some symbols."""
        tables = {instrument.snapshot_table for instrument in select_instruments(symbols)}
        found = [self.rows(table).select("symbol", "timestamp") for table in sorted(tables)]
        return pl.concat(found).filter(pl.col("symbol").is_in(list(symbols)))

    @property
    def last_seq(self) -> int:
        """The number of the newest batch."""
        self._catch_up()
        return max(self._read.values(), default=0)

    def _catch_up(self) -> None:
        for part in self.spool.partitions():
            key = (part.table, part.session_date)
            done = self._read.get(key, 0)
            if part.last_seq <= done:
                continue
            for batch in self.spool.read_after(*key, done):
                rows = from_payload(batch.payload).with_columns(seq=pl.lit(batch.seq, pl.Int64))
                self._frames.setdefault(part.table, []).append(rows)
                self._read[key] = batch.seq


@dataclass
class Stage:
    """A running pair of processes on one market clock, and one data directory."""

    simulator: Simulator
    collector: CollectorProcess
    spool: Spool
    symbols: tuple[str, ...]
    clock: Clock
    harvest: Harvest
    variables: dict[str, str]

    def restart_collector(self) -> None:
        """Stop the collector as a person does, and start it again on the same data."""
        self.collector.interrupt()
        self.collector = CollectorProcess(self.collector.data, self.variables)

    def command(self, **request: Any) -> dict[str, Any]:
        """Send a command that must be acknowledged."""
        answer = self.simulator.command(**request)
        if not answer["ok"]:
            raise Refused(f"{request}: {answer['error']}")
        return answer

    def fault(self, name: str, **parameters: Any) -> None:
        self.command(command="fault", name=name, **parameters)

    def heal(self) -> list[str]:
        """End all faults and return which were in force."""
        healed: list[str] = self.command(command="heal")["healed"]
        return healed

    def stats(self) -> dict[str, Any]:
        return self.command(command="stats")

    def bars(self) -> pl.DataFrame:
        return self.harvest.rows(BARS_1M.name)

    def log_length(self) -> int:
        return len(self.collector.log)

    def log_since(self, position: int) -> str:
        return self.collector.log[position:]

    def until(
        self, condition: Callable[[], bool], seconds: float, every: float = POLL_SECONDS
    ) -> bool:
        """Poll a condition; False when it does not hold within machine ``seconds``.

        Raises:
            RuntimeError: the collector has ended.
        """
        deadline = monotonic() + seconds
        while not condition():
            if monotonic() > deadline:
                return False
            if self.collector.wait(0) is not None:
                raise RuntimeError(f"the collector has ended: ...{self.collector.log[-2000:]}")
            sleep(every)
        return True

    def pass_time(self, market: timedelta) -> None:
        """Let market time pass."""
        end = self.clock.now() + market
        self.until(lambda: self.clock.now() >= end, self.machine_seconds(market) + 5.0)

    def machine_seconds(self, market: timedelta) -> float:
        return self.clock.system_seconds(market / timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class Setting:
    """How a stage is set: market time, symbols, seed, and settings of the collector."""

    start: datetime
    speed: float
    symbols: tuple[str, ...]
    seed: int
    variables: dict[str, str] = field(default_factory=dict)


@contextmanager
def staged(setting: Setting, data: Path) -> Iterator[Stage]:
    """Run simulator and collector on ``data`` for the body; afterwards both have left."""
    data.mkdir(parents=True, exist_ok=True)
    symbols = ",".join(setting.symbols)
    with simulated(setting.start, setting.speed, symbols, "--seed", str(setting.seed)) as simulator:
        told = {**simulator.variables, **TIMEOUTS, **NO_OPTIONS, **setting.variables}
        spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
        stage = Stage(
            simulator=simulator,
            collector=CollectorProcess(data, told),
            spool=spool,
            symbols=setting.symbols,
            clock=parse_clock(told["FUTURES_PIPELINE_CLOCK"]),
            harvest=Harvest(spool),
            variables=told,
        )
        try:
            yield stage
        finally:
            stage.collector.leave(LEAVING_SECONDS)
            spool.close()
