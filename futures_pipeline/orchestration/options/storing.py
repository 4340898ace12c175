"""Where the statistics of a session have to be, and how a session of them is replaced."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline.orchestration.analysis.positions import bar_positions, behind
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import Once
from futures_pipeline.storage.tables import BARS_1M, OPTION_SNAPSHOTS, OPTION_STATISTICS

if TYPE_CHECKING:
    from futures_pipeline.orchestration.options.computing import Described

# NYSE sessions whose closes a row rests on, its own counted.
CLOSES = 21
HOUR = 18  # New York: options have settled, and a session of Globex is over
# Older sessions are back-filled by hand, in their order.
NEWEST = 3


def sessions_over(calendar: TradingCalendar, now: datetime) -> list[date]:
    """Return the newest NYSE sessions whose 18:00 New York has come, ascending."""
    recent = calendar.regular.before(calendar.session_date(now), NEWEST + 1)
    over = [it.session_date for it in recent if new_york(it.session_date, HOUR) <= now]
    return over[-NEWEST:]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of one configuration: which sessions are behind, and their rows."""

    workbench: Workbench

    def positions(self, days: Sequence[date]) -> dict[date, int]:
        """Return where the rows of some sessions have to be: at what was committed for them."""
        lake = self.workbench.lake
        bars = lake.open_or_create(BARS_1M.name)
        options = lake.open_or_create(OPTION_SNAPSHOTS.name)
        of_bars = bar_positions(bars, days, self.workbench.calendar.globex, CLOSES)
        return {
            day: position + options.committed_seq(source_id(OPTION_SNAPSHOTS.name, day))
            for day, position in of_bars.items()
        }

    def due(self) -> dict[date, int]:
        """Return the newest sessions past 18:00 New York that are not described as stored."""
        over = sessions_over(self.workbench.calendar, self.workbench.clock.now())
        stored = {day: position for day, position in self.positions(over).items() if position}
        return behind(stored, OPTION_STATISTICS, self.workbench.lake)

    def replace(self, described: "Described", position: int, run_id: str) -> None:
        """Make the rows of a session those that were computed, statistics before regimes.

        Raises:
            CommitConflict: another writer was faster; compute again.
        """
        metadata = {"run_id": run_id, "settings": self.workbench.settings.fingerprint()}
        day = described.session_date
        rows = (described.statistics, described.regimes)
        for table, of_day in zip(OPTION_STATISTICS, rows, strict=True):
            once = Once(source_id(table.name, day), position)
            self.workbench.lake.open_or_create(table.name).replace([day], of_day, metadata, once)

    def described(self, days: Sequence[date], run_id: str) -> Iterator["Described"]:
        """Compute and store some sessions in their order; yield each once it is stored."""
        from futures_pipeline.orchestration.options.computing import Statistician

        positions = self.positions(days)
        workbench = self.workbench
        statistician = Statistician(workbench.lake, workbench.settings, workbench.calendar)
        for found in statistician.described(days, workbench.clock.now()):
            self.replace(found, positions[found.session_date], run_id)
            yield found
