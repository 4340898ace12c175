"""What becomes of a claimed request: rows and pages, another try, or the reason why not."""

import logging
from datetime import timedelta
from typing import Any

import ib_async
import pytest

from futures_pipeline.collection.broker.codes import meaning
from futures_pipeline.collection.broker.connection import RequestTimedOut
from futures_pipeline.collection.history.desk import after_failure
from futures_pipeline.collection.history.ledger import MOST_ASKED
from futures_pipeline.collection.history.plan import repair_request
from futures_pipeline.domain.errors import RequestFailed
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.spool import NewRequest, Spool
from futures_pipeline_tests.collection.builders import (
    NOON,
    history_bars,
    listed,
    minutes_from,
    session_on,
)
from futures_pipeline_tests.collection.stage import MAX_ATTEMPTS, START, WINDOW, Office

SERVICE = "Historical Market Data Service error message:"
FIVE = minutes_from(START, 5)
SESSION = session_on(2025, 1, 15)


def test_permanent_errors_are_dead_at_once() -> None:
    assert after_failure(1, meaning(200, ""), max_attempts=5) == ("dead", 0.0)


def test_others_wait_longer_each_time_and_end_failed() -> None:
    steps = [after_failure(attempt, meaning(1, ""), max_attempts=4) for attempt in (1, 2, 3, 4)]

    assert steps == [("pending", 5.0), ("pending", 10.0), ("pending", 20.0), ("failed", 0.0)]


def test_no_wait_is_longer_than_five_minutes() -> None:
    assert after_failure(30, meaning(1, ""), max_attempts=99) == ("pending", 300.0)


# --- the desk --------------------------------------------------------------------------------


@pytest.fixture
def office(spool: Spool) -> Office:
    return Office(spool)


async def test_an_answer_is_kept_and_the_request_done(office: Office) -> None:
    await office.answered(history_bars(FIVE))

    assert office.status == "done"
    assert office.rows == [(start, "history") for start in FIVE]
    assert office.told() == []
    page = office.spool.ledger_page("ESH5", SESSION.session_date)
    assert page is not None
    assert page.states.count(b"\xff") == 5


async def test_the_broker_is_asked_for_the_window_of_the_very_contract(office: Office) -> None:
    await office.answered(history_bars(FIVE))

    ((contract, end, duration),) = office.broker.asked
    assert (end, duration) == (WINDOW[1], "300 S")
    assert (contract.conId, contract.localSymbol, contract.exchange) == (1, "ESH5", "CME")
    assert contract.includeExpired is True


async def test_bars_outside_the_window_or_not_over_are_dropped(office: Office) -> None:
    """The broker counts a duration back over closed hours, so an answer is often too long."""
    now = office.clock.at
    office.broker.history_answers = [
        history_bars(
            [
                START - timedelta(minutes=1),
                *FIVE,
                WINDOW[1],
                now - timedelta(minutes=1),
                now - timedelta(seconds=59),
                now,
            ]
        )
    ]
    await office.desk.backfill(office.ask(window=(START, now + timedelta(minutes=5))))

    assert [start for start, _ in office.rows] == [*FIVE, WINDOW[1], now - timedelta(minutes=1)]


@pytest.mark.parametrize(
    "nothing",
    [RequestFailed("ESH5", 162, f"{SERVICE}HMDS query returned no data: ESH5@CME Trades"), []],
    ids=["162", "an empty list"],
)
async def test_no_data_is_an_answer_and_the_third_gives_the_minutes_up(
    office: Office, nothing: Any
) -> None:
    lacked = office.keeper.lacks(listed("ES"), SESSION)
    for asked in range(1, MOST_ASKED + 1):
        office.broker.history_answers = [nothing]
        await office.desk.backfill(office.ask())
        told = office.told()
        assert told == ([] if asked < MOST_ASKED else [("no_trades", "ESH5", *WINDOW)])

    assert office.status == "done"
    assert office.keeper.lacks(listed("ES"), SESSION) == lacked - 5


async def test_minutes_that_are_missing_from_an_answer_count_as_asked(office: Office) -> None:
    for _ in range(MOST_ASKED):
        office.broker.history_answers = [history_bars([*FIVE[:2], *FIVE[3:]])]
        await office.desk.backfill(office.ask())

    assert office.told() == [("no_trades", "ESH5", FIVE[2], FIVE[3])]


async def test_a_minute_whose_bar_broke_a_rule_is_not_told_to_be_without_trades(
    office: Office,
) -> None:
    for _ in range(MOST_ASKED):
        bars = history_bars([*FIVE[:3], FIVE[4]])
        bars[2].high = bars[2].low - 1.0
        office.broker.history_answers = [bars]
        await office.desk.backfill(office.ask())

    assert office.told() == [
        ("bar_refused", "ESH5", FIVE[2], FIVE[3]),
        ("no_trades", "ESH5", FIVE[3], FIVE[4]),
    ]


@pytest.mark.parametrize(
    "failure",
    [
        RequestFailed("ESH5", 162, f"{SERVICE}Historical data request pacing violation"),
        RequestFailed("ESH5", 162, f"{SERVICE}API historical data query cancelled: 28"),
        RequestFailed("ESH5", 366, "No historical data query found for ticker id:28"),
        RequestTimedOut("ESH5", 0, "nothing within 60 s"),
        ConnectionError("Socket disconnect"),
    ],
    ids=["pacing", "cancelled", "366", "timed out", "connection lost"],
)
async def test_what_may_pass_is_tried_again_later(office: Office, failure: Exception) -> None:
    await office.answered(failure)

    assert office.status == "pending"
    assert office.spool.claim(["repair"], 1, office.clock.at + timedelta(seconds=4)) == []
    office.clock.at += timedelta(seconds=5)
    office.broker.history_answers = [history_bars(FIVE)]
    await office.desk.backfill(office.again())
    assert office.status == "done"
    assert len(office.rows) == 5
    assert office.told() == []


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (RequestFailed("ESH5", 162, f"{SERVICE}pacing violation"), "pacing"),
        (RequestFailed("ESH5", 162, f"{SERVICE}something new"), "history_failed"),
        (RequestTimedOut("ESH5", 0, "nothing within 60 s"), "history_failed"),
        (ConnectionError("Socket disconnect"), "connection_lost"),
    ],
)
async def test_what_never_passes_ends_failed_with_its_cause(
    office: Office, failure: Exception, cause: str
) -> None:
    await office.answered(*[failure] * MAX_ATTEMPTS)

    assert office.status == "failed"
    assert office.told() == [(cause, "ESH5", *WINDOW)]
    assert office.keeper.windows_to_ask(listed("ES"), SESSION, 0, []) != []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (200, "No security definition has been found for the request"),
        (354, "Requested market data is not subscribed."),
        (162, f"{SERVICE}No market data permissions for GLOBEX FUT"),
    ],
)
async def test_what_only_a_person_can_mend_is_dead_at_once(
    office: Office, code: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    await office.answered(RequestFailed("ESH5", code, text))

    assert office.status == "dead"
    assert office.told() == [("no_permission", "ESH5", *WINDOW)]
    (error,) = [it for it in caplog.records if it.levelno == logging.ERROR]
    assert "remedy=''" not in error.getMessage()
    ((_, kind, message),) = office.spool.refused_requests()
    assert kind in ("no_such_contract", "not_subscribed")
    assert text in message


async def test_a_window_that_was_given_up_ends_now_at_the_latest(office: Office) -> None:
    later = office.clock.at + timedelta(hours=5)
    office.broker.history_answers = [RequestFailed("ESH5", 200, "")]
    await office.desk.backfill(office.ask(window=(START, later)))

    assert office.told() == [("no_permission", "ESH5", START, office.clock.at)]


@pytest.mark.parametrize(("contract", "status"), [("ESZ9", "dead"), ("NQH5", "pending")])
async def test_a_contract_that_is_not_listed_is_asked_for_only_while_its_symbol_may_be_told(
    office: Office, contract: str, status: str
) -> None:
    symbol = contract[:2]
    office.spool.enqueue([repair_request(symbol, contract, WINDOW)], office.clock.at)
    await office.desk.backfill(office.again())

    assert office.status == status
    assert office.broker.asked == []


# --- what contracts there are ----------------------------------------------------------------


async def details(office: Office, *answers: Any) -> bool:
    """Ask for the contracts of SPY; return whether asking again may help."""
    office.broker.details_answers = list(answers)
    office.spool.enqueue([NewRequest("contract_details", "SPY", 0)], NOON)
    (claimed,) = office.spool.claim(["contract_details"], 1, office.clock.at)
    return await office.desk.contract_details(claimed, UNIVERSE["SPY"])


async def test_contracts_are_learned_and_the_request_done(office: Office) -> None:
    contract = ib_async.Contract(conId=77, symbol="SPY", localSymbol="SPY")

    assert not await details(office, [ib_async.ContractDetails(contract=contract)])

    assert office.listings.spot["SPY"].con_id == 77
    assert office.status == "done"


@pytest.mark.parametrize(
    ("failure", "again", "status"),
    [
        (ConnectionError(), True, "pending"),
        (RequestTimedOut("SPY", 0, "nothing within 60 s"), True, "pending"),
        (RequestFailed("SPY", 200, "No security definition"), False, "dead"),
    ],
)
async def test_contracts_that_were_not_told_are_asked_again_if_that_may_help(
    office: Office, failure: Exception, again: bool, status: str
) -> None:
    assert await details(office, failure) is again

    assert office.status == status
    assert office.listings.spot["SPY"].con_id == listed("SPY").con_id
    assert office.told() == []
