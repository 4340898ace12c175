"""The unit of each column that a person can take away as a file."""

from collections.abc import Mapping

_NAMES: Mapping[str, str] = {
    "price units": "bid ask last price open close wap low_price price_futures price_spot "
    "anchor_price",
    "points": "change_1h change_4h change_overnight change_daily change_points range_points basis "
    "basis_fair futures_price vix vix_chain vix_close",
    "US dollars": "spot_price entry_price exit_price strike underlying_price underlying_close",
    "fraction": "return_1h return_4h return_overnight return_daily return_futures return_spot "
    "momentum share implied_vol iv volatility volatility_20d iv_atm_30d iv_atm_90d iv_min iv_max "
    "iv_mean iv_median iv_std iv_p25 iv_p75 atm_iv_mean otm_iv_mean itm_iv_mean skew_25d "
    "term_structure_slope directional_accuracy da_ci_low da_ci_high base_rate win_rate "
    "win_rate_low win_rate_high win_rate_with win_rate_without win_rate_confirmed "
    "win_rate_unconfirmed confirmation_rate confirmation_rate_low confirmation_rate_high "
    "difference difference_low difference_high edge edge_low edge_high log_return "
    "underlying_return move spread good_folds r2_oos",
    "contracts or shares": "volume open_interest bid_size ask_size volume_total call_volume "
    "put_volume open_interest_total",
    "basis points": "net_edge_bp net_edge_low_bp net_edge_high_bp cost_bp gross_edge_bp "
    "basis_deviation_bp",
    "seconds": "lead_seconds lead_error_seconds resolution_seconds seconds",
    "minutes": "lead_minutes timeframe_minutes minutes duration_minutes horizon_minutes "
    "expected_minutes received_minutes explained_minutes unexplained_minutes",
    "open hours": "elapsed_hours",
    "sessions": "days_to_conclusion sessions",
    "-1 to 1": "correlation correlation_adjusted low high minimum ic ic_ci_low ic_ci_high "
    "outlook_score delta delta_mean delta_net_oi",
    "0 to 1": "confidence mean_confidence confidence_from confidence_to persistence "
    "predictive_value p_value p_holm pt_pvalue direction_pvalue direction_pvalue_holm",
    "0 to 100": "iv_rank_30d iv_rank_60d iv_rank_90d iv_rank_1y iv_percentile_1y "
    "put_call_pctile_60",
    "standard deviations": "z trend_20d",
    "usual moves": "drawdown cusum",
    "times the usual size": "position_multiplier",
}
UNITS: Mapping[str, str] = {name: unit for unit, names in _NAMES.items() for name in names.split()}
# Beside an open, low and high are prices.
UNITS_OF_BARS: Mapping[str, str] = {**UNITS, "low": "price units", "high": "price units"}
