"""The morning brief from rows in the lake: archived, sent once, and blind to what came later."""

import doctest
import html
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.alerting import Outbox
from futures_pipeline.api.briefs import archived, make_brief, newest_brief
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.brief.page import Page
from futures_pipeline.decisions.rows import decision_row
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.scorecard import automation, charts
from futures_pipeline.orchestration.scorecard.automation import BRIEF_JOB, SCORECARD_JOB, brief_due
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline.storage.tables import (
    BARS_1M,
    ENTRY_DECISIONS,
    GAPS,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
)
from futures_pipeline_tests.orchestration.scorecard.conftest import (
    DAYS,
    day_bars,
    decided,
    final,
    held,
    night_bars,
    run_job,
    settings_at,
    shown,
    store,
    warned,
)

DAY, TOMORROW = DAYS[-1], DAYS[-1] + timedelta(days=1)
MOMENT = new_york(DAY, 9, 25)
# NYSE was shut for a day of mourning; Globex opened the night before.
HOLIDAY, AFTER = date(2025, 1, 9), date(2025, 1, 10)
HOSTILE = "<script>alert(1)</script> & sons"


def gap(first: datetime, last: datetime) -> dict[str, object]:
    return {
        "symbol": "ES",
        "contract": "ESH5",
        "stream": "bars",
        "starts_at": first,
        "ends_at": last,
        "minutes": int((last - first).total_seconds() // 60),
        "cause": "gateway_down",
        "says": HOSTILE,
        "is_explained": False,
    }


@pytest.fixture
def data(lake: Path) -> Path:
    """The planted mornings with a whole night before the last one."""
    tables = Lake(lake / "lake")
    store(tables, BARS_1M.name, DAY, night_bars(DAY), seq=2)
    store(tables, REGIME_WARNINGS.name, DAY, [warned(DAY, "watch")])
    return lake


def page_at(data: Path, made_at: datetime, day: date = DAY) -> Page:
    settings = settings_at(data, made_at)
    return make_brief(Store(Lake(data / "lake"), settings), day, made_at)


def said(page: Page) -> str:
    """All facts and sentences of a page but those of its making."""
    return repr((page.grade, page.headline, page.sections))


def test_a_morning_from_rows(data: Path) -> None:
    page = page_at(data, MOMENT)
    by_title = {section.title: section for section in page.sections}
    (night,) = by_title["The night"].cards
    assert ("Move", "+48.24 points") in [(fact.label, fact.value) for fact in night.facts]
    assert len(night.path) == 925
    (decision,) = by_title["Decisions"].cards
    assert decision.facts[1].value == "EnhancedBullishHighIVEntry"
    assert by_title["Signals"].cards[0].facts[-1].value.startswith("watch")
    assert (
        by_title["Volatility and regime"].cards[0].facts[0].value.startswith("17.00 points, 09:25")
    )
    assert by_title["Data of the night"].grid is not None
    assert by_title["Data of the night"].grid.rows == [
        ("ESH5", "925 of 925 minutes", "100 %", "09:25 New York (14:25 UTC)")
    ]
    # The future is not stored at earlier closes, so its scale against the ETF is not known.
    assert "Not known: too few anchors" in str(by_title["Basis against fair"].cards[0].says)


def test_past_nights_come_with_what_followed(
    scored: tuple[Path, dg.ExecuteInProcessResult],
) -> None:
    """All 9 nights before were alike; of these, 7 rose. The day itself, which fell, is stored."""
    page = page_at(scored[0], MOMENT)
    (card,) = next(s for s in page.sections if s.title.startswith("The nearest")).cards
    facts = [(fact.label, fact.value) for fact in card.facts]
    assert facts[0] == ("Nights", "9 nearest of 9 known")
    assert facts[1] == ("First 30 minutes, rose", "78 % of n = 9")
    assert facts[3] == ("base rate", "78 % of n = 9")
    (worth,) = next(s for s in page.sections if s.title.startswith("What the")).cards
    assert "Bias for the open, first 30 minutes: not yet: 78% of 9 right" in worth.says[1]


def test_what_comes_later_changes_nothing(data: Path) -> None:
    """Bars, signals, decisions, gaps after 09:25 and outcomes of the day itself."""
    before = said(page_at(data, MOMENT))
    tables = Lake(data / "lake")
    crash = [row | {"close": 100.0, "low": 100.0} for row in day_bars(DAY, -0.5)]
    store(tables, BARS_1M.name, DAY, [*night_bars(DAY), *crash], seq=3)
    late = final(DAY, z=-9.0) | {"timestamp": MOMENT + timedelta(minutes=1)}
    store(tables, PREMARKET_SIGNALS.name, DAY, [final(DAY), late], seq=3)
    entries = [decided(DAY, confirmed=True), decided(DAY, confirmed=False, minute=30)]
    store(tables, ENTRY_DECISIONS.name, DAY, entries, seq=3)
    later = warned(DAY, "collapse") | {"timestamp": MOMENT + timedelta(minutes=5)}
    store(tables, REGIME_WARNINGS.name, DAY, [warned(DAY, "watch"), later], seq=3)
    store(tables, GAPS.name, DAY, [gap(MOMENT, MOMENT + timedelta(minutes=9))])
    store(tables, PREMARKET_SIGNALS.name, TOMORROW, [final(TOMORROW, z=5.0)])
    settings = settings_at(data, new_york(DAY, 17, 30))
    run_job(settings, SCORECARD_JOB, DAY)
    assert said(page_at(data, new_york(TOMORROW, 9, 30))) == before


def test_a_gap_counts_up_to_the_moment_and_its_text_is_escaped(data: Path) -> None:
    store(Lake(data / "lake"), GAPS.name, DAY, [gap(new_york(DAY, 9), new_york(DAY, 9, 40))])
    assert run_job(settings_at(data, MOMENT), BRIEF_JOB, DAY).success
    page = archived(data, DAY).html.read_text(encoding="utf-8")
    assert (
        f"ESH5: 25 min from 09:00 New York (14:00 UTC), no cause known: {html.escape(HOSTILE)}"
        in page
    )
    assert "<script" not in page


def test_the_asset_archives_shows_and_sends_once(data: Path) -> None:
    settings = settings_at(data, MOMENT + timedelta(minutes=1))
    assert list(brief_due(Workbench(settings))) == [DAY]
    for _ in range(2):
        result = run_job(settings, BRIEF_JOB, DAY)
        assert result.success
    assert brief_due(Workbench(settings)) == {}
    files = newest_brief(data)
    assert files == archived(data, DAY)
    page = shown(result)["morning_brief", str(DAY)]
    assert page["html"] == str(files.html.absolute())
    assert files.text.read_text(encoding="utf-8") in page["brief"]
    assert page["data_grade"] == "A"
    assert sorted(path.name for path in files.html.parent.iterdir()) == [
        f"{DAY}.html", f"{DAY}.txt",
    ]  # fmt: skip
    (told,) = Outbox(data).messages(10)
    assert told.message.title == f"Morning brief {DAY}"
    assert "SPY  bullish: ES +1.01 %, +1.80 of a usual night" in told.message.body


def test_an_old_day_is_made_and_nobody_is_told(data: Path) -> None:
    settings = settings_at(data, new_york(DAY, 20))
    assert brief_due(Workbench(settings)) == {}  # six hours after it, a missed one is history
    page = shown(run_job(settings, BRIEF_JOB, HOLIDAY, AFTER))
    assert page["morning_brief", str(HOLIDAY)]["brief"] == "NYSE does not trade on this day"
    assert archived(data, AFTER).is_there
    assert not archived(data, HOLIDAY).is_there
    assert Outbox(data).messages(10) == []


def test_a_morning_without_rows_has_a_brief_that_says_so(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, MOMENT + timedelta(minutes=3))
    assert brief_due(Workbench(settings)) == {}  # decisions may still come
    late = settings_at(tmp_path, MOMENT + timedelta(minutes=4))
    assert list(brief_due(Workbench(late))) == [DAY]
    assert run_job(late, BRIEF_JOB, DAY).success
    text = archived(tmp_path, DAY).text.read_text(encoding="utf-8")
    assert "Data grade F" in text
    assert "F: SPY has no pre-market signal: not computed" in text
    assert "D: ES: no price of the night" in text
    (told,) = Outbox(tmp_path).messages(10)
    assert told.message.severity.name == "WARN"


def test_a_brief_waits_for_bars_that_are_on_their_way(tmp_path: Path) -> None:
    """A pipeline that is started after 09:25 has collected the night before it is stored."""
    late = Workbench(settings_at(tmp_path, MOMENT + timedelta(minutes=20)))
    batch = NewBatch(BARS_1M.name, DAY, pl.DataFrame({"contract": ["ESH5"]}))
    late.spool.append([batch], MOMENT)
    assert brief_due(late) == {}
    given_up = Workbench(settings_at(tmp_path, MOMENT + timedelta(hours=6)))
    assert list(brief_due(given_up)) == [DAY]


def test_a_shadow_is_named(data: Path) -> None:
    store(Lake(data / "lake"), ENTRY_DECISIONS.name, DAY, [decision_row(held(DAY))], seq=3)
    (card,) = page_at(data, MOMENT).sections[1].cards
    facts = {fact.label: fact.value for fact in card.facts}
    assert facts == {"Action": "hold", "Held back": "FuturesBullishEntry (bullish)"}


@pytest.mark.parametrize(
    ("day", "made_at"),
    [(HOLIDAY, MOMENT), (DAY, MOMENT - timedelta(seconds=1)), (TOMORROW, MOMENT)],
)
def test_a_day_without_a_morning_is_refused(data: Path, day: date, made_at: datetime) -> None:
    with pytest.raises(ConfigurationError, match="day"):
        page_at(data, made_at, day)


def test_docstring_examples_hold() -> None:
    for module in (automation, charts):
        failed, attempted = doctest.testmod(module)
        assert attempted > 0
        assert failed == 0
