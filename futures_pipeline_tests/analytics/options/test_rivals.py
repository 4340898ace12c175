"""Our numbers against those that pandas and DuckDB compute from the same rows, formulas and all."""

from collections.abc import Callable

import polars as pl
import pytest

from futures_pipeline_tests.bench import options
from futures_pipeline_tests.bench.option_rivals import Numbers

ROUNDS = 4


def test_other_tools_find_the_same_numbers() -> None:
    assert len(options.COMPARED) == 29
    rivals = {"pandas": options.pandas_job, "duckdb": options.duckdb_job}
    options.compare(rivals, ROUNDS)


def test_a_rival_with_another_number_is_refused_by_its_name() -> None:
    def wrong(rows: pl.DataFrame) -> Callable[[], Numbers]:
        found = options.duckdb_job(rows)()
        found["QQQ"]["skew_25d"] *= 1 + 2e-6
        return lambda: found

    with pytest.raises(options.RivalDiffers, match="a tool: skew_25d of QQQ is"):
        options.compare({"a tool": wrong}, ROUNDS)
