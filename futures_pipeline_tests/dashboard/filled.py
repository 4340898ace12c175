"""A small lake in which every page has something to show, some of it hostile."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from futures_pipeline.alerting.conditions import Condition, Severity
from futures_pipeline.alerting.outbox import Outbox
from futures_pipeline_tests.pair_lake import fill, planted_bars, regular_days
from futures_pipeline_tests.stored import store

DAYS = regular_days(8)
DAY = DAYS[-1]
CLOSE = datetime(DAY.year, DAY.month, DAY.day, 21, tzinfo=UTC)
CHANGED = CLOSE - timedelta(minutes=1)
LIVE, STALE = CLOSE, CLOSE + timedelta(hours=19)
CLOSED = datetime(2025, 1, 18, 12, tzinfo=UTC)  # a Saturday
EXPIRY = date(2025, 2, 21)
# A page that runs, loads or follows any of this is broken.
MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
LINK = "![x](http://evil.example/x.png) [y](http://evil.example) =cmd|'/c calc'!A1"
HOSTILE = f"{MARKUP} {LINK}"


def standing_clock(at: datetime) -> str:
    """Return the text of a clock that stands at a time: it is anchored in 2096."""
    return f"{at.isoformat()}@4000000000.0*1"


def one_snapshot(data: Path) -> Path:
    """Store one quote and nothing else."""
    store(data, "futures_snapshots", [quote("ES", "ESH5", 5_900.25)])
    return data


def quote(symbol: str, contract: str, price: float) -> dict[str, object]:
    """Return a live quote at the close."""
    return {
        "symbol": symbol,
        "contract": contract,
        "expiry": date(2025, 3, 21) if contract != symbol else None,
        "session_date": DAY,
        "timestamp": CLOSE,
        "bid": price - 0.25,
        "ask": price + 0.25,
        "last": price,
        "volume": 1_000.0,
        "data_type": "live",
        "received_at": CLOSE,
        "ingested_at": CLOSE,
        "spool_seq": 1,
    }


def every_page(data: Path) -> Path:
    """Store something for each page."""
    fill(data, planted_bars(1, 0, DAYS))
    store(data, "futures_snapshots", [quote("ES", "ESH5", 5_900.25)])
    store(data, "spot_snapshots", [quote("SPY", "SPY", 588.10)])
    changes = {"change_1h": 2.5, "change_4h": -8.25, "change_overnight": 0.0}
    of_es = {"symbol": "ES", "contract": "ESH5", "session_date": DAY, "timestamp": CHANGED}
    store(data, "change_metrics", [{**of_es, **changes, "reason_daily": "no_price"}])
    _options(data)
    _decisions(data)
    _verdicts(data)
    _health(data)
    _alerts(data)
    return data


def _options(data: Path) -> None:
    chain = [
        {
            **{"symbol": "SPY", "expiry": EXPIRY, "strike": strike, "right": right},
            **{"contract": f"SPY {right}{strike:.0f}", "session_date": DAY, "round_at": CLOSE},
            **{"timestamp": CLOSE, "iv": 0.15 + (588 - strike) / 2_000, "delta": 0.5},
            **{"underlying_price": 588.1, "data_type": "live", "greeks": "model"},
        }
        for strike in (578.0, 588.0, 598.0)
        for right in ("C", "P")
    ]
    store(data, "option_snapshots", chain)
    counts = {"asked": 6, "answered": 6, "with_quote": 6, "with_greeks": 6}
    of_round = {"symbol": "SPY", "round_at": CLOSE, "session_date": DAY, "ended": "complete"}
    store(data, "option_rounds", [{**of_round, **counts}])
    numbers = [
        {"symbol": "SPY", "session_date": day, "date": day, "regime": "range_bound",
         "iv_rank_60d": 40.0 + i, "iv_atm_30d": 0.15, "skew_25d": 0.05}
        for i, day in enumerate(DAYS)
    ]  # fmt: skip
    store(data, "derived_statistics", numbers)
    regime = {"outlook": "bullish", "outlook_score": 0.4, "derived_regime": "range_bound"}
    store(data, "market_regimes", [{"symbol": "SPY", "session_date": DAY, **regime}])


def _decisions(data: Path) -> None:
    as_of = {"symbol": "SPY", "session_date": DAY, "timestamp": CLOSE, "receipt": "{}"}
    said = {"sentiment": "bullish", "signal": "buy", "confidence": 0.75, "reasoning": HOSTILE}
    store(data, "futures_signals", [{**as_of, "id": "a" * 16, **said}])
    night = {"bias": "bearish", "surge": "mild", "confidence": 0.61, "is_final": True}
    store(data, "premarket_signals", [{**as_of, "id": "b" * 16, **night}])
    bar = {**as_of, "symbol": "ES", "contract": "ESH5", "drawdown": 2.6, "cusum": 8.1}
    store(data, "regime_warnings", [{**bar, "id": "c" * 16, "level": "warning"}])
    entry = {
        "action": "enter", "rule": "FuturesBullishEntry", "direction": "bullish",
        "strategy_type": "vertical_spread", "position_multiplier": 1.1, "reason": HOSTILE,
        "trace": json.dumps([_rule("FuturesBullishEntry", True), _rule("NeverEntry", False)]),
    }  # fmt: skip
    store(data, "entry_decisions", [{**as_of, "id": "d" * 16, **entry}])
    score = {"slice": "all", "n": 12, "win_rate": 0.5, "base_rate": 0.55, "sentence": "not yet"}
    graded = {"symbol": "SPY", "session_date": DAY, "source": "decision", "horizon": "close"}
    store(data, "scorecard", [{**graded, **score}])


def _rule(name: str, holds: bool) -> Mapping[str, object]:
    check = {"condition": "confidence > 0.5", "value": 0.75 if holds else 0.46, "holds": holds,
             "distance": 0.0 if holds else 0.04}  # fmt: skip
    outcome = "chosen" if holds else "not_matched"
    return {"rule": name, "priority": 1, "outcome": outcome, "note": None, "conditions": [check]}


def _verdicts(data: Path) -> None:
    pair = {"session_date": DAY, "pair": "ES-SPY", "futures_symbol": "ES", "spot_symbol": "SPY"}
    verdict = {"verdict": "NO_DETECTABLE_LEAD", "sentence": "ES-SPY: no lead longer than 0.7 s",
               "resolution_seconds": 0.7, "sessions": 8}  # fmt: skip
    store(data, "lead_lag_verdicts", [{**pair, **verdict}])
    store(data, "predictive_value", [{**pair, "horizon_minutes": 15, "sentence": "not useful"}])
    leads = [
        {**pair, "lead_minutes": lead, "correlation": 1.0 if lead == 0 else 0.01 * lead,
         "low": -0.1, "high": 0.1, "placebo_low": -0.05, "placebo_high": 0.05,
         "is_significant": False}
        for lead in range(-5, 6)
    ]  # fmt: skip
    store(data, "lead_lag", leads)
    cell = {"row_symbol": "ES", "column_symbol": "SPY", "correlation": 0.98, "pairs": 300}
    store(data, "correlation_matrix", [{"session_date": DAY, "timeframe_minutes": 1, **cell}])
    episode = {"started_at": CLOSE - timedelta(hours=1), "ended_at": CLOSE, "severity": "major",
               "minimum": -0.1, "meaning": "data_fault"}  # fmt: skip
    store(data, "divergences", [{**pair, **episode}])


def _health(data: Path) -> None:
    minutes = {"expected_minutes": 390, "received_minutes": 380, "unexplained_minutes": 10,
               "share": 380 / 390, "largest_gap_minutes": 10}  # fmt: skip
    of_bars = {"symbol": "ES", "contract": "ESH5", "stream": "bars"}
    store(data, "coverage", [{**of_bars, "session_date": day, **minutes} for day in DAYS])
    gap = {"starts_at": CLOSE - timedelta(minutes=20), "minutes": 10, "cause": "unknown",
           "says": HOSTILE, "is_explained": False, "session_date": DAY}  # fmt: skip
    store(data, "coverage_gaps", [{**of_bars, **gap}])
    event = {"symbol": "*", "contract": "*", "session_date": DAY, "event": "connection_lost",
             "starts_at": gap["starts_at"], "ends_at": CLOSE, "text": HOSTILE}  # fmt: skip
    store(data, "gateway_events", [event])


def _alerts(data: Path) -> None:
    outbox = Outbox(data)
    wrong = Condition("check x", Severity.ERROR, f"title {MARKUP}", HOSTILE)
    outbox.update([wrong], ["target"], CLOSE)
