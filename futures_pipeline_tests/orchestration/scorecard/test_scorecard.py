"""The scorecard in the lake: planted win rates come back, and nothing of later days does."""

import math
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.scorecard.assets import graded
from futures_pipeline.orchestration.scorecard.automation import SCORECARD_JOB, scores_due
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import BARS_1M, ENTRY_DECISIONS, SCORE_TABLES
from futures_pipeline_tests.orchestration.scorecard.conftest import (
    DAYS,
    EVENING,
    day_bars,
    decided,
    plant,
    run_job,
    settings_at,
    shown,
    store,
)

LAST = DAYS[-1]


def read(data: Path, name: str, **where: object) -> pl.DataFrame:
    return Lake(data / "lake").read(name).filter(**where)


def test_planted_win_rates_come_back(
    scored: tuple[Path, dg.ExecuteInProcessResult],
) -> None:
    """7 of 10 mornings rose; 4 of 5 confirmed decisions were right and 3 of 5 others."""
    lake, result = scored
    assert result.success
    assert all(found.passed for found in result.get_asset_check_evaluations())
    last = {"session_date": LAST, "horizon": "30m", "symbol": "SPY"}
    (bias,) = read(lake, "scorecard", **last, source="premarket", slice="all").to_dicts()
    assert (bias["n"], bias["sessions"]) == (10, 10)
    assert (bias["win_rate"], bias["base_rate"]) == (0.7, 0.7)
    assert bias["edge"] == 0.0
    assert bias["days_to_conclusion"] == 609  # (619 - 10) * 10 / 10
    assert bias["verdict"] == "not_yet"
    # 7 of +99.5 and 3 of -100.5 basis points, less 1 for the round trip.
    expected = (7 * math.log(1.01) + 3 * math.log(0.99)) / 10 * 1e4 - 1.0
    assert bias["net_edge_bp"] == pytest.approx(expected)
    (added,) = read(lake, "confirmation", **last, source="decision").to_dicts()
    assert (added["n"], added["confirmation_rate"]) == (10, 0.5)
    assert (added["win_rate_confirmed"], added["win_rate_unconfirmed"]) == (0.8, 0.6)
    assert added["difference"] == pytest.approx(0.2)
    (bins,) = read(lake, "calibration", **last, source="premarket").to_dicts()
    assert (bins["n"], bins["win_rate"]) == (10, 0.7)
    (both,) = read(lake, "with_and_without", **last).to_dicts()
    assert (both["moments"], both["n_without"], both["win_rate_without"]) == (10, 10, 0.7)


def test_a_person_sees_the_verdict_first_then_pictures(
    scored: tuple[Path, dg.ExecuteInProcessResult],
) -> None:
    pages = shown(scored[1])
    page = pages["scorecard", str(LAST)]
    assert list(page)[:3] == ["verdict", "win_rates", "not_yet"]
    assert "SPY premarket: not yet: 70% of 10 right" in page["verdict"]
    pictures = [page["win_rates"], page["not_yet"], pages["calibration", str(LAST)]["calibration"]]
    assert all("data:image/png;base64," in drawn and len(drawn) < 50_000 for drawn in pictures)


def test_an_outcome_worked_by_hand(lake: Path) -> None:
    """In at the 09:30 open of 480.00, out at 484.80 at 10:00; an hour and the close are as far."""
    run_job(settings_at(lake, EVENING), SCORECARD_JOB, DAYS[0])
    rows = read(lake, "outcomes", source="premarket").sort("horizon")
    assert rows.select("horizon", "entry_price", "exit_price", "log_return").rows() == [
        (horizon, 480.0, pytest.approx(484.8), pytest.approx(math.log(1.01)))
        for horizon in ("30m", "60m", "close")
    ]
    assert rows["entry_at"].unique().to_list() == [new_york(DAYS[0], 9, 30)]


def test_later_days_change_no_earlier_card(
    tmp_path: Path, scored: tuple[Path, dg.ExecuteInProcessResult]
) -> None:
    """Four mornings rose; a card of the fourth does not know that three of the ten fell."""
    plant(Lake(tmp_path / "lake"), DAYS[:4])
    workbench = Workbench(settings_at(tmp_path, EVENING))
    alone = graded(workbench, DAYS[:4]).tables
    for table in SCORE_TABLES:
        of_fourth = alone[table.name].filter(session_date=DAYS[3])
        assert of_fourth.height
        assert of_fourth.equals(read(scored[0], table.name, session_date=DAYS[3]))


def test_only_what_is_known_is_graded(lake: Path) -> None:
    """At 10:10 the half hour is known; the hour and the close are not, though bars are stored."""
    settings = settings_at(lake, new_york(LAST, 10, 10))
    run_job(settings, SCORECARD_JOB, LAST)
    rows = read(lake, "outcomes", source="decision").sort("horizon")
    assert rows.select("horizon", "reason").rows() == [
        ("30m", None), ("60m", "no_exit_price"), ("close", "no_exit_price"),
    ]  # fmt: skip


def test_the_sensor_follows_the_newest_sessions_that_are_over(lake: Path) -> None:
    settings = settings_at(lake, EVENING)
    assert sorted(scores_due(Workbench(settings))) == DAYS[-3:]
    run_job(settings, SCORECARD_JOB, DAYS[-3], LAST)
    assert scores_due(Workbench(settings)) == {}
    more = [decided(LAST, confirmed=True), decided(LAST, confirmed=True, minute=35)]
    store(Lake(lake / "lake"), ENTRY_DECISIONS.name, LAST, more, seq=2)
    assert list(scores_due(Workbench(settings))) == [LAST]
    before_close = settings_at(lake, new_york(LAST, 16, 30))
    assert LAST not in scores_due(Workbench(before_close))


def test_a_rerun_leaves_the_same_rows(lake: Path) -> None:
    settings, runs = settings_at(lake, EVENING), []
    for _ in range(2):
        run_job(settings, SCORECARD_JOB, LAST)
        runs.append({table.name: read(lake, table.name) for table in SCORE_TABLES})
    assert all(runs[1][name].equals(rows) for name, rows in runs[0].items())


def test_a_session_without_calls_has_no_card(tmp_path: Path) -> None:
    store(Lake(tmp_path / "lake"), BARS_1M.name, LAST, day_bars(LAST, 0.01))
    settings = settings_at(tmp_path, EVENING + timedelta(hours=1))
    assert run_job(settings, SCORECARD_JOB, LAST).success
    assert all(read(tmp_path, table.name).is_empty() for table in SCORE_TABLES)
    assert scores_due(Workbench(settings)) == {}
