"""What the broker's notices say about the way to its data: the socket's peer, and the farms.

The third health, each stream's own, is judged by what it delivers (``collection.lines``).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from futures_pipeline.collection.broker.backoff import in_reset_window
from futures_pipeline.collection.broker.codes import FARMS, NOTICES, Farm, Notice
from futures_pipeline.domain.causes import Cause

# How long the gateway may be without its servers before the session is given up for a new
# one; in a reset window until it is over and as long again.
UPSTREAM_PATIENCE = timedelta(minutes=5)
# A competing session is told to a person at most so often.
ALARM_EVERY = timedelta(minutes=15)


@dataclass(slots=True)
class Health:
    """The state of one session; times are market times, None is healthy.

    ``restored_at``: when the broker last said that something works again.
    """

    upstream_lost_at: datetime | None = None
    competing_since: datetime | None = None
    restored_at: datetime | None = None
    broken_farms: dict[Farm, datetime] = field(default_factory=dict)
    _alarmed_at: datetime | None = None

    def take(self, code: int, now: datetime) -> Notice | None:
        """Note a broker's message; return what it means, None when it is no notice."""
        notice = NOTICES.get(code)
        if notice is Notice.UPSTREAM_LOST:
            self.upstream_lost_at = self.upstream_lost_at or now
        elif notice in (Notice.DATA_KEPT, Notice.DATA_LOST):
            self._restored(now)
        elif notice is Notice.FARM_BROKEN:
            self.broken_farms.setdefault(FARMS[code], now)
        elif notice is Notice.FARM_OK and FARMS[code] in self.broken_farms:
            del self.broken_farms[FARMS[code]]
            self.restored_at = now
        return notice

    def data_came(self, now: datetime) -> None:
        """Note that streams speak: nothing upstream can be lost."""
        self.competing_since = None
        if self.upstream_lost_at is not None:
            self._restored(now)
        self.broken_farms.pop(Farm.MARKET, None)

    def compete(self, now: datetime) -> bool:
        """Note a competing session; return whether a person is to be told now."""
        self.competing_since = self.competing_since or now
        if self._alarmed_at is not None and now - self._alarmed_at < ALARM_EVERY:
            return False
        self._alarmed_at = now
        return True

    @property
    def trouble(self) -> Cause | None:
        """What keeps all live data away at present, None when nothing is known to."""
        if self.upstream_lost_at is not None:
            return Cause.UPSTREAM_LOST
        if Farm.MARKET in self.broken_farms:
            return Cause.FARM_BROKEN
        return Cause.COMPETING_SESSION if self.competing_since is not None else None

    @property
    def trouble_since(self) -> datetime | None:
        """When the present trouble began."""
        since = {
            Cause.UPSTREAM_LOST: self.upstream_lost_at,
            Cause.FARM_BROKEN: self.broken_farms.get(Farm.MARKET),
            Cause.COMPETING_SESSION: self.competing_since,
        }
        return since[self.trouble] if self.trouble is not None else None

    def is_hopeless(self, now: datetime) -> bool:
        """Return whether a new session may help where waiting has not."""
        lost_at = self.upstream_lost_at or self.broken_farms.get(Farm.MARKET)
        if lost_at is None or now - lost_at <= UPSTREAM_PATIENCE:
            return False
        return not (in_reset_window(now) or in_reset_window(now - UPSTREAM_PATIENCE))

    def _restored(self, now: datetime) -> None:
        self.upstream_lost_at, self.restored_at = None, now
        self.broken_farms.clear()
