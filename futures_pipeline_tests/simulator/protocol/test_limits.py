"""Pacing and limits as rules: each refuses what breaks it, counts it, and nothing else."""

import asyncio
from dataclasses import replace

import pytest

from futures_pipeline.simulator.protocol.limits import (
    MESSAGE_RATE,
    RULES,
    Arrival,
    HistoryKey,
    Limits,
    Pulse,
    Window,
)
from futures_pipeline.simulator.protocol.wire import Refused
from futures_pipeline_tests.simulator.conftest import (
    OPEN_MARKET,
    HandClock,
)

KEY = HistoryKey(1, "CME", "TRADES", "", "1800 S", "5 secs", False)
SMALL, MINUTE = 5, 60


def at(seconds: float) -> Arrival:
    return Arrival(seconds, seconds)


def refused(limits: Limits, key: HistoryKey, bar_seconds: int, seconds: float) -> str | None:
    """Return the text of the refusal of a history request, None when it is allowed."""
    try:
        limits.history(key, bar_seconds, at(seconds))
    except Refused as refusal:
        return f"{refusal.code} {refusal.text}"
    return None


class Holding:
    """A client that holds lines and open history requests."""

    def __init__(self, lines: int = 0, open_history: int = 0) -> None:
        self.lines = lines
        self.open_history = open_history


def test_rules_have_names_of_their_own_and_a_source() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.source.startswith("https://") for rule in RULES)


@pytest.mark.parametrize(("seconds", "broken"), [(0.0, True), (14.9, True), (15.0, False)])
def test_an_identical_request_waits_fifteen_seconds(seconds: float, broken: bool) -> None:
    limits = Limits()
    assert refused(limits, KEY, SMALL, 100.0) is None

    text = refused(limits, KEY, SMALL, 100.0 + seconds)

    assert (text is not None) is broken
    assert text is None or text.startswith("162 Historical Market Data Service error message:")
    assert text is None or text.endswith("Historical data request pacing violation")
    assert limits.violations == ({"history_identical": 1} if broken else {})


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, end="20250115-14:30:00"),
        replace(KEY, duration="900 S"),
        replace(KEY, what="BID"),
        replace(KEY, regular=True),
        replace(KEY, con_id=2),
    ],
)
def test_another_request_is_not_identical(other: HistoryKey) -> None:
    limits = Limits()

    assert refused(limits, KEY, SMALL, 0.0) is None
    assert refused(limits, other, SMALL, 0.0) is None


@pytest.mark.parametrize(
    ("what", "spacing", "allowed"),
    [("TRADES", 0.1, 5), ("BID_ASK", 0.1, 2), ("TRADES", 0.4, 20), ("TRADES", 0.39, 5)],
)
def test_the_sixth_request_for_a_contract_within_two_seconds_is_refused(
    what: str, spacing: float, allowed: int
) -> None:
    limits = Limits()
    keys = [replace(KEY, what=what, duration=f"{number} S") for number in range(20)]

    kept = 0
    while kept < 20 and refused(limits, keys[kept], SMALL, kept * spacing) is None:
        kept += 1

    assert kept == allowed
    assert limits.violations == ({} if allowed == 20 else {"history_same_contract": 1})


@pytest.mark.parametrize(("what", "allowed"), [("TRADES", 60), ("BID_ASK", 30)])
def test_sixty_small_bar_requests_in_ten_minutes(what: str, allowed: int) -> None:
    limits = Limits()
    keys = [replace(KEY, what=what, con_id=number) for number in range(allowed + 2)]
    for number in range(allowed):
        assert refused(limits, keys[number], 30, number) is None

    assert refused(limits, keys[allowed], 30, 599.9) is not None
    assert limits.violations == {"history_small_bars": 1}
    assert refused(limits, keys[allowed + 1], 30, 660.0) is None


def test_bars_of_a_minute_are_not_paced() -> None:
    limits = Limits()

    assert [refused(limits, KEY, MINUTE, 0.0) for _ in range(200)] == [None] * 200


def test_what_is_off_neither_refuses_nor_counts() -> None:
    limits = Limits(on=False, clients={1: Holding(lines=100, open_history=50)})
    for _ in range(100):
        limits.history(KEY, SMALL, at(0.0))
        limits.realtime_bars(at(0.0))
    window = Window()

    assert all(limits.message(window, at(0.0)) for _ in range(100))
    limits.line()
    assert limits.violations == {}
    assert limits.most_lines == 101


def test_history_open_and_lines_are_those_of_all_clients_together() -> None:
    limits = Limits(clients={1: Holding(60, 30), 2: Holding(40, 20)})
    with pytest.raises(Refused, match="Only 50 simultaneous") as many:
        limits.history(KEY, MINUTE, at(0.0))
    with pytest.raises(Refused, match="Max number of tickers") as full:
        limits.line()

    assert (many.value.code, full.value.code) == (322, 101)
    assert limits.violations == {"history_open": 1, "lines": 1}


def test_sixty_new_realtime_bars_in_ten_minutes() -> None:
    limits = Limits()
    for number in range(60):
        limits.realtime_bars(at(float(number)))
    with pytest.raises(Refused, match="pacing violation"):
        limits.realtime_bars(at(599.0))
    limits.realtime_bars(at(601.0))

    assert limits.violations == {"realtime_bars": 1}


def test_a_doubt_about_the_arrival_is_decided_for_the_client() -> None:
    """Fifty were seen at once, late: they may have come any time since the last beat."""
    window = Window()
    for _ in range(50):
        assert not window.exceeds(MESSAGE_RATE, Arrival(1.0, 0.4))

    assert not window.exceeds(MESSAGE_RATE, Arrival(1.41, 1.39))
    window = Window()
    for _ in range(50):
        assert not window.exceeds(MESSAGE_RATE, Arrival(1.0, 0.98))
    assert window.exceeds(MESSAGE_RATE, Arrival(1.41, 1.39))


def test_windows_of_long_ago_are_forgotten() -> None:
    limits = Limits()
    for number in range(5000):
        refused(limits, replace(KEY, con_id=number), SMALL, number * 20.0)

    assert limits.violations == {}
    assert len(limits._identical) < 1100


async def test_the_pulse_knows_since_when_the_loop_was_busy() -> None:
    pulse = Pulse(HandClock(OPEN_MARKET))
    beating = asyncio.create_task(pulse.beat())
    await asyncio.sleep(0.05)
    idle = pulse.system()
    busy_until = asyncio.get_running_loop().time() + 0.2
    while asyncio.get_running_loop().time() < busy_until:
        pass
    busy = pulse.system()
    beating.cancel()

    assert busy.at - busy.earliest >= 0.2
    assert busy.earliest >= idle.earliest
