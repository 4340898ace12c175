"""A future and its ETF in the sessions before one: how far they usually move, and trade.

Source: QUANT_SPEC 6.1, 6.5 and 6.6. Everything is of one contract at a time.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from futures_pipeline.decisions.readings.series import NOTHING, Seen, Series
from futures_pipeline.decisions.signals.basis import (
    SCALE_ANCHORS,
    AnchorPrices,
    FuturesQuote,
    carry,
)
from futures_pipeline.domain.sessions import NEW_YORK, Session, TradingCalendar, new_york

RETURN_SESSIONS = 60
VOLUME_SESSIONS = 20
ANCHOR_TOLERANCE_SECONDS, TOLERANCE_SECONDS = 900.0, 300.0
SAME_MOMENT_SECONDS = 60.0
YEAR = timedelta(days=365)


class Lead(NamedTuple):
    """The contract that stands for a future in a session, and the one after it."""

    contract: str
    expiry: date
    following: str | None = None
    following_expiry: date | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What is stored of a pair before ``session_date``.

    ``leads``: by session, ``session_date`` itself among them. ``closes`` and ``volumes``: of
    minute bars, by contract (an ETF's is its symbol), at the end of the bar.
    """

    futures_symbol: str
    spot_symbol: str
    session_date: date
    calendar: TradingCalendar
    leads: Mapping[date, Lead]
    closes: Mapping[str, Series]
    volumes: Mapping[str, Series]

    @property
    def days(self) -> tuple[Session, ...]:
        """The last NYSE days before the session, ascending, one more than there are returns."""
        return self.calendar.regular.before(self.session_date, RETURN_SESSIONS + 1)

    def price(self, contract: str, moment: datetime, most_seconds: float) -> Seen | None:
        """Return a future's price as of a moment, at most so many open seconds old."""
        series = self.closes.get(contract, NOTHING)
        return series.fresh(moment, self.calendar.globex, most_seconds)


def years_to_expiry(expiry: date, moment: datetime) -> float:
    """Return the calendar years until trading ends, at 09:30 New York of the expiry."""
    return max(0.0, (new_york(expiry, 9, 30) - moment) / YEAR)


def session_returns(past: Past) -> list[float | None]:
    """Return the log returns between daily anchors, ascending, each of one contract."""
    return [
        _move(past, after.session_date, before.closes_at, after.closes_at)
        for before, after in pairwise(past.days)
    ]


def night_moves(past: Past, moment: datetime) -> list[float | None]:
    """Return the log moves of earlier days from their anchor to the clock time of ``moment``."""
    local = moment.astimezone(NEW_YORK)
    return [
        _move(
            past,
            after.session_date,
            before.closes_at,
            new_york(after.session_date, local.hour, local.minute),
        )
        for before, after in pairwise(past.days)
    ]


def usual_volume(past: Past, moment: datetime) -> float | None:
    """Return the median volume from a session's open to the clock time of ``moment``.

    Contracts, of the last 20 sessions; None where fewer are known.
    """
    local = moment.astimezone(NEW_YORK)
    known = [
        volume
        for day in past.days[-VOLUME_SESSIONS:]
        if (
            volume := volume_until(
                past, day.session_date, new_york(day.session_date, local.hour, local.minute)
            )
        )
        is not None
    ]
    return median(known) if len(known) == VOLUME_SESSIONS else None


def volume_until(past: Past, day: date, moment: datetime) -> float | None:
    """Return the front contract's volume from a session's open to a moment; None without bars."""
    lead, session = past.leads.get(day), past.calendar.globex.on(day)
    if lead is None or session is None:
        return None
    traded = past.volumes.get(lead.contract, NOTHING).within(session.opens_at, moment)
    return math.fsum(traded) if len(traded) else None


def scale_anchors(past: Past, carry_rate: float) -> list[AnchorPrices]:
    """Return both prices at the last 20 NYSE closes, ascending, where both are known."""
    found = (
        _anchor_prices(past, day.session_date, day.closes_at, carry_rate)
        for day in past.days[-SCALE_ANCHORS:]
    )
    return [anchor for anchor in found if anchor is not None]


def _move(past: Past, day: date, start: datetime, end: datetime) -> float | None:
    lead = past.leads.get(day)
    if lead is None:
        return None
    before = past.price(lead.contract, start, ANCHOR_TOLERANCE_SECONDS)
    after = past.price(lead.contract, end, ANCHOR_TOLERANCE_SECONDS)
    return None if before is None or after is None else math.log(after.value / before.value)


def _anchor_prices(
    past: Past, day: date, moment: datetime, carry_rate: float
) -> AnchorPrices | None:
    lead = past.leads.get(day)
    spots = past.closes.get(past.spot_symbol, NOTHING)
    spot = spots.fresh(moment, past.calendar.extended, TOLERANCE_SECONDS)
    if lead is None or spot is None:
        return None
    price = past.price(lead.contract, moment, TOLERANCE_SECONDS)
    if price is None:
        return None
    front = FuturesQuote(price.value, years_to_expiry(lead.expiry, moment))
    cost = carry(front, following_quote(lead, past.closes, past.calendar, moment), carry_rate)
    return AnchorPrices(front, spot.value, cost.rate)


def following_quote(
    lead: Lead, prices: Mapping[str, Series], calendar: TradingCalendar, moment: datetime
) -> FuturesQuote | None:
    """Return the next contract's price of the same minute, None where it is not collected."""
    if lead.following is None or lead.following_expiry is None:
        return None
    series = prices.get(lead.following, NOTHING)
    seen = series.fresh(moment, calendar.globex, SAME_MOMENT_SECONDS)
    if seen is None:
        return None
    return FuturesQuote(seen.value, years_to_expiry(lead.following_expiry, moment))
