"""The change metrics once more: a slow loop over rows with the scalar calendar.

Written from QUANT_SPEC 1.4 alone, to have something to compare the frames with.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from futures_pipeline.analytics.changes import ChangeSettings
from futures_pipeline.domain.sessions import Timetable, TradingCalendar

Leg = tuple[float | None, str | None, datetime | None]


def obvious_changes(
    prices: pl.DataFrame,
    hours: Mapping[str, Timetable],
    calendar: TradingCalendar,
    session_dates: Sequence[date],
    settings: ChangeSettings,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``change_metrics``, in its order, without ``price_source``."""
    groups = prices.sort("symbol", "contract", "timestamp").partition_by(
        ["symbol", "contract"], maintain_order=True
    )
    for group in groups:
        symbol, contract = group["symbol"][0], group["contract"][0]
        seen = list(group.select("timestamp", "price", "price_reason").iter_rows())
        priced = [(at, price) for at, price, _ in seen if price is not None]
        for at, price, reason in seen:
            day = session_date(at, calendar)
            if day in session_dates:
                now = (price, reason)
                row = _row(at, now, day, priced, hours[symbol], calendar, settings)
                yield {"symbol": symbol, "contract": contract, "session_date": day} | row


def inside(at: datetime) -> datetime:
    """Return a moment just before ``at``: an observation at a close belongs to what closes."""
    return at - timedelta(microseconds=1)


def session_date(at: datetime, calendar: TradingCalendar) -> date:
    """Return the session of an observation: after the close before, up to its own."""
    return calendar.session_date(inside(at))


def _row(  # noqa: C901, PLR0913 - a plain transcription of the formula
    at: datetime,
    priced_now: tuple[float | None, str | None],
    day: date,
    priced: list[tuple[datetime, float]],
    market: Timetable,
    calendar: TradingCalendar,
    settings: ChangeSettings,
) -> dict[str, Any]:
    def asof(target: datetime, tolerance: float) -> Leg:
        count = bisect_right(priced, target, key=lambda observation: observation[0])
        if count == 0:
            return None, "no_observation_before", None
        t, p = priced[count - 1]
        limit = max(tolerance, 2 * settings.collection_interval_seconds)
        if market.open_seconds(t, target) > limit:
            return None, "stale_observation", t
        return p, None, t

    price, fault = priced_now
    is_live = fault != "not_live"
    now: Leg = (price, None if price else "no_price" if is_live else fault, at)
    anchor_at = calendar.anchor(inside(at))
    anchor = asof(anchor_at, settings.tolerance_anchor_seconds)
    legs = {
        "1h": (now, asof(at - timedelta(hours=1), settings.tolerance_1h_seconds)),
        "4h": (now, asof(at - timedelta(hours=4), settings.tolerance_4h_seconds)),
        "overnight": (now, anchor),
        "daily": (now, anchor),
    }
    regular = calendar.regular.on(day)
    if settings.mode == "literal":
        for name, back in (("overnight", 8), ("daily", 24)):
            earlier = asof(at - timedelta(hours=back), settings.tolerance_anchor_seconds)
            legs[name] = (now, earlier)
    elif is_live and regular is not None and at >= regular.opens_at:
        end = asof(regular.opens_at, settings.tolerance_anchor_seconds)
        if end[2] is not None and session_date(end[2], calendar) < day:
            end = (None, "stale_observation", end[2])
        legs["overnight"] = (end, anchor)
    row: dict[str, Any] = {
        "timestamp": at,
        "price": price,
        "anchor_at": anchor_at,
        "anchor_price": anchor[0],
        "elapsed_hours": calendar.globex.open_seconds(anchor_at, at) / 3600,
    }
    for back in (1, 4):
        start = at - timedelta(hours=back)
        row[f"spans_closure_{back}h"] = market.open_seconds(start, at) < back * 3600
    for name, (end, start_leg) in legs.items():
        row |= _change(name, end, start_leg)
    return row


def _change(name: str, end: Leg, start: Leg) -> dict[str, Any]:
    change = None if end[0] is None or start[0] is None else end[0] - start[0]
    return {
        f"change_{name}": change,
        f"return_{name}": None if change is None or start[0] is None else change / start[0],
        f"reason_{name}": end[1] or start[1],
    }
