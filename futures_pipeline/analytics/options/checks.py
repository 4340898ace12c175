"""What can be wrong with option data: each check returns what breaks it, and nothing when good.

Every check is a frame of what was found, so that it can be shown; the limits are beside it.
"""

import polars as pl

from futures_pipeline.analytics.options.cleaning import parity_residuals, refusals
from futures_pipeline.analytics.options.greeks import BROKER
from futures_pipeline.analytics.options.term_structure import Crossing, Smile, calendar_arbitrage

# At-the-money volatilities outside of these were never seen on an ETF of an index.
LEAST_ATM_VOL, LARGEST_ATM_VOL = 0.03, 2.0
MOST_WITHOUT_GREEKS = 0.1
# Parity is asked of pairs near the money, where American options are worth little more than
# European ones, and may be missed by what the ETF moves between the two quotes. Recorded chains
# of six days: 0 to 6 % of an expiry's pairs beyond, 48 % on the day with stale quotes.
PARITY_LOG_STRIKE, PARITY_TOLERANCE, MOST_BEYOND_PARITY, LEAST_PAIRS = 0.02, 0.0005, 0.2, 10
# Open interest of a whole chain does not stay the same from one session to the next.
SAME_INTEREST, LEAST_TRADED = 0.95, 20
# Total variance is measured with an error: a smaller loss is no finding.
LEAST_LOSS = 0.02
LEAST_COVERAGE = 0.9
# The strip of an ETF's options and VIX, of the index's, differ by dividends and the hour they
# are taken at: recorded days, one quoted in the morning, 0.1 to 5 % of VIX.
SAME_INDEX, MOST_FROM_VIX = "SPY", 0.1
SMILES = {
    "symbol": pl.String(),
    "expiry": pl.Date(),
    "dte": pl.Int64(),
    "years": pl.Float64(),
    "atm_vol": pl.Float64(),
    "put_25_vol": pl.Float64(),
    "call_25_vol": pl.Float64(),
}


def vols_out_of_range(smiles: list[Smile]) -> pl.DataFrame:
    """Return the expiries whose volatility at the money is below 3 % or above 200 %."""
    frame = pl.DataFrame(smiles, schema=SMILES, orient="row")
    return frame.filter(~pl.col("atm_vol").is_between(LEAST_ATM_VOL, LARGEST_ATM_VOL))


def missing_greeks(valued: pl.DataFrame) -> pl.DataFrame:
    """Return the symbols of which the broker left out the greeks of over a tenth of the options.

    ``valued``: ``with_greeks``. ``symbol``, ``contracts``, ``share`` (of clean contracts whose
    volatility or greeks had to be computed, or are missing; a fraction).
    """
    share = (pl.col("greeks_source") != BROKER).mean()
    found = valued.group_by("symbol").agg(contracts=pl.len(), share=share)
    return found.filter(pl.col("share") > MOST_WITHOUT_GREEKS).sort("symbol")


def parity_breaches(judged: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Return the symbols of which over a fifth of the pairs near the money miss put-call parity.

    Args:
        judged: ``judge_quotes`` of one moment.
        rate: interest, continuous, an annualised fraction.

    A pair misses it when its residual is more than both half spreads and 0.05 % of the forward.
    ``symbol``, ``pairs``, ``share`` of them (a fraction), ``worst`` (residual, US dollars).
    """
    away, size = (pl.col("strike") / pl.col("forward")).log().abs(), pl.col("residual").abs()
    near = parity_residuals(judged, rate).filter(away <= PARITY_LOG_STRIKE)
    allowed = pl.col("half_spreads") + PARITY_TOLERANCE * pl.col("forward")
    share = (size > allowed).mean()
    found = near.group_by("symbol").agg(pairs=pl.len(), share=share, worst=size.max())
    is_broken = (pl.col("pairs") >= LEAST_PAIRS) & (pl.col("share") > MOST_BEYOND_PARITY)
    return found.filter(is_broken).sort("symbol")


def stale_open_interest(today: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return the symbols whose open interest is still that of the session before.

    Args:
        today, before: ``largest_by_contract`` of two successive sessions.

    Judged by contracts that traded in the session before. ``symbol``, ``traded`` (contracts),
    ``share`` of them with the same open interest (a fraction).
    """
    traded = before.filter(pl.col("volume") > 0, pl.col("open_interest").is_not_null())
    both = traded.join(today.drop_nulls("open_interest"), on="contract", suffix="_now")
    same = (pl.col("open_interest") == pl.col("open_interest_now")).mean()
    found = both.group_by("symbol").agg(traded=pl.len(), share=same)
    is_stale = (pl.col("traded") >= LEAST_TRADED) & (pl.col("share") >= SAME_INTEREST)
    return found.filter(is_stale).sort("symbol")


def variance_falls(smiles: list[Smile]) -> list[Crossing]:
    """Return where total variance at the money falls by over 2 % from one expiry to the next."""
    return [crossing for crossing in calendar_arbitrage(smiles) if crossing.lost > LEAST_LOSS]


def thin_rounds(rounds: pl.DataFrame) -> pl.DataFrame:
    """Return the rounds of which less than nine tenths of the contracts were answered.

    ``rounds``: ``option_rounds``. ``symbol``, ``round_at``, ``asked``, ``answered``, ``share``
    (a fraction), ``ended``, ``reason``. A round that asked for nothing is not judged.
    """
    share = pl.col("answered") / pl.col("asked")
    asked = rounds.filter(pl.col("asked") > 0).with_columns(share=share)
    thin = asked.filter(pl.col("share") < LEAST_COVERAGE)
    named = ("symbol", "round_at", "asked", "answered", "share", "ended", "reason")
    return thin.select(named).sort("symbol", "round_at")


def vix_gaps(statistics: pl.DataFrame) -> pl.DataFrame:
    """Return the days on which SPY's own VIX is over a tenth of VIX away from it.

    ``statistics``: ``derived_statistics``. ``date``, ``vix_chain`` and ``vix_close`` (points),
    ``share`` (their distance, a fraction of VIX). Nothing where one of them is not known.
    """
    index = statistics.filter(symbol=SAME_INDEX).drop_nulls(["vix_chain", "vix_close"])
    away = (pl.col("vix_chain") / pl.col("vix_close") - 1).abs()
    found = index.select("date", "vix_chain", "vix_close", share=away)
    return found.filter(pl.col("share") > MOST_FROM_VIX).sort("date")


def not_of_the_close(statistics: pl.DataFrame) -> pl.DataFrame:
    """Return the rows without 20 clean options, or with quotes from before the close.

    ``symbol``, ``date``, ``quality``, ``quoted_at``, ``n_contracts``, ``n_clean``.
    """
    named = ("symbol", "date", "quality", "quoted_at", "n_contracts", "n_clean")
    is_off = pl.col("quality").is_in(["early", "insufficient"])
    return statistics.filter(is_off).select(named).sort("symbol", "date")


def mostly_refused(judged: pl.DataFrame, statistics: pl.DataFrame) -> pl.DataFrame:
    """Return why options were refused, of the symbols that too few are left of.

    Args:
        judged: ``ClosingChain.judged`` of a session.
        statistics: ``derived_statistics`` of it, whose ``quality`` says of which.

    ``symbol``, ``reason``, ``rows``, as ``refusals``.
    """
    is_thin = pl.col("quality").is_in(["partial", "insufficient"])
    thin = statistics.filter(is_thin)["symbol"].to_list()
    return refusals(judged).filter(pl.col("symbol").is_in(thin))
