"""The chain at the close, and what each contract traded over the session."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from futures_pipeline.analytics.options.cleaning import READ, OptionDay
from futures_pipeline.analytics.options.closing_numbers import closing_chain, largest_by_contract
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.simulator.options.surface import RATE
from futures_pipeline.storage.tables.options import OPTION_SNAPSHOTS
from futures_pipeline_tests.analytics.options.chains import SCHEMA, STRESSED, Truth, chain


def test_a_shortened_day_has_an_early_close(calendar: TradingCalendar) -> None:
    """13:00 New York on the third of July; what is quoted later is not the close's."""
    session = calendar.regular.on(date(2025, 7, 3))
    assert session is not None
    closes_at = session.closes_at
    assert closes_at == datetime(2025, 7, 3, 17, tzinfo=UTC)
    truth = Truth(observed_at=closes_at - timedelta(minutes=1))
    after = Truth(observed_at=closes_at + timedelta(hours=3), variance=STRESSED)
    day = OptionDay(date(2025, 7, 3), closes_at, RATE)
    found = closing_chain(pl.concat([chain(truth), chain(after)]), day)
    assert set(found.judged["timestamp"]) == {truth.observed_at}


def test_a_contracts_largest_are_those_of_a_plain_search() -> None:
    """The compiled table of contracts against a group-by, with more of them than it begins with."""
    random, count = np.random.default_rng(2), 90_000
    rows = pl.DataFrame(
        {
            "symbol": "SPY",
            "contract": [f"SPY {number:08d}" for number in random.integers(0, 50_000, count)],
            "right": "C",
            "volume": random.integers(0, 100, count),
            "open_interest": random.integers(0, 100, count),
        }
    ).with_columns(
        pl.when(pl.Series(random.random(count) > 0.4)).then(pl.col(name)).cast(pl.Float64)
        for name in ("volume", "open_interest")
    )
    plain = rows.group_by("symbol", "contract", "right").agg(pl.all().max()).sort("contract")
    assert plain.height > 1 << 15
    assert largest_by_contract(rows).sort("contract").equals(plain.select(rows.columns))


def test_what_is_read_is_what_the_lake_holds() -> None:
    """The chains of these tests have the table's columns and types."""
    stored = OPTION_SNAPSHOTS.schema
    assert {name: stored[name] for name in READ} == {name: SCHEMA[name] for name in READ}
