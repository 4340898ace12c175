"""What needs a person: no signal, a late one, a rule that failed, a market that falls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.orchestration.checks import ERROR, EXAMPLES, NAMED, WARN
from futures_pipeline.orchestration.reporting import keys_text, table_value
from futures_pipeline.storage.tables import (
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
    UTC_TIME,
    Table,
)

WARNED = ("warning", "collapse")


@dataclass(frozen=True, slots=True)
class SaidCheck:
    """One check of a session's rows: of which table, what it promises, how faults are found."""

    name: str
    table: Table
    promises: str
    severity: dg.AssetCheckSeverity
    faults: Callable[[pl.DataFrame, TradingCalendar], pl.DataFrame]

    @property
    def check_name(self) -> str:
        return f"{self.table.name}_{self.name}"

    def spec(self) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(self.check_name, asset=self.table.name, description=self.promises)

    def result(
        self, rows: pl.DataFrame, days: Sequence[date], calendar: TradingCalendar
    ) -> dg.AssetCheckResult:
        """Return whether the rows of some sessions are without fault."""
        found = self.faults(rows, calendar)
        named = [f"{s} {at:%Y-%m-%d %H:%M} UTC: {says}" for s, at, says in found.iter_rows()]
        more = f"; and {found.height - NAMED} more" if found.height > NAMED else ""
        return dg.AssetCheckResult(
            check_name=self.check_name,
            asset_key=self.table.name,
            passed=found.is_empty(),
            severity=self.severity,
            description=f"{keys_text(days)}: " + ("; ".join(named[:NAMED]) + more or "all good"),
            metadata={
                "faults": found.height,
                **({} if found.is_empty() else {"found": table_value(found, EXAMPLES)}),
            },
        )


def _newest(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the newest row of each symbol: a fault that is over needs nobody."""
    return rows.sort("timestamp").unique("symbol", keep="last", maintain_order=True)


def _said(rows: pl.DataFrame, says: pl.Expr) -> pl.DataFrame:
    return rows.select("symbol", "timestamp", says=says).sort("symbol", "timestamp")


def _unavailable(rows: pl.DataFrame, _: TradingCalendar) -> pl.DataFrame:
    missing = _newest(rows).filter(pl.col("reason").is_not_null())
    return _said(missing, pl.format("no signal: {}", "reason"))


def _late(rows: pl.DataFrame, calendar: TradingCalendar) -> pl.DataFrame:
    """Return the final signals of after the open; those of a back-fill were for nobody."""
    days = rows.select("session_date").unique()["session_date"]
    found = [session for day in days if (session := calendar.regular.on(day))]
    hours = pl.DataFrame(
        [(session.session_date, session.opens_at, session.closes_at) for session in found],
        schema={"session_date": pl.Date, "opens_at": UTC_TIME, "closes_at": UTC_TIME},
        orient="row",
    )
    at = pl.col("computed_at")
    late = rows.filter("is_final").join(hours, on="session_date")
    late = late.filter(at > pl.col("opens_at"), at < pl.col("closes_at"))
    return _said(late, pl.format("computed at {} UTC only", at.dt.strftime("%H:%M:%S")))


def _failed_rules(rows: pl.DataFrame, _: TradingCalendar) -> pl.DataFrame:
    failed = rows.filter(pl.col("errors").is_not_null())
    return _said(failed, pl.format("rules failed: {}; {}", "errors", "reason"))


def _falling(rows: pl.DataFrame, _: TradingCalendar) -> pl.DataFrame:
    warned = _newest(rows).filter(pl.col("level").is_in(WARNED))
    return _said(
        warned,
        pl.format(
            "{}: drawdown {}, cusum {}",
            "level",
            pl.col("drawdown").round(1),
            pl.col("cusum").round(1),
        ),
    )


SAID_CHECKS = (
    SaidCheck(
        "available",
        FUTURES_SIGNALS,
        "The newest row of every ETF has a signal, or it is said why not: no fresh price, too "
        "little history, or bars at fault, which stop it.",
        WARN,
        _unavailable,
    ),
    SaidCheck(
        "available",
        PREMARKET_SIGNALS,
        "The newest row of every ETF has a signal, or it is said why not.",
        WARN,
        _unavailable,
    ),
    SaidCheck(
        "before_the_open",
        PREMARKET_SIGNALS,
        "The final signal of a day, of 09:25 New York, was computed before NYSE opened.",
        WARN,
        _late,
    ),
    SaidCheck(
        "calm",
        REGIME_WARNINGS,
        "No future's newest level is warning or collapse, which stop entries.",
        WARN,
        _falling,
    ),
    SaidCheck(
        "rules_sound",
        ENTRY_DECISIONS,
        "No rule raised an error. One that did is left out of the decision, which a person has "
        "to look at.",
        ERROR,
        _failed_rules,
    ),
)
