"""Each trade once and in order, whatever order they come in."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.binance import sequence as module
from futures_pipeline.collection.binance.messages import Trade
from futures_pipeline.collection.binance.sequence import Sequence

AT = datetime(2025, 1, 15, tzinfo=UTC)


def trades(*ids: int) -> list[Trade]:
    return [Trade("BTCUSDT", number, 1.0, 1.0, AT) for number in ids]


def ids(found: list[Trade]) -> list[int]:
    return [trade.id for trade in found]


def test_the_first_begins_and_the_next_follow() -> None:
    sequence = Sequence()

    assert ids(sequence.take(trades(7, 8))) == [7, 8]
    assert ids(sequence.take(trades(8, 9))) == [9]
    assert (sequence.delivered, sequence.repeated) == (3, 1)


def test_what_follows_a_gap_waits_for_it() -> None:
    sequence = Sequence()
    sequence.take(trades(1))

    assert sequence.take(trades(4, 6)) == []
    assert sequence.missing == range(2, 4)
    assert ids(sequence.take(trades(2, 3))) == [2, 3, 4]
    assert sequence.missing == range(5, 6)
    assert ids(sequence.take(trades(5))) == [5, 6]
    assert len(sequence.missing) == 0


def test_what_cannot_be_had_is_counted() -> None:
    sequence = Sequence()
    sequence.take(trades(1, 4, 5, 9))

    assert ids(sequence.skip()) == [4, 5]
    assert sequence.skipped == 2
    assert sequence.missing == range(6, 9)


def test_too_wide_a_gap_is_hopeless() -> None:
    sequence = Sequence()
    sequence.take(trades(1, 2 + module.MOST_REPAIRED))
    assert not sequence.is_hopeless

    wider = Sequence()
    wider.take(trades(1, 3 + module.MOST_REPAIRED))
    assert wider.is_hopeless


@given(st.permutations(list(range(2, 12))), st.lists(st.integers(1, 11)))
def test_any_order_with_repeats_gives_each_once_in_order(order: list[int], more: list[int]) -> None:
    sequence = Sequence()
    found = sequence.take(trades(1))
    for number in [*order, *more]:
        found += sequence.take(trades(number))

    assert ids(found) == list(range(1, 12))
    assert sequence.repeated == len(more)
