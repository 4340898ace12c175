"""Calls and prices whose outcome is planted."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from futures_pipeline.decisions.scorecard.calls import CALL_SCHEMA
from futures_pipeline.decisions.scorecard.outcomes import OUTCOME_COLUMNS
from futures_pipeline.domain.sessions import new_york

DAY = date(2025, 1, 15)
BAR_SCHEMA = {
    "symbol": pl.String(),
    "ts_start": pl.Datetime("us", "UTC"),
    "ts_end": pl.Datetime("us", "UTC"),
    "open": pl.Float64(),
    "close": pl.Float64(),
}
GRADED_SCHEMA = {**CALL_SCHEMA, **OUTCOME_COLUMNS}


def bars(start: datetime, prices: Sequence[float], symbol: str = "SPY") -> pl.DataFrame:
    """One-minute bars from ``start`` on; bar n opens at price n and closes at price n + 1."""
    minute = timedelta(minutes=1)
    rows = [
        (symbol, start + n * minute, start + (n + 1) * minute, prices[n], prices[n + 1])
        for n in range(len(prices) - 1)
    ]
    return pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")


def call(timestamp: datetime, direction: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "symbol": "SPY",
        "source": "decision",
        "rule": "FuturesBullishEntry" if direction else None,
        "timestamp": timestamp,
        "direction": direction,
        "confidence": 0.7,
        "futures_direction": direction,
        **changed,
    }


def calls(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CALL_SCHEMA)


def graded(
    directions: Sequence[int], returns: Sequence[float | None], **columns: Sequence[Any]
) -> pl.DataFrame:
    """One call a day at the open, graded after half an hour; ``columns`` replace others."""
    rows = []
    for number, (direction, log_return) in enumerate(zip(directions, returns, strict=True)):
        at = new_york(DAY, 9, 30) + timedelta(days=number)
        extra = {name: values[number] for name, values in columns.items()}
        rows.append(
            call(at, direction)
            | {
                "horizon": "30m",
                "session_date": DAY + timedelta(days=number),
                "entry_at": at,
                "exit_at": at + timedelta(minutes=30),
                "log_return": log_return,
            }
            | extra
        )
    return pl.DataFrame(rows, schema=GRADED_SCHEMA)
