"""Rows and ledger are kept together or not at all, and only good bars fill their minutes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.collection.history.keeping import LATE_MACHINE_SECONDS, Keeper
from futures_pipeline.collection.history.ledger import MOST_ASKED, Span
from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.storage.spool import NewBatch, NewRequest, Spool
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS
from futures_pipeline_tests.collection.builders import (
    CALENDAR,
    StandingClock,
    bars_of,
    listed,
    minutes_from,
    new_york_time,
    session_on,
)
from futures_pipeline_tests.storage.rows import frame, snapshot

ES, SPY = listed("ES"), listed("SPY")
SESSION = session_on(2025, 1, 15)
TEN = new_york_time(2025, 1, 15, 10)
# Ten minutes of the session have passed when minutes count as missing a minute later.
NOW = SESSION.opens_at + timedelta(minutes=11, seconds=3)
FIRST_TEN = minutes_from(SESSION.opens_at, 10)
UNKEEPABLE = NewBatch(None, SESSION.session_date, frame([snapshot()]))  # type: ignore[arg-type]


@pytest.fixture
def make_keeper(spool: Spool) -> Callable[[], Keeper]:
    """Return what makes a keeper as a collector makes it when it starts."""
    return lambda: Keeper(spool, CALENDAR, StandingClock(NOW))


def asked(keeper: Keeper, cycle: int = 0) -> list[Span]:
    """Return what the keeper would ask of the first ten minutes, minute by minute runs."""
    return keeper.windows_to_ask(ES, SESSION, cycle, [])


def test_what_came_is_not_asked_for_and_what_did_not_is(make_keeper: Callable[[], Keeper]) -> None:
    keeper = make_keeper()
    keeper.keep([], bars_of(ES, [*FIRST_TEN[:4], *FIRST_TEN[5:]]))

    assert asked(keeper) == [(FIRST_TEN[4], FIRST_TEN[5])]
    assert keeper.lacks(ES, SESSION) == 1


def test_rows_and_requests_and_pages_are_there_together(
    spool: Spool, make_keeper: Callable[[], Keeper]
) -> None:
    spool.enqueue([NewRequest("backfill", "ES", 50)], NOW)
    claimed = spool.claim(["backfill"], 1, NOW)[0]

    make_keeper().keep([claimed.id], bars_of(ES, FIRST_TEN))

    page = spool.ledger_page("ESH5", SESSION.session_date)
    assert page is not None
    assert page.states[:11] == b"\xff" * 10 + b"\x00"
    assert [(part.table, part.rows) for part in spool.partitions()] == [("bars_1m", 10)]
    assert spool.request_counts() == {("backfill", "done"): 1}


def test_a_row_that_cannot_be_kept_leaves_neither_rows_nor_ledger(
    spool: Spool, make_keeper: Callable[[], Keeper]
) -> None:
    spool.enqueue([NewRequest("backfill", "ES", 50)], NOW)
    claimed = spool.claim(["backfill"], 1, NOW)[0]

    with pytest.raises(SpoolError, match="NOT NULL"):
        make_keeper().keep([claimed.id], bars_of(ES, FIRST_TEN), [UNKEEPABLE])

    assert spool.partitions() == []
    assert spool.ledger_page("ESH5", SESSION.session_date) is None
    assert spool.request_counts() == {("backfill", "running"): 1}
    assert make_keeper().lacks(ES, SESSION) == 10


def test_what_could_not_be_kept_is_not_written_as_kept_with_the_next_rows(
    make_keeper: Callable[[], Keeper],
) -> None:
    """A disk that was full for a moment: the session's last minutes are kept when it ends."""
    keeper = make_keeper()
    with pytest.raises(SpoolError):
        keeper.keep([], bars_of(ES, FIRST_TEN[:9]), [UNKEEPABLE])
    keeper.keep([], bars_of(ES, FIRST_TEN[9:]))

    assert make_keeper().lacks(ES, SESSION) == 9


@pytest.mark.parametrize(
    "broken",
    [
        {"close": float("nan")},
        {"high": 98.0},
        {"low": 100.2},
        {"open": 0.0},
        {"open": -1.0},
        {"high": float("inf")},
    ],
    ids=str,
)
def test_a_bar_the_lake_will_refuse_does_not_fill_its_minute(
    spool: Spool, make_keeper: Callable[[], Keeper], broken: dict[str, float]
) -> None:
    keeper = make_keeper()
    keeper.keep([], bars_of(ES, FIRST_TEN[:3], **broken) + bars_of(ES, FIRST_TEN[3:]))

    assert asked(keeper) == [(FIRST_TEN[0], FIRST_TEN[3])]
    assert spool.partitions()[0].rows == 10  # the row itself is kept for the quarantine


def test_a_bar_that_is_no_whole_minute_fills_none(make_keeper: Callable[[], Keeper]) -> None:
    keeper = make_keeper()
    keeper.keep([], bars_of(ES, [FIRST_TEN[0] + timedelta(seconds=5)]))

    assert keeper.lacks(ES, SESSION) == 10


def test_a_good_bar_fills_the_minute_of_a_broken_one(make_keeper: Callable[[], Keeper]) -> None:
    keeper = make_keeper()
    broken = bars_of(ES, FIRST_TEN[:1], close=float("nan"))
    keeper.keep([], broken + bars_of(ES, FIRST_TEN))
    keeper.keep([], broken)

    assert keeper.lacks(ES, SESSION) == 0


# --- what outlives the collector -------------------------------------------------------------


def test_pages_survive_a_new_collector_on_the_same_database(
    make_keeper: Callable[[], Keeper],
) -> None:
    before = make_keeper()
    before.keep([], bars_of(ES, FIRST_TEN[:4]))
    before.answered(ES, (FIRST_TEN[4], FIRST_TEN[6]))
    before.keep([], [])
    after = make_keeper()

    assert asked(after, cycle=1) == [(FIRST_TEN[6], FIRST_TEN[9] + timedelta(minutes=1))]
    assert asked(after, cycle=2) == [(FIRST_TEN[4], FIRST_TEN[9] + timedelta(minutes=1))]


def test_a_new_bar_is_added_to_the_kept_page_and_does_not_begin_it_anew(
    make_keeper: Callable[[], Keeper],
) -> None:
    make_keeper().keep([], bars_of(ES, FIRST_TEN[:4]))
    make_keeper().keep([], bars_of(ES, FIRST_TEN[7:]))

    assert asked(make_keeper()) == [(FIRST_TEN[4], FIRST_TEN[7])]


def test_a_session_that_is_forgotten_is_read_again_and_not_overwritten(
    make_keeper: Callable[[], Keeper],
) -> None:
    keeper = make_keeper()
    keeper.keep([], bars_of(ES, FIRST_TEN[:4]))
    keeper.ledger.forget_before(SESSION.session_date + timedelta(days=1))
    keeper.keep([], bars_of(ES, FIRST_TEN[7:]))

    assert asked(make_keeper()) == [(FIRST_TEN[4], FIRST_TEN[7])]


def test_looking_at_a_page_writes_none(spool: Spool, make_keeper: Callable[[], Keeper]) -> None:
    keeper = make_keeper()
    assert keeper.lacks(ES, SESSION) == 10
    keeper.keep([], [])

    assert spool.ledger_page("ESH5", SESSION.session_date) is None


def test_contracts_and_sessions_have_pages_of_their_own(
    spool: Spool, make_keeper: Callable[[], Keeper]
) -> None:
    earlier = session_on(2025, 1, 14)
    rows = [
        *bars_of(ES, FIRST_TEN[:2]),
        *bars_of(ES, [earlier.opens_at]),
        *bars_of(listed("ES", "ESM5"), FIRST_TEN[:1]),
        *bars_of(SPY, FIRST_TEN[:3]),
    ]
    make_keeper().keep([], rows)

    def received(contract: str, session: Any) -> int:
        page = spool.ledger_page(contract, session.session_date)
        return 0 if page is None else page.states.count(b"\xff")

    assert [received(name, SESSION) for name in ("ESH5", "ESM5", "SPY")] == [2, 1, 3]
    assert [received(name, earlier) for name in ("ESH5", "ESM5", "SPY")] == [1, 0, 0]


def test_other_rows_are_kept_beside_bars_and_fill_nothing(
    spool: Spool, make_keeper: Callable[[], Keeper]
) -> None:
    quotes = NewBatch(FUTURES_SNAPSHOTS.name, SESSION.session_date, frame([snapshot()]))

    make_keeper().keep([], bars_of(ES, FIRST_TEN[:1]), [quotes])

    tables = {part.table for part in spool.partitions()}
    assert tables == {BARS_1M.name, FUTURES_SNAPSHOTS.name}
    assert make_keeper().lacks(ES, SESSION) == 9


def test_a_page_of_another_length_is_begun_anew(
    spool: Spool, make_keeper: Callable[[], Keeper]
) -> None:
    """After a correction of the calendar the minutes no longer fit."""
    make_keeper().keep([], bars_of(ES, FIRST_TEN))
    page = spool.ledger_page("ESH5", SESSION.session_date)
    assert page is not None
    shorter = type(page)(page.symbol, page.contract, page.session_date, page.states[:-105])
    spool.append([], NOW, [shorter])

    assert make_keeper().lacks(ES, SESSION) == 10


# --- what history has answered ---------------------------------------------------------------


def test_minutes_history_has_not_are_given_up_in_the_end(make_keeper: Callable[[], Keeper]) -> None:
    keeper = make_keeper()
    window = (FIRST_TEN[2], FIRST_TEN[5])
    told = [keeper.answered(ES, window) for _ in range(MOST_ASKED + 1)]

    assert told == [[], [], [window], []]
    assert keeper.lacks(ES, SESSION) == 7


def test_an_answer_counts_for_no_minute_that_is_not_over(make_keeper: Callable[[], Keeper]) -> None:
    """History was asked for the whole session, of which ten minutes have passed."""
    keeper = make_keeper()
    told = [keeper.answered(ES, (SESSION.opens_at, SESSION.closes_at)) for _ in range(MOST_ASKED)]

    assert told[-1] == [(FIRST_TEN[0], FIRST_TEN[-1] + timedelta(minutes=1))]


def test_an_answer_over_two_sessions_counts_in_both(spool: Spool) -> None:
    """A day of an ETF, 20:00 to 20:00, stands on the pages of two Globex sessions."""
    later = Keeper(spool, CALENDAR, StandingClock(new_york_time(2025, 1, 16, 12)))
    day = (new_york_time(2025, 1, 14, 20), new_york_time(2025, 1, 15, 20))
    for _ in range(MOST_ASKED):
        given_up = later.answered(SPY, day)

    assert given_up == [
        (new_york_time(2025, 1, 15, 4), new_york_time(2025, 1, 15, 17)),
        (new_york_time(2025, 1, 15, 18), new_york_time(2025, 1, 15, 20)),
    ]


def test_an_answer_for_the_future_counts_nowhere(make_keeper: Callable[[], Keeper]) -> None:
    assert make_keeper().answered(ES, (TEN, TEN + timedelta(hours=1))) == []


@pytest.mark.parametrize("speed", [1.0, 60.0, 600.0])
def test_a_minute_is_due_when_its_last_bar_has_had_time_on_both_clocks(
    spool: Spool, speed: float
) -> None:
    keeper = Keeper(spool, CALENDAR, StandingClock(TEN, speed))
    latest = TEN - timedelta(seconds=60 + LATE_MACHINE_SECONDS * speed)

    assert keeper.due_until() <= latest < keeper.due_until() + timedelta(minutes=1)
    assert keeper.due_until().second == 0


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=5), st.booleans())
def test_whatever_order_bars_come_in_every_new_keeper_agrees(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[int]], restart: bool
) -> None:
    spool = Spool(f"sqlite:///{tmp_path_factory.mktemp('order') / 'collector.sqlite'}")
    keeper = Keeper(spool, CALENDAR, StandingClock(NOW))
    for part in parts:
        keeper.keep([], bars_of(ES, [FIRST_TEN[index] for index in part]))
        if restart:
            keeper = Keeper(spool, CALENDAR, StandingClock(NOW))

    fresh = Keeper(spool, CALENDAR, StandingClock(NOW))
    come = {index for part in parts for index in part}
    assert keeper.lacks(ES, SESSION) == fresh.lacks(ES, SESSION) == 10 - len(come)
    spool.close()
