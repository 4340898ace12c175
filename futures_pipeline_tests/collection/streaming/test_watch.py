"""The watch over one session: what it probes, subscribes anew, tells and gives up."""

from datetime import datetime
from itertools import pairwise

import pytest

from futures_pipeline.collection.broker.connection import RequestTimedOut
from futures_pipeline.collection.streaming.retry import SessionAbandoned
from futures_pipeline.domain.causes import Cause
from futures_pipeline_tests.collection.builders import new_york_time
from futures_pipeline_tests.collection.stage import Stage

UNANSWERED = RequestTimedOut("time", 0, "nothing within 5 s")


async def test_streams_that_speak_are_left_alone(stage: Stage) -> None:
    await stage.follow("ES", "SPY")
    await stage.run(600, ["ES", "SPY"])

    assert [name for name, _ in stage.broker.calls] == ["quotes", "quotes", "bars", "bars"]
    assert stage.lasting == set()


# --- silence ---------------------------------------------------------------------------------


async def test_a_silent_stream_of_a_living_gateway_is_subscribed_anew_and_told(
    stage: Stage,
) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(60, ["ES", "NQ"])
    last_word = stage.clock.at
    await stage.run(65, ["NQ"])

    assert ("stream_silent", "ESH5", last_word) in stage.lasting
    assert stage.broker.count("quotes", "ESH5") == 2
    assert stage.broker.count("end_quotes", "ESH5") == 1
    assert stage.broker.count("bars", "ESH5") >= 2
    assert stage.broker.count("quotes", "NQH5") == stage.broker.count("bars", "NQH5") == 1


async def test_nothing_is_torn_down_before_the_gateway_was_probed(stage: Stage) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(70, ["NQ"])

    names = [name for name, _ in stage.broker.calls]
    assert names.index("time") < names.index("end_bars")
    assert ("time", "5.0") in stage.broker.calls


async def test_a_stream_that_stays_silent_is_tried_ever_more_rarely(stage: Stage) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(30, ["ES", "NQ"])
    tries: list[datetime] = []
    for _ in range(4 * 3600 // 5):
        before = stage.broker.count("quotes", "ESH5")
        stage.bar("ES")
        await stage.run(5, ["NQ"])
        if stage.broker.count("quotes", "ESH5") > before:
            tries.append(stage.clock.at)

    gaps = [(b - a).total_seconds() for a, b in pairwise(tries)]
    assert gaps == sorted(gaps)
    assert gaps[0] <= 70
    assert gaps[-1] == 900.0


async def test_a_stream_that_speaks_again_ends_its_span_at_its_first_word(stage: Stage) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(60, ["ES", "NQ"])
    last_word = stage.clock.at
    await stage.run(120, ["NQ"])
    await stage.run(5, ["ES", "NQ"])

    assert stage.lasting == set()
    (ended,) = [batch.rows for batch in stage.outages.take_batches(stage.clock.at)]
    spans = ended.select("event", "contract", "starts_at", "ends_at").rows()
    assert spans == [("stream_silent", "ESH5", last_word, stage.clock.at)]


async def test_a_line_of_which_one_stream_still_fails_stays_told(stage: Stage) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(130, ["NQ"])
    for _ in range(3):
        stage.wait(5)
        stage.quote("ES", "NQ")
        stage.bar("NQ")
        await stage.watch.look()

    assert {(event, contract) for event, contract, _ in stage.lasting} == {
        ("stream_silent", "ESH5")
    }


async def test_a_new_attempt_begins_with_short_waits_again(stage: Stage) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(1800, ["NQ"])
    await stage.run(10, ["ES", "NQ"])
    before = stage.broker.count("bars", "ESH5")
    await stage.run(110, ["NQ"])

    assert stage.broker.count("bars", "ESH5") == before + 2


async def test_each_stream_of_a_line_has_a_patience_of_its_own(stage: Stage) -> None:
    """Neither has ever spoken: after 30 s the bars are tried anew, after 60 s the quotes."""
    await stage.follow("ES", "NQ")
    await stage.run(65, ["NQ"])

    assert stage.broker.count("quotes", "ESH5") == 2


async def test_a_silence_in_a_closure_is_nobody_s_business(stage: Stage) -> None:
    stage.clock.at = new_york_time(2025, 1, 15, 16, 30)
    await stage.follow("ES", "VIX")
    await stage.run(1795, ["ES"])
    calls = len(stage.broker.calls)
    await stage.run(3590)

    assert len(stage.broker.calls) == calls
    assert stage.lasting == set()


async def test_what_was_silent_at_its_close_does_not_cost_the_session_of_the_others(
    stage: Stage,
) -> None:
    """ETFs rest from 20:00; Globex goes on, and its streams speak."""
    stage.clock.at = new_york_time(2025, 1, 15, 19, 0)
    await stage.follow("ES", "SPY", "QQQ", "IWM")
    await stage.run(4 * 3600, ["ES"])

    assert stage.broker.count("quotes", "ESH5") == 1


async def test_a_gateway_that_answers_nothing_is_left_with_the_time_last_heard(
    stage: Stage,
) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(60, ["ES", "NQ"])
    stage.wait(7)
    stage.quote("NQ")
    last_word = stage.clock.at
    stage.broker.probe = UNANSWERED

    with pytest.raises(SessionAbandoned, match="answers nothing") as caught:
        await stage.run(120)

    assert (caught.value.cause, caught.value.since) == (Cause.CONNECTION_LOST, last_word)


async def test_a_session_whose_every_stream_stays_silent_is_given_up_after_three_tries(
    stage: Stage,
) -> None:
    await stage.follow("ES", "VIX")
    await stage.run(60, ["ES", "VIX"])
    last_word = stage.clock.at

    with pytest.raises(SessionAbandoned, match="every stream stays silent") as caught:
        await stage.run(1800)

    assert (caught.value.cause, caught.value.since) == (Cause.STREAM_SILENT, last_word)
    assert stage.broker.count("quotes", "ESH5") == stage.broker.count("quotes", "VIX") == 4


async def test_while_one_stream_speaks_the_session_is_kept(stage: Stage) -> None:
    await stage.follow("ES", "NQ", "SPY", "VIX")
    await stage.run(2 * 3600, ["NQ"])

    assert {contract for _, contract, _ in stage.lasting} == {"ESH5", "SPY", "VIX"}


async def test_the_span_of_a_contract_ends_when_it_is_no_longer_followed(stage: Stage) -> None:
    """At a roll the old contract is left, silent or not."""
    await stage.follow("ES", "NQ")
    await stage.run(130, ["NQ"])
    await stage.follow("NQ")
    await stage.run(10, ["NQ"])

    assert stage.lasting == set()
