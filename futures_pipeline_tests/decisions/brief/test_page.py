"""The page of a morning: every number with its unit, and a degraded morning that says so."""

from html.parser import HTMLParser

import pytest

from futures_pipeline.decisions.brief.html import as_html
from futures_pipeline.decisions.brief.morning import Gap
from futures_pipeline.decisions.brief.page import Fact, Page, Tone
from futures_pipeline.decisions.brief.sections import morning_page
from futures_pipeline.decisions.brief.text import WIDTH, as_text, in_short
from futures_pipeline_tests.decisions.brief.mornings import (
    REGIME,
    at,
    decision,
    futures_signal,
    market,
    morning,
    nights,
    premarket,
)

HOSTILE = '<script src="https://evil.example/x.js">alert(1)</script>&"\''
TITLES = [
    "The night",
    "Decisions",
    "Signals",
    "Basis against fair",
    "Volatility and regime",
    "The nearest 20 past nights",
    "What the signals are worth so far",
    "Data of the night",
]


class Reader(HTMLParser):
    """Collects tags, attributes and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def facts_of(page: Page, section: str, card: str) -> dict[str, str]:
    (found,) = [each for each in page.sections if each.title == section]
    (chosen,) = [each for each in found.cards if each.title == card]
    return {fact.label: fact.value for fact in chosen.facts}


def test_the_night_has_points_percent_and_size() -> None:
    page = morning_page(morning())
    (night,) = page.sections[0].cards
    assert [(fact.label, fact.value) for fact in night.facts] == [
        ("Move", "+48.24 points"),
        ("Move", "+1.01 %"),
        ("Size", "+1.80 of a usual night"),
        ("Range", "68.75 points"),
        ("Kept of the range", "70 %"),
        ("Volume", "1.20 of usual"),
        ("Price", "4,848.24 points"),
        ("Last close", "4,800.00 points"),
        ("Contract", "ESZ6"),
    ]
    assert {fact.tone for fact in night.facts[:3]} == {Tone.UP}


def test_the_other_sections_name_their_units() -> None:
    page = morning_page(morning())
    assert facts_of(page, "Basis against fair", "ES against SPY") == {
        "Basis": "+17.72 points",
        "Fair": "+17.64 points",
        "Away from fair": "+0.2 bp",
        "ETF": "484.05 US dollars",
    }
    assert facts_of(page, "Volatility and regime", "VIX") == {
        "VIX": "17.25 points, 09:24 New York (14:24 UTC)",
        "since the close": "+0.50 points",
        "at the close": "16.75 points",
    }
    assert facts_of(page, "Volatility and regime", "SPY") == {
        "Regime": "trending up",
        "Outlook": "bullish",
        "Term, 90 over 30 days": "+6.2 %",
        "IV rank, 60 sessions": "62 of 100",
        "IV percentile, 1 year": "71 of 100",
        "Realised, 20 days": "13.8 % a year",
    }
    assert facts_of(page, "Decisions", "SPY") == {
        "Action": "enter",
        "Rule": "EnhancedBullishHighIVEntry",
        "Direction": "bullish",
        "Strategy": "bull put spread",
        "Size": "1.11 of usual, 2 contracts",
        "Confidence": "0.92 of 1",
        "Held back": "PremarketSurgeEntry (bullish)",
    }


def test_what_a_regime_row_lacks_is_named() -> None:
    bare = dict.fromkeys(REGIME) | {
        "derived_regime": "unknown",
        "outlook": "neutral",
        "session_date": REGIME["session_date"],
        "term_structure_slope": -0.02,
    }
    (_, card) = morning_page(morning(market(regime=bare))).sections[4].cards
    assert [fact.label for fact in card.facts] == ["Regime", "Outlook", "Term, 90 over 30 days"]
    assert card.says == [
        "Not known: IV rank, 60 sessions, IV percentile, 1 year, Realised, 20 days.",
        "A term structure below 0 is a sign of stress.",
        "Of session 2026-11-19.",
    ]


def test_past_nights_come_with_their_number_and_the_base_rate() -> None:
    """Half of the 20 nearest rose by the half hour, none by the close."""
    page = morning_page(morning())
    (section,) = [each for each in page.sections if each.title == TITLES[5]]
    (card,) = section.cards
    assert [fact.value for fact in card.facts] == [
        "20 nearest of 40 known",
        *("50 % of n = 20", "30 % to 70 %", "50 % of n = 40", "+0.00 %"),
        *("0 % of n = 20", "0 % to 16 %", "0 % of n = 40", "-1.98 %"),
    ]
    assert section.grid is not None
    assert section.grid.rows[0] == ("SPY 2026-11-19", "+1.80", "17.00 points", "+1.01 %", "-1.98 %")


def test_both_pages_hold_every_fact_and_sentence() -> None:
    page = morning_page(morning())
    html, text = Reader(as_html(page)).text, as_text(page)
    joined = " ".join(text.split())
    for section in page.sections:
        assert section.title in html
        assert section.title.upper() in text
        for card in section.cards:
            for fact in card.facts:
                assert fact.value in html
                assert fact.value in text
            for sentence in (*section.says, *card.says):
                assert sentence in html
                assert sentence in joined
    assert [section.title for section in page.sections] == TITLES
    assert all(len(line) <= WIDTH for line in text.splitlines())


def test_the_page_asks_for_nothing() -> None:
    page = as_html(morning_page(morning()))
    read = Reader(page)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(read.tags)
    assert not {"src", "href", "action", "style", "onload"} & {name for name, _ in read.attributes}
    assert "url(" not in page
    assert "@import" not in page
    assert "prefers-color-scheme:dark" in page
    assert ("name", "viewport") in read.attributes


def test_what_comes_from_outside_is_text_and_nothing_else() -> None:
    hostile = market(
        symbol=HOSTILE,
        futures_symbol=HOSTILE,
        premarket=premarket(reasoning=HOSTILE, contract=HOSTILE, degraded=HOSTILE),
        signal=futures_signal(basis=None, basis_reason=HOSTILE),
        decision=decision(reason=HOSTILE, rule=HOSTILE, errors=HOSTILE),
        usefulness=HOSTILE,
        standing=[HOSTILE],
    )
    gap = Gap(HOSTILE, at(3), at(4), HOSTILE, is_explained=False)
    plain = Reader(as_html(morning_page(morning(gaps=[gap]))))
    read = Reader(as_html(morning_page(morning(hostile, gaps=[gap], provenance=[HOSTILE]))))
    assert "script" not in read.tags
    assert "https" not in {value for _, value in read.attributes}
    assert {name for name, _ in read.attributes} == {name for name, _ in plain.attributes}
    assert HOSTILE in read.text


def test_a_morning_without_anything_says_so_in_every_section() -> None:
    bare = market(
        premarket=None, signal=None, decision=None, warning=None, regime=None,
        usefulness=None, standing=[], path=[], nights=[],
    )  # fmt: skip
    page = morning_page(morning(bare))
    assert page.grade.letter == "F"
    assert page.headline == [Fact("SPY", "no signal", Tone.WARN)]
    said = [says for section in page.sections for card in section.cards for says in card.says]
    assert said == [
        "Not known: not computed.",
        "No decision has been made.",
        "Not known: not computed.",
        "Regime not known: no option statistics of the last three sessions.",
        "No past night to compare this one with.",
        "The predictive value of ES for SPY: not assessed.",
    ]
    assert "nan" not in as_text(page).lower()
    assert "None" not in as_text(page)


@pytest.mark.parametrize("known", [0, 1, 5])
def test_few_nights_are_few_and_unknown_outcomes_are_none(known: int) -> None:
    past = nights(known)
    page = morning_page(morning(market(nights=past)))
    text = as_text(page)
    assert ("No past night" in text) == (known == 0)
    assert (f"{known} nearest of {known} known" in text) == (known > 0)


def test_a_move_and_a_bias_down_are_down() -> None:
    down = premarket(bias="bearish", move=-0.01, change_points=-48.0, z=-1.8)
    page = morning_page(morning(market(premarket=down)))
    assert page.headline == [Fact("SPY", "bearish: ES -1.00 %, -1.80 of a usual night", Tone.DOWN)]
    assert "\u25bc -48.00 points" in as_html(page)


def test_a_message_holds_the_markets_and_the_grade() -> None:
    reason = "0_of_20_sessions_and_no_volatility_index"
    lost = market(symbol="IWM", premarket=premarket(bias=None, move=None, z=None, reason=reason))
    page = morning_page(morning(market(), lost))
    assert in_short(page) == [
        "SPY  bullish: ES +1.01 %, +1.80 of a usual night",
        "IWM  no signal",
        "Data grade D",
        "  D: IWM has no pre-market signal: 0 of 20 sessions and no volatility index",
    ]
