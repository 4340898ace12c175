"""Five-second bars become a minute only when all twelve are there."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.streaming.bars import Bar, MinuteBuilder, aggregate

MINUTE = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)


def five_seconds(index: int, price: float = 100.0, volume: float = 2.0) -> Bar:
    """Return the bar that starts ``index`` times five seconds into the minute."""
    at = MINUTE + timedelta(seconds=5 * index)
    return Bar(at, price, price + 1, price - 1, price + 0.5, volume, price, 3)


def test_minute_has_the_first_open_the_extremes_and_the_last_close() -> None:
    parts = [five_seconds(index, price=100.0 + index) for index in range(12)]

    minute = aggregate(reversed(parts), MINUTE)

    assert (minute.open, minute.high, minute.low, minute.close) == (100.0, 112.0, 99.0, 111.5)
    assert (minute.volume, minute.trade_count) == (24.0, 36)
    assert minute.wap == pytest.approx(105.5)


def test_volume_weighs_the_average_price() -> None:
    minute = aggregate([five_seconds(0, 100.0, 1.0), five_seconds(1, 200.0, 3.0)], MINUTE)

    assert minute.wap == pytest.approx(175.0)


def test_a_minute_without_trades_has_no_average_price() -> None:
    assert aggregate([five_seconds(0, volume=0.0)], MINUTE).wap is None


@given(st.permutations(range(12)), st.integers(0, 11))
def test_order_and_repeats_do_not_matter(order: list[int], repeated: int) -> None:
    builder = MinuteBuilder()
    bars = [five_seconds(index, 100.0 + index) for index in [*order[:6], repeated, *order[6:]]]

    completed = [minute for bar in bars if (minute := builder.add(bar)) is not None]

    expected = aggregate([five_seconds(index, 100.0 + index) for index in range(12)], MINUTE)
    assert completed == [expected]


@given(st.integers(0, 11))
def test_a_minute_that_lacks_a_bar_is_never_completed(missing: int) -> None:
    builder = MinuteBuilder()
    bars = [five_seconds(index) for index in range(24) if index != missing]

    completed = [minute for bar in bars if (minute := builder.add(bar)) is not None]

    assert [minute.starts_at for minute in completed] == [MINUTE + timedelta(minutes=1)]


def test_a_late_bar_does_not_open_its_minute_again() -> None:
    builder = MinuteBuilder()
    for index in range(12):
        builder.add(five_seconds(index))

    assert [builder.add(five_seconds(index, 999.0)) for index in range(12)] == [None] * 12
