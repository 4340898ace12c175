"""Which options a round asks for: pure choices of expiries and strikes, and their order.

A chain has thousands of contracts and an account a hundred lines, so a round takes what the
statistics of QUANT_SPEC 7 are computed from: the at-the-money volatility at 30 and 90 days,
the smile out to five delta on both sides.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import ib_async

from futures_pipeline.domain.sessions import new_york

# Source: QUANT_SPEC 7.1 and 7.2. Options nearer than a week are not used; 30 and 90 days are
# bracketed; beyond 120 days nothing is.
SHORTEST_DAYS, SHORT_DAYS, LONGEST_DAYS = 7, 14, 120
BRACKETED_DAYS, NEAREST_DAYS = (30, 90), 60
# In standard deviations of the move to expiry. A put of five delta lies about three below the
# money and such a call one and a half above: index options' volatility falls with the strike.
STEPS = (-3.0, -2.2, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
# Which strikes bracket the forward is not known before the quotes are: a short rate of 4 %
# less the dividends is near enough to ask for them.
CARRY = 0.03
YEAR = timedelta(days=365)
SHORTEST_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class OptionContract:
    """One listed option; ``strike`` in US dollars a share, ``right`` is C or P."""

    symbol: str
    local_symbol: str
    con_id: int
    expiry: date
    strike: float
    right: str
    broker_contract: ib_async.Contract


@dataclass(frozen=True, slots=True)
class Money:
    """Where the money is: the ETF's price and its annualised volatility (a fraction)."""

    price: float
    vol: float


def chosen_expiries(listed: Iterable[date], today: date) -> list[date]:
    """Return the expiries of a round, ascending, at most seven.

    The nearest from a week on (when within two), those about 30 and 90 days, the one nearest
    to 60. A missing one is left out.
    """
    days = sorted({(expiry - today).days for expiry in listed})
    days = [ahead for ahead in days if SHORTEST_DAYS <= ahead <= LONGEST_DAYS]
    if not days:
        return []
    chosen: set[float] = {ahead for ahead in days[:1] if ahead <= SHORT_DAYS}
    chosen.add(min(days, key=lambda ahead: abs(ahead - NEAREST_DAYS)))
    for target in BRACKETED_DAYS:
        chosen.update(_around(days, target))
    return [today + timedelta(days=ahead) for ahead in sorted(chosen)]


def chosen_strikes(listed: Iterable[float], money: Money, years: float) -> list[float]:
    """Return the strikes of one expiry, ascending, at most twelve.

    Those that bracket the price and the forward, and the nearest to each of ``STEPS``.
    ``years`` to expiry, above 0.
    """
    strikes = sorted(set(listed))
    if not strikes:
        return []
    deviation = money.vol * math.sqrt(years)
    chosen = {*_around(strikes, money.price)}
    chosen.update(_around(strikes, money.price * math.exp(CARRY * years)))
    for step in STEPS:
        wanted = money.price * math.exp(step * deviation)
        chosen.add(min(strikes, key=lambda strike: abs(strike - wanted)))
    return sorted(chosen)


def chosen_contracts(
    known: Mapping[date, Sequence[OptionContract]], money: Money, now: datetime
) -> list[OptionContract]:
    """Return the contracts of a round, those at the money first: a cut round lacks wings.

    ``known`` holds each chosen expiry's listed contracts. Calls and puts of a strike come
    together.
    """
    found: list[tuple[float, OptionContract]] = []
    for expiry, contracts in known.items():
        years = years_to_expiry(expiry, now)
        strikes = chosen_strikes((contract.strike for contract in contracts), money, years)
        for contract in contracts:
            if contract.strike in strikes:
                distance = abs(math.log(contract.strike / money.price)) / math.sqrt(years)
                found.append((distance, contract))
    found.sort(key=lambda pair: (pair[0], pair[1].expiry, pair[1].strike, pair[1].right))
    return [contract for _, contract in found]


def years_to_expiry(expiry: date, now: datetime) -> float:
    """Return the calendar time to 16:00 New York of an expiry, in years of 365 days."""
    return max(new_york(expiry, 16) - now, SHORTEST_LIFE) / YEAR


def _around(ascending: Sequence[float], target: float) -> list[float]:
    """Return the last value up to ``target`` and the first from it on, where there are such."""
    after, first = bisect_right(ascending, target), bisect_left(ascending, target)
    return [*ascending[max(0, after - 1) : after], *ascending[first : first + 1]]
