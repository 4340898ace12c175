"""Interleaved timing of rivals for one job, each measurement in a process of its own."""

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 5
Job = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """Median CPU seconds, median wall seconds and peak memory (MB) of one tool on one job."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


def measure(rivals: Mapping[str, Callable[[], Job]]) -> dict[str, Result]:
    """Return each rival's figures; ``rivals`` prepare their input and return the timed job."""
    samples: dict[str, list[tuple[float, float, float]]] = {name: [] for name in rivals}
    for _ in range(ROUNDS):
        for name, prepare in rivals.items():
            samples[name].append(_in_process(prepare))
    return {
        name: Result(*(statistics.median(values) for values in zip(*runs, strict=True)))
        for name, runs in samples.items()
    }


def _in_process(prepare: Callable[[], Job]) -> tuple[float, float, float]:
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(prepare, send))
    child.start()
    figures: tuple[float, float, float] = receive.recv()
    child.join()
    return figures


def _run(prepare: Callable[[], Job], send: "multiprocessing.connection.Connection") -> None:
    job = prepare()
    cpu, wall = time.process_time(), time.perf_counter()
    job()
    figures = (time.process_time() - cpu, time.perf_counter() - wall)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    send.send((*figures, peak_mb))
