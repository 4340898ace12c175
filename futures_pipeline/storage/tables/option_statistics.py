"""What an ETF's options say, a row a symbol and NYSE session: 27 numbers, and the regime."""

from collections.abc import Mapping

import polars as pl

from futures_pipeline.domain.instruments import Kind
from futures_pipeline.storage.tables.analysis import DAY, DType, columns
from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table, not_negative

REGIMES = (
    "unknown",
    "crisis",
    "high_volatility",
    "trending_up",
    "trending_down",
    "low_volatility",
    "range_bound",
)
OUTLOOKS = ("bullish", "bearish", "neutral")
QUALITIES = ("good", "early", "partial", "insufficient")
_NUMBER = pl.Float64
_SYMBOL = Column("symbol", pl.String, False, "the ETF")
_UPDATED = Column("updated_at", UTC_TIME, False, "when the row was computed, UTC")
_RANKS: Mapping[str, tuple[DType, str]] = {
    "iv_rank_30d": (_NUMBER, "100 (x - min) / (max - min) of iv_atm_30d over 30 sessions"),
    "iv_rank_60d": (_NUMBER, "the same over 60 sessions"),
    "iv_rank_90d": (_NUMBER, "the same over 90 sessions"),
    "iv_percentile_1y": (_NUMBER, "% of 251 earlier sessions with iv_atm_30d below, ties half"),
}
_MOVES: Mapping[str, tuple[DType, str]] = {
    "volatility_20d": (_NUMBER, "annualised fraction, of 20 close-to-close log returns"),
    "trend_20d": (_NUMBER, "their sum in sigmas; above 0 is a rise"),
}
_PUT_CALL: Mapping[str, tuple[DType, str]] = {
    "put_call_ratio": (_NUMBER, "put volume over call volume of the day"),
}
_SLOPE: Mapping[str, tuple[DType, str]] = {
    "term_structure_slope": (_NUMBER, "iv_atm_90d / iv_atm_30d - 1; below 0 is stress"),
}
# In the order of QUANT_SPEC 7.3.
TWENTY_SEVEN: Mapping[str, tuple[DType, str]] = {
    "iv_min": (_NUMBER, "of the clean set (7 to 90 days, |delta| .05 to .95), annualised fraction"),
    "iv_max": (_NUMBER, "the same set"),
    "iv_mean": (_NUMBER, "the same set"),
    "iv_median": (_NUMBER, "the same set"),
    "iv_std": (_NUMBER, "the same set, of a sample"),
    "iv_p25": (_NUMBER, "quartile of the same set"),
    "iv_p75": (_NUMBER, "quartile of the same set"),
    **_RANKS,
    "delta_mean": (_NUMBER, "mean of |delta|, 20 to 60 days, |delta| .2 to .8"),
    "gamma_mean": (_NUMBER, "the same set, for a dollar"),
    "theta_mean": (_NUMBER, "the same set, US dollars a calendar day"),
    "vega_mean": (_NUMBER, "the same set, US dollars a volatility point"),
    "volume_total": (_NUMBER, "contracts traded over the session, all listed"),
    "open_interest_total": (_NUMBER, "open contracts of the previous close, all listed"),
    **_PUT_CALL,
    "atm_iv_mean": (_NUMBER, "clean set with |ln(strike / forward)| up to .025"),
    "otm_iv_mean": (_NUMBER, "clean set further out of the money"),
    "itm_iv_mean": (_NUMBER, "clean set further in the money"),
    **_SLOPE,
    "vix_close": (_NUMBER, "VIX at NYSE's close, points"),
    "underlying_close": (_NUMBER, "the ETF at NYSE's close, US dollars a share"),
    "underlying_return": (_NUMBER, "log return from the close before, dividend added back"),
    **_MOVES,
}
BESIDE: Mapping[str, tuple[DType, str]] = {
    "iv_atm_30d": (_NUMBER, "at-the-money volatility at 30 days, annualised fraction"),
    "iv_atm_90d": (_NUMBER, "at-the-money volatility at 90 days, annualised fraction"),
    "iv_rank_1y": (_NUMBER, "rank of iv_atm_30d over 252 sessions, 0 to 100"),
    "skew_25d": (_NUMBER, "volatility of the 25-delta put less the call's, at 30 days"),
    "put_call_oi_ratio": (_NUMBER, "put open interest over call open interest"),
    "call_volume": (_NUMBER, "contracts"),
    "put_volume": (_NUMBER, "contracts"),
    "delta_net_oi": (_NUMBER, "delta weighted by open interest, -1 to 1"),
    "vix_chain": (_NUMBER, "Cboe's VIX method on this chain, points"),
}
_COUNTS: Mapping[str, str] = {
    "n_contracts": "options with a row in the last quarter of an hour before the close",
    "n_clean": "of which clean",
    "iv_n_30d": "stored iv_atm_30d in the window",
    "iv_n_60d": "stored iv_atm_30d in the window",
    "iv_n_90d": "stored iv_atm_30d in the window",
    "iv_n_1y": "stored iv_atm_30d in the window",
    "vix_chain_strikes": "strikes that vix_chain rests on",
}


def _within(low: float, high: float, *names: str) -> pl.Expr:
    return pl.all_horizontal(pl.col(name).is_between(low, high).fill_null(True) for name in names)


_RANKS_IN_RANGE = Rule(
    "ranks_in_range", _within(0, 100, *_RANKS), "ranks and percentiles are 0 to 100"
)

DERIVED_STATISTICS = Table(
    name="derived_statistics",
    description="27 numbers of each ETF's options at the close of an NYSE session, and what "
    "stands beside them; null with a reason.",
    columns=(
        _SYMBOL,
        Column("date", pl.Date, False, "the NYSE session"),
        Column("yearmonth", pl.String, False, "its month, 202503"),
        DAY,
        Column("regime", pl.String, False, f"held over two days: {', '.join(REGIMES)}"),
        _UPDATED,
        *columns(TWENTY_SEVEN),
        *columns(BESIDE),
        *(Column(name, pl.Int64, False, says) for name, says in _COUNTS.items()),
        *columns(
            {
                "greeks_source": (
                    pl.String,
                    "of the clean options: broker, broker_vol, computed or mixed; null for none",
                ),
            }
        ),
        Column("quality", pl.String, False, f"one of {', '.join(QUALITIES)}: early was not "
               "quoted in the quarter of an hour before the close, partial is below 60 % clean, "
               "insufficient below 20 options"),
        Column("quoted_at", UTC_TIME, True, "newest quote of it all, UTC; null for none"),
        Column("reasons", pl.String, True, "each null number with its reason; null for none"),
    ),
    key=("symbol", "session_date"),
    order=("symbol", "session_date"),
    rules=(
        Rule("date_is_the_session", pl.col("date") == pl.col("session_date"), "both are one day"),
        _RANKS_IN_RANGE,
        Rule("not_negative", not_negative(
            "iv_min", "iv_atm_30d", "iv_atm_90d", "volatility_20d", "volume_total",
            "open_interest_total", "put_call_ratio", "vix_chain", "vix_close", "underlying_close",
        ), "volatilities, volumes, ratios and prices are finite and not negative"),
        Rule("regime_known", pl.col("regime").is_in(REGIMES), "the regime is defined"),
        Rule("quality_known", pl.col("quality").is_in(QUALITIES), "the quality is defined"),
        Rule("null_has_a_reason",
             pl.any_horizontal(pl.col(name).is_null() for name in (*TWENTY_SEVEN, *BESIDE))
             == pl.col("reasons").is_not_null(),
             "each number is there, or reasons says why not"),
    ),
    kinds=(Kind.ETF,),
)  # fmt: skip

MARKET_REGIMES = Table(
    name="market_regimes",
    description="What the options and closes up to a session say of an ETF; it is known to the "
    "sessions after it, never to its own.",
    columns=(
        _SYMBOL,
        DAY,
        _UPDATED,
        Column("outlook", pl.String, False, f"one of {', '.join(OUTLOOKS)}"),
        *columns(
            {
                "outlook_score": (_NUMBER, "-1 to 1, bullish from .25, bearish from -.25; null "
                                  "without a trend"),
                **_RANKS,
                **_MOVES,
                **_PUT_CALL,
                **_SLOPE,
            }
        ),
        Column("derived_regime", pl.String, False, f"held over two days: {', '.join(REGIMES)}"),
        *columns(
            {
                "put_call_pctile_60": (_NUMBER, "percentile of put_call_ratio in its own 60 "
                                       "sessions, 0 to 100"),
                "iv_atm_30d": BESIDE["iv_atm_30d"],
                "vix_close": TWENTY_SEVEN["vix_close"],
                "underlying_close": TWENTY_SEVEN["underlying_close"],
                "reasons": (pl.String, "those of derived_statistics, and of put_call_pctile_60"),
            }
        ),
    ),
    key=("symbol", "session_date"),
    order=("symbol", "session_date"),
    rules=(
        _RANKS_IN_RANGE,
        Rule("outlook_known", pl.col("outlook").is_in(OUTLOOKS), "the outlook is defined"),
        Rule("score_in_range", _within(-1, 1, "outlook_score"), "the score is from -1 to 1"),
        Rule("regime_known", pl.col("derived_regime").is_in(REGIMES), "the regime is defined"),
    ),
    kinds=(Kind.ETF,),
)  # fmt: skip
