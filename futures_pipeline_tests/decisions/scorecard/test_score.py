"""The scorecard: counts worked by hand, planted skill found, chance not mistaken for skill."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from futures_pipeline.decisions.scorecard.calibration import calibration
from futures_pipeline.decisions.scorecard.confirmation import confirmation, with_and_without
from futures_pipeline.decisions.scorecard.rates import rate
from futures_pipeline.decisions.scorecard.score import (
    SCORE_SCHEMA,
    Standing,
    apart,
    scorecard,
    standing,
)
from futures_pipeline.domain.sessions import new_york
from futures_pipeline_tests.decisions.scorecard.market import DAY, call, graded

COST = {"SPY": 1.0}


def of_all(rows: pl.DataFrame) -> dict[str, object]:
    return scorecard(rows, COST).filter(pl.col("slice") == "all").row(0, named=True)


def test_a_card_worked_by_hand() -> None:
    """Four calls, three right; six moments, four of which rose."""
    found = of_all(graded([1, 1, -1, -1, 0, 0], [0.01, 0.02, -0.01, 0.01, 0.01, -0.02]))
    assert (found["n"], found["sessions"]) == (4, 6)
    assert found["win_rate"] == 0.75
    assert found["base_rate"] == pytest.approx(4 / 6)
    assert found["edge"] == pytest.approx(0.75 - 4 / 6)
    low, high = rate(3, 4)[1:3]
    assert (found["win_rate_low"], found["win_rate_high"]) == (low, high)
    # +100, +200, +100 and -100 basis points, less one.
    assert found["net_edge_bp"] == pytest.approx(75.0 - 1.0)
    assert found["verdict"] == "not_yet"
    assert found["n_needed"] == 619
    assert found["days_to_conclusion"] == 923  # (619 - 4) * 6 / 4, rounded up
    assert found["sentence"] == (
        f"not yet: 75% of 4 right (30% to 95%), base rate 67%; "
        f"about {found['days_to_conclusion']} more sessions to a conclusion"
    )


def test_what_has_no_outcome_is_not_counted() -> None:
    found = of_all(graded([1, 1, 1], [0.01, None, 0.0]))
    assert (found["n"], found["win_rate"]) == (1, 1.0)


def test_no_call_is_no_rate() -> None:
    found = of_all(graded([0, 0], [0.01, -0.01]))
    assert (found["n"], found["win_rate"], found["net_edge_bp"]) == (0, None, None)
    assert (found["base_rate"], found["days_to_conclusion"]) == (0.5, None)
    assert found["sentence"] == "no call that can be graded in 2 sessions"


def test_nothing_graded_is_an_empty_card() -> None:
    assert scorecard(graded([], []), COST).schema == pl.Schema(SCORE_SCHEMA)
    assert of_all(graded([1], [None]))["base_rate"] is None


def test_slices_by_confirmation_and_by_rule() -> None:
    rows = graded(
        [1, 1, 1, -1],
        [0.01, 0.01, -0.01, 0.01],
        futures_direction=[1, 0, None, -1],
        rule=["A", "B", "A", "B"],
    )
    found = scorecard(rows, COST).select("slice", "n", "win_rate").rows()
    assert found == [
        ("A", 2, 0.5),
        ("B", 2, 0.5),
        ("all", 4, 0.5),
        ("confirmed", 2, 0.5),
        ("unconfirmed", 1, 1.0),
    ]


def test_overlapping_calls_are_counted_once() -> None:
    """A call every five minutes for an hour makes two half hours, not twelve."""
    start = new_york(DAY, 10)
    rows = pl.DataFrame(
        [
            call(start + timedelta(minutes=5 * n))
            | {
                "entry_at": start + timedelta(minutes=5 * n),
                "exit_at": start + timedelta(minutes=5 * n + 30),
            }
            for n in range(12)
        ]
    )
    assert apart(rows)["timestamp"].to_list() == [start, start + timedelta(minutes=30)]


def won_and_lost(right: int, n: int) -> pl.DataFrame:
    return graded([1] * n, [0.01] * right + [-0.01] * (n - right))


@pytest.mark.parametrize(
    ("right", "n", "verdict"),
    [
        (618, 618, Standing.NOT_YET),
        (619, 619, Standing.BETTER),
        (350, 619, Standing.BETTER),
        (320, 619, Standing.NOT_YET),
        (300, 619, Standing.NOT_BETTER),
    ],
)
def test_verdicts_wait_for_their_number(right: int, n: int, verdict: Standing) -> None:
    assert standing(won_and_lost(right, n), 0.5) is verdict


def test_a_verdict_stands_until_there_are_twice_as_many_calls() -> None:
    losing_later = won_and_lost(400, 1_238)
    assert standing(losing_later.head(1_237), 0.5) is Standing.BETTER
    assert standing(losing_later, 0.5) is Standing.NOT_BETTER


def test_planted_skill_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(11)
    returns = rng.normal(0, 0.004, 1_500)
    right = rng.random(1_500) < 0.62
    skilled = np.where(right, np.sign(returns), -np.sign(returns)).astype(int).tolist()
    guesses = rng.choice([-1, 1], 1_500).tolist()
    assert of_all(graded(skilled, returns.tolist()))["verdict"] == "better"
    assert of_all(graded(guesses, returns.tolist()))["verdict"] != "better"


def test_looking_every_day_does_not_make_skill_of_chance() -> None:
    """200 coins watched up to 1,300 calls: 2.5 % a look, two looks."""
    rng = np.random.default_rng(12)
    ever = 0
    for _ in range(200):
        returns = rng.choice([-0.01, 0.01], 1_300).tolist()
        coin = graded([1] * 1_300, returns)
        ever += any(standing(coin.head(n), 0.5) is Standing.BETTER for n in range(500, 1_301, 50))
    assert ever <= 200 * 0.10


def test_following_the_market_is_no_edge() -> None:
    """Always up in a market that rises 60 % of the time is right 60 % of the time."""
    rng = np.random.default_rng(13)
    returns = np.where(rng.random(1_200) < 0.6, 0.002, -0.002)
    found = of_all(graded([1] * 1_200, returns.tolist()))
    assert found["edge"] == 0.0
    assert found["verdict"] != "better"


class TestConfirmation:
    def test_worked_by_hand(self) -> None:
        found = confirmation(
            graded(
                [1, 1, 1, -1, 1, 0],
                [0.01, 0.01, -0.01, 0.01, 0.01, 0.01],
                futures_direction=[1, 1, 0, 1, None, 1],
            )
        ).row(0, named=True)
        assert (found["n"], found["n_confirmed"], found["n_unconfirmed"]) == (4, 2, 2)
        assert found["confirmation_rate"] == 0.5
        assert (found["win_rate_confirmed"], found["win_rate_unconfirmed"]) == (1.0, 0.0)
        assert found["difference"] == 1.0
        assert found["difference_low"] < 1.0

    def test_without_a_confirmed_call_there_is_no_difference(self) -> None:
        found = confirmation(graded([1], [0.01], futures_direction=[-1])).row(0, named=True)
        assert (found["win_rate_confirmed"], found["difference"]) == (None, None)

    def test_with_and_without_futures(self) -> None:
        returns = [0.01, -0.01, 0.01, None]
        found = with_and_without(graded([1, -1, 1, 1], returns), graded([0, 1, 1, 1], returns)).row(
            0, named=True
        )
        assert (found["moments"], found["differing"]) == (3, 2)
        assert (found["n_with"], found["win_rate_with"]) == (3, 1.0)
        assert (found["n_without"], found["win_rate_without"]) == (2, 0.5)
        assert found["difference"] == 0.5


class TestCalibration:
    def test_worked_by_hand(self) -> None:
        found = calibration(
            graded(
                [1, 1, 1, 1, 0],
                [0.01, -0.01, 0.01, 0.01, 0.01],
                confidence=[0.6, 0.6, 0.9, 1.0, 0.9],
            )
        )
        assert found.bins.select("confidence_from", "n", "mean_confidence", "win_rate").rows() == [
            (0.6, 2, pytest.approx(0.6), 0.5),
            (0.9, 2, pytest.approx(0.95), 1.0),
        ]
        assert found.mean_gap == pytest.approx((0.1 * 2 + 0.05 * 2) / 4)
        assert found.brier == pytest.approx((0.16 + 0.36 + 0.01 + 0.0) / 4)

    def test_confidence_that_is_a_chance_has_a_small_gap(self) -> None:
        rng = np.random.default_rng(14)
        confidence = rng.uniform(0.3, 1.0, 4_000)
        returns = np.where(rng.random(4_000) < confidence, 0.001, -0.001).tolist()
        honest = calibration(graded([1] * 4_000, returns, confidence=confidence.tolist()))
        boasting = calibration(graded([1] * 4_000, returns, confidence=[0.95] * 4_000))
        assert honest.mean_gap is not None
        assert honest.mean_gap < 0.03
        assert boasting.mean_gap == pytest.approx(0.95 - np.mean(np.array(returns) > 0))

    def test_no_call_is_no_number(self) -> None:
        found = calibration(graded([0], [0.01]))
        assert (found.bins.height, found.mean_gap, found.brier) == (0, None, None)
