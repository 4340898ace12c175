"""Which option quotes can be used, why the others cannot, and the forwards they imply.

Source: QUANT_SPEC 7.1. No row is dropped: ``refused`` names the first reason, null when the
row is clean. Forwards come from put-call parity, so no dividend forecast is needed and they
are as fresh as the quotes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from futures_pipeline.domain.sessions import NEW_YORK

EXPIRY = ["symbol", "expiry"]
STRIKE = [*EXPIRY, "strike"]
CONTRACT = [*STRIKE, "right"]
# What is read of option_snapshots, and in what order of one contract's rows the last stands.
LATEST = ("round_at", "timestamp", "received_at", "bid", "ask")
READ = (
    *("contract", *CONTRACT, *LATEST, "volume", "open_interest", "iv"),
    *("delta", "gamma", "vega", "theta", "underlying_price"),
)
CALL, PUT = "C", "P"
# An option's last row counts as the close's when it is not older than three rounds.
CLOSING = timedelta(minutes=15)
WIDEST_SPREAD = 0.5  # of the middle
LEAST_DAYS, MOST_DAYS = 7, 400
EXPIRY_HOUR = 16  # New York
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class OptionDay:
    """The session whose close is described.

    ``closes_at``: NYSE's close, UTC (13:00 New York on shortened days). ``rate``: interest,
    continuous, an annualised fraction.
    """

    session_date: date
    closes_at: datetime
    rate: float


def closing_rows(rows: pl.DataFrame, closes_at: datetime) -> pl.DataFrame:
    """Return each contract's last row of the quarter of an hour before the close.

    Args:
        rows: ``option_snapshots`` of one session, in any order, duplicates and all.
        closes_at: NYSE's close of the session, UTC, aware.

    Of several rows of one contract and round the one received last stands. A symbol without
    any row in that time stands as it was last quoted before: with its last row before the
    close and the quarter of an hour before that.
    """
    late = _quoted(rows, closes_at)
    missing = sorted(set(rows["symbol"].unique()) - set(late["symbol"].unique()))
    parts = [_last_quoted(rows, symbol, closes_at) for symbol in missing]
    chosen = pl.concat([late, *parts])
    newest = chosen.filter(pl.col("round_at") == pl.col("round_at").max().over("contract"))
    ordered = newest.sort(*CONTRACT, *LATEST)
    return ordered.filter((pl.col("contract") != pl.col("contract").shift(-1)).fill_null(True))


def _last_quoted(rows: pl.DataFrame, symbol: str, closes_at: datetime) -> pl.DataFrame:
    own = rows.filter(pl.col("symbol") == symbol, pl.col("timestamp") <= closes_at)
    until = own.select(pl.col("timestamp").max()).item()
    return own.select(READ) if until is None else _quoted(own, until)


def _quoted(rows: pl.DataFrame, until: datetime) -> pl.DataFrame:
    in_time = pl.col("timestamp").is_between(until - CLOSING, until)
    return rows.lazy().filter(in_time).select(READ).collect()


def judge_quotes(rows: pl.DataFrame, session_date: date) -> pl.DataFrame:
    """Add ``dte``, ``years``, ``mid`` and ``refused`` to rows of one session.

    ``dte``: calendar days from the session to the expiry. ``years`` of 365 days from the quote
    to 16:00 New York of the expiry. ``mid``: middle of bid and ask, US dollars; null without a
    usable bid and ask. ``refused``: why the quote cannot be used, null when it can.
    """
    bid, ask = _number("bid"), _number("ask")
    expires_at = _expires_at().alias("expires_at")
    judged = rows.with_columns(
        dte=(pl.col("expiry") - session_date).dt.total_days(),
        years=(expires_at - pl.col("timestamp")) / YEAR,
        mid=pl.when((bid > 0) & (ask >= bid)).then((bid + ask) / 2),
    )
    return judged.with_columns(refused=_refusal(bid, ask))


def paired(judged: pl.DataFrame) -> pl.DataFrame:
    """Return the strikes at which both call and put are clean.

    ``symbol``, ``expiry``, ``strike``, ``years`` (the mean of both quotes'), ``difference``
    (call less put, middles, US dollars), ``half_spreads`` (of both, added).
    """
    clean = judged.filter(pl.col("refused").is_null())
    call, put = (clean.filter(pl.col("right") == right) for right in (CALL, PUT))
    both = call.join(put, on=STRIKE, suffix="_put")
    half_spreads = (pl.col("ask") - pl.col("bid") + pl.col("ask_put") - pl.col("bid_put")) / 2
    return both.select(
        *STRIKE,
        years=(pl.col("years") + pl.col("years_put")) / 2,
        difference=pl.col("mid") - pl.col("mid_put"),
        half_spreads=half_spreads,
    )


def forward_prices(judged: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Return the forward of each expiry that has a clean call and put at one strike.

    Args:
        judged: ``judge_quotes`` of one moment.
        rate: interest, continuous, an annualised fraction.

    Returns:
        ``symbol``, ``expiry``, ``forward`` (US dollars a share), ``pairs`` (strikes with both).
        The forward comes from the strike where call and put cost nearly the same: there both
        are traded, and neither is worth exercising early.
    """
    difference, grown = pl.col("difference"), (rate * pl.col("years")).exp()
    return (
        paired(judged)
        .with_columns(forward=pl.col("strike") + grown * difference)
        .sort(*EXPIRY, difference.abs(), "strike")
        .group_by(EXPIRY, maintain_order=True)
        .agg(pl.col("forward").first(), pairs=pl.len())
    )


def with_forwards(judged: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Add ``forward`` and ``log_strike`` and refuse what costs less than arbitrage allows.

    ``log_strike``: ln(strike / forward), below 0 where the put is out of the money. Refused
    are quotes of an expiry without a forward (``no_forward``) and those whose middle is below
    the discounted gain at the forward (``below_intrinsic``), which holds for American and
    European options alike.
    """
    forwards = forward_prices(judged, rate).select(*EXPIRY, "forward")
    joined = judged.join(forwards, on=EXPIRY, how="left", maintain_order="left")
    gain = pl.col("forward") - pl.col("strike")
    gain = pl.when(pl.col("right") == CALL).then(gain).otherwise(-gain)
    valued = joined.with_columns(log_strike=(pl.col("strike") / pl.col("forward")).log())
    valued = _refuse(valued, pl.col("forward").is_null(), "no_forward")
    worth = (-rate * pl.col("years")).exp() * gain
    return _refuse(valued, pl.col("mid") < worth, "below_intrinsic")


def parity_residuals(judged: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Return by how much each clean pair misses put-call parity, with its expiry's forward.

    ``symbol``, ``expiry``, ``strike``, ``forward``, ``residual`` (US dollars; above 0 where
    the call is dear) and ``half_spreads``: what a trader would pay to earn the residual.
    """
    pairs = paired(judged).join(forward_prices(judged, rate).select(*EXPIRY, "forward"), on=EXPIRY)
    parity = (-rate * pl.col("years")).exp() * (pl.col("forward") - pl.col("strike"))
    return pairs.select(
        *STRIKE, "forward", "half_spreads", residual=pl.col("difference") - parity
    ).sort(STRIKE)


def refusals(judged: pl.DataFrame) -> pl.DataFrame:
    """Return how many rows were refused: ``symbol``, ``reason``, ``rows``; most first."""
    refused = judged.filter(pl.col("refused").is_not_null())
    counted = refused.group_by("symbol", pl.col("refused").alias("reason")).len("rows")
    return counted.sort("symbol", "rows", "reason", descending=[False, True, False])


def _refusal(bid: pl.Expr, ask: pl.Expr) -> pl.Expr:
    """Return the first reason that a quote breaks, in the order of the specification."""
    return (
        pl.when(bid.is_null() | (bid <= 0))
        .then(pl.lit("no_bid"))
        .when(ask.is_null())
        .then(pl.lit("no_ask"))
        .when(ask < bid)
        .then(pl.lit("crossed"))
        .when(ask == bid)
        .then(pl.lit("locked"))
        .when(ask - bid > WIDEST_SPREAD * pl.col("mid"))
        .then(pl.lit("wide_spread"))
        .when(pl.col("dte") < LEAST_DAYS)
        .then(pl.lit("expires_within_7_days"))
        .when(pl.col("dte") > MOST_DAYS)
        .then(pl.lit("expires_after_400_days"))
    )


def runs(ordered: pl.DataFrame, by: Sequence[str]) -> list[tuple[int, int]]:
    """Return where each run of equal keys begins and ends; rows are in order of the keys."""
    changes = ordered.select(pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in by))
    inner = np.flatnonzero(changes.to_series().fill_null(False).to_numpy()).tolist()
    return list(pairwise([0, *inner, ordered.height])) if ordered.height else []


def _refuse(rows: pl.DataFrame, broken: pl.Expr, reason: str) -> pl.DataFrame:
    """Return the rows with a reason where ``broken`` holds and no earlier reason stands."""
    is_new = pl.col("refused").is_null() & broken
    return rows.with_columns(refused=pl.when(is_new).then(pl.lit(reason)).otherwise("refused"))


def _number(name: str) -> pl.Expr:
    """Return a column with null for what is not a finite number."""
    return pl.when(pl.col(name).is_finite()).then(pl.col(name))


def _expires_at() -> pl.Expr:
    local = pl.col("expiry").cast(pl.Datetime("us")) + pl.duration(hours=EXPIRY_HOUR)
    return local.dt.replace_time_zone(NEW_YORK.key).dt.convert_time_zone("UTC")
