"""What a person is told of coverage: the check's verdict and the strip chart."""

from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.analytics.coverage import GAP_SCHEMA
from futures_pipeline.domain.causes import Cause
from futures_pipeline.orchestration.coverage.report import strip_chart, unexplained_result
from futures_pipeline_tests.orchestration.conftest import MINUTE, NOW, WEDNESDAY


def verdict(minutes: int, ago: timedelta, cause: str = "unknown") -> dg.AssetCheckResult:
    """Return the check of a whole ES session with one gap that began some time before now."""
    subject = {"session_date": WEDNESDAY, "contract": "ESH5", "stream": "bars"}
    streams = pl.DataFrame([{**subject, "expected_minutes": 23 * 60}])
    span = {"starts_at": NOW - ago, "ends_at": NOW - ago + MINUTE * minutes, "minutes": minutes}
    is_explained = Cause(cause).is_explained
    gap = {**subject, **span, "symbol": "ES", "cause": cause, "is_explained": is_explained}
    gaps = pl.DataFrame([{**gap, "says": cause}]).select(
        pl.col(name).cast(kind) for name, kind in GAP_SCHEMA.items()
    )
    return unexplained_result(streams, gaps, [WEDNESDAY], NOW)


@pytest.mark.parametrize(
    ("minutes", "severity"),
    [(69, dg.AssetCheckSeverity.WARN), (70, dg.AssetCheckSeverity.ERROR)],
)
def test_more_than_five_percent_of_a_stream_is_an_error(
    minutes: int, severity: dg.AssetCheckSeverity
) -> None:
    found = verdict(minutes, timedelta(hours=9))
    assert (found.passed, found.severity) == (False, severity)


@pytest.mark.parametrize(
    ("ago", "cause", "passed"),
    [
        pytest.param(70, "unknown", False, id="an hour old"),
        pytest.param(69, "unknown", True, id="history may still fill it"),
        pytest.param(69, "stream_silent", False, id="a silent stream"),
        pytest.param(69, "history_failed", False, id="history has failed"),
        pytest.param(70, "farm_broken", True, id="explained"),
    ],
)
def test_what_no_event_explains_counts_an_hour_after_it(ago: int, cause: str, passed: bool) -> None:
    assert verdict(10, timedelta(minutes=ago), cause).passed is passed


@pytest.fixture
def noisy() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Twenty streams of a session that each miss every third minute."""
    opens, closes = NOW - timedelta(hours=23), NOW
    names = [(f"C{number}", kind) for number in range(10) for kind in ("bars", "snapshots")]
    expected = pl.DataFrame(
        [(name, kind, opens, closes) for name, kind in names],
        schema=["contract", "stream", "opens_at", "closes_at"],
        orient="row",
    )
    streams = expected.select("contract", "stream", judged_until="closes_at")
    gaps = pl.DataFrame(
        [
            (name, kind, opens + MINUTE * start, opens + MINUTE * (start + 1), start % 2 == 0)
            for name, kind in names
            for start in range(0, 23 * 60, 3)
        ],
        schema=["contract", "stream", "starts_at", "ends_at", "is_explained"],
        orient="row",
    )
    return expected, streams, gaps


def test_the_chart_is_small_however_many_gaps(
    noisy: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame],
) -> None:
    chart = strip_chart(*noisy)
    assert chart is not None
    assert len(str(chart.value)) < 50_000


def test_nothing_judged_yet_has_no_chart(
    noisy: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame],
) -> None:
    expected, streams, gaps = noisy
    none = streams.with_columns(judged_until=pl.lit(None, pl.Datetime("us", "UTC")))
    assert strip_chart(expected, none, gaps) is None
