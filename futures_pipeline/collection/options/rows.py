"""What a line has said of an option, as a row; what it has not said is null."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import ib_async

from futures_pipeline.collection.normalize import DATA_TYPES, Quote, number
from futures_pipeline.collection.options.chains import OptionContract
from futures_pipeline.storage.tables.options import (
    BID_ASK,
    CALL,
    COMPLETE,
    CUT,
    LATE,
    MISSING,
    MODEL,
)

# How old the model's greeks of an earlier round may be to stand for those of this one.
OLDEST_GREEKS = timedelta(minutes=15)
# The broker's "not computed" of greeks; only theta could really have this value.
NOT_COMPUTED = -2.0


@dataclass(frozen=True, slots=True)
class Computed:
    """Volatility (annualised fraction) and greeks; those but the volatility may be None."""

    iv: float
    delta: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    underlying_price: float | None


@dataclass(frozen=True, slots=True)
class Greeks:
    """A computation with its source (a word of the table) and when it was received."""

    source: str
    computed: Computed | None
    at: datetime | None


NO_GREEKS = Greeks(MISSING, None, None)


def computed(it: ib_async.OptionComputation | None) -> Computed | None:
    """Return the broker's computation, None where it holds no volatility."""
    vol = number(it.impliedVol) if it is not None else None
    if it is None or vol is None or vol <= 0:
        return None
    return Computed(
        iv=vol,
        delta=_greek(it.delta),
        gamma=_greek(it.gamma),
        vega=_greek(it.vega),
        theta=_greek(it.theta),
        underlying_price=_price(number(it.undPrice)),
    )


def _greek(value: float | None) -> float | None:
    known = value is not None and value == value and value != NOT_COMPUTED
    return value if known else None


def between(bid: Computed | None, ask: Computed | None) -> Computed | None:
    """Return the mean of what the bid and the ask imply, None unless both are there."""
    if bid is None or ask is None:
        return None
    pairs = zip(astuple(bid), astuple(ask), strict=True)
    means: list[Any] = [None if None in pair else sum(pair) / 2 for pair in pairs]
    return Computed(*means)


def greeks_of(
    ticker: ib_async.Ticker, received: tuple[Computed, datetime] | None, now: datetime
) -> Greeks:
    """Return the best greeks there are at ``now``.

    ``received``: the model's last computation of the option, of this window or an earlier
    one, and when it came. The ticker knows of this window alone.
    """
    if received is not None and computed(ticker.modelGreeks) is not None:
        return Greeks(MODEL, *received)
    of_quotes = between(computed(ticker.bidGreeks), computed(ticker.askGreeks))
    if of_quotes is not None:
        return Greeks(BID_ASK, of_quotes, now)
    if received is not None and now - received[1] <= OLDEST_GREEKS:
        return Greeks(LATE, *received)
    return NO_GREEKS


def open_interest(ticker: ib_async.Ticker, right: str) -> float:
    """Return the open contracts of an option as told, NaN before: by right (generic tick 101)."""
    return ticker.callOpenInterest if right == CALL else ticker.putOpenInterest


def day_volume(ticker: ib_async.Ticker, right: str) -> float:
    """Return the day's contracts as told, NaN before: by right (generic tick 100), or plain."""
    own = ticker.callVolume if right == CALL else ticker.putVolume
    return ticker.volume if own != own else own


def option_row(
    option: OptionContract,
    ticker: ib_async.Ticker,
    quote: Quote,
    greeks: Greeks,
    times: tuple[datetime, datetime],
) -> dict[str, Any]:
    """Return a row of ``option_snapshots`` without its session date.

    ``times``: when the round was due, and when the option is observed.
    """
    round_at, observed_at = times
    traded_at = ticker.lastTimestamp or ticker.delayedLastTimestamp
    return {
        "symbol": option.symbol,
        "contract": option.local_symbol,
        "con_id": option.con_id,
        "expiry": option.expiry,
        "strike": option.strike,
        "right": option.right,
        "round_at": round_at,
        "timestamp": observed_at,
        "bid": _price(quote.bid),
        "ask": _price(quote.ask),
        "bid_size": quote.bid_size,
        "ask_size": quote.ask_size,
        "last": _price(number(ticker.last)),
        "last_at": None if traded_at is None else traded_at.astimezone(UTC),
        "volume": number(day_volume(ticker, option.right)),
        "open_interest": number(open_interest(ticker, option.right)),
        **_values(greeks.computed),
        "greeks": greeks.source,
        "greeks_at": greeks.at,
        "data_type": DATA_TYPES.get(ticker.marketDataType, "live"),
        "received_at": observed_at,
    }


def _values(found: Computed | None) -> dict[str, float | None]:
    return {it.name: None if found is None else getattr(found, it.name) for it in fields(Computed)}


def _price(value: float | None) -> float | None:
    """Return a price; 0 is what some exchanges send in place of no quote."""
    return value or None


def says_something(row: Mapping[str, Any]) -> bool:
    """Return whether a row holds anything that came in its window."""
    told = ("bid", "ask", "last", "volume", "open_interest")
    fresh = row["greeks"] in (MODEL, BID_ASK)
    return fresh or any(row[name] is not None for name in told)


def counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return a round's counts of what came, by column of ``option_rounds``."""
    prices = [(row["bid"], row["ask"], row["last"]) for row in rows]
    return {
        "answered": sum(any(price is not None for price in each) for each in prices),
        "with_quote": sum(None not in each[:2] for each in prices),
        "with_greeks": sum(row["greeks"] != MISSING for row in rows),
        "with_open_interest": sum(row["open_interest"] is not None for row in rows),
    }


def ended(reason: str) -> dict[str, str | None]:
    """Return how a round ended; the empty reason is a complete one."""
    return {"ended": CUT if reason else COMPLETE, "reason": reason or None}
