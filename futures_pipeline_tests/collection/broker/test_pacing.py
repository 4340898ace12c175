"""The waits keep the broker's limits, are never longer than they must be, and come in turn."""

import asyncio
import doctest
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from futures_pipeline.collection.broker import pacing
from futures_pipeline.collection.broker.pacing import (
    IDENTICAL_HISTORY,
    NEW_REALTIME_BARS,
    OPEN_HISTORY,
    REFUSED_SECONDS,
    SAME_CONTRACT_HISTORY,
    SMALL_BAR_HISTORY,
    Demand,
    Gate,
    HistoryKey,
    Pacer,
    RateLimit,
    plan,
    wait_seconds,
)
from futures_pipeline.domain.clock import ReplayClock, start_clock

START = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)
FASTEST = 3600.0
ES = HistoryKey(1, "CME", "TRADES", "20250115-14:30:00", "1800 S")

limits = st.builds(
    RateLimit,
    requests=st.integers(1, 8),
    per_seconds=st.integers(1, 600).map(float),
)
# Sixteenths of a second add up exactly, so a test may compare them with ==.
moments = st.integers(0, 20_000).map(lambda sixteenths: sixteenths / 16)


class StandingClock:
    """A clock that moves only when it is told to; waits take no time."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def system_seconds(self, market_seconds: float) -> float:
        return market_seconds * 1e-6


def most_in_a_window(sent: Sequence[tuple[float, int]], seconds: float) -> int:
    """Count the obvious way: the heaviest window that starts at one of the requests."""
    return max(sum(w for at, w in sent if start <= at < start + seconds) for start, _ in sent)


def key(number: int, what: str = "TRADES") -> HistoryKey:
    """Return a request that is identical to no other and is for a contract of its own."""
    return HistoryKey(number, "CME", what, "", "1800 S")


# --- the arithmetic ------------------------------------------------------------------------


@given(limits, st.lists(st.tuples(moments, st.integers(1, 2)), min_size=1, max_size=40))
def test_requests_that_wait_never_exceed_the_limit(
    limit: RateLimit, wanted: list[tuple[float, int]]
) -> None:
    sent: list[tuple[float, int]] = []
    now = 0.0
    for at, weight in sorted(wanted):
        if weight > limit.requests:
            continue
        now = max(now, at)
        now += wait_seconds(limit, [t for t, w in sent for _ in range(w)], now, weight)
        sent.append((now, weight))

    assert not sent or most_in_a_window(sent, limit.per_seconds) <= limit.requests


@given(limits, st.lists(moments, max_size=20), moments)
def test_no_wait_is_longer_than_needed(limit: RateLimit, sent_at: list[float], now: float) -> None:
    """One sixteenth of a second earlier, the window would have been full."""
    sent_at = [at for at in sent_at if at <= now]

    wait = wait_seconds(limit, sent_at, now)

    if wait > 0.0:
        earlier = now + wait - 1 / 16
        counted = [at for at in sent_at if earlier - at < limit.per_seconds]
        assert len(counted) >= limit.requests


@given(limits, st.lists(moments, max_size=20), moments, st.randoms())
def test_the_order_of_what_was_sent_does_not_matter(
    limit: RateLimit, sent_at: list[float], now: float, chance: object
) -> None:
    shuffled = list(sent_at)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert wait_seconds(limit, shuffled, now) == wait_seconds(limit, sorted(sent_at), now)


@example(per_seconds=0.1, at=1_736_951_400.7)
@given(
    per_seconds=st.floats(0.01, 600.0),
    at=st.floats(1.7e9, 1.8e9),
)
def test_waiting_as_told_always_ends(per_seconds: float, at: float) -> None:
    """With real epoch seconds rounding may ask for one more tiny wait, never for ever."""
    limit, now = RateLimit(1, per_seconds), at

    for _ in range(3):
        now += wait_seconds(limit, [at], now)

    assert wait_seconds(limit, [at], now) == 0.0
    assert now == pytest.approx(at + per_seconds, abs=1e-6)


def test_the_sixth_request_of_a_contract_waits_for_the_first_to_be_two_seconds_old() -> None:
    sent_at = [100.0, 100.1, 100.2, 100.3, 100.4]

    assert wait_seconds(SAME_CONTRACT_HISTORY, sent_at[:4], 100.5) == 0.0
    assert wait_seconds(SAME_CONTRACT_HISTORY, sent_at, 100.5) == pytest.approx(1.5)


def test_a_request_that_counts_twice_needs_two_places() -> None:
    four = [100.0, 100.5, 101.0, 101.0]

    assert wait_seconds(SAME_CONTRACT_HISTORY, four, 101.0, weight=1) == 0.0
    assert wait_seconds(SAME_CONTRACT_HISTORY, four, 101.0, weight=2) == 1.0


def test_requests_of_one_moment_leave_the_window_together() -> None:
    assert wait_seconds(SAME_CONTRACT_HISTORY, [100.0] * 5, 100.0) == 2.0
    assert wait_seconds(SAME_CONTRACT_HISTORY, [100.0] * 5, 102.0) == 0.0


def test_a_request_that_can_never_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="never fits"):
        wait_seconds(IDENTICAL_HISTORY, [], 0.0, weight=2)


# --- the pacer -----------------------------------------------------------------------------


class Broker:
    """Notes when requests were in its hands, and how many at once."""

    def __init__(self, pacer: Pacer, clock: ReplayClock | StandingClock) -> None:
        self._pacer, self._clock = pacer, clock
        self.spans: list[tuple[HistoryKey, float, float]] = []
        self.open = self.most_open = 0

    async def answer(self, asked: HistoryKey, bar_seconds: int = 5) -> None:
        async with self._pacer.history(asked, bar_seconds):
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            arrived = self._clock.now().timestamp()
            await asyncio.sleep(0)
            self.spans.append((asked, arrived, self._clock.now().timestamp()))
            self.open -= 1


@pytest.fixture
def clock() -> ReplayClock:
    """Return a clock on which ten minutes pass in a sixth of a second."""
    return ReplayClock(START, time.time(), FASTEST)


async def test_sixty_small_bar_requests_in_ten_minutes_and_no_more(clock: ReplayClock) -> None:
    broker = Broker(Pacer(clock), clock)

    await asyncio.gather(*(broker.answer(key(number)) for number in range(130)))

    # A request may reach the broker at any moment of its span: take the worst of them.
    for _, start, _ in broker.spans:
        late = start + SMALL_BAR_HISTORY.per_seconds
        assert sum(a < late and e > start for _, a, e in broker.spans) <= 60
    assert [asked.con_id for asked, _, _ in broker.spans] == list(range(130))


async def test_bid_ask_requests_fill_the_window_twice_as_fast(clock: ReplayClock) -> None:
    broker = Broker(Pacer(clock), clock)

    await asyncio.gather(*(broker.answer(key(number, "BID_ASK")) for number in range(31)))

    first_end, last_start = broker.spans[0][2], broker.spans[-1][1]
    assert last_start - first_end >= SMALL_BAR_HISTORY.per_seconds
    assert broker.spans[29][1] - first_end < SMALL_BAR_HISTORY.per_seconds


async def test_identical_requests_are_fifteen_seconds_apart(clock: ReplayClock) -> None:
    broker = Broker(Pacer(clock), clock)

    await asyncio.gather(*(broker.answer(ES) for _ in range(3)))

    ends, starts = [e for _, _, e in broker.spans], [s for _, s, _ in broker.spans]
    assert starts[1] - ends[0] >= 15.0
    assert starts[2] - ends[1] >= 15.0


async def test_five_requests_of_a_contract_in_two_seconds_and_no_more() -> None:
    clock = StandingClock()
    broker = Broker(Pacer(clock), clock)
    of_one = [replace(ES, duration=f"{minutes * 60} S") for minutes in range(1, 7)]

    asked = [asyncio.create_task(broker.answer(one)) for one in of_one]

    assert await waits(asked[5])
    assert [one for one, _, _ in broker.spans] == of_one[:5]
    await broker.answer(replace(ES, what="BID"))  # of another tick type, so it need not wait
    clock.at += timedelta(seconds=2)
    await asyncio.wait_for(asked[5], 5)


async def test_an_identical_request_that_waits_holds_up_no_other(clock: ReplayClock) -> None:
    broker = Broker(Pacer(clock), clock)
    await broker.answer(ES)

    await asyncio.gather(broker.answer(ES), broker.answer(key(2)))

    assert [asked.con_id for asked, _, _ in broker.spans] == [1, 2, 1]


async def test_one_minute_bars_wait_for_nothing() -> None:
    """The clock stands still, so a wait of any length would never end."""
    clock = StandingClock()
    broker = Broker(Pacer(clock), clock)

    async with asyncio.timeout(5):
        await asyncio.gather(*(broker.answer(ES, bar_seconds=60) for _ in range(200)))

    assert len(broker.spans) == 200
    assert broker.most_open == OPEN_HISTORY


async def test_a_request_that_is_open_counts_for_as_long_as_it_is() -> None:
    """Nobody knows when it arrives, so the next one counts from its end."""
    clock = StandingClock()
    pacer = Pacer(clock)
    broker = Broker(pacer, clock)
    async with pacer.history(ES, 5):
        clock.at += timedelta(minutes=30)
        second = asyncio.create_task(broker.answer(ES))
        assert await waits(second)
    assert await waits(second)

    clock.at += timedelta(seconds=15)

    await asyncio.wait_for(second, 5)


async def test_a_refusal_holds_small_bars_back_for_the_longest_window() -> None:
    clock = StandingClock()
    pacer = Pacer(clock)
    broker = Broker(pacer, clock)

    pacer.refused(clock.now())

    small = asyncio.create_task(broker.answer(ES))
    await broker.answer(ES, bar_seconds=60)
    clock.at += timedelta(seconds=REFUSED_SECONDS - 1)
    assert await waits(small)
    clock.at += timedelta(seconds=1)
    await asyncio.wait_for(small, 5)


async def test_a_caller_that_gives_up_leaves_its_place_to_the_next() -> None:
    clock = StandingClock()
    pacer = Pacer(clock)
    broker = Broker(pacer, clock)
    await broker.answer(ES)
    first, second = (asyncio.create_task(broker.answer(ES)) for _ in range(2))
    assert await waits(first)

    first.cancel()
    clock.at += timedelta(seconds=15)

    await asyncio.wait_for(second, 5)
    assert len(broker.spans) == 2


async def test_a_caller_that_is_stopped_while_something_changes_stops() -> None:
    clock = start_clock(START, 1.0)
    gate = Gate(RateLimit(requests=1, per_seconds=15.0), clock)
    use = await gate.enter()
    gate.leave(use, clock.now().timestamp())
    waiting = asyncio.create_task(gate.enter())
    assert await waits(waiting)

    gate.leave(use, clock.now().timestamp())
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await waiting


async def test_a_reconnection_does_not_empty_the_window_of_real_time_bars() -> None:
    clock = StandingClock()
    pacer = Pacer(clock)
    for _ in range(NEW_REALTIME_BARS.requests):
        await pacer.new_realtime_bars()

    sixty_first = asyncio.create_task(pacer.new_realtime_bars())

    clock.at += timedelta(seconds=NEW_REALTIME_BARS.per_seconds + 1)
    assert await waits(sixty_first)  # the others may have been under way for a while
    sixty_first.cancel()
    clock.at += timedelta(days=40)  # a message is under way long on so fast a clock
    await asyncio.wait_for(pacer.new_realtime_bars(), 5)


async def test_tick_by_tick_waits_for_each_contract_alone() -> None:
    clock = StandingClock()
    pacer = Pacer(clock)
    await pacer.tick_by_tick(1)

    again = asyncio.create_task(pacer.tick_by_tick(1))
    await asyncio.wait_for(pacer.tick_by_tick(2), 5)

    assert await waits(again)
    again.cancel()


async def waits(task: "asyncio.Task[Any]") -> bool:
    """Return whether a task is still not done after many turns of the loop."""
    await asyncio.sleep(0.01)
    return not task.done()


# --- the plan ------------------------------------------------------------------------------


def test_the_doctests_hold() -> None:
    results = doctest.testmod(pacing)

    assert results.attempted > 0
    assert results.failed == 0


def test_the_default_universe_uses_a_seventh_of_the_lines() -> None:
    seven = plan(Demand(contracts=7, history_requests=77))

    assert str(seven).startswith("0 of 60 history slots, 14 of 100 lines, 7 of 60 new real-time")
    assert seven.fits
    assert seven.forced_seconds == 0.0
    assert seven.sending_seconds == pytest.approx(77 / 40)


@pytest.mark.parametrize(
    ("requests", "slots", "forced"),
    [(0, 0, 0.0), (31, 31, 0.0), (60, 60, 0.0), (61, 60, 600.0), (121, 60, 1200.0)],
)
def test_small_bars_use_slots_and_force_waits(requests: int, slots: int, forced: float) -> None:
    small = plan(Demand(contracts=1, history_requests=requests, bar_seconds=30))

    assert (small.history_slots, small.forced_seconds) == (slots, forced)


@pytest.mark.parametrize(
    "demand",
    [
        Demand(contracts=51, history_requests=0),
        Demand(contracts=3, history_requests=0, tick_by_tick=4),
    ],
)
def test_what_the_account_cannot_stream_does_not_fit(demand: Demand) -> None:
    assert not plan(demand).fits
