"""The statistics of options in Dagster: planted surfaces come out, once, with what was wrong."""

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.analytics.options.derived_statistics import SCHEMA, STATISTICS
from futures_pipeline.analytics.regimes import SCHEMA as REGIME_SCHEMA
from futures_pipeline.config import DagsterSettings, OptionSettings, Settings
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.hosting.once import QUIET
from futures_pipeline.orchestration.options.assets import judged
from futures_pipeline.orchestration.options.automation import OPTIONS_JOB
from futures_pipeline.orchestration.options.checks import HOLDS, option_results
from futures_pipeline.orchestration.options.findings import BREAKS
from futures_pipeline.orchestration.options.storing import Statistics
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.runs import run_request
from futures_pipeline.simulator.options.surface import RATE
from futures_pipeline.storage.tables import (
    DERIVED_STATISTICS,
    MARKET_REGIMES,
    OPTION_STATISTICS,
    QUARANTINE,
)
from futures_pipeline.storage.tables.option_statistics import TWENTY_SEVEN
from futures_pipeline_tests.analytics.options.chains import CALM, STRESSED, Truth
from futures_pipeline_tests.option_lake import (
    CLOCK,
    LAST,
    plant_closes,
    plant_options,
    regular_days,
)
from futures_pipeline_tests.stored import store

DAYS = regular_days(25)
# A tenth of a percent up each session: a trend of 4.47 sigmas.
RISING = [590 * math.exp(0.001 * (n - 24)) for n in range(25)]
WIDE = Truth(strikes=tuple(float(strike) for strike in range(360, 761, 5)), half_spread=0.005)


def settings_of(data: Path, **options: object) -> Settings:
    return Settings(
        data=data,
        dagster=DagsterSettings(first_session=date(2025, 1, 2)),
        options=OptionSettings.model_validate({"rate": RATE, **options}),
        clock_text=CLOCK,
    )


def describe(data: Path, *days: date, settings: Settings | None = None) -> set[str]:
    """Store some sessions as the step does; return the checks that fail."""
    workbench = Workbench(settings or settings_of(data))
    found = judged(workbench, days, "run").findings
    return {
        str(result.check_name).removeprefix("derived_statistics_")
        for result in option_results(found, days)
        if not result.passed
    }


def rows_of(data: Path, table: str = DERIVED_STATISTICS.name) -> pl.DataFrame:
    return Workbench(settings_of(data)).lake.read(table)


def test_the_tables_are_what_the_statistics_return() -> None:
    assert list(TWENTY_SEVEN) == list(STATISTICS)
    assert len(TWENTY_SEVEN) == 27
    for table, schema in zip(OPTION_STATISTICS, (SCHEMA, REGIME_SCHEMA), strict=True):
        kept = {name: kind for name, kind in table.schema.items() if name in schema}
        assert kept == {name: type(kind) if kind != kept[name] else kind for name, kind in
                        schema.items()} or set(kept) == set(schema)  # fmt: skip
        assert set(table.schema) - set(schema) <= {"session_date"}


def test_the_surface_comes_out_of_the_lake(tmp_path: Path) -> None:
    """QUANT_SPEC 9.3, from stored quotes to the row; ranks wait for their sessions."""
    plant_closes(tmp_path, {"SPY": RISING, "VIX": [18.6] * 25}, DAYS)
    plant_options(tmp_path, LAST, WIDE)
    describe(tmp_path, LAST)
    row = rows_of(tmp_path).filter(symbol="SPY").row(0, named=True)
    assert row["iv_atm_30d"] == pytest.approx(0.15649, abs=0.0004)
    assert row["term_structure_slope"] == pytest.approx(0.06222, abs=0.002)
    assert row["skew_25d"] == pytest.approx(0.07208, abs=0.001)
    assert row["vix_chain"] == pytest.approx(18.628, abs=0.05)  # the wings have no bid
    assert row["vix_close"] == 18.6
    assert row["underlying_close"] == pytest.approx(590.0)
    assert row["underlying_return"] == pytest.approx(0.001)
    assert row["volatility_20d"] == pytest.approx(0.001 * math.sqrt(252))
    assert row["trend_20d"] == pytest.approx(math.sqrt(20))
    assert (row["quality"], row["greeks_source"], row["regime"]) == (
        "good", "broker", "trending_up",
    )  # fmt: skip
    assert "iv_rank_30d 1_of_20_sessions" in row["reasons"]
    regime = rows_of(tmp_path, MARKET_REGIMES.name).filter(symbol="SPY").row(0, named=True)
    assert (regime["outlook"], regime["derived_regime"]) == ("bullish", "trending_up")
    assert regime["outlook_score"] == pytest.approx(0.6 + 0.2 * row["term_structure_slope"] / 0.1)
    # The other ETFs have no options and no closes; each number of theirs says so.
    other = rows_of(tmp_path).filter(symbol="QQQ").row(0, named=True)
    assert other["iv_mean"] is None
    assert "iv_mean no_options_at_the_close" in other["reasons"]


def test_an_etf_without_closing_quotes_stands_as_last_quoted(tmp_path: Path) -> None:
    """Of SPY the close is read alone, of QQQ all that there is."""
    earlier = {name: pl.col(name).dt.offset_by("-40m") for name in ("timestamp", "round_at")}
    few = replace(WIDE, strikes=WIDE.strikes[10:60])
    plant_options(tmp_path, LAST, few)
    plant_options(tmp_path, LAST, few, **earlier, volume=9e6)
    plant_options(tmp_path, LAST, replace(few, symbol="QQQ"), **earlier)
    describe(tmp_path, LAST)
    found = {row["symbol"]: row for row in rows_of(tmp_path).iter_rows(named=True)}
    assert {it: found[it]["quality"] for it in found} == {
        "IWM": "insufficient", "QQQ": "early", "SPY": "good",
    }  # fmt: skip
    assert found["QQQ"]["iv_atm_30d"] == pytest.approx(found["SPY"]["iv_atm_30d"], abs=0.001)
    assert found["SPY"]["n_contracts"] == found["QQQ"]["n_contracts"]
    # Volume is the whole day's.
    assert found["SPY"]["volume_total"] == 9e6 * found["SPY"]["n_contracts"]


def test_a_back_fill_goes_through_history_in_order(tmp_path: Path) -> None:
    """Ranks of a later session count the earlier ones of the same run."""
    days = DAYS[-21:]
    for number, day in enumerate(days):
        variance = CALM * (1 + 0.05 * number)
        few = replace(WIDE, variance=variance, strikes=WIDE.strikes[10:60:2])
        plant_options(tmp_path, day, few)
    describe(tmp_path, *days)
    found = rows_of(tmp_path).filter(symbol="SPY").sort("date")
    assert found["iv_n_30d"].to_list() == list(range(1, 22))
    assert found["iv_rank_30d"].to_list() == [None] * 19 + [100.0, 100.0]
    assert found["iv_rank_90d"].null_count() == 21
    # The price of the quotes stands where there are no bars; 20 returns are there at the end.
    assert found["underlying_close"].to_list() == [590.0] * 21
    assert found["volatility_20d"].to_list() == [None] * 20 + [0.0]


def test_again_is_the_same(tmp_path: Path) -> None:
    plant_options(tmp_path, LAST, WIDE)
    describe(tmp_path, LAST)
    first = [rows_of(tmp_path, table.name) for table in OPTION_STATISTICS]
    describe(tmp_path, LAST)
    for table, before in zip(OPTION_STATISTICS, first, strict=True):
        assert rows_of(tmp_path, table.name).equals(before)


def test_an_ex_date_is_no_fall(tmp_path: Path) -> None:
    closes = [600.0] * 24 + [598.0]
    plant_closes(tmp_path, {"SPY": closes}, DAYS)
    dividend = settings_of(tmp_path, dividends={"SPY": {str(LAST): 2.0}})
    describe(tmp_path, LAST, settings=dividend)
    row = rows_of(tmp_path).filter(symbol="SPY").row(0, named=True)
    assert row["underlying_return"] == 0.0
    assert row["underlying_close"] == 598.0


def test_a_sound_day_passes_every_check(tmp_path: Path) -> None:
    plant_closes(tmp_path, {"VIX": [18.6] * 25}, DAYS)
    for symbol, spot in {"SPY": 590.0, "QQQ": 500.0, "IWM": 210.0}.items():
        strikes = tuple(round(spot * (0.6 + 0.01 * n)) * 1.0 for n in range(71))
        plant_options(
            tmp_path, LAST, replace(WIDE, symbol=symbol, spot=spot, strikes=tuple(set(strikes)))
        )
    assert describe(tmp_path, LAST) == set()


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        ({"iv": pl.lit(0.02)}, "iv_in_range"),
        ({"delta": pl.lit(None, pl.Float64)}, "greeks_delivered"),
        (
            {
                name: pl.col(name)
                + pl.when(pl.col("right") == "C", pl.col("strike") % 10 == 0).then(2).otherwise(0)
                for name in ("bid", "ask")
            },
            "put_call_parity",
        ),
        ({"iv": pl.when(pl.col("expiry") > date(2025, 4, 1)).then(0.08)
          .otherwise("iv")}, "no_calendar_arbitrage"),
        ({"timestamp": pl.col("timestamp").dt.offset_by("-40m"),
          "round_at": pl.col("round_at").dt.offset_by("-40m")}, "quotes_of_the_close"),
        ({"bid": pl.when(pl.col("strike") % 10 == 0).then("bid")}, "quotes_usable"),
    ],
)  # fmt: skip
def test_each_check_finds_its_fault(tmp_path: Path, broken: dict[str, pl.Expr], check: str) -> None:
    plant_options(tmp_path, LAST, WIDE, **broken)
    assert check in describe(tmp_path, LAST)


def test_vix_crossed_quotes_and_thin_rounds_are_found(tmp_path: Path) -> None:
    plant_closes(tmp_path, {"VIX": [25.0] * 25}, DAYS)
    plant_options(tmp_path, LAST, WIDE)
    refused = {"session_date": LAST, "source_table": "option_snapshots", "symbol": "SPY"}
    store(tmp_path, QUARANTINE.name, [{**refused, "rule": "quote_not_crossed"}])
    thin = {"symbol": "SPY", "session_date": LAST, "asked": 100, "answered": 50, "ended": "cut"}
    store(tmp_path, "option_rounds", [thin])
    found = describe(tmp_path, LAST)
    assert {"vix_of_the_chain", "no_crossed_quotes", "chains_covered"} <= found


def test_open_interest_of_the_day_before_is_found(tmp_path: Path) -> None:
    """Asked alone, so the session before comes from the lake."""
    for day in DAYS[-2:]:
        plant_options(tmp_path, day, replace(WIDE, days=(23 + (LAST - day).days, 37)))
    assert "open_interest_fresh" in describe(tmp_path, LAST)


def test_the_job_stores_checks_and_shows(tmp_path: Path) -> None:
    """Through Dagster, two sessions in one run, the pictures on the newest."""
    for day in DAYS[-2:]:
        plant_options(tmp_path, day, replace(WIDE, strikes=WIDE.strikes[20:60:2]))
    request = run_request([str(day) for day in DAYS[-2:]], spool_seq=0)
    job = build_defs(settings_of(tmp_path)).resolve_job_def(OPTIONS_JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance, tags=request.tags, run_config=QUIET, raise_on_error=False
        )
    assert result.success
    assert len(result.get_asset_check_evaluations()) == len(HOLDS) + 2
    shown = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
    ]
    by_key = {(it.asset_key.to_user_string(), it.partition): it.metadata for it in shown}
    assert set(by_key) == {
        (table.name, str(day)) for table in OPTION_STATISTICS for day in DAYS[-2:]
    }
    newest = by_key[DERIVED_STATISTICS.name, str(LAST)]
    pictures = [str(newest[name].value) for name in ("term_structure", "smile", "numbers")]
    assert all(text.startswith("![") and len(text) < 20_000 for text in pictures)
    assert newest["dagster/partition_row_count"].value == 3
    refused = by_key[DERIVED_STATISTICS.name, str(DAYS[-2])]["refused"].records
    assert sorted((dict(it.data) for it in refused), key=lambda it: it["reason"]) == [
        {"symbol": "SPY", "reason": reason, "rows": 1} for reason in ("no_bid", "wide_spread")
    ]


def test_every_check_has_its_question() -> None:
    assert list(HOLDS) == list(BREAKS)


def test_a_session_is_due_once_it_is_six_in_new_york(tmp_path: Path) -> None:
    """LAST at 18:05; not again when computed, and again when rows come late."""
    plant_options(tmp_path, LAST, WIDE)
    statistics = Statistics(Workbench(settings_of(tmp_path)))
    assert list(statistics.due()) == [LAST]
    early = settings_of(tmp_path).model_copy(
        update={"clock_text": CLOCK.replace("T23:05", "T22:59")}
    )
    assert list(Statistics(Workbench(early)).due()) == []
    describe(tmp_path, LAST)
    assert list(statistics.due()) == []
    plant_options(tmp_path, LAST, replace(WIDE, symbol="QQQ"))
    assert list(statistics.due()) == [LAST]


def test_a_stressed_market_is_backwardated(tmp_path: Path) -> None:
    plant_options(tmp_path, LAST, replace(WIDE, variance=STRESSED))
    describe(tmp_path, LAST)
    row = rows_of(tmp_path).filter(symbol="SPY").row(0, named=True)
    assert row["iv_atm_30d"] == pytest.approx(0.38256, abs=0.001)
    assert row["term_structure_slope"] == pytest.approx(-0.07655, abs=0.002)
