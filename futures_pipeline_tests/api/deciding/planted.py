"""Rows planted in a lake for rules to read, and what the rules then say."""

import json
from datetime import date, datetime
from typing import Any

import polars as pl

from futures_pipeline.api.deciding.moments import decided
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.tables import MARKET_REGIMES, TABLES
from futures_pipeline_tests.api.deciding.conftest import DAY
from futures_pipeline_tests.market_lake import sessions, whole

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
# Nothing that an enhanced rule could enter on: implied volatility neither dear nor cheap.
MIDDLING = {"iv_rank_60d": 40.0}


def tell(lake: Lake, table: str, day: date, *rows: dict[str, Any]) -> None:
    """Make rows the only ones of a session."""
    schema = TABLES[table].schema
    named = [{"session_date": day, **row} for row in rows]
    frame = pl.DataFrame(named, schema={name: schema[name] for name in named[0]})
    opened = lake.open_or_create(table)
    opened.replace([day], whole(frame, table), {}, Once("test", opened.version + 1))


def regime(lake: Lake, row: dict[str, Any]) -> None:
    """Make the worked example, with some columns changed, the ETF's newest regime."""
    tell(lake, MARKET_REGIMES.name, BEFORE, {"symbol": "SPY", "updated_at": NOON} | DEAR | row)


def decision(store: Store, at: datetime = NOON) -> dict[str, Any]:
    return decided(Sources(store), "SPY", at).row


def line(row: dict[str, Any], rule: str) -> dict[str, Any]:
    """Return what the trace of a decision says of a rule."""
    (found,) = (line for line in json.loads(row["trace"]) if line["rule"] == rule)
    return dict(found)


def matched(row: dict[str, Any], rule: str) -> bool:
    return line(row, rule)["outcome"] in ("chosen", "later")


def failing(row: dict[str, Any], rule: str) -> list[str]:
    """Return the conditions of a rule that do not hold."""
    told = line(row, rule)["conditions"]
    return [each["condition"] for each in told if not each["holds"]]
