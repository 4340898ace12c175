"""How signals and decisions turned out: call by call, and pooled up to each session."""

import polars as pl

from futures_pipeline.storage.tables.analysis import DAY, columns
from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table

SOURCES = (
    *("premarket", "futures_signal", "decision", "shadow"),
    *("with_futures", "without_futures"),
)
HORIZONS = ("30m", "60m", "close")
STANDINGS = ("better", "not_better", "not_yet")

_SYMBOL = Column("symbol", pl.String, False, "the ETF")
_SOURCE = Column("source", pl.String, False, f"what called: {', '.join(SOURCES)}")
_HORIZON = Column("horizon", pl.String, False, "30m, 60m, or close: to NYSE's close")
_POOLED = (DAY, _SYMBOL, _SOURCE, _HORIZON)
_KNOWN = (
    Rule("source_known", pl.col("source").is_in(SOURCES), f"one of {', '.join(SOURCES)}"),
    Rule("horizon_known", pl.col("horizon").is_in(HORIZONS), f"one of {', '.join(HORIZONS)}"),
)


def _shares(*names: str) -> Rule:
    keeps = pl.all_horizontal(pl.col(name).is_between(0, 1).fill_null(True) for name in names)
    return Rule("shares_in_range", keeps, f"{', '.join(names)} are from 0 to 1")


OUTCOMES = Table(
    name="outcomes",
    description="What the ETF did after each signal and decision, one row a call and horizon; "
    "a call without a direction is graded as well, because base rates are over all moments.",
    columns=(
        DAY,
        _SOURCE,
        _SYMBOL,
        Column("timestamp", UTC_TIME, False, "when the call was made, UTC"),
        Column("horizon", pl.String, False, "30m, 60m, or close: to NYSE's close"),
        Column("rule", pl.String, True, "the entry rule; null for signals and without an entry"),
        Column("direction", pl.Int64, False, "1 up, -1 down, 0 no call"),
        *columns(
            {
                "confidence": (pl.Float64, "of the call, 0 to 1; null without one"),
                "futures_direction": (
                    pl.Int64,
                    "what the futures signal of the moment said: 1, -1 or 0; null without one",
                ),
                "entry_at": (UTC_TIME, "from when a price counts: the call, or the open, UTC"),
                "exit_at": (UTC_TIME, "up to when a price counts, UTC"),
                "entry_price": (pl.Float64, "first open from then on, US dollars"),
                "exit_price": (pl.Float64, "last close up to then, US dollars"),
                "log_return": (pl.Float64, "of the ETF, not signed by the call; null: reason"),
                "reason": (
                    pl.String,
                    "why there is no return: market_closed, ends_after_the_close, no_entry_price "
                    "or no_exit_price",
                ),
            }
        ),
    ),
    key=("source", "symbol", "timestamp", "horizon"),
    order=("source", "symbol", "timestamp", "horizon"),
    rules=(
        *_KNOWN,
        Rule("direction_known", pl.col("direction").is_in([-1, 0, 1]), "-1, 0 or 1"),
        Rule(
            "return_or_reason",
            pl.col("log_return").is_null() == pl.col("reason").is_not_null(),
            "there is a return, or a reason for none",
        ),
    ),
)

SCORECARD = Table(
    name="scorecard",
    description="How often calls were right up to each session, against the base rate, and "
    "whether that can be told yet; symbols are never pooled.",
    columns=(
        *_POOLED,
        Column("slice", pl.String, False, "all, confirmed or unconfirmed by futures, or a rule"),
        Column("sessions", pl.Int64, False, "sessions with graded moments"),
        Column("n", pl.Int64, False, "calls that do not overlap in time"),
        *columns(
            {
                "win_rate": (pl.Float64, "share of them that were right; null of none"),
                "win_rate_low": (pl.Float64, "lower end of its 95 % interval"),
                "win_rate_high": (pl.Float64, "upper end of its 95 % interval"),
                "base_rate": (pl.Float64, "share of the market's commoner direction"),
                "edge": (pl.Float64, "win rate less base rate"),
                "edge_low": (pl.Float64, "lower end of its 95 % interval"),
                "edge_high": (pl.Float64, "upper end of its 95 % interval"),
                "net_edge_bp": (pl.Float64, "earned a call after the cost, basis points"),
                "net_edge_low_bp": (pl.Float64, "lower end of its 95 % interval"),
                "net_edge_high_bp": (pl.Float64, "upper end of its 95 % interval"),
            }
        ),
        Column("n_needed", pl.Int64, False, "calls at which the verdict is first read"),
        Column(
            "days_to_conclusion",
            pl.Int64,
            True,
            "sessions until the verdict is next read, at the present pace; null without a call",
        ),
        Column("verdict", pl.String, False, f"one of {', '.join(STANDINGS)}"),
        Column("sentence", pl.String, False, "the verdict as a sentence"),
    ),
    key=("session_date", "symbol", "source", "horizon", "slice"),
    order=("session_date", "symbol", "source", "horizon", "slice"),
    rules=(
        *_KNOWN,
        Rule("verdict_known", pl.col("verdict").is_in(STANDINGS), "the verdict is defined"),
        _shares("win_rate", "win_rate_low", "win_rate_high", "base_rate"),
    ),
)

CALIBRATION = Table(
    name="calibration",
    description="Whether a confidence of 0.7 is right seven times in ten, up to each session; "
    "one row a bin of confidence that has calls.",
    columns=(
        *_POOLED,
        Column("confidence_from", pl.Float64, False, "lower end of the bin, in it"),
        Column("confidence_to", pl.Float64, False, "upper end, in the next bin"),
        Column("n", pl.Int64, False, "calls that do not overlap in time"),
        *columns(
            {
                "mean_confidence": (pl.Float64, "of these calls, 0 to 1"),
                "win_rate": (pl.Float64, "share of them that were right"),
                "win_rate_low": (pl.Float64, "lower end of its 95 % interval"),
                "win_rate_high": (pl.Float64, "upper end of its 95 % interval"),
                "mean_gap": (
                    pl.Float64,
                    "mean distance of confidence from win rate over all bins, weighted by calls",
                ),
                "brier": (
                    pl.Float64,
                    "mean squared distance of confidence from what happened, over all bins; "
                    "always saying 0.5 gets 0.25",
                ),
            }
        ),
    ),
    key=(*(column.name for column in _POOLED), "confidence_from"),
    order=(*(column.name for column in _POOLED), "confidence_from"),
    rules=(*_KNOWN, _shares("mean_confidence", "win_rate", "win_rate_low", "win_rate_high")),
)

CONFIRMATION = Table(
    name="confirmation",
    description="How often futures agreed with decisions up to each session, and what their "
    "agreement was worth.",
    columns=(
        *_POOLED,
        Column("n", pl.Int64, False, "decisions with a direction and a futures signal"),
        *columns(
            {
                "confirmation_rate": (pl.Float64, "share that futures agreed with; null of none"),
                "confirmation_rate_low": (pl.Float64, "lower end of its 95 % interval"),
                "confirmation_rate_high": (pl.Float64, "upper end of its 95 % interval"),
            }
        ),
        Column("n_confirmed", pl.Int64, False, "confirmed decisions that do not overlap"),
        *columns({"win_rate_confirmed": (pl.Float64, "share of these that were right")}),
        Column("n_unconfirmed", pl.Int64, False, "the other ones"),
        *columns(
            {
                "win_rate_unconfirmed": (pl.Float64, "share of these that were right"),
                "difference": (pl.Float64, "the first win rate less the second"),
                "difference_low": (pl.Float64, "lower end of its 95 % interval (Newcombe)"),
                "difference_high": (pl.Float64, "upper end of its 95 % interval"),
            }
        ),
    ),
    key=tuple(column.name for column in _POOLED),
    order=tuple(column.name for column in _POOLED),
    rules=(*_KNOWN, _shares("confirmation_rate", "win_rate_confirmed", "win_rate_unconfirmed")),
)

WITH_AND_WITHOUT = Table(
    name="with_and_without",
    description="The same moments decided with futures (the evidence gate off) and without any, "
    "up to each session; moments under an early warning are left out.",
    columns=(
        DAY,
        _SYMBOL,
        _HORIZON,
        Column("moments", pl.Int64, False, "moments that were graded"),
        Column("differing", pl.Int64, False, "of these, moments with another direction"),
        Column("n_with", pl.Int64, False, "calls with futures that do not overlap"),
        *columns({"win_rate_with": (pl.Float64, "share of these that were right")}),
        Column("n_without", pl.Int64, False, "calls without futures that do not overlap"),
        *columns(
            {
                "win_rate_without": (pl.Float64, "share of these that were right"),
                "difference": (pl.Float64, "the first win rate less the second"),
                "difference_low": (
                    pl.Float64,
                    "lower end of its 95 % interval; too wide where most moments agree",
                ),
                "difference_high": (pl.Float64, "upper end of its 95 % interval"),
            }
        ),
    ),
    key=("session_date", "symbol", "horizon"),
    order=("session_date", "symbol", "horizon"),
    rules=(_KNOWN[1], _shares("win_rate_with", "win_rate_without")),
)

SCORE_TABLES = (OUTCOMES, SCORECARD, CALIBRATION, CONFIRMATION, WITH_AND_WITHOUT)
