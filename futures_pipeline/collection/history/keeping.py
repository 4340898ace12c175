"""Bars into the spool and into the ledger, in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.collection.history.ledger import Ledger, Page, Span, requests_for
from futures_pipeline.collection.normalize import Listed, to_batches
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.domain.instruments import UNIVERSE, Instrument
from futures_pipeline.domain.sessions import Session, TradingCalendar, minute_floor
from futures_pipeline.storage.spool import LedgerPage, NewBatch, Spool
from futures_pipeline.storage.tables import BARS_1M

# When a minute that has ended counts as missing: its last five-second bar may come late, on
# the market's clock and on the machine's.
LATE_MARKET_SECONDS, LATE_MACHINE_SECONDS = 60.0, 3.0
# A bar that the lake will refuse does not fill its minute: history is asked for it.
RULES = BARS_1M.rules


def ignore(bars: pl.DataFrame) -> None:
    """Listen to no bars."""
    del bars


class Keeper:
    """The one who writes bars; knows which minutes are there. ``on_bars`` hears what is kept."""

    def __init__(self, spool: Spool, calendar: TradingCalendar, clock: Clock) -> None:
        self.spool = spool
        self.ledger = Ledger()
        self.on_bars: Callable[[pl.DataFrame], None] = ignore
        self._calendar = calendar
        self._clock = clock

    def keep(
        self, ids: Sequence[int], rows: Sequence[dict[str, Any]], more: Iterable[NewBatch] = ()
    ) -> None:
        """Keep rows of ``bars_1m`` (and ``more``) and mark their requests done."""
        batches = to_batches(BARS_1M.name, rows, self._calendar, "ts_start")
        good = [self._mark(batch) for batch in batches]
        changed = [_stored(page) for page in self.ledger.take_changed()]
        try:
            self.spool.finish(ids, [*batches, *more], self._clock.now(), changed)
        except SpoolError:
            self.ledger = Ledger()  # its pages tell of rows that were not kept
            raise
        for bars in good:
            self.on_bars(bars)

    def answered(self, listed: Listed, window: Span) -> list[Span]:
        """Note that history has answered for a window; return what is given up with this."""
        end = min(window[1], self.due_until())
        given_up: list[Span] = []
        for session in self._sessions(window[0], end):
            page = self._page(listed.instrument, listed.local_symbol, session)
            given_up += page.answered((window[0], end))
            self.ledger.changed(page)
        return given_up

    def windows_to_ask(
        self, listed: Listed, session: Session, cycle: int, taken: Sequence[Span]
    ) -> list[Span]:
        """Return the windows of a contract's session that history has to be asked for."""
        page = self._page(listed.instrument, listed.local_symbol, session)
        return requests_for(page.missing(self.due_until(), cycle), taken)

    def lacks(self, listed: Listed, session: Session) -> int:
        """Return how many minutes of a contract's session are missing by now."""
        return self._page(listed.instrument, listed.local_symbol, session).lacks(self.due_until())

    def due_until(self) -> datetime:
        """Return the time before which every minute should be there."""
        machine = LATE_MACHINE_SECONDS / self._clock.system_seconds(1.0)
        return minute_floor(self._clock.now() - timedelta(seconds=LATE_MARKET_SECONDS + machine))

    def _mark(self, batch: NewBatch) -> pl.DataFrame:
        """Note the minutes that a batch fills; return their rows, those the lake will take."""
        good = batch.rows.filter(pl.all_horizontal(rule.keeps.fill_null(True) for rule in RULES))
        session = self._calendar.globex.on(batch.session_date)
        if session is None:
            return good.clear()
        for (symbol, contract), minutes in good.group_by("symbol", "contract"):
            page = self._page(UNIVERSE[str(symbol)], str(contract), session)
            page.receive(minutes["ts_start"])
            self.ledger.changed(page)
        return good

    def _page(self, instrument: Instrument, contract: str, session: Session) -> Page:
        page = self.ledger.page(contract, session.session_date)
        if page is not None:
            return page
        kept = self.spool.ledger_page(contract, session.session_date)
        if kept is not None and len(kept.states) == session.minutes:
            page = Page(instrument.symbol, contract, session, bytearray(kept.states))
        else:
            hours = market_hours(instrument.kind, self._calendar)
            page = Page.blank(instrument.symbol, contract, session, hours)
        self.ledger.put(page)
        return page

    def _sessions(self, start: datetime, end: datetime) -> list[Session]:
        globex = self._calendar.globex
        first, last = globex.at(start).session_date, globex.at(max(start, end)).session_date
        return [session for session in globex.between(first, last) if session.opens_at < end]


def _stored(page: Page) -> LedgerPage:
    return LedgerPage(page.symbol, page.contract, page.session.session_date, bytes(page.states))
