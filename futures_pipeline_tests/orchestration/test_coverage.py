"""What the coverage assets store, when they are behind, and what their check tells a person."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from futures_pipeline.analytics.coverage import COVERAGE_SCHEMA, GAP_SCHEMA
from futures_pipeline.config import Settings
from futures_pipeline.orchestration.ingestion.positions import spool_positions
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.derived import sessions_to_derive
from futures_pipeline.orchestration.sensors.spool import sessions_to_ingest
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.tables import CHANGE_METRICS, COVERAGE, GAPS
from futures_pipeline_tests.orchestration.conftest import (
    FRIDAY,
    MINUTE,
    NOW,
    TUESDAY,
    WEDNESDAY,
    Ingest,
    Lost,
    Passed,
    plant_bars,
    plant_events,
    plant_quotes,
    plant_rounds,
)
from futures_pipeline_tests.storage.rows import event

MONDAY, THURSDAY = date(2025, 1, 13), date(2025, 1, 16)
LOST_AT = datetime(2025, 1, 15, 14, 12, tzinfo=UTC)  # 09:12 New York
CHECK = "coverage_no_unexplained_gaps"


def lost(minutes: int, start: datetime = LOST_AT) -> Lost:
    """Return a span of ES bars that never came."""
    return {"ES": (start, start + MINUTE * minutes)}


def plant_day(workbench: Workbench, day: date, missing: Lost) -> None:
    plant_bars(workbench, [day], every=1, lost=missing)
    plant_rounds(workbench, [day])


def check(result: Passed) -> dg.AssetCheckEvaluation:
    assert result.success
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == CHECK]
    return found


def metadata(result: Passed, asset: str) -> dict[str, dg.MetadataValue]:
    events = result.get_asset_materialization_events()
    (found,) = [
        dict(one.materialization.metadata)
        for one in events
        if one.materialization.asset_key.to_user_string() == asset
    ]
    return found


def stream(workbench: Workbench, contract: str, name: str = "bars") -> dict[str, object]:
    rows = workbench.lake.read(COVERAGE.name).filter(contract=contract, stream=name)
    return rows.row(0, named=True)


def test_a_whole_session_passes_and_shows_it(workbench: Workbench, ingest: Ingest) -> None:
    plant_day(workbench, WEDNESDAY, {})

    result = ingest(str(WEDNESDAY))

    assert check(result).passed
    assert check(result).description == "session 2025-01-15: 0 minutes missing without a cause"
    told = metadata(result, COVERAGE.name)
    assert told["bars_received_percent"].value == 100.0
    assert told["snapshots_received_percent"].value == 100.0
    assert told["unexplained_minutes"].value == 0
    assert told["dagster/partition_row_count"].value == 14
    assert "data:image/png;base64," in str(told["chart"].value)
    assert stream(workbench, "ESH5")["expected_minutes"] == 23 * 60
    assert stream(workbench, "SPY")["expected_minutes"] == 900
    assert workbench.lake.read(GAPS.name).is_empty()


def test_a_gap_without_a_cause_is_named_in_new_york_and_utc(
    workbench: Workbench, ingest: Ingest
) -> None:
    plant_day(workbench, WEDNESDAY, lost(22))

    result = ingest(str(WEDNESDAY))

    found = check(result)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == (
        "session 2025-01-15: 22 minutes missing without a cause: "
        "ESH5 bars 22 min Wed 09:12-09:34 New York (2025-01-15, 14:12-14:34 UTC)"
    )
    told = metadata(result, GAPS.name)
    assert told["unexplained_gaps"].value == 1
    table = told["gaps"]
    assert isinstance(table, dg.TableMetadataValue)
    assert table.records[0].data["new_york"] == "Wed 09:12-09:34"
    assert table.records[0].data["cause"] == "unknown"


def test_a_gap_with_a_cause_alarms_nobody(workbench: Workbench, ingest: Ingest) -> None:
    plant_day(workbench, WEDNESDAY, lost(22))
    span = (LOST_AT + timedelta(seconds=10), LOST_AT + MINUTE * 21.5)
    plant_events(workbench, WEDNESDAY, event("upstream_lost", *span, code=1100, text="lost"))

    assert check(ingest(str(WEDNESDAY))).passed

    gap = workbench.lake.read(GAPS.name).row(0, named=True)
    assert (gap["starts_at"], gap["minutes"], gap["is_explained"]) == (LOST_AT, 22, True)
    assert gap["says"] == "the gateway had lost the broker's servers (1100): lost (1100)"
    assert stream(workbench, "ESH5")["explained_minutes"] == 22


def test_a_back_fill_of_before_the_first_start_alarms_nobody(
    workbench: Workbench, ingest: Ingest
) -> None:
    """Options and quotes of then cannot come any more, and nothing was there to collect them."""
    begun = datetime(2025, 1, 14, 22, tzinfo=UTC)
    plant_day(workbench, TUESDAY, lost(22, LOST_AT - timedelta(days=1)))
    plant_day(workbench, WEDNESDAY, {})
    plant_events(workbench, WEDNESDAY, event("collector_down", begun, begun + MINUTE))
    ingest(str(WEDNESDAY))

    assert check(ingest(str(TUESDAY))).passed

    gap = workbench.lake.read(GAPS.name).filter(session_date=TUESDAY).row(0, named=True)
    assert gap["says"] == "the collector did not run: it had not run before"


def test_minutes_that_history_fills_later_are_no_gap_any_more(
    workbench: Workbench, ingest: Ingest
) -> None:
    plant_day(workbench, WEDNESDAY, lost(22))
    ingest(str(WEDNESDAY))
    plant_bars(workbench, [WEDNESDAY], every=1)

    assert check(ingest(str(WEDNESDAY))).passed

    assert workbench.lake.read(GAPS.name).is_empty()
    assert workbench.lake.read(COVERAGE.name).height == 14


def test_the_gaps_of_other_sessions_are_not_forgotten_by_the_next_run(
    workbench: Workbench, ingest: Ingest
) -> None:
    plant_day(workbench, TUESDAY, {"NQ": lost(5, LOST_AT - timedelta(days=1))["ES"]})
    plant_day(workbench, WEDNESDAY, {})
    ingest(str(TUESDAY))

    found = check(ingest(str(WEDNESDAY)))

    assert not found.passed
    assert found.description == (
        "sessions 2025-01-14 to 2025-01-15: 5 minutes missing without a cause: "
        "NQH5 bars 5 min Tue 09:12-09:17 New York (2025-01-14, 14:12-14:17 UTC)"
    )


def test_the_largest_of_many_gaps_are_named(workbench: Workbench, ingest: Ingest) -> None:
    plant_bars(workbench, [WEDNESDAY], every=60)
    plant_rounds(workbench, [WEDNESDAY])

    says = check(ingest(str(WEDNESDAY))).description or ""

    assert says.count(" min ") == 5
    assert "ESH5, IWM, NQH5, QQQ and 2 more bars 59 min" in says
    assert says.endswith("more")


def test_a_session_under_way_is_judged_as_far_as_rows_can_be_there(
    workbench: Workbench, ingest: Ingest
) -> None:
    """The clock stands at 12:00 UTC: rows take a round of 60 s and 10 s of the machine."""
    plant_day(workbench, THURSDAY, lost(10, NOW - timedelta(minutes=30)))

    assert check(ingest(str(THURSDAY))).passed  # history may still fill it

    row = stream(workbench, "ESH5")
    assert row["judged_until"] == datetime(2025, 1, 16, 11, 58, tzinfo=UTC)
    assert row["expected_minutes"] == 13 * 60 - 2
    assert row["unexplained_minutes"] == 10
    index = stream(workbench, "VIX")
    assert (index["expected_minutes"], index["share"], index["judged_until"]) == (0, None, None)


def test_a_run_judges_what_could_be_there_when_it_began(settings: Settings) -> None:
    fast = settings.model_copy(update={"clock_text": f"{NOW.isoformat()}@4000000000.0*60"})
    bench = Workbench(fast)

    now = bench.deliverable_until()
    ten_seconds_ago = bench.deliverable_until(datetime.now(UTC) - timedelta(seconds=10))

    assert (NOW - now).total_seconds() == 660
    assert (now - ten_seconds_ago).total_seconds() == pytest.approx(600, abs=30)


def behind(workbench: Workbench, *days: date) -> list[date]:
    raw = spool_positions(workbench.spool.partitions(), days)
    late = sessions_to_ingest(raw, workbench) | sessions_to_derive(raw, workbench)
    return sorted(late)


def test_a_session_between_others_of_which_no_row_came_is_judged(
    workbench: Workbench, ingest: Ingest
) -> None:
    plant_bars(workbench, [FRIDAY, TUESDAY])
    assert behind(workbench, FRIDAY, TUESDAY) == [FRIDAY, MONDAY, TUESDAY]

    ingest(str(FRIDAY), str(MONDAY), str(TUESDAY))

    assert behind(workbench, FRIDAY, TUESDAY) == []
    monday = workbench.lake.read(COVERAGE.name, [MONDAY])
    assert monday.height == 14
    assert monday["received_minutes"].sum() == 0


def later(settings: Settings, hours: float) -> Settings:
    """Return the settings with a clock that stands some hours after NOW."""
    at = NOW + timedelta(hours=hours)
    return settings.model_copy(update={"clock_text": f"{at.isoformat()}@4000000000.0*1"})


def test_a_session_is_judged_once_more_when_it_has_ended(
    workbench: Workbench, ingest: Ingest, settings: Settings
) -> None:
    """No row may follow its last minutes, and they are owed all the same."""
    plant_quotes(workbench, THURSDAY)
    ingest(str(THURSDAY))
    assert behind(workbench, THURSDAY) == []
    evening = Workbench(later(settings, hours=10.5))
    assert behind(evening, THURSDAY) == [THURSDAY]

    Ingest(evening.settings, ingest.instance)(str(THURSDAY))

    assert behind(evening, THURSDAY) == []
    assert stream(evening, "ESH5")["expected_minutes"] == 23 * 60
    evening.spool.close()


def test_news_of_the_connection_make_coverage_new_and_nothing_else(
    workbench: Workbench, ingest: Ingest
) -> None:
    def positions() -> list[int]:
        tables = [workbench.lake.open_or_create(name.name) for name in (CHANGE_METRICS, COVERAGE)]
        return [table.committed_seq(source_id(table.table.name, WEDNESDAY)) for table in tables]

    plant_quotes(workbench, WEDNESDAY)
    ingest(str(WEDNESDAY))
    before = positions()
    plant_events(workbench, WEDNESDAY, event("gateway_down", LOST_AT, LOST_AT + MINUTE))
    assert behind(workbench, WEDNESDAY) == [WEDNESDAY]

    ingest(str(WEDNESDAY))

    assert behind(workbench, WEDNESDAY) == []
    changes, coverage = positions()
    assert changes == before[0]
    assert coverage > before[1]


def test_the_tables_have_the_ledgers_columns() -> None:
    assert dict(COVERAGE_SCHEMA) == {name: kind for name, kind in COVERAGE.schema.items()}
    assert dict(GAP_SCHEMA) == {name: kind for name, kind in GAPS.schema.items()}
