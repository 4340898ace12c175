"""The checks of a session's options; what breaks them is in ``findings``."""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.checks import EXAMPLES, NAMED, WARN
from futures_pipeline.orchestration.reporting import keys_text, table_value
from futures_pipeline.storage.tables import DERIVED_STATISTICS

# What is true when a check passes; limits are beside each in ``analytics.options.checks``.
HOLDS: Mapping[str, str] = {
    "iv_in_range": "Volatility at the money is from 3 % to 200 % at every expiry.",
    "greeks_delivered": "The broker computed the greeks of nine tenths of the clean options.",
    "put_call_parity": "Four fifths of the pairs near the money keep put-call parity.",
    "open_interest_fresh": "Open interest is not still that of the session before.",
    "no_crossed_quotes": "No quote was refused for a bid above its ask.",
    "no_calendar_arbitrage": "From one expiry to the next, total variance at the money falls by "
    "no more than 2 %.",
    "chains_covered": "Nine tenths of the contracts of every round were answered.",
    "vix_of_the_chain": "VIX by SPY's own options is within a tenth of VIX.",
    "quotes_of_the_close": "Each ETF has 20 clean options or more, quoted in the quarter of an "
    "hour before the close.",
    "quotes_usable": "Six tenths of an ETF's options from 7 to 400 days could be used.",
}


def option_specs() -> list[dg.AssetCheckSpec]:
    """Return the specifications of :func:`option_results`; a failure warns and stops nothing."""
    return [
        dg.AssetCheckSpec(_name(check), asset=DERIVED_STATISTICS.name, description=holds)
        for check, holds in HOLDS.items()
    ]


def option_results(
    found: Sequence[Mapping[str, pl.DataFrame]], days: Sequence[date]
) -> list[dg.AssetCheckResult]:
    """Return what the checks say of some sessions; ``found``: ``findings`` of each."""
    return [_result(check, [each[check] for each in found], days) for check in HOLDS]


def _result(check: str, parts: Sequence[pl.DataFrame], days: Sequence[date]) -> dg.AssetCheckResult:
    broken = pl.concat(parts) if parts else pl.DataFrame()
    says = HOLDS[check] if parts else "no NYSE session"
    if broken.height:
        who = broken["symbol"] if "symbol" in broken.columns else broken["session_date"]
        names = ", ".join(map(str, who.unique().sort().to_list()[:NAMED]))
        says = f"not so {broken.height} times: {names}"
    return dg.AssetCheckResult(
        check_name=_name(check),
        asset_key=DERIVED_STATISTICS.name,
        passed=broken.is_empty(),
        severity=WARN,
        description=f"{keys_text(days)}: {says}",
        metadata={
            "findings": broken.height,
            **({"found": table_value(broken, EXAMPLES)} if broken.height else {}),
        },
    )


def _name(check: str) -> str:
    return f"{DERIVED_STATISTICS.name}_{check}"
