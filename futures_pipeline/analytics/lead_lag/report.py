"""Everything that is said of a pair's lead: verdict, profile beside its placebo, Granger."""

from typing import NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Floats
from futures_pipeline.analytics.lead_lag.granger import Granger, granger
from futures_pipeline.analytics.lead_lag.hayashi_yoshida import TickLead
from futures_pipeline.analytics.lead_lag.placebo import placebo_profile
from futures_pipeline.analytics.lead_lag.profile import lead_lag_profile
from futures_pipeline.analytics.lead_lag.verdict import LeadVerdict, Leg, lead_verdict
from futures_pipeline.analytics.returns.pairs import RegularSessions
from futures_pipeline.analytics.returns.standardised import standardised_returns
from futures_pipeline.domain.sessions import Timetable

BASIS_POINTS = 1e4


class Market(NamedTuple):
    """One leg: its symbol, its cost and, unless prices are mid quotes, its mean trade gap."""

    symbol: str
    round_trip_cost_bp: float
    trade_gap_seconds: float | None = None


class LeadLagReport(NamedTuple):
    """``profile`` has the columns of ``lead_lag_profile`` and of ``placebo_profile``."""

    verdict: LeadVerdict
    profile: pl.DataFrame
    granger: Granger


def lead_lag_report(
    sessions: RegularSessions,
    futures: Market,
    spot: Market,
    seed: int,
    ticks: TickLead | None = None,
) -> LeadLagReport:
    """Return what the regular sessions of a pair say of a lead.

    Args:
        sessions: as stored; those with too many gaps are left out, and the first of the rest
            only sets the scale.
        futures: the leg that leads at leads above 0.
        spot: the other leg.
        seed: decides the pairings of the placebo.
        ticks: what ticks say of the same pair, None without ticks.
    """
    valid = sessions.valid()
    raw = valid.returns()
    standardised = standardised_returns(*raw)
    profile = lead_lag_profile(*standardised)
    placebo = placebo_profile(standardised[0][1:], standardised[1][1:], seed)
    legs = [
        Leg(market.symbol, _volatility_bp(leg), market.round_trip_cost_bp, market.trade_gap_seconds)
        for market, leg in zip((futures, spot), raw, strict=True)
    ]
    tick_lead_seconds = None if ticks is None else ticks.lead_seconds
    verdict = lead_verdict(profile, len(valid), legs[0], legs[1], tick_lead_seconds)
    both = profile.join(placebo, on="lead_minutes", maintain_order="left")
    return LeadLagReport(verdict, both, granger(*standardised))


def trade_gap_seconds(bars: pl.DataFrame, regular: Timetable) -> float | None:
    """Return the mean time between a symbol's trades in regular hours.

    Args:
        bars: one contract's one-minute bars: ``session_date``, ``ts_start`` (UTC),
            ``trade_count`` (null when not delivered).
        regular: the timetable of the NYSE sessions.

    None when no bar says how many trades it has. A minute without a bar has no trade in it.
    """
    found = [regular.on(day) for day in bars["session_date"].unique().to_list()]
    days = [session for session in found if session is not None]
    open_now = pl.any_horizontal(
        pl.lit(False),
        *(
            (pl.col("ts_start") >= day.opens_at) & (pl.col("ts_start") < day.closes_at)
            for day in days
        ),
    )
    trades = int(bars.filter(open_now)["trade_count"].drop_nulls().sum())
    return 60.0 * sum(day.minutes for day in days) / trades if trades else None


def _volatility_bp(returns: Floats) -> float:
    known = returns[~np.isnan(returns)]
    return float(known.std()) * BASIS_POINTS if len(known) else 0.0
