"""``python -m futures_pipeline_tests.bench.dashboard``: 70 trades a second in a real browser.

The collector's own feed server, the dashboard's own command and the system's Chromium, each in
processes of its own, so that the dashboard's CPU is its own. Linux only.
"""

import multiprocessing
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

from futures_pipeline_tests.bench.feed import serving
from futures_pipeline_tests.dashboard.serving import served

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic")
COUNTED = ("trades", "lost", "paints", "p95")
SETTLE_MS = 2_500


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has used, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watched(page: Page, seconds: float) -> dict[str, float]:
    """Let the page listen for some seconds; return what it counts."""
    page.wait_for_timeout(seconds * 1_000 + SETTLE_MS)
    root = page.locator("#live")
    return {name: float(root.get_attribute(f"data-{name}") or "nan") for name in COUNTED}


def measure(seconds: float, directory: Path) -> tuple[int, dict[str, float], float]:
    """Return trades sent, what the page counted, and CPU seconds of the dashboard's process."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    feed = spawn.Process(target=serving, args=(theirs, seconds))
    feed.start()
    data = directory / "data"
    with served(data, datetime.now(UTC), ours.recv()) as dashboard, sync_playwright() as play:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{dashboard.address}/live")
        page.locator("#live[data-opened='1']").wait_for()
        before = cpu_seconds(dashboard.pid)
        ours.send("begin")
        counted = watched(page, seconds)
        used = cpu_seconds(dashboard.pid) - before
        sent, _ = ours.recv()
        browser.close()
    feed.join()
    return sent, counted, used


@click.command()
@click.option("--seconds", type=float, default=30.0, help="How long (30).")
def main(seconds: float) -> None:
    """Measure and print; asked are 95 % received, no gap, p95 below 500 ms, 15 % of a core."""
    with TemporaryDirectory() as directory:
        sent, counted, used = measure(seconds, Path(directory))
    screen = Table("Sent", "Received", "Gaps", "Paints a second", "p95 ms", "CPU of a core")
    screen.add_row(
        str(sent),
        f"{100.0 * counted['trades'] / sent:.1f} %",
        f"{counted['lost']:.0f}",
        f"{counted['paints'] / seconds:.1f}",
        f"{counted['p95']:.0f}",
        f"{100.0 * used / seconds:.1f} %",
    )
    Console().print(screen)


if __name__ == "__main__":
    main()
