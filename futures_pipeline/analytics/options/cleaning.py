"""Which option quotes can be used, why the others cannot, and the forwards they imply.

Source: QUANT_SPEC 7.1. No row is dropped: ``refused`` names the first reason, null when the
row is clean. Forwards come from put-call parity, so no dividend forecast is needed and they
are as fresh as the quotes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Floats, Integers, compiled
from futures_pipeline.analytics.options.by_contract import last, numbered
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
# Why a quote cannot be used, in the order in which it is asked; the first: it can.
REASONS = pl.Series(
    [
        *(None, "no_bid", "no_ask", "crossed", "locked", "wide_spread"),
        *("expires_within_7_days", "expires_after_400_days"),
    ]
)
CLEAN, NO_BID, NO_ASK, CROSSED, LOCKED, WIDE, SOON, LATE = range(8)
EXPIRY_HOUR = 16  # New York
YEAR = timedelta(days=365)
# Whether a row in order of contract is a call and the next one its strike's put.
ABOVE_ITS_PUT = pl.all_horizontal(
    pl.col("right") == CALL,
    pl.col("right").shift(-1) == PUT,
    *(pl.col(name) == pl.col(name).shift(-1) for name in STRIKE),
).fill_null(False)


@dataclass(frozen=True, slots=True)
class OptionDay:
    """The session whose close is described.

    ``closes_at``: NYSE's close, UTC (13:00 New York on shortened days). ``rate``: interest,
    continuous, an annualised fraction.
    """

    session_date: date
    closes_at: datetime
    rate: float


def closing_rows(rows: pl.DataFrame, closes_at: datetime, symbols: Iterable[str]) -> pl.DataFrame:
    """Return each contract's last row of the quarter of an hour before the close.

    Args:
        rows: ``option_snapshots`` of one session, in any order, duplicates and all.
        closes_at: NYSE's close of the session, UTC, aware.
        symbols: those that have rows in the session.

    Of several rows of one contract and round the one received last stands. A symbol without
    any row in that time stands as it was last quoted before: with its last row before the
    close and the quarter of an hour before that.
    """
    late = _quoted(rows, closes_at)
    missing = sorted(set(symbols) - set(late["symbol"].unique()))
    chosen = pl.concat([late, *(_last_quoted(rows, symbol, closes_at) for symbol in missing)])
    order = chosen.select_seq(pl.col(LATEST).cast(pl.Float64).fill_nan(None).fill_null(-np.inf))
    stands = last(*numbered(chosen["contract"]), order.to_numpy())
    return chosen[stands]


def _last_quoted(rows: pl.DataFrame, symbol: str, closes_at: datetime) -> pl.DataFrame:
    own = rows.filter(pl.col("symbol") == symbol, pl.col("timestamp") <= closes_at)
    until = own.select(pl.col("timestamp").max()).item()
    return own.select(READ) if until is None else _quoted(own, until)


def _quoted(rows: pl.DataFrame, until: datetime) -> pl.DataFrame:
    return rows[list(READ)].filter(rows["timestamp"].is_between(until - CLOSING, until))


def judge_quotes(rows: pl.DataFrame, session_date: date) -> pl.DataFrame:
    """Return rows of one session in order of contract, a call above its put, and judge them.

    Added are ``dte``, ``years``, ``mid`` and ``refused``; ``bid`` and ``ask`` are null where
    they are no number. ``dte``: calendar days from the session to the expiry. ``years`` of 365
    days from the quote to 16:00 New York of the expiry. ``mid``: middle of bid and ask, US
    dollars; null without a usable bid and ask. ``refused``: why the quote cannot be used, null
    when it can.
    """
    ordered = rows.sort(*CONTRACT, "contract", maintain_order=True)
    numbers = ordered.with_columns_seq(
        *(_number(side) for side in ("bid", "ask")),
        dte=(pl.col("expiry") - session_date).dt.total_days(),
        years=(_expire_at(ordered["expiry"]) - pl.col("timestamp")) / YEAR,
    )
    reasons = np.empty(rows.height, np.int64)
    _judge(numbers[["bid", "ask", "dte"]].to_numpy(), reasons)
    is_quoted = (pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid"))
    middle = (pl.col("bid") + pl.col("ask")) / 2
    return numbers.with_columns_seq(mid=pl.when(is_quoted).then(middle), refused=REASONS[reasons])


def calls_beside_puts(ordered: pl.DataFrame, of_both: Sequence[str]) -> pl.DataFrame:
    """Return the calls whose strike has a put, with some of its columns as ``..._put``.

    ``ordered``: in order of contract.
    """
    of_puts = pl.col(of_both).shift(-1).name.suffix("_put")
    return ordered.with_columns_seq(of_puts).filter(ABOVE_ITS_PUT)


def with_forwards(judged: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Add ``forward`` and ``log_strike`` and refuse what costs less than arbitrage allows.

    Args:
        judged: ``judge_quotes`` of one moment.
        rate: interest, continuous, an annualised fraction.

    The forward (US dollars a share) comes from the strike of the expiry where call and put
    cost nearly the same: there both are traded, and neither is worth exercising early.
    ``log_strike``: ln(strike / forward), below 0 where the put is out of the money. Refused
    are quotes of an expiry without a clean call and put at one strike (``no_forward``) and
    those whose middle is below the discounted gain at the forward (``below_intrinsic``), which
    holds for American and European options alike.
    """
    valued = judged.with_columns_seq(forward=_forwards(_parity(judged), rate))
    gain = pl.col("forward") - pl.col("strike")
    gain = pl.when(pl.col("right") == CALL).then(gain).otherwise(-gain)
    worth = (-rate * pl.col("years")).exp() * gain
    return valued.with_columns_seq(
        log_strike=(pl.col("strike") / pl.col("forward")).log(),
        refused=pl.when(pl.col("refused").is_not_null())
        .then("refused")
        .when(pl.col("forward").is_null())
        .then(pl.lit("no_forward"))
        .when(pl.col("mid") < worth)
        .then(pl.lit("below_intrinsic")),
    )


def parity_residuals(judged: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Return by how much each clean pair misses put-call parity, with its expiry's forward.

    ``symbol``, ``expiry``, ``strike``, ``forward``, ``residual`` (US dollars; above 0 where
    the call is dear) and ``half_spreads``: what a trader would pay to earn the residual.
    """
    parity = _parity(judged)
    worth = (-rate * pl.col("years")).exp() * (pl.col("forward") - pl.col("strike"))
    found = parity.with_columns(forward=_forwards(parity, rate)).drop_nulls("difference")
    return found.select(*STRIKE, "forward", "half_spreads", residual=pl.col("difference") - worth)


def _parity(judged: pl.DataFrame) -> pl.DataFrame:
    """Return what put-call parity says of each strike, at its call's row.

    ``symbol``, ``expiry``, ``strike``, ``years`` (the mean of both quotes'), ``difference``
    (call less put, middles, US dollars; null where not both are clean), ``half_spreads`` (of
    both, added).
    """
    spread, is_clean = pl.col("ask") - pl.col("bid"), pl.col("refused").is_null()
    is_pair = ABOVE_ITS_PUT & is_clean & is_clean.shift(-1)
    return judged.select_seq(
        *STRIKE,
        years=(pl.col("years") + pl.col("years").shift(-1)) / 2,
        difference=pl.when(is_pair).then(pl.col("mid") - pl.col("mid").shift(-1)),
        half_spreads=(spread + spread.shift(-1)) / 2,
    )


def _forwards(parity: pl.DataFrame, rate: float) -> pl.Series:
    """Return the forward of each row's expiry, null without a clean pair."""
    grown = (rate * pl.col("years")).exp() * pl.col("difference")
    numbers = parity.select_seq("difference", forward=pl.col("strike") + grown)
    forwards = np.empty(parity.height)
    _choose(expiries(parity), numbers.to_numpy(), forwards)
    return pl.Series(forwards, nan_to_null=True)


@compiled
def _choose(ends: Integers, parity: Floats, chosen: Floats) -> None:
    """Write the forward of each run's least difference; NaN where all of them are."""
    begin = 0
    for end in ends:
        least, found = np.inf, np.nan
        for row in range(begin, end):
            if abs(parity[row, 0]) < least:
                least, found = abs(parity[row, 0]), parity[row, 1]
        chosen[begin:end] = found
        begin = end


def refusals(judged: pl.DataFrame) -> pl.DataFrame:
    """Return how many rows were refused: ``symbol``, ``reason``, ``rows``; most first."""
    refused = judged.filter(pl.col("refused").is_not_null())
    counted = refused.group_by("symbol", pl.col("refused").alias("reason")).len("rows")
    return counted.sort("symbol", "rows", "reason", descending=[False, True, False])


@compiled
def _judge(quotes: Floats, reasons: Integers) -> None:
    """Write each quote's reason; a line of bid, ask (NaN is none) and days a quote."""
    for row in range(len(quotes)):
        reasons[row] = _reason(quotes[row, 0], quotes[row, 1], quotes[row, 2])


@compiled
def _reason(bid: float, ask: float, days: float) -> int:
    if not bid > 0:
        return NO_BID
    if np.isnan(ask):
        return NO_ASK
    if ask <= bid:
        return CROSSED if ask < bid else LOCKED
    if ask - bid > WIDEST_SPREAD * (bid + ask) / 2:
        return WIDE
    if days < LEAST_DAYS:
        return SOON
    return LATE if days > MOST_DAYS else CLEAN


def expiries(ordered: pl.DataFrame) -> Integers:
    """Return where each expiry of a symbol ends, among rows in order of them."""
    symbol, expiry = ordered["symbol"], ordered["expiry"].to_physical().to_numpy()
    is_last = (symbol[1:] != symbol[:-1]).to_numpy() | (expiry[1:] != expiry[:-1])
    return np.flatnonzero(np.append(is_last, True)[: len(expiry)]) + 1


def _number(name: str) -> pl.Expr:
    """Return a column with null for what is not a finite number."""
    return pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)


def _expire_at(expiry: pl.Series) -> pl.Series:
    """Return 16:00 New York of each expiry, UTC; once for those alike that stand together."""
    local = pl.col("value").cast(pl.Datetime("us")) + pl.duration(hours=EXPIRY_HOUR)
    moment = local.dt.replace_time_zone(NEW_YORK.key).dt.convert_time_zone("UTC")
    found = expiry.rle().struct.unnest().select_seq(moment.repeat_by("len").explode())
    return found.to_series()
