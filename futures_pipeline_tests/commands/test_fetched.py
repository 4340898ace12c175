"""What a back-fill asks for, and what it says became of it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from futures_pipeline.collection.history.plan import history_plan
from futures_pipeline.commands.filling.backfill import chosen, rule_universe, sessions_back
from futures_pipeline.commands.filling.fetched import Asked, Fetched, fetched_table
from futures_pipeline.config import Settings, load_settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError, UnknownSymbol
from futures_pipeline.storage.spool import NewBatch, NewRequest, Spool
from futures_pipeline_tests.storage.rows import bar

NOW = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)  # a Wednesday, 10:00 New York
CALENDAR = calendar_for(NOW)
SESSIONS = 2


def settings(symbols: str) -> Settings:
    return load_settings(environment={"FUTURES_PIPELINE_COLLECTION_SYMBOLS": symbols})


# --- what is asked -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "sessions"),
    [
        (1, 1),  # Tuesday's session closed 17 hours ago
        (2, 2),
        (3, 2),  # Sunday had none
        (5, 3),  # Friday's closed at 22:00 UTC, less than five days ago
        (7, 5),
        (30, 20),  # without Christmas Day and New Year's Day
    ],
)
def test_days_are_calendar_days_back_from_now(days: int, sessions: int) -> None:
    assert sessions_back(CALENDAR, NOW, days) == sessions


@pytest.mark.parametrize("month", [2, 3, 6, 9, 12])
@pytest.mark.parametrize("day", [1, 5, 10, 16, 20, 23])
def test_the_contracts_of_a_year_back_are_enough_to_plan_with(month: int, day: int) -> None:
    """The same requests as with every contract there ever was, around every roll."""
    now = datetime(2025, month, day, 15, 0, tzinfo=UTC)
    some = rule_universe(settings("ES,SPY"), CALENDAR, now, 365)
    every = rule_universe(settings("ES,SPY"), CALENDAR, now, 3650)
    sessions = sessions_back(CALENDAR, now, 365)

    assert history_plan(some, now, sessions) == history_plan(every, now, sessions)


def test_symbols_default_to_all_that_are_configured() -> None:
    configured = settings("ES,SPY,VIX")

    assert [one.symbol for one in chosen(None, configured)] == ["ES", "SPY", "VIX"]
    assert [one.symbol for one in chosen(" SPY, ES,SPY", configured)] == ["SPY", "ES"]


def test_a_symbol_that_is_unknown_or_not_collected_is_refused() -> None:
    with pytest.raises(UnknownSymbol, match="'XX' is not known; known are ES"):
        chosen("ES,XX", settings("ES,SPY"))
    with pytest.raises(ConfigurationError, match="configured, one of ES, SPY"):
        chosen("VIX", settings("ES,SPY"))


# --- what became of it ---------------------------------------------------------------------


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
    yield spool
    spool.close()


@pytest.fixture
def plan() -> list[NewRequest]:
    """Return the requests for ES and SPY, newest first."""
    return history_plan(rule_universe(settings("ES,SPY"), CALENDAR, NOW, 30), NOW, SESSIONS)


def history(contract: str, symbol: str, start: datetime, count: int) -> NewBatch:
    """Return a batch of so many minutes of history, and one streamed bar, which is none."""
    rows = [
        bar(symbol, contract=contract, ts_start=start + timedelta(minutes=i), source="history")
        for i in range(count)
    ]
    streamed = bar(symbol, contract=contract, ts_start=start, source="realtime")
    frame = pl.DataFrame([*rows, streamed])
    return NewBatch("bars_1m", CALENDAR.session_date(start), frame)


def serve(spool: Spool, answers: dict[str, int | tuple[str, str]]) -> None:
    """End claimed requests: with so many bars by "contract session", or status and error."""
    for request in spool.claim(["backfill"], 100, NOW):
        start = datetime.fromisoformat(request.parameters["from"]) + timedelta(hours=12)
        contract = request.parameters["contract"]
        answer = answers.get(f"{contract} {CALENDAR.session_date(start)}", 0)
        if isinstance(answer, tuple):
            spool.put_back(request.id, answer[0], (answer[1], "text"), (NOW, NOW))
        else:
            batches = [history(contract, request.symbol, start, answer)] if answer else []
            spool.finish([request.id], batches, NOW)


def followed(spool: Spool, plan: list[NewRequest]) -> Fetched:
    fetched = Fetched(spool, plan)
    spool.enqueue(plan, NOW)
    fetched.refresh()
    return fetched


def test_nothing_has_ended_at_first(spool: Spool, plan: list[NewRequest]) -> None:
    fetched = followed(spool, plan)

    assert (fetched.ended, fetched.is_over, fetched.bars.total()) == (0, False, 0)
    assert len(fetched.asked) == len(plan)


def test_bars_are_counted_by_request_and_streamed_ones_are_not(
    spool: Spool, plan: list[NewRequest]
) -> None:
    spool.append([history("SPY", "SPY", NOW - timedelta(days=1), 50)], NOW)  # before it began
    fetched = followed(spool, plan)

    serve(spool, {"ESH5 2025-01-14": 300, "ESH5 2025-01-15": 20, "SPY 2025-01-14": 7})
    fetched.refresh()
    fetched.refresh()

    counted = {f"{one.contract} {one.session_date}": n for one, n in fetched.bars.items()}
    assert counted == {"ESH5 2025-01-14": 300, "ESH5 2025-01-15": 20, "SPY 2025-01-14": 7}
    assert fetched.is_over


def test_a_session_without_bars_says_why(spool: Spool, plan: list[NewRequest]) -> None:
    fetched = followed(spool, plan)

    serve(
        spool,
        {
            "ESH5 2025-01-15": 20,
            "ESH5 2025-01-14": ("dead", "not_subscribed"),
            "ESH5 2025-01-13": ("pending", "timed_out"),
        },
    )
    fetched.refresh()

    why = {one.session_date: fetched.why_empty(one) for one in of(fetched, "ES")}
    assert why == {
        date(2025, 1, 15): "",
        date(2025, 1, 14): "not_subscribed",
        date(2025, 1, 13): "",  # it is tried again
    }
    assert {fetched.why_empty(one) for one in of(fetched, "SPY")} == {"no data"}
    assert (fetched.failed, fetched.is_over) == (1, False)


def test_what_was_answered_before_is_not_followed_again(
    spool: Spool, plan: list[NewRequest]
) -> None:
    followed(spool, plan)
    serve(spool, {"ESH5 2025-01-14": ("failed", "timed_out")})

    again = Fetched(spool, plan)

    assert [(one.contract, one.session_date) for one in again.asked] == [
        ("ESH5", date(2025, 1, 14))
    ]
    assert again.before == len(plan) - 1


def test_the_table_has_a_line_for_each_symbol(
    spool: Spool, plan: list[NewRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = followed(spool, plan)
    serve(spool, {f"ESH5 2025-01-{day}": 600 for day in (13, 14, 15)})
    fetched.refresh()

    Console(width=160).print(fetched_table(fetched))

    lines = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    es, spy = ([cell.strip() for cell in line[1:-1]] for line in lines)
    assert es == ["ES", "3", "1,800", "0", ""]
    assert spy[:3] == ["SPY", "4", "0"]
    assert spy[4].startswith("no data: 2025-01-10, ")


def of(fetched: Fetched, symbol: str) -> list[Asked]:
    return [one for one in fetched.asked if one.symbol == symbol]
