"""One signal and one decision on a lake with ten years of a future, its ETF and VIX."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from futures_pipeline.api.deciding.moments import decided, moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store
from futures_pipeline.config import Settings
from futures_pipeline.domain.contracts import local_symbol, quarterly_expiry, roll_session
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.maintenance import maintain
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS
from futures_pipeline_tests.market_lake import (
    CALENDAR,
    LEVEL,
    add,
    random_night,
    session_bars,
    snapshots_of,
)

Job = Callable[[], object]
Titled = tuple[str, dict[str, Callable[[], Job]]]
LAST = date(2025, 2, 20)
# The last session comes a minute a commit from here on, as ingestion leaves it.
NOON, MINUTES = new_york(LAST, 12), 30
MINUTE = timedelta(minutes=1)


def decision_jobs(directory: Path, years: float) -> list[Titled]:
    """Return the rows of the bench; each job is timed once in a fresh process."""
    signal = partial(_said, lambda tables, at: moment_of(tables, "SPY", at).signal())
    decision = partial(_said, lambda tables, at: decided(tables, "SPY", at))
    cases: dict[str, Callable[[Callable[[Store, datetime], object], Path, float], Job]] = {
        "a minute has just been committed": _after_a_commit,
        "nothing is new": _again,
        "first of a process": _first,
    }
    return [
        (f"{what}, {case}", {"ours": partial(prepare, say, directory, years)})
        for what, say in (("Signal", signal), ("Decision", decision))
        for case, prepare in cases.items()
    ]


def _said(say: Callable[[Sources, datetime], object], store: Store, at: datetime) -> object:
    return say(Sources(store), at)


def _after_a_commit(say: Callable[[Store, datetime], object], where: Path, years: float) -> Job:
    lake = Lake(_copied(built(where, years)))
    store = Store(lake, Settings(data=lake.root.parent))
    for row in minutes_after(NOON, 3):
        _commit(lake, row)
        at = row["ts_end"][0]
        if at < NOON + 3 * MINUTE:
            say(store, at)
    return lambda: say(store, NOON + 3 * MINUTE)


def _again(say: Callable[[Store, datetime], object], where: Path, years: float) -> Job:
    store = _store(where, years)
    say(store, NOON)
    return lambda: say(store, NOON)


def _first(say: Callable[[Store, datetime], object], where: Path, years: float) -> Job:
    store = _store(where, years)
    return lambda: say(store, NOON)


def _store(where: Path, years: float) -> Store:
    root = built(where, years)
    return Store(Lake(root), Settings(data=root.parent))


def _copied(root: Path) -> Path:
    """Return a copy to write to."""
    number = len(list(root.parent.parent.glob("copy*")))
    return Path(shutil.copytree(root, root.parent.parent / f"copy{number}" / "lake"))


def built(directory: Path, years: float) -> Path:
    """Return the lake's directory; made once, maintained but for its last session."""
    root = directory / "decisions" / "lake"
    if root.exists():
        return root
    lake, level, parts = Lake(root), LEVEL, []
    for number, day in enumerate(_days(years)):
        closes = random_night(number, level, CALENDAR.globex.on(day).minutes)
        level = float(closes[-1]) if 3_000.0 < closes[-1] < 9_000.0 else LEVEL
        parts.append(session_bars(day, closes, _front(day)))
        if len(parts) == 250:
            add(lake, BARS_1M.name, pl.concat(parts))
            parts.clear()
    if parts:
        add(lake, BARS_1M.name, pl.concat(parts))
    maintain(lake, LAST, datetime.now(UTC), [BARS_1M.name])
    today = _today()
    before = today.filter(pl.col("ts_end") <= NOON - MINUTES * MINUTE)
    _commit(lake, before)
    for row in minutes_after(NOON - MINUTES * MINUTE, MINUTES):
        _commit(lake, row)
    return root


def _days(years: float) -> list[date]:
    first = LAST - timedelta(days=int(365.25 * years))
    return [s.session_date for s in CALENDAR.globex.between(first, LAST - timedelta(days=1))]


def _front(day: date) -> str:
    """Return the contract that leads in a session."""
    months = ((year, month) for year in (day.year, day.year + 1) for month in (3, 6, 9, 12))
    expiries = (quarterly_expiry(*month, CALENDAR.regular) for month in months)
    return next(
        local_symbol("ES", expiry)
        for expiry in expiries
        if day < expiry and day < roll_session(expiry, CALENDAR.globex)
    )


def _today() -> pl.DataFrame:
    closes = random_night(10**6, LEVEL, CALENDAR.globex.on(LAST).minutes)
    return session_bars(LAST, closes, _front(LAST))


def minutes_after(at: datetime, count: int) -> Iterator[pl.DataFrame]:
    """Yield the bars of the minutes that end after a moment."""
    rows = _today()
    for number in range(1, count + 1):
        yield rows.filter(pl.col("ts_end") == at + number * MINUTE)


def _commit(lake: Lake, bars: pl.DataFrame) -> None:
    add(lake, BARS_1M.name, bars)
    add(lake, FUTURES_SNAPSHOTS.name, snapshots_of(bars))
