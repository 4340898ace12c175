"""The report of a pair: one verdict, the profile beside its placebo."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.lead_lag.hayashi_yoshida import TickLead
from futures_pipeline.analytics.lead_lag.report import (
    LeadLagReport,
    Market,
    lead_lag_report,
    trade_gap_seconds,
)
from futures_pipeline.analytics.lead_lag.verdict import Verdict
from futures_pipeline.analytics.returns.costs import ROUND_TRIP_COST_BP
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline_tests.analytics.frames import WEDNESDAY
from futures_pipeline_tests.analytics.markets import market


def report_on(
    lead_seconds: int, sessions: int = 20, ticks: TickLead | None = None
) -> LeadLagReport:
    legs = (Market(symbol, ROUND_TRIP_COST_BP[symbol]) for symbol in ("ES", "SPY"))
    return lead_lag_report(market(5, lead_seconds, sessions), *legs, seed=1, ticks=ticks)


@pytest.mark.parametrize(
    ("lead_seconds", "verdict"),
    [
        (0, Verdict.NO_DETECTABLE_LEAD),
        (2, Verdict.NO_EXPLOITABLE_LEAD),
        (30, Verdict.FUTURES_LEAD),
        (420, Verdict.FUTURES_LEAD),
    ],
)
def test_the_planted_lead_comes_back(lead_seconds: int, verdict: Verdict) -> None:
    found = report_on(lead_seconds)
    assert found.verdict.verdict is verdict
    assert found.verdict.resolution_seconds > 0
    if lead_seconds:
        assert found.verdict.lead_seconds == pytest.approx(lead_seconds, abs=2.5)
    assert found.profile["lead_minutes"].to_list() == list(range(-60, 61))
    peak = found.profile.filter(pl.col("correlation") == pl.col("correlation").max())
    assert peak["correlation"].item() > 3 * peak["placebo_high"].item()
    assert found.granger.observations == 19 * 380


def test_ticks_that_see_no_lead_make_it_an_artefact() -> None:
    ticks = TickLead(0.0, 0.9, 1.0, 0.9, 1.1, 20)
    assert report_on(30, ticks=ticks).verdict.verdict is Verdict.STALE_QUOTE_ARTEFACT


def test_few_sessions_are_insufficient_and_none_are_no_error() -> None:
    assert report_on(0, sessions=3).verdict.verdict is Verdict.INSUFFICIENT
    sessions = market(5, 0, sessions=2)
    nothing = sessions.where(np.zeros(2, dtype=bool))
    legs = Market("ES", 0.7), Market("SPY", 1.0)
    found = lead_lag_report(nothing, *legs, seed=1)
    assert found.verdict.verdict is Verdict.INSUFFICIENT
    assert found.profile["correlation"].null_count() == 121


def test_the_trade_gap_is_of_regular_hours(calendar: TradingCalendar) -> None:
    """30 trades in each regular minute; those before the open do not count."""
    opens = calendar.regular.on(WEDNESDAY).opens_at
    rows = [
        (WEDNESDAY, opens + timedelta(minutes=n), 30 if n >= 0 else 999) for n in range(-9, 390)
    ]
    names = ["session_date", "ts_start", "trade_count"]
    bars = pl.DataFrame(rows, schema=names, orient="row")
    assert trade_gap_seconds(bars, calendar.regular) == 2.0
    half = bars.filter(pl.col("ts_start") < opens + timedelta(minutes=195))
    assert trade_gap_seconds(half, calendar.regular) == 4.0
    unknown = bars.with_columns(trade_count=pl.lit(None, pl.Int64))
    assert trade_gap_seconds(unknown, calendar.regular) is None
    holiday = bars.with_columns(session_date=pl.lit(date(2025, 1, 20)))
    assert trade_gap_seconds(holiday, calendar.regular) is None
