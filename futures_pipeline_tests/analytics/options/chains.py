"""Option chains with a known truth: prices from the simulator's surface, rows as in the lake."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from futures_pipeline.analytics.options.cleaning import OptionDay
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.simulator.options.pricing import greeks
from futures_pipeline.simulator.options.surface import RATE, Surface

TODAY = date(2025, 3, 3)
CLOSE = datetime(2025, 3, 3, 21, tzinfo=UTC)
DAY = OptionDay(TODAY, CLOSE, RATE)
CALM, STRESSED = 0.15**2, 0.40**2
SCHEMA: dict[str, Any] = {
    "symbol": pl.String,
    "contract": pl.String,
    "expiry": pl.Date,
    "strike": pl.Float64,
    "right": pl.String,
    "round_at": pl.Datetime("us", "UTC"),
    "timestamp": pl.Datetime("us", "UTC"),
    "received_at": pl.Datetime("us", "UTC"),
    **dict.fromkeys(("bid", "ask", "volume", "open_interest", "iv"), pl.Float64),
    **dict.fromkeys(("delta", "gamma", "vega", "theta", "underlying_price"), pl.Float64),
}


@dataclass(frozen=True)
class Truth:
    """What the rows of a chain are made from; half the spread in US dollars."""

    symbol: str = "SPY"
    spot: float = 590.0
    variance: float = CALM
    days: Sequence[int] = (23, 37, 83, 97)
    strikes: Sequence[float] = tuple(float(strike) for strike in range(440, 691, 5))
    half_spread: float = 0.0001
    observed_at: datetime = CLOSE


def option(**said: object) -> dict[str, object]:
    """Return one row of a sound option; a test names what it asserts."""
    row: dict[str, object] = {
        "symbol": "SPY",
        "expiry": TODAY + timedelta(days=30),
        "strike": 590.0,
        "right": "C",
        "round_at": CLOSE - timedelta(minutes=5),
        "timestamp": CLOSE - timedelta(minutes=3),
        "received_at": CLOSE - timedelta(minutes=3),
        "bid": 9.9,
        "ask": 10.1,
        "volume": 100.0,
        "open_interest": 1000.0,
        "iv": 0.15,
        "delta": 0.5,
        "gamma": 0.01,
        "vega": 0.6,
        "theta": -0.1,
        "underlying_price": 590.0,
    }
    row |= said
    name = f"{row['symbol']:<6}{row['expiry']:%y%m%d}{row['right']}{row['strike'] * 1000:08.0f}"
    return {"contract": name, **row}


def frame(options: Iterable[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(list(options), schema=SCHEMA, orient="row")


def chain(truth: Truth, with_greeks: bool = True) -> pl.DataFrame:
    """Return the rows of one moment; ``with_greeks`` decides whether the broker sent them."""
    surface = Surface(truth.spot, truth.variance)
    rows = []
    for days in truth.days:
        expiry = truth.observed_at.date() + timedelta(days=days)
        years = (new_york(expiry, 16) - truth.observed_at) / timedelta(days=365)
        for strike in truth.strikes:
            terms, vol = surface.terms(strike, years), surface.implied_vol(strike, years)
            for right in "CP":
                value = greeks(terms, right, vol)
                said = {
                    "iv": vol,
                    "delta": value.delta,
                    "gamma": value.gamma,
                    "vega": value.vega,
                    "theta": value.theta,
                }
                rows.append(
                    option(
                        symbol=truth.symbol,
                        expiry=expiry,
                        strike=strike,
                        right=right,
                        round_at=truth.observed_at - timedelta(minutes=2),
                        timestamp=truth.observed_at,
                        received_at=truth.observed_at,
                        bid=value.price - truth.half_spread,
                        ask=value.price + truth.half_spread,
                        underlying_price=truth.spot,
                        **(said if with_greeks else dict.fromkeys(said)),
                    )
                )
    return frame(rows)


def hand_worked() -> pl.DataFrame:
    """Return 40 options of 30 days whose forward is 600 and whose numbers are planted.

    Strikes 510 to 700 by 10; volatilities 1 % each for the strike's number, greeks alike for
    call and put; no interest.
    """
    rows = []
    for number in range(20):
        strike = 510.0 + 10 * number
        for right in "CP":
            gain = (600 - strike) * (1 if right == "C" else -1)
            middle = max(gain, 0.0) + 5.0
            rank = 0.97 - 0.049 * number
            rows.append(
                option(
                    strike=strike,
                    right=right,
                    bid=middle - 0.5,
                    ask=middle + 0.5,
                    iv=0.10 + 0.01 * number,
                    delta=rank if right == "C" else rank - 1,
                    gamma=0.001 * number,
                    theta=-0.01 * number,
                    vega=0.1 * number,
                    volume=10.0 if right == "C" else 20.0,
                    open_interest=100.0 if right == "C" else 50.0,
                )
            )
    return frame(rows)


def shuffled(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    return rows[np.random.default_rng(seed).permutation(rows.height)]
