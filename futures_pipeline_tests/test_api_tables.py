"""Tables, alerts and any two markets through the public door, without a file being made."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from futures_pipeline import api
from futures_pipeline.domain.errors import ConfigurationError, UnknownSymbol
from futures_pipeline_tests.pair_lake import CLOCK, fill, planted_bars, regular_days
from futures_pipeline_tests.stored import DAY, NOON, snapshot, store

DAYS = regular_days(12)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sessions of SPY with ES, without a lead."""
    return fill(tmp_path_factory.mktemp("pair"), planted_bars(1, 0, DAYS))


def test_a_table_is_its_newest_sessions_and_only_what_is_asked(tmp_path: Path) -> None:
    older = {"session_date": date(2025, 3, 12)}
    rows = [snapshot("ESH5", NOON, 1.0), snapshot("ESM5", NOON, 2.0)]
    store(tmp_path, "futures_snapshots", [snapshot("ESH5", NOON, 0.5, **older)])
    store(tmp_path, "futures_snapshots", rows)
    found = api.get_table("futures_snapshots", data=tmp_path)
    assert found["last"].to_list() == [1.0, 2.0]
    both = api.get_table("futures_snapshots", 2, where={"contract": "ESH5"}, data=tmp_path)
    assert sorted(both["last"]) == [0.5, 1.0]
    assert api.get_table("futures_snapshots", 2, as_of=1, data=tmp_path)["last"].to_list() == [0.5]
    listed = api.get_tables(data=tmp_path).row(0, named=True)
    assert (listed["table"], listed["sessions"]) == ("futures_snapshots", 2)
    assert listed["newest_session"] == DAY


def test_nothing_stored_is_empty_and_no_file_is_made(tmp_path: Path) -> None:
    assert api.get_table("correlations", data=tmp_path).is_empty()
    assert api.get_tables(data=tmp_path).is_empty()
    assert api.get_alert_conditions(data=tmp_path).is_empty()
    assert api.get_alert_messages(data=tmp_path).is_empty()
    assert api.get_symbols(data=tmp_path) == []
    assert api.get_correlation_by_time("ES", "SPY", data=tmp_path).is_empty()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="table"):
        api.get_table("../etc", data=tmp_path)
    with pytest.raises(ConfigurationError, match="minutes"):
        api.get_rolling_correlation("ES", "SPY", 7, data=tmp_path)
    with pytest.raises(UnknownSymbol):
        api.get_pair_returns("ES", "XX", data=tmp_path)


def test_any_two_markets_have_the_numbers_of_the_planted_pair(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUTURES_PIPELINE_CLOCK", CLOCK)
    assert api.get_symbols(data=pair) == ["ES", "SPY"]
    returns = api.get_pair_returns("ES", "SPY", 5, 2, data=pair)
    assert returns["session_date"].unique().sort().to_list() == DAYS[-2:]
    assert api.get_pair_returns("ES", "SPY", 5, 2, data=pair, as_of=0).height < returns.height
    rolling = api.get_rolling_correlation("ES", "SPY", data=pair).drop_nulls("correlation")
    assert rolling["session_date"].unique().to_list() == [DAYS[-1]]
    assert rolling["correlation"].min() > 0.9  # type: ignore[operator]
    by_time = api.get_correlation_by_time("ES", "SPY", data=pair)
    us = by_time.filter(grouped_by="segment", cell="us", timeframe_minutes=5)
    assert us["correlation"][0] > 0.95
    assert by_time.filter(grouped_by="hour", cell="03")["correlation"].null_count() == 5
    spread = api.get_spread("ES", "SPY", 1, data=pair)
    assert spread["at"].max() <= datetime(2025, 12, 1, tzinfo=UTC)
    assert spread["z"].null_count() < spread.height
