"""What futures add: decisions they confirmed or not, and decisions with and without them."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from futures_pipeline.decisions.scorecard.rates import Difference, Rate, difference, rate
from futures_pipeline.decisions.scorecard.score import apart, directional, wins

GROUP = ("symbol", "horizon")

CONFIRMATION_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "horizon": pl.String(),
    "n": pl.Int64(),
    "confirmation_rate": pl.Float64(),
    "confirmation_rate_low": pl.Float64(),
    "confirmation_rate_high": pl.Float64(),
    "n_confirmed": pl.Int64(),
    "win_rate_confirmed": pl.Float64(),
    "n_unconfirmed": pl.Int64(),
    "win_rate_unconfirmed": pl.Float64(),
    "difference": pl.Float64(),
    "difference_low": pl.Float64(),
    "difference_high": pl.Float64(),
}
COMPARISON_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "horizon": pl.String(),
    "moments": pl.Int64(),
    "differing": pl.Int64(),
    "n_with": pl.Int64(),
    "win_rate_with": pl.Float64(),
    "n_without": pl.Int64(),
    "win_rate_without": pl.Float64(),
    "difference": pl.Float64(),
    "difference_low": pl.Float64(),
    "difference_high": pl.Float64(),
}


def confirmation(graded: pl.DataFrame) -> pl.DataFrame:
    """Return ``CONFIRMATION_SCHEMA``: how often futures agreed, and what that was worth.

    Args:
        graded: rows of ``outcomes`` of decisions. A decision counts where it has a direction
            and there was a futures signal; a neutral signal does not confirm.

    ``difference``: win rate when confirmed less when not, with Newcombe's 95 % interval.
    """
    rows = []
    known = directional(graded).filter(pl.col("futures_direction").is_not_null())
    for (symbol, horizon), group in known.group_by(*GROUP, maintain_order=True):
        calls = apart(group)
        agrees = calls["futures_direction"] == calls["direction"]
        confirmed, other = wins(calls.filter(agrees)), wins(calls.filter(~agrees))
        share = rate(confirmed.n, calls.height)
        rows.append(
            {
                "symbol": symbol,
                "horizon": horizon,
                "n": calls.height,
                "confirmation_rate": share.value,
                "confirmation_rate_low": share.low,
                "confirmation_rate_high": share.high,
                "n_confirmed": confirmed.n,
                "win_rate_confirmed": confirmed.value,
                "n_unconfirmed": other.n,
                "win_rate_unconfirmed": other.value,
                **_columns(difference(confirmed, other)),
            }
        )
    return pl.DataFrame(rows, schema=CONFIRMATION_SCHEMA).sort(*GROUP)


def with_and_without(with_futures: pl.DataFrame, without: pl.DataFrame) -> pl.DataFrame:
    """Return ``COMPARISON_SCHEMA``: the same moments decided with futures and without.

    Args:
        with_futures: rows of ``outcomes`` of decisions made with futures (the gate off).
        without: the same of the decisions made without, at the same moments.

    ``differing``: graded moments at which the two have other directions. The interval of the
    difference takes the two sets of calls as independent; where most moments agree they are
    not, and it is too wide.
    """
    key = ["symbol", "horizon", "timestamp"]
    pairs = (
        with_futures.join(without.select(*key, "direction"), on=key, suffix="_without")
        .filter(pl.col("log_return").is_not_null())
        .sort(key)
    )
    rows = []
    for (symbol, horizon), group in pairs.group_by(*GROUP, maintain_order=True):
        first = _wins(group, "direction")
        second = _wins(group, "direction_without")
        differs = group["direction"] != group["direction_without"]
        rows.append(
            {
                "symbol": symbol,
                "horizon": horizon,
                "moments": group.height,
                "differing": int(differs.sum()),
                "n_with": first.n,
                "win_rate_with": first.value,
                "n_without": second.n,
                "win_rate_without": second.value,
                **_columns(difference(first, second)),
            }
        )
    return pl.DataFrame(rows, schema=COMPARISON_SCHEMA).sort(*GROUP)


def _wins(group: pl.DataFrame, column: str) -> Rate:
    calls = directional(group.with_columns(pl.col(column).alias("direction")))
    return wins(apart(calls))


def _columns(found: Difference) -> dict[str, Any]:
    return {
        "difference": found.value,
        "difference_low": found.low,
        "difference_high": found.high,
    }
