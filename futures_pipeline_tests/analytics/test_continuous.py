"""Prices joined across rolls, by hand. Source: QUANT_SPEC 2; times are New York unless UTC."""

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from futures_pipeline.analytics.continuous import (
    CONTINUOUS_SCHEMA,
    OHLC,
    ROLL_SCHEMA,
    Method,
    continuous,
    roll_table,
)
from futures_pipeline.analytics.rolls import front_month_schedule, session_volumes
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.contracts import FuturesContract, volume_rule
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.sessions import new_york
from futures_pipeline_tests.analytics.frames import MINUTE, stored_bars

CALENDAR = load_calendar(date(2024, 1, 1), date(2025, 12, 31))
EXPIRIES = {
    "ESZ4": date(2024, 12, 20),
    "ESH5": date(2025, 3, 21),
    "ESM5": date(2025, 6, 20),
    "ESU5": date(2025, 9, 19),
}
LISTED = [FuturesContract(expiry, "ES", name, 1) for name, expiry in EXPIRIES.items()]
FRIDAY, MONDAY, TUESDAY = date(2025, 3, 14), date(2025, 3, 17), date(2025, 3, 18)
ANCHOR = new_york(FRIDAY, 16)  # of the roll to ESM5
METHODS: Sequence[Method] = ("ratio", "difference", "none")


def bars(*closes: tuple[str, datetime, float], **values: Any) -> pl.DataFrame:
    return stored_bars(CALENDAR, *closes, **values)


def joined(rows: pl.DataFrame, method: Method = "ratio", **options: Any) -> pl.DataFrame:
    return continuous(rows, front_month_schedule(rows, LISTED, **options), CALENDAR, method)


# The specification's roll: 4780.50 and 4832.25 at Friday's NYSE close.
ROLL_BARS = bars(
    ("ESH5", ANCHOR - timedelta(hours=1), 4770.0),
    ("ESH5", ANCHOR, 4780.50),
    ("ESM5", ANCHOR, 4832.25),
    ("ESM5", new_york(FRIDAY, 17), 4840.00),
    ("ESM5", new_york(date(2025, 3, 16), 18, 1), 4850.00),
    ("ESM5", new_york(MONDAY, 9, 30), 4860.00),
)
RATIO, POINTS = 4832.25 / 4780.50, 51.75


def test_the_roll_of_the_specification() -> None:
    schedule = front_month_schedule(ROLL_BARS, LISTED)
    (roll,) = roll_table(ROLL_BARS, schedule, CALENDAR).to_dicts()
    assert roll == {
        "symbol": "ES",
        "session_date": MONDAY,
        "old_contract": "ESH5",
        "new_contract": "ESM5",
        "anchor_at": ANCHOR,
        "old_price": 4780.50,
        "new_price": 4832.25,
        "ratio": pytest.approx(1.0108252, abs=5e-8),
        "difference_points": 51.75,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("method", "older"),
    [
        ("ratio", [4770.0 * RATIO, 4832.25]),
        ("difference", [4821.75, 4832.25]),
        ("none", [4770.0, 4780.50]),
    ],
)
def test_older_prices_are_joined_and_the_newest_stay(method: Method, older: list[float]) -> None:
    series = joined(ROLL_BARS, method)
    assert dict(series.schema) == dict(CONTINUOUS_SCHEMA)
    assert series["contract"].to_list() == ["ESH5", "ESH5", "ESM5", "ESM5"]
    assert series["close"].to_list() == [4770.0, 4780.50, 4850.0, 4860.0]
    assert series["adjusted_close"].to_list() == pytest.approx([*older, 4850.0, 4860.0], rel=1e-12)
    assert series["is_roll"].to_list() == [False, False, True, False]
    assert series["factor_ratio"].to_list() == [RATIO, RATIO, 1.0, 1.0]
    assert series["factor_points"].to_list() == [POINTS, POINTS, 0.0, 0.0]
    assert series["factor_reason"].null_count() == 4


def test_all_four_prices_of_a_bar_are_joined() -> None:
    first = joined(ROLL_BARS, "difference").row(0, named=True)
    assert [first[f"adjusted_{price}"] for price in OHLC] == [4821.75, 4823.75, 4820.75, 4821.75]


def test_returns_are_of_one_contract_also_at_the_roll() -> None:
    """The first bar of ESM5 is measured from its own Friday 17:00, not from ESH5."""
    returns = joined(ROLL_BARS)["log_return"].to_list()
    assert returns[0] is None
    assert returns[1:] == pytest.approx(
        [math.log(4780.50 / 4770.0), math.log(4850.0 / 4840.0), math.log(4860.0 / 4850.0)]
    )


@pytest.mark.parametrize("minutes", [0, 15, 16])
def test_a_price_of_the_anchor_is_at_most_fifteen_minutes_old(minutes: int) -> None:
    rows = bars(
        ("ESH5", ANCHOR, 5600.0),
        ("ESM5", ANCHOR - minutes * MINUTE, 5650.0),
        ("ESM5", ANCHOR + MINUTE, 9999.0),
        ("ESM5", new_york(MONDAY, 9, 30), 5660.0),
    )
    roll = roll_table(rows, front_month_schedule(rows, LISTED), CALENDAR).row(0, named=True)
    assert roll["new_price"] == (5650.0 if minutes <= 15 else None)


@pytest.mark.parametrize(
    ("dropped", "reason"),
    [
        ({"ESH5"}, "no_old_price_at_anchor"),
        ({"ESM5"}, "no_new_price_at_anchor"),
        ({"ESH5", "ESM5"}, "no_price_at_anchor"),
    ],
)
def test_without_a_price_at_the_anchor_older_prices_are_unknown(
    dropped: set[str], reason: str
) -> None:
    """Never a silent factor of one: the series ends at the roll, and says why."""
    at_anchor = (pl.col("ts_end") == ANCHOR) & pl.col("contract").is_in(list(dropped))
    rows = ROLL_BARS.filter(~at_anchor)
    for method in METHODS:
        series = joined(rows, method)
        old, new = series.filter(contract="ESH5"), series.filter(contract="ESM5")
        assert old.height
        assert set(old["factor_reason"]) == {reason}
        assert old["factor_ratio"].null_count() == old["factor_points"].null_count() == old.height
        unknown = 0 if method == "none" else old.height
        assert old["adjusted_close"].null_count() == unknown
        assert new["adjusted_close"].to_list() == new["close"].to_list()
        assert set(new["factor_reason"]) == {None}


def test_factors_of_several_rolls_multiply_and_add_up() -> None:
    rows = bars(
        ("ESZ4", new_york(date(2024, 12, 13), 16), 6000.0),
        ("ESH5", new_york(date(2024, 12, 13), 16), 6060.0),
        ("ESH5", ANCHOR, 5600.0),
        ("ESM5", ANCHOR, 5656.0),
        ("ESM5", new_york(TUESDAY, 12), 5700.0),
    )
    factors = joined(rows).select("contract", "factor_ratio", "factor_points").rows()
    assert factors == [
        ("ESZ4", pytest.approx(1.01 * 1.01), 116.0),
        ("ESH5", pytest.approx(1.01), 56.0),
        ("ESM5", 1.0, 0.0),
    ]
    broken = joined(rows.filter(~((pl.col("contract") == "ESH5") & (pl.col("close") == 6060.0))))
    assert broken["factor_reason"].to_list() == ["no_new_price_at_anchor", None, None]


def test_a_contract_kept_until_expiry_is_joined_at_its_last_nyse_close() -> None:
    """Trading in ESH5 ends on Friday the 21st at 09:30: Thursday's close is the last common."""
    thursday = new_york(date(2025, 3, 20), 16)
    rows = bars(
        ("ESH5", thursday, 5600.0),
        ("ESM5", thursday, 5650.0),
        ("ESH5", new_york(date(2025, 3, 21), 9, 30), 5610.0),
        ("ESM5", new_york(date(2025, 3, 21), 16), 5670.0),
        ("ESM5", new_york(date(2025, 3, 24), 12), 5680.0),
    )
    schedule = front_month_schedule(rows, LISTED, overrides={"ES": "ESH5"})
    (roll,) = roll_table(rows, schedule, CALENDAR).to_dicts()
    assert (roll["session_date"], roll["anchor_at"]) == (date(2025, 3, 22), thursday)
    assert roll["difference_points"] == 50.0


def test_a_roll_by_volume_is_joined_at_the_close_before_it() -> None:
    tuesday = new_york(date(2025, 3, 11), 16)
    rows = bars(
        ("ESH5", tuesday, 5600.0), ("ESM5", tuesday, 5640.0), ("ESM5", tuesday + MINUTE, 5641.0),
        ("ESH5", new_york(date(2025, 3, 12), 12), 5610.0),
        ("ESM5", new_york(date(2025, 3, 12), 12), 5650.0),
    )  # fmt: skip
    rule = volume_rule(CALENDAR.globex, session_volumes(rows))
    series = joined(rows, rule=rule)
    assert series["contract"].to_list() == ["ESH5", "ESM5"]
    assert series["factor_points"].to_list() == [40.0, 0.0]


def test_bars_that_are_not_live_are_left_out() -> None:
    """A delayed bar of the anchor's minute must not set the factor, nor stand in the series."""
    at = new_york(MONDAY, 9, 31)
    planted = [
        bars(("ESM5", at, 1.0), source="realtime", data_type="delayed"),
        bars(("ESM5", ANCHOR - MINUTE, 1.0), source="realtime", data_type="frozen"),
        bars(("ESM5", at + MINUTE, 1.0), source="realtime", data_type=None),
    ]
    live = bars(("ESM5", at + 2 * MINUTE, 4865.0), source="realtime", data_type="live")
    series = joined(pl.concat([ROLL_BARS, *planted, live]))
    assert series.equals(joined(pl.concat([ROLL_BARS, live])))
    delayed = bars(("ESH5", ANCHOR, 1.0), source="realtime", data_type="delayed")
    rows = pl.concat([ROLL_BARS.filter(pl.col("close") != 4780.50), delayed])
    roll = roll_table(rows, front_month_schedule(rows, LISTED), CALENDAR).row(0, named=True)
    assert (roll["old_price"], roll["reason"]) == (None, "no_old_price_at_anchor")
    assert series["log_return"].to_list()[-1] == pytest.approx(math.log(4865.0 / 4860.0))


def test_another_method_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'panama' is not allowed; it must be ratio"):
        joined(ROLL_BARS, "panama")  # type: ignore[arg-type]


def test_nothing_in_nothing_out() -> None:
    series = joined(bars())
    rolls = roll_table(bars(), front_month_schedule(bars(), LISTED), CALENDAR)
    assert series.is_empty()
    assert rolls.is_empty()
    assert dict(series.schema) == dict(CONTINUOUS_SCHEMA)
    assert dict(rolls.schema) == dict(ROLL_SCHEMA)


@settings(deadline=None)
@given(st.lists(st.integers(16_000, 24_000), min_size=12, max_size=12))
def test_ratio_keeps_returns_and_difference_keeps_points(ticks: list[int]) -> None:
    """Within each contract, and the newest contract's own prices, whatever the prices are."""
    moments = [ANCHOR - timedelta(hours=1), ANCHOR - MINUTE, ANCHOR]
    moments += [new_york(MONDAY, hour) for hour in (10, 11, 12)]
    closes = [
        (contract, at, 0.25 * tick)
        for (contract, at), tick in zip(
            ((contract, at) for contract in ("ESH5", "ESM5") for at in moments), ticks, strict=True
        )
    ]
    rows = bars(*closes)
    by_ratio, by_points = joined(rows), joined(rows, "difference")
    close, adjusted = pl.col("close"), pl.col("adjusted_close")
    for series, change in ((by_ratio, pl.Expr.log), (by_points, pl.Expr.abs)):
        raw = series.select(change(close).diff().over("contract")).to_series()
        kept = series.select(change(adjusted).diff().over("contract")).to_series()
        assert_series_equal(kept, raw, check_names=False, rel_tol=0, abs_tol=1e-11)
        newest = series.filter(contract="ESM5")
        assert newest["adjusted_close"].to_list() == newest["close"].to_list()
    anchored = by_ratio.filter(ts_end=ANCHOR)["adjusted_close"].item()
    assert anchored == pytest.approx(rows.filter(contract="ESM5", ts_end=ANCHOR)["close"].item())
