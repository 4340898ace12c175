"""Past nights like this one."""

from datetime import date, timedelta

import pytest

from futures_pipeline.decisions.scorecard.nights import Night, followed, nearest_nights

TONIGHT = Night(date(2025, 1, 15), z=1.8, persistence=0.7, vix=17.0)


def past(*sizes: float, vix: float | None = 17.0) -> list[Night]:
    return [
        Night(TONIGHT.session_date - timedelta(days=n + 1), z, 0.7, vix, to_close=z / 100)
        for n, z in enumerate(sizes)
    ]


def test_the_nearest_come_first() -> None:
    found = nearest_nights(TONIGHT, past(-2.0, 1.7, 0.0, 1.9, 5.0), count=3)
    assert [near.night.z for near in found] == [1.9, 1.7, 0.0]
    assert found[0].distance == pytest.approx(found[1].distance)


def test_tonight_and_later_nights_are_not_among_them() -> None:
    later = Night(TONIGHT.session_date + timedelta(days=1), 1.8, 0.7, 17.0)
    assert nearest_nights(TONIGHT, [TONIGHT, later]) == []


def test_an_unknown_number_is_left_out_of_the_comparison() -> None:
    nights = [*past(1.8, 0.5, vix=None), *past(-3.0)]
    (first, *_) = nearest_nights(TONIGHT, nights)
    assert (first.night.z, first.distance) == (1.8, 0.0)


def test_measures_count_in_their_own_spread() -> None:
    """A VIX 8 points away is as far as a move half a usual night away."""
    spread = [
        Night(date(2024, 1, 1) + timedelta(days=n), z, 0.7, vix)
        for n, (z, vix) in enumerate([(1.3, 17.0), (2.3, 17.0), (1.8, 9.0), (1.8, 25.0)])
    ]
    distances = [near.distance for near in nearest_nights(TONIGHT, spread)]
    assert distances == pytest.approx([distances[0]] * 4)


def test_what_followed_has_an_interval() -> None:
    found = followed([0.01, 0.02, -0.01, None, 0.0])
    assert (found.rose.value, found.rose.n, found.middle) == (0.5, 4, pytest.approx(0.005))
    assert found.rose.low is not None
    assert found.rose.low < 0.2
    assert followed([None]).middle is None
