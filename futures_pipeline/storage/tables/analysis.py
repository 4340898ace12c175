"""What is computed of pairs of markets: correlation, lead, predictive value, divergences."""

from collections.abc import Mapping

import polars as pl

from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table

DType = pl.DataType | type[pl.DataType]

DAY = Column("session_date", pl.Date, False, "trade date of the Globex session")
PAIR = (
    Column("pair", pl.String, False, "both symbols, as ES-SPY"),
    Column("futures_symbol", pl.String, False, "the leg that moves first where a lead is above 0"),
    Column("spot_symbol", pl.String, False, "the other leg"),
)
_TIMEFRAME = Column("timeframe_minutes", pl.Int64, False, "length of a return, minutes")
_CONTRACTS = (
    Column("contract_futures", pl.String, False, "local symbol of the futures leg's contract"),
    Column("contract_spot", pl.String, False, "contract of the other leg; the symbol itself"),
)
_SPAN = (
    Column("first_session", pl.Date, True, "first of the sessions pooled; null for none"),
    Column("sessions", pl.Int64, False, "how many sessions are pooled, this one the last"),
)
_ESTIMATE = (
    Column("correlation", pl.Float64, True, "Pearson, -1 to 1; null with a reason"),
    Column("pairs", pl.Int64, False, "pairs of known returns"),
    Column("effective_pairs", pl.Float64, True, "what these are worth when repetition and fat "
           "tails are allowed for; null with the correlation"),
    Column("low", pl.Float64, True, "lower end of the 95 % interval; null with the correlation"),
    Column("high", pl.Float64, True, "upper end of the 95 % interval; null with the correlation"),
    Column("reason", pl.String, True, "why the correlation is null: fewer_than_N_pairs or "
           "flat_series"),
)  # fmt: skip


def columns(described: Mapping[str, tuple[DType, str]]) -> tuple[Column, ...]:
    """Return columns that may all be null, from their types and meanings."""
    return tuple(Column(name, kind, True, says) for name, (kind, says) in described.items())


def null_with_reason(value: str) -> Rule:
    return Rule(
        f"{value}_null_has_a_reason",
        pl.col(value).is_null() == pl.col("reason").is_not_null(),
        f"{value} is a number, or null with a reason",
    )


def _within(low: float, high: float, *names: str) -> pl.Expr:
    return pl.all_horizontal(pl.col(name).is_between(low, high).fill_null(True) for name in names)


_ESTIMATE_RULES = (
    Rule("correlation_in_range", _within(-1, 1, "correlation", "low", "high"),
         "a correlation and its interval are from -1 to 1"),
    Rule("interval_holds_the_correlation",
         pl.col("correlation").is_between("low", "high"),
         "the correlation lies within its interval"),
    null_with_reason("correlation"),
)  # fmt: skip

CORRELATIONS = Table(
    name="correlations",
    description="Correlation of each pair over the last returns, at each moment at which both "
    "markets were open, with its interval.",
    columns=(
        DAY,
        *PAIR,
        _TIMEFRAME,
        Column("window", pl.Int64, False, "returns in the window"),
        Column("at", UTC_TIME, False, "end of the last return of the window, UTC"),
        *_CONTRACTS,
        *_ESTIMATE,
        *columns(
            {
                "correlation_adjusted": (
                    pl.Float64,
                    "the correlation, had futures moved as in the 20 sessions before; null "
                    "without these",
                ),
                "variance_ratio": (
                    pl.Float64,
                    "variance of futures over that of the 20 sessions before; null without these",
                ),
                "colour": (
                    pl.String,
                    "green above 0.5, yellow from 0, red below; grey when unknown or not apart "
                    "from 0",
                ),
                "divergence": (
                    pl.String,
                    "none, minor or major; only of windows of 60 one-minute returns",
                ),
                "is_unusual": (
                    pl.Boolean,
                    "below what was usual in the 20 sessions before; of the same windows, null "
                    "without these sessions",
                ),
                "regime": (
                    pl.String,
                    "low, middle or high; only of windows of 120 one-minute returns, null with "
                    "the correlation",
                ),
                "quality_flags": (
                    pl.Int64,
                    "what is unusual of this minute in either leg, as a sum: 1 gap, 2 stale, "
                    "4 flat, 8 no volume, 16 outlier, 32 bad tick, 64 roll, 128 shortened "
                    "session, 256 off the tick; only of windows of 60 one-minute returns",
                ),
            }
        ),
    ),
    key=("pair", "timeframe_minutes", "window", "at"),
    order=("pair", "timeframe_minutes", "window", "at"),
    rules=_ESTIMATE_RULES,
)

DIVERGENCES = Table(
    name="divergences",
    description="Episodes in which a pair that moves together stops doing so; of two that follow "
    "one index they are faults of the data.",
    columns=(
        DAY,
        *PAIR,
        Column("started_at", UTC_TIME, False, "the reading that began it, UTC"),
        Column("ended_at", UTC_TIME, False, "first reading after it, or the last there is, UTC"),
        Column("is_over", pl.Boolean, False, "whether a reading after it is there"),
        Column("duration_minutes", pl.Float64, False, "from start to end"),
        Column("severity", pl.String, False, "minor, or major: surely below 0.2"),
        Column("minimum", pl.Float64, False, "lowest correlation of 60 one-minute returns"),
        Column("readings", pl.Int64, False, "readings in it"),
        Column("meaning", pl.String, False, "divergence, or data_fault for an index pair"),
        Column(
            "earlier_episodes", pl.Int64, False, "episodes before it, from 20 sessions before on"
        ),
    ),
    key=("pair", "started_at"),
    order=("pair", "started_at"),
    rules=(
        Rule("severity_known", pl.col("severity").is_in(["minor", "major"]), "minor or major"),
        Rule(
            "meaning_known",
            pl.col("meaning").is_in(["divergence", "data_fault"]),
            "it means a divergence or a data fault",
        ),
        Rule("ends_after_it_starts", pl.col("ended_at") >= pl.col("started_at"), "in that order"),
    ),
)

SPREADS = Table(
    name="spreads",
    description="How far apart the log prices of a pair are, in units of how far they usually "
    "are, hour by hour; of pairs that do not follow one index.",
    columns=(
        DAY,
        *PAIR,
        Column("at", UTC_TIME, False, "the hour, UTC"),
        *_CONTRACTS,
        *columns(
            {
                "slope": (pl.Float64, "of log futures on log spot, over the 20 sessions before"),
                "spread": (pl.Float64, "log futures less slope times log spot"),
                "z": (pl.Float64, "standard deviations from the mean of these sessions"),
                "is_wide": (pl.Boolean, "from beyond 2 until within 0.5, anew in each session"),
                "label": (
                    pl.String,
                    "mean_reverting when the Engle-Granger test says so at 5 %, else "
                    "relative_strength",
                ),
            }
        ),
        Column("sessions", pl.Int64, False, "sessions of the contract before this one, 20 at most"),
        Column(
            "reason",
            pl.String,
            True,
            "why z is null: fewer_than_10_sessions, flat_series or no_price",
        ),
    ),
    key=("pair", "at"),
    order=("pair", "at"),
    rules=(null_with_reason("z"),),
)

CORRELATION_MATRIX = Table(
    name="correlation_matrix",
    description="Correlation of every two symbols, pooled over 20 sessions; each two once.",
    columns=(
        DAY,
        *_SPAN,
        _TIMEFRAME,
        Column("row_symbol", pl.String, False, "one symbol"),
        Column("column_symbol", pl.String, False, "the other"),
        *_ESTIMATE,
    ),
    key=("session_date", "timeframe_minutes", "row_symbol", "column_symbol"),
    order=("session_date", "timeframe_minutes", "row_symbol", "column_symbol"),
    rules=_ESTIMATE_RULES,
)

CORRELATION_HEATMAP = Table(
    name="correlation_heatmap",
    description="Correlation of each pair by the New York hour and by the part of the session in "
    "which returns end, pooled over 20 sessions, of an hour or more over 60; cells with few pairs "
    "are masked.",
    columns=(
        DAY,
        *_SPAN,
        *PAIR,
        _TIMEFRAME,
        Column("grouped_by", pl.String, False, "hour or segment"),
        Column("cell", pl.String, False, "00 to 23 (New York), or asia, europe, us or late"),
        *_ESTIMATE,
    ),
    key=("session_date", "pair", "timeframe_minutes", "grouped_by", "cell"),
    order=("session_date", "pair", "timeframe_minutes", "grouped_by", "cell"),
    rules=_ESTIMATE_RULES,
)

CORRELATION_DAYS = Table(
    name="correlation_days",
    description="Correlation of each pair's one-minute returns in the NYSE hours of each session, "
    "and whether days of higher and of lower correlation are two kinds.",
    columns=(
        DAY,
        *PAIR,
        *columns(
            {
                "correlation": (pl.Float64, "Pearson, -1 to 1; null below 20 pairs of minutes"),
                "realized_variance": (pl.Float64, "sum of squared log returns of futures"),
            }
        ),
        Column("days", pl.Int64, False, "sessions compared, this one the last"),
        *columns(
            {
                "bic_gain": (
                    pl.Float64,
                    "by how much two kinds fit better than one; above 10 there are two",
                ),
                "kind": (pl.String, "higher or lower; null with a reason"),
                "reason": (
                    pl.String,
                    "why there is no kind: fewer_than_20_days, flat_series, "
                    "one_kind_fits_as_well, or this session is unknown",
                ),
            }
        ),
    ),
    key=("session_date", "pair"),
    order=("session_date", "pair"),
    rules=(null_with_reason("kind"),),
)
