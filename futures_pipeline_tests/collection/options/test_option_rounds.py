"""Option rounds against the simulated gateway, with the real client between them."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from futures_pipeline.config import CollectionSettings
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.simulator.market.source import Market
from futures_pipeline.simulator.options.chain import option_listing
from futures_pipeline.storage.schemas import split
from futures_pipeline.storage.tables import OPTION_SNAPSHOTS
from futures_pipeline_tests.collection.options.bench import (
    SLOW,
    TEN,
    bench,
    eventually,
    keep_few,
)


async def test_a_round_is_complete_and_true(market: Market, tmp_path: Path) -> None:
    """Everything asked for comes, within the lines, equal to the surface; all is given back."""
    async with bench(market, tmp_path, speed=SLOW, symbol="SPY") as it:
        await it.run(lambda: it.finished >= 1)
        await eventually(lambda: it.option_lines == 0, 10)
        account = it.round_rows()[0]
        rows = it.rows(OPTION_SNAPSHOTS.name)
        book, limits = it.gateway.broker.options, it.gateway.broker.limits

        assert (account["ended"], account["reason"], account["round_at"]) == ("complete", None, TEN)
        assert account["asked"] == account["answered"] == rows.height > 90
        assert account["with_open_interest"] == account["with_greeks"] == account["asked"]
        assert account["windows"] == 2
        assert limits.violations == {}
        assert limits.most_lines <= 61
        assert it.spool.request_counts() == {("option_chain", "done"): 1}
        assert [message for message in it.messages if message.request_id > 0] == []

        symbols = OPTION_SNAPSHOTS.symbols(UNIVERSE.values())
        assert split(rows, OPTION_SNAPSHOTS, symbols).refused.is_empty()
        session = it.rounds.calendar.regular.at(TEN)
        for row in rows.filter(greeks="model").iter_rows(named=True):
            listing = option_listing("SPY", row["expiry"], row["strike"], row["right"])
            values = [
                book.value(listing, row["greeks_at"] - timedelta(seconds=n / 2)) for n in range(240)
            ]
            same = [v for v in values if v and v.terms.spot == row["underlying_price"]]
            nearest = min(same, key=lambda v: abs(v.implied_vol - row["iv"]))
            assert row["iv"] == pytest.approx(nearest.implied_vol, abs=2e-5)
            assert row["delta"] == pytest.approx(nearest.greeks.delta, abs=2e-4)
            assert row["theta"] == pytest.approx(nearest.greeks.theta, abs=2e-4)
            assert row["open_interest"] == book.open_interest(listing, session)
        never = {
            row["contract"]
            for row in rows.iter_rows(named=True)
            if book.model_delay(
                option_listing("SPY", row["expiry"], row["strike"], row["right"]), session
            )
            is None
        }
        assert never
        assert never == set(rows.filter(greeks="bid_ask")["contract"])


async def test_greeks_that_stay_away_are_marked_late_then_missing(
    market: Market, tmp_path: Path
) -> None:
    """The same contracts in three rounds: with the model, soon after it, long after it."""
    async with bench(market, tmp_path) as it:
        await keep_few(it, 6)
        await it.run(lambda: len(it.complete) == 1)
        await it.fault("mute", message_id="21")
        await it.run(lambda: len(it.complete) == 2)
        await eventually(lambda: it.rounds.clock.now() - TEN > timedelta(minutes=21), 90)
        await it.run(lambda: len(it.complete) == 3)

        rows = it.rows(OPTION_SNAPSHOTS.name)
        first, second, third = (rows.filter(round_at=row["round_at"]) for row in it.complete)
        assert set(first["greeks"]) == {"model"}
        assert set(second["greeks"]) == {"late"}
        assert second["greeks_at"].max() < it.complete[1]["round_at"]
        assert second["iv"].null_count() == 0
        assert set(third["greeks"]) == {"missing"}
        assert third.select("iv", "delta", "greeks_at").null_count().row(0) == (6, 6, 6)
        assert third["ask"].null_count() == 0
        assert [row["with_greeks"] for row in it.complete] == [6, 6, 0]


async def test_few_lines_make_many_windows(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path, free=2) as it:
        await keep_few(it, 6)
        await it.run(lambda: it.finished >= 1)

        account = it.round_rows()[0]
        assert (account["windows"], account["answered"], account["ended"]) == (3, 6, "complete")
        assert it.gateway.broker.limits.most_lines <= 3


async def test_delayed_data_are_collected_and_marked(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path) as it:
        await keep_few(it, 4)
        await it.fault("10167", symbol="IWM")
        await it.run(lambda: it.finished >= 1)

        rows = it.rows(OPTION_SNAPSHOTS.name)
        assert set(rows["data_type"]) == {"delayed"}
        assert set(rows["greeks"]) == {"model"}
        assert rows["bid"].null_count() == 0


async def test_part_of_the_data_is_a_complete_round_without_quotes(
    market: Market, tmp_path: Path
) -> None:
    async with bench(market, tmp_path) as it:
        await keep_few(it, 4)
        await it.fault("10090", symbol="IWM")
        await it.run(lambda: it.finished >= 1)

        account = it.round_rows()[0]
        assert (account["ended"], account["with_quote"], account["asked"]) == ("complete", 0, 4)


async def test_contracts_are_learned_once_a_session(market: Market, tmp_path: Path) -> None:
    async with bench(market, tmp_path, free=0) as it:
        await it.run(lambda: it.finished >= 1)
        requests = it.gateway.broker.statistics.requests
        learned = (requests["78"], requests["9"])
        await it.run(lambda: it.finished >= 2)

        assert learned[0] == 1
        assert (requests["78"], requests["9"]) == learned


async def test_an_interval_of_zero_asks_nothing_and_ends_with_the_session(
    market: Market, tmp_path: Path
) -> None:
    async with bench(market, tmp_path) as it:
        it.rounds.settings = CollectionSettings(option_interval_seconds=0)
        work = asyncio.create_task(it.rounds.work())
        await asyncio.sleep(0.2)
        assert not work.done()
        it.session.close()
        await asyncio.wait_for(work, 5)
        assert it.spool.request_counts() == {}
