"""Each page in each state of the data says what is going on, and shows no error."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from futures_pipeline.dashboard.views import PAGES
from futures_pipeline_tests.dashboard import filled
from futures_pipeline_tests.stored import store

IN_PROGRESS = "Data collection in progress. Analysis available after 7 days."
SECONDS = 60
# The live page is a component, which this tester does not run; the browser tests do.
STATIC_PAGES = [name for name in PAGES if name != "live-correlation"]


@pytest.fixture(autouse=True)
def nothing_cached() -> Iterator[None]:
    """Pages keep answers for 30 seconds; each test starts without."""
    st.cache_data.clear()
    yield
    st.cache_data.clear()


def shown(page: str, data: Path, at: datetime, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Return a page as a visitor gets it at a market time."""
    monkeypatch.setenv("FUTURES_PIPELINE_DATA", str(data))
    monkeypatch.setenv("FUTURES_PIPELINE_CLOCK", filled.standing_clock(at))
    monkeypatch.setenv("FUTURES_PIPELINE_FEED_PORT", "0")

    def script(name: str) -> None:
        from futures_pipeline.dashboard.views import PAGES

        PAGES[name][1].page()

    return AppTest.from_function(script, default_timeout=SECONDS, args=(page,)).run()


def texts(page: AppTest) -> str:
    """Return all that a page says, HTML included."""
    kinds = ("title", "subheader", "info", "warning", "success", "error", "caption", "text", "html")
    found: list[Any] = [element for kind in kinds for element in page.get(kind)]
    return "\n".join(str(getattr(e, "value", None) or e.proto.body) for e in found)


@pytest.mark.parametrize("page", STATIC_PAGES)
def test_an_empty_lake_is_said_and_is_no_error(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shown(page, tmp_path, filled.LIVE, monkeypatch)
    assert not found.exception
    assert not found.error
    assert "Nothing is stored yet" in found.info[0].value
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("page", ["overview", "futures", "correlation"])
def test_one_row_is_shown_or_said(
    page: str, one_row: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shown(page, one_row, filled.LIVE, monkeypatch)
    assert not found.exception
    assert not found.error
    assert "Globex is open" in texts(found)


@pytest.mark.parametrize("page", STATIC_PAGES)
def test_a_full_page_shows_its_rows_and_runs_nothing_they_hold(
    page: str, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shown(page, full, filled.LIVE, monkeypatch)
    assert not found.exception
    assert not found.error
    html = "".join(element.proto.body for element in found.get("html"))
    assert "<td" in html
    assert "<img" not in html
    assert "<script" not in html


@pytest.mark.parametrize(
    ("at", "says"),
    [(filled.STALE, "Stale: Newest price"), (filled.CLOSED, "Globex is closed and opens again")],
)
def test_old_data_and_a_shut_market_are_told_apart(
    at: datetime, says: str, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert says in texts(shown("overview", full, at, monkeypatch))


def test_a_pair_of_currencies_does_not_hide_that_the_broker_is_silent(
    one_row: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = filled.quote("BTC/USDT", "BTC/USDT", 95_000.0) | {"timestamp": filled.STALE}
    store(one_row, "crypto_snapshots", [fresh])
    assert "Stale: Newest price" in texts(shown("overview", one_row, filled.STALE, monkeypatch))


def test_changes_are_green_red_or_unknown(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    html = texts(shown("futures", full, filled.LIVE, monkeypatch))
    assert "<td class='fp-number fp-good'>+2.50</td>" in html
    assert "<td class='fp-number fp-bad'>−8.25</td>" in html
    assert "<td class='fp-number'>+0.00</td>" in html
    assert "<td class='fp-number'>—</td>" in html  # the daily change, which is not known
    assert f"{filled.CHANGED:%H:%M:%S} UTC" in html  # of a minute before the quote's


def test_no_correlation_is_shown_beyond_the_last_bar(
    full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session closes at 22:00, the bars end at 21:00, and so does what is known."""
    found = texts(shown("correlation", full, filled.STALE, monkeypatch))
    assert "Up to</small><b>21:00 UTC</b>" in found


def test_below_seven_days_stands_the_exact_warning_and_no_number(
    one_row: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shown("futures", one_row, filled.LIVE, monkeypatch)
    assert [warning.value for warning in found.warning] == [IN_PROGRESS]
    assert "Directional accuracy" not in texts(found)


def test_from_seven_days_on_a_pair_has_its_numbers(
    full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shown("futures", full, filled.LIVE, monkeypatch)
    assert "Directional accuracy" in texts(found)
    assert "no lead longer than 0.7 s" in texts(found)
    assert f"NQ and QQQ: {IN_PROGRESS}" in texts(found)


def test_a_trace_names_what_fails_and_by_how_much(
    full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = texts(shown("signals", full, filled.LIVE, monkeypatch))
    assert "confidence &gt; 0.5 (is 0.46, 0.04 away)" in html
    assert "<td class='fp-good'>chosen</td>" in html
