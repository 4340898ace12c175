"""What may stand in ``change_metrics``: a number or a known reason, and live prices only."""

from typing import Any

import polars as pl
import pytest

from futures_pipeline.storage.schemas import failure_cases
from futures_pipeline.storage.tables import CHANGE_METRICS
from futures_pipeline_tests.storage.rows import AT, SESSION

HORIZONS = ("1h", "4h", "overnight", "daily")


def change(reason: str | None, **values: Any) -> dict[str, Any]:
    """Return a row of which every change is null for one reason; without one it is 2 points."""
    row: dict[str, Any] = dict.fromkeys(CHANGE_METRICS.names)
    row |= {"symbol": "ES", "contract": "ESH5", "session_date": SESSION, "timestamp": AT}
    row |= {"anchor_at": AT, "elapsed_hours": 1.0}
    row |= {"spans_closure_1h": False, "spans_closure_4h": False}
    row |= {f"reason_{horizon}": reason for horizon in HORIZONS}
    row |= {f"change_{horizon}": None if reason else 2.0 for horizon in HORIZONS}
    return row | values


def broken(row: dict[str, Any]) -> set[str]:
    rows = pl.DataFrame([row], schema=CHANGE_METRICS.schema)
    return set(failure_cases(rows, CHANGE_METRICS)["check"])


@pytest.mark.parametrize(
    "row",
    [
        change(None, price=5900.0, price_source="last"),
        change("not_live"),
        change("no_price"),
        change("stale_observation", price=5900.0, price_source="mid"),
        change("no_observation_before", price=5900.0, price_source="bar_close"),
    ],
)
def test_numbers_and_known_reasons_are_good(row: dict[str, Any]) -> None:
    assert broken(row) == set()


@pytest.mark.parametrize("horizon", HORIZONS)
def test_an_invented_reason_is_found(horizon: str) -> None:
    row = change("no_price", **{f"reason_{horizon}": "who_knows"})
    assert broken(row) == {f"reason_known_{horizon}"}


def test_a_price_that_is_not_live_is_found() -> None:
    assert broken(change("not_live", price=5900.0)) == {"not_live_has_no_price"}
