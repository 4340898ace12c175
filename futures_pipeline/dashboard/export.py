"""CSV that a spreadsheet can open safely: units in the heads, no cell that is a formula."""

import json
from collections.abc import Mapping

import polars as pl

# Source: OWASP, CSV injection. A cell that begins so would be computed.
FORMULA = "^[=+\\-@\t\r]"
UNITS: Mapping[str, str] = {
    **dict.fromkeys(("bid", "ask", "last", "price", "open", "high", "low_price"), "price units"),
    **dict.fromkeys(("price_futures", "price_spot"), "price units"),
    **dict.fromkeys(
        ("change_1h", "change_4h", "change_overnight", "change_daily", "basis", "fair_basis"),
        "points",
    ),
    **dict.fromkeys(
        (
            "return_1h",
            "return_4h",
            "return_overnight",
            "return_daily",
            "return_futures",
            "return_spot",
            "momentum",
            "share",
            "implied_vol",
            "iv",
            "volatility_20d",
            "iv_atm_30d",
            "iv_atm_90d",
            "directional_accuracy",
            "base_rate",
        ),
        "fraction",
    ),
    **dict.fromkeys(("volume", "open_interest"), "contracts or shares"),
    **dict.fromkeys(("net_edge_bp", "cost_bp", "gross_edge_bp"), "basis points"),
    **dict.fromkeys(("lead_seconds", "resolution_seconds"), "seconds"),
    **dict.fromkeys(
        (
            "lead_minutes",
            "timeframe_minutes",
            "minutes",
            "duration_minutes",
            "horizon_minutes",
            "expected_minutes",
            "received_minutes",
        ),
        "minutes",
    ),
    **dict.fromkeys(("correlation", "low", "high"), "-1 to 1"),
    **dict.fromkeys(("iv_rank_30d", "iv_rank_60d", "iv_rank_90d", "iv_percentile_1y"), "0 to 100"),
    "z": "standard deviations",
}


def head(name: str, kind: pl.DataType) -> str:
    """Return a column's head with its unit.

    >>> head("change_1h", pl.Float64()), head("at", pl.Datetime("us", "UTC"))
    ('change_1h [points]', 'at [UTC]')
    """
    if isinstance(kind, pl.Datetime):
        return f"{name} [UTC]"
    unit = UNITS.get(name)
    return name if unit is None else f"{name} [{unit}]"


def as_csv(rows: pl.DataFrame) -> bytes:
    """Return rows as CSV: ISO times in UTC, nothing for null, an apostrophe before formulas.

    Lists and structures become their JSON text. Numbers stay numbers, negative ones too.
    """
    nested = [name for name, kind in rows.schema.items() if kind.is_nested()]
    flat = rows.with_columns(
        pl.Series(
            name,
            [None if v is None else json.dumps(v, default=str) for v in rows[name].to_list()],
            pl.String,
        )
        for name in nested
    )
    text = pl.col(pl.String)
    safe = flat.with_columns(
        pl.when(text.str.contains(FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep(),
        pl.col(pl.Datetime("us", "UTC")).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"),
    )
    heads = {name: head(name, kind) for name, kind in rows.schema.items()}
    return safe.rename(heads).write_csv().encode("utf-8-sig")
