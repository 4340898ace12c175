"""Signals and decisions become rows with nulls and reasons, never stand-ins."""

import polars as pl

from futures_pipeline.decisions.engine import DecisionEngine
from futures_pipeline.decisions.rows import (
    DECISION_SCHEMA,
    FUTURES_SIGNAL_SCHEMA,
    PREMARKET_SIGNAL_SCHEMA,
    decision_rows,
    futures_signal_rows,
    premarket_signal_rows,
)
from futures_pipeline.decisions.signals.market_signal import market_signal
from futures_pipeline.decisions.signals.premarket import premarket_signal
from futures_pipeline_tests.decisions.builders import context, night, options, reading, signal


def test_a_signal_and_a_missing_one() -> None:
    rows = futures_signal_rows([market_signal(reading()), market_signal(reading(price=None))])
    assert rows.schema == pl.Schema(FUTURES_SIGNAL_SCHEMA)
    known, unknown = rows.to_dicts()
    assert (known["signal"], known["reason"], known["degraded"]) == ("buy", None, "basis")
    assert unknown["reason"] == "no_price"
    others = {value for name, value in unknown.items() if name not in (*KEY, "reason")}
    assert others == {None}


KEY = ("symbol", "futures_symbol", "timestamp")


def test_a_premarket_signal_and_a_missing_one() -> None:
    rows = premarket_signal_rows(
        [premarket_signal(night()), premarket_signal(night(anchor_price=None))]
    )
    assert rows.schema == pl.Schema(PREMARKET_SIGNAL_SCHEMA)
    assert rows["bias"].to_list() == ["bullish", None]
    assert rows["is_final"].to_list() == [True, None]
    assert rows["reason"].to_list() == [None, "no_anchor_price"]


def test_entries_and_holds() -> None:
    engine = DecisionEngine()
    rows = decision_rows(
        engine.evaluate(seen) for seen in (options(futures_signal=signal()), context())
    )
    assert rows.schema == pl.Schema(DECISION_SCHEMA)
    entered, held = rows.to_dicts()
    assert (entered["action"], entered["strategy_type"]) == ("enter", "bull_put_spread")
    assert (entered["shadow_rule"], entered["shadow_direction"]) == (
        "FuturesBullishEntry",
        "bullish",
    )
    assert (held["action"], held["direction"], held["legs"]) == ("hold", None, None)
    assert held["degraded"] == "futures,early_warning,options,iv_rank,vix"


def test_no_rows_have_their_columns() -> None:
    assert futures_signal_rows([]).schema == pl.Schema(FUTURES_SIGNAL_SCHEMA)
    assert decision_rows([]).schema == pl.Schema(DECISION_SCHEMA)
