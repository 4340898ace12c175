"""What is stored of a pair from its last anchor on, and what a signal reads of it at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from futures_pipeline.analytics.predictive_value.assessment import Usefulness
from futures_pipeline.analytics.regimes import Regime
from futures_pipeline.decisions.readings.past import (
    ANCHOR_TOLERANCE_SECONDS,
    TOLERANCE_SECONDS,
    Lead,
    Past,
    following_quote,
    night_moves,
    scale_anchors,
    session_returns,
    usual_volume,
    years_to_expiry,
)
from futures_pipeline.decisions.readings.series import NOTHING, Seen, Series, series_by_contract
from futures_pipeline.decisions.signals.basis import (
    Basis,
    FuturesQuote,
    SpotQuote,
    basis,
    carry,
    index_scale,
)
from futures_pipeline.decisions.signals.market_signal import FuturesReading
from futures_pipeline.decisions.signals.premarket import PremarketReading, Surroundings
from futures_pipeline.decisions.signals.volatility import (
    COMMON_INDEX,
    ImpliedVolatility,
    daily_volatility,
    implied_volatility,
    overnight_volatility,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# How old an earlier price may be. Source: QUANT_SPEC 1.4.
TOLERANCES_SECONDS = {1: TOLERANCE_SECONDS, 4: 2 * TOLERANCE_SECONDS}


@dataclass(frozen=True, slots=True, eq=False)
class Today:
    """Prices and bars since the last NYSE close, by contract; later ones are not looked at.

    ``prices``: reference prices, live only. The others are of minute bars.
    """

    prices: Mapping[str, Series]
    highs: Mapping[str, Series]
    lows: Mapping[str, Series]
    volumes: Mapping[str, Series]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a moment beside the pair's prices; None is unknown.

    ``vix`` in points. ``carry_rate``: where no two contracts imply one.
    """

    vix: float | None
    regime: Regime | None
    verdict: Usefulness | None
    predictive_value: float
    carry_rate: float


class Read(NamedTuple):
    """Where a signal's price comes from; both None without a price."""

    contract: str | None
    observed_at: datetime | None


def today_of(prices: pl.DataFrame, bars: pl.DataFrame) -> Today:
    """Return the day's rows as series.

    ``prices``: a ``reference_prices`` frame. ``bars``: live rows of ``bars_1m``.
    """
    return Today(
        prices=series_by_contract(prices, "timestamp", "price"),
        highs=series_by_contract(bars, "ts_end", "high"),
        lows=series_by_contract(bars, "ts_end", "low"),
        volumes=series_by_contract(bars, "ts_end", "volume"),
    )


def futures_reading(
    past: Past, today: Today, moment: datetime, known: Known
) -> tuple[FuturesReading, Read]:
    """Return what the futures signal of a moment is computed from; the moment is of the session."""
    lead = past.leads.get(past.session_date)
    seen = _price(past, today, lead, moment)
    anchor_at = past.calendar.anchor(moment)
    at = moment if seen is None else seen.at
    returns = daily_volatility(session_returns(past), _implied(past, known))
    reading = FuturesReading(
        symbol=past.spot_symbol,
        futures_symbol=past.futures_symbol,
        timestamp=moment,
        price=None if seen is None else seen.value,
        change_1h=_change(past, today, lead, seen, (at - HOUR, TOLERANCES_SECONDS[1])),
        change_4h=_change(past, today, lead, seen, (at - 4 * HOUR, TOLERANCES_SECONDS[4])),
        change_daily=_change(past, today, lead, seen, (anchor_at, ANCHOR_TOLERANCE_SECONDS)),
        elapsed_hours=past.calendar.globex.open_seconds(anchor_at, at) / 3600.0,
        volatility=returns,
        observations=len(_series(today, lead).within(moment - DAY, moment)),
        spot_price=spot_price(past, today, at),
        basis=_basis(past, today, seen, known.carry_rate),
        predictive_value=known.predictive_value,
    )
    return reading, _read(lead, seen)


def premarket_reading(
    past: Past, today: Today, moment: datetime, known: Known
) -> tuple[PremarketReading, Read]:
    """Return what the pre-market signal of a moment is computed from."""
    lead = past.leads.get(past.session_date)
    seen = _price(past, today, lead, moment)
    anchor_at = past.calendar.anchor(moment)
    anchor = _series(today, lead).fresh(anchor_at, past.calendar.globex, ANCHOR_TOLERANCE_SECONDS)
    highs, lows = _bars(today.highs, lead), _bars(today.lows, lead)
    high, low = highs.within(anchor_at, moment), lows.within(anchor_at, moment)
    session = past.calendar.globex.on(past.session_date)
    opens_at = anchor_at if session is None else session.opens_at
    traded = _bars(today.volumes, lead).within(opens_at, moment)
    elapsed_hours = past.calendar.elapsed_hours(moment)
    reading = PremarketReading(
        symbol=past.spot_symbol,
        futures_symbol=past.futures_symbol,
        timestamp=moment,
        session_date=past.session_date,
        price=None if seen is None else seen.value,
        anchor_price=None if anchor is None else anchor.value,
        high=float(high.max()) if len(high) else None,
        low=float(low.min()) if len(low) else None,
        volume=float(traded.sum()) if len(traded) else None,
        usual_volume=usual_volume(past, moment),
        volatility=overnight_volatility(
            night_moves(past, moment), _implied(past, known), elapsed_hours
        ),
        surroundings=Surroundings(vix=known.vix, vix3m=None, regime=known.regime),
    )
    return reading, _read(lead, seen)


def spot_price(past: Past, today: Today, moment: datetime) -> float | None:
    """Return the ETF's price as of a moment, US dollars; None when it is not fresh."""
    spots = today.prices.get(past.spot_symbol, NOTHING)
    seen = spots.fresh(moment, past.calendar.extended, TOLERANCE_SECONDS)
    return None if seen is None else seen.value


def _series(today: Today, lead: Lead | None) -> Series:
    return _bars(today.prices, lead)


def _bars(by_contract: Mapping[str, Series], lead: Lead | None) -> Series:
    return NOTHING if lead is None else by_contract.get(lead.contract, NOTHING)


def _price(past: Past, today: Today, lead: Lead | None, moment: datetime) -> Seen | None:
    return _series(today, lead).fresh(moment, past.calendar.globex, TOLERANCE_SECONDS)


def _read(lead: Lead | None, seen: Seen | None) -> Read:
    return Read(lead.contract if lead else None, seen.at if seen else None)


def _change(
    past: Past,
    today: Today,
    lead: Lead | None,
    seen: Seen | None,
    target: tuple[datetime, float],
) -> float | None:
    """Return the points from the price at a target, with its tolerance, to the one seen."""
    if seen is None:
        return None
    earlier = _series(today, lead).fresh(target[0], past.calendar.globex, target[1])
    return None if earlier is None else seen.value - earlier.value


def _implied(past: Past, known: Known) -> ImpliedVolatility | None:
    return implied_volatility(past.futures_symbol, {COMMON_INDEX: known.vix})


def _basis(past: Past, today: Today, seen: Seen | None, carry_rate: float) -> Basis | None:
    """Return the basis at the moment of the future's price, None without one."""
    lead = past.leads.get(past.session_date)
    if seen is None or lead is None:
        return None
    front = FuturesQuote(seen.value, years_to_expiry(lead.expiry, seen.at))
    following = following_quote(lead, today.prices, past.calendar, seen.at)
    spot = today.prices.get(past.spot_symbol, NOTHING).as_of(seen.at)
    quote = spot and SpotQuote(
        price=spot.value,
        age_seconds=(seen.at - spot.at).total_seconds(),
        is_open=past.calendar.extended.is_open(seen.at),
    )
    scale = index_scale(scale_anchors(past, carry_rate))
    return basis(front, quote, scale, carry(front, following, carry_rate))
