"""Each session's total return, jumps and VIX level, drawn once for the whole calendar.

Drawn in calendar order from one generator, so a longer calendar changes no earlier session.
"""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date

import numpy as np

from futures_pipeline.domain.sessions import Session, Timetable
from futures_pipeline.simulator.market.intraday import Move, variance_share
from futures_pipeline.simulator.market.source import Floats, Integers

EPOCH = date(2024, 1, 2)
# Index levels at the epoch: S&P 500, Nasdaq-100, Russell 2000.
BASE = np.log([4742.0, 16865.0, 1964.0])
SESSION_SIGMA = 0.01
FAMILY_SIGMA = np.array([1.0, 1.25, 1.3])
CORRELATION = np.array([[1.0, 0.90, 0.85], [0.90, 1.0, 0.80], [0.85, 0.80, 1.0]])
MIX = np.linalg.cholesky(CORRELATION)
VARIANCE_PERSISTENCE, VARIANCE_SIGMA = 0.95, 0.25
JUMPS_PER_SESSION = 0.2
JUMP_MEAN, JUMP_SIGMA = -0.002, 0.006
MAX_JUMPS = 2
VIX_MEAN, VIX_PERSISTENCE, VIX_BETA, VIX_SIGMA = float(np.log(16.0)), 0.97, 4.0, 0.02


@dataclass(frozen=True, slots=True)
class Levels:
    """The log index at each session's open and what the session adds; log VIX at its close."""

    opens: Floats
    diffusion: Floats
    sigma: Floats
    jump_at: Floats
    jump_size: Floats
    log_vix_close: Floats

    def move(self, number: int) -> Move:
        """Return the move of the session at a position of the timetable."""
        return Move(
            self.opens[number],
            self.diffusion[number],
            self.sigma[number],
            self.jump_at[number],
            self.jump_size[number],
        )

    def log_vix(self, number: int, at: Integers, session: Session, log_index: Floats) -> Floats:
        """Return log VIX along a session: it falls as the index rises, and ends at its level."""
        before = self.log_vix_close[number - 1] if number else VIX_MEAN
        whole = float(self.diffusion[number, 0] + self.jump_size[number].sum())
        drift = self.log_vix_close[number] - before + VIX_BETA * whole
        opened = session.opens_at.timestamp()
        elapsed = (at - opened) / (session.closes_at.timestamp() - opened)
        change = log_index - self.opens[number, 0]
        value: Floats = before + drift * np.clip(elapsed, 0.0, 1.0) - VIX_BETA * change
        return value


def draw(seed: int, timetable: Timetable) -> Levels:
    """Return the levels of every session of a timetable."""
    count = len(timetable.sessions)
    normal = np.random.default_rng([seed, 0]).standard_normal((count, 5 + MAX_JUMPS))
    uniform = np.random.default_rng([seed, 1]).random((count, 1 + MAX_JUMPS))
    sigma = _sigmas(timetable, normal[:, 3])
    # The drift offsets the jumps' mean, so that prices keep their level over the years.
    diffusion = sigma * (normal[:, :3] @ MIX.T) - JUMPS_PER_SESSION * JUMP_MEAN
    jumps = JUMP_MEAN + JUMP_SIGMA * normal[:, 5:]
    jumps[uniform[:, :1] <= _at_most(np.arange(MAX_JUMPS))] = 0.0
    total = diffusion + jumps.sum(axis=1, keepdims=True)
    before = np.vstack([np.zeros(3), np.cumsum(total, axis=0)])
    epoch = bisect_left([session.session_date for session in timetable.sessions], EPOCH)
    opens = BASE + before - before[epoch]
    return Levels(
        opens, diffusion, sigma, uniform[:, 1:], jumps, _log_vix(total[:, 0], normal[:, 4])
    )


def _sigmas(timetable: Timetable, shocks: Floats) -> Floats:
    """Return the diffusion's standard deviation by session and family; its square is AR(1)."""
    fresh = VARIANCE_SIGMA * np.sqrt(1 - VARIANCE_PERSISTENCE**2)
    variance = np.exp(_recursion(VARIANCE_PERSISTENCE, fresh * shocks))
    shares = np.array([variance_share(session) for session in timetable.sessions])
    sigmas: Floats = SESSION_SIGMA * np.sqrt(variance * shares)[:, None] * FAMILY_SIGMA
    return sigmas


def _log_vix(index_returns: Floats, shocks: Floats) -> Floats:
    return VIX_MEAN + _recursion(VIX_PERSISTENCE, VIX_SIGMA * shocks - VIX_BETA * index_returns)


def _recursion(persistence: float, shocks: Floats) -> Floats:
    state, out = 0.0, np.empty(len(shocks))
    for number, shock in enumerate(shocks.tolist()):
        state = persistence * state + shock
        out[number] = state
    return out


def _at_most(jumps: Integers) -> Floats:
    """Return the Poisson probability of at most so many jumps a session."""
    terms = [1.0]
    for number in jumps[1:].tolist():
        terms.append(terms[-1] * JUMPS_PER_SESSION / number)
    probability: Floats = np.exp(-JUMPS_PER_SESSION) * np.cumsum(terms)
    return probability
