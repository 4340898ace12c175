"""What an ETF's options say of one session, without any history.

Source: QUANT_SPEC 7.3, the numbers 1-7, 12-22 and those beside them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Booleans, Floats
from futures_pipeline.analytics.options.by_contract import largest, numbered
from futures_pipeline.analytics.options.cleaning import (
    CALL,
    PUT,
    OptionDay,
    closing_rows,
    judge_quotes,
    with_forwards,
)
from futures_pipeline.analytics.options.greeks import with_greeks
from futures_pipeline.analytics.options.history import Measured
from futures_pipeline.analytics.options.term_structure import (
    MONTH,
    QUARTER,
    Smile,
    constant_maturity_vol,
    skew_25_delta,
    smiles,
)
from futures_pipeline.analytics.options.vix import ChainVix, chain_vix

CLEAN_SET_DAYS, CLEAN_SET_DELTAS = 90, (0.05, 0.95)
GREEK_SET_DAYS, GREEK_SET_DELTAS = (20, 60), (0.2, 0.8)
AT_THE_MONEY = 0.025  # of |ln(strike / forward)|
LEAST_CLEAN = 20
WHOLE_DAY = ("volume", "open_interest")
Numbers = dict[str, Measured]
SPREAD = ("iv_min", "iv_max", "iv_mean", "iv_median", "iv_std", "iv_p25", "iv_p75")
BY_MONEYNESS = ("atm_iv_mean", "otm_iv_mean", "itm_iv_mean")
GREEK_MEANS = ("delta_mean", "gamma_mean", "theta_mean", "vega_mean")
NO_AVERAGES: dict[str, float | None] = dict.fromkeys(
    (*SPREAD, *BY_MONEYNESS, *GREEK_MEANS, "delta_net_oi")
)
AVERAGED = ("dte", "log_strike", "iv", "delta", "gamma", "vega", "theta", "open_interest")


class ClosingChain(NamedTuple):
    """What each option of a session ``traded``, and the options at its close.

    ``traded``: ``largest_by_contract``. ``judged`` is all that were quoted at the close,
    ``valued`` the clean ones with greeks.
    """

    day: OptionDay
    traded: pl.DataFrame
    judged: pl.DataFrame
    valued: pl.DataFrame


def closing_chain(
    rows: pl.DataFrame, day: OptionDay, traded: pl.DataFrame | None = None
) -> ClosingChain:
    """Return the options of a session as they stood at its close.

    ``rows``: ``option_snapshots`` of the session, in any order, duplicates and all; those of
    the quarter of an hour before the close are enough with ``traded``, the whole session's.
    """
    traded = largest_by_contract(rows) if traded is None else traded
    closing = closing_rows(rows, day.closes_at, traded["symbol"].unique())
    judged = with_forwards(judge_quotes(closing, day.session_date), day.rate)
    return ClosingChain(day, traded, judged, with_greeks(judged, day.rate))


def of_the_quotes(chain: ClosingChain, symbols: Sequence[str], rate: float) -> dict[str, Numbers]:
    """Return what the quotes at the close say of each ETF; ``rate`` as in :class:`OptionDay`.

    Below 20 clean contracts nothing but the chain's own VIX, which has its own rules.
    """
    averages, by_expiry = _averages(chain.valued, symbols), smiles(chain.valued)
    indices, listed = chain_vix(chain.judged, rate), set(chain.judged["symbol"].unique())
    found = {}
    for symbol in symbols:
        own = [it for it in by_expiry if it.symbol == symbol and symbol in averages]
        too_few = "fewer_than_20_clean" if symbol in listed else "no_options_at_the_close"
        vix = indices.get(symbol, ChainVix(None, 0, too_few))
        found[symbol] = {
            **reasoned(_terms(own), "not_bracketed" if own else too_few),
            **reasoned(averages.get(symbol, NO_AVERAGES), "none_in_the_set" if own else too_few),
            "vix_chain": Measured(vix.value, vix.strikes, vix.reason),
        }
    return found


def of_the_day(traded: pl.DataFrame, symbols: Sequence[str]) -> dict[str, Numbers]:
    """Return contracts traded and open over the session, and puts for a call, of each ETF.

    A volume counts since the open, so a contract's largest is its last; open interest is that
    of the close before and stays. ``traded``: :func:`largest_by_contract`.
    """
    told = {name: traded[name].to_numpy() for name in WHOLE_DAY}
    is_call, found = (traded["right"] == CALL).to_numpy(), {}
    for symbol in symbols:
        own = (traded["symbol"] == symbol).to_numpy()
        call, put = (
            {name: _told(values[own & side]) for name, values in told.items()}
            for side in (is_call, ~is_call)
        )
        counts = {
            "volume_total": _sum((call["volume"], put["volume"])),
            "call_volume": call["volume"],
            "put_volume": put["volume"],
            "open_interest_total": _sum((call["open_interest"], put["open_interest"])),
        }
        found[symbol] = {
            **reasoned(counts, "not_told"),
            "put_call_ratio": _ratio(put["volume"], call["volume"]),
            "put_call_oi_ratio": _ratio(put["open_interest"], call["open_interest"]),
        }
    return found


def largest_by_contract(rows: pl.DataFrame) -> pl.DataFrame:
    """Return each contract's largest volume and open interest, null where never told.

    ``symbol``, ``contract``, ``right``, ``volume``, ``open_interest``; ``rows`` in any order.
    """
    numbers, first = numbered(rows["contract"])
    values = ((name, rows[name].cast(pl.Float64).to_numpy()) for name in WHOLE_DAY)
    told = {name: largest(numbers, len(first), of_rows) for name, of_rows in values}
    named = rows[first, ["symbol", "contract", "right"]]
    return named.with_columns_seq(
        pl.Series(name, told[name], nan_to_null=True) for name in WHOLE_DAY
    )


def reasoned(values: Mapping[str, float | None], reason: str) -> Numbers:
    """Return the values with one reason for those that are None."""
    return {
        name: Measured(value, 0, None if value is not None else reason)
        for name, value in values.items()
    }


def _terms(by_expiry: Sequence[Smile]) -> dict[str, float | None]:
    """Return one ETF's volatilities at constant maturities and what compares them."""
    short, long = (
        constant_maturity_vol(by_expiry, lambda smile: smile.atm_vol, maturity)
        for maturity in (MONTH, QUARTER)
    )
    return {
        "iv_atm_30d": short,
        "iv_atm_90d": long,
        "term_structure_slope": None if short is None or long is None else long / short - 1,
        "skew_25d": skew_25_delta(by_expiry),
    }


def _averages(valued: pl.DataFrame, symbols: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Return each ETF's averages; one with fewer than 20 clean contracts is not among them."""
    numbers = {name: valued[name].to_numpy() for name in AVERAGED}
    is_put, found = (valued["right"] == PUT).to_numpy(), {}
    for symbol in symbols:
        own = np.flatnonzero((valued["symbol"] == symbol).to_numpy())
        if len(own) >= LEAST_CLEAN:
            of_symbol = {name: values[own] for name, values in numbers.items()}
            found[symbol] = _of_the_sets(of_symbol, is_put[own])
    return found


def _of_the_sets(of: Mapping[str, Floats], is_put: Booleans) -> dict[str, float | None]:
    """Return one ETF's numbers over the clean set and over the set whose greeks are averaged."""
    away, days, vol = np.abs(of["delta"]), of["dte"], of["iv"]
    clean = (days <= CLEAN_SET_DAYS) & _within(away, CLEAN_SET_DELTAS)
    held = _within(days, GREEK_SET_DAYS) & _within(away, GREEK_SET_DELTAS)
    near = np.abs(of["log_strike"]) <= AT_THE_MONEY
    outside = (of["log_strike"] < 0) == is_put
    known = ~np.isnan(of["delta"]) & ~np.isnan(of["open_interest"])
    interest = of["open_interest"][known]
    net = (of["delta"][known] * interest).sum()
    return {
        **_spread(vol[clean]),
        "atm_iv_mean": _mean(vol[clean & near]),
        "otm_iv_mean": _mean(vol[clean & ~near & outside]),
        "itm_iv_mean": _mean(vol[clean & ~near & ~outside]),
        "delta_mean": _mean(away[held]),
        **{f"{name}_mean": _mean(of[name][held]) for name in ("gamma", "theta", "vega")},
        "delta_net_oi": float(net / interest.sum()) if interest.any() else None,
    }


def _spread(vol: Floats) -> dict[str, float | None]:
    if not len(vol):
        return dict.fromkeys(SPREAD)
    quarter, half, three_quarters = (float(it) for it in np.quantile(vol, (0.25, 0.5, 0.75)))
    return {
        "iv_min": float(vol.min()),
        "iv_max": float(vol.max()),
        "iv_mean": float(vol.mean()),
        "iv_median": half,
        "iv_std": float(vol.std(ddof=1)) if len(vol) > 1 else None,
        "iv_p25": quarter,
        "iv_p75": three_quarters,
    }


def _within(values: Floats, ends: tuple[float, float]) -> Booleans:
    inside: Booleans = (values >= ends[0]) & (values <= ends[1])
    return inside


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _told(values: Floats) -> float | None:
    """Return the sum of what is known, None when nothing is."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if len(known) else None


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _ratio(puts: float | None, calls: float | None) -> Measured:
    if puts is None or calls is None:
        return Measured(None, 0, "not_told")
    return Measured(puts / calls, 0, None) if calls else Measured(None, 0, "no_calls")
