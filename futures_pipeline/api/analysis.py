"""What futures say of spot: correlation, lead and predictive value of a pair, as plain numbers.

``as_of`` is a version of ``bars_1m``, or the machine's time of a commit: the answer is the one
of then. None for now.
"""

import logging
from pathlib import Path
from typing import TypeVar

import polars as pl

from futures_pipeline.analytics.predictive_value.assessment import IN_PROGRESS
from futures_pipeline.api.pairs import checked_legs
from futures_pipeline.api.reports import PairSessions, stored_pair
from futures_pipeline.api.snapshots import MOST_SESSIONS
from futures_pipeline.api.store import AsOf, open_store
from futures_pipeline.domain.errors import ConfigurationError

LEADS_MINUTES = (0, 5, 15, 30, 60)
MOST_LEAD_MINUTES = 60
UNKNOWN = float("nan")
Nothing = TypeVar("Nothing")

log = logging.getLogger(__name__)


def calculate_correlation(
    futures_symbol: str,
    spot_symbol: str,
    days: int,
    *,
    data: Path | str | None = None,
    as_of: AsOf = None,
) -> float:
    """Return the correlation of one-minute returns in regular hours, -1 to 1.

    Pooled over the last ``days`` stored sessions of the pair, those with too many gaps left
    out. Below 7 of them NaN, and a warning is logged.

    Raises:
        UnknownSymbol: a symbol is not known.
        ConfigurationError: the symbols are one, or ``days`` is not 1 to 5,200.
    """
    found = _sessions(futures_symbol, spot_symbol, days, data, as_of)
    return float(found.correlation().value) if found.is_enough else _in_progress(UNKNOWN)


def calculate_lead_lag(
    futures_symbol: str,
    spot_symbol: str,
    max_lead_minutes: int,
    *,
    data: Path | str | None = None,
    as_of: AsOf = None,
) -> dict[int, float]:
    """Return the correlation of futures with spot so many minutes later: lead to correlation.

    Leads of 0, 5, 15, 30 and 60 minutes up to ``max_lead_minutes`` (0 to 60), over the last
    ``analysis.sessions`` sessions, of one-minute returns in units of their usual size. NaN
    where unknown; below 7 sessions empty, and a warning is logged. The largest of many is no
    finding: who leads is told by ``futures-pipeline assess`` and the table
    ``lead_lag_verdicts``.

    Raises:
        UnknownSymbol: a symbol is not known.
        ConfigurationError: the symbols are one, or the maximum is not allowed.
    """
    if not 0 <= max_lead_minutes <= MOST_LEAD_MINUTES:
        allowed = f"from 0 to {MOST_LEAD_MINUTES}"
        raise ConfigurationError("max_lead_minutes", max_lead_minutes, allowed)
    found = _sessions(futures_symbol, spot_symbol, None, data, as_of)
    if not found.is_enough:
        return _in_progress({})
    asked = [lead for lead in LEADS_MINUTES if lead <= max_lead_minutes]
    rows = found.lead_lag().profile.filter(pl.col("lead_minutes").is_in(asked))
    known = rows.select("lead_minutes", pl.col("correlation").fill_null(UNKNOWN))
    return dict(known.iter_rows())


def get_lead_lag_profile(
    futures_symbol: str,
    spot_symbol: str,
    *,
    data: Path | str | None = None,
    as_of: AsOf = None,
) -> pl.DataFrame:
    """Return the correlation at each lead from -60 to 60 minutes, beside its placebo.

    Columns as the table ``lead_lag`` has them from ``lead_minutes`` on: the interval, the test
    of which side is larger, and what sessions paired at random give. The same sessions as
    :func:`calculate_lead_lag`; below 7 of them no rows, and a warning is logged.

    Raises:
        UnknownSymbol: a symbol is not known.
        ConfigurationError: the symbols are one.
    """
    found = _sessions(futures_symbol, spot_symbol, None, data, as_of)
    profile = found.lead_lag().profile
    return profile if found.is_enough else _in_progress(profile.clear())


def assess_predictive_value(
    futures_symbol: str,
    spot_symbol: str,
    days: int,
    *,
    data: Path | str | None = None,
    as_of: AsOf = None,
) -> dict[str, float]:
    """Return how well futures returns foretell spot returns, over the last ``days`` sessions.

    The numbers of 15 minutes, those of 5, 30 and 60 by suffix (``ic_5``): see
    ``analytics.predictive_value.assessment``. ``verdict_code``: 1 useful, 0 not useful, -1
    inconclusive. NaN where unknown; below 7 sessions empty, and a warning is logged.

    Raises:
        UnknownSymbol: a symbol is not known.
        ConfigurationError: the symbols are one, or ``days`` is not 1 to 5,200.
    """
    found = _sessions(futures_symbol, spot_symbol, days, data, as_of)
    return found.predictive_value().floats() if found.is_enough else _in_progress({})


def _sessions(
    futures_symbol: str,
    spot_symbol: str,
    days: int | None,
    data: Path | str | None,
    as_of: AsOf,
) -> PairSessions:
    legs = checked_legs(futures_symbol, spot_symbol)
    if days is not None and not 0 < days <= MOST_SESSIONS:
        raise ConfigurationError("days", days, f"above 0 and at most {MOST_SESSIONS}")
    store = open_store(data, as_of)
    return stored_pair(store, legs, store.settings.analysis.sessions if days is None else days)


def _in_progress(nothing: Nothing) -> Nothing:
    log.warning(IN_PROGRESS)
    return nothing
