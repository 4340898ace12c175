"""Granger tests against R's and the reference library's numbers. Source: QUANT_SPEC 4.6, 10."""

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.lead_lag.granger import ORDERS_SCHEMA, granger, granger_orders
from futures_pipeline.analytics.returns.standardised import standardised_returns
from futures_pipeline_tests.analytics.markets import market

pytest.importorskip("statsmodels", reason="statsmodels is missing")


def test_the_numbers_of_lmtest() -> None:
    from statsmodels.datasets import macrodata

    table = macrodata.load_pandas().data
    gdp, consumption = (np.diff(np.log(table[name].to_numpy())) for name in ("realgdp", "realcons"))
    found = granger_orders(gdp, consumption, 2)
    assert found.schema == pl.Schema(ORDERS_SCHEMA)
    row = found.filter(order=2).row(0, named=True)
    assert row["residual_degrees"] == 195
    assert row["f_x_to_y"] == pytest.approx(0.243097, abs=5e-7)
    assert row["p_x_to_y"] == pytest.approx(0.7844328, abs=5e-8)
    assert row["f_y_to_x"] == pytest.approx(19.035318, abs=5e-7)
    assert row["p_y_to_x"] == pytest.approx(2.8076e-8, rel=1e-4)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_every_order_is_that_of_the_reference() -> None:
    from statsmodels.tsa.stattools import grangercausalitytests

    random = np.random.default_rng(3)
    x = random.normal(size=500)
    y = 0.2 * np.roll(x, 1) + random.normal(size=500) + 40.0
    found = granger_orders(x, y, 12)
    forth = grangercausalitytests(np.column_stack([y, x]), 12)
    back = grangercausalitytests(np.column_stack([x, y]), 12)
    for row in found.iter_rows(named=True):
        expected = forth[row["order"]][0]["ssr_ftest"], back[row["order"]][0]["ssr_ftest"]
        assert row["f_x_to_y"] == pytest.approx(expected[0][0], rel=1e-9)
        assert row["p_x_to_y"] == pytest.approx(expected[0][1], rel=1e-7)
        assert row["f_y_to_x"] == pytest.approx(expected[1][0], rel=1e-9)


def test_collinear_lags_are_unknown() -> None:
    x = np.random.default_rng(1).normal(size=100)
    assert granger_orders(x, np.zeros(100), 2)["f_x_to_y"].null_count() == 2


def test_the_robust_test_is_that_of_the_reference() -> None:
    from statsmodels.api import OLS

    random = np.random.default_rng(5)
    x = random.normal(size=(1, 3000))
    size = np.exp(0.5 * random.normal(size=3000))
    y = (0.06 * np.concatenate([[0.0], x[0, :-1]]) + random.normal(size=3000) * size)[None]
    found = granger(x, y)
    order = found.order_futures_to_spot
    assert found.observations == 2990
    rows = np.arange(10, 3000)
    lags = [series[0][rows - lag] for series in (y, x) for lag in range(1, order + 1)]
    design = np.column_stack([np.ones(len(rows)), *lags])
    fit = OLS(y[0][rows], design).fit(cov_type="HC1", use_t=True)
    restriction = np.eye(design.shape[1])[1 + order :]
    assert found.p_futures_to_spot == pytest.approx(float(fit.f_test(restriction).pvalue), rel=1e-6)


def test_a_planted_lead_is_one_way_and_noise_alone_is_both_ways() -> None:
    lead = granger(*standardised_returns(*market(31, 30).returns()))
    assert lead.p_futures_to_spot < 1e-10
    both = [granger(*standardised_returns(*market(seed, 0).returns())) for seed in range(40)]
    rejected = [test.p_futures_to_spot < 0.05 for test in both]
    rejected += [test.p_spot_to_futures < 0.05 for test in both]
    assert 0.4 < np.mean(rejected) < 0.75  # 55 to 60 %, though nobody leads
    assert sum(test.is_consistent_with_futures_lead for test in both) <= 20


def test_a_longer_memory_is_chosen_by_bic_and_stays_within_sessions() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(10, 390))
    y = random.normal(size=(10, 390))
    y[:, 4:] += 0.5 * x[:, :-4]
    found = granger(x, y)
    assert found.order_futures_to_spot == 4
    assert found.is_consistent_with_futures_lead
    assert found.observations == 10 * 380
    # The last minutes of one session say nothing of the first of the next.
    carried = random.normal(size=(200, 12))
    follow = np.roll(carried.ravel(), 4).reshape(200, 12)
    assert granger(carried, follow).observations == 400


def test_unknown_comes_with_a_reason() -> None:
    x = np.random.default_rng(2).normal(size=(2, 390))
    assert granger(x[:, :20], x[:, :20]).reason == "too_few_minutes"
    assert granger(x, np.zeros_like(x)).reason == "collinear_series"
    assert not granger(x, np.zeros_like(x)).is_consistent_with_futures_lead
