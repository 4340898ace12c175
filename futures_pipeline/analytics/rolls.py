"""Which contract stands for its symbol in each session: by the calendar, by volume, by hand.

Source: QUANT_SPEC 2. Joining their prices is ``analytics.continuous``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import zip_longest
from typing import Any

import polars as pl

from futures_pipeline.domain.contracts import (
    FuturesContract,
    RollRule,
    calendar_roll,
    parse_local_symbol,
    third_friday,
)

ONE_DAY = timedelta(days=1)
NO_CON_ID = 0  # of a contract that is known by its name alone

SCHEDULE_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "session_date": pl.Date(),
    "contract": pl.String(),
    "expiry": pl.Date(),
    "next_contract": pl.String(),
    "rule": pl.String(),
    "leads_from": pl.Date(),
}


@dataclass(frozen=True, slots=True)
class _Lead:
    """A contract's time as front month: from ``since`` (None: unknown) until before ``until``."""

    contract: FuturesContract
    following: FuturesContract | None
    since: date | None
    until: date
    rule: str

    def not_before(self, day: date) -> "_Lead":
        """Return the lead without the sessions before ``day``."""
        return replace(self, since=max(self.since or day, day))


def session_volumes(bars: pl.DataFrame | pl.LazyFrame) -> dict[tuple[date, str], float]:
    """Return the contracts traded by session and contract, as ``volume_rule`` takes them.

    Args:
        bars: ``contract``, ``session_date``, ``volume`` (contracts, null when unknown). A
            session and contract without any known volume has no entry.
    """
    known = bars.lazy().drop_nulls("volume").group_by("session_date", "contract")
    traded = known.agg(pl.col("volume").sum()).collect()
    return {(day, contract): volume for day, contract, volume in traded.iter_rows()}


def listed_contracts(stored: pl.DataFrame) -> list[FuturesContract]:
    """Return the contracts that some rows are of; other instruments are left out.

    Args:
        stored: ``symbol``, ``contract``, ``expiry`` (null when not stored), ``session_date``.

    One whose expiry is not stored expires on the third Friday of its month: by rule not
    before it, and in its week, which is what the calendar roll depends on.
    """
    last = pl.col("expiry", "session_date").max()
    names = stored.group_by("symbol", "contract").agg(last).sort("symbol", "contract")
    return [
        FuturesContract(expiry or third_friday(*parsed[1:]), symbol, name, NO_CON_ID)
        for symbol, name, expiry, near in names.iter_rows()
        if (parsed := parse_local_symbol(name, near)) is not None
    ]


def front_month_schedule(
    stored: pl.DataFrame,
    contracts: Sequence[FuturesContract],
    rule: RollRule = calendar_roll,
    overrides: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Return which contract leads in each session that is stored.

    Args:
        stored: ``symbol``, ``contract``, ``session_date``: which contracts have rows in which
            sessions, repeated or not.
        contracts: those that may lead, of every symbol.
        rule: ``calendar_roll``, or a ``volume_rule``.
        overrides: local symbol by symbol, from the configuration. It has no dates, so its
            contract leads in every session from the second in which it is stored (the first
            has no earlier price to join it at, unless nothing at all is stored before) to
            the last.

    Returns:
        ``SCHEDULE_SCHEMA``: one row per symbol and stored session, ascending. ``contract``
        leads there, ``next_contract`` is the one that expires after it; both null where no
        contract is known that leads. ``rule`` says what made it lead: ``calendar``,
        ``volume`` or ``override``. ``leads_from``: its first session, also when that one is
        not stored; null for the first contract known.
    """
    rows: list[tuple[Any, ...]] = []
    held = stored.select("symbol", "contract", "session_date").unique().sort("session_date")
    for (symbol,), of_symbol in sorted(held.partition_by("symbol", as_dict=True).items()):
        days = of_symbol["session_date"].unique().sort().to_list()
        listed = sorted(contract for contract in contracts if contract.symbol == symbol)
        named = (overrides or {}).get(str(symbol))
        is_named = pl.col("contract").eq_missing(pl.lit(named))
        chosen = of_symbol.filter(is_named)["session_date"].to_list()
        override = _override(listed, named, chosen, days[0])
        leads = _leads_of(days, _leads(listed, rule), override)
        rows += [(symbol, day, *_row(lead)) for day, lead in leads]
    return pl.DataFrame(rows, schema=SCHEDULE_SCHEMA, orient="row")


def _leads(listed: Sequence[FuturesContract], rule: RollRule) -> Iterator[_Lead]:
    """Yield each contract's time as front month; a rule is asked no further than needed."""
    since, decided = None, "calendar"
    for contract, following in zip_longest(listed, listed[1:]):
        roll = rule(contract, following)
        yield _Lead(contract, following, since, roll.session_date, decided)
        since, decided = roll.session_date, roll.rule


def _override(
    listed: Sequence[FuturesContract], named: str | None, held: Sequence[date], first_stored: date
) -> _Lead | None:
    """Return the time of the overriding contract; ``held``: its stored sessions, ascending."""
    if not held:
        return None
    can_join = held[0] > first_stored and len(held) > 1
    since, until = held[1 if can_join else 0], held[-1] + ONE_DAY
    for contract, following in zip_longest(listed, listed[1:]):
        if contract.local_symbol == named:
            return _Lead(contract, following, since, until, "override")
    return None


def _leads_of(
    days: Iterable[date], leads: Iterator[_Lead], override: _Lead | None
) -> Iterator[tuple[date, _Lead | None]]:
    """Yield who leads on each of ``days``, ascending; None where no known contract does."""
    by_rule = next(leads, None)
    for day in days:
        while by_rule is not None and day >= by_rule.until:
            by_rule = next(leads, None)
        if override is None or override.since is None or day < override.since:
            yield day, by_rule
        elif day < override.until:
            yield day, override
        else:
            yield day, by_rule and by_rule.not_before(override.until)


def _row(lead: _Lead | None) -> tuple[Any, ...]:
    if lead is None:
        return (None,) * 5
    following = lead.following and lead.following.local_symbol
    contract = lead.contract
    return (contract.local_symbol, contract.expiry, following, lead.rule, lead.since)
