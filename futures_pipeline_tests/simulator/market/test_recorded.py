"""The recorded market: every bar exactly once, nothing invented, bad files named."""

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ib_async
import numpy as np
import polars as pl
import pytest

from futures_pipeline.domain.errors import RecordedDataError
from futures_pipeline.simulator.market.recorded import RecordedMarket, describe, listing_of
from futures_pipeline.simulator.market.source import quote_at
from futures_pipeline.simulator.market.universe import (
    Listing,
    calendar_at,
    futures_con_id,
    hours_of,
    spot_listing,
)
from futures_pipeline_tests.simulator.conftest import client, eventually, running

CALENDAR = calendar_at(datetime(2025, 1, 15, tzinfo=UTC))
NINE_FORTY = datetime(2025, 1, 15, 14, 40, tzinfo=UTC)
ESH5 = listing_of(futures_con_id("ES", 2025, 3), CALENDAR)
SPY = spot_listing("SPY")


def minute(number: int = 0, **values: Any) -> dict[str, Any]:
    """One ES bar; ``number`` counts minutes from 09:40 New York."""
    row = {"ts_utc": NINE_FORTY + timedelta(minutes=number), "symbol": "ES", "contract": "ESH5"}
    prices = {"open": 5900.25, "high": 5901.5, "low": 5899.75, "close": 5900.0, "volume": 137.0}
    return row | prices | values


def saved(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
    return path


def market_of(path: Path, rows: Sequence[dict[str, Any]]) -> RecordedMarket:
    return RecordedMarket([saved(path / "bars.parquet", rows)])


def starts_of(market: RecordedMarket, listing: Listing = ESH5) -> list[int]:
    session = hours_of(listing, CALENDAR).trading.on(date(2025, 1, 15))
    assert session is not None
    bars = market.minutes(listing, session)
    return [int(at - NINE_FORTY.timestamp()) // 60 for at in bars.start] if bars else []


def test_five_second_bars_add_up_to_the_recorded_minute(tmp_path: Path) -> None:
    rows = [
        minute(0),
        minute(1, open=5900.0, high=5900.0, low=5898.5, close=5898.5, volume=3.0),
        minute(4, close=5901.5, volume=0.75),
        minute(5),
    ]
    market = market_of(tmp_path, rows)
    session = hours_of(ESH5, CALENDAR).trading.on(date(2025, 1, 15))
    assert session is not None
    tape = market.tape(ESH5, session)
    assert tape is not None
    fives = tape.bars(5, "TRADES")

    assert len(fives) == 48
    for number, row in enumerate(rows):
        part = slice(12 * number, 12 * number + 12)
        assert fives.open[part][0] == row["open"]
        assert fives.high[part].max() == row["high"]
        assert fives.low[part].min() == row["low"]
        assert fives.close[part][-1] == row["close"]
        assert sum(fives.volume[part].tolist()) == row["volume"]
    whole = fives.volume[:24]
    assert np.array_equal(whole, np.floor(whole))


def test_quotes_are_recorded_ones_or_half_a_tick_from_the_price(tmp_path: Path) -> None:
    quoted = {"bid": 5899.75, "ask": 5900.25, "bid_size": 5.0, "ask_size": 19.0}
    empty = dict.fromkeys(("open", "high", "low", "close", "volume"))
    rows = [
        minute(0),
        minute(1, **quoted),
        minute(2, **empty | quoted | {"ask": 5900.5}),
        minute(3, **quoted | {"bid": None, "bid_size": None}),
    ]
    market = market_of(tmp_path, rows)

    def at(seconds: float) -> tuple[float, float, float]:
        moment = NINE_FORTY + timedelta(seconds=seconds)
        quote = quote_at(market, ESH5, hours_of(ESH5, CALENDAR), moment)
        assert quote is not None
        return quote.bid, quote.ask, quote.last

    assert starts_of(market) == [0, 1, 3]
    assert at(0) == (5900.125, 5900.375, 5900.25)
    assert at(119) == (5899.75, 5900.25, 5900.0)
    assert at(179) == (5899.75, 5900.5, 5900.0)
    assert at(240)[1:] == (5900.25, 5900.0)
    assert np.isnan(at(240)[0])


def test_duplicates_collapse_and_contradictions_keep_the_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [minute(0), minute(0), minute(1), minute(1, close=5901.0), minute(2)]
    market = market_of(tmp_path, rows)

    assert starts_of(market) == [0, 1, 2]
    assert "came first' rows=1" in caplog.text
    session = hours_of(ESH5, CALENDAR).trading.on(date(2025, 1, 15))
    assert session is not None
    bars = market.minutes(ESH5, session)
    assert bars is not None
    assert bars.close[1] == 5900.0


@pytest.mark.parametrize(
    "values",
    [
        {"close": float("nan")},
        {"high": float("inf")},
        {"open": -1.0},
        {"volume": -5.0},
        {"low": None},
        {"high": 5000.0},
    ],
)
def test_impossible_rows_are_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, values: dict[str, float]
) -> None:
    market = market_of(tmp_path, [minute(0), minute(1, **values), minute(2)])

    assert starts_of(market) == [0, 2]
    assert "rows=1" in caplog.text


def test_contracts_by_local_symbol_by_month_and_by_the_calendar(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        minute(0, contract="202503"),
        minute(1, contract=None),
        minute(2, symbol="ESH5", contract=None),
        minute(3, symbol="ESH5-ESM5", contract=None),
        minute(4, symbol="BTCUSDT", contract=None),
        minute(5, contract="ESM5"),
    ]
    caplog.set_level(logging.WARNING)
    market = market_of(tmp_path, rows)

    assert starts_of(market) == [0, 1, 2]
    assert starts_of(market, listing_of(futures_con_id("ES", 2025, 6), CALENDAR)) == [5]
    assert market.symbols() == ("ES",)
    assert "reason='calendar spreads' rows=1" in caplog.text
    assert "reason='unknown contracts' rows=1" in caplog.text


def rows_every(seconds: int) -> list[dict[str, Any]]:
    return [minute(0, ts_utc=NINE_FORTY + timedelta(seconds=seconds * n)) for n in range(20)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (rows_every(300), "300 seconds apart"),
        (rows_every(1), "whole minutes"),
        ([minute(0) | {"bar_label": "end"}], "labelled by their end"),
        ([minute(0, ts_utc=datetime(2025, 1, 15, 14, 40))], "naive"),  # noqa: DTZ001 - the fault
        ([minute(0, ts_utc="2025-01-15 14:40")], "not a time"),
        ([minute(0, symbol="DAX")], "only of DAX"),
        ([minute(0, close="5900")], "not numbers"),
        ([{"ts_utc": NINE_FORTY, "symbol": "ES"}], "open, high, low, close, volume"),
    ],
)
def test_unusable_files_are_refused_with_name_and_reason(
    tmp_path: Path, rows: list[dict[str, Any]], reason: str
) -> None:
    path = saved(tmp_path / "dirty.parquet", rows)

    with pytest.raises(RecordedDataError, match=r"dirty\.parquet") as refused:
        RecordedMarket([tmp_path])
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)

    saved(tmp_path / "good.parquet", [minute(0)])
    recording = describe([tmp_path])
    assert recording.symbols["ES"].bars == 1
    assert [(skip.file, reason in skip.reason) for skip in recording.skipped] == [(str(path), True)]


def test_what_is_no_parquet_file_and_what_is_absent_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("hello", encoding="utf-8")

    with pytest.raises(RecordedDataError, match="cannot be read as Parquet"):
        RecordedMarket([tmp_path])
    with pytest.raises(RecordedDataError, match="does not exist"):
        RecordedMarket([tmp_path / "nowhere"])


def test_description_names_sessions_and_last_bars(tmp_path: Path) -> None:
    evening = datetime(2025, 1, 15, 23, 30, tzinfo=UTC)
    recording = describe(
        [saved(tmp_path / "a.parquet", [minute(2), minute(3), minute(0, ts_utc=evening)])]
    ).as_json()

    assert recording["symbols"]["ES"] == {
        "first_session": "2025-01-15",
        "last_session": "2025-01-16",
        "bars": 3,
        "session_dates": ["2025-01-15", "2025-01-16"],
        "last_bar": {
            "2025-01-15": "2025-01-15T14:43:00+00:00",
            "2025-01-16": "2025-01-15T23:30:00+00:00",
        },
    }


async def test_live_bars_come_only_in_recorded_minutes(tmp_path: Path) -> None:
    market = market_of(tmp_path, [minute(0), minute(2), minute(3), minute(4)])
    async with running(market, NINE_FORTY) as simulated, client(simulated.port) as ib:
        contract = ib_async.Contract(conId=ESH5.con_id, exchange="CME")
        bars = ib.reqRealTimeBars(contract, 5, "TRADES", False)
        ticker = ib.reqMktData(contract)
        await eventually(lambda: len(simulated.gateway.sessions[7].streams) == 2)
        simulated.clock.advance(55)
        await eventually(lambda: len(bars) == 11)
        simulated.clock.advance(64)
        await eventually(lambda: len(bars) == 12)
        await eventually(lambda: ticker.volume == 137)
        simulated.clock.advance(61)
        await eventually(lambda: len(bars) == 24)

        assert bars[11].time == NINE_FORTY + timedelta(seconds=55)
        assert bars[12].time == NINE_FORTY + timedelta(minutes=2)
        history = await ib.reqHistoricalDataAsync(contract, "", "1 D", "1 min", "TRADES", False, 2)
        assert [bar.date for bar in history] == [NINE_FORTY, NINE_FORTY + timedelta(minutes=2)]


@pytest.mark.parametrize(
    ("file", "symbol", "con_id", "days"),
    [
        ("es_front_1m_2024_2025", "ES", ESH5.con_id, (date(2025, 1, 15), date(2025, 1, 20))),
        ("spy_1m_2024_2025", "SPY", SPY.con_id, (date(2024, 12, 24), date(2025, 1, 15))),
    ],
)
async def test_recorded_bars_arrive_once_and_equal(
    recorded_data: Path, file: str, symbol: str, con_id: int, days: tuple[date, ...]
) -> None:
    path = recorded_data / f"{file}.parquet"
    market, rows = RecordedMarket([path]), pl.read_parquet(path)
    listing = listing_of(con_id, CALENDAR)
    async with (
        running(market, datetime(2025, 2, 3, 15, tzinfo=UTC)) as simulated,
        client(simulated.port) as ib,
    ):
        for day in days:
            session = hours_of(listing, CALENDAR).trading.on(day)
            assert session is not None
            bars = await ib.reqHistoricalDataAsync(
                ib_async.Contract(conId=con_id, exchange=listing.instrument.exchange),
                f"{session.closes_at:%Y%m%d %H:%M:%S} UTC",
                "1 D",
                "1 min",
                "TRADES",
                False,
                2,
            )
            expected = rows.filter(
                (pl.col("ts_utc") >= session.opens_at) & (pl.col("ts_utc") < session.closes_at)
            ).select("ts_utc", "open", "high", "low", "close", "volume")
            got = [(b.date, b.open, b.high, b.low, b.close, b.volume) for b in bars]
            assert len(got) > 200
            assert got == expected.rows(), f"{symbol} {day}"


def test_the_recorded_folder_loads_quickly_and_names_what_it_leaves_out(
    recorded_data: Path,
) -> None:
    recording = describe([recorded_data])

    assert {"ES", "SPY"} <= set(recording.symbols)
    reasons = {Path(skip.file).stem: skip.reason for skip in recording.skipped}
    assert "labelled by their end" in reasons["etf_vix_1m_2019_02_endlabel"]
    assert "ts_utc" in reasons["dirty_etf_5m_mixed_tz_2026"]
    assert "300 seconds apart" in reasons["spx_vix_vix1d_5m_2025_2026"]
    assert "whole minutes" in reasons["lean_spy_1s_2013"]
    assert recording.symbols["ES"].bars > 200_000


def test_rows_of_a_closure_are_replayed_with_the_next_session(tmp_path: Path) -> None:
    """Globex once closed at 17:15 New York; today's calendar closes at 17:00."""
    evening = datetime(2025, 1, 14, 22, 5, tzinfo=UTC)
    rows = [minute(0), minute(0, ts_utc=evening)]
    market = market_of(tmp_path, rows)

    session = market.hours(ESH5, CALENDAR).trading.on(date(2025, 1, 15))
    assert session is not None
    bars = market.minutes(ESH5, session)

    assert bars is not None
    assert bars.start[0] == evening.timestamp()


def test_dropped_rows_are_told(tmp_path: Path) -> None:
    rows = [minute(0), minute(1, close=float("nan"))]
    saved(tmp_path / "bars.parquet", rows)

    (dropped,) = describe([tmp_path]).dropped

    assert (dropped.rows, dropped.reason) == (1, "missing, negative or contradictory values")


def test_a_file_of_impossible_values_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "bars.parquet", [minute(0, close=float("nan"))])

    with pytest.raises(RecordedDataError, match="no row with possible values"):
        describe([tmp_path])
