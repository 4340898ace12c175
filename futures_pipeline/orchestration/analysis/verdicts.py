"""The rows of lead-lag and predictive value from stored bars; knows no Dagster."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date

import polars as pl

from futures_pipeline.analytics.correlation.by_time import last_sessions
from futures_pipeline.analytics.lead_lag.report import LeadLagReport
from futures_pipeline.analytics.lead_lag.verdict import label_fault
from futures_pipeline.analytics.predictive_value.assessment import IN_PROGRESS
from futures_pipeline.analytics.returns.pairs import paired_returns
from futures_pipeline.api.pairs import Bars, Legs, pair_name
from futures_pipeline.api.reports import PairSessions, pair_sessions, placebo_seed
from futures_pipeline.orchestration.analysis.found import Days, Found
from futures_pipeline.orchestration.analysis.rows import as_rows, named
from futures_pipeline.storage.tables import LEAD_LAG, LEAD_LAG_VERDICTS, PREDICTIVE_VALUE

Pairs = Sequence[Legs]


def lead_lag_rows(bars: Bars, pairs: Pairs, days: Days, sessions: int) -> Found:
    """Return ``lead_lag`` and ``lead_lag_verdicts`` of some sessions.

    Each rests on the last ``sessions`` sessions of the pair up to its own. Below 7 valid ones
    a pair has no rows and the sentence says so. A fault of the bars' labels is told at once.
    """
    profiles: list[pl.DataFrame] = []
    verdicts: list[pl.DataFrame] = []
    faults: list[str] = []
    said: dict[date, list[str]] = {day: [] for day in days}
    for day, found in _sessions(bars, pairs, days, sessions):
        report = found.lead_lag()
        fault = label_fault(report.profile, *found.legs)
        if fault is not None:
            faults.append(f"session {day}: {fault}")
        if not found.is_enough:
            said[day].append(f"{pair_name(found.legs)}: {fault or IN_PROGRESS}")
            continue
        of = [*named(found.legs), pl.lit(day).alias("session_date")]
        profiles.append(report.profile.with_columns(of))
        verdicts.append(_verdict(report, found).with_columns(of))
        said[day].append(report.verdict.sentence)
    tables = {
        LEAD_LAG.name: as_rows(LEAD_LAG, profiles),
        LEAD_LAG_VERDICTS.name: as_rows(LEAD_LAG_VERDICTS, verdicts),
    }
    return Found(tables, said, faults)


def predictive_rows(bars: Bars, pairs: Pairs, days: Days, sessions: int) -> Found:
    """Return ``predictive_value`` of some sessions, as ``lead_lag_rows`` does."""
    parts: list[pl.DataFrame] = []
    said: dict[date, list[str]] = {day: [] for day in days}
    for day, found in _sessions(bars, pairs, days, sessions):
        assessed = found.predictive_value()
        sentence = assessed.sentence
        said[day].append(sentence if found.is_enough else f"{pair_name(found.legs)}: {sentence}")
        of_pair = (
            pl.lit(day).alias("session_date"),
            pl.lit(str(assessed.verdict)).alias("pair_verdict"),
            pl.lit(sentence).alias("sentence"),
        )
        parts.append(assessed.horizons.with_columns(*named(found.legs), *of_pair))
    return Found({PREDICTIVE_VALUE.name: as_rows(PREDICTIVE_VALUE, parts)}, said)


def _sessions(
    bars: Bars, pairs: Pairs, days: Days, sessions: int
) -> Iterator[tuple[date, PairSessions]]:
    """Yield each pair's valid sessions up to each of some days."""
    front = bars.front(1)
    for legs in pairs:
        returns = paired_returns(front, *legs)
        for day in days:
            yield day, pair_sessions(bars, last_sessions(returns, day, sessions), legs)


def _verdict(report: LeadLagReport, found: PairSessions) -> pl.DataFrame:
    pooled = found.correlation()
    verdict, tested = report.verdict, report.granger
    row = {
        **asdict(verdict),
        "first_session": found.regular.dates[0],
        "correlation": float(pooled.value),
        "low": float(pooled.low),
        "high": float(pooled.high),
        "granger_order_futures_to_spot": tested.order_futures_to_spot,
        "granger_p_futures_to_spot": tested.p_futures_to_spot,
        "granger_order_spot_to_futures": tested.order_spot_to_futures,
        "granger_p_spot_to_futures": tested.p_spot_to_futures,
        "granger_reason": tested.reason,
        "seed": placebo_seed(found.regular.dates),
    }
    return pl.DataFrame([row]).with_columns(pl.selectors.float().fill_nan(None))
