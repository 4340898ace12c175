"""A market with known truth for the tests: QUANT_SPEC 9.1 in regular hours."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from futures_pipeline.analytics.returns.pairs import RegularSessions

Floats = NDArray[np.float64]
SECONDS, MINUTES = 23_400, 390
BEFORE = 1_500  # seconds of history before the open, for the longest lead
DAILY_VOLATILITY = 0.01
REGULAR_SHARE = 0.70
NOISE = 0.5e-4
HALF_LIFE_SECONDS = 60


def second_prices(random: np.random.Generator, lead_seconds: int) -> tuple[Floats, Floats]:
    """Return log prices of futures and spot at each second of one regular session.

    All news reaches spot ``lead_seconds`` after futures.
    """
    part = (np.arange(SECONDS + BEFORE) - BEFORE + 0.5) / SECONDS
    shape = np.where(part > 0, 1 + 2 * (2 * part - 1) ** 2, 1.0)
    rate = shape / shape[BEFORE:].sum() * REGULAR_SHARE * DAILY_VOLATILITY**2
    volatility = np.exp(0.125 * random.normal())
    steps = random.normal(size=len(rate)) * np.sqrt(rate) * volatility
    index = np.concatenate([[0.0], np.cumsum(steps)])
    late = index[BEFORE - lead_seconds : len(index) - lead_seconds]
    return index[BEFORE:] + pricing_noise(random), late + pricing_noise(random)


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
    seed: int, lead_seconds: float, sessions: int = 20, delayed: float = 1.0
) -> RegularSessions:
    """Return regular sessions of a pair whose spot follows by a known time.

    ``second_prices`` at the ends of minutes, drawn there only: each minute's move is that up
    to the moment whose price spot shows at its end, and the rest.
    """
    random = np.random.default_rng(seed)
    whole, rest = divmod(lead_seconds, 60)
    before = int(whole) + 1
    place = (np.arange(-before, MINUTES) + 0.5) / MINUTES
    shape = np.where(place > 0, 1 + 2 * (2 * place - 1) ** 2, 1.0)
    rate = shape / shape[before:].sum() * REGULAR_SHARE * DAILY_VOLATILITY**2
    size = np.exp(0.125 * random.normal(size=(sessions, 1))) * np.sqrt(rate)
    shares = np.sqrt([1 - rest / 60, rest / 60]).reshape(2, 1, 1)
    parts = random.normal(size=(2, sessions, before + MINUTES)) * size * shares
    index = np.cumsum(np.pad(parts.sum(axis=0), ((0, 0), (1, 0))), axis=1)
    now = index[:, before:]
    late = (index[:, 1:] - parts[1])[:, : MINUTES + 1]
    noise = random.normal(size=(2, sessions, MINUTES + 1)) * NOISE
    keep = 0.5 ** (60 / HALF_LIFE_SECONDS)
    noise[:, :, 1:] *= np.sqrt(1 - keep**2)
    for minute in range(1, MINUTES + 1):
        noise[:, :, minute] += keep * noise[:, :, minute - 1]
    return sessions_of(now + noise[0], (1 - delayed) * now + delayed * late + noise[1])
