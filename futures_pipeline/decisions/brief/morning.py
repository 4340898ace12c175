"""What a brief is made from: rows as their tables have them, all as of one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from futures_pipeline.decisions.brief.grade import NightMinutes, OpenAlert
from futures_pipeline.decisions.scorecard.nights import Night

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing minutes of a stream up to the moment: ``says`` the cause in words."""

    contract: str
    starts_at: datetime
    ends_at: datetime
    says: str
    is_explained: bool


@dataclass(frozen=True, slots=True)
class Market:
    """What is known of one ETF and its future; None where there is no row.

    ``premarket``, ``signal``, ``decision`` and ``warning`` (of the future): the newest rows of
    the session. ``regime``: a ``market_regimes`` row of a session before. ``usefulness``: what
    predictive value says of the pair. ``standing``: what the scorecard says. ``path``: the
    future's closes since the anchor, index points. ``nights``: past nights, any order.
    """

    symbol: str
    futures_symbol: str
    premarket: Row | None = None
    signal: Row | None = None
    decision: Row | None = None
    warning: Row | None = None
    regime: Row | None = None
    usefulness: str | None = None
    standing: Sequence[str] = ()
    path: Sequence[float] = ()
    nights: Sequence[Night] = ()


@dataclass(frozen=True, slots=True)
class Vix:
    """VIX in points: its newest value with its time, and at the last NYSE close."""

    now: float | None
    at: datetime | None
    at_close: float | None


@dataclass(frozen=True, slots=True)
class Morning:
    """All that is known as of a moment of one NYSE day.

    ``made_at``: market time of the making. ``opens_at``: NYSE's open. ``provenance``: what it
    was read from, a line each.
    """

    session_date: date
    as_of: datetime
    made_at: datetime
    opens_at: datetime
    markets: Sequence[Market]
    vix: Vix
    minutes: Sequence[NightMinutes]
    gaps: Sequence[Gap]
    alerts: Sequence[OpenAlert]
    provenance: Sequence[str]
