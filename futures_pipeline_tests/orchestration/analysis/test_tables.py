"""The tables have the columns of the statistics that fill them."""

import pytest

from futures_pipeline.analytics.correlation.by_time import SPAN_SCHEMA
from futures_pipeline.analytics.correlation.divergence import EPISODE_SCHEMA
from futures_pipeline.analytics.correlation.rolling import ESTIMATE_SCHEMA, ROLLING_SCHEMA
from futures_pipeline.analytics.correlation.spread import SPREAD_SCHEMA
from futures_pipeline.analytics.lead_lag.placebo import PLACEBO_SCHEMA
from futures_pipeline.analytics.lead_lag.profile import PROFILE_SCHEMA
from futures_pipeline.analytics.lead_lag.verdict import Verdict
from futures_pipeline.analytics.predictive_value.assessment import HORIZON_SCHEMA, Usefulness
from futures_pipeline.storage.tables import ANALYSIS_TABLES, TABLES, Table
from futures_pipeline.storage.tables.leads import USEFULNESS, VERDICTS


@pytest.mark.parametrize(
    ("table", "schema"),
    [
        ("correlations", ROLLING_SCHEMA),
        ("divergences", EPISODE_SCHEMA),
        ("correlation_matrix", {**SPAN_SCHEMA, **ESTIMATE_SCHEMA}),
        ("correlation_heatmap", {**SPAN_SCHEMA, **ESTIMATE_SCHEMA}),
        ("lead_lag", {**PROFILE_SCHEMA, **PLACEBO_SCHEMA}),
        ("predictive_value", HORIZON_SCHEMA),
        ("spreads", SPREAD_SCHEMA),
    ],
)
def test_every_column_of_a_statistic_is_stored(table: str, schema: dict[str, object]) -> None:
    stored = TABLES[table].schema
    assert {name: stored.get(name) for name in schema} == dict(schema)


def test_the_verdicts_are_those_that_can_be_given() -> None:
    assert {*VERDICTS, "INSUFFICIENT"} == {str(verdict) for verdict in Verdict}
    assert set(USEFULNESS) == {str(verdict) for verdict in Usefulness}


@pytest.mark.parametrize("table", ANALYSIS_TABLES, ids=lambda table: table.name)
def test_keys_and_order_are_columns(table: Table) -> None:
    assert {*table.key, *table.order, "session_date"} <= set(table.names)
