"""What is said of a morning: signals, early warnings and decisions, each with its receipt.

A row that was said once stands: later data and later code add rows, they change none.
"""

import polars as pl

from futures_pipeline.storage.tables.analysis import columns
from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table

DIRECTIONS = ("bullish", "bearish", "neutral")
SIGNALS = ("strong_buy", "buy", "hold", "sell", "strong_sell")
SURGES = ("none", "mild", "surge", "extreme")
LEVELS = ("normal", "watch", "warning", "collapse")
ENTER, HOLD = "enter", "hold"

_ID = Column("id", pl.String, False, "names the row: a hash of what it is, and of what made it")
_ETF = Column("symbol", pl.String, False, "the ETF it speaks of")
_DAY = Column("session_date", pl.Date, False, "trade date of the Globex session")
_AS_OF = Column("timestamp", UTC_TIME, False, "the moment it is as of, UTC; nothing later is used")
_FUTURE = (
    Column("futures_symbol", pl.String, False, "the future it follows from"),
    Column("contract", pl.String, True, "front contract of the session; null when none is stored"),
    Column("observed_at", UTC_TIME, True, "when its price was observed, UTC; null without one"),
)
_SAID = (
    *columns(
        {
            "volatility": (pl.Float64, "usual move over the same time, fraction of the price"),
            "volatility_source": (pl.String, "history, or the volatility index used instead"),
            "degraded": (pl.String, "inputs that were missing, by comma; null for none"),
            "reasoning": (pl.String, "the signal as a sentence"),
            "reason": (pl.String, "why there is no signal; null when there is one"),
        }
    ),
)
_RECEIPT = (
    Column("computed_at", UTC_TIME, False, "when it was computed, by the market's clock, UTC"),
    Column(
        "receipt",
        pl.String,
        False,
        "JSON: versions of the tables it was read from, contracts, data types, coverage, settings "
        "and code; futures-pipeline receipt ID computes the row from it again",
    ),
)
_ID_FORM = Rule("id_is_a_hash", pl.col("id").str.contains("^[0-9a-f]{16}$"), "the id is a hash")


def _within_one(*names: str) -> Rule:
    inside = (pl.col(name).is_between(0.0, 1.0).fill_null(True) for name in names)
    return Rule("from_0_to_1", pl.all_horizontal(inside), f"{', '.join(names)} are from 0 to 1")


def _known(column: str, words: tuple[str, ...]) -> Rule:
    says = f"{column} is one of {', '.join(words)}"
    return Rule(f"{column}_known", pl.col(column).is_in(words), says)


def _said_or_why(column: str) -> Rule:
    return Rule(
        "null_has_a_reason",
        pl.col(column).is_null() == pl.col("reason").is_not_null(),
        f"there is a {column}, or a reason why there is none",
    )


FUTURES_SIGNALS = Table(
    name="futures_signals",
    description="What the futures say of each ETF, every 5 minutes of regular hours.",
    columns=(
        _ID,
        _ETF,
        _DAY,
        _AS_OF,
        *_FUTURE,
        *columns(
            {
                "sentiment": (pl.String, "bullish, bearish or neutral: how the horizons vote"),
                "signal": (pl.String, f"one of {', '.join(SIGNALS)}"),
                "confidence": (pl.Float64, "0 to 1"),
                "futures_price": (pl.Float64, "index points"),
                "spot_price": (pl.Float64, "US dollars; null when not known"),
                "basis": (pl.Float64, "future less scaled ETF, index points; null with a reason"),
                "basis_fair": (pl.Float64, "what carry alone makes of it, index points"),
                "basis_deviation_bp": (pl.Float64, "basis points; above 0 the future is dear"),
                "basis_reason": (pl.String, "why there is no basis; null when there is one"),
                "change_1h": (pl.Float64, "index points against one hour earlier"),
                "change_4h": (pl.Float64, "index points against four hours earlier"),
                "change_daily": (pl.Float64, "index points since the last NYSE close"),
                "momentum": (pl.Float64, "fraction that it would move in a 23-hour session"),
                "z": (pl.Float64, "momentum over its usual size"),
                "observations": (pl.Int64, "priced observations of the last 24 hours"),
                "predictive_value": (pl.Float64, "0 to 1; 0 without an assessment"),
            }
        ),
        *_SAID,
        *_RECEIPT,
    ),
    key=("symbol", "timestamp"),
    order=("symbol", "timestamp"),
    rules=(
        _ID_FORM,
        _said_or_why("signal"),
        _known("sentiment", DIRECTIONS),
        _known("signal", SIGNALS),
        _within_one("confidence", "predictive_value"),
    ),
)

PREMARKET_SIGNALS = Table(
    name="premarket_signals",
    description="What the night says of the open, every 15 minutes from 04:00 New York; the last "
    "of a day, at 09:25, is final.",
    columns=(
        _ID,
        _ETF,
        _DAY,
        _AS_OF,
        *_FUTURE,
        *columns(
            {
                "bias": (pl.String, "bullish, bearish or neutral, for the open"),
                "surge": (pl.String, f"size of the night's move: {', '.join(SURGES)}"),
                "confidence": (pl.Float64, "0 to 1"),
                "futures_price": (pl.Float64, "index points"),
                "anchor_price": (pl.Float64, "as of the last NYSE close, index points"),
                "change_points": (pl.Float64, "index points since then"),
                "range_points": (pl.Float64, "highest less lowest of the night, index points"),
                "move": (pl.Float64, "log of price over anchor price"),
                "z": (pl.Float64, "the move over the usual one to this time of day"),
                "persistence": (pl.Float64, "share of the range that the move kept, 0 to 1"),
                "participation": (pl.Float64, "volume against the usual one; 1 is twice as much"),
                "factor": (pl.Float64, "what VIX and stress make of the confidence"),
                "vix": (pl.Float64, "VIX, points; null when not known"),
                "is_final": (pl.Boolean, "whether it is of 09:25 New York or later"),
            }
        ),
        *_SAID,
        *_RECEIPT,
    ),
    key=("symbol", "timestamp"),
    order=("symbol", "timestamp"),
    rules=(
        _ID_FORM,
        _said_or_why("bias"),
        _known("bias", DIRECTIONS),
        _known("surge", SURGES),
        _within_one("confidence", "persistence", "participation"),
    ),
)

REGIME_WARNINGS = Table(
    name="regime_warnings",
    description="Whether a future's fall announces a bearish regime: a row for each five-minute "
    "bar of its front contract, computed from the bar and the row before.",
    columns=(
        _ID,
        Column("symbol", pl.String, False, "the future"),
        Column("contract", pl.String, False, "its front contract"),
        _DAY,
        Column("timestamp", UTC_TIME, False, "end of the bar, UTC"),
        *columns(
            {
                "log_return": (pl.Float64, "of the bar; null with a reason"),
                "z": (pl.Float64, "the return over its usual size; null with a reason"),
            }
        ),
        Column("drawdown", pl.Float64, False, "fall from the top of 48 bars, in usual moves"),
        Column("cusum", pl.Float64, False, "falls beyond half a usual size, added up; 0 to 16"),
        Column("level", pl.String, False, f"one of {', '.join(LEVELS)}"),
        Column("cooldown_bars", pl.Int64, False, "bars before a new warning may begin"),
        Column("is_escalation", pl.Boolean, False, "whether it is above the level before"),
        Column("reason", pl.String, True, "why z is null"),
        Column("state", pl.String, False, "JSON: all that the next bar needs"),
        *_RECEIPT,
    ),
    key=("symbol", "timestamp"),
    order=("symbol", "timestamp"),
    rules=(
        _ID_FORM,
        Rule(
            "null_has_a_reason",
            pl.col("z").is_null() == pl.col("reason").is_not_null(),
            "there is a z, or a reason why there is none",
        ),
        _known("level", LEVELS),
    ),
)

ENTRY_DECISIONS = Table(
    name="entry_decisions",
    description="What to do with each ETF at 09:25 New York and every 5 minutes of regular hours, "
    "why, and what became of every rule.",
    columns=(
        _ID,
        _ETF,
        _DAY,
        _AS_OF,
        Column("action", pl.String, False, "enter or hold"),
        *columns(
            {
                "rule": (pl.String, "the rule that decided; null on hold"),
                "direction": (pl.String, "bullish, bearish or neutral; null on hold"),
                "strategy_type": (pl.String, "name of the option structure; null on hold"),
                "legs": (pl.String, "JSON: side, right, delta and days to expiry of each option"),
                "urgency": (pl.String, "of the entry; null on hold"),
                "position_multiplier": (pl.Float64, "of the usual size; null on hold"),
                "contracts": (pl.Int64, "how many to trade; null on hold"),
                "confidence": (pl.Float64, "0 to 1, of the signal behind it; null on hold"),
            }
        ),
        Column("reason", pl.String, False, "why, as a sentence"),
        *columns(
            {
                "degraded": (pl.String, "inputs that were missing, by comma; null for none"),
                "errors": (pl.String, "rules that failed, by comma; null for none"),
                "shadow_rule": (pl.String, "first rule that only the evidence gate held back"),
                "shadow_direction": (pl.String, "its direction"),
            }
        ),
        Column("metadata", pl.String, False, "JSON: what the rules were told"),
        Column(
            "trace",
            pl.String,
            False,
            "JSON: for each rule its outcome, its conditions with value and distance, and a note",
        ),
        *_RECEIPT,
    ),
    key=("symbol", "timestamp"),
    order=("symbol", "timestamp"),
    rules=(
        _ID_FORM,
        _known("action", (ENTER, HOLD)),
        _known("direction", DIRECTIONS),
        Rule(
            "an_entry_is_whole",
            pl.all_horizontal(
                (pl.col("action") == ENTER) == pl.col(name).is_not_null()
                for name in ("rule", "direction", "strategy_type", "legs", "contracts")
            ),
            "an entry has a rule, a direction, a strategy, legs and contracts; a hold has none",
        ),
        _within_one("confidence"),
    ),
)

DECISION_TABLES = (FUTURES_SIGNALS, PREMARKET_SIGNALS, REGIME_WARNINGS, ENTRY_DECISIONS)
