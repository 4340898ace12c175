"""The public door to options: rows as stored, and a regime that never knows its own day."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from futures_pipeline.analytics.regimes import Outlook, Regime
from futures_pipeline.api import get_derived_statistics, get_market_regime
from futures_pipeline.domain.errors import ConfigurationError, UnknownSymbol
from futures_pipeline.domain.sessions import new_york
from futures_pipeline_tests.stored import bar, store

MONDAY, TUESDAY = date(2025, 3, 10), date(2025, 3, 11)
AT = new_york(TUESDAY, 10)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Statistics of two days of SPY and one of QQQ, regimes of SPY, and minutes of Tuesday."""
    days = [("SPY", MONDAY, 60.0), ("SPY", TUESDAY, 10.0), ("QQQ", MONDAY, 5.0)]
    store(
        tmp_path,
        "derived_statistics",
        [{"symbol": s, "date": d, "session_date": d, "iv_rank_60d": rank} for s, d, rank in days],
    )
    regimes = [
        {"symbol": s, "session_date": d, "iv_rank_60d": rank, "outlook": "bullish",
         "derived_regime": "trending_up"}
        for s, d, rank in days
    ]  # fmt: skip
    store(tmp_path, "market_regimes", regimes)
    bars = [
        bar(symbol, at, close, symbol=symbol, session_date=TUESDAY)
        for symbol, close in (("SPY", 560.0), ("VIX", 27.0))
        for at in (AT - timedelta(minutes=20), AT)
    ]
    later = AT + timedelta(minutes=1)
    bars.append(bar("SPY", later, 999.0, symbol="SPY", session_date=TUESDAY))
    store(tmp_path, "bars_1m", bars)
    return tmp_path


def test_the_newest_rows_come_oldest_first(data: Path) -> None:
    assert get_derived_statistics("SPY", data=data)["date"].to_list() == [MONDAY, TUESDAY]
    assert get_derived_statistics("SPY", 1, data=data)["date"].to_list() == [TUESDAY]
    assert get_derived_statistics("IWM", data=data).is_empty()


def test_a_regime_is_of_the_session_before(data: Path) -> None:
    found = get_market_regime("SPY", AT, data=data)
    assert (found.iv_rank_60d, found.iv_rank) == (60.0, 60.0)
    assert (found.outlook, found.derived_regime) == (Outlook.BULLISH, Regime.TRENDING_UP)
    assert (found.symbol, found.timestamp) == ("SPY", AT)
    # What the minute before said; the next minute is not known yet.
    assert (found.vix, found.price) == (27.0, 560.0)


def test_the_evening_belongs_to_the_next_session(data: Path) -> None:
    evening = get_market_regime("SPY", new_york(TUESDAY, 18, 30), data=data)
    assert evening.iv_rank_60d == 10.0
    assert (evening.vix, evening.price) == (None, None)


def test_an_old_regime_is_unknown(data: Path) -> None:
    """Tuesday's row stands on Friday, the third session after it, and not on Monday."""
    friday = get_market_regime("SPY", new_york(date(2025, 3, 14), 10), data=data)
    assert friday.iv_rank_60d == 10.0
    monday = get_market_regime("SPY", new_york(date(2025, 3, 17), 10), data=data)
    assert (monday.iv_rank_60d, monday.derived_regime) == (None, None)
    assert monday.outlook is Outlook.NEUTRAL


def test_nothing_stored_is_unknown(tmp_path: Path) -> None:
    assert get_derived_statistics("SPY", data=tmp_path).is_empty()
    assert get_market_regime("SPY", AT, data=tmp_path).iv_rank is None


@pytest.mark.parametrize(("symbol", "error"), [("ES", ConfigurationError), ("GLD", UnknownSymbol)])
def test_only_etfs_have_options(tmp_path: Path, symbol: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        get_derived_statistics(symbol, data=tmp_path)
    with pytest.raises(error):
        get_market_regime(symbol, AT, data=tmp_path)


def test_a_moment_needs_its_zone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="as_of"):
        get_market_regime("SPY", datetime(2025, 3, 11, 10), data=tmp_path)  # noqa: DTZ001
    with pytest.raises(ConfigurationError, match="days"):
        get_derived_statistics("SPY", 0, data=tmp_path)
