"""What the public door says of pairs: the planted answer, or nothing and why."""

import doctest
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from futures_pipeline.api import (
    assess_predictive_value,
    calculate_correlation,
    calculate_lead_lag,
    get_lead_lag_profile,
    pairs,
)
from futures_pipeline.api.pairs import last_shared, legs_of, round_trip_cost_bp
from futures_pipeline.api.reports import last_closed
from futures_pipeline.domain.errors import ConfigurationError, PipelineError, UnknownSymbol
from futures_pipeline.domain.sessions import new_york
from futures_pipeline_tests.pair_lake import (
    CLOCK,
    fill,
    planted_bars,
    regular_days,
)

IN_PROGRESS = "Data collection in progress. Analysis available after 7 days."
DAYS = regular_days(20)
THURSDAY, FRIDAY = date(2025, 1, 16), date(2025, 1, 17)


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The market's time is long after all that is stored."""
    monkeypatch.setenv("FUTURES_PIPELINE_CLOCK", CLOCK)


@pytest.fixture(scope="module")
def five_minutes_late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty sessions of SPY five minutes after ES; six of QQQ with NQ."""
    others = planted_bars(2, 0, DAYS[:6], ("NQ", "QQQ"))
    return fill(tmp_path_factory.mktemp("late"), planted_bars(1, 300, DAYS), others)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty sessions of ES and SPY without any lead."""
    return fill(tmp_path_factory.mktemp("together"), planted_bars(1, 0, DAYS))


def test_a_planted_lead_of_five_minutes_is_at_five_minutes(five_minutes_late: Path) -> None:
    by_lead = calculate_lead_lag("ES", "SPY", 60, data=five_minutes_late)
    assert list(by_lead) == [0, 5, 15, 30, 60]
    assert by_lead[5] > 0.95
    assert max(abs(by_lead[lead]) for lead in (0, 15, 30, 60)) < 0.06
    assert list(calculate_lead_lag("ES", "SPY", 14, data=five_minutes_late)) == [0, 5]


def test_the_profile_stands_beside_its_placebo(five_minutes_late: Path) -> None:
    profile = get_lead_lag_profile("ES", "SPY", data=five_minutes_late)
    assert profile["lead_minutes"].to_list() == list(range(-60, 61))
    row = profile.filter(lead_minutes=5).row(0, named=True)
    assert row["correlation"] > 10 * row["placebo_high"] > 0
    assert (row["draws"], row["is_significant"]) == (200, True)
    few = get_lead_lag_profile("NQ", "QQQ", data=five_minutes_late)
    assert few.is_empty()
    assert few.schema == profile.schema


def test_an_answer_of_then_does_not_know_later_sessions(tmp_path: Path) -> None:
    fill(tmp_path, planted_bars(1, 300, DAYS[:8]))
    then = datetime.now(UTC)
    fill(tmp_path, planted_bars(1, 300, DAYS[8:11]))
    now = assess_predictive_value("ES", "SPY", 20, data=tmp_path)
    assert now["n_sessions"] == 11
    assert assess_predictive_value("ES", "SPY", 20, data=tmp_path, as_of=then)["n_sessions"] == 8
    late = calculate_lead_lag("ES", "SPY", 5, data=tmp_path, as_of=then)
    assert late != calculate_lead_lag("ES", "SPY", 5, data=tmp_path)
    assert calculate_correlation("ES", "SPY", 8, data=tmp_path, as_of=then) == pytest.approx(
        0.0, abs=0.1
    )


def test_read_the_other_way_round_nobody_follows(five_minutes_late: Path) -> None:
    assert abs(calculate_lead_lag("SPY", "ES", 5, data=five_minutes_late)[5]) < 0.06


def test_correlation_is_that_of_the_model(together: Path, five_minutes_late: Path) -> None:
    """QUANT_SPEC 9.4: 0.986 of mid prices, a little less of prices in ticks."""
    assert calculate_correlation("ES", "SPY", 20, data=together) == pytest.approx(0.983, abs=0.006)
    assert calculate_correlation("ES", "SPY", 20, data=five_minutes_late) == pytest.approx(
        0.0, abs=0.05
    )


def test_a_lead_of_minutes_is_of_use_and_none_is_not(
    together: Path, five_minutes_late: Path
) -> None:
    useful = assess_predictive_value("ES", "SPY", 20, data=five_minutes_late)
    assert (useful["n_sessions"], useful["verdict_code"], useful["verdict_code_5"]) == (20, 1, 1)
    assert useful["ic_5"] > 0.9
    nothing = assess_predictive_value("ES", "SPY", 20, data=together)
    assert nothing["verdict_code"] in (0.0, -1.0)
    assert nothing["predictive_value"] < 0.2
    assert all(isinstance(value, float) for value in nothing.values())


def test_only_the_last_days_count(together: Path) -> None:
    found = assess_predictive_value("ES", "SPY", 9, data=together)
    assert (found["n_sessions"], found["verdict_code"]) == (9, -1)


def test_a_pair_of_currencies_is_a_leg_like_any_other(tmp_path: Path) -> None:
    data = fill(tmp_path, planted_bars(4, 0, DAYS[:8], ("ES", "BTC/USDT")))
    found = calculate_correlation("ES", "BTC/USDT", 8, data=data)
    assert found == pytest.approx(0.984, abs=0.01)


@pytest.mark.parametrize("days", [6, 20])
def test_under_seven_sessions_nothing_is_said_but_why(
    five_minutes_late: Path, days: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Six sessions of NQ and QQQ are stored; of ES and SPY too few are asked for."""
    pair = ("NQ", "QQQ") if days == 20 else ("ES", "SPY")
    assert math.isnan(calculate_correlation(*pair, days, data=five_minutes_late))
    assert assess_predictive_value(*pair, days, data=five_minutes_late) == {}
    assert [record.message for record in caplog.records] == [IN_PROGRESS] * 2


def test_nothing_stored_gives_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert calculate_lead_lag("ES", "SPY", 60, data=tmp_path) == {}
    assert assess_predictive_value("RTY", "IWM", 30, data=tmp_path) == {}
    assert math.isnan(calculate_correlation("ES", "BTC/USDT", 30, data=tmp_path))
    assert [record.message for record in caplog.records] == [IN_PROGRESS] * 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda data: calculate_correlation("ES", "GLD", 20, data=data), UnknownSymbol, "'GLD'"),
        (lambda data: calculate_correlation("ES", "ES", 20, data=data), ConfigurationError, "two"),
        (lambda data: calculate_correlation("ES", "SPY", 0, data=data), ConfigurationError, "days"),
        (
            lambda data: calculate_lead_lag("ES", "SPY", 61, data=data),
            ConfigurationError,
            "max_lead_minutes: 61 is not allowed; it must be from 0 to 60",
        ),
        (
            lambda data: assess_predictive_value("ES", "SPY", 10_000, data=data),
            ConfigurationError,
            "days: 10000",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    call: Callable[[Path], object], error: type[PipelineError], says: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=says):
        call(tmp_path)


def test_a_session_counts_when_its_nyse_hours_are_over() -> None:
    assert last_closed(new_york(FRIDAY, 15, 59)) == THURSDAY
    assert last_closed(new_york(FRIDAY, 16)) == FRIDAY
    assert last_closed(new_york(date(2025, 1, 20), 22)) == FRIDAY  # a holiday


def test_sessions_of_one_leg_alone_do_not_count() -> None:
    held = {"ES": [THURSDAY, FRIDAY], "SPY": [THURSDAY]}
    assert last_shared(held, ("ES", "SPY"), FRIDAY, 5) == [THURSDAY]
    assert last_shared(held, ("ES", "QQQ"), FRIDAY, 5) == []


def test_doctests() -> None:
    found = doctest.testmod(pairs)
    assert found.attempted
    assert not found.failed


def test_costs_and_legs_of_pairs_of_currencies() -> None:
    assert legs_of(["ES-BTC/USDT"]) == [("ES", "BTC/USDT")]
    assert round_trip_cost_bp("BTC/USDT") == round_trip_cost_bp("ETH/USDT") == 20.0
    assert round_trip_cost_bp("SPY") == 1.0
