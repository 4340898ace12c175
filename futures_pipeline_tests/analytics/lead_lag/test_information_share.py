"""The information share where it is identified, and where it is not. Source: QUANT_SPEC 4.7."""

import numpy as np
import pytest

from futures_pipeline.analytics.lead_lag.information_share import information_share
from futures_pipeline_tests.analytics.markets import second_prices


def seconds(lead_seconds: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    days = [second_prices(random, lead_seconds) for _ in range(2)]
    return tuple(np.array([day[leg] for day in days]) for leg in (0, 1))


@pytest.mark.parametrize("every", [1, 60])
def test_without_a_lead_nothing_is_identified(every: int) -> None:
    futures, spot = seconds(0)
    found = information_share(futures[:, ::every], spot[:, ::every])
    assert found.reason == "not_identified_at_this_sampling"
    assert found.low < 0.1
    assert found.high > 0.9


def test_two_seconds_are_identified_on_seconds_only() -> None:
    futures, spot = seconds(2)
    found = information_share(futures + 0.003, spot)  # a basis changes nothing
    assert found.reason is None
    assert (found.low, found.high) == pytest.approx((0.99, 0.99), abs=0.02)
    assert information_share(spot, futures).high < 0.03
    coarse = information_share(futures[:, ::5], spot[:, ::5])
    assert coarse.reason == "not_identified_at_this_sampling"
    assert 0.2 < coarse.low < 0.6
    assert coarse.high > 0.95
    minutes = information_share(futures[:, ::60], spot[:, ::60])
    assert minutes.reason == "not_identified_at_this_sampling"
    assert minutes.low < 0.15
    assert minutes.high > 0.95


def test_unknown_comes_with_a_reason() -> None:
    futures, spot = seconds(0)
    assert information_share(futures[:, :50], spot[:, :50]).reason == "too_few_observations"
    assert information_share(futures, futures).low is None
