"""A day's options of an ETF in 27 numbers, each null with a reason when it cannot be known.

Source: QUANT_SPEC 7.3. What needs no history comes from the chain at NYSE's close; ranks,
volatility and trend from what is stored of earlier sessions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from futures_pipeline.analytics.options.cleaning import (
    CLOSING,
    LEAST_DAYS,
    MOST_DAYS,
    OptionDay,
)
from futures_pipeline.analytics.options.closing_numbers import (
    LEAST_CLEAN,
    ClosingChain,
    Numbers,
    closing_chain,
    of_the_day,
    of_the_quotes,
    reasoned,
)
from futures_pipeline.analytics.options.greeks import MISSING
from futures_pipeline.analytics.options.history import (
    RETURNS,
    Underlying,
    by_session,
    moves,
    percentile,
    rank,
)
from futures_pipeline.analytics.regimes import Reading, Regime, held_regime, regime_of

PARTIAL_BELOW = 0.6
GOOD, EARLY, PARTIAL, INSUFFICIENT = "good", "early", "partial", "insufficient"
MIXED = "mixed"
# Sessions of each window.
WINDOWS = {"30d": 30, "60d": 60, "90d": 90, "1y": 252}
CLOSES = ("date", "close", "dividend")
# In the order of a Reading's fields.
READ = ("trend_20d", "volatility_20d", "term_structure_slope", "iv_percentile_1y")
STATISTICS = (
    "iv_min",
    "iv_max",
    "iv_mean",
    "iv_median",
    "iv_std",
    "iv_p25",
    "iv_p75",
    "iv_rank_30d",
    "iv_rank_60d",
    "iv_rank_90d",
    "iv_percentile_1y",
    "delta_mean",
    "gamma_mean",
    "theta_mean",
    "vega_mean",
    "volume_total",
    "open_interest_total",
    "put_call_ratio",
    "atm_iv_mean",
    "otm_iv_mean",
    "itm_iv_mean",
    "term_structure_slope",
    "vix_close",
    "underlying_close",
    "underlying_return",
    "volatility_20d",
    "trend_20d",
)
BESIDE = (
    "iv_atm_30d",
    "iv_atm_90d",
    "iv_rank_1y",
    "skew_25d",
    "put_call_oi_ratio",
    "call_volume",
    "put_volume",
    "delta_net_oi",
    "vix_chain",
)
COUNTS = ("n_contracts", "n_clean", *(f"iv_n_{window}" for window in WINDOWS), "vix_chain_strikes")
SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "date": pl.Date(),
    "yearmonth": pl.String(),
    "regime": pl.String(),
    "updated_at": pl.Datetime("us", "UTC"),
    **{name: pl.Float64() for name in (*STATISTICS, *BESIDE)},
    **{name: pl.Int64() for name in COUNTS},
    "greeks_source": pl.String(),
    "quality": pl.String(),
    "quoted_at": pl.Datetime("us", "UTC"),
    "reasons": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Background:
    """What a day is measured against.

    ``sessions``: NYSE's session dates, ascending, the day last; 252 fill every window.
    ``underlyings``: ``symbol``, ``date``, ``close``, ``dividend`` (US dollars a share; what a
    share went without from that day on, else 0), one row a symbol and date. ``stored``:
    ``derived_statistics`` rows, one a symbol and date; those of the day and later are not
    read. ``vix_close``: points, of the day; None when not stored.
    """

    sessions: Sequence[date]
    underlyings: pl.DataFrame
    stored: pl.DataFrame
    vix_close: float | None

    def by_symbol(self, symbols: Sequence[str]) -> Iterator["Background"]:
        """Yield the part of each ETF."""
        stored, underlyings = (
            rows.partition_by("symbol", as_dict=True) for rows in (self.stored, self.underlyings)
        )
        for symbol in symbols:
            yield Background(
                sessions=self.sessions,
                underlyings=underlyings.get((symbol,), self.underlyings.clear()),
                stored=stored.get((symbol,), self.stored.clear()),
                vix_close=self.vix_close,
            )


def derived_statistics(
    rows: pl.DataFrame,
    day: OptionDay,
    symbols: Sequence[str],
    background: Background,
    updated_at: datetime,
) -> pl.DataFrame:
    """Return one row of ``SCHEMA`` for each symbol; the same for the same arguments.

    Args:
        rows: ``option_snapshots`` of the session, in any order, duplicates and all.
        day: the session; the last of ``background.sessions``.
        symbols: the ETFs to describe; one without rows gets nulls and their reasons.
        background: earlier sessions.
        updated_at: when this is computed, UTC.

    Returns:
        Volatilities are annualised fractions, ranks 0 to 100, ``trend_20d`` sigmas; the whole
        day's volume, the close's quotes. ``iv_n_...``: stored at-the-money volatilities in the
        window. ``reasons`` names every null number with its reason: ``iv_rank_90d
        12_of_60_sessions; vix_close not_stored``. ``quality``: good; early, last quoted over a
        quarter of an hour before the close (``quoted_at``); partial, below 60 % of the
        contracts from 7 to 400 days clean; insufficient, below 20 of them.
    """
    return statistics_of(closing_chain(rows, day), symbols, background, updated_at)


def statistics_of(
    chain: ClosingChain, symbols: Sequence[str], background: Background, updated_at: datetime
) -> pl.DataFrame:
    """Return :func:`derived_statistics` of a chain that is at hand."""
    day = chain.day
    of_quotes, of_day = of_the_quotes(chain, symbols, day.rate), of_the_day(chain.traded, symbols)
    judged = quality(chain, symbols)
    found = []
    for symbol, past in zip(symbols, background.by_symbol(symbols), strict=True):
        numbers = of_quotes[symbol] | of_day[symbol] | _of_the_underlying(past)
        numbers |= _against_history(numbers["iv_atm_30d"].value, past)
        found.append(
            {
                "symbol": symbol,
                "date": day.session_date,
                "yearmonth": f"{day.session_date:%Y%m}",
                "regime": _regime(numbers, past),
                "updated_at": updated_at,
                **{name: numbers[name].value for name in (*STATISTICS, *BESIDE)},
                **{f"iv_n_{window}": numbers[f"iv_rank_{window}"].n for window in WINDOWS},
                **judged[symbol],
                "vix_chain_strikes": numbers["vix_chain"].n,
                "reasons": _reasons(numbers),
            }
        )
    return pl.DataFrame(found, schema=SCHEMA)


def quality(chain: ClosingChain, symbols: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return how many contracts each ETF has, how many are clean, and whether that will do.

    ``greeks_source`` is ``mixed`` when not all greeks come from one place; ``quoted_at``: of
    the newest row.
    """
    judged, valued, found = chain.judged, chain.valued, {}
    is_usable = judged["dte"].is_between(LEAST_DAYS, MOST_DAYS)
    is_clean = judged["refused"].is_null()
    for symbol in symbols:
        own = judged["symbol"] == symbol
        quoted_at: Any = judged["timestamp"].filter(own).max()
        sources = valued["greeks_source"].filter(valued["symbol"] == symbol).unique()
        is_early = quoted_at is not None and quoted_at < chain.day.closes_at - CLOSING
        clean = int((own & is_clean).sum())
        found[symbol] = {
            "n_contracts": int(own.sum()),
            "n_clean": clean,
            "greeks_source": _source(set(sources) - {MISSING}),
            "quality": _grade(int((own & is_usable).sum()), clean, is_early),
            "quoted_at": quoted_at,
        }
    return found


def _of_the_underlying(past: Background) -> Numbers:
    """Return the ETF's close, its moves, and VIX."""
    days, prices, dividends = (past.underlyings[name].to_list() for name in CLOSES)
    stored = dict(zip(days, map(Underlying, prices, dividends), strict=True))
    sessions = past.sessions[-RETURNS - 1 :]
    closes = [stored.get(session, Underlying(None, 0.0)) for session in sessions]
    move = moves(closes)
    return {
        **reasoned({"vix_close": past.vix_close}, "not_stored"),
        **reasoned({"underlying_close": closes[-1].close}, "not_stored"),
        "underlying_return": move.log_return,
        "volatility_20d": move.volatility,
        "trend_20d": move.trend,
    }


def _against_history(vol: float | None, past: Background) -> Numbers:
    """Return the ranks of the day's at-the-money volatility among the stored ones."""
    stored = by_session(past.stored, "iv_atm_30d", past.sessions[:-1])
    windows = {name: [*stored, vol][-sessions:] for name, sessions in WINDOWS.items()}
    ranks = {f"iv_rank_{name}": rank(values, WINDOWS[name]) for name, values in windows.items()}
    return {**ranks, "iv_percentile_1y": percentile(windows["1y"], WINDOWS["1y"])}


def _regime(numbers: Numbers, past: Background) -> Regime:
    """Return the regime of the day, held from the session before."""
    today = regime_of(Reading(*(numbers[name].value for name in READ)))
    days = past.stored["date"].to_list()
    if len(past.sessions) < 2 or past.sessions[-2] not in days:
        return today
    row = past.stored.row(days.index(past.sessions[-2]), named=True)
    yesterday = regime_of(Reading(*(row[name] for name in READ)))
    return held_regime(Regime(row["regime"]), yesterday, today)


def _grade(usable: int, clean: int, is_early: bool) -> str:
    if clean < LEAST_CLEAN:
        return INSUFFICIENT
    if clean < PARTIAL_BELOW * usable:
        return PARTIAL
    return EARLY if is_early else GOOD


def _source(sources: set[str]) -> str | None:
    if len(sources) > 1:
        return MIXED
    return next(iter(sources), None)


def _reasons(numbers: Numbers) -> str | None:
    """Return the null numbers with their reasons, None when there are none."""
    missing = [
        f"{name} {numbers[name].reason}"
        for name in (*STATISTICS, *BESIDE)
        if numbers[name].value is None
    ]
    return "; ".join(missing) or None
