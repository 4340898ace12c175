"""What the broker says of single streams: refusals, another session, other kinds of data."""

import logging

import pytest

from futures_pipeline.collection.streaming.retry import SessionAbandoned
from futures_pipeline_tests.collection.stage import Stage, settle

NOT_SUBSCRIBED = "Requested market data is not subscribed."
NO_BARS = "Invalid Real-time Query:No market data permissions for ARCA STK"
COMPETING = "No market data during competing live session"


# --- refusals --------------------------------------------------------------------------------


async def test_no_permission_is_told_once_and_not_tried_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.follow("ES", "SPY")
    for code in (354, 354, 10089):
        stage.say(code, NOT_SUBSCRIBED, "SPY")
    stage.say(420, NO_BARS, "SPY")
    refused_at = stage.clock.at
    await stage.run(3600, ["ES"])

    assert stage.lasting == {("no_permission", "SPY", refused_at)}
    assert stage.broker.count("quotes", "SPY") == stage.broker.count("bars", "SPY") == 1
    errors = [it for it in caplog.records if it.levelno == logging.ERROR]
    assert len(errors) == 2  # its quotes, its bars


async def test_a_refused_stream_is_not_waited_for_when_all_others_are_silent(stage: Stage) -> None:
    await stage.follow("ES", "SPY")
    await stage.run(60, ["ES"])
    stage.say(354, NOT_SUBSCRIBED, "SPY")
    stage.say(420, NO_BARS, "SPY")

    with pytest.raises(SessionAbandoned, match="every stream stays silent"):
        await stage.run(1800)


async def test_a_pacing_violation_of_bars_is_not_for_ever(stage: Stage) -> None:
    await stage.follow("ES")
    stage.say(420, "Invalid Real-time Query:Historical data request pacing violation", "ES")
    for _ in range(9):
        stage.wait(5)
        stage.quote("ES")
        await stage.watch.look()
        await settle()

    assert stage.broker.count("bars", "ESH5") == 2
    assert stage.broker.count("quotes", "ESH5") == 1


@pytest.mark.parametrize("code", [101, 10090, 10091, 10167])
async def test_what_may_pass_is_not_given_up(stage: Stage, code: int) -> None:
    await stage.follow("ES", "NQ")
    stage.say(code, "the broker's words", "ES")
    await stage.run(300, ["NQ"])

    assert stage.broker.count("quotes", "ESH5") >= 2


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (162, "Historical Market Data Service error message:No market data permissions for ARCA"),
        (321, "Error validating request.-'xd' : cause - Invalid step"),
        (200, "No security definition has been found for the request"),
    ],
)
async def test_a_refusal_of_a_request_says_nothing_of_the_contract_s_streams(
    stage: Stage, code: int, text: str
) -> None:
    await stage.follow("ES", "SPY")
    stage.say_of_request(code, text, "SPY")

    assert stage.streams.lines("SPY")[0].refused == {}
    assert stage.lasting == set()


async def test_a_notice_that_a_farm_is_well_changes_nothing(stage: Stage) -> None:
    await stage.follow("ES")
    stage.say(2158, "Sec-def data farm connection is OK:secdefil")
    await stage.run(10, ["ES"])

    assert stage.lasting == set()


@pytest.mark.parametrize("waited_seconds", [10, 300])
async def test_the_span_of_a_missing_line_ends_when_there_is_one(
    stage: Stage, waited_seconds: int
) -> None:
    await stage.follow("ES", "NQ")
    since = stage.clock.at
    stage.say(101, "Max number of tickers has been reached", "ES")
    await stage.run(waited_seconds, ["NQ"])
    assert ("no_free_line", "ESH5", since) in stage.lasting

    await stage.run(10, ["ES", "NQ"])

    assert stage.lasting == set()


async def test_a_refused_stream_that_speaks_after_all_ends_its_span(stage: Stage) -> None:
    await stage.follow("ES", "SPY")
    stage.say(354, NOT_SUBSCRIBED, "SPY")
    await stage.run(60, ["ES"])
    await stage.run(10, ["ES", "SPY"])

    assert stage.lasting == set()


# --- a competing session ---------------------------------------------------------------------


async def test_a_competing_session_is_one_alarm_and_one_line_a_minute(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(60, ["ES", "NQ"])
    since = stage.clock.at
    for _ in range(30):
        stage.say(10197, COMPETING, "ES")
        stage.say(10197, COMPETING, "NQ")
        await stage.run(60)

    alarms = [it for it in caplog.records if it.levelno == logging.ERROR]
    assert len(alarms) == 2  # in half an hour
    assert "log out of the other live session" in alarms[0].getMessage()
    assert stage.broker.count("quotes", "ESH5") == 1 + 29
    assert stage.broker.count("quotes", "NQH5") == 1
    assert stage.broker.count("time", "5.0") == 0
    assert stage.lasting == {("competing_session", "*", since)}


async def test_a_competing_session_ends_with_data(stage: Stage) -> None:
    await stage.follow("ES", "NQ")
    stage.say(10197, COMPETING, "ES")
    await stage.run(300)
    await stage.run(10, ["ES"])

    assert stage.watch.health.trouble is None
    assert "competing_session" not in {event for event, _, _ in stage.lasting}
    assert stage.broker.count("quotes", "NQH5") == 2


async def test_the_line_that_is_tried_is_one_that_may_speak(stage: Stage) -> None:
    await stage.follow("SPY", "ES")
    stage.say(354, NOT_SUBSCRIBED, "SPY")
    await stage.run(30, ["ES"])
    stage.say(10197, COMPETING, "ES")
    await stage.run(130)

    assert stage.broker.count("quotes", "SPY") == 1
    assert stage.broker.count("quotes", "ESH5") == 3


# --- kinds of data ---------------------------------------------------------------------------


async def test_another_kind_of_data_is_told_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(30, ["ES", "NQ"])
    ticker = stage.streams.lines("ES")[0].ticker
    assert ticker is not None
    ticker.marketDataType = 3
    await stage.run(30, ["ES", "NQ"])

    assert stage.told == [("data_type_changed", "ESH5", "live to delayed")]
    assert len([it for it in caplog.records if "data_type_changed" in it.getMessage()]) == 1

    ticker.marketDataType = 1
    await stage.run(30, ["ES", "NQ"])

    assert stage.told == [("data_type_changed", "ESH5", "delayed to live")]
