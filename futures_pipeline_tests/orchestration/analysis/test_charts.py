"""What the pictures of the analysis leave out: closed hours, cells without pairs, empty tables."""

import base64
import io
import re
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from PIL import Image

from futures_pipeline.domain.sessions import Segment
from futures_pipeline.orchestration.analysis import charts
from futures_pipeline.storage.tables import (
    CORRELATION_HEATMAP,
    CORRELATION_MATRIX,
    CORRELATIONS,
    LEAD_LAG,
    PREDICTIVE_VALUE,
    SPREADS,
    Table,
)
from futures_pipeline_tests.pair_lake import LATER


def pixels(chart: charts.Chart) -> np.ndarray:
    encoded = re.search(r"base64,(.*)\)", str(chart.value))
    picture = Image.open(io.BytesIO(base64.b64decode(encoded[1]))).convert("RGB")
    return np.asarray(picture).astype(int)


def shaped(table: Table, columns: dict[str, object]) -> pl.DataFrame:
    rows = pl.DataFrame(columns)
    names = [name for name in table.names if name in rows.columns]
    return rows.with_columns(pl.col(name).cast(table.schema[name]) for name in names)


def heatmap(correlation: list[float | None]) -> pl.DataFrame:
    cells = [*(f"{hour:02d}" for hour in range(24)), *map(str, Segment)]
    return shaped(
        CORRELATION_HEATMAP,
        {
            "pair": "ES-SPY",
            "timeframe_minutes": 1,
            "grouped_by": ["hour"] * 24 + ["segment"] * 4,
            "cell": cells,
            "sessions": 20,
            "correlation": correlation,
        },
    )


def test_masked_cells_are_grey_and_known_ones_are_not() -> None:
    """Half of the cells are known; the picture's plain grey, without the letters', halves too."""
    masked = pixels(charts.heatmap_chart(heatmap([None] * 28)))
    half = pixels(charts.heatmap_chart(heatmap([0.9, None] * 14)))
    grey = [int(((image == 224).all(axis=2)).sum()) for image in (masked, half)]
    assert grey[0] > 20_000
    assert 0.4 < grey[1] / grey[0] < 0.6


def test_no_line_is_drawn_over_closed_hours() -> None:
    at = [LATER + timedelta(minutes=m) for m in (*range(60), *range(540, 600))]
    rows = shaped(
        CORRELATIONS,
        {
            **{"pair": "ES-SPY", "timeframe_minutes": 1, "window": 60, "at": at},
            **{"correlation": 0.9, "low": 0.8, "high": 0.95},
        },
    )
    image = pixels(charts.rolling_chart(rows))
    blue = (image[:, :, 2] - image[:, :, 0]) > 60
    middle = slice(image.shape[1] * 2 // 5, image.shape[1] * 3 // 5)
    assert blue.sum() > 50
    assert not blue[:, middle].any()


@pytest.mark.parametrize(
    ("draw", "table"),
    [
        (charts.rolling_chart, CORRELATIONS),
        (charts.spread_chart, SPREADS),
        (charts.matrix_chart, CORRELATION_MATRIX),
        (charts.heatmap_chart, CORRELATION_HEATMAP),
        (charts.profile_chart, LEAD_LAG),
        (charts.value_chart, PREDICTIVE_VALUE),
    ],
)
def test_a_table_without_rows_has_no_picture(
    draw: Callable[[pl.DataFrame], charts.Chart], table: Table
) -> None:
    assert draw(pl.DataFrame(schema=table.schema)) is None
