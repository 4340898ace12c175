"""A market with known truth for the tests: QUANT_SPEC 9.1 in regular hours, on seconds."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from futures_pipeline.analytics.returns.pairs import RegularSessions

Floats = NDArray[np.float64]
SECONDS = 23_400
BEFORE = 1_500  # seconds of history before the open, for the longest lead
DAILY_VOLATILITY = 0.01
REGULAR_SHARE = 0.70
NOISE = 0.5e-4
HALF_LIFE_SECONDS = 60


def second_prices(
    random: np.random.Generator, lead_seconds: int, delayed: float = 1.0
) -> tuple[Floats, Floats]:
    """Return log prices of futures and spot at each second of one regular session.

    A part ``delayed`` of the news reaches spot ``lead_seconds`` after futures.
    """
    part = (np.arange(SECONDS + BEFORE) - BEFORE + 0.5) / SECONDS
    shape = np.where(part > 0, 1 + 2 * (2 * part - 1) ** 2, 1.0)
    rate = shape / shape[BEFORE:].sum() * REGULAR_SHARE * DAILY_VOLATILITY**2
    volatility = np.exp(0.125 * random.normal())
    steps = random.normal(size=len(rate)) * np.sqrt(rate) * volatility
    index = np.concatenate([[0.0], np.cumsum(steps)])
    late = index[BEFORE - lead_seconds : len(index) - lead_seconds]
    now = index[BEFORE:]
    spot = (1 - delayed) * now + delayed * late
    return now + pricing_noise(random), spot + pricing_noise(random)


def pricing_noise(random: np.random.Generator) -> Floats:
    """Return a stationary, mean-reverting error of half a basis point."""
    keep = 0.5 ** (1 / HALF_LIFE_SECONDS)
    shocks = random.normal(size=SECONDS + 1) * NOISE * np.sqrt(1 - keep**2)
    shocks[0] = random.normal() * NOISE
    # One block of the recursion at a time stays within the range of floating point.
    out, carried = np.empty(SECONDS + 1), 0.0
    for begin in range(0, SECONDS + 1, 600):
        block = shocks[begin : begin + 600]
        decay = keep ** np.arange(len(block))
        out[begin : begin + 600] = (np.cumsum(block / decay) + carried * keep) * decay
        carried = out[min(begin + 599, SECONDS)]
    return out


def sessions_of(futures: Floats, spot: Floats) -> RegularSessions:
    """Return minute prices, a session a row, as regular sessions of consecutive dates."""
    dates = tuple(date(2024, 1, 1) + timedelta(days=day) for day in range(len(futures)))
    minutes = (futures.shape[1] - 1,) * len(futures)
    return RegularSessions(dates, futures, spot, minutes)


def market(
    seed: int, lead_seconds: int, sessions: int = 20, delayed: float = 1.0
) -> RegularSessions:
    """Return regular sessions of a pair whose spot follows by a known time."""
    random = np.random.default_rng(seed)
    days = [second_prices(random, lead_seconds, delayed) for _ in range(sessions)]
    legs = (np.array([day[leg][::60] for day in days]) for leg in (0, 1))
    return sessions_of(*legs)
