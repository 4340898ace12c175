"""The generated pairs: the same whatever is asked first, bars of trades, known correlation."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from futures_pipeline.domain.sessions import Segment, segment
from futures_pipeline.simulator.binance.prices import (
    CORRELATION,
    DAY_SIGMA,
    Pair,
    at_rest,
    trades_per_minute,
)
from futures_pipeline.simulator.market.generated import GeneratedMarket

AT = datetime(2025, 1, 15, 14, 40, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAYS = 20


def pair(seed: int = 7, per_minute: int = 60) -> Pair:
    return Pair("BTCUSDT", seed, per_minute, at_rest)


def test_a_trade_is_a_function_of_its_id() -> None:
    newest = pair().newest(AT)
    alone, among = pair().trades(newest, newest), pair().trades(newest - 5000, newest)

    for column in ("id", "at_ms", "price", "quantity", "buyer_is_maker"):
        assert getattr(alone, column)[0] == getattr(among, column)[-1]
    assert pair(seed=8).trades(newest, newest).price[0] != alone.price[0]


def test_ids_follow_time_and_none_lies_in_the_future() -> None:
    newest = pair().newest(AT)
    trades = pair().trades(newest - 5000, newest + 1)

    assert (np.diff(trades.at_ms) > 0).all()
    assert trades.at_ms[-2] / 1000 <= AT.timestamp() <= trades.at_ms[-1] / 1000 + 2


@pytest.mark.parametrize("minutes_before", [0, 1, 870, 880])  # both sides of midnight UTC
def test_a_bar_is_made_of_its_trades(minutes_before: int) -> None:
    start = AT - (minutes_before + 1) * MINUTE
    (bar,) = zip(*vars_of(pair().klines(start, start + MINUTE)), strict=True)
    newest = pair().newest(AT)
    trades = pair().trades(newest - 60 * 900, newest)
    own = (trades.at_ms >= start.timestamp() * 1000) & (
        trades.at_ms < (start + MINUTE).timestamp() * 1000
    )
    price, quantity = trades.price[own], trades.quantity[own]

    assert bar[:5] == (start.timestamp(), price[0], price.max(), price.min(), price[-1])
    assert bar[5] == pytest.approx(quantity.sum())
    assert bar[6] == pytest.approx((price * quantity).sum())
    assert bar[7] == own.sum() == 60


def vars_of(bars: object) -> list[list[float]]:
    names = ("start", "open", "high", "low", "close", "volume", "quote_volume", "count")
    return [getattr(bars, name).tolist() for name in names]


def test_a_growing_bar_ends_as_the_whole_one() -> None:
    start = int(AT.timestamp()) - 60
    whole = pair().kline_until(start, pair().newest(AT))
    asked = pair().klines(AT - MINUTE, AT)

    assert whole is not None
    assert vars_of(whole) == vars_of(asked)
    half = pair().kline_until(start, pair().newest(AT - MINUTE / 2))
    assert half is not None
    assert half.count[0] == 30
    assert pair().kline_until(start, pair().newest(AT - 2 * MINUTE)) is None


def test_volatility_and_correlation_are_the_known_ones() -> None:
    """Four standard errors of minute returns over twenty days, drawn once from the seed."""
    market = GeneratedMarket(7)
    bars = Pair("BTCUSDT", 7, 60, market.index_path).klines(AT - timedelta(days=DAYS), AT)
    index = market.index_path(int(bars.start[0]), 60 * len(bars.start))[59::60]
    theirs, own = np.diff(index), np.diff(np.log(bars.close))
    parts = [segment(datetime.fromtimestamp(start, UTC)) for start in bars.start[1:].tolist()]

    assert own.std() * np.sqrt(1440) == pytest.approx(DAY_SIGMA, rel=0.1)
    for part in (Segment.ASIA, Segment.EUROPE, Segment.US):
        chosen = np.array([it is part for it in parts]) & (theirs != 0)
        found = np.corrcoef(own[chosen], theirs[chosen])[0, 1]
        assert found == pytest.approx(CORRELATION[part], abs=4 / np.sqrt(chosen.sum())), part


def test_a_fast_clock_has_fewer_trades_a_minute() -> None:
    assert [trades_per_minute(speed) for speed in (1, 60, 600, 100_000)] == [600, 600, 60, 1]
