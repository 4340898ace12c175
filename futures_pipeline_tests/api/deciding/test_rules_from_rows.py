"""The eleven rules fired from rows in a lake, and not fired one step outside a threshold."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from futures_pipeline.api.deciding.moments import decided, moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store
from futures_pipeline.config import DecisionSettings
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.tables import (
    BARS_1M,
    MARKET_REGIMES,
    PREDICTIVE_VALUE,
    REGIME_WARNINGS,
    TABLES,
)
from futures_pipeline_tests.api.deciding.conftest import DAY, store_on
from futures_pipeline_tests.market_lake import (
    CALENDAR,
    LEVEL,
    add,
    market,
    session_bars,
    sessions,
    whole,
)

NOON, BEFORE = new_york(DAY, 12), sessions(DAY, 2)[0]
# A bullish outlook, options dear, conviction 0.924375: the worked example.
DEAR: dict[str, Any] = {
    "outlook": "bullish",
    "iv_rank_30d": 65.0,
    "iv_rank_60d": 60.0,
    "iv_rank_90d": 58.0,
    "iv_percentile_1y": 70.0,
    "volatility_20d": 0.16,
    "trend_20d": 1.4,
    "put_call_ratio": 1.6,
    "term_structure_slope": 0.06,
    "derived_regime": "trending_up",
    "put_call_pctile_60": 85.0,
    "iv_atm_30d": 0.20,
}
BEARISH = {"outlook": "bearish", "trend_20d": -1.4, "put_call_pctile_60": 15.0}
NEUTRAL = {"outlook": "neutral", "trend_20d": 0.0, "derived_regime": "range_bound",
           "put_call_pctile_60": 50.0}  # fmt: skip
CHEAP = {"iv_rank_30d": 5.0, "iv_rank_60d": 10.0, "iv_rank_90d": 5.0, "iv_percentile_1y": 5.0,
         "iv_atm_30d": 0.14, "term_structure_slope": 0.0}  # fmt: skip
# Nothing that an enhanced rule could enter on: implied volatility neither dear nor cheap.
MIDDLING = {"iv_rank_60d": 40.0}

# The rule, the row that fires it, and single values: the last that fires, the first that does not.
ENHANCED = {
    "EnhancedBullishHighIVEntry": (
        {},
        {
            "iv_rank_60d": (50.0, 49.99),
            "term_structure_slope": (-0.0999, -0.10),
            "derived_regime": ("high_volatility", "crisis"),
            "outlook": ("bullish", "neutral"),
        },
    ),
    "EnhancedBearishHighIVEntry": (
        BEARISH,
        {
            "iv_rank_60d": (50.0, 49.99),
            "derived_regime": ("trending_down", "crisis"),
            "outlook": ("bearish", "bullish"),
        },
    ),
    "EnhancedNeutralHighIVEntry": (
        NEUTRAL,
        {
            "iv_rank_60d": (50.0, 49.99),
            "term_structure_slope": (-0.0, -0.05),
            "derived_regime": ("range_bound", "trending_up"),
            "trend_20d": (0.1, 1.0),
        },
    ),
    "EnhancedBullishLowIVEntry": (CHEAP, {"iv_rank_60d": (30.0, 30.01)}),
    "EnhancedBearishLowIVEntry": (CHEAP | BEARISH, {"iv_rank_60d": (30.0, 30.01)}),
    "EnhancedNeutralLowIVEntry": (
        CHEAP | NEUTRAL,
        {"iv_rank_60d": (30.0, 30.01), "term_structure_slope": (0.0, -0.0001)},
    ),
}
STEPS = [
    (rule, row | {field: value}, fires)
    for rule, (row, edges) in ENHANCED.items()
    for field, values in edges.items()
    for value, fires in zip(values, (True, False), strict=True)
]


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


def tell(lake: Lake, table: str, day: Any, *rows: dict[str, Any]) -> None:
    """Make rows the only ones of a session."""
    schema = TABLES[table].schema
    named = [{"session_date": day, **row} for row in rows]
    frame = pl.DataFrame(named, schema={name: schema[name] for name in named[0]})
    opened = lake.open_or_create(table)
    opened.replace([day], whole(frame, table), {}, Once("test", opened.version + 1))


def regime(lake: Lake, row: dict[str, Any]) -> None:
    tell(lake, MARKET_REGIMES.name, BEFORE, {"symbol": "SPY", "updated_at": NOON} | DEAR | row)


def decision(store: Store, at: datetime = NOON) -> dict[str, Any]:
    return decided(Sources(store), "SPY", at).row


def outcome(row: dict[str, Any], rule: str) -> str:
    (line,) = (line for line in json.loads(row["trace"]) if line["rule"] == rule)
    return str(line["outcome"])


@pytest.mark.parametrize(("rule", "row", "fires"), STEPS)
def test_enhanced_rules_at_and_beyond_their_thresholds(
    lake: Lake, rule: str, row: dict[str, Any], fires: bool
) -> None:
    """With the gate shut they are the only ones that may act."""
    regime(lake, row)
    said = decision(store_on(lake))
    assert (said["rule"] == rule) is fires, (said["reason"], row)
    assert (outcome(said, rule) == "chosen") is fires


def test_too_little_known_is_no_conviction(lake: Lake) -> None:
    """Without trend and at-the-money volatility 0.55 of the conviction's weight is known."""
    regime(lake, {"trend_20d": None, "iv_atm_30d": None})
    said = decision(store_on(lake))
    assert said["action"] == "hold"
    assert "known share of the conviction >= 0.65 fails: it is 0.55" in said["trace"]


def test_the_worked_example_from_rows(lake: Lake) -> None:
    """Conviction 0.924375 and a multiplier of 1.10820, VIX being 17."""
    regime(lake, {})
    said = decision(store_on(lake))
    assert (said["strategy_type"], said["contracts"]) == ("bull_put_spread", 1)
    assert said["confidence"] == pytest.approx(0.924375, abs=1e-12)
    assert said["position_multiplier"] == pytest.approx(1.10820, abs=5e-6)


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
            matched = outcome(row, rule) in ("chosen", "later")
            assert matched is expected(rule, said, outlook), (at, rule, said)
            seen.add((rule, matched))
    possible = (
        set(FUTURES)
        - {
            "bullish": {"FuturesBearishEntry"},
            "bearish": {"FuturesBullishEntry"},
            "neutral": {"FuturesBullishEntry", "FuturesBearishEntry"},
        }[outlook]
    )
    assert {rule for rule, matched in seen if matched} == possible
    assert {rule for rule, matched in seen if not matched} == set(FUTURES)


def test_the_surge_of_the_night_enters_for_half_an_hour(lake: Lake, store: Store) -> None:
    regime(lake, MIDDLING)
    chosen = {
        f"{at.hour - 5:02}:{at.minute:02}"
        for at in ticks((9, 25), (10, 15))
        if decision(store, at)["rule"] == "PremarketSurgeEntry"
    }
    assert chosen == {"09:30", "09:35", "09:40", "09:45", "09:50", "09:55"}
    regime(lake, MIDDLING | {"outlook": "bearish"})
    assert outcome(decision(store, new_york(DAY, 9, 35)), "PremarketSurgeEntry") == "not_matched"


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
