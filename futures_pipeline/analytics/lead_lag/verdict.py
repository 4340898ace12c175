"""Who leads, by how long, and what could not have been seen: one verdict, one sentence.

Source: QUANT_SPEC 4.3, 4.4 and 4.8.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from futures_pipeline.analytics.inference import normal_quantile
from futures_pipeline.analytics.lead_lag.profile import SIGNIFICANCE

LEAST_SESSIONS = 7
BAR_SECONDS = 60.0
# Mean absolute value of a standard normal: what a perfect sign earns of a move.
MEAN_MOVE = 0.798
STALE_SHARE = 0.5
TICK_LEAD_OF_NOBODY_SECONDS = 1.0
LEAST_DOUBTED_LEAD_SECONDS = 2.0
# A peak a whole bar away from 0 that is symmetric about that bar to within 6 s.
LABEL_PEAK = 0.5
LABEL_ASYMMETRY = 0.1


class Verdict(StrEnum):
    """What can be said of a lead."""

    INSUFFICIENT = "INSUFFICIENT"
    BAR_LABEL_FAULT = "BAR_LABEL_FAULT"
    NO_DETECTABLE_LEAD = "NO_DETECTABLE_LEAD"
    STALE_QUOTE_ARTEFACT = "STALE_QUOTE_ARTEFACT"
    NO_EXPLOITABLE_LEAD = "NO_EXPLOITABLE_LEAD"
    FUTURES_LEAD = "FUTURES_LEAD"
    SPOT_LEADS = "SPOT_LEADS"


@dataclass(frozen=True, slots=True)
class Leg:
    """One market of a pair, as the follower would be traded.

    ``bar_volatility_bp``: standard deviation of its one-minute returns, basis points.
    ``round_trip_cost_bp``: of buying and selling, basis points. ``trade_gap_seconds``: mean
    time between its trades, None when unknown or when prices are mid quotes.
    """

    symbol: str
    bar_volatility_bp: float
    round_trip_cost_bp: float
    trade_gap_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LeadVerdict:
    """The verdict on one profile; seconds are > 0 when futures move first.

    ``lead_seconds`` is None unless a lead is significant, ``lead_error_seconds`` (standard
    error) unless it is below a bar. ``resolution_seconds``: the shortest lead that would have
    been seen. ``sessions_for_one_second``: how many sessions would show a lead of 1 s.
    ``gross_edge_bp``: what trading the follower on the leader's last bar earns before
    ``cost_bp``.
    """

    verdict: Verdict
    sentence: str
    sessions: int
    lead_seconds: float | None = None
    lead_error_seconds: float | None = None
    resolution_seconds: float | None = None
    sessions_for_one_second: int | None = None
    gross_edge_bp: float | None = None
    cost_bp: float | None = None


def lead_verdict(
    profile: pl.DataFrame,
    sessions: int,
    futures: Leg,
    spot: Leg,
    tick_lead_seconds: float | None = None,
) -> LeadVerdict:
    """Judge a ``lead_lag_profile``.

    Args:
        profile: of one-minute returns.
        sessions: how many valid sessions it is made of.
        futures: the leg that leads at leads above 0.
        spot: the other leg.
        tick_lead_seconds: the lead that ticks show (``hayashi_yoshida``), None without ticks.

    The first that holds, in the order of ``Verdict``. A fault of the bars' labels is looked
    for before any lead is.
    """
    if sessions < LEAST_SESSIONS:
        return _insufficient(sessions, futures, spot)
    label = label_fault(profile, futures.symbol, spot.symbol)
    if label is not None:
        return LeadVerdict(Verdict.BAR_LABEL_FAULT, label, sessions)
    read = _Reading(profile, sessions)
    if not read.significant:
        return _undetected(read, futures, spot)
    leader, follower = (futures, spot) if read.is_futures_first else (spot, futures)
    found = _found(read, follower)
    if _is_stale(found["lead_seconds"], follower, tick_lead_seconds):
        verdict, text = Verdict.STALE_QUOTE_ARTEFACT, _stale_text(read, leader, follower)
    elif found["gross_edge_bp"] < follower.round_trip_cost_bp:
        verdict, text = Verdict.NO_EXPLOITABLE_LEAD, "too little to pay for trading it"
    else:
        verdict = Verdict.FUTURES_LEAD if read.is_futures_first else Verdict.SPOT_LEADS
        text = "more than trading it costs"
    sentence = text
    if verdict is not Verdict.STALE_QUOTE_ARTEFACT:
        sentence = _lead_text(read, leader, follower, found["gross_edge_bp"], text)
    return LeadVerdict(verdict, sentence, sessions, **found)


def label_fault(profile: pl.DataFrame, futures: str, spot: str) -> str | None:
    """Return what is wrong when one leg's bars are named by their end and read as starts.

    That moves one leg by exactly a bar: the profile keeps its shape and peaks at lead 1 or -1
    instead of 0. A true lead of 54 to 66 seconds would look the same, so no lead is read from
    such a profile until the labels are checked.
    """
    at = {lead: value or 0.0 for lead, value in _column(profile, "correlation").items()}
    for side in (1, -1):
        peak, before, after = at.get(side, 0.0), at.get(0, 0.0), at.get(2 * side, 0.0)
        if peak >= LABEL_PEAK and abs(after - before) <= LABEL_ASYMMETRY and before < peak / 4:
            first, second = (futures, spot) if side > 0 else (spot, futures)
            return (
                f"{first} and {second}: the correlation is {peak:.2f} when {second} is read one "
                f"bar later and {before:.2f} within the same bar, as when the bars of {second} "
                "are named by their end and read as starts; check the labels before asking "
                "who leads"
            )
    return None


class _Reading:
    """The numbers of a profile that a verdict needs."""

    def __init__(self, profile: pl.DataFrame, sessions: int) -> None:
        self.sessions = sessions
        self.correlation = {
            lead: value
            for lead, value in _column(profile, "correlation").items()
            if value is not None
        }
        tested = profile.filter("is_significant")
        self.significant: list[int] = tested["lead_minutes"].to_list()
        self.asymmetry = _column(profile, "asymmetry")
        self.error = _column(profile, "asymmetry_error").get(1)
        self.tests = profile["p_value"].drop_nulls().len()

    @property
    def lead_minutes(self) -> int:
        """The significant lead with the largest correlation; below 0 when spot moves first.

        One minute when the lead is below a bar: others are then significant by chance.
        """
        if self._is_below_a_bar:
            return self._side
        signed = [lead if (self.asymmetry[lead] or 0.0) > 0 else -lead for lead in self.significant]
        return max(signed, key=lambda lead: self.correlation.get(lead, -1.0))

    @property
    def is_futures_first(self) -> bool:
        return self.lead_minutes > 0

    @property
    def seconds(self) -> tuple[float, float | None]:
        """The lead, and its standard error when it is below a bar."""
        first = self.asymmetry.get(1)
        both = self.correlation.get(0, 0.0) + self.correlation.get(self._side, 0.0)
        if self._is_below_a_bar and first is not None and self.error and both > 0:
            return BAR_SECONDS * first / both, BAR_SECONDS * self.error / both
        return BAR_SECONDS * self._peak, None

    @property
    def resolution_seconds(self) -> float | None:
        """The shortest lead that would have been significant among all those tested."""
        largest = max(self.correlation.values(), default=0.0)
        if not self.error or largest <= 0:
            return None
        z = normal_quantile(1 - SIGNIFICANCE / 2 / self.tests)
        return BAR_SECONDS * z * self.error / largest

    @property
    def sessions_for_one_second(self) -> int | None:
        resolution = self.resolution_seconds
        return None if resolution is None else math.ceil(self.sessions * resolution**2)

    @property
    def _is_below_a_bar(self) -> bool:
        """Whether futures and spot agree best within a bar of each other, one of them first."""
        return 1 in self.significant and abs(self._peak) <= 1

    @property
    def _peak(self) -> int:
        return max(self.correlation, key=lambda lead: self.correlation[lead])

    @property
    def _side(self) -> int:
        return 1 if (self.asymmetry.get(1) or 0.0) > 0 else -1


def _column(profile: pl.DataFrame, name: str) -> dict[int, float | None]:
    return dict(profile.select("lead_minutes", name).iter_rows())


def _insufficient(sessions: int, futures: Leg, spot: Leg) -> LeadVerdict:
    sentence = (
        f"{futures.symbol} and {spot.symbol}: {sessions} of the {LEAST_SESSIONS} sessions needed "
        f"are stored; collect {LEAST_SESSIONS - sessions} more"
    )
    return LeadVerdict(Verdict.INSUFFICIENT, sentence, sessions)


def _undetected(read: _Reading, futures: Leg, spot: Leg) -> LeadVerdict:
    resolution, needed = read.resolution_seconds, read.sessions_for_one_second
    if resolution is None:
        sentence = (
            f"{futures.symbol} and {spot.symbol} do not move together in these "
            f"{read.sessions} sessions, so no lead can be told"
        )
        return LeadVerdict(Verdict.NO_DETECTABLE_LEAD, sentence, read.sessions)
    sentence = (
        f"{futures.symbol} and {spot.symbol}: no lead longer than {resolution:.1f} s in either "
        f"direction ({read.sessions} sessions, correlation {read.correlation.get(0, 0.0):.3f} "
        "within the minute)"
    )
    if needed is not None and needed > read.sessions:
        sentence += f"; a lead of 1 s would need {needed} sessions to be seen"
    return LeadVerdict(
        Verdict.NO_DETECTABLE_LEAD,
        sentence,
        read.sessions,
        resolution_seconds=resolution,
        sessions_for_one_second=needed,
    )


def _found(read: _Reading, follower: Leg) -> dict[str, Any]:
    lead, error = read.seconds
    leading = read.correlation.get(read.lead_minutes, 0.0)
    return {
        "lead_seconds": lead,
        "lead_error_seconds": error,
        "resolution_seconds": read.resolution_seconds,
        "sessions_for_one_second": read.sessions_for_one_second,
        "gross_edge_bp": MEAN_MOVE * max(0.0, leading) * follower.bar_volatility_bp,
        "cost_bp": follower.round_trip_cost_bp,
    }


def _is_stale(lead_seconds: float, follower: Leg, tick_lead_seconds: float | None) -> bool:
    if lead_seconds == 0.0:
        return False
    gap = follower.trade_gap_seconds
    if gap is not None and gap >= STALE_SHARE * abs(lead_seconds):
        return True
    return (
        tick_lead_seconds is not None
        and abs(tick_lead_seconds) <= TICK_LEAD_OF_NOBODY_SECONDS
        and abs(lead_seconds) > LEAST_DOUBTED_LEAD_SECONDS
    )


def _stale_text(read: _Reading, leader: Leg, follower: Leg) -> str:
    gap = follower.trade_gap_seconds
    why = f"it trades every {gap:.1f} s only" if gap is not None else "its ticks do not"
    return (
        f"{follower.symbol} seems to follow {leader.symbol} by {abs(read.seconds[0]):.1f} s, but "
        f"{why}: its last price is old, which is no lead; use mid quotes or regular hours"
    )


def _lead_text(read: _Reading, leader: Leg, follower: Leg, edge: float, worth: str) -> str:
    lead, error = read.seconds
    margin = "" if error is None else f" (standard error {error:.1f} s)"
    said = f"{leader.symbol} leads {follower.symbol} by {abs(lead):.1f} s{margin}"
    if lead == 0.0:
        said = (
            f"{leader.symbol} and {follower.symbol} move within the same minute, with a trace of "
            f"{leader.symbol} first by {abs(read.lead_minutes)} min"
        )
    resolution = read.resolution_seconds
    seen = "" if resolution is None else f", shortest lead that shows {resolution:.1f} s"
    return (
        f"{said}; worth {edge:.2f} bp a trade against {follower.round_trip_cost_bp:.1f} bp of "
        f"cost, {worth} ({read.sessions} sessions{seen})"
    )
