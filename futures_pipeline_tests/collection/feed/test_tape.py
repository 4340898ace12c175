"""What waits for a listener: bounded, merged without losing an extreme, of the front month."""

from datetime import timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.feed.doors import Asked
from futures_pipeline.collection.feed.tape import Listener, Tape
from futures_pipeline.collection.feed.updates import (
    BarUpdate,
    HistoryUpdate,
    Origin,
    QuoteUpdate,
    TradeUpdate,
    Update,
)
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline_tests.collection.feed.conftest import AT, BTC, trade

MINUTE = timedelta(minutes=1)
AT_MS = 1_736_952_000_000
prices = st.floats(1.0, 100_000.0)
heard = st.lists(st.tuples(prices, st.floats(0.001, 50.0)), min_size=1, max_size=40)


def minutes(contract: str, first: int, count: int) -> pl.DataFrame:
    """Return bars of ES: minute ``n`` after ``AT`` closes at 100 + n."""
    rows = [
        ("ES", contract, AT + n * MINUTE, 99.0, 500.0, 98.0, 100.0 + n, 7.0)
        for n in range(first, first + count)
    ]
    names = ["symbol", "contract", "ts_start", "open", "high", "low", "close", "volume"]
    return pl.DataFrame(rows, schema=names, orient="row")


def listening(tape: Tape, *symbols: str, minutes: int = 1440) -> Listener:
    """Return a listener that has taken its history."""
    listener = tape.listen(Asked(symbols, minutes))
    listener.take()
    return listener


def history(updates: list[Update]) -> HistoryUpdate:
    (found,) = [it for it in updates if isinstance(it, HistoryUpdate)]
    return found


@given(heard, st.sets(st.integers(0, 40)))
def test_merging_loses_no_extreme_no_volume_and_no_trade(
    trades: list[tuple[float, float]], taken_after: set[int]
) -> None:
    """However often what waits is taken in between."""
    tape = Tape([UNIVERSE[BTC]])
    listener = listening(tape, BTC)
    found: list[Update] = []
    for number, (price, volume) in enumerate(trades):
        tape.tell(trade(price, volume))
        if number in taken_after:
            found += listener.take()
    found += listener.take()

    parts = [it for it in found if isinstance(it, TradeUpdate)]
    assert sum(it.count for it in parts) == len(trades)
    assert max(it.high for it in parts) == max(price for price, _ in trades)
    assert min(it.low for it in parts) == min(price for price, _ in trades)
    assert parts[-1].price == trades[-1][0]
    volume = sum(it.volume or 0.0 for it in parts)
    assert abs(volume - sum(size for _, size in trades)) < 1e-6


def test_a_volume_that_is_not_known_makes_the_sum_unknown() -> None:
    tape = Tape([UNIVERSE[BTC]])
    listener = listening(tape, BTC)
    for volume in (2.0, None):
        tape.tell(trade(100.0, volume))

    (only,) = listener.take()
    assert isinstance(only, TradeUpdate)
    assert only.volume is None


def test_what_waits_is_bounded_however_much_happens(tape: Tape) -> None:
    tape.lead({"ES": "ESH5"})
    listener = listening(tape, "ES", BTC)
    for number in range(10_000):
        tape.tell(trade(float(number + 1)))
        origin = Origin.heard("ES", "ESH5", AT)
        tape.tell(QuoteUpdate(origin, 1.0, 2.0, 3.0, 4.0))

    assert len(listener.take()) == 2
    assert listener.take() == []


def test_only_the_front_month_of_a_symbol_that_was_asked_for_is_told(tape: Tape) -> None:
    tape.lead({"ES": "ESH5"})
    listener = listening(tape, "ES")
    for contract in ("ESM5", "ESH5"):
        origin = Origin.heard("ES", contract, AT)
        tape.tell(QuoteUpdate(origin, 1.0, 2.0, None, None))
    tape.tell(trade(5.0))

    (only,) = listener.take()
    assert isinstance(only, QuoteUpdate)
    assert only.origin.contract == "ESH5"


def test_history_begins_with_the_newest_minutes_asked_for(tape: Tape) -> None:
    tape.lead({"ES": "ESH5"})
    tape.keep_bars(minutes("ESH5", 0, 3000))
    found = history(tape.listen(Asked(["ES"], 2)).take())

    last = AT_MS + 2999 * 60_000
    assert found.bars == [
        (last - 60_000, 99.0, 500.0, 98.0, 3098.0, 7.0),
        (last, 99.0, 500.0, 98.0, 3099.0, 7.0),
    ]
    assert len(history(tape.listen(Asked(["ES"], 1440)).take()).bars) == 1440
    assert history(tape.listen(Asked(["ES"], 0)).take()).bars == []


def test_one_more_minute_is_a_bar_and_a_repair_is_all_of_history(tape: Tape) -> None:
    tape.lead({"ES": "ESH5"})
    tape.keep_bars(pl.concat([minutes("ESH5", 0, 3), minutes("ESH5", 4, 2)]))
    listener = listening(tape, "ES")

    tape.keep_bars(minutes("ESH5", 6, 1))
    assert listener.take() == [
        BarUpdate("ES", "ESH5", (AT_MS + 360_000, 99.0, 500.0, 98.0, 106.0, 7.0))
    ]
    tape.keep_bars(minutes("ESH5", 3, 1))
    assert [bar[4] for bar in history(listener.take()).bars] == [100.0 + n for n in range(7)]


def test_a_roll_is_a_new_history(tape: Tape) -> None:
    tape.keep_bars(minutes("ESH5", 0, 2))
    tape.keep_bars(minutes("ESM5", 1, 2))
    listener = tape.listen(Asked(["ES"], 1440))
    assert history(listener.take()).contract is None  # nobody has told who leads

    tape.lead({"ES": "ESH5"})
    assert history(listener.take()).contract == "ESH5"
    tape.lead({"ES": "ESM5"})
    rolled = history(listener.take())
    assert (rolled.contract, [bar[0] for bar in rolled.bars]) == (
        "ESM5",
        [AT_MS + 60_000, AT_MS + 120_000],
    )
    tape.lead({"ES": "ESM5"})
    assert listener.take() == []


def test_who_has_left_is_told_nothing(tape: Tape) -> None:
    listener = listening(tape, BTC)
    tape.forget(listener)
    tape.tell(trade(1.0))

    assert listener.take() == []
