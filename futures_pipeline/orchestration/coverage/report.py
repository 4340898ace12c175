"""What a person sees of coverage: the check that names the gaps, figures and a strip chart."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from futures_pipeline.analytics.expected_streams import STREAMS
from futures_pipeline.analytics.gap_summary import (
    contracts_in_words,
    new_york_span,
    outages,
    utc_span,
)
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.sessions import NEW_YORK
from futures_pipeline.orchestration.checks import ERROR, WARN
from futures_pipeline.orchestration.ingestion.session_coverage import SessionCoverage
from futures_pipeline.orchestration.reporting import (
    keys_text,
    on_session,
    picture,
    row_counts,
    table_value,
)
from futures_pipeline.storage.tables import COVERAGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHECK = f"{COVERAGE.name}_no_unexplained_gaps"
LOST_SHARE_ERROR = 0.05
# History is asked again for a minute without a bar, up to three times within three quarters
# of an hour, before it counts as one without a trade.
HEALING = timedelta(hours=1)
NAMED_GAPS = 5
LISTED = 25
COLOURS = {"received": "#4c9f70", "explained": "#e3b341", "unexplained": "#d1242f"}
INCHES_A_STRIP, MARGIN_INCHES = 0.17, 0.35


def unexplained_spec() -> dg.AssetCheckSpec:
    """Return the specification of :func:`unexplained_result`."""
    return dg.AssetCheckSpec(
        CHECK,
        asset=COVERAGE.name,
        description="Every missing minute has a cause, in the sessions of the run and the "
        "newest stored ones. A warning when one has none, an error when a contract's stream "
        f"lost more than {LOST_SHARE_ERROR:.0%} of its expected minutes so. A minute without "
        "any event counts an hour after it: until then history may still fill or explain it.",
    )


def unexplained_result(
    streams: pl.DataFrame, gaps: pl.DataFrame, session_dates: Sequence[date], until: datetime
) -> dg.AssetCheckResult:
    """Return whether all missing minutes of some sessions are explained.

    ``streams`` and ``gaps``: the rows of ``coverage`` and ``coverage_gaps`` of the sessions.
    ``until``: up to when rows can have arrived.
    """
    has_event = pl.col("cause") != Cause.UNKNOWN.value
    bad = gaps.filter(~pl.col("is_explained"), has_event | (pl.col("ends_at") <= until - HEALING))
    lost = bad.group_by("session_date", "contract", "stream").agg(pl.col("minutes").sum())
    shares = lost.join(streams, on=["session_date", "contract", "stream"]).select(
        pl.col("minutes") / pl.col("expected_minutes")
    )
    worst = max(shares.to_series(), default=0.0)
    found = outages(bad)
    minutes = int(bad["minutes"].sum())
    keys = keys_text(session_dates)
    named = "; ".join(_gap_words(found.head(NAMED_GAPS)))
    more = f"; and {found.height - NAMED_GAPS} more" if found.height > NAMED_GAPS else ""
    return dg.AssetCheckResult(
        check_name=CHECK,
        asset_key=COVERAGE.name,
        passed=bad.is_empty(),
        severity=ERROR if worst > LOST_SHARE_ERROR else WARN,
        description=f"{keys}: {minutes} minutes missing without a cause"
        + (f": {named}{more}" if named else ""),
        metadata={
            "sessions": keys,
            "unexplained_minutes": minutes,
            "unexplained_percent_of_worst_stream": round(100.0 * worst, 2),
            "expected_minutes": int(streams["expected_minutes"].sum()),
            **({} if not named else {"gaps": _gap_table(found)}),
        },
    )


def coverage_metadata(
    found: SessionCoverage, session_date: date, total_rows: int
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of one session of ``coverage``."""
    streams = on_session(found.streams, session_date)
    gaps = on_session(found.gaps, session_date)
    counts = ("expected_minutes", "received_minutes", "explained_minutes", "unexplained_minutes")
    chart = strip_chart(on_session(found.expected, session_date), streams, gaps)
    return {
        **row_counts(streams, total_rows),
        **{name: dg.MetadataValue.int(int(streams[name].sum())) for name in counts},
        **_percentages(streams),
        **({} if chart is None else {"chart": chart}),
        "by_stream": table_value(
            streams.drop("session_date").sort("share", nulls_last=True), LISTED
        ),
    }


def gap_metadata(gaps: pl.DataFrame, total_rows: int) -> dict[str, dg.MetadataValue]:
    """Return the metadata of one session of ``coverage_gaps``."""
    return {
        **row_counts(gaps, total_rows),
        "unexplained_gaps": dg.MetadataValue.int(int((~gaps["is_explained"]).sum())),
        "gaps": _gap_table(outages(gaps)),
    }


def strip_chart(
    expected: pl.DataFrame, streams: pl.DataFrame, gaps: pl.DataFrame
) -> dg.MetadataValue | None:
    """Return a strip a stream over the session: received, explained, unexplained; or None.

    All of one session. White is where nothing is expected; drawn in New York time.
    """
    until = streams["judged_until"].max()
    if not isinstance(until, datetime):
        return None
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    names = [" ".join(stream) for stream in streams.select("contract", "stream").iter_rows()]
    height = 2 * MARGIN_INCHES + INCHES_A_STRIP * len(names)
    figure = Figure(figsize=(8.0, height), dpi=80)
    # Placed by hand: finding room for the labels would draw everything twice.
    axes = figure.add_axes((0.15, MARGIN_INCHES / height, 0.83, 1.0 - 2 * MARGIN_INCHES / height))
    spans = expected.with_columns(pl.col("closes_at").clip(upper_bound=until))
    owed = spans.rename({"opens_at": "starts_at", "closes_at": "ends_at"})
    _draw(axes, names, owed, COLOURS["received"])
    _draw(axes, names, gaps.filter("is_explained"), COLOURS["explained"])
    _draw(axes, names, gaps.filter(~pl.col("is_explained")), COLOURS["unexplained"])
    _label(axes, names)
    legend = [Patch(color=colour, label=name) for name, colour in COLOURS.items()]
    figure.legend(handles=legend, loc="upper center", fontsize=7, ncols=3, frameon=False)
    return picture(figure, "minutes received, missing with a cause, missing without one")


def _draw(axes: "Axes", names: Sequence[str], strips: pl.DataFrame, colour: str) -> None:
    """Draw strips (``starts_at`` to ``ends_at``) into the rows of their streams."""
    # The edge keeps a single missing minute visible.
    edge = 0.0 if colour == COLOURS["received"] else 0.7
    for stream, own in strips.group_by("contract", "stream"):
        bottom = names.index(" ".join(map(str, stream))) - 0.4
        axes.broken_barh(
            _bars(own), (bottom, 0.8), facecolor=colour, edgecolor=colour, linewidth=edge
        )


def _label(axes: "Axes", names: Sequence[str]) -> None:
    from matplotlib.dates import DateFormatter

    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.invert_yaxis()
    axes.xaxis_date(tz=NEW_YORK)
    clock = DateFormatter("%H:%M", tz=NEW_YORK)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(clock)
    axes.tick_params(axis="x", labelsize=7)


def _bars(strips: pl.DataFrame) -> list[tuple[float, float]]:
    """Return (start, length) of each strip in the days that matplotlib counts in."""
    from matplotlib.dates import date2num

    ends = strips.filter(pl.col("ends_at") > pl.col("starts_at")).select("starts_at", "ends_at")
    number = {at: float(date2num(at)) for span in ends.iter_rows() for at in span}  # type: ignore[no-untyped-call]
    return [(number[start], number[end] - number[start]) for start, end in ends.iter_rows()]


def _percentages(streams: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """Return the received percentage of each stream over all contracts, for the plots."""
    found: dict[str, dg.MetadataValue] = {}
    for stream in STREAMS:
        of_stream = streams.filter(stream=stream)
        expected = int(of_stream["expected_minutes"].sum())
        if expected:
            percent = 100.0 * int(of_stream["received_minutes"].sum()) / expected
            found[f"{stream}_received_percent"] = dg.MetadataValue.float(round(percent, 2))
    return found


def _gap_words(found: pl.DataFrame) -> Iterable[str]:
    for gap in found.iter_rows(named=True):
        start, end = gap["starts_at"], gap["ends_at"]
        yield (
            f"{contracts_in_words(gap['contracts'])} {' and '.join(gap['streams'])} "
            f"{gap['minutes']} min {new_york_span(start, end)} New York "
            f"({gap['session_date']}, {utc_span(start, end)} UTC)"
        )


def _gap_table(found: pl.DataFrame) -> dg.TableMetadataValue:
    listed = found.head(LISTED)
    spans = list(listed.select("starts_at", "ends_at").iter_rows())
    return table_value(
        listed.select(
            "session_date",
            pl.Series("new_york", [new_york_span(*span) for span in spans], pl.String),
            pl.Series("utc", [utc_span(*span) for span in spans], pl.String),
            "minutes",
            pl.col("contracts").list.join(", "),
            pl.col("streams").list.join(", "),
            "cause",
            "says",
        ),
        LISTED,
    )
