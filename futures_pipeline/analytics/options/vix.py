"""The chain's own VIX: the variance-swap volatility at 30 days, by Cboe's published method.

Source: Cboe, VIX White Paper (the method and its worked example); QUANT_SPEC 10. It adds up
whole strips of quotes: a chain of few strikes misses the wings and comes out too low.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Booleans, Floats
from futures_pipeline.analytics.options.cleaning import (
    CONTRACT,
    LEAST_DAYS,
    calls_beside_puts,
    expiries,
)

MINUTES_IN_30_DAYS, MINUTES_IN_A_YEAR = 43_200.0, 525_600.0
# Beyond this an expiry says little about 30 days.
MOST_DAYS = 60
LEAST_STRIKES = 5
SIDES = ("bid", "ask", "bid_put", "ask_put")


class Strip(NamedTuple):
    """The quotes of one expiry, by ascending strike; US dollars a share, 0 for no bid."""

    strike: Floats
    call_bid: Floats
    call_ask: Floats
    put_bid: Floats
    put_ask: Floats


class Term(NamedTuple):
    """What one expiry's strip says.

    ``minutes`` to expiry; ``variance``: annualised; ``forward`` and ``at_the_money`` (the
    strike at or below it) in US dollars; ``strikes`` used.
    """

    minutes: float
    variance: float
    forward: float
    at_the_money: float
    strikes: int


class ChainVix(NamedTuple):
    """The index in points (18.5 is 18.5 %), or None with the reason; ``strikes`` of both terms."""

    value: float | None
    strikes: int
    reason: str | None


def term_variance(strip: Strip, minutes: float, rate: float) -> Term | None:
    """Return the variance that the out-of-the-money quotes of one expiry imply.

    Args:
        strip: at least one strike; calls and puts of each.
        minutes: to expiry.
        rate: interest, continuous, an annualised fraction.

    None below five usable strikes. Quotes without a bid are left out, and so is everything
    beyond two of them in a row.
    """
    strike, years = strip.strike, minutes / MINUTES_IN_A_YEAR
    call, put = (strip.call_bid + strip.call_ask) / 2, (strip.put_bid + strip.put_ask) / 2
    grown = math.exp(rate * years)
    nearest = int(np.argmin(np.abs(call - put)))
    forward = float(strike[nearest] + grown * (call[nearest] - put[nearest]))
    middle = int(np.searchsorted(strike, forward, side="right")) - 1
    if middle < 0:
        return None
    used = np.zeros(len(strike), dtype=bool)
    used[middle] = True
    used[:middle] = _until_two_without(strip.put_bid[:middle][::-1])[::-1]
    used[middle + 1 :] = _until_two_without(strip.call_bid[middle + 1 :])
    if used.sum() < LEAST_STRIKES:
        return None
    price = np.where(np.arange(len(strike)) < middle, put, call)
    price[middle] = (call[middle] + put[middle]) / 2
    kept, worth = strike[used], price[used]
    # Half the distance between a strike's neighbours; at the two ends, to the one it has.
    widths = np.gradient(kept)
    total = float((widths / kept**2 * worth).sum()) * grown
    variance = (2 * total - float(forward / strike[middle] - 1) ** 2) / years
    return Term(minutes, variance, forward, float(strike[middle]), int(used.sum()))


def vix_of_terms(near: Term, following: Term) -> float:
    """Return the index in points from the expiries on both sides of 30 days.

    Source: the white paper's last step, total variance linear in time.
    """
    length = following.minutes - near.minutes
    weight = (following.minutes - MINUTES_IN_30_DAYS) / length
    total = weight * near.minutes * near.variance
    total += (1 - weight) * following.minutes * following.variance
    return 100 * math.sqrt(total / MINUTES_IN_30_DAYS)


def chain_vix(judged: pl.DataFrame, rate: float) -> dict[str, ChainVix]:
    """Return the index of each symbol's chain.

    Args:
        judged: ``judge_quotes`` of one moment, refused rows too: the method has its own rule
            for quotes without a bid.
        rate: interest, continuous, an annualised fraction.

    The expiries are the last one up to 30 days away, 7 at least, and the first one beyond, 60
    at most.
    """
    quoted = _quoted_strikes(judged)
    numbers = quoted[["years", "strike", *SIDES]].to_numpy().T
    strips: dict[str, list[tuple[float, Strip]]] = {name: [] for name in judged["symbol"].unique()}
    for begin, end in pairwise([0, *expiries(quoted).tolist()]):
        years, *strip = numbers[:, begin:end]
        minutes = float(years.mean()) * MINUTES_IN_A_YEAR
        strips[quoted["symbol"][begin]].append((minutes, Strip(*strip)))
    return {symbol: _index(own, rate) for symbol, own in strips.items()}


def _quoted_strikes(judged: pl.DataFrame) -> pl.DataFrame:
    """Return the strikes that call and put are offered at, of the expiries that may be used."""
    ask = pl.col("ask")
    usable = judged.select_seq(*CONTRACT, "years", "ask", pl.col("bid").fill_null(0.0)).filter(
        judged["dte"].is_between(LEAST_DAYS, MOST_DAYS), ask > 0, ask >= pl.col("bid")
    )
    return calls_beside_puts(usable, ("bid", "ask"))


def _index(strips: Sequence[tuple[float, Strip]], rate: float) -> ChainVix:
    """Return the index of one symbol's strips, by ascending expiry."""
    before = [strip for strip in strips if strip[0] <= MINUTES_IN_30_DAYS][-1:]
    after = [strip for strip in strips if strip[0] > MINUTES_IN_30_DAYS][:1]
    if not before or not after:
        return ChainVix(None, 0, "30_days_not_bracketed")
    found = [term_variance(strip, minutes, rate) for minutes, strip in (*before, *after)]
    terms = [term for term in found if term is not None]
    used = sum(term.strikes for term in terms)
    if len(terms) < 2:
        return ChainVix(None, used, "fewer_than_5_strikes")
    if min(term.variance for term in terms) <= 0:
        return ChainVix(None, used, "no_variance")
    return ChainVix(vix_of_terms(*terms), used, None)


def _until_two_without(bid: Floats) -> Booleans:
    """Return which quotes, going outwards, have a bid before two in a row have none."""
    without = bid <= 0
    stopped = np.cumsum(without & np.concatenate([[False], without[:-1]])) > 0
    found: Booleans = ~without & ~stopped
    return found
