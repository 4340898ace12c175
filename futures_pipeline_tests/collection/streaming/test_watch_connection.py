"""What the broker says of its connections: what is held back, given up, and when a gap ends."""

from datetime import timedelta

import pytest

from futures_pipeline.collection.outages import EVERYTHING
from futures_pipeline.collection.streaming.retry import SessionAbandoned
from futures_pipeline.domain.causes import Cause
from futures_pipeline_tests.collection.builders import NOON, new_york_time
from futures_pipeline_tests.collection.stage import Stage


async def test_lost_data_are_a_new_session_with_the_time_of_the_first_loss(stage: Stage) -> None:
    await stage.follow("ES")
    await stage.run(60, ["ES"])
    lost_at = stage.clock.at
    stage.say(1100, "Connectivity has been lost")
    stage.wait(20)
    stage.say(1101, "restored - data lost")

    with pytest.raises(SessionAbandoned, match=r"data are lost \(1101\)") as caught:
        await stage.watch.look()

    assert (caught.value.cause, caught.value.since) == (Cause.UPSTREAM_LOST, lost_at)


async def test_a_reset_socket_is_a_new_session(stage: Stage) -> None:
    stage.say(1300, "Socket port has been reset and this connection is being dropped.")

    with pytest.raises(SessionAbandoned, match="1300"):
        await stage.watch.look()


async def test_while_upstream_is_lost_no_stream_is_judged(stage: Stage) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(60, ["ES", "NQ"])
    lost_at, calls = stage.clock.at, len(stage.broker.calls)
    stage.say(1100, "Connectivity has been lost")
    await stage.run(240)

    assert len(stage.broker.calls) == calls
    assert stage.lasting == {("upstream_lost", "*", lost_at)}


async def test_an_upstream_that_stays_away_is_a_new_session(stage: Stage) -> None:
    await stage.follow("ES")
    lost_at = stage.clock.at
    stage.say(1100, "Connectivity has been lost")

    with pytest.raises(SessionAbandoned, match="stay away") as caught:
        await stage.run(600)

    assert (caught.value.cause, caught.value.since) == (Cause.UPSTREAM_LOST, lost_at)
    assert stage.clock.at - lost_at <= timedelta(minutes=6)


async def test_the_span_ends_with_the_first_data_after_upstream_is_back(stage: Stage) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(60, ["ES", "NQ"])
    stage.say(1100, "lost")
    await stage.run(60)
    stage.say(1102, "restored - data maintained")
    await stage.run(10)
    assert {event for event, _, _ in stage.lasting} == {"upstream_lost"}

    await stage.run(10, ["ES", "NQ"])

    assert stage.lasting == set()
    assert [(event, text) for event, _, text in stage.told] == [("upstream_lost", "lost")]


@pytest.mark.parametrize("codes", [(1100, 1102), (2103, 2104)])
async def test_streams_that_stay_dead_after_the_all_clear_are_soon_subscribed_anew(
    stage: Stage, codes: tuple[int, int]
) -> None:
    await stage.follow("ES", "NQ")
    await stage.run(60, ["ES", "NQ"])
    stage.say(codes[0])
    await stage.run(10)
    stage.say(codes[1])
    await stage.run(25, ["NQ"])

    assert stage.broker.count("quotes", "ESH5") == stage.broker.count("bars", "ESH5") == 2
    assert stage.broker.count("quotes", "NQH5") == 1


async def test_data_that_go_on_outweigh_bad_news(stage: Stage) -> None:
    """A farm of another continent is broken; or the restoring was never said."""
    await stage.follow("ES")
    await stage.run(60, ["ES"])
    stage.say(2103, "Market data farm connection is broken:eufarm")
    assert stage.watch.health.trouble is Cause.FARM_BROKEN

    await stage.run(30, ["ES"])

    assert stage.watch.health.trouble is None
    assert stage.lasting == set()


async def test_data_that_were_under_way_do_not_outweigh_bad_news(stage: Stage) -> None:
    await stage.follow("ES")
    await stage.run(60, ["ES"])
    stage.say(1100, "lost")
    await stage.run(5, ["ES"])
    await stage.run(60)

    assert stage.watch.health.trouble is Cause.UPSTREAM_LOST


async def test_a_lost_connection_of_the_session_before_ends_with_the_first_word(
    stage: Stage,
) -> None:
    stage.outages.begin(Cause.CONNECTION_LOST, EVERYTHING, NOON)
    await stage.follow("ES")
    await stage.run(10)
    assert stage.lasting == {("connection_lost", "*", NOON)}

    await stage.run(5, ["ES"])

    assert stage.lasting == set()


async def test_in_a_closed_market_a_new_session_is_all_that_can_be_had(stage: Stage) -> None:
    stage.clock.at = new_york_time(2025, 1, 18, 12)
    stage.outages.begin(Cause.CONNECTION_LOST, EVERYTHING, stage.clock.at)
    await stage.follow("ES", "SPY")
    await stage.run(5)

    assert stage.lasting == set()
