"""A pair's report as a person reads it: the verdicts first, then the numbers behind them."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from futures_pipeline.analytics.lead_lag.granger import Granger
from futures_pipeline.analytics.lead_lag.verdict import LeadVerdict
from futures_pipeline.analytics.predictive_value.assessment import IN_PROGRESS, Assessment
from futures_pipeline.api.reports import PairReport

SHOWN_LEADS = (-60, -30, -15, -5, -1, 0, 1, 5, 15, 30, 60)
SIGNIFICANCE = 0.05
REASONS: Mapping[str | None, str] = {
    None: "",
    "fewer_than_15_sessions": "fewer than 15 sessions",
    "fewer_than_100_observations": "fewer than 100 calls",
    "not_powered": "too few calls",
    "mixed_evidence": "mixed evidence",
}
HORIZON_LABELS = (
    *("Verdict", "  because", "Calls", "Right", "  95 %", "  always one way"),
    *("Rank correlation", "  95 %", "  that pays costs", "Net, bp a trade", "Sessions needed"),
)
UNKNOWN = "-"


def print_report(console: Console, report: PairReport) -> None:
    """Print all of a report, or why there is nothing to print yet."""
    if report.label_fault is not None:
        console.print(f"BAR_LABEL_FAULT: {report.label_fault}.", style="bold red", soft_wrap=True)
        return
    if report.value is None:
        say(console, IN_PROGRESS, f"{report.lead.verdict.sentence}.")
        return
    dates = report.sessions.regular.dates
    futures, spot = report.sessions.legs
    say(
        console,
        f"{futures} and {spot}, {len(dates)} sessions from {dates[0]} to {dates[-1]}, "
        "NYSE hours, one-minute bars",
    )
    verdict, value = report.lead.verdict, report.value
    say(console, f"\n{verdict.verdict}: {verdict.sentence}.")
    say(console, f"{value.verdict}: {value.sentence}.\n")
    say(console, *lead_lines(report), "")
    console.print(profile_table(report.lead.profile, futures))
    say(console, "")
    console.print(horizons_table(value, futures, spot))


def say(console: Console, *lines: str) -> None:
    """Print lines as they are, at full length: a terminal wraps them, a file keeps them."""
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def lead_lines(report: PairReport) -> list[str]:
    """Return the numbers of the lead that are no table."""
    pooled, verdict = report.correlation, report.lead.verdict
    granger = granger_text(report.lead.granger, *report.sessions.legs)
    largest, draws = report.lead.profile.select("placebo_largest", "draws").row(0)
    return [
        f"Correlation within the minute  {float(pooled.value):.4f} "
        f"({float(pooled.low):.4f} to {float(pooled.high):.4f}), {int(pooled.pairs):,} minutes "
        f"worth {float(pooled.effective_pairs):,.0f}",
        f"Lead                           {lead_text(verdict)}",
        f"Shortest lead that would show  {seconds(verdict.resolution_seconds)}; a lead of 1 s "
        f"shows after {whole(verdict.sessions_for_one_second)} sessions",
        f"Placebo                        sessions shuffled {draws} times: the largest of all "
        f"correlations is below {number(largest, 3)} in 95 %",
        f"Granger                        {granger}",
        f"Minutes with a flag            {flagged_text(report.flagged_minutes)}",
    ]


def lead_text(verdict: LeadVerdict) -> str:
    """Return the lead with its error and its worth.

    >>> from futures_pipeline.analytics.lead_lag.verdict import Verdict
    >>> lead_text(LeadVerdict(Verdict.NO_DETECTABLE_LEAD, "", 20))
    'none that is significant'
    """
    if verdict.lead_seconds is None:
        return "none that is significant"
    error = verdict.lead_error_seconds
    margin = "" if error is None else f" (standard error {error:.2f} s)"
    edge = number(verdict.gross_edge_bp, 2)
    cost = number(verdict.cost_bp, 2)
    return f"{verdict.lead_seconds:+.2f} s{margin}, worth {edge} bp a trade, which costs {cost} bp"


def granger_text(tested: Granger, futures: str, spot: str) -> str:
    """Return both p-values and what they may be read as; alone they are no evidence of a lead.

    >>> granger_text(Granger(2, 1e-9, 1, 0.03, 7_020, None), "ES", "SPY")
    'ES explains SPY p <0.0001, SPY explains ES p 0.0300: both ways, as noise alone does'
    """
    if tested.reason is not None:
        return f"unknown ({tested.reason.replace('_', ' ')})"
    forth, back = tested.p_futures_to_spot, tested.p_spot_to_futures
    reading = f"no sign that {futures} leads"
    if tested.is_consistent_with_futures_lead:
        reading = f"one way, as when {futures} leads"
    elif max(forth or 0.0, back or 0.0) < SIGNIFICANCE:
        reading = "both ways, as noise alone does"
    return (
        f"{futures} explains {spot} p {p_text(forth)}, {spot} explains {futures} p {p_text(back)}: "
        f"{reading}"
    )


def flagged_text(flagged: Mapping[str, Mapping[str, int]]) -> str:
    """Return how many minutes of each leg are unusual, and in what.

    >>> flagged_text({"ES": {"gap": 3, "bad_tick": 1}, "SPY": {}})
    'ES 3 gap, 1 bad tick; SPY none'
    """
    return "; ".join(
        f"{leg} " + (", ".join(f"{n:,} {name}" for name, n in counts.items()) or "none")
        for leg, counts in flagged.items()
    ).replace("_", " ")


def profile_table(profile: pl.DataFrame, futures: str) -> Table:
    """Return some leads of the profile beside the placebo, and each significant one."""
    table = Table(
        title=f"Correlation when {futures} is read so many minutes earlier, and by how much that "
        "is more than when it is read later; placebo: 95 % of shuffled sessions",
        box=None,
        pad_edge=False,
    )
    headings = ("min", "corr.", "95 %", "placebo", "more", "placebo", "p Holm")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    shown = pl.col("lead_minutes").is_in(SHOWN_LEADS) | pl.col("is_significant").fill_null(False)
    for row in profile.filter(shown).iter_rows(named=True):
        table.add_row(
            f"{row['lead_minutes']:+d}" if row["lead_minutes"] else "0",
            number(row["correlation"], 3),
            between(row["low"], row["high"], 3),
            between(row["placebo_low"], row["placebo_high"], 3),
            number(row["asymmetry"], 3),
            between(row["placebo_asymmetry_low"], row["placebo_asymmetry_high"], 3),
            number(row["p_holm"], 3),
            style="bold" if row["is_significant"] else None,
        )
    return table


def horizons_table(value: Assessment, futures: str, spot: str) -> Table:
    """Return what the return of one leg says of the next return of the other."""
    table = Table(
        title=f"{futures} return so far, {spot} return after it", box=None, pad_edge=False
    )
    table.add_column("", no_wrap=True)
    for minutes in value.horizons["horizon_minutes"]:
        table.add_column(f"{minutes} min", justify="right")
    columns = [horizon_cells(row) for row in value.horizons.iter_rows(named=True)]
    for cells in zip(HORIZON_LABELS, *columns, strict=True):
        table.add_row(*cells)
    return table


def horizon_cells(row: Mapping[str, Any]) -> list[str]:
    """Return one horizon as text, a cell for each of ``HORIZON_LABELS``."""
    return [
        row["verdict"].replace("_", " ").lower(),
        REASONS[row["reason"]],
        f"{row['n_obs']:,}",
        number(row["directional_accuracy"], 3),
        between(row["da_ci_low"], row["da_ci_high"], 2),
        number(row["base_rate"], 3),
        number(row["ic"], 3),
        between(row["ic_ci_low"], row["ic_ci_high"], 2),
        "above 1" if (row["break_even_ic"] or 0.0) > 1.0 else number(row["break_even_ic"], 3),
        number(row["net_edge_bp"], 2),
        number(row["days_to_conclusion"], 0),
    ]


def p_text(value: float | None) -> str:
    """Return a p-value.

    >>> p_text(1e-9), p_text(0.0312)
    ('<0.0001', '0.0312')
    """
    return "<0.0001" if value is not None and value < 1e-4 else number(value, 4)


def number(value: float | None, digits: int) -> str:
    """Return a number, or a dash when it is unknown.

    >>> number(0.12345, 3), number(None, 3)
    ('0.123', '-')
    """
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def whole(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f} s"


def between(low: float | None, high: float | None, digits: int) -> str:
    """Return an interval.

    >>> between(-0.1, 0.25, 2)
    '-0.10 to 0.25'
    """
    if low is None or high is None:
        return UNKNOWN
    return f"{number(low, digits)} to {number(high, digits)}"
