"""All that is said of one pair: its correlation, who leads, and whether that is of use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from futures_pipeline.analytics.correlation.estimate import Correlation, pooled_correlation
from futures_pipeline.analytics.lead_lag.report import LeadLagReport, lead_lag_report
from futures_pipeline.analytics.lead_lag.verdict import LEAST_SESSIONS, label_fault
from futures_pipeline.analytics.predictive_value.assessment import Assessment, assess
from futures_pipeline.analytics.returns.flags import flag_counts
from futures_pipeline.analytics.returns.pairs import (
    RegularSessions,
    paired_returns,
    regular_sessions,
)
from futures_pipeline.api.pairs import (
    Bars,
    Legs,
    held_sessions,
    last_shared,
    round_trip_cost_bp,
    stored_bars,
)
from futures_pipeline.api.store import Store
from futures_pipeline.domain.calendar import calendar_for

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PairSessions:
    """The valid regular hours of a pair, and the bars they were made of."""

    legs: Legs
    bars: Bars
    regular: RegularSessions

    @property
    def is_enough(self) -> bool:
        """Whether anything may be said of the pair at all."""
        return len(self.regular) >= LEAST_SESSIONS

    def correlation(self) -> Correlation:
        """Return the correlation of one-minute returns, pooled over the sessions."""
        futures, spot = self.regular.returns()
        number = np.repeat(np.arange(len(futures)), futures.shape[1])
        return pooled_correlation(futures.ravel(), spot.ravel(), number)

    def flagged_minutes(self) -> dict[str, dict[str, int]]:
        """Return, by leg, how many minutes of the NYSE hours have which quality flag."""
        of_valid = pl.col("session_date").is_in(list(self.regular.dates))
        flags = self.bars.flags().filter(of_valid)
        return {symbol: flag_counts(flags.filter(symbol=symbol)) for symbol in self.legs}

    def lead_lag(self) -> LeadLagReport:
        """Return who leads; the placebo is drawn by the date of the last session."""
        futures, spot = (self.bars.market(symbol) for symbol in self.legs)
        return lead_lag_report(self.regular, futures, spot, placebo_seed(self.regular.dates))

    def predictive_value(self) -> Assessment:
        """Return whether futures foretell spot."""
        return assess(self.regular, round_trip_cost_bp(self.legs[1]), *self.legs)


@dataclass(frozen=True, slots=True)
class PairReport:
    """Everything that is said of a pair.

    ``label_fault``: what is wrong with the names of the bars, None for nothing. ``value`` is
    None then, and below 7 sessions. ``flagged_minutes``: by leg and ``returns.flags.Flag``.
    """

    sessions: PairSessions
    correlation: Correlation
    lead: LeadLagReport
    value: Assessment | None
    label_fault: str | None
    flagged_minutes: Mapping[str, Mapping[str, int]]


def pair_report(sessions: PairSessions) -> PairReport:
    """Return the report of a pair's valid sessions."""
    lead = sessions.lead_lag()
    fault = label_fault(lead.profile, *sessions.legs)
    is_sound = fault is None and sessions.is_enough
    value = sessions.predictive_value() if is_sound else None
    flagged = sessions.flagged_minutes()
    return PairReport(sessions, sessions.correlation(), lead, value, fault, flagged)


def placebo_seed(dates: tuple[date, ...]) -> int:
    """Return the seed of a report: the same sessions give the same placebo."""
    return dates[-1].toordinal() if dates else 0


def pair_sessions(bars: Bars, returns: pl.DataFrame, legs: Legs) -> PairSessions:
    """Return the valid sessions of a pair.

    Args:
        bars: of any sessions.
        returns: ``paired_returns`` of one minute, of the sessions that may count.
        legs: the pair.
    """
    recent = bars.of(returns["session_date"].unique().to_list())
    return PairSessions(legs, recent, regular_sessions(returns, bars.calendar).valid())


def stored_pair(store: Store, legs: Legs, sessions: int) -> PairSessions:
    """Return the newest sessions of a pair whose NYSE hours are over."""
    until = last_closed(store.settings.clock.now())
    days = last_shared(held_sessions(store), legs, until, sessions)
    bars = stored_bars(store, legs, days)
    return pair_sessions(bars, paired_returns(bars.front(1), *legs), legs)


def last_closed(now: datetime) -> date:
    """Return the last NYSE day whose hours are over."""
    days = calendar_for(now).regular.before(now.date() + ONE_DAY, 3)
    return max(day.session_date for day in days if day.closes_at <= now)
