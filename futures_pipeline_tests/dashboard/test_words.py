"""Words, tables, files and figures of the pages, without a browser."""

import doctest
from datetime import UTC, datetime, timedelta
from io import BytesIO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.dashboard import export, words
from futures_pipeline.dashboard.charts import correlation, health, leads, options, prices
from futures_pipeline.dashboard.export import as_csv, head
from futures_pipeline.dashboard.tables import Column, html_table, plain
from futures_pipeline.dashboard.views.parts import literal
from futures_pipeline.dashboard.words import Situation, state_of
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.storage.tables import TABLES

OPEN = datetime(2025, 1, 14, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("module", [export, words])
def test_the_examples_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("newest", "now", "situation"),
    [
        (None, OPEN, Situation.EMPTY),
        (OPEN - 5 * MINUTE, OPEN, Situation.LIVE),
        (OPEN - 6 * MINUTE, OPEN, Situation.STALE),
        # Friday's last price on Saturday is not stale, nor is it after the daily pause.
        (datetime(2025, 1, 17, 22, tzinfo=UTC), datetime(2025, 1, 18, 12, tzinfo=UTC), "closed"),
        (datetime(2025, 1, 14, 22, tzinfo=UTC), datetime(2025, 1, 14, 23, 4, tzinfo=UTC), "live"),
    ],
)
def test_age_counts_open_minutes_only(
    newest: datetime | None, now: datetime, situation: Situation
) -> None:
    assert state_of(newest, now, calendar_for(now)).situation == situation


def test_csv_has_units_and_no_formula() -> None:
    rows = pl.DataFrame(
        {"symbol": ["=1+1", "@x", "ES"], "change_1h": [-2.5, None, 0.25], "at": [OPEN] * 3}
    )
    read = pl.read_csv(BytesIO(as_csv(rows)))
    assert read.columns == ["symbol", "change_1h [points]", "at [UTC]"]
    assert read["symbol"].to_list() == ["'=1+1", "'@x", "ES"]
    assert read["change_1h [points]"].to_list() == [-2.5, None, 0.25]
    assert read["at [UTC]"][0] == "2025-01-14T15:00:00Z"


def test_every_measured_column_of_a_table_has_its_unit() -> None:
    """What is a plain number or a ratio of the kind its name says has none."""
    plain = {"gamma", "vega", "theta", "factor", "slope", "signal_to_noise", "variance_ratio"}
    plain |= {"brier", "bic_gain", "participation", "pt_stat", "mean_gap", "put_call_ratio"}
    plain |= {"put_call_oi_ratio", "effective_pairs", "realized_variance", "standard_error"}
    ends = ("_mean", "asymmetry", "asymmetry_error", "break_even_ic")
    beginnings = ("placebo_", "granger_p", "asymmetry")
    columns = {
        column.name
        for table in TABLES.values()
        for column in table.columns
        if column.dtype == pl.Float64
    }
    bare = {it for it in columns - plain if "[" not in head(it, pl.Float64())}
    assert {it for it in bare if not it.endswith(ends) and not it.startswith(beginnings)} == set()


def test_low_and_high_of_a_bar_are_prices() -> None:
    bar = {name: [1.0] for name in ("open", "low", "high")}
    assert pl.read_csv(BytesIO(as_csv(pl.DataFrame(bar)))).columns[1:] == [
        "low [price units]",
        "high [price units]",
    ]


def test_a_list_in_a_file_is_json() -> None:
    rows = pl.DataFrame({"flags": [["stale", "crossed"], None]})
    read = pl.read_csv(BytesIO(as_csv(rows)))["flags"].to_list()
    assert read == ['["stale", "crossed"]', None]


@given(st.text(max_size=40))
def test_no_text_becomes_a_formula_or_markup(text: str) -> None:
    cell = pl.DataFrame({"text": [text]})
    written = as_csv(cell).decode("utf-8-sig").partition("\n")[2].lstrip('"')
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    html = html_table([Column("text", plain("text"))], [{"text": text}], "x")
    assert html.count("<") == html_table([Column("text", plain("text"))], [{}], "x").count("<")


def test_markdown_of_others_is_text() -> None:
    assert literal("![x](http://e.org)") == r"\!\[x\]\(http\:\/\/e\.org\)".replace(r"\/", "/")


def test_two_axes_have_scales_of_their_own_that_leave_zero_out() -> None:
    rows = pl.DataFrame({"at": [OPEN, OPEN + MINUTE], "price_futures": [5_900.0, None],
                         "price_spot": [588.0, 589.0]})  # fmt: skip
    drawn = prices.dual_axis(rows, "ES", "SPY").to_dict()
    assert drawn["resolve"] == {"scale": {"y": "independent"}}
    axes = [layer["encoding"]["y"] for layer in drawn["layer"]]
    assert [axis["axis"]["orient"] for axis in axes] == ["left", "right"]
    assert [axis["scale"]["zero"] for axis in axes] == [False, False]
    assert drawn["layer"][0]["encoding"]["x"]["scale"] == {"type": "utc"}


def test_regression_finds_the_planted_line_or_none() -> None:
    x = [0.001, -0.002, 0.003, 0.0]
    line = pl.DataFrame({"return_futures": x, "return_spot": [2 * v + 0.0001 for v in x]})
    found = correlation.regression(line)
    assert found is not None
    assert found == pytest.approx({"slope": 2.0, "intercept": 0.0001, "r2": 1.0, "n": 4.0})
    assert correlation.regression(line.head(2)) is None
    assert correlation.regression(line.with_columns(return_futures=pl.lit(0.0))) is None


def test_at_the_money_is_the_nearest_strike_of_each_expiry() -> None:
    day = OPEN.date()
    chain = pl.DataFrame(
        {
            "expiry": [day + timedelta(days=30)] * 4,
            "session_date": [day] * 4,
            "strike": [580.0, 590.0, 590.0, 600.0],
            "iv": [0.30, 0.20, 0.22, 0.10],
            "underlying_price": [588.0] * 4,
        }
    )
    found = options.at_the_money(chain)
    assert found["iv"].to_list() == pytest.approx([0.21])
    assert found["days"].to_list() == [30]


def test_figures_of_one_row_are_valid() -> None:
    """A figure that Altair refuses raises here, not on a page."""
    reading = pl.DataFrame({"at": [OPEN], "correlation": [0.5], "low": [0.1], "high": [0.7],
                            "z": [1.0]})  # fmt: skip
    cover = pl.DataFrame({"session_date": [OPEN.date()], "contract": ["ES"], "share": [0.5],
                          "expected_minutes": [10], "received_minutes": [5],
                          "unexplained_minutes": [5], "largest_gap_minutes": [5]})  # fmt: skip
    pair = pl.DataFrame({"row_symbol": ["ES"], "column_symbol": ["NQ"], "correlation": [0.9],
                         "pairs": [30]})  # fmt: skip
    figures = [
        correlation.rolling(reading),
        correlation.spread(reading),
        correlation.matrix(pair),
        health.coverage_calendar(cover),
        leads.bars({0: 0.9, 5: float("nan")}),
    ]
    assert all(figure.to_dict()["height"] for figure in figures)
