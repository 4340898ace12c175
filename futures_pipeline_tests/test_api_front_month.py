"""The public door shows the front month of each row's own session, by rule or override.

Trading in ESH5 ends on Friday 21 March 2025: by the calendar ESM5 leads from Monday the 17th.
"""

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.api import (
    get_change_metrics,
    get_continuous_bars,
    get_historical_snapshots,
    get_latest_snapshots,
)
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import CHANGE_METRICS
from futures_pipeline_tests.stored import MINUTE, bar, change, snapshot, store

WEDNESDAY, THURSDAY, FRIDAY, MONDAY = (date(2025, 3, day) for day in (12, 13, 14, 17))
HOUR = timedelta(hours=1)


@pytest.fixture
def override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUTURES_PIPELINE_COLLECTION_FRONT_MONTH", "ES=ESM5")


@pytest.fixture
def by_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUTURES_PIPELINE_COLLECTION_ROLL", "volume")


def both_contracts(data: Path, day: date, at: datetime) -> None:
    """Store a snapshot and changes of both contracts; those of ESM5 are a minute newer."""
    moments = {"ESH5": at, "ESM5": at + MINUTE}
    rows = [snapshot(name, moment, 5_600.0, session_date=day) for name, moment in moments.items()]
    store(data, "futures_snapshots", rows)
    rows = [change(name, moment, 1.0, session_date=day) for name, moment in moments.items()]
    store(data, CHANGE_METRICS.name, rows)


def shown(data: Path) -> tuple[str, str]:
    """The contracts of ES among the latest snapshots and the latest changes."""
    latest = get_latest_snapshots(data=data)["ES"]["contract"]
    return latest, get_change_metrics("ES", data=data)["contract"]


@pytest.mark.parametrize(
    ("day", "at", "front"),
    [
        (FRIDAY, new_york(FRIDAY, 16, 58), "ESH5"),
        (MONDAY, new_york(date(2025, 3, 16), 18), "ESM5"),  # Sunday's open
        (MONDAY, new_york(MONDAY, 12), "ESM5"),
    ],
)
def test_the_calendar_rolls_at_sundays_open(
    tmp_path: Path, day: date, at: datetime, front: str
) -> None:
    both_contracts(tmp_path, day, at)
    assert shown(tmp_path) == (front, front)


@pytest.mark.usefixtures("override")
def test_an_override_leads_before_the_rule_does(tmp_path: Path) -> None:
    both_contracts(tmp_path, THURSDAY, new_york(THURSDAY, 12))
    assert shown(tmp_path) == ("ESM5", "ESM5")


def test_an_override_stays_after_the_rule_has_rolled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUTURES_PIPELINE_COLLECTION_FRONT_MONTH", "ES=ESH5")
    both_contracts(tmp_path, MONDAY, new_york(MONDAY, 12))
    assert shown(tmp_path) == ("ESH5", "ESH5")


@pytest.mark.usefixtures("by_volume")
@pytest.mark.parametrize(("volume", "front"), [(11.0, "ESM5"), (10.0, "ESH5"), (None, "ESH5")])
def test_volume_rolls_after_the_session_that_traded_more(
    tmp_path: Path, volume: float | None, front: str
) -> None:
    both_contracts(tmp_path, THURSDAY, new_york(THURSDAY, 12))
    noon = new_york(WEDNESDAY, 12)
    traded = [
        bar("ESH5", noon, 5_600.0, session_date=WEDNESDAY, volume=10.0),
        bar("ESM5", noon, 5_650.0, session_date=WEDNESDAY, volume=volume),
        bar("ESM5", noon + 24 * HOUR, 5_650.0, session_date=THURSDAY, volume=1e6),
    ]
    store(tmp_path, "bars_1m", traded)
    assert shown(tmp_path) == (front, front)
    bars = get_continuous_bars("ES", 5, method="none", data=tmp_path)
    fronts = ["ESH5", "ESM5"] if front == "ESM5" else ["ESH5"]
    assert bars["contract"].to_list() == fronts


@pytest.mark.usefixtures("by_volume")
def test_without_any_bar_volume_rolls_with_the_calendar(tmp_path: Path) -> None:
    both_contracts(tmp_path, FRIDAY, new_york(FRIDAY, 12))
    assert shown(tmp_path) == ("ESH5", "ESH5")


def test_a_mute_front_month_is_not_replaced_by_the_next(tmp_path: Path) -> None:
    """The last row of ESH5 is three hours old: that is what is known of the front month."""
    at = new_york(THURSDAY, 12)
    moments = {"ESH5": at - 3 * HOUR, "ESM5": at}
    store(
        tmp_path,
        "futures_snapshots",
        [snapshot(name, moment, 5_600.0) for name, moment in moments.items()],
    )
    store(
        tmp_path,
        CHANGE_METRICS.name,
        [change(name, moment, 1.0) for name, moment in moments.items()],
    )
    latest = get_latest_snapshots(data=tmp_path)["ES"]
    assert (latest["contract"], latest["timestamp"]) == ("ESH5", at - 3 * HOUR)
    assert get_change_metrics("ES", data=tmp_path)["contract"] == "ESH5"


def test_history_says_which_rows_led(tmp_path: Path) -> None:
    both_contracts(tmp_path, FRIDAY, new_york(FRIDAY, 16, 50))
    both_contracts(tmp_path, MONDAY, new_york(date(2025, 3, 16), 18, 10))
    history = get_historical_snapshots("ES", 72, data=tmp_path)
    fronts = history.filter("is_front_month").select("session_date", "contract").rows()
    assert history.height == 4
    assert fronts == [(FRIDAY, "ESH5"), (MONDAY, "ESM5")]
    assert history["change_1h"].to_list() == [1.0] * 4


def test_what_does_not_expire_always_leads(tmp_path: Path) -> None:
    at = new_york(THURSDAY, 12)
    store(tmp_path, "spot_snapshots", [snapshot("SPY", at, 560.0, symbol="SPY")])
    assert get_historical_snapshots("SPY", 1, data=tmp_path)["is_front_month"].to_list() == [True]
    assert get_latest_snapshots(data=tmp_path)["SPY"]["last"] == 560.0


def test_tables_without_rows_give_nothing(tmp_path: Path) -> None:
    for name in ("futures_snapshots", CHANGE_METRICS.name, "bars_1m"):
        Lake(tmp_path / "lake").open_or_create(name)
    assert get_latest_snapshots(data=tmp_path) == get_change_metrics("ES", data=tmp_path) == {}
    assert get_historical_snapshots("ES", 1, data=tmp_path).is_empty()
    assert get_continuous_bars("ES", 5, data=tmp_path).is_empty()


def test_bars_are_joined_across_the_roll(tmp_path: Path) -> None:
    anchor, monday = new_york(FRIDAY, 16), new_york(MONDAY, 12)
    rows = [
        bar("ESH5", anchor, 4_780.50, session_date=FRIDAY),
        bar("ESM5", anchor, 4_832.25, session_date=FRIDAY),
        bar("ESH5", monday, 4_800.00, session_date=MONDAY),
        bar("ESM5", monday, 4_850.00, session_date=MONDAY),
        bar("NQH5", anchor, 19_500.0, session_date=FRIDAY, symbol="NQ"),
    ]
    store(tmp_path, "bars_1m", rows)

    bars = get_continuous_bars("ES", 5, data=tmp_path)

    assert bars["contract"].to_list() == ["ESH5", "ESM5"]
    assert bars["close"].to_list() == [4_780.50, 4_850.00]
    assert bars["adjusted_close"].to_list() == pytest.approx([4_832.25, 4_850.00])
    points = get_continuous_bars("ES", 5, method="difference", data=tmp_path)
    assert points["adjusted_close"].to_list() == [4_832.25, 4_850.00]
    newest = get_continuous_bars("ES", 1, data=tmp_path)
    assert newest.select(pl.col("session_date", "contract")).rows() == [(MONDAY, "ESM5")]


@pytest.mark.usefixtures("override")
def test_bars_follow_the_override(tmp_path: Path) -> None:
    """From the second session of ESM5 on, at Wednesday's close of both."""
    rows = [
        bar(name, new_york(day, 16), close, session_date=day)
        for day in (WEDNESDAY, THURSDAY, FRIDAY)
        for name, close in (("ESH5", 5_600.0), ("ESM5", 5_656.0))
    ]
    before = bar("ESH5", new_york(date(2025, 3, 11), 16), 5_600.0, session_date=date(2025, 3, 11))
    store(tmp_path, "bars_1m", [before, *rows])
    bars = get_continuous_bars("ES", 5, data=tmp_path)
    assert bars["contract"].to_list() == ["ESH5", "ESH5", "ESM5", "ESM5"]
    assert bars["factor_ratio"].to_list() == pytest.approx([1.01, 1.01, 1.0, 1.0])
