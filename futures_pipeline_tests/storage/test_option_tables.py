"""The option tables refuse what is wrong, and let pass what is only unknown."""

from datetime import timedelta
from typing import Any

import pytest

from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.merge import merge_rows
from futures_pipeline.storage.schemas import split
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline.storage.tables import OPTION_ROUNDS, OPTION_SNAPSHOTS, Table
from futures_pipeline_tests.storage.options import (
    BROKEN_OPTIONS,
    BROKEN_ROUNDS,
    GOOD_OPTIONS,
    GOOD_ROUNDS,
    option,
    option_round,
)
from futures_pipeline_tests.storage.rows import AT, SESSION, frame


def refused_rules(row: dict[str, Any], table: Table) -> list[str]:
    symbols = table.symbols(UNIVERSE.values())
    return split(frame([row], table), table, symbols).refused["rule"].to_list()


@pytest.mark.parametrize(("rule", "values"), BROKEN_OPTIONS)
def test_a_bad_option_is_refused_by_its_rule(rule: str, values: dict[str, Any]) -> None:
    assert refused_rules(option(**values), OPTION_SNAPSHOTS) == [rule]


@pytest.mark.parametrize("values", [{}, *GOOD_OPTIONS])
def test_an_option_of_which_little_is_known_is_good(values: dict[str, Any]) -> None:
    assert refused_rules(option(**values), OPTION_SNAPSHOTS) == []


@pytest.mark.parametrize(("rule", "values"), BROKEN_ROUNDS)
def test_a_bad_round_is_refused_by_its_rule(rule: str, values: dict[str, Any]) -> None:
    assert refused_rules(option_round(**values), OPTION_ROUNDS) == [rule]


@pytest.mark.parametrize("values", [{}, *GOOD_ROUNDS])
def test_a_round_that_got_little_is_good(values: dict[str, Any]) -> None:
    assert refused_rules(option_round(**values), OPTION_ROUNDS) == []


@pytest.mark.parametrize("cut_first", [True, False])
def test_of_one_round_taken_twice_the_complete_one_stands(cut_first: bool) -> None:
    """A round cut by a lost connection is taken again by the next session."""
    cut = option_round(ended="cut", reason="connection_lost", answered=3)
    rows = [cut, option_round()] if cut_first else [option_round(), cut]
    nothing = frame([], OPTION_ROUNDS)

    merged = merge_rows(nothing, frame(rows, OPTION_ROUNDS), OPTION_ROUNDS)

    assert merged.added.select("ended", "answered").rows() == [("complete", 108)]


def test_a_round_taken_again_after_a_restart_is_stored_once(ingestion: Ingestion) -> None:
    """The key is contract and round, so the later row revises the earlier one."""
    call, put = option(), option(contract="SPY   250321P00590000", right="P", delta=-0.5)
    later = AT + timedelta(minutes=2)
    again = option(bid=11.25, timestamp=later, received_at=later)
    for rows in ([call, put], [again]):
        batch = NewBatch(OPTION_SNAPSHOTS.name, SESSION, frame(rows, OPTION_SNAPSHOTS))
        ingestion.spool.append([batch], AT)
        ingest_partition(ingestion, OPTION_SNAPSHOTS, SESSION, AT)

    stored = ingestion.lake.read(OPTION_SNAPSHOTS.name)
    assert stored.select("right", "bid").sort("right").rows() == [("C", 11.25), ("P", 11.2)]
    assert ingestion.lake.read("quarantine").is_empty()
