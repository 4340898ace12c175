"""Returns in units of their expected size. Source: QUANT_SPEC 3.4."""

import numpy as np
import pytest

from futures_pipeline.analytics.returns.standardised import standardised_returns
from futures_pipeline_tests.analytics.markets import market


def obvious(futures: np.ndarray, spot: np.ndarray, session: int, minute: int) -> float:
    """One value of the first leg, computed as the specification says it."""
    keep = 0.5 ** (1 / 30)

    def scale(day: int, at: int) -> float:
        days = slice(max(0, day - 20), day)
        near = slice(max(0, at - 7), at + 8)
        squares = np.stack([futures[days, near], spot[days, near]]) ** 2
        return float(np.sqrt(np.nanmean(squares)))

    variance = 1.0
    for day in range(1, session + 1):
        for at in range(minute + 1 if day == session else futures.shape[1]):
            if np.isnan(futures[day, at]):
                continue
            u = futures[day, at] / scale(day, at)
            variance = keep * variance + (1 - keep) * min(u * u, 25 * variance)
    return u / np.sqrt(variance)


def test_a_value_is_that_of_the_definition() -> None:
    random = np.random.default_rng(5)
    futures, spot = random.normal(size=(2, 4, 40)) * 1e-4
    futures[2, 10:14] = np.nan
    futures[1, 20] = 0.05  # counts for 25 times the variance before it, no more
    a, _ = standardised_returns(futures, spot)
    for session, minute in ((1, 0), (1, 21), (2, 20), (3, 39)):
        assert a[session, minute] == pytest.approx(obvious(futures, spot, session, minute))
    assert np.isnan(a[0]).all()
    assert np.isnan(a[2, 10:14]).all()


def test_a_day_of_any_shape_comes_out_even() -> None:
    """The open is three times as volatile as noon; in these units it is not."""
    a, b = standardised_returns(*market(1, lead_seconds=0).returns())
    for leg in (a[1:], b[1:]):
        assert leg[:, :40].std() == pytest.approx(leg[:, 175:215].std(), rel=0.15)
        assert leg.std() == pytest.approx(1.0, abs=0.1)


def test_a_value_never_looks_ahead() -> None:
    futures, spot = market(2, lead_seconds=0, sessions=4).returns()
    before = standardised_returns(futures, spot)
    futures[2, 200:], spot[2, 200:], futures[3], spot[3] = 9.0, np.nan, -1.0, 5.0
    after = standardised_returns(futures, spot)
    for old, new in zip(before, after, strict=True):
        assert old.ravel()[: 2 * 390 + 200].tobytes() == new.ravel()[: 2 * 390 + 200].tobytes()
