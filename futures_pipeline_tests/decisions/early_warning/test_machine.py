"""The warning's states, hand-worked: thresholds, hysteresis, cool-down, rolls, gaps."""

import math
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.decisions.early_warning.machine import (
    Bar,
    Level,
    WarningState,
    after_bar,
    decoded,
    encoded,
    level_of,
    next_level,
)


def run(*moves: float | None, state: WarningState | None = None) -> WarningState:
    bars = (Bar("ESH5", move) for move in moves)
    return reduce(after_bar, bars, state or WarningState("ESH5"))


def test_cusum_adds_falls_beyond_half_their_usual_size() -> None:
    assert run(-1.0).cusum == 0.5
    assert run(-1.0, -2.0).cusum == 2.0
    assert run(-1.0, -2.0, 3.0).cusum == 0.0
    assert run(0.0).cusum == 0.0


def test_one_bar_counts_four_usual_moves_at_most_and_the_sum_sixteen() -> None:
    assert run(-50.0).cusum == 3.5
    assert run(*[-4.0] * 10).cusum == 16.0


def test_drawdown_is_measured_from_the_top_of_48_bars() -> None:
    assert run(5.0, -3.0, 1.0, -2.0).drawdown == pytest.approx(4.0 / math.sqrt(48))
    assert run(-3.0, 5.0).drawdown == 0.0
    assert run(-3.0, *[0.0] * 47).drawdown == pytest.approx(3.0 / math.sqrt(48))
    assert run(-3.0, *[0.0] * 48).drawdown == 0.0


@pytest.mark.parametrize(
    ("drawdown", "cusum", "level"),
    [
        (1.999, 4.999, "normal"),
        (2.0, 0.0, "watch"),
        (0.0, 5.0, "watch"),
        (2.5, 7.999, "watch"),
        (2.499, 8.0, "watch"),
        (2.5, 8.0, "warning"),
        (3.999, 16.0, "warning"),
        (4.0, 7.999, "watch"),
        (4.0, 8.0, "collapse"),
    ],
)
def test_thresholds(drawdown: float, cusum: float, level: str) -> None:
    assert level_of(drawdown, cusum) == level


@pytest.mark.parametrize(
    ("held", "drawdown", "cusum", "level"),
    [
        (Level.WARNING, 1.249, 3.999, Level.NORMAL),
        (Level.WARNING, 1.25, 3.999, Level.WARNING),
        (Level.WARNING, 1.249, 4.0, Level.WARNING),
        (Level.COLLAPSE, 1.999, 3.999, Level.NORMAL),
        (Level.COLLAPSE, 2.0, 3.999, Level.COLLAPSE),
        (Level.WATCH, 0.999, 3.999, Level.NORMAL),
        (Level.WATCH, 1.0, 0.0, Level.WATCH),
        (Level.WARNING, 4.0, 8.0, Level.COLLAPSE),
    ],
)
def test_it_steps_down_only_when_both_measures_are_calm(
    held: Level, drawdown: float, cusum: float, level: Level
) -> None:
    assert next_level(held, 0, drawdown, cusum)[0] is level


def test_a_warning_over_starts_a_cool_down_and_a_watch_over_does_not() -> None:
    assert next_level(Level.WARNING, 0, 0.0, 0.0) == (Level.NORMAL, 24)
    assert next_level(Level.COLLAPSE, 0, 0.0, 0.0) == (Level.NORMAL, 24)
    assert next_level(Level.WATCH, 7, 0.0, 0.0) == (Level.NORMAL, 7)


def test_the_cool_down_holds_back_a_warning_for_two_hours_but_not_a_collapse() -> None:
    assert next_level(Level.NORMAL, 1, 2.5, 8.0) == (Level.WATCH, 1)
    assert next_level(Level.NORMAL, 1, 4.0, 8.0) == (Level.COLLAPSE, 1)
    cooling = WarningState("ESH5", cooldown_bars=24)
    falls = [-0.9] * 24
    levels = [run(*falls[:count], state=cooling).level for count in (23, 24)]
    assert levels == [Level.WATCH, Level.WARNING]


def test_a_crash_warns_then_collapses_and_calms_down() -> None:
    """Five falls of 4: drawdown 20/sqrt(48) = 2.89, CUSUM 16; seven: 4.04."""
    assert run(*[-4.0] * 4).level == "watch"
    warned = run(*[-4.0] * 5)
    assert warned.level == "warning"
    crashed = run(*[-4.0] * 7)
    assert crashed.level == "collapse"
    calm = run(*[1.0] * 20, state=crashed)
    assert (calm.level, calm.cooldown_bars > 0) == ("normal", True)


def test_a_roll_begins_both_measures_anew() -> None:
    crashed = run(*[-4.0] * 7)
    rolled = after_bar(crashed, Bar("ESM5", 0.0))
    assert (rolled.contract, rolled.recent, rolled.cusum) == ("ESM5", (0.0,), 0.0)
    assert (rolled.level, rolled.cooldown_bars) == ("normal", 24)


def test_an_unknown_bar_changes_nothing_but_the_cool_down() -> None:
    before = WarningState("ESH5", (-1.0, -2.0), 2.0, Level.WATCH, 5)
    assert after_bar(before, Bar("ESH5", None)) == WarningState(
        "ESH5", (-1.0, -2.0), 2.0, Level.WATCH, 4
    )


moves = st.lists(st.floats(-8, 8) | st.none(), max_size=120)


@given(moves)
def test_the_state_is_bounded_and_survives_being_stored(zs: list[float | None]) -> None:
    state = run(*zs)
    assert len(state.recent) <= 48
    assert 0.0 <= state.cusum <= 16.0
    assert 0 <= state.cooldown_bars <= 24
    assert decoded(encoded(state)) == state


@given(moves, st.integers(0, 120))
def test_a_carried_state_is_as_good_as_the_whole_past(zs: list[float | None], cut: int) -> None:
    carried = decoded(encoded(run(*zs[:cut])))
    assert run(*zs[cut:], state=carried) == run(*zs)


@given(st.lists(st.floats(0, 8), max_size=100))
def test_a_rising_market_never_warns(zs: list[float]) -> None:
    assert run(*zs).level is Level.NORMAL
