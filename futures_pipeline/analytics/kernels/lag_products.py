"""Sums of lagged products, for all lags at once and within sessions only."""

from typing import NamedTuple

import numpy as np

from futures_pipeline.analytics.kernels.compiled import Booleans, Floats, Integers, compiled

BLOCK = 4096


class Centred(NamedTuple):
    """Values less their mean, a session a row, 0 where unknown; and where that is."""

    values: Floats
    gap_session: Integers
    gap_minute: Integers


def centred(values: Floats) -> Centred:
    """Return values without their mean; NaN is a gap."""
    out = np.empty(values.shape)
    gaps = _centre(np.ascontiguousarray(values), out)
    return Centred(out, gaps[0], gaps[1])


def lag_products(x: Floats, y: Floats, max_lag: int) -> Floats:
    """Return the sums of ``x[s, t] * y[s, t + lag]`` for ``lag`` from -max_lag to max_lag.

    Rows are sessions; no product crosses one. Values must be numbers: 0 stands for a missing
    one. Sums are taken by blocks, so rounding does not grow with the length.
    """
    out = np.zeros(2 * max_lag + 1)
    _add_products(np.ascontiguousarray(x), np.ascontiguousarray(y), max_lag, out)
    return out


def sums_beside_gaps(own: Centred, other: Centred, max_lag: int) -> tuple[Floats, Floats, Floats]:
    """Return count, sum and sum of squares of the values whose lagged partner is known.

    The partner of ``own.values[s, t]`` is ``other.values[s, t + lag]``, for ``lag`` from
    -max_lag to max_lag. Beyond one pass the work grows with the gaps of both only.
    """
    values, width = own.values, own.values.shape[1]
    near = min(max_lag, width)
    first, last = values[:, :near], values[:, width - near :][:, ::-1]
    squares = float(np.einsum("st,st->", values, values))
    early, late = (_gaps_of(minute, near) for minute in _from_ends(own.gap_minute, width))
    sums = np.stack(
        [
            _within(
                float(values.size - len(own.gap_minute)), len(values) - early, len(values) - late
            ),
            _within(float(values.sum()), first.sum(axis=0), last.sum(axis=0)),
            _within(squares, (first**2).sum(axis=0), (last**2).sum(axis=0)),
        ]
    )[:, _reach(max_lag, near)]
    if len(other.gap_minute):
        is_gap = np.zeros(values.shape, dtype=np.bool_)
        is_gap[own.gap_session, own.gap_minute] = True
        _take_away(values, is_gap, other.gap_session, other.gap_minute, sums)
    return sums[0], sums[1], sums[2]


def _from_ends(minute: Integers, width: int) -> tuple[Integers, Integers]:
    """Return minutes counted from the first and from the last one of a session."""
    return minute, width - 1 - minute


def _gaps_of(minute: Integers, near: int) -> Floats:
    """Return how many gaps each of the first minutes has over all sessions."""
    return np.bincount(minute[minute < near], minlength=near).astype(np.float64)


def _within(total: float, first: Floats, last: Floats) -> Floats:
    """Return the total less the first n minutes, n falling to 1; all; less the last n."""
    heads, tails = np.cumsum(first), np.cumsum(last)
    return np.concatenate([total - heads[::-1], [total], total - tails])


def _reach(max_lag: int, near: int) -> Integers:
    """Return where each lag stands in ``_within``, which ends where a lag leaves the session."""
    return np.clip(np.arange(-max_lag, max_lag + 1), -near, near) + near


@compiled
def _centre(values: Floats, out: Floats) -> Integers:
    """Write the values less their mean, 0 for NaN; return the places of the NaN."""
    count, total = 0, 0.0
    for session in range(values.shape[0]):
        counted, part = _known(values[session])
        count += counted
        total += part
    mean = total / max(count, 1)
    gaps = np.empty((2, values.size - count), dtype=np.int64)
    found = 0
    for session in range(values.shape[0]):
        for minute in range(values.shape[1]):
            value = values[session, minute]
            if np.isnan(value):
                gaps[0, found] = session
                gaps[1, found] = minute
                found += 1
                out[session, minute] = 0.0
            else:
                out[session, minute] = value - mean
    return gaps


@compiled
def _known(values: Floats) -> tuple[int, float]:
    """Return how many values are no NaN, and their sum.

    In eight sums side by side: one alone would wait for each addition before the next.
    """
    sums, counts = np.zeros(8), np.zeros(8)
    eights = len(values) // 8 * 8
    for begin in range(0, eights, 8):
        for lane in range(8):
            value = values[begin + lane]
            is_gap = np.isnan(value)
            sums[lane] += 0.0 if is_gap else value
            counts[lane] += 0.0 if is_gap else 1.0
    for value in values[eights:]:
        if not np.isnan(value):
            sums[0] += value
            counts[0] += 1.0
    return int(counts.sum()), sums.sum()


@compiled
def _take_away(
    values: Floats,
    is_gap: Booleans,
    session: Integers,
    minute: Integers,
    sums: Floats,
) -> None:
    max_lag = sums.shape[1] // 2
    width = values.shape[1]
    for gap in range(len(session)):
        row, at = session[gap], minute[gap]
        for lag in range(max(-max_lag, at - width + 1), min(max_lag, at) + 1):
            value = values[row, at - lag]
            if not is_gap[row, at - lag]:
                sums[0, max_lag + lag] -= 1.0
            sums[1, max_lag + lag] -= value
            sums[2, max_lag + lag] -= value * value


@compiled
def _add_products(x: Floats, y: Floats, max_lag: int, out: Floats) -> None:
    lags, width = len(out), x.shape[1]
    part = np.empty(lags)
    beside = np.empty(BLOCK + lags)  # the partners of a block, 0 beyond the session
    for session in range(x.shape[0]):
        for begin in range(0, width, BLOCK):
            end = min(begin + BLOCK, width)
            first, last = max(begin - max_lag, 0), min(end + max_lag, width)
            offset = begin - max_lag
            beside[:] = 0.0
            beside[first - offset : last - offset] = y[session, first:last]
            part[:] = 0.0
            fours = (end - begin) // 4 * 4
            # Four at a time: each partner is loaded once for four products.
            for t in range(0, fours, 4):
                a, b = x[session, begin + t], x[session, begin + t + 1]
                c, d = x[session, begin + t + 2], x[session, begin + t + 3]
                near = beside[t : t + lags + 3]
                for lag in range(lags):
                    two = a * near[lag] + b * near[lag + 1]
                    part[lag] += two + (c * near[lag + 2] + d * near[lag + 3])
            for t in range(fours, end - begin):
                a, near = x[session, begin + t], beside[t : t + lags]
                for lag in range(lags):
                    part[lag] += a * near[lag]
            for lag in range(lags):
                out[lag] += part[lag]
