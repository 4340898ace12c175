"""The morning brief as an asset: made, archived, shown, and sent when it is of this morning."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from futures_pipeline.alerting import Outbox, Severity, alert_targets
from futures_pipeline.alerting.conditions import Message
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline.orchestration.ingestion.raw import OWNERS
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import (
    BARS_1M,
    ENTRY_DECISIONS,
    GAPS,
    MARKET_REGIMES,
    PREDICTIVE_VALUE,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
    SCORECARD,
)

if TYPE_CHECKING:
    from futures_pipeline.api.briefs import Archived
    from futures_pipeline.decisions.brief.grade import OpenAlert
    from futures_pipeline.decisions.brief.page import Page

BRIEF = "morning_brief"
INPUTS = (PREMARKET_SIGNALS, ENTRY_DECISIONS, REGIME_WARNINGS, MARKET_REGIMES, PREDICTIVE_VALUE,
          SCORECARD, BARS_1M, GAPS)  # fmt: skip
# A brief made later than this after its moment is history: nobody is told.
OF_NOW = timedelta(hours=1)
DEGRADED = ("C", "D", "F")


@dataclass(frozen=True, slots=True)
class Made:
    """A brief, its files, and whether somebody was told."""

    page: "Page"
    files: "Archived"
    is_sent: bool


def morning_brief_asset(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that archives one page a trading day."""

    @dg.asset(
        name=BRIEF,
        description="One page a trading day as of 09:25 New York: the night, the decisions with "
        "their reasons, what they rest on and how far the data can be trusted. Archived as HTML "
        "and text under briefs/ in the data directory; see: futures-pipeline brief.",
        partitions_def=partitions,
        deps=[table.name for table in INPUTS],
        group_name="decisions",
        kinds={"html"},
        owners=OWNERS,
        tags={"layer": "decisions"},
        pool=BRIEF,
    )
    def make(
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
        now = workbench.clock.now()
        for day in session_dates(context.partition_keys):
            why = why_none(day, now, workbench.calendar)
            shown = {"brief": why} if why else brief_metadata(made(workbench, day, now))
            context.add_asset_metadata(shown, partition_key=str(day))
        return dg.MaterializeResult()

    return make


def why_none(day: date, now: datetime, calendar: TradingCalendar) -> str | None:
    """Return why there is no brief of a session, None when there can be one."""
    if calendar.regular.on(day) is None:
        return "NYSE does not trade on this day"
    return None if now >= new_york(day, 9, 25) else "09:25 New York has not come"


def made(workbench: Workbench, day: date, now: datetime) -> Made:
    """Make and archive the brief of one day, and send it when the day is today."""
    from futures_pipeline.api.briefs import archive, make_brief
    from futures_pipeline.api.store import Store

    is_now = now - new_york(day, 9, 25) <= OF_NOW
    data = workbench.settings.data
    alerts = open_alerts(Outbox(data)) if is_now else ()
    page = make_brief(Store(workbench.lake, workbench.settings), day, now, tuple(alerts))
    files = archive(data, page)
    if is_now:
        targets = [target.id for target in alert_targets(data)]
        Outbox(data).add(message_of(page, files), targets)
    return Made(page, files, is_now)


def open_alerts(outbox: Outbox) -> Sequence["OpenAlert"]:
    """Return what the outbox knows to be wrong now."""
    from futures_pipeline.decisions.brief.grade import OpenAlert

    wrong = [state.condition for state in outbox.states() if state.is_open]
    return [OpenAlert(each.title, each.says, each.severity is Severity.ERROR) for each in wrong]


def message_of(page: "Page", files: "Archived") -> Message:
    """Return the brief in short as a message; the same morning's is sent once."""
    from futures_pipeline.decisions.brief.text import in_short

    key = f"{BRIEF} {page.session_date}"
    return Message(
        id=hashlib.sha256(key.encode()).hexdigest()[:16],
        key=key,
        severity=Severity.WARN if page.grade.letter in DEGRADED else Severity.NONE,
        title=f"Morning brief {page.session_date}",
        body="\n".join([*in_short(page), f"Whole page: {files.html.absolute()}"]),
        made_at=datetime.now(UTC),
    )


def brief_metadata(found: Made) -> dict[str, dg.MetadataValue]:
    """Return what a person sees of one day: the grade, the files, and the text."""
    from futures_pipeline.decisions.brief.text import as_text

    return {
        "data_grade": dg.MetadataValue.text(found.page.grade.letter),
        "causes": dg.MetadataValue.md("\n\n".join(found.page.grade.causes) or "everything came"),
        "html": dg.MetadataValue.path(found.files.html.absolute()),
        "text": dg.MetadataValue.path(found.files.text.absolute()),
        "sent": dg.MetadataValue.bool(found.is_sent),
        "brief": dg.MetadataValue.md(f"```\n{as_text(found.page)}```"),
    }
