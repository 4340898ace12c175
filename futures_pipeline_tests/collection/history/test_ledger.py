"""The ledger of minutes against a naive one, and the windows that are asked of history."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.collection.history.ledger import (
    CYCLES_BETWEEN,
    LONGEST_REQUEST,
    MINUTE,
    MOST_ASKED,
    Ledger,
    Page,
    Span,
    requests_for,
    spans,
)
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Session, Timetable
from futures_pipeline_tests.collection.builders import CALENDAR, new_york_time, session_on

OPENS = datetime(2025, 1, 14, 23, 0, tzinfo=UTC)
MINUTES = 60
SESSION = Session(date(2025, 1, 15), OPENS, OPENS + MINUTES * MINUTE)
SHUT = range(20, 30)
HOURS = Timetable(
    "a market with a pause",
    [
        Session(SESSION.session_date, OPENS, OPENS + SHUT.start * MINUTE),
        Session(SESSION.session_date, OPENS + SHUT.stop * MINUTE, SESSION.closes_at),
    ],
)

numbers = st.integers(-5, MINUTES + 5)
windows = st.tuples(numbers, numbers).map(lambda two: (at(min(two)), at(max(two))))
operations = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.lists(numbers, max_size=15)),
        st.tuples(st.just("answered"), windows),
    ),
    max_size=25,
)


def at(number: int) -> datetime:
    """Return the start of a minute of the session; below 0 it is before the open."""
    return OPENS + number * MINUTE


def blank() -> Page:
    return Page.blank("ES", "ESH5", SESSION, HOURS)


def starts(found: list[Span]) -> list[datetime]:
    """Return the minutes of some spans."""
    return [
        start + index * MINUTE for start, end in found for index in range((end - start) // MINUTE)
    ]


@dataclass
class Naive:
    """The same ledger the obvious way: how often each wanted minute was asked; None: it came."""

    asked: dict[datetime, int | None] = field(
        default_factory=lambda: {at(n): 0 for n in range(MINUTES) if n not in SHUT}
    )

    def receive(self, numbers: list[int]) -> None:
        for number in numbers:
            if 0 <= number < MINUTES:
                self.asked[at(number)] = None

    def answered(self, window: Span) -> list[datetime]:
        given_up = []
        for minute, times in self.asked.items():
            if window[0] <= minute < window[1] and times is not None and times < MOST_ASKED:
                self.asked[minute] = times + 1
                if times + 1 == MOST_ASKED:
                    given_up.append(minute)
        return given_up

    def lacking(self, until: datetime) -> list[datetime]:
        return [
            minute
            for minute, times in self.asked.items()
            if times is not None and times < MOST_ASKED and minute < until
        ]

    def missing(self, until: datetime, cycle: int) -> list[datetime]:
        return [
            minute
            for minute in self.lacking(until)
            if cycle % CYCLES_BETWEEN[self.asked[minute] or 0] == 0
        ]


@given(operations, numbers, st.integers(0, 12))
def test_a_page_is_what_a_naive_ledger_is(
    operations: list[tuple[str, list[int] | Span]], until: int, cycle: int
) -> None:
    page, naive = blank(), Naive()
    for what, argument in operations:
        if what == "receive":
            page.receive(at(number) for number in argument)  # type: ignore[arg-type]
            naive.receive(argument)  # type: ignore[arg-type]
        else:
            given_up = page.answered(argument)  # type: ignore[arg-type]
            assert starts(given_up) == sorted(naive.answered(argument))  # type: ignore[arg-type]

    assert starts(page.missing(at(until), cycle)) == sorted(naive.missing(at(until), cycle))
    assert page.lacks(at(until)) == len(naive.lacking(at(until)))


def test_a_minute_without_a_bar_is_asked_ever_more_rarely_and_then_given_up() -> None:
    page, asked_in = blank(), []
    page.receive(at(number) for number in range(MINUTES) if number != 7)
    given_up: list[Span] = []
    for cycle in range(1, 40):
        for window in page.missing(SESSION.closes_at, cycle):
            asked_in.append(cycle)
            given_up += page.answered(window)

    assert asked_in == [1, 2, 6]
    assert given_up == [(at(7), at(8))]
    assert page.lacks(SESSION.closes_at) == 0


def test_a_bar_that_comes_after_all_fills_a_minute_that_was_given_up() -> None:
    page = blank()
    for _ in range(MOST_ASKED):
        page.answered((at(0), at(10)))
    page.receive([at(3)])

    assert page.answered((at(0), at(10))) == []
    assert page.lacks(at(10)) == 0


def test_what_has_come_is_never_asked_for_again() -> None:
    page = blank()
    page.receive([at(3)])
    page.answered((at(0), at(10)))

    assert (at(3), at(4)) not in spans(starts(page.missing(at(10), 0)))
    assert starts(page.missing(at(10), 0)) == [at(n) for n in (0, 1, 2, 4, 5, 6, 7, 8, 9)]


# --- which minutes are wanted ----------------------------------------------------------------


def wanted(kind: Kind, session: Session) -> list[Span]:
    """Return the spans of a session in which bars of a kind of instrument are wanted."""
    page = Page.blank("X", "X", session, market_hours(kind, CALENDAR))
    return page.missing(session.closes_at, 0)


@pytest.mark.parametrize(
    ("kind", "day", "first", "last"),
    [
        (Kind.FUTURE, (2025, 1, 15), (2025, 1, 14, 18), (2025, 1, 15, 17)),
        (Kind.INDEX, (2025, 1, 15), (2025, 1, 15, 9, 30), (2025, 1, 15, 16)),
        # Black Friday and Christmas Eve: shortened everywhere.
        (Kind.FUTURE, (2025, 11, 28), (2025, 11, 27, 18), (2025, 11, 28, 13, 15)),
        (Kind.INDEX, (2025, 11, 28), (2025, 11, 28, 9, 30), (2025, 11, 28, 13)),
        (Kind.FUTURE, (2024, 12, 24), (2024, 12, 23, 18), (2024, 12, 24, 13, 15)),
        (Kind.INDEX, (2024, 12, 24), (2024, 12, 24, 9, 30), (2024, 12, 24, 13)),
        # The first sessions after the changes of the clock.
        (Kind.FUTURE, (2025, 3, 10), (2025, 3, 9, 18), (2025, 3, 10, 17)),
        (Kind.INDEX, (2025, 3, 10), (2025, 3, 10, 9, 30), (2025, 3, 10, 16)),
        (Kind.FUTURE, (2025, 11, 3), (2025, 11, 2, 18), (2025, 11, 3, 17)),
        (Kind.INDEX, (2025, 11, 3), (2025, 11, 3, 9, 30), (2025, 11, 3, 16)),
    ],
)
def test_futures_are_wanted_while_globex_is_open_and_the_index_while_the_nyse_is(
    kind: Kind, day: tuple[int, int, int], first: tuple[int, ...], last: tuple[int, ...]
) -> None:
    assert wanted(kind, session_on(*day)) == [(new_york_time(*first), new_york_time(*last))]


def test_an_etf_is_wanted_from_four_to_eight_which_two_sessions_share() -> None:
    """20:00 New York is two hours into the next Globex session, so its evening stands there."""
    spans_of_day = wanted(Kind.ETF, session_on(2025, 1, 15))

    assert spans_of_day == [
        (new_york_time(2025, 1, 14, 18), new_york_time(2025, 1, 14, 20)),
        (new_york_time(2025, 1, 15, 4), new_york_time(2025, 1, 15, 17)),
    ]


def test_after_a_shortened_day_an_etf_has_no_evening() -> None:
    assert wanted(Kind.ETF, session_on(2025, 12, 1)) == [
        (new_york_time(2025, 12, 1, 4), new_york_time(2025, 12, 1, 17))
    ]


@pytest.mark.parametrize("kind", [Kind.ETF, Kind.INDEX])
def test_nothing_of_the_nyse_is_wanted_on_its_holiday(kind: Kind) -> None:
    """On 9 January 2025, the day of mourning, futures traded until 9:30 and the NYSE not."""
    holiday = session_on(2025, 1, 9)
    evening = (new_york_time(2025, 1, 8, 18), new_york_time(2025, 1, 8, 20))

    assert wanted(kind, holiday) == ([evening] if kind is Kind.ETF else [])


# --- windows to ask for ----------------------------------------------------------------------

small = st.integers(0, 4_000)
some_minutes = st.sets(small, max_size=30).map(lambda found: [at(n) for n in sorted(found)])
some_windows = st.lists(
    st.tuples(small, st.integers(1, 300)).map(lambda it: (at(it[0]), at(it[0] + it[1]))), max_size=5
)


def overlaps(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@given(some_minutes)
def test_every_missing_minute_is_asked_for_once_in_windows_of_a_day_at_most(
    missing: list[datetime],
) -> None:
    asked = requests_for(spans(missing), [])

    assert [sum(start <= minute < end for start, end in asked) for minute in missing] == [1] * len(
        missing
    )
    assert all(end - start <= LONGEST_REQUEST for start, end in asked)
    assert all(start in missing and end - MINUTE in missing for start, end in asked)


@given(some_minutes)
def test_no_two_windows_could_have_been_one(missing: list[datetime]) -> None:
    asked = requests_for(spans(missing), [])

    for one, other in pairwise(asked):
        assert other[1] - one[0] > LONGEST_REQUEST


def test_windows_are_not_joined_over_one_that_is_taken() -> None:
    missing = [(at(0), at(5)), (at(60), at(65))]
    taken = (at(20), at(30))

    asked = requests_for(missing, [taken])

    assert not any(overlaps(window, taken) for window in asked)


def test_only_the_taken_part_of_a_span_is_left_out() -> None:
    assert requests_for([(at(0), at(60))], [(at(20), at(30))]) == [
        (at(0), at(20)),
        (at(30), at(60)),
    ]


@given(some_minutes, some_windows)
def test_nothing_taken_is_asked_again_and_nothing_else_is_left_out(
    missing: list[datetime], taken: list[Span]
) -> None:
    asked = requests_for(spans(missing), taken)
    free = [minute for minute in missing if not any(a <= minute < b for a, b in taken)]

    assert not any(overlaps(window, busy) for window in asked for busy in taken)
    assert all(any(start <= minute < end for start, end in asked) for minute in free)
    assert all(end - start <= LONGEST_REQUEST for start, end in asked)


def test_a_span_that_is_all_taken_is_not_asked_for() -> None:
    assert requests_for([(at(20), at(30))], [(at(0), at(60))]) == []


# --- the pages together ----------------------------------------------------------------------


def test_changed_pages_are_taken_once_and_forgotten_ones_not_at_all() -> None:
    ledger, page = Ledger(), blank()
    older = Page.blank("ES", "ESH5", session_on(2025, 1, 14), HOURS)
    for one in (page, older):
        ledger.put(one)
        ledger.changed(one)
    ledger.forget_before(SESSION.session_date)

    assert ledger.take_changed() == [page]
    assert ledger.take_changed() == []
    assert ledger.page("ESH5", SESSION.session_date) is page
    assert ledger.page("ESH5", older.session.session_date) is None
