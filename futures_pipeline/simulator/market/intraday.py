"""The shape of a trading day: how variance and volume spread over its seconds, and the path.

Source: QUANT_SPEC 9.1. Clock times are New York's.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np

from futures_pipeline.domain.sessions import NEW_YORK, Session
from futures_pipeline.simulator.market.source import Floats, Integers

DAY = 86400
HOUR = 3600
# First second of the day, length in seconds, share of the variance, share of the volume.
ASIA = (18 * HOUR, 9 * HOUR, 0.10, 0.06)
EUROPE = (3 * HOUR, 13 * HOUR // 2, 0.17, 0.13)
REGULAR = (19 * HOUR // 2, 13 * HOUR // 2, 0.70, 0.80)
LATE = (16 * HOUR, HOUR, 0.03, 0.01)
PAUSE = (17 * HOUR, HOUR, 0.0, 0.01)  # only ETFs trade here
BLOCK = 600


@dataclass(frozen=True, slots=True)
class Move:
    """What one session does to the log index of each family (rows of three).

    ``sigma`` is the standard deviation of the session's diffusion; a jump happens at a
    fraction of the session's length.
    """

    opens: Floats
    diffusion: Floats
    sigma: Floats
    jump_at: Floats
    jump_size: Floats


@lru_cache(maxsize=1)
def _day_rates() -> tuple[Floats, Floats]:
    """Return variance and volume a second, for each second of a New York day."""
    variance, volume = np.zeros(DAY), np.zeros(DAY)
    for begin, length, variance_part, volume_part in (ASIA, EUROPE, REGULAR, LATE, PAUSE):
        seconds = (begin + np.arange(length)) % DAY
        shape = np.ones(length)
        if begin == REGULAR[0]:
            shape = 1 + 2 * (2 * (np.arange(length) + 0.5) / length - 1) ** 2
        variance[seconds] = variance_part * shape / shape.sum()
        volume[seconds] = volume_part * shape / shape.sum()
    return variance, volume


def _seconds_of_day(at: Integers) -> Integers:
    """Return New York seconds of the day; no session contains a change of the clocks."""
    local = datetime.fromtimestamp(int(at[0]), NEW_YORK)
    opening = local.hour * HOUR + local.minute * 60 + local.second
    seconds: Integers = (opening + at - at[0]) % DAY
    return seconds


def volume_rate(at: Integers) -> Floats:
    """Return the share of a day's volume expected in each second."""
    rates: Floats = _day_rates()[1][_seconds_of_day(at)]
    return rates


def variance_share(session: Session) -> float:
    """Return the part of a full session's variance that a (shortened) session has."""
    local = session.opens_at.astimezone(NEW_YORK)
    length = int((session.closes_at - session.opens_at).total_seconds())
    return _share(local.hour * HOUR + local.minute * 60, length)


@lru_cache(maxsize=64)
def _share(opening: int, length: int) -> float:
    return float(_day_rates()[0][(opening + np.arange(length)) % DAY].sum())


def bridges(rng: np.random.Generator, session: Session, move: Move, mix: Floats) -> Floats:
    """Return the log index of each family (row) after each second of a session (column).

    Between open and close the path is Brownian with the day's variance profile, tied to the
    session's total; ``mix`` turns independent normals into correlated ones.
    """
    at = np.arange(int(session.opens_at.timestamp()), int(session.closes_at.timestamp()))
    rate = _day_rates()[0][_seconds_of_day(at)]
    part = rate / rate.sum()
    walks = np.cumsum(mix @ (rng.standard_normal((3, len(at))) * np.sqrt(part)), axis=1)
    time = np.cumsum(part)
    tied = walks - walks[:, -1:] * time
    path = move.opens[:, None] + move.diffusion[:, None] * time + move.sigma[:, None] * tied
    for fraction, size in zip(move.jump_at, move.jump_size, strict=True):
        path[:, int(fraction * len(at)) :] += size
    filled: Floats = path
    return filled


def mean_reverting(
    rng: np.random.Generator, count: int, sigma: float, half_life_seconds: float
) -> Floats:
    """Return a stationary Ornstein-Uhlenbeck path on a one-second grid."""
    keep = 0.5 ** (1.0 / half_life_seconds)
    blocks = -(-count // BLOCK)
    shocks = rng.standard_normal(blocks * BLOCK) * sigma * np.sqrt(1 - keep**2)
    shocks[0] = rng.standard_normal() * sigma
    decay = keep ** np.arange(BLOCK)
    inside = np.cumsum(shocks.reshape(blocks, BLOCK) / decay, axis=1) * decay
    carried, ends = 0.0, np.empty(blocks)
    for block in range(blocks):
        ends[block] = carried
        carried = inside[block, -1] + carried * keep**BLOCK
    path: Floats = (inside + ends[:, None] * decay * keep).ravel()[:count]
    return path
