"""What an ETF's options say of one session, without any history.

Source: QUANT_SPEC 7.3, the numbers 1-7, 12-22 and those beside them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from futures_pipeline.analytics.kernels.compiled import Floats, Integers, compiled
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
Keys = NDArray[np.uint64]
Places = NDArray[np.int32]
# Of the table of contracts; a power of two, doubled until at most half are taken.
FEWEST_SLOTS = 1 << 16
SPREAD = ("iv_min", "iv_max", "iv_mean", "iv_median", "iv_std", "iv_p25", "iv_p75")
BY_MONEYNESS = ("atm_iv_mean", "otm_iv_mean", "itm_iv_mean")
GREEK_MEANS = ("delta_mean", "gamma_mean", "theta_mean", "vega_mean")
NO_AVERAGES: dict[str, float | None] = dict.fromkeys(
    (*SPREAD, *BY_MONEYNESS, *GREEK_MEANS, "delta_net_oi")
)
NOT_TOLD: dict[str, float | None] = dict.fromkeys(WHOLE_DAY)


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
    judged = judge_quotes(closing_rows(rows, day.closes_at), day.session_date)
    judged = with_forwards(judged, day.rate)
    return ClosingChain(day, traded, judged, with_greeks(judged, day.rate))


def of_the_quotes(chain: ClosingChain, symbols: Sequence[str], rate: float) -> dict[str, Numbers]:
    """Return what the quotes at the close say of each ETF; ``rate`` as in :class:`OptionDay`.

    Below 20 clean contracts nothing but the chain's own VIX, which has its own rules.
    """
    enough = chain.valued.filter(pl.len().over("symbol") >= LEAST_CLEAN)
    averages, by_expiry = _averages(enough), smiles(enough)
    indices, listed = chain_vix(chain.judged, rate), set(chain.judged["symbol"].unique())
    found = {}
    for symbol in symbols:
        own = [smile for smile in by_expiry if smile.symbol == symbol]
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
    sums = _sums(traded)
    found = {}
    for symbol in symbols:
        call, put = (sums.get((symbol, right), NOT_TOLD) for right in (CALL, PUT))
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

    ``symbol``, ``contract``, ``right``, ``volume``, ``open_interest``. ``rows`` in any order;
    a contract is known by the hash of its name.
    """
    numbers, first = _numbered(rows["contract"].hash().to_numpy())
    named = rows.select("symbol", "contract", "right")[first]
    told = {name: np.full(len(first), np.nan) for name in WHOLE_DAY}
    for name, largest in told.items():
        _raise(numbers, rows[name].cast(pl.Float64).to_numpy(), largest)
    return named.with_columns(**told).with_columns(pl.col(WHOLE_DAY).fill_nan(None))


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


def _averages(valued: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return each ETF's numbers over the clean set and over the set whose greeks are averaged."""
    away, days = pl.col("delta").abs(), pl.col("dte")
    clean = (days <= CLEAN_SET_DAYS) & away.is_between(*CLEAN_SET_DELTAS)
    held = days.is_between(*GREEK_SET_DAYS) & away.is_between(*GREEK_SET_DELTAS)
    interest = pl.when(pl.col("delta").is_not_null()).then(pl.col("open_interest"))
    by_symbol = valued.group_by("symbol").agg(
        **_spread(pl.col("iv").filter(clean)),
        **_by_moneyness(clean),
        delta_mean=away.filter(held).mean(),
        **{f"{name}_mean": pl.col(name).filter(held).mean() for name in ("gamma", "theta", "vega")},
        delta_net_oi=(pl.col("delta") * interest).sum() / interest.sum(),
    )
    known = by_symbol.with_columns(pl.col("delta_net_oi").fill_nan(None))
    return {row.pop("symbol"): row for row in known.iter_rows(named=True)}


def _spread(vol: pl.Expr) -> dict[str, pl.Expr]:
    return {
        "iv_min": vol.min(),
        "iv_max": vol.max(),
        "iv_mean": vol.mean(),
        "iv_median": vol.median(),
        "iv_std": vol.std(),
        "iv_p25": vol.quantile(0.25, "linear"),
        "iv_p75": vol.quantile(0.75, "linear"),
    }


def _by_moneyness(clean: pl.Expr) -> dict[str, pl.Expr]:
    vol, log_strike = pl.col("iv"), pl.col("log_strike")
    near = log_strike.abs() <= AT_THE_MONEY
    outside = ~near & ((log_strike < 0) == (pl.col("right") == PUT))
    return {
        "atm_iv_mean": vol.filter(clean & near).mean(),
        "otm_iv_mean": vol.filter(clean & outside).mean(),
        "itm_iv_mean": vol.filter(clean & ~near & ~outside).mean(),
    }


def _sums(by_contract: pl.DataFrame) -> dict[tuple[str, str], dict[str, float | None]]:
    """Return volume and open interest by symbol and right, None where nothing was told."""
    told = (pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()) for name in WHOLE_DAY)
    summed = by_contract.group_by("symbol", "right").agg(told)
    return {
        (symbol, right): dict(zip(WHOLE_DAY, values, strict=True))
        for symbol, right, *values in summed.iter_rows()
    }


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _ratio(puts: float | None, calls: float | None) -> Measured:
    if puts is None or calls is None:
        return Measured(None, 0, "not_told")
    return Measured(puts / calls, 0, None) if calls else Measured(None, 0, "no_calls")


def _numbered(keys: Keys) -> tuple[Places, Integers]:
    """Return the number of each row's key, and the first row of each number."""
    numbers, slots = np.empty(len(keys), np.int32), FEWEST_SLOTS
    while True:
        first = np.empty(slots // 2, np.int64)
        count = _number(keys, np.full(slots, -1, np.int32), first, numbers)
        if count >= 0:
            return numbers, first[:count]
        slots *= 2


@compiled
def _number(keys: Keys, table: Places, first: Integers, numbers: Places) -> int:
    """Write the number of each row's key; -1 when there are more keys than ``first`` holds.

    ``table``: -1 in each of its slots, a power of two and twice as many.
    """
    count, mask = 0, np.uint64(len(table) - 1)
    for row in range(len(keys)):
        at = keys[row] & mask
        while table[at] >= 0 and keys[first[table[at]]] != keys[row]:
            at = (at + np.uint64(1)) & mask
        if table[at] < 0:
            if count == len(first):
                return -1
            table[at], first[count] = count, row
            count += 1
        numbers[row] = table[at]
    return count


@compiled
def _raise(numbers: Places, values: Floats, largest: Floats) -> None:
    """Raise each number's largest value, NaN before the first; a NaN among the values is none."""
    for row in range(len(numbers)):
        if not values[row] <= largest[numbers[row]] and not np.isnan(values[row]):
            largest[numbers[row]] = values[row]
