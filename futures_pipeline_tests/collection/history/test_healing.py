"""What the ledger lacks is asked of history once, and not while somebody asks already."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from futures_pipeline.collection.history.healing import repairs
from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.history.ledger import MOST_ASKED, Span
from futures_pipeline.collection.history.plan import REPAIR, REPAIR_PRIORITY
from futures_pipeline.storage.spool import NewRequest, Spool
from futures_pipeline_tests.collection.builders import (
    CALENDAR,
    StandingClock,
    bars_of,
    listed,
    minutes_from,
    new_york_time,
    session_on,
)

ES, SPY, VIX = listed("ES"), listed("SPY"), listed("VIX")
TODAY, YESTERDAY = session_on(2025, 1, 15), session_on(2025, 1, 14)
NOW = new_york_time(2025, 1, 15, 10, 1, 3)  # every minute before 10:00 is due
DUE = new_york_time(2025, 1, 15, 10)


@pytest.fixture
def keeper(spool: Spool) -> Keeper:
    return Keeper(spool, CALENDAR, StandingClock(NOW))


def windows(requests: list[NewRequest]) -> list[tuple[str, datetime, datetime]]:
    """Return (contract, from, to) of requests."""
    return [
        (
            request.parameters["contract"],
            datetime.fromisoformat(request.parameters["from"]),
            datetime.fromisoformat(request.parameters["to"]),
        )
        for request in requests
    ]


def fill(keeper: Keeper, *holes: Span) -> None:
    """Let ES have every minute of today that is due but those in ``holes``."""
    count = (DUE - TODAY.opens_at) // timedelta(minutes=1)
    starts = minutes_from(TODAY.opens_at, count)
    whole = [it for it in starts if not any(a <= it < b for a, b in holes)]
    keeper.keep([], bars_of(ES, whole))


def minutes(hour: int, minute: int, count: int) -> Span:
    """Return a span of today by New York time."""
    start = new_york_time(2025, 1, 15, hour, minute)
    return start, start + timedelta(minutes=count)


def test_a_request_asks_for_the_missing_span_before_the_back_fill(keeper: Keeper) -> None:
    hole = minutes(9, 30, 4)
    fill(keeper, hole)

    (request,) = repairs(keeper, [(ES, TODAY)], 0)

    assert windows([request]) == [("ESH5", *hole)]
    assert (request.kind, request.symbol, request.priority) == (REPAIR, "ES", REPAIR_PRIORITY)
    assert request.identity is None
    assert request.parameters["end"] == hole[1].isoformat()
    assert request.parameters["duration"] == "240 S"


def test_nothing_is_asked_when_nothing_is_missing(keeper: Keeper) -> None:
    fill(keeper)

    assert repairs(keeper, [(ES, TODAY)], 0) == []


def test_holes_of_one_session_are_one_request(keeper: Keeper) -> None:
    first, last = minutes(3, 0, 2), minutes(9, 55, 5)
    fill(keeper, first, last)

    assert windows(repairs(keeper, [(ES, TODAY)], 0)) == [("ESH5", first[0], last[1])]


def test_each_contract_and_session_is_asked_for_by_itself(keeper: Keeper) -> None:
    asked = repairs(keeper, [(ES, YESTERDAY), (ES, TODAY), (VIX, TODAY)], 0)

    assert windows(asked) == [
        ("ESH5", YESTERDAY.opens_at, YESTERDAY.closes_at),
        ("ESH5", TODAY.opens_at, DUE),
        ("VIX", new_york_time(2025, 1, 15, 9, 30), DUE),
    ]


@pytest.mark.parametrize(
    ("status", "asked"),
    [("pending", 0), ("running", 0), ("dead", 0), ("failed", 1), ("done", 1)],
)
@pytest.mark.parametrize("kind", ["repair", "backfill"])
def test_a_window_is_asked_again_only_when_the_last_request_may_be_repeated(
    keeper: Keeper, kind: str, status: str, asked: int
) -> None:
    hole = minutes(9, 30, 4)
    fill(keeper, hole)
    (request,) = repairs(keeper, [(ES, TODAY)], 0)
    keeper.spool.enqueue([NewRequest(kind, "ES", 1, request.parameters)], NOW)
    if status != "pending":
        (claimed,) = keeper.spool.claim([kind], 1, NOW)
        if status == "done":
            keeper.spool.finish([claimed.id], [], NOW)
        elif status != "running":
            keeper.spool.put_back(claimed.id, status, ("it", "failed"), (NOW, NOW))

    assert len(repairs(keeper, [(ES, TODAY)], 0)) == asked


def test_another_contract_s_request_takes_nothing(keeper: Keeper) -> None:
    hole = minutes(9, 30, 4)
    fill(keeper, hole)
    (request,) = repairs(keeper, [(ES, TODAY)], 0)
    other = {**request.parameters, "contract": "ESM5"}
    keeper.spool.enqueue([NewRequest(REPAIR, "ES", 1, other)], NOW)

    assert len(repairs(keeper, [(ES, TODAY)], 0)) == 1


def test_what_history_has_not_is_asked_three_times_ever_more_rarely(keeper: Keeper) -> None:
    hole = minutes(9, 30, 4)
    fill(keeper, hole)
    asked_in = []
    for cycle in range(30):
        for _ in repairs(keeper, [(ES, TODAY)], cycle):
            asked_in.append(cycle)
            keeper.answered(ES, hole)

    assert len(asked_in) == MOST_ASKED
    gaps = [later - earlier for earlier, later in pairwise(asked_in)]
    assert gaps == sorted(gaps)
    assert gaps[0] > 1


def test_a_restart_asks_again_only_for_what_is_still_missing(keeper: Keeper) -> None:
    hole = minutes(9, 30, 4)
    fill(keeper, hole)
    restarted = Keeper(keeper.spool, CALENDAR, StandingClock(NOW))

    assert windows(repairs(restarted, [(ES, TODAY)], 0)) == [("ESH5", *hole)]


def test_a_minute_that_may_still_come_by_stream_is_not_asked_for(keeper: Keeper) -> None:
    fill(keeper, (DUE, DUE + timedelta(minutes=2)))

    assert repairs(keeper, [(ES, TODAY)], 0) == []


def test_an_etf_s_night_without_market_is_no_missing_minute(keeper: Keeper) -> None:
    evening = minutes_from(TODAY.opens_at, 120)
    morning = minutes_from(new_york_time(2025, 1, 15, 4), 360)
    keeper.keep([], bars_of(SPY, [*evening, *morning]))

    assert repairs(keeper, [(SPY, TODAY)], 0) == []
