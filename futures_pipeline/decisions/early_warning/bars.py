"""A session's bars through the state machine: one row a bar, and the state to carry on."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from futures_pipeline.decisions.early_warning.machine import (
    Bar,
    WarningState,
    after_bar,
    encoded,
)
from futures_pipeline.decisions.early_warning.scales import BarScales, slot

WARNING_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "session_date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
    "log_return": pl.Float64(),
    "z": pl.Float64(),
    "drawdown": pl.Float64(),
    "cusum": pl.Float64(),
    "level": pl.String(),
    "cooldown_bars": pl.Int64(),
    "is_escalation": pl.Boolean(),
    "reason": pl.String(),
    "state": pl.String(),
}


class Warned(NamedTuple):
    """Rows of ``WARNING_SCHEMA``, ascending by time, and the state after the last bar."""

    rows: pl.DataFrame
    state: WarningState


def regime_warnings(
    bars: pl.DataFrame, scales: BarScales, state: WarningState | None = None
) -> Warned:
    """Return the warning after each five-minute bar of one future's front contract.

    Args:
        bars: of one symbol and session and not yet judged: ``symbol``, ``contract``,
            ``session_date``, ``at`` (bar end, UTC, unique), ``log_return`` (null where
            unknown). At least one row unless ``state`` is given.
        scales: of that session.
        state: after the bar before; None for the first there is.

    ``timestamp`` is the end of the bar. ``state`` of a row is all that the next bar needs, so
    any row can be computed again from the one before it. A bar without return or scale keeps
    the level and has a ``reason``.
    """
    judged = _with_z(bars, scales)
    current = state or WarningState(judged["contract"].item(0))
    rows: list[dict[str, Any]] = []
    for bar in judged.iter_rows(named=True):
        earlier, current = current, after_bar(current, Bar(bar["contract"], bar["z"]))
        rows.append(
            bar
            | {
                "drawdown": current.drawdown,
                "cusum": current.cusum,
                "level": current.level.value,
                "cooldown_bars": current.cooldown_bars,
                "is_escalation": current.level.severity > earlier.level.severity,
                "state": encoded(current),
            }
        )
    return Warned(pl.DataFrame(rows, schema=WARNING_SCHEMA), current)


def _with_z(bars: pl.DataFrame, scales: BarScales) -> pl.DataFrame:
    """Return the bars with their return over its usual size, and why that is unknown."""
    sizes = pl.DataFrame(
        {"slot": range(len(scales.sizes)), "size": scales.sizes},
        schema={"slot": pl.Int32(), "size": pl.Float64()},
    ).with_columns(pl.col("size").fill_nan(None))
    why = pl.lit(scales.reason or "time_of_day_not_seen_before")
    return (
        bars.with_columns(slot(pl.col("at")).alias("slot"))
        .join(sizes, on="slot", how="left")
        .with_columns(z=pl.col("log_return") / pl.col("size"), timestamp=pl.col("at"))
        .with_columns(
            reason=pl.when(pl.col("log_return").is_null())
            .then(pl.lit("no_return"))
            .when(pl.col("size").is_null())
            .then(why)
        )
        .sort("timestamp")
    )
