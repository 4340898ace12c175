"""What is computed of who moves first in a pair, and of what that is worth."""

import polars as pl

from futures_pipeline.storage.tables.analysis import DAY, PAIR, columns, null_with_reason
from futures_pipeline.storage.tables.table import Column, Rule, Table

VERDICTS = (
    "BAR_LABEL_FAULT",
    "NO_DETECTABLE_LEAD",
    "STALE_QUOTE_ARTEFACT",
    "NO_EXPLOITABLE_LEAD",
    "FUTURES_LEAD",
    "SPOT_LEADS",
)
USEFULNESS = ("USEFUL", "NOT_USEFUL", "INCONCLUSIVE")

LEAD_LAG = Table(
    name="lead_lag",
    description="Correlation of futures with spot so many minutes later, the test of which side "
    "is larger, and beside them the same of sessions shuffled at random.",
    columns=(
        DAY,
        *PAIR,
        Column("lead_minutes", pl.Int64, False, "above 0: futures move first"),
        *columns(
            {
                "correlation": (pl.Float64, "of returns in units of their usual size, -1 to 1"),
                "standard_error": (pl.Float64, "robust to changing volatility"),
                "low": (pl.Float64, "lower end of the 95 % interval of this one lead"),
                "high": (pl.Float64, "upper end of the 95 % interval of this one lead"),
            }
        ),
        Column("pairs", pl.Int64, False, "pairs of known returns"),
        *columns(
            {
                "asymmetry": (
                    pl.Float64,
                    "this lead less its mirror, above 0 when futures move first; null for leads "
                    "up to 0",
                ),
                "asymmetry_error": (pl.Float64, "standard error of the asymmetry"),
                "p_value": (pl.Float64, "of the asymmetry alone"),
                "p_holm": (pl.Float64, "corrected for all leads tested"),
                "is_significant": (pl.Boolean, "p_holm below 0.05; null where nothing is tested"),
                "reason": (pl.String, "why the correlation is null"),
                "placebo_low": (pl.Float64, "lower end of 95 % of the draws of the placebo"),
                "placebo_high": (pl.Float64, "upper end of 95 % of the draws of the placebo"),
                "placebo_asymmetry_low": (
                    pl.Float64,
                    "the same for the asymmetry, of sessions in which both markets swap places "
                    "at random; null for leads up to 0",
                ),
                "placebo_asymmetry_high": (pl.Float64, "the same, upper end"),
                "placebo_largest": (
                    pl.Float64,
                    "what the largest of all leads exceeds in 5 % of the draws",
                ),
            }
        ),
        Column("draws", pl.Int64, False, "draws of the placebo"),
    ),
    key=("session_date", "pair", "lead_minutes"),
    order=("session_date", "pair", "lead_minutes"),
    rules=(null_with_reason("correlation"),),
)

LEAD_LAG_VERDICTS = Table(
    name="lead_lag_verdicts",
    description="Who leads each pair, by how long, and the shortest lead that would have shown; "
    "one sentence a pair and session.",
    columns=(
        DAY,
        *PAIR,
        Column("verdict", pl.String, False, f"one of {', '.join(VERDICTS)}"),
        Column("sentence", pl.String, False, "the verdict as a sentence"),
        Column("first_session", pl.Date, False, "first of the sessions it rests on"),
        Column("sessions", pl.Int64, False, "how many valid sessions it rests on"),
        *columns(
            {
                "lead_seconds": (
                    pl.Float64,
                    "above 0: futures move first; null unless a lead is significant",
                ),
                "lead_error_seconds": (
                    pl.Float64,
                    "standard error; null for a lead of a minute or more",
                ),
                "resolution_seconds": (
                    pl.Float64,
                    "the shortest lead that would have shown; null with the verdict "
                    "BAR_LABEL_FAULT, and when the markets do not move together",
                ),
                "sessions_for_one_second": (
                    pl.Int64,
                    "sessions that would show a lead of 1 s; null with the resolution",
                ),
                "gross_edge_bp": (
                    pl.Float64,
                    "what trading the follower earns, basis points a trade; null without a lead",
                ),
                "cost_bp": (pl.Float64, "cost of a round trip in it, basis points; null likewise"),
                "correlation": (pl.Float64, "pooled, of one-minute returns in regular hours"),
                "low": (pl.Float64, "lower end of its 95 % interval"),
                "high": (pl.Float64, "upper end of its 95 % interval"),
                "granger_order_futures_to_spot": (pl.Int64, "lags by BIC; null with the p-value"),
                "granger_p_futures_to_spot": (
                    pl.Float64,
                    "whether futures help to explain spot; null with granger_reason",
                ),
                "granger_order_spot_to_futures": (pl.Int64, "lags by BIC; null with the p-value"),
                "granger_p_spot_to_futures": (
                    pl.Float64,
                    "whether spot helps to explain futures; null with granger_reason",
                ),
                "granger_reason": (pl.String, "why the p-values are null"),
            }
        ),
        Column("seed", pl.Int64, False, "what the draws of the placebo were made from"),
    ),
    key=("session_date", "pair"),
    order=("session_date", "pair"),
    rules=(Rule("verdict_known", pl.col("verdict").is_in(VERDICTS), "the verdict is defined"),),
)

PREDICTIVE_VALUE = Table(
    name="predictive_value",
    description="How well the futures return of 5, 15, 30 or 60 minutes foretells the spot return "
    "of as many minutes after it, with a verdict each.",
    columns=(
        DAY,
        *PAIR,
        Column("pair_verdict", pl.String, False, f"of the pair: {', '.join(USEFULNESS)}"),
        Column("sentence", pl.String, False, "the verdict as a sentence"),
        Column("horizon_minutes", pl.Int64, False, "length of both returns, minutes"),
        Column("n_sessions", pl.Int64, False, "valid sessions; the first 5 only set the scale"),
        Column("n_obs", pl.Int64, False, "observations, without overlap"),
        *columns(
            {
                "directional_accuracy": (pl.Float64, "share of calls that were right"),
                "da_ci_low": (pl.Float64, "lower end of its 95 % interval"),
                "da_ci_high": (pl.Float64, "upper end of its 95 % interval"),
                "base_rate": (pl.Float64, "share of the commoner direction"),
                "pt_stat": (pl.Float64, "Pesaran and Timmermann; null when every call is alike"),
                "pt_pvalue": (pl.Float64, "one-sided"),
                "direction_pvalue": (pl.Float64, "one-sided, robust to neighbours"),
                "direction_pvalue_holm": (pl.Float64, "the same, corrected for four horizons"),
                "ic": (pl.Float64, "Spearman's rank correlation of both returns"),
                "ic_ci_low": (pl.Float64, "lower end of its 95 % interval"),
                "ic_ci_high": (pl.Float64, "upper end of its 95 % interval"),
                "r2_oos": (pl.Float64, "share explained out of sample; below 0: worse than none"),
                "signal_to_noise": (pl.Float64, "explained over unexplained, not below 0"),
                "good_folds": (pl.Float64, "share of groups of 5 sessions with ic above 0"),
                "net_edge_bp": (pl.Float64, "basis points a trade after costs"),
                "net_edge_low_bp": (pl.Float64, "its one-sided 90 % lower bound"),
                "cost_bp": (pl.Float64, "cost of a round trip in spot, basis points"),
                "break_even_ic": (pl.Float64, "the ic that pays the costs"),
                "days_to_conclusion": (pl.Float64, "sessions after which the ic would show"),
            }
        ),
        Column("is_powered", pl.Boolean, False, "whether there are as many observations"),
        Column("predictive_value", pl.Float64, False, "0 to 1, 1 for an ic of 0.20 and more"),
        Column("verdict", pl.String, False, f"of the horizon: {', '.join(USEFULNESS)}"),
        Column("reason", pl.String, True, "why it is INCONCLUSIVE, null for other verdicts"),
    ),
    key=("session_date", "pair", "horizon_minutes"),
    order=("session_date", "pair", "horizon_minutes"),
    rules=(
        Rule(
            "verdicts_known",
            pl.col("verdict").is_in(USEFULNESS) & pl.col("pair_verdict").is_in(USEFULNESS),
            "both verdicts are defined",
        ),
        Rule(
            "inconclusive_has_a_reason",
            (pl.col("verdict") == "INCONCLUSIVE") == pl.col("reason").is_not_null(),
            "an inconclusive verdict has a reason, others have none",
        ),
    ),
)
