"""Regimes, their hysteresis, and what is known before a session. QUANT_SPEC 8.1."""

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.analytics.regimes import (
    FIELDS,
    SCHEMA,
    Asked,
    EnhancedMarketRegime,
    Outlook,
    Reading,
    Regime,
    held_regime,
    known_row,
    market_regime,
    outlook,
    outlook_score,
    regime_of,
    regime_rows,
    regimes,
)
from futures_pipeline.domain.sessions import Timetable, TradingCalendar

QUIET = Reading(trend=0.0, volatility=0.15, slope=0.05, percentile=50.0)


@pytest.mark.parametrize(
    ("reading", "regime"),
    [
        (Reading(None, 0.5, -0.2, 99.0), Regime.UNKNOWN),
        (Reading(0.0, None, -0.2, 99.0), Regime.UNKNOWN),
        (Reading(0.0, 0.35, None, None), Regime.CRISIS),
        (Reading(3.0, 0.10, -0.10, 90.0), Regime.CRISIS),
        (Reading(0.0, 0.10, -0.10, 89.9), Regime.HIGH_VOLATILITY),
        (Reading(0.0, 0.10, -0.09, 90.0), Regime.HIGH_VOLATILITY),
        (Reading(0.0, 0.25, None, None), Regime.HIGH_VOLATILITY),
        (Reading(1.0, 0.249, 0.0, 79.9), Regime.TRENDING_UP),
        (Reading(-1.0, 0.10, 0.0, 10.0), Regime.TRENDING_DOWN),
        (Reading(0.9, 0.12, 0.0, 20.0), Regime.LOW_VOLATILITY),
        (Reading(0.9, 0.121, 0.0, 20.0), Regime.RANGE_BOUND),
        (Reading(0.9, 0.12, 0.0, None), Regime.RANGE_BOUND),
        (Reading(0.0, 0.10, -0.5, None), Regime.RANGE_BOUND),
        (Reading(0.0, 0.10, None, 95.0), Regime.HIGH_VOLATILITY),
        (QUIET, Regime.RANGE_BOUND),
    ],
)
def test_the_first_condition_that_holds_names_the_regime(reading: Reading, regime: Regime) -> None:
    assert regime_of(reading) is regime


U, C, H = Regime.UNKNOWN, Regime.CRISIS, Regime.HIGH_VOLATILITY
UP, R = Regime.TRENDING_UP, Regime.RANGE_BOUND


@pytest.mark.parametrize(
    ("held", "yesterday", "today", "found"),
    [
        (R, R, UP, R),  # one day is not enough
        (R, UP, UP, UP),
        (R, H, UP, R),  # two days, but of different states
        (R, R, C, C),  # a crisis at once
        (C, C, R, C),  # but it ends like anything else
        (C, R, R, R),
        (R, R, U, U),  # what is not known is not held
        (U, U, UP, UP),
        (UP, R, UP, UP),
    ],
)
def test_a_regime_changes_on_the_second_day(
    held: Regime, yesterday: Regime, today: Regime, found: Regime
) -> None:
    assert held_regime(held, yesterday, today) is found


def test_a_day_of_noise_changes_nothing() -> None:
    def on(trend: float | None) -> Reading:
        return Reading(trend, 0.15, 0.05, 50.0)

    trends = [0.0, 0.0, 1.5, 0.0, 1.5, 1.5, 0.0, None, 0.0]
    assert regimes(on(trend) for trend in trends) == [R, R, R, R, R, UP, UP, U, R]


NUMBERS = st.one_of(st.none(), st.floats(-3, 3))
READINGS = st.builds(
    Reading,
    NUMBERS,
    st.one_of(st.none(), st.floats(0.05, 0.5)),
    st.one_of(st.none(), st.floats(-0.3, 0.3)),
    st.one_of(st.none(), st.floats(0, 100)),
)


@given(st.lists(READINGS, max_size=30))
def test_every_change_is_confirmed_or_a_crisis_or_about_the_unknown(
    readings: list[Reading],
) -> None:
    found, raw = regimes(readings), [regime_of(reading) for reading in readings]
    assert regimes(readings[:10]) == found[:10]  # nothing looks ahead
    for before, (now, today, yesterday) in zip(
        found, zip(found[1:], raw[1:], raw, strict=False), strict=False
    ):
        if now is not before:
            assert now is today
            assert today is yesterday or today is C or U in (before, now)


@pytest.mark.parametrize(
    ("trend", "slope", "puts", "found"),
    [
        (1.4, 0.06, 95.0, Outlook.BULLISH),  # .42 + .2 + .12
        (None, 0.5, 95.0, Outlook.NEUTRAL),
        (0.9, None, None, Outlook.BULLISH),  # .27
        (0.8, None, None, Outlook.NEUTRAL),  # .24
        (-0.9, None, None, Outlook.BEARISH),
        (0.2, 0.0, 80.0, Outlook.BULLISH),  # .06 + .2, contrarian
        (-0.2, 0.0, 20.0, Outlook.BEARISH),
        (0.2, 0.0, 79.9, Outlook.NEUTRAL),
        (9.0, -9.0, 0.0, Outlook.NEUTRAL),  # .6 - .2 - .2, each part bounded
        (0.0, 9.0, None, Outlook.NEUTRAL),
    ],
)
def test_the_outlook_is_the_sum_of_three_parts(
    trend: float, slope: float | None, puts: float | None, found: Outlook
) -> None:
    assert outlook(trend, slope, puts) is found


def rows(days: list[date], **said: object) -> pl.DataFrame:
    """Return derived statistics of some days, of SPY."""
    values: dict[str, object] = {
        "iv_rank_30d": 65.0,
        "iv_rank_60d": 60.0,
        "iv_rank_90d": 58.0,
        "iv_percentile_1y": 70.0,
        "volatility_20d": 0.16,
        "trend_20d": 1.4,
        "put_call_ratio": 1.1,
        "term_structure_slope": 0.06,
        "regime": "trending_up",
        "iv_atm_30d": 0.2,
        "vix_close": 18.5,
        "underlying_close": 590.0,
        "reasons": None,
    }
    return pl.DataFrame({"symbol": "SPY", "date": days, **values, **said})


def regime_for(asked: Asked, statistics: pl.DataFrame, regular: Timetable) -> EnhancedMarketRegime:
    """Return what is known from the regimes that each day's statistics gave."""
    days = statistics["date"].unique().sort()
    regimes = [regime_rows(statistics, day, regular, AT) for day in days]
    stored = pl.concat([pl.DataFrame(schema=SCHEMA), *regimes])
    return market_regime(asked, known_row(asked, stored, regular))


TODAY = date(2025, 3, 12)
AT = datetime(2025, 3, 12, 14, tzinfo=UTC)
ASKED = Asked("SPY", AT, TODAY, vix=18.5, price=590.0)


def test_the_nine_fields_are_those_asked_for() -> None:
    names = [field.name for field in fields(EnhancedMarketRegime)]
    assert names[:6] == ["symbol", "timestamp", "outlook", "iv_rank", "vix", "price"]
    assert names[6:] == [*FIELDS, "derived_regime"]
    assert len(names[6:]) == 9


def test_the_latest_row_before_the_session_is_read(calendar: TradingCalendar) -> None:
    """Not the day's own, and not another ETF's."""
    days = [date(2025, 3, 10), date(2025, 3, 11), TODAY, date(2025, 3, 13)]
    known = rows(days, trend_20d=[1.0, 1.4, -9.0, -9.0])
    other = rows([date(2025, 3, 11)], trend_20d=-5.0).with_columns(symbol=pl.lit("QQQ"))
    found = regime_for(ASKED, pl.concat([known, other]).reverse(), calendar.regular)
    assert found.trend_20d == 1.4
    assert (found.iv_rank_30d, found.iv_rank, found.put_call_ratio) == (65.0, 60.0, 1.1)
    assert found.derived_regime is Regime.TRENDING_UP
    assert found.outlook is Outlook.BULLISH
    assert (found.symbol, found.timestamp, found.vix, found.price) == ("SPY", AT, 18.5, 590.0)
    with pytest.raises(FrozenInstanceError):
        found.vix = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("day", "is_known"),
    [
        (date(2025, 3, 11), True),
        (date(2025, 3, 7), True),  # Friday: three sessions before Wednesday
        (date(2025, 3, 6), False),
        (TODAY, False),
    ],
)
def test_a_row_of_more_than_three_sessions_ago_is_none(
    calendar: TradingCalendar, day: date, is_known: bool
) -> None:
    found = regime_for(ASKED, rows([day]), calendar.regular)
    assert (found.trend_20d is not None) == is_known
    if not is_known:
        assert all(getattr(found, name) is None for name in (*FIELDS, "derived_regime"))
        assert found.outlook is Outlook.NEUTRAL
        assert found.iv_rank is None


def test_a_holiday_is_no_session(calendar: TradingCalendar) -> None:
    """From Tuesday to the next Monday over Thanksgiving: Wednesday, Friday, Monday."""
    asked = Asked("SPY", datetime(2025, 12, 1, 15, tzinfo=UTC), date(2025, 12, 1))
    found = regime_for(asked, rows([date(2025, 11, 25)]), calendar.regular)
    assert found.trend_20d == 1.4


def test_the_callers_rank_stands(calendar: TradingCalendar) -> None:
    asked = Asked("SPY", AT, TODAY, iv_rank=12.0)
    known = rows([date(2025, 3, 11)])
    assert regime_for(asked, known, calendar.regular).iv_rank == 12.0
    assert regime_for(asked, known.clear(), calendar.regular).iv_rank == 12.0


@pytest.mark.parametrize(
    ("stored", "ratio", "found"),
    [
        (60, 2.0, Outlook.BULLISH),
        (60, 0.1, Outlook.NEUTRAL),
        (40, 2.0, Outlook.BULLISH),
        (39, 2.0, Outlook.NEUTRAL),  # fewer than two thirds of 60 sessions
    ],
)
def test_puts_are_compared_with_their_own_sixty_sessions(
    calendar: TradingCalendar, stored: int, ratio: float, found: Outlook
) -> None:
    """A small rise and many puts for a call, as they go: bullish."""
    sessions = [it.session_date for it in calendar.regular.before(TODAY, stored)]
    ratios = [*(1 + n / 1000 for n in range(stored - 1)), ratio]
    known = rows(sessions, put_call_ratio=ratios, trend_20d=0.4, term_structure_slope=0.0)
    assert regime_for(ASKED, known, calendar.regular).outlook is found


def test_nothing_stored_is_unknown(calendar: TradingCalendar) -> None:
    found = regime_for(ASKED, rows([TODAY - timedelta(days=1)]).clear(), calendar.regular)
    assert found.outlook is Outlook.NEUTRAL
    assert found.derived_regime is None
    assert found.vix == 18.5


def test_a_score_is_of_a_trend() -> None:
    """The vector of QUANT_SPEC 8.2: .6 * .7 + .2 + .2 * .6."""
    assert outlook_score(1.4, 0.06, 95.0) == pytest.approx(0.74)
    assert outlook_score(-1.4, -0.06, 5.0) == pytest.approx(-0.74)
    assert outlook_score(None, 0.06, 95.0) is None


def test_what_decisions_need_beside_the_nine_fields_is_in_the_row(
    calendar: TradingCalendar,
) -> None:
    """58 of 59 earlier ratios are below the day's, one is equal to it."""
    days = [it.session_date for it in calendar.regular.before(TODAY, 60)]
    known = rows(days, put_call_ratio=[*(n / 100 for n in range(59)), 0.58])
    row = regime_rows(known, days[-1], calendar.regular, AT).row(0, named=True)
    assert row["put_call_pctile_60"] == pytest.approx(100 * 58.5 / 59)
    assert (row["iv_atm_30d"], row["vix_close"], row["updated_at"]) == (0.2, 18.5, AT)
    assert row["reasons"] is None
    few = regime_rows(known.tail(3), days[-1], calendar.regular, AT).row(0, named=True)
    assert few["put_call_pctile_60"] is None
    assert few["reasons"] == "put_call_pctile_60 3_of_40_sessions"
