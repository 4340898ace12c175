"""Gaps of one outage are one line, the worst first."""

import doctest
from datetime import UTC, date, datetime, timedelta

import polars as pl

from futures_pipeline.analytics import gap_summary
from futures_pipeline.analytics.coverage import GAP_SCHEMA
from futures_pipeline.analytics.gap_summary import outages

DAY = date(2025, 1, 15)
AT = datetime(2025, 1, 15, 14, 0, tzinfo=UTC)


def gap(
    contract: str, stream: str, start: int, minutes: int, *, explained: bool = True
) -> tuple[object, ...]:
    """Return a gap that starts some minutes after 14:00 UTC."""
    begin = AT + timedelta(minutes=start)
    cause = "connection_lost" if explained else "unknown"
    span = (begin, begin + timedelta(minutes=minutes), minutes)
    return (DAY, contract[:2], contract, stream, *span, cause, cause, explained)


def summed(*gaps: tuple[object, ...]) -> list[tuple[int, list[str], list[str], int]]:
    found = outages(pl.DataFrame(list(gaps), schema=GAP_SCHEMA, orient="row"))
    return found.select("minutes", "contracts", "streams", "lost_minutes").rows()


def test_gaps_with_one_span_and_cause_are_one_outage() -> None:
    assert summed(
        gap("NQH5", "bars", 0, 3),
        gap("ESH5", "bars", 0, 3),
        gap("ESH5", "snapshots", 0, 3),
        gap("ESH5", "bars", 10, 3),
    ) == [
        (3, ["ESH5", "NQH5"], ["bars", "snapshots"], 9),
        (3, ["ESH5"], ["bars"], 3),
    ]


def test_what_nothing_explains_comes_first_then_the_longest() -> None:
    found = summed(
        gap("ESH5", "bars", 0, 5),
        gap("ESH5", "bars", 9, 50),
        gap("ESH5", "bars", 99, 1, explained=False),
    )
    assert [row[0] for row in found] == [1, 50, 5]


def test_no_gaps_make_no_outage() -> None:
    assert summed() == []


def test_doctests() -> None:
    found = doctest.testmod(gap_summary)
    assert found.attempted
    assert not found.failed
