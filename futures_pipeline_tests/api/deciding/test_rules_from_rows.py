"""Futures rules, the surge, the gate and warnings through a day of rows in a lake."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from futures_pipeline.api.deciding.moments import moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store
from futures_pipeline.config import DecisionSettings
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.tables import (
    BARS_1M,
    MARKET_REGIMES,
    PREDICTIVE_VALUE,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
)
from futures_pipeline_tests.api.deciding.conftest import DAY, store_on
from futures_pipeline_tests.api.deciding.planted import (
    BEFORE,
    DEAR,
    MIDDLING,
    NOON,
    decision,
    failing,
    matched,
    regime,
    tell,
)
from futures_pipeline_tests.market_lake import (
    CALENDAR,
    LEVEL,
    add,
    market,
    session_bars,
    sessions,
)

Row = dict[str, Any]


def swing(minutes: int) -> np.ndarray:
    """A rise from 04:00, quiet until 11:00, a fall until 13:00, and quiet again."""
    clock = np.arange(minutes) / 60.0 + 18.0  # New York hours, from 18:00 on
    noise = np.cumsum(np.random.default_rng(5).normal(0.0, 0.4, minutes))
    path = np.interp(clock, [28.0, 33.4, 35.0, 37.0], [0.0, 90.0, 96.0, -250.0])
    return np.round((LEVEL + path + noise) * 4) / 4


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three months that end where the swing of the last session begins."""
    made = market(tmp_path_factory.mktemp("swing"), sessions(DAY, 66)[:-1])
    bars = made.read(BARS_1M.name)
    last = bars.filter(symbol="ES").sort("ts_end")["close"][-1]
    scaled = [
        pl.when(pl.col("symbol") == "VIX").then(pl.col(n)).otherwise(pl.col(n) * LEVEL / last)
        for n in ("open", "high", "low", "close")
    ]
    opened = made.open_or_create(BARS_1M.name)
    days = bars["session_date"].unique().to_list()
    opened.replace(days, bars.with_columns(scaled), {}, Once("test", 99))
    add(made, BARS_1M.name, session_bars(DAY, swing(CALENDAR.globex.on(DAY).minutes)))
    return made


@pytest.fixture
def store(lake: Lake) -> Store:
    """The lake with the evidence gate open."""
    return store_on(lake, decisions=DecisionSettings(gate=False))


def ticks(first: tuple[int, int], last: tuple[int, int], minutes: int = 5) -> Iterator[datetime]:
    at = new_york(DAY, *first)
    while at <= new_york(DAY, *last):
        yield at
        at += timedelta(minutes=minutes)


def expected(rule: str, said: dict[str, Any], outlook: str) -> bool:
    """The futures rules as the specification has them, on the numbers of the stored signal."""
    sign = {"bullish": 1, "bearish": -1, "neutral": 0}[outlook]
    way = {"strong_buy": 1, "buy": 1, "hold": 0, "sell": -1, "strong_sell": -1}[said["signal"]]
    leans = said["sentiment"] in (outlook, "neutral")
    large = abs(said["momentum"]) > 0.003
    return {
        "FuturesBullishEntry": sign == 1 and leans and way == 1 and said["confidence"] > 0.5,
        "FuturesBearishEntry": sign == -1 and leans and way == -1 and said["confidence"] > 0.5,
        "FuturesContrarianEntry": said["signal"].startswith("strong_")
        and said["confidence"] > 0.7
        and large
        and sign * way <= 0,
        "FuturesMomentumEntry": large and said["confidence"] > 0.6,
    }[rule]


FUTURES = (
    "FuturesBullishEntry",
    "FuturesBearishEntry",
    "FuturesContrarianEntry",
    "FuturesMomentumEntry",
)


@pytest.mark.parametrize("outlook", ["bullish", "bearish", "neutral"])
def test_futures_rules_through_a_day(lake: Lake, store: Store, outlook: str) -> None:
    """At each tick of a day that rises and falls they match where their conditions hold."""
    regime(lake, {"outlook": outlook} | MIDDLING)
    seen: set[tuple[str, bool]] = set()
    for at in ticks((9, 30), (15, 45), 15):
        said, row = moment_of(Sources(store), "SPY", at).signal().row, decision(store, at)
        for rule in FUTURES:
            does = matched(row, rule)
            assert does is expected(rule, said, outlook), (at, rule, said)
            seen.add((rule, does))
    possible = (
        set(FUTURES)
        - {
            "bullish": {"FuturesBearishEntry"},
            "bearish": {"FuturesBullishEntry"},
            "neutral": {"FuturesBullishEntry", "FuturesBearishEntry"},
        }[outlook]
    )
    assert {rule for rule, does in seen if does} == possible
    assert {rule for rule, does in seen if not does} == set(FUTURES)


def test_the_surge_of_the_night_enters_for_half_an_hour(lake: Lake, store: Store) -> None:
    regime(lake, MIDDLING)
    chosen = {
        f"{at.hour - 5:02}:{at.minute:02}"
        for at in ticks((9, 25), (10, 15))
        if decision(store, at)["rule"] == "PremarketSurgeEntry"
    }
    assert chosen == {"09:30", "09:35", "09:40", "09:45", "09:50", "09:55"}


SURGE = "PremarketSurgeEntry"
OPPOSED = "outlook is not opposed to the bias"
BIAS = "pre-market bias is bullish or bearish"
AT_THE_OPEN = [
    ({"confidence": 0.6}, "neutral", []),
    ({"confidence": 0.5999}, "neutral", ["pre-market confidence >= 0.6"]),
    ({"bias": "bearish"}, "bearish", []),
    ({"bias": "neutral"}, "neutral", [BIAS]),
    ({}, "bearish", [OPPOSED]),
    ({"bias": "bearish"}, "bullish", [OPPOSED]),
    ({"timestamp": new_york(DAY, 9, 24)}, "bullish", ["pre-market signal is today's final one"]),
]


@pytest.mark.parametrize(("row", "outlook", "bounds"), AT_THE_OPEN)
def test_the_surge_at_and_beyond_each_bound(
    lake: Lake, store: Store, row: Row, outlook: str, bounds: list[str]
) -> None:
    """The stored signal of 09:25 New York, one value changed, decided upon at 09:35."""
    night = moment_of(Sources(store), "SPY", new_york(DAY, 9, 25)).premarket().row
    tell(lake, PREMARKET_SIGNALS.name, DAY, night | row)
    regime(lake, MIDDLING | {"outlook": outlook})
    said = decision(store, new_york(DAY, 9, 35))
    assert failing(said, SURGE) == bounds
    assert (said["rule"] == SURGE) is (bounds == [])
    tell(lake, PREMARKET_SIGNALS.name, DAY, night)


@pytest.mark.parametrize(("level", "is_stopped"), [("watch", False), ("warning", True)])
def test_a_warning_stops_the_surge(lake: Lake, store: Store, level: str, is_stopped: bool) -> None:
    regime(lake, MIDDLING)
    row = {"symbol": "ES", "contract": "ESH5", "timestamp": new_york(DAY, 9, 35), "level": level}
    tell(lake, REGIME_WARNINGS.name, DAY, row)
    bounds = failing(decision(store, new_york(DAY, 9, 35)), SURGE)
    # A warning makes the outlook bearish, and the night was bullish.
    assert bounds == ([OPPOSED, "no early warning"] if is_stopped else [])
    tell(lake, REGIME_WARNINGS.name, DAY, row | {"level": "normal"})


def test_a_shut_gate_notes_and_holds_and_evidence_opens_it(lake: Lake) -> None:
    regime(lake, MIDDLING)
    shut, at = store_on(lake), new_york(DAY, 10, 30)
    held = decision(shut, at)
    assert (held["action"], held["shadow_rule"]) == ("hold", "FuturesBullishEntry")
    assert "not assessed" in held["reason"]
    for verdict, action in (("INCONCLUSIVE", "hold"), ("USEFUL", "enter")):
        row = {"futures_symbol": "ES", "spot_symbol": "SPY", "horizon_minutes": 15,
               "pair_verdict": verdict, "predictive_value": 0.25}  # fmt: skip
        tell(lake, PREDICTIVE_VALUE.name, BEFORE, row)
        assert decision(shut, at)["action"] == action
        assert moment_of(Sources(shut), "SPY", at).signal().row["predictive_value"] == 0.25
    tell(lake, PREDICTIVE_VALUE.name, BEFORE, row | {"pair_verdict": "NOT_USEFUL"})


@pytest.mark.parametrize(
    ("level", "minutes", "action"),
    [
        ("watch", 0, "enter"),
        ("warning", 0, "hold"),
        ("collapse", 15, "hold"),
        ("warning", 20, "enter"),
    ],
)
def test_a_stored_warning_blocks_until_it_is_old(
    lake: Lake, store: Store, level: str, minutes: int, action: str
) -> None:
    regime(lake, {})
    at = new_york(DAY, 10, 30)
    row = {"symbol": "ES", "contract": "ESH5", "timestamp": at - timedelta(minutes=minutes),
           "level": level}  # fmt: skip
    tell(lake, REGIME_WARNINGS.name, DAY, row)
    said = decision(store, at)
    assert said["action"] == action, said["reason"]
    assert ("early_warning" in (said["degraded"] or "")) is (minutes > 15)
    told = json.loads(said["metadata"])
    assert told["outlook_override"] is (action == "hold")
    tell(lake, REGIME_WARNINGS.name, DAY, row | {"level": "normal"})


def test_an_old_regime_is_none(lake: Lake) -> None:
    """A row of four sessions ago is not read, one of three is."""
    tell(lake, MARKET_REGIMES.name, BEFORE, {"symbol": "QQQ", "updated_at": NOON, **DEAR})
    days = [day.session_date for day in CALENDAR.regular.before(DAY, 4)]
    for day, rule in ((days[0], None), (days[1], "EnhancedBullishHighIVEntry")):
        tell(lake, MARKET_REGIMES.name, day, {"symbol": "SPY", "updated_at": NOON, **DEAR})
        assert decision(store_on(lake))["rule"] == rule
        tell(lake, MARKET_REGIMES.name, day, {"symbol": "QQQ", "updated_at": NOON, **DEAR})


def test_todays_own_regime_is_not_known_yet(lake: Lake) -> None:
    regime(lake, MIDDLING)
    tell(lake, MARKET_REGIMES.name, DAY, {"symbol": "SPY", "updated_at": NOON, **DEAR})
    assert decision(store_on(lake))["rule"] is None


def test_settings_shape_the_entry(lake: Lake) -> None:
    regime(lake, {})
    large = store_on(lake, decisions=DecisionSettings(base_contracts=10))
    assert decision(large)["contracts"] == 11


@pytest.mark.parametrize(
    ("gone", "rule", "missing"),
    [
        ("ES", "EnhancedBullishHighIVEntry", "futures,early_warning"),
        ("VIX", "FuturesBullishEntry", "early_warning,vix"),
        ("options", "FuturesContrarianEntry", "early_warning,options,iv_rank"),
        ("nothing", "FuturesBullishEntry", "early_warning"),
    ],
)
def test_each_part_decides_without_the_others(
    lake: Lake, tmp_path: Path, gone: str, rule: str, missing: str
) -> None:
    """At 10:30 of a day that rises, options being dear: what is missing is said, not made up."""
    part = Lake(tmp_path / "lake")
    add(part, BARS_1M.name, lake.read(BARS_1M.name).filter(pl.col("symbol") != gone))
    regime(part, {} if gone != "options" else {"symbol": "QQQ"})
    said = decision(store_on(part, decisions=DecisionSettings(gate=False)), new_york(DAY, 10, 30))
    assert (said["rule"], said["degraded"]) == (rule, missing)
    assert json.loads(said["metadata"])["outlook"] == (
        "neutral" if gone == "options" else "bullish"
    )
