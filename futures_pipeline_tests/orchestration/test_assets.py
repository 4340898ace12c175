"""What runs leave behind: rows once, bad rows in quarantine, checks that name the rule."""

from datetime import date

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.config import BinanceSettings
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.lake import Once
from futures_pipeline.storage.tables import (
    BARS_1M,
    CHANGE_METRICS,
    FUTURES_SNAPSHOTS,
    RAW_TABLES,
    TABLES,
)
from futures_pipeline_tests.orchestration.conftest import (
    FRIDAY,
    TUESDAY,
    WEDNESDAY,
    Ingest,
    Passed,
    plant_bars,
    plant_quotes,
)

MONDAY = date(2025, 1, 13)
VOLATILE = ["ingested_at"]
FULL_DAY = 23 * 60


def checks(result: Passed) -> dict[str, dg.AssetCheckEvaluation]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def stored(workbench: Workbench) -> dict[str, pl.DataFrame]:
    return {name: workbench.lake.read(name).drop(VOLATILE, strict=False) for name in TABLES}


def materialized(
    result: Passed,
) -> dict[tuple[str, str], dg.AssetMaterialization]:
    events = [event.materialization for event in result.get_asset_materialization_events()]
    return {(event.asset_key.to_user_string(), event.partition or ""): event for event in events}


def test_a_bad_row_goes_to_quarantine_and_the_check_names_its_rule(
    workbench: Workbench, ingest: Ingest
) -> None:
    plant_quotes(workbench, WEDNESDAY, good=3, crossed=1)

    result = ingest(str(WEDNESDAY))

    assert result.success
    found = checks(result)["futures_snapshots_no_refused_rows"]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR  # 1 of 4 rows is more than 1 %
    assert (
        found.description == "session 2025-01-15: 1 rows refused: 2025-01-15 quote_not_crossed (1)"
    )
    assert checks(result)["futures_snapshots_schema"].passed
    assert workbench.lake.read("futures_snapshots").height == 3
    assert materialized(result)["quarantine", "2025-01-15"].metadata[
        "dagster/partition_row_count"
    ] == dg.MetadataValue.int(1)


def test_few_bad_rows_are_a_warning_that_stays_while_they_are_stored(
    workbench: Workbench, ingest: Ingest
) -> None:
    plant_quotes(workbench, WEDNESDAY, good=150, crossed=1)
    ingest(str(WEDNESDAY))

    found = checks(ingest(str(WEDNESDAY)))["futures_snapshots_no_refused_rows"]

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.metadata["refused_rows"].value == 1


def test_refused_rows_of_other_sessions_are_not_forgotten_by_the_next_run(
    workbench: Workbench, ingest: Ingest
) -> None:
    """A check's result has no partition, so a run on a good session would cover the bad one."""
    plant_quotes(workbench, FRIDAY, good=3, crossed=2)
    plant_quotes(workbench, MONDAY, good=0, crossed=1)
    plant_quotes(workbench, WEDNESDAY, good=400)
    ingest(str(FRIDAY), str(MONDAY))

    found = checks(ingest(str(WEDNESDAY)))["futures_snapshots_no_refused_rows"]

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.description == (
        "sessions 2025-01-10 to 2025-01-15: 3 rows refused: "
        "2025-01-13 quote_not_crossed (1), 2025-01-10 quote_not_crossed (2)"
    )


def test_the_sessions_judged_are_those_of_the_run_and_the_newest(
    workbench: Workbench, ingest: Ingest
) -> None:
    sessions = workbench.calendar.globex.between(date(2025, 1, 2), WEDNESDAY)
    days = [session.session_date for session in sessions if session.minutes == FULL_DAY]
    plant_quotes(workbench, days[0], good=1, crossed=1)
    for day in days[1:]:
        plant_quotes(workbench, day)
    ingest(*map(str, days))

    assert workbench.judged_sessions(FUTURES_SNAPSHOTS, days[-1:], 5) == days[-5:]
    newest = checks(ingest(str(WEDNESDAY)))["futures_snapshots_no_refused_rows"]
    own = checks(ingest(str(days[0])))["futures_snapshots_no_refused_rows"]
    assert (newest.passed, own.passed) == (True, False)


def test_a_rerun_leaves_the_same_rows(workbench: Workbench, ingest: Ingest) -> None:
    plant_bars(workbench, [TUESDAY, WEDNESDAY])
    plant_quotes(workbench, WEDNESDAY, crossed=1)
    assert ingest(str(TUESDAY), str(WEDNESDAY)).success
    before = stored(workbench)

    for rerun in (ingest(str(WEDNESDAY)), ingest(str(TUESDAY), str(WEDNESDAY))):
        assert rerun.success
        assert materialized(rerun)["bars_1m", "2025-01-15"].metadata["new_rows"].value == 0

    after = stored(workbench)
    assert all(after[name].equals(before[name]) for name in TABLES)
    assert all(before[name].height for name in ("bars_1m", "quarantine", "change_metrics"))


def test_one_run_over_a_range_equals_a_run_a_session(
    workbench: Workbench, ingest: Ingest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    days = [FRIDAY, MONDAY, TUESDAY, WEDNESDAY]
    other = Workbench(
        workbench.settings.model_copy(update={"data": tmp_path_factory.mktemp("single")})
    )
    for each in (workbench, other):
        plant_bars(each, days, every=30)
        plant_quotes(each, MONDAY, crossed=2)

    whole = ingest(*map(str, days))
    single = Ingest(other.settings, ingest.instance)
    assert all(single(str(day)).success for day in days)

    assert whole.success
    together, apart = stored(workbench), stored(other)
    assert all(together[name].equals(apart[name]) for name in TABLES)
    other.spool.close()


def test_a_range_materializes_each_session_with_its_own_metadata(
    workbench: Workbench, ingest: Ingest
) -> None:
    plant_bars(workbench, [MONDAY])
    plant_bars(workbench, [WEDNESDAY], every=30)

    events = materialized(ingest("2025-01-13", "2025-01-14", "2025-01-15"))

    rows = {
        day: events["bars_1m", day].metadata["dagster/partition_row_count"].value
        for day in ("2025-01-13", "2025-01-14", "2025-01-15")
    }
    assert rows["2025-01-14"] == 0
    assert rows["2025-01-13"] > rows["2025-01-15"] > 0
    assert len(events) == 3 * (len(RAW_TABLES) + 4)


def test_metadata_has_a_chart_and_a_table_small_enough_for_the_page(
    workbench: Workbench, ingest: Ingest
) -> None:
    plant_bars(workbench, [WEDNESDAY], every=1)

    events = materialized(ingest(str(WEDNESDAY)))

    for asset in ("bars_1m", "change_metrics"):
        metadata = events[asset, "2025-01-15"].metadata
        chart = str(metadata["chart"].value)
        assert "data:image/png;base64," in chart
        assert len(chart) < 50_000
        newest = metadata["newest"]
        assert isinstance(newest, dg.TableMetadataValue)
        by_contract = {str(record.data["contract"]): record.data for record in newest.records}
        assert set(by_contract) >= {"ESH5", "NQH5", "RTYH5", "SPY", "QQQ", "IWM", "VIX"}
        assert len(by_contract) == len(newest.records)
        last_minute = "2025-01-15 21:59:00" if asset == "bars_1m" else "2025-01-15 22:00:00"
        assert last_minute in by_contract["ESH5"].values()


def test_stored_rows_that_break_the_schema_stop_what_depends_on_them(
    workbench: Workbench, ingest: Ingest
) -> None:
    """Rows that came past the rules, by a bug or by hand, are found in the table itself."""
    plant_bars(workbench, [WEDNESDAY])
    ingest(str(WEDNESDAY))
    rows = workbench.lake.read(BARS_1M.name, [WEDNESDAY]).head(1).with_columns(high=pl.lit(1.0))
    table = workbench.lake.open_or_create(BARS_1M.name)
    table.append(rows.with_columns(spool_seq=pl.lit(99, pl.Int64)), Once("by hand", 1), {})

    result = ingest(str(WEDNESDAY))

    assert not result.success
    found = checks(result)["bars_1m_schema"]
    assert not found.passed
    assert "high_and_low_bound_the_bar" in (found.description or "")
    failures = found.metadata["failures"]
    assert isinstance(failures, dg.TableMetadataValue)
    assert 0 < len(failures.records) <= 25
    assert ("change_metrics", "2025-01-15") not in materialized(result)


def test_change_metrics_look_back_across_a_weekend(workbench: Workbench, ingest: Ingest) -> None:
    plant_bars(workbench, [FRIDAY, MONDAY], every=1)
    assert ingest(str(FRIDAY), str(MONDAY)).success

    changes = workbench.lake.read(CHANGE_METRICS.name, [MONDAY]).filter(pl.col("symbol") == "ES")
    assert changes["change_daily"].null_count() == 0
    assert set(changes["anchor_at"].dt.date()) == {FRIDAY}


def test_changes_of_a_pair_stay_when_it_is_no_longer_collected(
    workbench: Workbench, ingest: Ingest, instance: dg.DagsterInstance
) -> None:
    on = {"binance": BinanceSettings(symbols=("BTC/USDT",))}
    plant_quotes(workbench, WEDNESDAY, "BTC/USDT")
    assert Ingest(workbench.settings.model_copy(update=on), instance)(str(WEDNESDAY)).success
    plant_quotes(workbench, WEDNESDAY)

    assert ingest(str(WEDNESDAY)).success
    changes = workbench.lake.read(CHANGE_METRICS.name, [WEDNESDAY])
    assert set(changes["symbol"]) == {"BTC/USDT", "ES"}


def test_fridays_close_is_computed_with_fridays_rows(workbench: Workbench, ingest: Ingest) -> None:
    plant_bars(workbench, [FRIDAY], every=1)
    assert ingest(str(FRIDAY)).success

    changes = workbench.lake.read(CHANGE_METRICS.name, [FRIDAY]).filter(pl.col("symbol") == "ES")
    session = workbench.calendar.globex.on(FRIDAY)
    assert session is not None
    assert changes["timestamp"].max() == session.closes_at
    assert changes.height == session.minutes


def test_a_session_without_rows_is_replaced_by_nothing(
    workbench: Workbench, ingest: Ingest
) -> None:
    result = ingest(str(WEDNESDAY))

    assert result.success
    rows = stored(workbench)
    assert [name for name in TABLES if rows[name].height] == ["coverage", "coverage_gaps"]
    assert rows["coverage"]["received_minutes"].sum() == 0
