"""What options of the ETFs say: volatility by expiry and strike, its rank, and the regime."""

from typing import Any

import polars as pl
import streamlit as st

from futures_pipeline.dashboard import queries
from futures_pipeline.dashboard.charts import options as charts
from futures_pipeline.dashboard.tables import Column, plain
from futures_pipeline.dashboard.views import parts
from futures_pipeline.dashboard.views.overview import word_tone
from futures_pipeline.dashboard.words import both_times, number, percent

ETFS = ("SPY", "QQQ", "IWM")
YEAR = 252
RANKS = ["iv_rank_30d", "iv_rank_60d", "iv_rank_90d", "iv_percentile_1y"]
FRACTIONS = ["iv_atm_30d", "iv_atm_90d", "volatility_20d"]
# Of a stored row, what is no number of the 27.
OTHER = {
    "symbol",
    "date",
    "yearmonth",
    "session_date",
    "regime",
    "updated_at",
    "greeks_source",
    "quality",
    "quoted_at",
    "reasons",
}


def page() -> None:
    """Show the page."""
    parts.heading("Options and regime", "Implied volatility of the ETFs' options, and the regime.")
    symbol = st.segmented_control("ETF", ETFS, default="SPY", required=True, key="etf")
    st.subheader("Regime")
    parts.refreshing(lambda: _regime(symbol))
    st.subheader("Volatility of the newest round")
    parts.refreshing(lambda: _chain(symbol))
    st.subheader("Daily numbers")
    parts.refreshing(lambda: _numbers(symbol))


def _regime(symbol: str) -> None:
    rows = queries.table("market_regimes", YEAR, symbol=symbol)
    if rows.is_empty():
        st.info("No regime is stored yet; it is computed at 18:00 New York of trading days.")
        return
    row = rows.row(-1, named=True)
    known_from = f"of the session {row['session_date']}, known to those after it"
    parts.tiles(
        [
            ("Regime", row["derived_regime"].replace("_", " "), known_from, ""),
            (
                "Outlook",
                row["outlook"],
                f"score {number(row['outlook_score'], 2, signed=True)}",
                word_tone("outlook")(row),
            ),
            ("IV rank, 60 sessions", number(row["iv_rank_60d"], 0), "0 lowest, 100 highest", ""),
            ("IV percentile, 1 year", number(row["iv_percentile_1y"], 0), "% of days below", ""),
            ("Volatility, 20 days", percent(row["volatility_20d"], 1), "realised, a year", ""),
            (
                "Term slope",
                percent(row["term_structure_slope"], 1, signed=True),
                "90 over 30 days; below 0 is stress",
                _slope_tone(row),
            ),
        ]
    )
    if row["reasons"]:
        with st.expander("What is not known, and why"):
            st.text(row["reasons"].replace("; ", "\n"))
    shown = [
        Column("Session", plain("session_date")),
        Column("Regime", lambda each: each["derived_regime"].replace("_", " ")),
        Column("Outlook", plain("outlook"), word_tone("outlook")),
        Column(
            "Trend, sigmas", lambda each: number(each["trend_20d"], 2, signed=True), is_number=True
        ),
        Column("Put/call volume", lambda each: number(each["put_call_ratio"]), is_number=True),
    ]
    newest = rows.sort("session_date", descending=True).head(10).to_dicts()
    parts.show_table(shown, newest, "Regimes", "")
    parts.csv_button(rows, f"market_regimes_{symbol}", "regimes")


def _slope_tone(row: dict[str, Any]) -> str:
    slope = row["term_structure_slope"]
    return "" if slope is None or slope >= 0 else "bad"


def _chain(symbol: str) -> None:
    rounds = queries.table("option_rounds", symbol=symbol)
    if rounds.is_empty():
        st.info("No option round is stored yet; they come every 5 minutes of regular hours.")
        return
    asked = rounds.sort("round_at").row(-1, named=True)
    chain = queries.table("option_snapshots", symbol=symbol, round_at=asked["round_at"])
    st.caption(
        f"Round of {both_times(asked['round_at'])}: {asked['with_greeks']} of {asked['asked']} "
        f"options with greeks, {asked['with_quote']} with a quote"
    )
    atm = charts.at_the_money(chain)
    if atm.is_empty():
        st.info("No option of this round has a volatility.")
        return
    left, right = st.columns(2)
    with left:
        st.markdown("**Term structure**, at the money")
        parts.show_line(atm, lambda: charts.term_structure(atm), "term", "Term structure")
    with right:
        expiry = st.selectbox("Smile of the expiry", atm["expiry"].to_list(), key="expiry")
        parts.show_chart(charts.smile(chain.filter(expiry=expiry)), "smile")
    parts.csv_button(chain, f"options_{symbol}", "chain")


def _numbers(symbol: str) -> None:
    rows = queries.table("derived_statistics", YEAR, symbol=symbol)
    if rows.is_empty():
        st.info("None is stored yet; they are computed at 18:00 New York of trading days.")
        return
    left, right = st.columns(2)
    with left:
        st.markdown("**Ranks**")
        _lines(rows, RANKS, "0 to 100", "ranks")
    with right:
        st.markdown("**Implied and realised volatility**")
        percents = rows.with_columns(pl.col(name) * 100.0 for name in FRACTIONS)
        _lines(percents, FRACTIONS, "% a year", "volatilities")
    names = [name for name in rows.columns if name not in OTHER]
    chosen = st.multiselect("Other numbers over time", names, default=["skew_25d"], key="numbers")
    if chosen:
        _lines(rows, chosen, "as named", "numbers")
    newest = rows.row(-1, named=True)
    shown = [Column("Number", plain("name")), Column("Value", plain("value"), is_number=True)]
    values = [{"name": name, "value": _shown(newest[name])} for name in names]
    with st.expander(f"All numbers of session {newest['session_date']}"):
        parts.show_table(shown, values, "All numbers", "")
    parts.csv_button(rows, f"derived_statistics_{symbol}", "statistics")


def _lines(rows: pl.DataFrame, names: list[str], unit: str, key: str) -> None:
    """Show numbers over the sessions, or say that none of them is known."""
    known = rows.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in names))
    what = ", ".join(names)
    parts.show_line(known, lambda: charts.over_time(known, names, unit), key, what)


def _shown(value: Any) -> str:
    return number(float(value), 4) if isinstance(value, int | float) else number(None)
