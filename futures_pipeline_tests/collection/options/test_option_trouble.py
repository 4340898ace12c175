"""What keeps a round from being complete is told, and not tried again in a loop."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ib_async
import pytest

from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.market.source import Market
from futures_pipeline.simulator.market.universe import Listing
from futures_pipeline.storage.tables import OPTION_SNAPSHOTS
from futures_pipeline_tests.collection.options.bench import (
    SLOW,
    bench,
    eventually,
    keep_few,
)


async def test_without_a_free_line_nothing_is_asked(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path, free=0) as it:
        await it.run(lambda: it.finished >= 1)

        account = it.round_rows()[0]
        assert (account["ended"], account["reason"]) == ("cut", "no_free_line")
        assert account["asked"] > 90
        assert (account["answered"], account["windows"]) == (0, 0)
        assert it.gateway.broker.limits.most_lines == 1


async def test_a_lost_connection_cuts_the_round_and_what_came_is_kept(
    market: Market, tmp_path: Path
) -> None:
    async with bench(market, tmp_path, free=4) as it:
        await keep_few(it, 8)
        work = asyncio.create_task(it.rounds.work())
        await eventually(lambda: it.option_lines == 4, 20)
        first = it.rounds._window
        await eventually(lambda: it.rounds._window not in (None, first), 20)
        await it.fault("rst")
        await asyncio.wait_for(it.session.lost.wait(), 5)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

        account = it.round_rows()[0]
        assert (account["ended"], account["reason"]) == ("cut", "connection_lost")
        assert 4 <= account["answered"] < account["asked"] == 8
        assert it.rows(OPTION_SNAPSHOTS.name).height == account["answered"]
        assert it.spool.request_counts() == {("option_chain", "done"): 1}
        # The next session takes the round again: it was not worked to its end.
        assert it.rounds.chains.last_round is None


async def test_a_stopped_round_gives_every_line_back(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path) as it:
        await it.run(lambda: it.option_lines > 3)
        await eventually(lambda: it.option_lines == 0, 10)

        account = it.round_rows()[0]
        assert (account["ended"], account["reason"]) == ("cut", "stopped")
        cancelled = it.gateway.broker.statistics.requests["2"]
        assert cancelled == it.gateway.broker.statistics.requests["1"] - 1


async def test_the_markets_close_cuts_the_round(market: Market, tmp_path: Path) -> None:
    close = datetime(2025, 1, 15, 21, 0, tzinfo=UTC)
    async with bench(market, tmp_path, close - timedelta(seconds=70), speed=SLOW) as it:
        await it.run(lambda: it.finished >= 1)

        account = it.round_rows()[0]
        assert account["round_at"] == close - timedelta(minutes=5)
        assert (account["ended"], account["reason"]) == ("cut", "market_closed")
        rows = it.rows(OPTION_SNAPSHOTS.name)
        assert account["answered"] == rows.height
        await it.session.current_time()  # what was sent before has arrived
        asked = it.gateway.broker.statistics.requests["1"]
        with pytest.raises(TimeoutError):
            await it.run(lambda: it.finished > 1, seconds=0.3)
        await it.session.current_time()
        assert it.gateway.broker.statistics.requests["1"] == asked


@pytest.mark.parametrize(
    ("fault", "reason", "barred"),
    [
        ("354", "not_subscribed", {"IWM": "not_subscribed"}),
        ("10089", "not_subscribed", {"IWM": "not_subscribed"}),
        ("101", "no_free_line", {}),
    ],
)
async def test_a_refusal_of_all_cuts_the_round_and_is_not_repeated(
    market: Market, tmp_path: Path, fault: str, reason: str, barred: dict[str, str]
) -> None:
    async with bench(market, tmp_path, free=3) as it:
        await keep_few(it, 8)
        await it.fault(fault, symbol="IWM")
        asked = it.gateway.broker.statistics.requests
        before = asked["1"]
        await it.run(lambda: it.finished >= 1)
        await it.session.current_time()  # what was sent before has arrived
        tries = asked["1"] - before

        account = it.round_rows()[0]
        assert (account["ended"], account["reason"]) == ("cut", reason)
        assert (account["asked"], account["answered"], account["windows"]) == (8, 0, 1)
        assert tries == 3
        assert it.rounds.chains.barred == barred
        await it.run(lambda: it.finished >= 2)
        await it.session.current_time()
        again = it.round_rows()[1]
        assert (again["reason"], again["asked"]) == (reason, 0 if barred else 8)
        assert asked["1"] - before == (3 if barred else 6)


async def test_a_competing_session_cuts_the_round(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path, free=3) as it:
        await keep_few(it, 8)
        it.rounds.chains.received.clear()
        await it.fault("mute", message_id="21")  # so that the window is still open
        work = asyncio.create_task(it.rounds.work())
        await eventually(lambda: it.option_lines == 3, 20)
        await it.fault("10197")
        await eventually(lambda: it.finished >= 1, 10)
        work.cancel()

        account = it.round_rows()[0]
        assert (account["ended"], account["reason"]) == ("cut", "competing_session")
        await eventually(lambda: it.option_lines == 0, 10)


async def test_one_unknown_contract_is_skipped_and_counted(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path) as it:
        known = await keep_few(it, 6)
        await it.fault("200", symbol="IWM", count=1)
        await it.run(lambda: it.finished >= 1)

        account = it.round_rows()[0]
        assert (account["ended"], account["asked"], account["answered"]) == ("complete", 6, 5)
        assert account["refused"] == 1
        refused = it.rounds.chains.refused
        assert len(refused) == 1
        assert refused < {option.con_id for option in known}
        await it.run(lambda: it.finished >= 2)
        assert it.round_rows()[1]["asked"] == 5


async def test_streams_that_say_nothing_cut_the_round(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path, free=3) as it:
        await keep_few(it, 9)
        ticker = it.rounds.ticker("IWM")
        assert ticker is not None
        await eventually(lambda: ticker.bid > 0, 10)
        await it.fault("silence", symbol="IWM")
        await it.run(lambda: it.finished >= 1)

        account = it.round_rows()[0]
        assert (account["reason"], account["windows"], account["answered"]) == (
            "stream_silent",
            1,
            0,
        )


async def test_without_a_price_of_the_etf_nothing_is_chosen(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path) as it:
        it.rounds.ticker = {"IWM": ib_async.Ticker()}.get
        await it.run(lambda: it.finished >= 1)

        account = it.round_rows()[0]
        assert (account["reason"], account["asked"]) == ("no_spot_price", 0)


class WithoutVolatility(GeneratedMarket):
    """Prices alone, as recorded files have them: nothing to make options of."""

    def implied_vol(self, listing: Listing, at: datetime) -> float | None:  # noqa: ARG002
        return None


async def test_a_gateway_that_lists_no_options_is_said_so(tmp_path: Path) -> None:
    async with bench(WithoutVolatility(seed=7), tmp_path) as it:
        await it.run(lambda: it.finished >= 1)

        account = it.round_rows()[0]
        assert (account["ended"], account["reason"]) == ("cut", "nothing_listed")
        assert it.messages == []
