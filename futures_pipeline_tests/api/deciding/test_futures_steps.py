"""The futures rules one observation, one tick or one second outside each of their bounds.

A day of few prices: each further one makes the signal surer. And a ladder: the future moves one
tick a second away from where it stood an hour, four hours and a day ago.
"""

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl
import pytest

from futures_pipeline.api.deciding.moments import moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store
from futures_pipeline.config import DecisionSettings
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS, TABLES
from futures_pipeline_tests.api.deciding.conftest import DAY, store_on
from futures_pipeline_tests.api.deciding.planted import (
    BEFORE,
    MIDDLING,
    decision,
    failing,
    matched,
    regime,
)
from futures_pipeline_tests.market_lake import add, market, sessions, snapshots_of

SECOND, TICK = timedelta(seconds=1), 0.25
SPARSE, LADDER, STEPS = new_york(DAY, 10, 30), new_york(DAY, 15), 120
# A move of so many ticks is four times the usual one of a quiet market.
LARGE = 65
# Where each market stood before the prices that count: of bars by their end.
STOOD = [
    new_york(BEFORE, 16),
    *(new_york(DAY, *at) for at in ((6, 30), (9, 30), (11, 0), (14, 0))),
]
# Direction, and the usual move of a session: a quiet market has strong signals of small moves.
MARKETS = {"rise": (1, 0.002), "fall": (-1, 0.002), "usual_rise": (1, 0.008)}


class Step(NamedTuple):
    """A rule at the one bound that is crossed from a second to the next."""

    market: str
    outlook: str
    rule: str
    since: datetime
    bound: str


STRONG = "futures signal is strong_buy or strong_sell"
CASES = [
    Step("rise", "bullish", "FuturesBullishEntry", SPARSE, "futures confidence > 0.5"),
    Step("rise", "bullish", "FuturesBullishEntry", LADDER, "futures signal is buy or strong_buy"),
    Step("fall", "bearish", "FuturesBearishEntry", SPARSE, "futures confidence > 0.5"),
    Step("fall", "bearish", "FuturesBearishEntry", LADDER, "futures signal is sell or strong_sell"),
    Step("rise", "bearish", "FuturesContrarianEntry", SPARSE, "futures confidence > 0.7"),
    Step("fall", "bullish", "FuturesContrarianEntry", SPARSE, "futures confidence > 0.7"),
    Step("rise", "neutral", "FuturesContrarianEntry", LADDER, "size of the momentum > 0.003"),
    Step("fall", "neutral", "FuturesContrarianEntry", LADDER, "size of the momentum > 0.003"),
    Step("usual_rise", "bearish", "FuturesContrarianEntry", LADDER, STRONG),
    Step("rise", "neutral", "FuturesMomentumEntry", SPARSE, "futures confidence > 0.6"),
    Step("rise", "bearish", "FuturesMomentumEntry", LADDER, "size of the momentum > 0.003"),
    Step("fall", "bullish", "FuturesMomentumEntry", LADDER, "size of the momentum > 0.003"),
]
# The observations of a day and night before and at the bound: a confidence of 1 times n / 30.
COUNTED = {"0.5": (15, 16), "0.6": (18, 19), "0.7": (21, 22)}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """Each market with the evidence gate open."""
    return {
        name: store_on(
            planted_market(market(tmp_path_factory.mktemp(name), sessions(DAY, 26)[:-2], 7, daily),
                           sign), decisions=DecisionSettings(gate=False))
        for name, (sign, daily) in MARKETS.items()
    }  # fmt: skip


def planted_market(lake: Lake, sign: int) -> Lake:
    """Add two sessions of few prices to a lake: where it stood, few that moved far, a ladder."""
    bars = lake.read(BARS_1M.name).filter(symbol="ES").sort("ts_end")
    level = float(bars["close"][-1])
    like = bars.tail(1)
    stood = [bar(like, at, level) for at in STOOD]
    add(lake, BARS_1M.name, pl.concat(stood))
    ladder = [(LADDER + number * SECOND, number) for number in range(STEPS + 1)]
    few = [(SPARSE + number * SECOND, LARGE) for number in range(20)]
    quotes = [bar(like, at, level + sign * ticks * TICK) for at, ticks in (*few, *ladder)]
    add(lake, FUTURES_SNAPSHOTS.name, snapshots_of(pl.concat(quotes)))
    return lake


def bar(like: pl.DataFrame, ends_at: datetime, close: float) -> pl.DataFrame:
    """Return a bar like another one, that ends at a moment with a price."""
    prices = {name: pl.lit(close) for name in ("open", "high", "low", "close")}
    ends = pl.lit(ends_at, TABLES[BARS_1M.name].schema["ts_end"])
    return like.with_columns(
        ts_end=ends,
        ts_start=ends - timedelta(minutes=1),
        session_date=pl.lit(ends_at.date()),
        **prices,
    )


@pytest.mark.parametrize("step", CASES, ids=lambda step: f"{step.rule} {step.bound}")
def test_one_step_outside_a_bound(stores: dict[str, Store], step: Step) -> None:
    """Of two neighbouring seconds the rule matches at one, and at the other fails at the bound."""
    store = stores[step.market]
    regime(store.lake, {"outlook": step.outlook} | MIDDLING)
    moments = [step.since + number * SECOND for number in range(STEPS + 1)]
    first = bisect_left(moments, True, key=lambda at: matched(decision(store, at), step.rule))
    before, there = moments[first - 1 : first + 1]

    assert failing(decision(store, before), step.rule) == [step.bound]
    assert failing(decision(store, there), step.rule) == []
    if step.since == SPARSE:
        counted = [moment_of(Sources(store), "SPY", at).signal().row for at in (before, there)]
        found = tuple(row["observations"] for row in counted)
        assert found == COUNTED[step.bound.split()[-1]]


def test_a_price_of_five_minutes_ago_is_the_last_that_counts(stores: dict[str, Store]) -> None:
    store, last = stores["rise"], LADDER + STEPS * SECOND
    regime(store.lake, {"outlook": "neutral"} | MIDDLING)
    fresh, stale = (decision(store, last + timedelta(seconds=s)) for s in (300, 301))
    assert fresh["rule"] == "FuturesContrarianEntry"
    assert (stale["action"], "futures" in stale["degraded"]) == ("hold", True)
    assert (
        failing(stale, "FuturesMomentumEntry")[0] == "open minutes since the futures signal <= 15"
    )
