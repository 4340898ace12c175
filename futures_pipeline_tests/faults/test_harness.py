"""The judges of the faults judged: planted errors are found, nothing else is."""

import doctest
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.simulator.faults.every import FAULTS
from futures_pipeline_tests.faults import day, vitals
from futures_pipeline_tests.faults.cases import CASES
from futures_pipeline_tests.faults.matrix import case_windows
from futures_pipeline_tests.faults.play import Played
from futures_pipeline_tests.faults.rolled import foreign_changes
from futures_pipeline_tests.faults.strikes import WEIGHTS, strikes
from futures_pipeline_tests.faults.truth import Truth, difference
from futures_pipeline_tests.faults.verdict import longest_gap_seconds
from futures_pipeline_tests.faults.vitals import Sample, second_half, slope

NEAR = datetime(2025, 3, 14, 15, tzinfo=UTC)
FRIDAY, MONDAY = date(2025, 3, 14), date(2025, 3, 17)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(3, ("ES", "SPY", "VIX"), NEAR)


@pytest.mark.parametrize("module", [day, vitals])
def test_doctests(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type] # a module


def test_the_truth_has_every_open_minute_of_the_contracts_due(truth: Truth) -> None:
    """Globex 23 hours; the ETF 04:00-20:00, of which 17:00-20:00 is the next session's."""
    due = truth.minutes(FRIDAY).filter("is_due").group_by("contract").len()

    expected = {"ESH5": 1380, "ESM5": 1380, "SPY": 960, "VIX": 390}
    assert dict(due.iter_rows()) == expected
    assert {listing.local_symbol for listing in truth.due(MONDAY)} == {"ESM5", "SPY", "VIX"}


def test_what_equals_the_market_does_not_differ(truth: Truth) -> None:
    minutes = truth.minutes(FRIDAY)

    assert difference(minutes.sample(fraction=1.0, shuffle=True, seed=1), minutes).is_nothing


def test_each_kind_of_difference_is_found(truth: Truth) -> None:
    minutes = truth.minutes(FRIDAY)
    es = minutes.filter(pl.col("contract") == "ESH5")
    moved = es.with_columns(
        volume=pl.when(pl.col("ts_start") == es["ts_start"][5])
        .then(pl.col("volume") + 1)
        .otherwise("volume")
    )
    foreign = es[:1].with_columns(contract=pl.lit("ESZ9"))
    stored = pl.concat([moved[1:], moved[9:10], foreign])

    found = difference(stored, es)

    assert found.missing["ts_start"].to_list() == [es["ts_start"][0]]
    assert found.changed["ts_start"].to_list() == [es["ts_start"][5]]
    assert found.twice["ts_start"].to_list() == [es["ts_start"][9]]
    assert found.invented["contract"].to_list() == ["ESZ9"]


def test_what_need_not_be_there_is_not_missed(truth: Truth) -> None:
    """The index's minutes from 16:00 to 16:15 may be collected, and are not due."""
    minutes = truth.minutes(FRIDAY)
    late = minutes.filter(~pl.col("is_due"))

    assert set(late["contract"]) == {"VIX"}
    assert late.height == 15
    assert difference(minutes.filter("is_due"), minutes).is_nothing


def test_a_revision_of_history_is_accepted_only_as_such(truth: Truth) -> None:
    es = truth.minutes(FRIDAY).filter(pl.col("contract") == "ESH5")[:1]
    revised = es.with_columns(
        close=pl.col("close") + 2.0,
        high=pl.max_horizontal("high", pl.col("close") + 2.0),
        volume=pl.col("volume") + 1,
    )

    assert difference(revised, es, revised_points=2.0).is_nothing
    assert difference(revised, es).changed.height == 1
    assert difference(revised, es, revised_points=3.0).changed.height == 1


def test_the_longest_gap_counts_open_time_only(truth: Truth) -> None:
    """SPY rests from 20:00 New York on Friday to 04:00 on Monday: that is no gap."""
    seen = [datetime(2025, 3, 14, 23, 58, tzinfo=UTC), datetime(2025, 3, 17, 8, 3, tzinfo=UTC)]
    rows = pl.DataFrame(
        {"symbol": ["SPY", "SPY"], "timestamp": pl.Series(seen, dtype=pl.Datetime("us", "UTC"))}
    )

    gap = longest_gap_seconds(rows, "SPY", (seen[0] - MINUTE, seen[1] + MINUTE), truth.calendar)

    assert gap == 5 * 60


@given(seed=st.integers(0, 10_000), count=st.integers(1, 200))
def test_strikes_are_as_many_as_asked_in_time_and_known(seed: int, count: int) -> None:
    start, end = NEAR, NEAR + timedelta(hours=23)

    drawn = strikes(seed, count, (start, end), ("ES", "SPY"))

    assert len(drawn) == count
    assert drawn == strikes(seed, count, (start, end), ("ES", "SPY"))
    assert [it.at for it in drawn] == sorted(it.at for it in drawn)
    assert all(start <= it.at <= end for it in drawn)
    assert all(set(it.parameters) <= set(FAULTS[it.name].parameters) for it in drawn)


def test_every_fault_but_one_is_drawn() -> None:
    assert set(FAULTS) - set(WEIGHTS) == {"revised_history"}


def test_growth_is_measured_over_the_second_half() -> None:
    """Memory rises while everything is loaded, then by a megabyte every ten seconds."""
    samples = [Sample(float(s), 200.0 + 5 * min(s, 50) + 0.1 * s, 12, 8) for s in range(101)]

    assert slope(second_half(samples)) == pytest.approx(0.1)
    assert slope(samples) > 1.0


def test_minutes_between_two_cases_belong_to_the_first() -> None:
    """So a minute that is lost after a case was whole still has an owner."""
    first, second = (
        Played(CASES[0], start, start + MINUTE, start + MINUTE, start + MINUTE, seq, "", ())
        for start, seq in ((NEAR, 10), (NEAR + 5 * MINUTE, 20))
    )

    windows = case_windows([first, second])

    assert [(it.start, it.end) for it in windows] == [
        (NEAR - MINUTE, NEAR + 4 * MINUTE),
        (NEAR + 4 * MINUTE, NEAR + 7 * MINUTE),
    ]
    assert (windows[0].first_seq, windows[0].last_seq, windows[1].first_seq) == (10, 20, 20)


def test_changes_across_contracts_are_found(truth: Truth) -> None:
    """The next contract stands a carry of three months, about 50 points, above the old one."""
    anchor = datetime(2025, 3, 14, 19, 59, tzinfo=UTC)
    at_close = truth.minutes(FRIDAY).filter(pl.col("ts_start") == anchor)
    own, old = (at_close.filter(contract=name)["close"][0] for name in ("ESM5", "ESH5"))
    rows = truth.minutes(MONDAY).filter(contract="ESM5").rename({"ts_start": "timestamp"})

    right = rows.with_columns(change_daily=pl.col("close") - own)
    mixed = right.with_columns(
        change_daily=pl.when(pl.int_range(pl.len()) < 30)
        .then(pl.col("close") - old)
        .otherwise("change_daily")
    )

    assert foreign_changes(right.drop("close"), "ESM5", truth, MONDAY) == []
    assert foreign_changes(mixed.drop("close"), "ESM5", truth, MONDAY) == [
        "ESM5: 30 daily changes are not from its own price"
    ]
