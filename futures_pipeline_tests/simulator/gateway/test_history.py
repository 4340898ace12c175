"""Which sessions and bars a history request means."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from futures_pipeline.simulator.gateway.history import (
    HistoryRequest,
    parse_end,
    parse_request,
    session_bars,
    sessions_of,
)
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.market.universe import (
    calendar_at,
    futures_listing,
    hours_of,
    spot_listing,
)
from futures_pipeline.simulator.protocol.wire import Refused

CALENDAR = calendar_at(datetime(2025, 1, 15, tzinfo=UTC))
SPY, VIX = spot_listing("SPY"), spot_listing("VIX")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def asked(end: str, **changes: Any) -> HistoryRequest:
    values = {"duration": "1 D", "bar_seconds": 60, "what": "TRADES"}
    values |= {"regular_only": False, "epoch_dates": True} | changes
    return HistoryRequest(end=at(end), **values)


@pytest.mark.parametrize(
    ("end", "session"),
    [
        ("2025-01-15T13:00+00:00", date(2025, 1, 15)),
        ("2025-01-15T22:00+00:00", date(2025, 1, 15)),  # the close itself
        ("2025-01-15T22:30+00:00", date(2025, 1, 15)),  # the pause belongs to what was
        ("2025-01-15T23:00+00:00", date(2025, 1, 15)),  # not a moment of the next session
        ("2025-01-15T23:01+00:00", date(2025, 1, 16)),
        ("2025-01-18T15:00+00:00", date(2025, 1, 17)),  # Saturday
    ],
)
def test_one_day_is_the_session_before_the_end(end: str, session: date) -> None:
    es = futures_listing("ES", 2025, 3, CALENDAR.regular)
    assert es is not None

    found = sessions_of(asked(end), hours_of(es, CALENDAR))

    assert [day.session_date for day in found] == [session]


def test_etf_day_runs_from_four_to_eight_and_regular_from_half_past_nine_to_four() -> None:
    hours = hours_of(SPY, CALENDAR)
    whole = sessions_of(asked("2025-01-16T01:00+00:00"), hours)[0]
    regular = sessions_of(asked("2025-01-16T01:00+00:00", regular_only=True), hours)[0]

    assert (whole.opens_at, whole.minutes) == (at("2025-01-15T09:00+00:00"), 16 * 60)
    assert (regular.opens_at, regular.minutes) == (at("2025-01-15T14:30+00:00"), 390)


def bars_of(generated: GeneratedMarket, request: HistoryRequest) -> list[int]:
    hours = hours_of(SPY, CALENDAR)
    starts: list[int] = []
    for day in sessions_of(request, hours):
        bars = session_bars(generated, SPY, hours, day, request)
        starts += bars.start.tolist() if bars else []
    return starts


def test_the_forming_bar_is_left_out(generated: GeneratedMarket) -> None:
    starts = bars_of(generated, asked("2025-01-15T15:00:59+00:00"))

    assert starts[-1] == at("2025-01-15T14:59+00:00").timestamp()
    assert len(starts) == 6 * 60


def test_seconds_are_counted_back_from_the_end(generated: GeneratedMarket) -> None:
    starts = bars_of(generated, asked("2025-01-15T15:00+00:00", duration="600 S"))

    assert len(starts) == 10
    assert starts[0] == at("2025-01-15T14:50+00:00").timestamp()


@pytest.mark.parametrize(("seconds", "count"), [(5, 16 * 720), (300, 192), (1800, 32), (3600, 16)])
def test_other_bar_sizes_cover_the_same_day(
    generated: GeneratedMarket, seconds: int, count: int
) -> None:
    starts = bars_of(generated, asked("2025-01-16T01:00+00:00", bar_seconds=seconds))

    assert len(starts) == count


def test_hours_of_regular_trading_begin_with_half_an_hour(generated: GeneratedMarket) -> None:
    request = asked("2025-01-15T21:00+00:00", bar_seconds=3600, regular_only=True)

    starts = bars_of(generated, request)

    assert starts[0] == at("2025-01-15T14:30+00:00").timestamp()
    assert starts[1] == at("2025-01-15T15:00+00:00").timestamp()
    assert len(starts) == 7


def test_a_daily_bar_appears_when_its_session_has_ended(generated: GeneratedMarket) -> None:
    before = asked("2025-01-16T00:59+00:00", duration="3 D", bar_seconds=86400)
    after = asked("2025-01-16T01:00+00:00", duration="3 D", bar_seconds=86400)

    assert len(bars_of(generated, before)) == 2
    assert len(bars_of(generated, after)) == 3


def test_quote_bars_carry_no_volume_and_the_index_has_none(generated: GeneratedMarket) -> None:
    request = asked("2025-01-15T15:00+00:00", what="MIDPOINT")
    spy_hours, vix_hours = hours_of(SPY, CALENDAR), hours_of(VIX, CALENDAR)
    day = sessions_of(request, spy_hours)[0]
    bars = session_bars(generated, SPY, spy_hours, day, request)
    assert bars is not None

    assert (bars.volume[0], bars.wap[0], bars.count[0]) == (-1, -1, -1)
    vix_day = sessions_of(request, vix_hours)[0]
    assert session_bars(generated, VIX, vix_hours, vix_day, request) is None


@pytest.mark.parametrize("end", ["20250115", "20250115 09:30:00", "20250115 9h US/Eastern", "x-y"])
def test_unclear_ends_are_refused(end: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_end(end)
    assert refused.value.code == 10314


def test_an_end_in_the_future_is_now() -> None:
    now = at("2025-01-15T15:00+00:00")

    request = parse_request("20260101-00:00:00", "1 D", "1 min", "TRADES", now)

    assert request.end == now


@pytest.mark.parametrize(
    ("duration", "bar", "what"),
    [
        ("1 Y", "1 min", "TRADES"),
        ("0 D", "1 min", "TRADES"),
        ("1 D", "2 min", "TRADES"),
        ("1 D", "1 min", "YIELD"),
    ],
)
def test_unknown_requests_are_refused(duration: str, bar: str, what: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_request("", duration, bar, what, at("2025-01-15T15:00+00:00"))
    assert refused.value.code == 321
