"""Rows of the option tables, and what may be wrong with them, rule by rule."""

from datetime import date, datetime, timedelta
from typing import Any

from futures_pipeline_tests.storage.rows import AT, SESSION

NAN = float("nan")
ROUND_AT = datetime.fromisoformat("2025-01-15T14:30:00+00:00")


def option(**values: Any) -> dict[str, Any]:
    """Return a good row of a call on SPY, with ``values`` in place of its own."""
    return {
        "symbol": "SPY",
        "contract": "SPY   250321C00590000",
        "con_id": 7,
        "expiry": date(2025, 3, 21),
        "strike": 590.0,
        "right": "C",
        "round_at": ROUND_AT,
        "session_date": SESSION,
        "timestamp": AT + timedelta(seconds=20),
        "bid": 11.2,
        "ask": 11.3,
        "bid_size": 40.0,
        "ask_size": 12.0,
        "last": 11.25,
        "last_at": AT,
        "volume": 120.0,
        "open_interest": 5000.0,
        "iv": 0.16,
        "delta": 0.52,
        "gamma": 0.01,
        "vega": 0.9,
        "theta": -0.12,
        "underlying_price": 588.4,
        "greeks": "model",
        "greeks_at": AT + timedelta(seconds=18),
        "data_type": "live",
        "received_at": AT + timedelta(seconds=20),
        **values,
    }


def option_round(**values: Any) -> dict[str, Any]:
    """Return a good row of a complete round, with ``values`` in place of its own."""
    return {
        "symbol": "SPY",
        "round_at": ROUND_AT,
        "session_date": SESSION,
        "asked": 110,
        "answered": 108,
        "with_quote": 107,
        "with_greeks": 100,
        "with_open_interest": 108,
        "refused": 1,
        "windows": 2,
        "seconds": 30.5,
        "ended": "complete",
        "reason": None,
        "received_at": AT + timedelta(seconds=31),
        **values,
    }


PUT = {"contract": "SPY   250321P00590000", "right": "P"}
NO_GREEKS = {"greeks": "missing", "greeks_at": None} | dict.fromkeys(
    ("iv", "delta", "gamma", "vega", "theta", "underlying_price")
)
BROKEN_OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("required_values_present", {"greeks": None}),
    ("symbol_known", {"symbol": "ES", "contract": "ES    250321C00590000"}),
    ("symbol_known", {"symbol": "GLD", "contract": "GLD   250321C00590000"}),
    ("prices_finite", {"ask": float("inf")}),
    ("prices_positive", {"last": 0.0}),
    ("prices_positive", {"iv": -1.0}),
    ("quote_not_crossed", {"bid": 11.5}),
    ("quantities_not_negative", {"open_interest": -1.0}),
    ("quantities_not_negative", {"volume": NAN}),
    ("greeks_finite", {"gamma": NAN}),
    ("greeks_finite", {"iv": float("inf")}),
    ("right_known", {"contract": "SPY   250321X00590000", "right": "X", "delta": None}),
    ("delta_fits_the_right", {"delta": -2.0}),
    ("delta_fits_the_right", {"delta": -0.48}),
    ("delta_fits_the_right", {**PUT, "delta": 0.52}),
    ("contract_is_this_option", {"contract": "SPY   250321P00590000"}),
    ("contract_is_this_option", {"contract": "SPY250321C00590000"}),
    ("contract_is_this_option", {"strike": 590.5}),
    ("contract_is_this_option", {"expiry": date(2025, 3, 20)}),
    ("not_expired", {"contract": "SPY   250114C00590000", "expiry": date(2025, 1, 14)}),
    ("observed_in_its_round", {"timestamp": ROUND_AT - timedelta(seconds=1)}),
    ("greeks_known", {"greeks": "guessed"}),
    ("missing_greeks_are_null", {"greeks": "missing"}),
    ("missing_greeks_are_null", {"iv": None}),
    ("missing_greeks_are_null", {"greeks_at": None}),
    ("missing_greeks_are_null", {**NO_GREEKS, "greeks": "late"}),
    ("data_type_known", {"data_type": "guessed"}),
]
GOOD_OPTIONS: list[dict[str, Any]] = [
    NO_GREEKS,
    {"greeks": "late"},
    {"bid": None, "bid_size": 0.0},
    {"bid": None, "ask": None, "last": None},
    {"bid": 11.3},
    {"theta": -2.0},
    {"delta": None, "gamma": None},
    {**PUT, "delta": -0.48},
    {"contract": "SPY   250115C00590000", "expiry": SESSION},
    {"contract": "SPY   250321C00592500", "strike": 592.5},
]
BROKEN_ROUNDS: list[tuple[str, dict[str, Any]]] = [
    ("required_values_present", {"asked": None}),
    ("symbol_known", {"symbol": "VIX"}),
    ("counts_not_negative", {"windows": -1}),
    ("counts_not_negative", {"seconds": -0.1}),
    ("no_more_than_asked", {"answered": 111}),
    ("no_more_than_asked", {"refused": 111}),
    ("ended_known", {"ended": "given up"}),
    ("cut_has_a_reason", {"ended": "cut"}),
    ("cut_has_a_reason", {"reason": "time_out"}),
]
GOOD_ROUNDS: list[dict[str, Any]] = [
    {"ended": "cut", "reason": "time_out"},
    {"asked": 2, "answered": 0, "with_quote": 0, "with_greeks": 0, "with_open_interest": 0},
]
