"""Every rule can fire, no row is lost, and stored rows are checked by the same rules."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.schemas import (
    batch_rules,
    conform,
    failure_cases,
    missing_columns,
    split,
)
from futures_pipeline.storage.tables import (
    BARS_1M,
    CHANGE_METRICS,
    FUTURES_SNAPSHOTS,
    GATEWAY_EVENTS,
    OPTION_ROUNDS,
    OPTION_SNAPSHOTS,
    QUARANTINE,
    RAW_TABLES,
    Table,
)
from futures_pipeline_tests.storage.options import BROKEN_OPTIONS, BROKEN_ROUNDS
from futures_pipeline_tests.storage.rows import AT, bar, event, frame, snapshot

NAN, INFINITY = float("nan"), float("inf")

BROKEN_QUOTES: list[tuple[str, dict[str, Any]]] = [
    ("required_values_present", {"received_at": None}),
    ("required_values_present", {"contract": None}),
    ("symbol_known", {"symbol": "GC", "contract": "GCG5"}),
    ("prices_finite", {"last": NAN}),
    ("prices_finite", {"ask": INFINITY}),
    ("prices_positive", {"last": -1.0}),
    ("prices_positive", {"bid": 0.0}),
    ("quote_not_crossed", {"bid": 5901.0, "ask": 5900.0}),
    ("quantities_not_negative", {"bid_size": -1.0}),
    ("quantities_not_negative", {"volume": NAN}),
    ("has_a_price", {"bid": None, "ask": None, "last": None}),
    ("contract_belongs_to_symbol", {"contract": "NQH5"}),
    ("contract_belongs_to_symbol", {"contract": "ESNQ"}),
    ("contract_belongs_to_symbol", {"contract": "ESH"}),
    ("contract_belongs_to_symbol", {"contract": "ESA5"}),
    ("contract_belongs_to_symbol", {"contract": "ESH5 "}),
    ("data_type_known", {"data_type": "guessed"}),
]
BROKEN_BARS: list[tuple[str, dict[str, Any]]] = [
    ("required_values_present", {"close": None}),
    ("symbol_known", {"symbol": "GC", "contract": "GCG5"}),
    ("prices_finite", {"high": NAN}),
    ("prices_positive", {"low": 0.0}),
    ("high_and_low_bound_the_bar", {"high": 5890.0}),
    ("high_and_low_bound_the_bar", {"low": 5900.4}),
    ("quantities_not_negative", {"volume": -5.0}),
    ("quantities_not_negative", {"trade_count": -1}),
    ("whole_minute", {"ts_start": AT + timedelta(seconds=5)}),
    ("whole_minute", {"ts_end": AT + timedelta(minutes=2)}),
    ("source_known", {"source": "invented"}),
    ("contract_belongs_to_symbol", {"contract": "NQH5"}),
    ("data_type_known", {"data_type": "guessed"}),
]
BROKEN_EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("required_values_present", {"starts_at": None}),
    ("symbol_known", {"symbol": "GC"}),
    ("event_known", {"event": "bored"}),
    ("ends_after_it_starts", {"ends_at": AT - timedelta(seconds=1)}),
]


def refused_rules(rows: list[dict[str, Any]], table: Table) -> list[str]:
    return split(frame(rows, table), table, UNIVERSE).refused["rule"].to_list()


@pytest.mark.parametrize(("rule", "values"), BROKEN_QUOTES)
def test_a_bad_quote_is_refused_by_its_rule(rule: str, values: dict[str, Any]) -> None:
    rows = [snapshot(), snapshot() | values]
    assert refused_rules(rows, FUTURES_SNAPSHOTS) == [rule]


@pytest.mark.parametrize(("rule", "values"), BROKEN_BARS)
def test_a_bad_bar_is_refused_by_its_rule(rule: str, values: dict[str, Any]) -> None:
    assert refused_rules([bar(), bar() | values], BARS_1M) == [rule]


@pytest.mark.parametrize(("rule", "values"), BROKEN_EVENTS)
def test_a_bad_event_is_refused_by_its_rule_and_one_about_all_is_good(
    rule: str, values: dict[str, Any]
) -> None:
    lost = event("connection_lost", AT, AT)
    rows = frame([lost, lost | values], GATEWAY_EVENTS)
    parts = split(rows, GATEWAY_EVENTS, GATEWAY_EVENTS.symbols(UNIVERSE.values()))
    assert parts.refused["rule"].to_list() == [rule]


def test_every_rule_of_the_raw_tables_is_shown_to_fire() -> None:
    broken = {
        BARS_1M.name: BROKEN_BARS,
        GATEWAY_EVENTS.name: BROKEN_EVENTS,
        OPTION_SNAPSHOTS.name: BROKEN_OPTIONS,
        OPTION_ROUNDS.name: BROKEN_ROUNDS,
    }
    for table in RAW_TABLES:
        shown = {rule for rule, _ in broken.get(table.name, BROKEN_QUOTES)}
        assert {rule.name for rule in batch_rules(table, UNIVERSE)} == shown, table.name


@pytest.mark.parametrize(
    "values",
    [{"bid": None, "ask": None}, {"last": None, "last_at": None}, {"bid": 5900.25}, {"volume": 0}],
)
def test_incomplete_quotes_are_good(values: dict[str, Any]) -> None:
    """Unknown is not wrong, and a locked market is not a crossed one."""
    assert refused_rules([snapshot() | values], FUTURES_SNAPSHOTS) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ES", "GC", None]),
            st.one_of(st.none(), st.floats()),
            st.one_of(st.none(), st.floats()),
        )
    )
)
def test_no_row_is_lost(rows: list[tuple[str | None, float | None, float | None]]) -> None:
    values = [{"symbol": symbol, "bid": bid, "ask": ask} for symbol, bid, ask in rows]
    batch = frame([snapshot() | value for value in values]).with_row_index("row_index")

    parts = split(batch, FUTURES_SNAPSHOTS, UNIVERSE)

    both = [*parts.good["row_index"], *parts.refused["row_index"]]
    assert sorted(both) == list(range(len(rows)))
    assert parts.refused["rule"].null_count() == 0


@pytest.mark.parametrize("contract", ["ES", "ESH5", "ESZ9"])
def test_a_contract_is_its_symbol_alone_or_with_a_delivery_month(contract: str) -> None:
    assert refused_rules([snapshot(contract=contract)], FUTURES_SNAPSHOTS) == []


def test_missing_columns_are_named_and_others_are_no_matter() -> None:
    good = frame([snapshot()])
    assert missing_columns(good.drop("bid", "ask"), FUTURES_SNAPSHOTS) == ["bid", "ask"]
    shuffled = good.select(reversed(good.columns)).with_columns(extra=1)
    reshaped, misfit = conform(shuffled, FUTURES_SNAPSHOTS)
    assert reshaped.equals(good)
    assert misfit.to_list() == [None]


NAIVE = AT.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("column", "values", "fits"),
    [
        ("bid", ["5900.25", "much", None], [True, False, True]),
        ("bid", [5900, 2**53 + 1], [True, False]),
        ("bid", [True], [False]),
        ("bid", [AT], [False]),
        ("bid", [[1.0], None], [False, True]),
        ("con_id", [1.0, 1.7, float("nan"), 1e30], [True, False, False, False]),
        ("con_id", ["1", "1.7"], [True, False]),
        ("symbol", [b"ES", b"\xff"], [True, False]),
        ("symbol", [["ES"]], [False]),
        ("symbol", [{"root": "ES"}], [False]),
        ("symbol", [1], [False]),
        ("expiry", ["2025-03-21", "soon", "12025-01-01"], [True, False, False]),
        ("expiry", [AT], [False]),
        ("timestamp", [NAIVE], [False]),
        ("timestamp", [int(AT.timestamp())], [False]),
        ("timestamp", [AT.isoformat(), str(AT), str(NAIVE), "now"], [True, True, False, False]),
    ],
)
def test_a_value_without_its_columns_type_is_a_misfit(
    column: str, values: list[Any], fits: list[bool]
) -> None:
    rows = frame([snapshot()] * len(values)).with_columns(pl.Series(column, values, strict=False))
    shaped, misfit = conform(rows, FUTURES_SNAPSHOTS)
    assert misfit.is_null().to_list() == fits
    assert shaped.schema == frame([]).schema
    assert all(f"{column} is a" in says for says in misfit.drop_nulls())


def test_a_time_finer_than_a_microsecond_or_beyond_python_is_a_misfit() -> None:
    good = frame([snapshot()])
    nanoseconds = pl.col("last_at").cast(pl.Datetime("ns", "UTC"))
    far = pl.Series("last_at", [9 * 10**18]).cast(pl.Datetime("us", "UTC"))
    for rows, fits in (
        (good.with_columns(nanoseconds), True),
        (good.with_columns(nanoseconds + pl.duration(nanoseconds=1)), False),
        (good.with_columns(far), False),
        (good.with_columns(pl.col("last_at").dt.convert_time_zone("Asia/Tokyo")), True),
    ):
        assert conform(rows, FUTURES_SNAPSHOTS)[1].is_null().to_list() == [fits]


def stored(rows: list[dict[str, Any]], table: Table) -> pl.DataFrame:
    lake_columns = {
        "ingested_at": pl.lit(AT).dt.cast_time_unit("us"),
        "spool_seq": pl.lit(1, pl.Int64),
    }
    return frame(rows, table).with_columns(**lake_columns).select(table.names)


def test_good_rows_have_no_failure_cases() -> None:
    assert failure_cases(stored([snapshot()], FUTURES_SNAPSHOTS), FUTURES_SNAPSHOTS).is_empty()
    assert failure_cases(stored([bar()], BARS_1M), BARS_1M).is_empty()


@pytest.mark.parametrize("table", [*RAW_TABLES, QUARANTINE, CHANGE_METRICS], ids=lambda t: t.name)
def test_an_empty_table_has_no_failure_cases(table: Table) -> None:
    assert failure_cases(pl.DataFrame(schema=table.schema), table).is_empty()


@pytest.mark.parametrize(
    ("check", "values"),
    [(rule, values) for rule, values in BROKEN_BARS if rule not in ("symbol_known",)],
)
def test_a_bad_stored_bar_is_found_by_the_same_rule(check: str, values: dict[str, Any]) -> None:
    found = failure_cases(stored([bar(), bar("NQ", **values)], BARS_1M), BARS_1M)["check"].to_list()
    expected = "not_nullable" if check == "required_values_present" else check
    if check == "contract_belongs_to_symbol":
        found = failure_cases(stored([bar("ES", **values)], BARS_1M), BARS_1M)["check"].to_list()
    assert expected in found


def test_a_key_stored_twice_is_found() -> None:
    twice = stored([snapshot(), snapshot(last=5901.0)], FUTURES_SNAPSHOTS)
    checks = failure_cases(twice, FUTURES_SNAPSHOTS)["check"].unique().to_list()
    assert checks == ["multiple_fields_uniqueness"]


def test_a_wrong_column_type_is_found() -> None:
    rows = stored([snapshot()], FUTURES_SNAPSHOTS).with_columns(pl.col("bid").cast(pl.Float32))
    assert failure_cases(rows, FUTURES_SNAPSHOTS)["column"].to_list() == ["bid"]


def test_a_change_without_number_or_reason_is_found() -> None:
    row: dict[str, Any] = dict.fromkeys(CHANGE_METRICS.names)
    row |= {"symbol": "ES", "contract": "ESH5", "session_date": date(2025, 1, 15)}
    row |= {"timestamp": AT, "anchor_at": AT, "elapsed_hours": 1.0}
    row |= {"spans_closure_1h": False, "spans_closure_4h": False, "change_1h": 2.0}
    row |= {f"reason_{horizon}": "no_price" for horizon in ("4h", "overnight")}
    rows = pl.DataFrame([row], schema=CHANGE_METRICS.schema)

    checks = failure_cases(rows, CHANGE_METRICS)["check"].to_list()
    assert set(checks) == {"null_has_a_reason_daily"}
