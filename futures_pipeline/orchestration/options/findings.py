"""What breaks each check of a session's options; loaded by a run, like the statistics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from futures_pipeline.analytics.options import checks
from futures_pipeline.orchestration.options.computing import Described, traded_contracts
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import OPTION_ROUNDS, OPTION_SNAPSHOTS

CROSSED = "quote_not_crossed"
CROSSINGS = {"symbol": pl.String, "earlier": pl.Date, "later": pl.Date, "lost": pl.Float64}


@dataclass(frozen=True)
class Evidence:
    """What the checks of one session look at; ``before``: contracts of the session before."""

    described: Described
    before: pl.DataFrame
    rounds: pl.DataFrame
    refused: pl.DataFrame


def evidence(workbench: Workbench, described: Described, before: pl.DataFrame) -> Evidence:
    """Return what the checks of a session need."""
    days = [described.session_date]
    rounds = workbench.lake.read(OPTION_ROUNDS.name, days)
    return Evidence(described, before, rounds, workbench.refused(OPTION_SNAPSHOTS, days))


# By the names of ``checks.HOLDS``.
BREAKS: Mapping[str, Callable[[Evidence], pl.DataFrame]] = {
    "iv_in_range": lambda it: checks.vols_out_of_range(it.described.smiles),
    "greeks_delivered": lambda it: checks.missing_greeks(it.described.chain.valued),
    "put_call_parity": lambda it: checks.parity_breaches(
        it.described.chain.judged, it.described.chain.day.rate
    ),
    "open_interest_fresh": lambda it: checks.stale_open_interest(
        it.described.chain.traded, it.before
    ),
    "no_crossed_quotes": lambda it: (
        it.refused.filter(rule=CROSSED).group_by("symbol").len("rows").sort("symbol")
    ),
    "no_calendar_arbitrage": lambda it: pl.DataFrame(
        checks.variance_falls(it.described.smiles), schema=CROSSINGS, orient="row"
    ),
    "chains_covered": lambda it: checks.thin_rounds(it.rounds),
    "vix_of_the_chain": lambda it: checks.vix_gaps(it.described.statistics),
    "quotes_of_the_close": lambda it: checks.not_of_the_close(it.described.statistics),
    "quotes_usable": lambda it: checks.mostly_refused(
        it.described.chain.judged, it.described.statistics
    ),
}


def findings(found: Evidence) -> dict[str, pl.DataFrame]:
    """Return what breaks each check, with its session first; empty frames where nothing does."""
    day = pl.lit(found.described.session_date).alias("session_date")
    return {name: breaks(found).select(day, pl.all()) for name, breaks in BREAKS.items()}


def contracts_before(
    workbench: Workbench, session_date: date, described: Described | None
) -> pl.DataFrame:
    """Return the contracts of the NYSE session before one.

    ``described``: the session computed just before, whose rows are at hand if it is that one.
    """
    earlier = workbench.calendar.regular.before(session_date, 1)
    day = earlier[-1].session_date if earlier else session_date
    if described is not None and described.session_date == day:
        return described.chain.traded
    return traded_contracts(workbench.lake, day)
