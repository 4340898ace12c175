"""Bars to rows: the usual size of each bar, unknown bars, the carried state."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from futures_pipeline.decisions.early_warning.bars import WARNING_SCHEMA, regime_warnings
from futures_pipeline.decisions.early_warning.machine import decoded
from futures_pipeline.decisions.early_warning.scales import BarScales, bar_scales
from futures_pipeline.domain.sessions import Session, TradingCalendar

MORNING = 186  # of 276 bars: the one that ends at 09:35 New York


def session_bars(
    sessions: list[Session], sizes: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    """Five-minute returns with a planted size for each slot; contract ESH5."""
    parts = []
    for session in sessions:
        count = session.minutes // 5
        ends = [session.opens_at + timedelta(minutes=5 * (bar + 1)) for bar in range(count)]
        moves = sizes[:count] * rng.choice([-1.0, 1.0], size=count)
        parts.append(
            pl.DataFrame(
                {
                    "symbol": "ES",
                    "contract": "ESH5",
                    "session_date": session.session_date,
                    "at": ends,
                    "log_return": moves,
                },
                schema_overrides={"at": pl.Datetime("us", "UTC")},
            )
        )
    return pl.concat(parts)


@pytest.fixture(scope="module")
def sessions(calendar: TradingCalendar) -> list[Session]:
    """Thirty sessions up to 15 January 2025, with shortened ones among them."""
    return list(calendar.globex.before(date(2025, 1, 16), 30))


@pytest.fixture(scope="module")
def planted() -> np.ndarray:
    """Regular hours move four times as much as the night."""
    return np.where(np.arange(276) >= MORNING, 0.002, 0.0005)


def test_the_usual_size_is_the_planted_one(sessions: list[Session], planted: np.ndarray) -> None:
    bars = session_bars(sessions, planted, np.random.default_rng(1))
    scales = bar_scales(bars, [session.session_date for session in sessions])
    assert scales.reason is None
    away = np.abs(np.arange(276) - MORNING + 0.5) > 2
    np.testing.assert_allclose(scales.sizes[away], planted[away], rtol=0.02)


def test_a_crash_does_not_rescale_itself(sessions: list[Session], planted: np.ndarray) -> None:
    """One session of three times the size moves the scale by a third, not by three."""
    rng = np.random.default_rng(1)
    calm = session_bars(sessions[:-1], planted, rng)
    crash = session_bars(sessions[-1:], 3 * planted, rng)
    days = [session.session_date for session in sessions]
    before = bar_scales(calm, days[:-1]).sizes
    after = bar_scales(pl.concat([calm, crash]), days).sizes
    assert 1.15 < np.nanmedian(after / before) < 1.45


def test_no_scale_below_twenty_sessions(sessions: list[Session], planted: np.ndarray) -> None:
    bars = session_bars(sessions, planted, np.random.default_rng(1))
    days = [session.session_date for session in sessions]
    assert bar_scales(bars, days[:20]).reason is None
    few = bar_scales(bars, days[:19])
    assert few.reason == "19_of_20_sessions"
    assert np.isnan(few.sizes).all()
    assert bar_scales(bars.clear(), days).reason == "0_of_20_sessions"


def test_no_look_ahead(sessions: list[Session], planted: np.ndarray) -> None:
    bars = session_bars(sessions, planted, np.random.default_rng(1))
    days = [session.session_date for session in sessions[:25]]
    known = bars.filter(pl.col("session_date").is_in(days))
    np.testing.assert_array_equal(bar_scales(bars, days).sizes, bar_scales(known, days).sizes)


def one_session(sessions: list[Session], moves: list[float | None]) -> pl.DataFrame:
    bars = session_bars(sessions[-1:], np.zeros(276), np.random.default_rng(1)).head(len(moves))
    return bars.with_columns(log_return=pl.Series(moves, dtype=pl.Float64))


FLAT = BarScales(np.full(276, 0.001), None)


def test_each_bar_has_a_row_and_an_escalation_is_marked(sessions: list[Session]) -> None:
    rows, state = regime_warnings(one_session(sessions, [-0.004] * 7), FLAT)
    assert rows.schema == pl.Schema(WARNING_SCHEMA)
    assert rows["level"].to_list() == ["normal", "watch", "watch", "watch"] + ["warning"] * 2 + [
        "collapse"
    ]
    assert rows["is_escalation"].to_list() == [False, True, False, False, True, False, True]
    assert rows["cusum"].to_list()[:3] == [3.5, 7.0, 10.5]
    assert rows["drawdown"].item(4) == pytest.approx(20 / math.sqrt(48))
    assert decoded(rows["state"].item(-1)) == state


def test_any_row_follows_from_the_one_before(sessions: list[Session]) -> None:
    moves = np.random.default_rng(5).normal(-0.0005, 0.001, 60).tolist()
    bars = one_session(sessions, moves)
    whole = regime_warnings(bars, FLAT).rows
    carried = decoded(whole["state"].item(39))
    assert regime_warnings(bars[40:], FLAT, carried).rows.equals(whole[40:])


def test_a_bar_that_cannot_be_judged_says_why(sessions: list[Session]) -> None:
    bars = one_session(sessions, [-0.004, None, -0.004])
    rows, _ = regime_warnings(bars, FLAT)
    assert rows["reason"].to_list() == [None, "no_return", None]
    assert rows["cusum"].to_list() == [3.5, 3.5, 7.0]
    unseen = BarScales(np.full(276, np.nan), "3_of_20_sessions")
    rows, _ = regime_warnings(bars, unseen)
    assert rows["reason"].to_list() == ["3_of_20_sessions", "no_return", "3_of_20_sessions"]
    assert rows["z"].null_count() == 3
    assert rows["level"].to_list() == ["normal"] * 3
    gap = BarScales(np.where(np.arange(276) == 1, np.nan, 0.001), None)
    rows, _ = regime_warnings(one_session(sessions, [0.0, 0.0]), gap)
    assert rows["reason"].to_list() == [None, "time_of_day_not_seen_before"]


def test_no_new_bar_is_no_row(sessions: list[Session]) -> None:
    _, state = regime_warnings(one_session(sessions, [-0.004]), FLAT)
    rows, after = regime_warnings(one_session(sessions, []), FLAT, state)
    assert rows.is_empty()
    assert after == state
