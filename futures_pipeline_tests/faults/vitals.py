"""What a process holds while it runs: memory, open files, tasks; and whether that stays flat."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MEGABYTE = 1e6
SUMMARY = re.compile(r"\btasks=(\d+)")
SPARKS = "▁▂▃▄▅▆▇█"
CHART_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process: machine seconds since the first look, and what it held.

    ``tasks`` is None until the process has told how many it has.
    """

    seconds: float
    memory_mb: float
    files: int
    tasks: int | None


def sample(pid: int, seconds: float, log: str) -> Sample:
    """Look at a living process; ``log`` is what it has written last."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    told = SUMMARY.findall(log)
    return Sample(
        seconds=seconds,
        memory_mb=pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE,
        files=len(os.listdir(f"/proc/{pid}/fd")),
        tasks=int(told[-1]) if told else None,
    )


def second_half(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples of the later half of the time."""
    middle = (samples[0].seconds + samples[-1].seconds) / 2
    return [it for it in samples if it.seconds >= middle]


def slope(samples: Sequence[Sample]) -> float:
    """Return the growth of memory in megabytes a machine second, by least squares.

    >>> slope([Sample(float(s), 100.0 + 2.0 * s, 9, None) for s in range(5)])
    2.0
    """
    seconds = np.array([it.seconds for it in samples])
    memory = np.array([it.memory_mb for it in samples])
    return round(float(np.polyfit(seconds, memory, 1)[0]), 9)


def sparkline(values: Sequence[float]) -> str:
    """Return values as a row of blocks, low to high.

    >>> sparkline([0.0, 1.0, 2.0, 7.0])
    '▁▂▃█'
    """
    lowest, highest = min(values), max(values)
    step = (highest - lowest) / (len(SPARKS) - 1) or 1.0
    every = max(1, len(values) // CHART_WIDTH)
    return "".join(SPARKS[int((value - lowest) / step)] for value in values[::every])


def draw(samples: Sequence[Sample], speed: float, path: Path) -> None:
    """Save memory, open files and tasks over the run as a picture."""
    from matplotlib.figure import Figure

    hours = [it.seconds * speed / 3600 for it in samples]
    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 1))
    tasks = [float("nan") if it.tasks is None else it.tasks for it in samples]
    for panel, values, name in zip(
        panels,
        ([it.memory_mb for it in samples], [it.files for it in samples], tasks),
        ("resident memory, MB", "open files", "tasks"),
        strict=True,
    ):
        panel.plot(hours, values, drawstyle="steps-post", linewidth=1)
        panel.set_ylabel(name)
        panel.set_ylim(0, 1.15 * float(np.nanmax(np.array(values, dtype=float))))
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("simulated hours")
    figure.savefig(path, dpi=110)
