"""The numbers of one day's options as a user of pandas would compute them.

An independent reference as well: nothing of ours is used. Left out is what rests on other rows
(ranks, regime, VIX, the underlying's moves) and what this day does not need: reasons, an ETF
without quotes at the close, greeks or a price of the underlying that the broker left out
beside a volatility, maturities with expiries on one side only.
"""

from collections.abc import Mapping
from datetime import date, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import elementwise
from scipy.special import ndtr

Floats = NDArray[np.float64]
Numbers = dict[str, dict[str, float]]  # by symbol and name
Options = Mapping[str, Floats] | pd.DataFrame  # with the columns of TERMS, ``right`` and others

EXPIRY = ["symbol", "expiry"]
STRIKE = [*EXPIRY, "strike"]
TERMS = ["forward", "strike", "years"]
GREEKS = ["delta", "gamma", "vega", "theta"]
QUARTER = pd.Timedelta(minutes=15)
MINUTES_IN_A_YEAR, MINUTES_IN_30_DAYS = 525_600, 43_200


def with_pandas(rows: pd.DataFrame, today: date, close: datetime, rate: float) -> Numbers:
    """Return the numbers; ``close`` and the times of ``rows`` are UTC without saying so."""
    last = _at_the_close(rows, pd.Timestamp(today), pd.Timestamp(close))
    clean = _priced(_clean(last, rate), rate)
    days, away = clean.dte, clean.delta.abs()
    usual = clean[(days <= 90) & away.between(0.05, 0.95)]
    held = clean[days.between(20, 60) & away.between(0.2, 0.8)]
    held = held.assign(delta=held.delta.abs())
    means = held.groupby("symbol")[GREEKS].mean().add_suffix("_mean")
    weighted = (clean.delta * clean.open_interest).groupby(clean.symbol).sum()
    known = clean.open_interest.where(clean.delta.notna()).groupby(clean.symbol).sum()
    counts = {
        "n_contracts": last.groupby("symbol").size(),
        "n_clean": clean.groupby("symbol").size(),
        "delta_net_oi": weighted / known,
    }
    parts = [_spread(usual), means, _terms(clean), _strips(last, rate), _traded(rows)]
    found: Numbers = pd.concat([*parts, pd.DataFrame(counts)], axis=1).to_dict("index")
    return found


def _at_the_close(rows: pd.DataFrame, today: pd.Timestamp, close: pd.Timestamp) -> pd.DataFrame:
    late = rows[rows.timestamp.between(close - QUARTER, close)]
    newest = late.sort_values(["round_at", "timestamp", "received_at"])
    last = newest.drop_duplicates("contract", keep="last")
    ends = (last.expiry + pd.Timedelta(hours=16)).dt.tz_localize("America/New_York")
    left = ends.dt.tz_convert("UTC").dt.tz_localize(None) - last.timestamp
    return last.assign(
        dte=(last.expiry - today).dt.days,
        years=left / pd.Timedelta(days=365),
        mid=(last.bid + last.ask) / 2,
    ).sort_values(STRIKE)


def _clean(last: pd.DataFrame, rate: float) -> pd.DataFrame:
    """Return what can be used, with ``forward`` and ``log_strike``."""
    tight = (last.bid > 0) & (last.ask > last.bid) & (last.ask - last.bid <= last.mid / 2)
    usable = last[tight & last.dte.between(7, 400)]
    sides = [usable.loc[usable.right == right, [*STRIKE, "years", "mid"]] for right in "CP"]
    pairs = sides[0].merge(sides[1], on=STRIKE, suffixes=("", "_put"))
    difference = pairs.mid - pairs.mid_put
    grown = np.exp(rate * (pairs.years + pairs.years_put) / 2) * difference
    pairs["forward"] = pairs.strike + grown
    nearest = difference.abs().groupby([pairs.symbol, pairs.expiry]).idxmin()
    joined = usable.merge(pairs.loc[nearest, [*EXPIRY, "forward"]], on=EXPIRY)
    gain = (joined.forward - joined.strike) * np.where(joined.right == "C", 1, -1)
    clean = joined[joined.mid >= np.exp(-rate * joined.years) * gain]
    return clean.assign(log_strike=np.log(clean.strike / clean.forward))


def _priced(clean: pd.DataFrame, rate: float) -> pd.DataFrame:
    """Return the rows with volatilities and greeks where they were missing."""
    outside = (clean.right == "P") == (clean.strike < clean.forward)
    clean = clean.assign(outside=outside)
    missing = clean.loc[clean.iv.isna(), STRIKE].drop_duplicates()
    quotes = clean[outside].merge(missing, on=STRIKE)
    quotes["found"] = implied(quotes, quotes.mid.to_numpy(), rate)
    clean = clean.merge(quotes[[*STRIKE, "found"]], on=STRIKE, how="left")
    bare = clean.iv.isna()
    clean["iv"] = clean.iv.fillna(clean.found)
    holes = clean[bare]
    found = greeks(holes, holes.iv.to_numpy(), rate)
    clean.loc[bare, GREEKS] = np.column_stack([found[name] for name in GREEKS])
    return clean.assign(rank=ndtr(depth(*(clean[name] for name in TERMS), clean.iv)[0]))


def _spread(usual: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of the clean set: its volatilities, and by depth in the money."""
    grouped = usual.groupby("symbol").iv
    names = {"mean": "mean", "std": "std", "min": "min", "max": "max", "50%": "median"}
    names |= {"25%": "p25", "75%": "p75"}
    described = grouped.describe()[list(names)].rename(columns=names).add_prefix("iv_")
    near = usual.log_strike.abs() <= 0.025
    depth = np.select([near, usual.outside], ["atm", "otm"], "itm")
    by_depth = usual.groupby(["symbol", depth]).iv.mean().unstack()
    return described.join(by_depth.add_suffix("_iv_mean"))


def _terms(clean: pd.DataFrame) -> pd.DataFrame:
    quotes = clean[clean.outside & clean.iv.notna()]
    years = quotes.groupby(EXPIRY).years.mean()
    money = _between(quotes, EXPIRY, ("log_strike", "iv"), 0.0)
    put, call = (_between(quotes, EXPIRY, ("rank", "iv"), rank) for rank in (0.75, 0.25))
    month, quarter = (_matured(money, years, days) for days in (30, 90))
    return pd.DataFrame(
        {
            "iv_atm_30d": month,
            "iv_atm_90d": quarter,
            "term_structure_slope": quarter / month - 1,
            "skew_25d": _matured(put, years, 30) - _matured(call, years, 30),
        }
    )


def _matured(vols: pd.Series, years: pd.Series, days: int) -> pd.Series:
    variance = pd.DataFrame({"years": years, "variance": vols**2 * years}).reset_index()
    return (_between(variance, ["symbol"], ("years", "variance"), days / 365) / days * 365) ** 0.5


def _between(rows: pd.DataFrame, keys: list[str], axes: tuple[str, str], at: float) -> pd.Series:
    """Return each group's ``y`` where ``x`` is ``at``, linear between the points about it."""
    x, y = axes
    known = rows.dropna(subset=[x, y])
    low = known.loc[known[known[x] <= at].groupby(keys)[x].idxmax()].set_index(keys)
    high = known.loc[known[known[x] >= at].groupby(keys)[x].idxmin()].set_index(keys)
    share = ((at - low[x]) / (high[x] - low[x])).where(high[x] != low[x], 0.0)
    return low[y] + share * (high[y] - low[y])


def _strips(last: pd.DataFrame, rate: float) -> pd.DataFrame:
    quoted = last.assign(bid=last.bid.fillna(0.0))
    usable = (quoted.ask > 0) & (quoted.ask >= quoted.bid) & quoted.dte.between(7, 60)
    columns = [*STRIKE, "years", "bid", "ask"]
    sides = [quoted.loc[usable & (quoted.right == right), columns] for right in "CP"]
    both = sides[0].merge(sides[1], on=STRIKE, suffixes=("", "_put")).sort_values(STRIKE)
    minutes = both.groupby(EXPIRY).years.mean().reset_index(name="years")
    minutes["late"] = minutes.years * MINUTES_IN_A_YEAR > MINUTES_IN_30_DAYS
    nearest = (minutes.years - 30 / 365).abs().groupby([minutes.symbol, minutes.late]).idxmin()
    chosen = both.drop(columns="years").merge(minutes.loc[nearest], on=EXPIRY)
    terms = {keys: _strip(strip, rate) for keys, strip in chosen.groupby(["symbol", "late"])}
    found = pd.DataFrame(terms, index=["years", "variance", "strikes"]).T
    near, following = (found.xs(late, level=1) for late in (False, True))
    weight = (following.years - 30 / 365) / (following.years - near.years)
    total = weight * near.years * near.variance
    total += (1 - weight) * following.years * following.variance
    index = 100 * np.sqrt(total * 365 / 30)
    return pd.DataFrame({"vix_chain": index, "vix_chain_strikes": near.strikes + following.strikes})


def _strip(strip: pd.DataFrame, rate: float) -> tuple[float, float, int]:
    """Return years, variance and number of strikes of one expiry's out-of-the-money quotes."""
    columns = ["strike", "bid", "ask", "bid_put", "ask_put"]
    strike, bid, ask, bid_put, ask_put = strip[columns].to_numpy().T
    years, call, put = strip.years.iloc[0], (bid + ask) / 2, (bid_put + ask_put) / 2
    grown, nearest = np.exp(rate * years), np.abs(call - put).argmin()
    forward = strike[nearest] + grown * (call[nearest] - put[nearest])
    middle = np.flatnonzero(strike <= forward)[-1]
    puts, calls = _with_bids(bid_put[:middle][::-1])[::-1], _with_bids(bid[middle + 1 :])
    used = np.concatenate([puts, [True], calls])
    price = np.concatenate([put[:middle], [(call[middle] + put[middle]) / 2], call[middle + 1 :]])
    kept = strike[used]
    total = (np.gradient(kept) / kept**2 * price[used]).sum() * grown
    variance = (2 * total - (forward / strike[middle] - 1) ** 2) / years
    return years, variance, len(kept)


def _with_bids(bid: Floats) -> NDArray[np.bool_]:
    none = bid <= 0
    return ~none & ~np.logical_or.accumulate(none & np.r_[False, none[:-1]])


def _traded(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what each symbol traded over the day."""
    sums = ["volume", "open_interest"]
    kinds = {"symbol": "first", "right": "first"}
    contracts = rows.groupby("contract", sort=False).agg({**kinds, **dict.fromkeys(sums, "max")})
    told = contracts.groupby(["symbol", "right"])[sums].sum().unstack()
    volume, interest = told.volume, told.open_interest
    return pd.DataFrame(
        {
            "call_volume": volume.C,
            "put_volume": volume.P,
            "volume_total": volume.C + volume.P,
            "open_interest_total": interest.C + interest.P,
            "put_call_ratio": volume.P / volume.C,
            "put_call_oi_ratio": interest.P / interest.C,
        }
    )


def implied(options: Options, price: Floats, rate: float) -> Floats:
    """Return volatilities from 1 % to 500 %, NaN where none of them gives the price."""

    def miss(vol: Floats, forward: Floats, strike: Floats, years: Floats, price: Floats) -> Floats:
        d1, d2 = depth(forward, strike, years, vol)
        sign = np.where(strike >= forward, 1, -1)
        worth = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * d2))
        return np.exp(-rate * years) * worth - price

    ends = np.full(len(price), 0.01), np.full(len(price), 5.0)
    terms = (np.asarray(options[name]) for name in TERMS)
    found = elementwise.find_root(miss, ends, args=(*terms, price))
    return np.where(found.success, found.x, np.nan)


def greeks(options: Options, vol: Floats, rate: float) -> dict[str, Floats]:
    """Return sensitivities to the spot: vega for a volatility point, theta for a day."""
    forward, strike, years = (np.asarray(options[name]) for name in TERMS)
    spot, sign = np.asarray(options["underlying_price"]), np.where(options["right"] == "C", 1, -1)
    d1, d2 = depth(forward, strike, years, vol)
    held, root = forward * np.exp(-rate * years), np.sqrt(years)
    density = np.exp(-(d1**2) / 2) / np.sqrt(2 * np.pi)
    earned = (rate - np.log(forward / spot) / years) * held * ndtr(sign * d1)
    paid = rate * strike * np.exp(-rate * years) * ndtr(sign * d2)
    return {
        "delta": sign * held / spot * ndtr(sign * d1),
        "gamma": held * density / (spot**2 * vol * root),
        "vega": held * density * root / 100,
        "theta": (sign * (earned - paid) - held * density * vol / (2 * root)) / 365,
    }


def depth(forward: Floats, strike: Floats, years: Floats, vol: Floats) -> tuple[Floats, Floats]:
    """Return Black's d1 and d2."""
    deviation = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + deviation / 2
    return d1, d1 - deviation
