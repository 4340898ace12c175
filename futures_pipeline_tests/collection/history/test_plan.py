"""The back-fill plan: which days of which contract are asked for, once."""

from datetime import UTC, date, datetime, timedelta

from futures_pipeline.collection.history.plan import (
    BACKFILL,
    BACKFILL_PRIORITY,
    REPAIR,
    Universe,
    history_plan,
    is_over,
    repair_request,
)
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.contracts import FuturesContract
from futures_pipeline.domain.instruments import select_instruments
from futures_pipeline.domain.sessions import NEW_YORK

NOW = datetime(2025, 1, 15, 15, 30, tzinfo=NEW_YORK).astimezone(UTC)
ES = [
    FuturesContract(date(2024, 12, 20), "ES", "ESZ4", 1),
    FuturesContract(date(2025, 3, 21), "ES", "ESH5", 2),
    FuturesContract(date(2025, 6, 20), "ES", "ESM5", 3),
]


def universe(*symbols: str) -> Universe:
    """Return the universe of these symbols with three ES contracts."""
    return Universe(select_instruments(symbols), {"ES": ES}, {}, calendar_for(NOW))


def kept(symbols: tuple[str, ...], now: datetime, sessions: int) -> list[tuple[str, str, str]]:
    """Return (contract, from, to) of the plan, oldest first."""
    plan = history_plan(universe(*symbols), now, sessions)
    return [(r.parameters["contract"], r.parameters["from"], r.parameters["to"]) for r in plan][
        ::-1
    ]


def test_futures_are_asked_by_session_with_the_front_month_of_each() -> None:
    at_the_roll = datetime(2024, 12, 17, 12, tzinfo=NEW_YORK).astimezone(UTC)

    plan = kept(("ES",), at_the_roll, 1)

    # The 16th is the Monday of expiry week, so the front month is already ESH5. What a
    # broker may have of the closure before a session belongs to it.
    assert plan == [
        ("ESH5", "2024-12-13T22:00:00+00:00", "2024-12-16T22:00:00+00:00"),
        ("ESH5", "2024-12-16T22:00:00+00:00", "2024-12-17T22:00:00+00:00"),
    ]


def test_front_and_next_are_asked_in_the_overlap() -> None:
    before_the_roll = datetime(2024, 12, 12, 12, tzinfo=NEW_YORK).astimezone(UTC)

    contracts = {contract for contract, _, _ in kept(("ES",), before_the_roll, 0)}

    assert contracts == {"ESZ4", "ESH5"}


def test_etf_evenings_are_asked_for_the_next_session() -> None:
    plan = kept(("SPY",), NOW, 1)

    # Sessions 14 and 15 January: from the close of the 13th at 17:00, in NYSE days.
    assert plan == [
        ("SPY", "2025-01-13T22:00:00+00:00", "2025-01-14T01:00:00+00:00"),
        ("SPY", "2025-01-14T01:00:00+00:00", "2025-01-15T01:00:00+00:00"),
        ("SPY", "2025-01-15T01:00:00+00:00", "2025-01-15T22:00:00+00:00"),
    ]


def test_a_complete_day_keeps_its_identity_and_today_gets_a_new_one() -> None:
    later = NOW + timedelta(minutes=5)

    first = {request.identity for request in history_plan(universe("ES", "SPY"), NOW, 3)}
    second = {request.identity for request in history_plan(universe("ES", "SPY"), later, 3)}

    assert len(first & second) == len(first) - 2
    # Four sessions of each; on 9 January, the day of mourning, the NYSE was shut.
    assert len(first) == len(second) == 4 + 4


def test_newest_days_come_first() -> None:
    starts = [r.parameters["from"] for r in history_plan(universe("ES", "VIX"), NOW, 5)]

    assert starts == sorted(starts, reverse=True)


def test_a_repair_asks_for_its_span_and_no_more() -> None:
    start = NOW - timedelta(minutes=9)

    request = repair_request("ES", "ESH5", (start, start + timedelta(minutes=3)))

    assert request.parameters["duration"] == "180 S"
    assert request.parameters["end"] == (start + timedelta(minutes=3)).isoformat()


def test_a_repair_is_urgent_and_may_be_asked_any_number_of_times() -> None:
    request = repair_request("ES", "ESH5", (NOW, NOW + timedelta(minutes=3)))

    assert (request.kind, request.symbol, request.identity) == (REPAIR, "ES", None)
    assert request.priority < BACKFILL_PRIORITY


def test_a_back_fill_has_an_identity_and_asks_for_a_day() -> None:
    plan = history_plan(universe("ES", "SPY", "VIX"), NOW, 2)

    assert {request.kind for request in plan} == {BACKFILL}
    assert all(request.identity for request in plan)
    assert {request.parameters["duration"] for request in plan} == {"1 D"}


def test_only_the_day_under_way_is_not_over() -> None:
    plan = history_plan(universe("ES"), NOW, 2)

    assert [is_over(request, NOW) for request in plan] == [False, True, True]
    assert all(is_over(request, NOW + timedelta(days=1)) for request in plan)
