"""Five-second bars into one-minute bars; a minute is whole or it is left to history."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from futures_pipeline.domain.sessions import minute_floor

BARS_PER_MINUTE = 12
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """Trades of one interval that starts at ``starts_at`` (UTC).

    Prices in price units, ``volume`` in contracts or shares; ``wap``, ``volume`` and
    ``trade_count`` are None where the broker does not deliver them.
    """

    starts_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    wap: float | None
    trade_count: int | None

    @property
    def is_possible(self) -> bool:
        """Whether trades can have made it: finite prices within low and high, no volume below 0."""
        prices = (self.open, self.high, self.low, self.close)
        bounded = 0 < self.low <= min(prices) and max(prices) <= self.high < math.inf
        return bounded and all(map(math.isfinite, prices)) and (self.volume or 0.0) >= 0.0


def aggregate(bars: Iterable[Bar], starts_at: datetime) -> Bar:
    """Return the bar that ``bars`` (not empty, any order) make together.

    An impossible part stands for the whole, so that the table's rules refuse the minute in
    the open instead of its hiding among the others.
    """
    parts = sorted(bars, key=lambda bar: bar.starts_at)
    for part in parts:
        if not part.is_possible:
            return replace(part, starts_at=starts_at)
    volumes = [bar.volume for bar in parts if bar.volume is not None]
    counts = [bar.trade_count for bar in parts if bar.trade_count is not None]
    return Bar(
        starts_at=starts_at,
        open=parts[0].open,
        high=max(bar.high for bar in parts),
        low=min(bar.low for bar in parts),
        close=parts[-1].close,
        volume=sum(volumes) if volumes else None,
        wap=_wap(parts),
        trade_count=sum(counts) if counts else None,
    )


def _wap(parts: list[Bar]) -> float | None:
    weighed = [(bar.wap, bar.volume) for bar in parts if bar.wap is not None and bar.volume]
    total = sum(volume for _, volume in weighed)
    return sum(wap * volume for wap, volume in weighed) / total if total else None


@dataclass(slots=True)
class MinuteBuilder:
    """Collects one contract's five-second bars; repeats and wrong order do no harm."""

    _parts: dict[datetime, dict[datetime, Bar]] = field(default_factory=dict)
    _last_minute: datetime | None = None

    def add(self, bar: Bar) -> Bar | None:
        """Take a five-second bar; return the minute's bar when it completes it."""
        minute = minute_floor(bar.starts_at)
        if self._last_minute is not None and minute <= self._last_minute:
            return None
        parts = self._parts.setdefault(minute, {})
        parts[bar.starts_at] = bar
        if len(parts) < BARS_PER_MINUTE:
            return None
        del self._parts[minute]
        self._last_minute = minute
        self._parts = {start: kept for start, kept in self._parts.items() if start > minute}
        return aggregate(parts.values(), minute)
