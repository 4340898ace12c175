"""States that need several readings in a row to change, so that noise does not flip them."""

from collections.abc import Sequence

import polars as pl

READINGS = 3


def latch(on: pl.Expr, off: pl.Expr, by: Sequence[str]) -> pl.Expr:
    """Return whether the last event was ``on``; false before any.

    ``on`` and ``off`` never hold together; null is neither. Each group of ``by`` begins anew.
    """
    event = pl.when(on).then(pl.lit(True)).when(off).then(pl.lit(False))
    return event.forward_fill().over(by).fill_null(False)


def in_a_row(condition: pl.Expr, by: Sequence[str], readings: int = READINGS) -> pl.Expr:
    """Return whether a condition has held for the last ``readings`` rows of its group."""
    held = [condition.fill_null(False).shift(back).over(by) for back in range(readings)]
    return pl.all_horizontal(*held).fill_null(False)
