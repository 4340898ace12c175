"""CSV that a spreadsheet can open safely: units in the heads, no cell that is a formula."""

import json
from collections.abc import Mapping

import polars as pl

from futures_pipeline.dashboard.units import UNITS, UNITS_OF_BARS

# Source: OWASP, CSV injection. A cell that begins so would be computed.
FORMULA = "^[=+\\-@\t\r]"


def head(name: str, kind: pl.DataType, units: Mapping[str, str] = UNITS) -> str:
    """Return a column's head with its unit.

    >>> head("change_1h", pl.Float64()), head("at", pl.Datetime("us", "UTC"))
    ('change_1h [points]', 'at [UTC]')
    """
    if isinstance(kind, pl.Datetime):
        return f"{name} [UTC]"
    unit = units.get(name)
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
    units = UNITS_OF_BARS if "open" in rows.schema else UNITS
    heads = {name: head(name, kind, units) for name, kind in rows.schema.items()}
    return safe.rename(heads).write_csv().encode("utf-8-sig")
