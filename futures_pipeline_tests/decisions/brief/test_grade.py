"""The data grade: each cause has its letter, the worst decides, and all are named."""

from datetime import timedelta

import pytest

from futures_pipeline.decisions.brief.grade import NightMinutes, OpenAlert, SignalState, grade
from futures_pipeline_tests.decisions.brief.mornings import AS_OF

GOOD = NightMinutes("ESZ6", 1_000, 1_000, AS_OF)
WITH_ALL = SignalState("SPY", None)


def letter(*minutes: NightMinutes) -> str:
    return grade([WITH_ALL], minutes or (GOOD,), [], AS_OF).letter


def test_a_whole_morning_is_an_a_without_a_cause() -> None:
    found = grade([WITH_ALL], [GOOD], [], AS_OF)
    assert (found.letter, list(found.causes)) == ("A", [])


@pytest.mark.parametrize(
    ("received", "expected"),
    [(995, "A"), (994, "B"), (980, "B"), (979, "C"), (900, "C"), (899, "D")],
)
def test_missing_minutes(received: int, expected: str) -> None:
    assert letter(NightMinutes("ESZ6", 1_000, received, AS_OF)) == expected


@pytest.mark.parametrize(("minutes", "expected"), [(5, "A"), (6, "D")])
def test_an_old_price(minutes: int, expected: str) -> None:
    newest = AS_OF - timedelta(minutes=minutes)
    assert letter(NightMinutes("ESZ6", 1_000, 1_000, newest)) == expected


def test_no_price_at_all() -> None:
    assert letter(NightMinutes("ESZ6", 1_000, 0, None)) == "D"


def test_one_market_without_a_signal_is_a_d_and_all_an_f() -> None:
    without = SignalState("QQQ", "no_price")
    assert grade([WITH_ALL, without], [GOOD], [], AS_OF).letter == "D"
    found = grade([without], [GOOD], [], AS_OF)
    assert (found.letter, list(found.causes)) == (
        "F",
        ["F: QQQ has no pre-market signal: no price"],
    )


def test_what_is_missing_is_named_once_for_all_markets() -> None:
    states = [SignalState(name, None, ["vix", "vix3m"]) for name in ("SPY", "QQQ")]
    found = grade(states, [GOOD], [], AS_OF)
    assert (found.letter, list(found.causes)) == ("B", ["B: SPY, QQQ: vix not known"])


@pytest.mark.parametrize(("is_error", "expected"), [(True, "C"), (False, "B")])
def test_an_open_alert(is_error: bool, expected: str) -> None:
    alert = OpenAlert("coverage: gaps", "says", is_error)
    assert grade([WITH_ALL], [GOOD], [alert], AS_OF).letter == expected


def test_the_worst_cause_comes_first() -> None:
    late = NightMinutes("ESZ6", 1_000, 979, AS_OF - timedelta(minutes=9))
    found = grade([SignalState("SPY", None, ["vix"])], [late], [], AS_OF)
    assert [cause[0] for cause in found.causes] == ["D", "C", "B"]
