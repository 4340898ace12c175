"""The generated market: consistent, deterministic, and with the truth that was planted."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.domain.sessions import Session
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.market.source import Bars, Floats, merge
from futures_pipeline.simulator.market.universe import (
    Listing,
    calendar_at,
    futures_listing,
    hours_of,
    spot_listing,
)

CALENDAR = calendar_at(datetime(2025, 1, 15, tzinfo=UTC))
MARKET = GeneratedMarket(seed=7)
SESSIONS = CALENDAR.globex.between(date(2024, 1, 2), date(2025, 12, 19))


def future(symbol: str, year: int = 2025, month: int = 12) -> Listing:
    listing = futures_listing(symbol, year, month, CALENDAR.regular)
    assert listing is not None
    return listing


def session_of(listing: Listing, day: date) -> Session:
    session = hours_of(listing, CALENDAR).trading.on(day)
    assert session is not None
    return session


def returns(market: GeneratedMarket, listing: Listing, days: list[date], step: int) -> Floats:
    """Return log returns of mid-quotes over ``step`` seconds of regular hours, day by day."""
    out = []
    for day in days:
        tape = market.tape(listing, session_of(listing, day))
        regular = CALENDAR.regular.on(day)
        assert tape is not None
        assert regular is not None
        first, last = (tape.row(m.timestamp()) for m in (regular.opens_at, regular.closes_at))
        middle = ((tape.bid + tape.ask) / 2)[first : last + 1 : step]
        out.append(np.diff(np.log(middle)))
    return np.concatenate(out)


def regular_days(count: int) -> list[date]:
    sessions = CALENDAR.regular.between(date(2025, 1, 13), date(2025, 6, 1))
    return [day.session_date for day in sessions[:count]]


@settings(max_examples=40, deadline=None)
@given(
    symbol=st.sampled_from(["ES", "NQ", "RTY", "SPY", "QQQ", "IWM", "VIX"]),
    number=st.integers(0, len(SESSIONS) - 1),
)
def test_twelve_five_second_bars_are_the_minute_bar(symbol: str, number: int) -> None:
    listing = future(symbol) if symbol in ("ES", "NQ", "RTY") else spot_listing(symbol)
    session = hours_of(listing, CALENDAR).trading.on(SESSIONS[number].session_date)
    tape = MARKET.tape(listing, session) if session else None
    if session is None or tape is None:
        return

    fives, minutes = tape.bars(5, "TRADES"), MARKET.minutes(listing, session)

    assert minutes is not None
    assert len(minutes) == session.minutes
    assert len(fives) == 12 * session.minutes
    again = merge(fives, 60, int(session.opens_at.timestamp()))
    for name in ("start", "open", "high", "low", "close", "volume", "count"):
        assert np.array_equal(getattr(again, name), getattr(minutes, name)), name
    assert np.allclose(again.wap, minutes.wap, rtol=1e-12)
    assert (minutes.low <= minutes.wap).all()
    assert (minutes.wap <= minutes.high).all()


def test_prices_lie_on_the_tick_and_the_book_is_never_crossed() -> None:
    for listing in (future("ES"), future("RTY"), spot_listing("SPY")):
        tape = MARKET.tape(listing, session_of(listing, date(2025, 1, 15)))
        assert tape is not None
        ticks = tape.price / listing.instrument.tick_size
        assert np.abs(ticks - np.round(ticks)).max() < 1e-6
        spread = (tape.ask - tape.bid) / listing.instrument.tick_size
        assert np.abs(spread - 1).max() < 1e-6
        traded = tape.volume > 0
        at_quote = (tape.price == tape.bid) | (tape.price == tape.ask)
        assert at_quote[traded].all()
        assert (tape.volume == np.floor(tape.volume)).all()


def test_the_same_seed_gives_the_same_prices_in_any_order() -> None:
    spy, days = spot_listing("SPY"), regular_days(3)
    forward, backward = GeneratedMarket(seed=7), GeneratedMarket(seed=7)
    # A later year loads a longer calendar, which must change nothing.
    later = spot_listing("QQQ")
    backward.tape(later, session_of(later, date(2026, 12, 15)))

    first = [forward.tape(spy, session_of(spy, day)) for day in days]
    second = [backward.tape(spy, session_of(spy, day)) for day in reversed(days)]

    for one, other in zip(first, reversed(second), strict=True):
        assert one is not None
        assert other is not None
        assert np.array_equal(one.price, other.price)
        assert np.array_equal(one.volume, other.volume)
    different = GeneratedMarket(seed=8).tape(spy, session_of(spy, days[0]))
    assert different is not None
    assert first[0] is not None
    assert not np.array_equal(different.price, first[0].price)


def test_sessions_join_without_a_jump_and_levels_are_plausible() -> None:
    es = future("ES", 2024, 3)
    first = MARKET.tape(es, session_of(es, date(2024, 1, 2)))
    second = MARKET.tape(es, session_of(es, date(2024, 1, 3)))
    assert first is not None
    assert second is not None

    assert first.price[0] == pytest.approx(4780, rel=0.01)
    assert second.price[0] == pytest.approx(first.price[-1], abs=3.0)


def test_spot_and_futures_move_together_when_no_lead_is_planted() -> None:
    """QUANT_SPEC 9.4: .9863 at one minute; ticks and spreads take a little."""
    days = regular_days(20)
    futures = returns(MARKET, future("ES"), days, 60)
    spot = returns(MARKET, spot_listing("SPY"), days, 60)

    assert np.corrcoef(futures, spot)[0, 1] > 0.95
    lagged = np.corrcoef(futures[:-1], spot[1:])[0, 1]
    assert abs(lagged) < 0.06


def test_a_planted_lead_of_thirty_seconds_shows_at_lag_one() -> None:
    """QUANT_SPEC 9.4: correlation .494 at once; the missing half comes a minute later."""
    days, market = regular_days(20), GeneratedMarket(seed=7, lead_seconds=30)
    futures = returns(market, future("ES"), days, 60)
    spot = returns(market, spot_listing("SPY"), days, 60)

    at_once = np.corrcoef(futures, spot)[0, 1]
    futures_first = np.corrcoef(futures[:-1], spot[1:])[0, 1]
    spot_first = np.corrcoef(futures[1:], spot[:-1])[0, 1]

    assert at_once == pytest.approx(0.494, abs=0.06)
    assert futures_first - spot_first == pytest.approx(0.490, abs=0.06)


def test_indices_are_correlated_and_vix_falls_when_stocks_rise() -> None:
    days = regular_days(20)
    es, nq, rty = (returns(MARKET, future(name), days, 60) for name in ("ES", "NQ", "RTY"))

    assert np.corrcoef(es, nq)[0, 1] == pytest.approx(0.9, abs=0.05)
    assert np.corrcoef(es, rty)[0, 1] == pytest.approx(0.85, abs=0.05)
    vix, spy = spot_listing("VIX"), spot_listing("SPY")
    changes = []
    for day in days:
        bars = MARKET.minutes(vix, session_of(vix, day))
        stock = MARKET.minutes(spy, session_of(spy, day))
        assert bars is not None
        assert stock is not None
        common = stock.cut(int(bars.start[0]), int(bars.start[-1]) + 1)
        changes.append((np.diff(np.log(bars.close)), np.diff(np.log(common.close))))
    vix_moves, spy_moves = (np.concatenate(part) for part in zip(*changes, strict=True))
    assert np.corrcoef(vix_moves, spy_moves)[0, 1] < -0.8


def test_volume_follows_the_front_month_and_rolls() -> None:
    day, rolled = date(2025, 3, 5), date(2025, 3, 18)
    march, june = future("ES", 2025, 3), future("ES", 2025, 6)

    def volume(listing: Listing, on: date) -> float:
        bars = MARKET.minutes(listing, session_of(listing, on))
        assert isinstance(bars, Bars)
        return float(bars.volume.sum())

    assert volume(march, day) > 10 * volume(june, day)
    assert volume(june, rolled) > 2 * volume(march, rolled)
