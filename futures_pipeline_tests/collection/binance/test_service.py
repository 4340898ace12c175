"""Pairs through the whole feed into the spool: compared with what the exchange traded."""

import logging
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from futures_pipeline.collection.binance import service as module
from futures_pipeline.collection.binance.messages import Trade
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.causes import Cause
from futures_pipeline.storage.judging import Court, judge
from futures_pipeline.storage.merge import merge_rows
from futures_pipeline.storage.spool import NewRequest, Spool
from futures_pipeline.storage.tables import BARS_1M, CRYPTO_SNAPSHOTS, GATEWAY_EVENTS, Table
from futures_pipeline_tests.collection.binance.conftest import (
    IN_THE_PAUSE,
    NAME,
    PAIR,
    Simulated,
    eventually,
    exchange_at,
)

MINUTE = timedelta(minutes=1)
# Two minutes before Globex closes for its daily pause.
BEFORE_THE_CLOSE = datetime(2025, 1, 15, 21, 58, 30, tzinfo=UTC)
YESTERDAYS_BEGIN = datetime(2025, 1, 13, 22, 0, tzinfo=UTC)  # the close before
THURSDAY, FRIDAY = date(2025, 1, 16), date(2025, 1, 17)
MONDAY_MORNING = datetime(2025, 1, 13, 1, 0, 20, tzinfo=UTC)
FRIDAYS_CLOSE = datetime(2025, 1, 10, 22, 0, tzinfo=UTC)
MONDAY = date(2025, 1, 13)


def stored(spool: Spool, table: Table) -> pl.DataFrame:
    """Return what the lake would hold of a table; fails when it would refuse a row."""
    calendar = calendar_for(IN_THE_PAUSE)
    parts = []
    for part in spool.partitions():
        if part.table == table.name:
            court = Court(table, part.session_date, {PAIR, "ETH/USDT", "*"}, calendar)
            judged = judge(spool.read_after(part.table, part.session_date, 0), court)
            assert judged.refused.is_empty(), judged.refused.to_dicts()
            nothing = judged.good.clear()
            parts.append(merge_rows(nothing, judged.good, table).added)
    nothing = pl.DataFrame(schema={name: table.schema[name] for name in table.names[:-2]})
    return pl.concat(parts).sort(table.order) if parts else nothing


def minutes_of(spool: Spool, symbol: str = PAIR) -> list[datetime]:
    starts: list[datetime] = stored(spool, BARS_1M).filter(symbol=symbol)["ts_start"].to_list()
    return starts


def has_bars(spool: Spool, count: int) -> bool:
    return sum(it.rows for it in spool.partitions() if it.table == BARS_1M.name) >= count


def is_whole(starts: list[datetime]) -> bool:
    """Return whether there is any minute, and every one between the first and the last."""
    return bool(starts) and starts == [starts[0] + n * MINUTE for n in range(len(starts))]


def whole_until(spool: Spool, moment: datetime) -> bool:
    starts = minutes_of(spool)
    return is_whole(starts) and starts[-1] >= moment


async def test_minutes_go_on_through_the_pause_under_the_next_session(spool: Spool) -> None:
    async with exchange_at(BEFORE_THE_CLOSE, 60.0) as simulated:
        async with simulated.collecting(spool, history_sessions=1):
            # What was missed while the streams were opened is asked for five minutes later.
            await eventually(
                lambda: (
                    minutes_of(spool)[:1] == [YESTERDAYS_BEGIN]
                    and whole_until(spool, BEFORE_THE_CLOSE + 5 * MINUTE)
                )
            )
        bars = stored(spool, BARS_1M)
        starts = minutes_of(spool)
        truth = simulated.exchange.pairs[NAME].klines(starts[0], starts[-1] + MINUTE)

    assert is_whole(starts)
    assert starts[0] == YESTERDAYS_BEGIN
    close = datetime(2025, 1, 15, 22, 0, tzinfo=UTC)
    days = {row["ts_start"]: row["session_date"] for row in bars.iter_rows(named=True)}
    assert days[close - MINUTE] == date(2025, 1, 15)
    assert days[close] == THURSDAY
    assert set(bars["source"]) == {"realtime", "history"}
    for column in ("open", "high", "low", "close", "volume"):
        assert bars[column].to_list() == pytest.approx(getattr(truth, column).tolist())
    assert bars["wap"].to_list() == pytest.approx((truth.quote_volume / truth.volume).tolist())


async def test_the_first_history_of_a_monday_reaches_back_over_the_weekend(spool: Spool) -> None:
    async with exchange_at(MONDAY_MORNING, 60.0) as simulated, simulated.collecting(spool):
        await eventually(
            lambda: minutes_of(spool)[:1] == [FRIDAYS_CLOSE] and whole_until(spool, MONDAY_MORNING)
        )

    assert set(stored(spool, BARS_1M)["session_date"]) == {MONDAY}


async def test_minutes_that_the_streams_missed_are_asked_for_and_the_outage_is_told(
    spool: Spool,
) -> None:
    async with exchange_at(IN_THE_PAUSE, 120.0) as simulated:
        exchange = simulated.exchange
        async with simulated.collecting(spool):
            await eventually(lambda: len(exchange.lines) == 1)
            exchange.faults.is_refusing = True
            await exchange.end_lines(1001)
            await eventually(lambda: simulated.clock.now() > IN_THE_PAUSE + 5 * MINUTE)
            exchange.faults.is_refusing = False
            await eventually(lambda: whole_until(spool, IN_THE_PAUSE + 8 * MINUTE), seconds=40.0)
    events = stored(spool, GATEWAY_EVENTS)

    lost = events.filter(event=Cause.CONNECTION_LOST.value, symbol=PAIR)
    assert max(lost["ends_at"] - lost["starts_at"]) > timedelta(minutes=3)


async def test_a_minute_that_the_exchange_does_not_have_is_given_up_and_told(
    spool: Spool,
) -> None:
    def events() -> set[str]:
        return set(stored(spool, GATEWAY_EVENTS)["event"])

    async with exchange_at(IN_THE_PAUSE, 600.0) as simulated:
        simulated.exchange.faults.lost_minute.charge.left = 1000
        async with simulated.collecting(spool):
            await eventually(lambda: Cause.NO_TRADES.value in events(), seconds=60.0)


async def test_snapshots_of_the_last_trade_and_the_book(spool: Spool, simulated: Simulated) -> None:
    heard: list[Trade] = []
    async with simulated.collecting(spool, heard.append, symbols=(PAIR, "ETH/USDT")):
        await eventually(
            lambda: sum(it.rows for it in spool.partitions() if "crypto" in it.table) >= 6
        )

    rows = stored(spool, CRYPTO_SNAPSHOTS)
    assert set(rows["symbol"]) == {PAIR, "ETH/USDT"}
    assert set(rows["session_date"]) == {THURSDAY}
    prices = {(it.name, it.at): it.price for it in heard}
    for row in rows.iter_rows(named=True):
        assert row["bid"] < row["ask"]
        assert row["last"] == prices[row["symbol"].replace("/", ""), row["last_at"]]
        assert row["last_at"] <= row["timestamp"]
    assert rows["volume"].null_count() == rows["con_id"].null_count() == rows.height


async def test_silence_makes_no_snapshots(spool: Spool) -> None:
    """A price from before is not a price now: nothing is written rather than the old one."""
    async with exchange_at(IN_THE_PAUSE, 60.0) as simulated:
        exchange = simulated.exchange
        async with simulated.collecting(spool):
            await eventually(lambda: any("crypto" in it.table for it in spool.partitions()))
            exchange.faults.is_refusing = True
            await exchange.end_lines(1001)
            silent_from = simulated.clock.now()
            await eventually(lambda: simulated.clock.now() > silent_from + 8 * MINUTE)
    last = stored(spool, CRYPTO_SNAPSHOTS)["timestamp"].max()
    assert isinstance(last, datetime)

    assert last < silent_from + 5 * MINUTE


async def test_the_broker_s_requests_are_left_alone(spool: Spool, simulated: Simulated) -> None:
    now = simulated.clock.now()
    spool.enqueue([NewRequest(kind, "ES", 1) for kind in ("snapshot", "repair", "backfill")], now)
    async with simulated.collecting(spool):
        await eventually(lambda: has_bars(spool, 5))

    counts = spool.request_counts()
    assert {kind for kind, status in counts if status == "pending"} == {
        "snapshot",
        "repair",
        "backfill",
    }


async def test_an_error_in_the_program_is_told_and_collecting_goes_on(
    spool: Spool,
    simulated: Simulated,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "START_AGAIN_SECONDS", 0.01)
    heard: list[Trade] = []

    def fails_once(trade: Trade) -> None:
        heard.append(trade)
        if len(heard) == 3:
            raise ZeroDivisionError

    async with simulated.collecting(spool, fails_once):
        await eventually(lambda: len(heard) > 100)

    assert simulated.exchange.connections == 2
    (failure,) = [it for it in caplog.records if it.levelno >= logging.ERROR]
    assert "pairs_failed" in failure.message


async def test_a_clock_that_is_off_is_warned_of(
    spool: Spool, simulated: Simulated, caplog: pytest.LogCaptureFixture
) -> None:
    simulated.exchange.faults.skew_seconds = -90.0
    async with simulated.collecting(spool):
        await eventually(lambda: "clock_compared" in caplog.text)

    (told,) = [it for it in caplog.records if "clock_compared" in it.message]
    assert told.levelno == logging.WARNING


async def test_a_minute_that_still_grows_there_is_no_bar_here(spool: Spool) -> None:
    """The exchange's clock is three minutes behind: its newest bars are not finished."""
    async with exchange_at(IN_THE_PAUSE, 60.0) as simulated:
        exchange = simulated.exchange
        exchange.faults.skew_seconds = -180.0
        async with simulated.collecting(spool):
            await eventually(lambda: has_bars(spool, 12))
        bars = stored(spool, BARS_1M)
        starts = bars["ts_start"].to_list()
        truth = exchange.pairs[NAME].klines(starts[0], starts[-1] + MINUTE)

    wanted = dict(zip(truth.start.tolist(), truth.count.tolist(), strict=True))
    assert [wanted[int(it.timestamp())] for it in starts] == bars["trade_count"].to_list()
