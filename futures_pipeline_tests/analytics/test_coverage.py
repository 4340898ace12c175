"""The ledger adds up, names each gap's cause, and agrees with a judge of single minutes."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.analytics.coverage import Coverage, Rows, coverage, deliverable_until
from futures_pipeline.analytics.expected_streams import EXPECTED_SCHEMA
from futures_pipeline.analytics.gap_causes import EVENT_SCHEMA, collector_down
from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.domain.causes import Cause

DAY = date(2025, 1, 15)
OPEN = datetime(2025, 1, 15, 14, 0, tzinfo=UTC)
ROW = {"session_date": pl.Date, "contract": pl.String, "data_type": pl.String}
LATE = OPEN + timedelta(days=2)

Event = tuple[str, float, float]


def at(minutes: float) -> datetime:
    """Return a moment some minutes after the open."""
    return OPEN + timedelta(seconds=round(60 * minutes))


def rows(column: str, minutes: Iterable[float], data_type: str | None = "live") -> pl.DataFrame:
    """Return rows of ESH5 at some minutes."""
    held = [(DAY, "ESH5", data_type, at(minute)) for minute in minutes]
    return pl.DataFrame(held, schema=ROW | {column: UTC_TIME}, orient="row")


def events(*found: Event, symbol: str = "*", contract: str = "*") -> pl.DataFrame:
    """Return events: (event, start, end), in minutes after the open."""
    held = [(symbol, contract, name, at(start), at(end), None, None) for name, start, end in found]
    return pl.DataFrame(held, schema=EVENT_SCHEMA, orient="row")


def owed(stream: str, *spans: tuple[float, float]) -> pl.DataFrame:
    """Return what ESH5 owes: spans in minutes after the open."""
    held = [(DAY, "ES", "ESH5", stream, at(start), at(end)) for start, end in spans]
    return pl.DataFrame(held, schema=EXPECTED_SCHEMA, orient="row")


def judge(
    minutes: int,
    bars: Iterable[float] = (),
    snapshots: Iterable[float] = (),
    happened: pl.DataFrame | None = None,
    interval: float = 60.0,
) -> Coverage:
    """Return the coverage of so many minutes after the open, of the stream that has rows."""
    bars, snapshots = list(bars), list(snapshots)
    stream = "snapshots" if snapshots else "bars"
    held = Rows(rows("ts_start", bars), rows("timestamp", snapshots), events())
    if happened is not None:
        held = Rows(held.bars, held.snapshots, happened)
    return coverage(held, owed(stream, (0, minutes)), LATE, interval)


def gaps(found: Coverage) -> list[tuple[float, float, str]]:
    """Return (start, end, cause) of each gap, in minutes after the open."""
    return [
        ((start - OPEN) / timedelta(minutes=1), (end - OPEN) / timedelta(minutes=1), cause)
        for start, end, cause in found.gaps.select("starts_at", "ends_at", "cause").iter_rows()
    ]


def test_a_worked_example() -> None:
    """Ten minutes; two are lost with the connection, two for no reason that is known."""
    lost = events(("connection_lost", 3.2, 4.3))

    found = judge(10, bars=[0, 1, 2, 5, 6, 9], happened=lost)

    assert found.streams.rows(named=True) == [
        {
            "session_date": DAY,
            "symbol": "ES",
            "contract": "ESH5",
            "stream": "bars",
            "expected_minutes": 10,
            "received_minutes": 6,
            "explained_minutes": 2,
            "unexplained_minutes": 2,
            "share": 0.6,
            "largest_gap_minutes": 2,
            "data_types": "live",
            "judged_until": at(10),
        }
    ]
    assert found.gaps.rows(named=True) == [
        {
            "session_date": DAY,
            "symbol": "ES",
            "contract": "ESH5",
            "stream": "bars",
            "starts_at": at(start),
            "ends_at": at(start + 2),
            "minutes": 2,
            "cause": cause,
            "says": says,
            "is_explained": cause != "unknown",
        }
        for start, cause, says in (
            (3, "connection_lost", "the connection to the gateway was lost or dead"),
            (7, "unknown", "no event explains it"),
        )
    ]


def test_a_run_is_cut_where_the_cause_changes_and_the_largest_gap_is_not() -> None:
    happened = events(("connection_lost", 2.5, 6), ("gateway_down", 4.5, 5.5))

    found = judge(10, bars=[0, 1, 9], happened=happened)

    assert gaps(found) == [
        (2, 4, "connection_lost"),
        (4, 6, "gateway_down"),
        (6, 9, "unknown"),
    ]
    assert found.streams["largest_gap_minutes"].item() == 7


def test_the_brokers_words_and_code_are_told() -> None:
    told = events(("upstream_lost", 0, 1)).with_columns(
        code=pl.lit(1100, pl.Int64), text=pl.lit("Connectivity has been lost")
    )
    for happened, says in (
        (told, ": Connectivity has been lost (1100)"),
        (told.with_columns(text=pl.lit(None, pl.String)), ": (1100)"),
        (told.with_columns(code=pl.lit(None, pl.Int64)), ": Connectivity has been lost"),
    ):
        found = judge(1, happened=happened).gaps["says"].item()
        assert found == f"the gateway had lost the broker's servers (1100){says}"


@pytest.mark.parametrize(
    ("span", "touched"),
    [
        ((3, 4), [3]),
        ((3, 4.02), [3, 4]),
        ((3.98, 4.02), [3, 4]),
        ((3.5, 3.5), [3]),  # a moment
        ((4, 4), [4]),
        ((-50, 0), []),
        ((-50, 0.5), [0]),
        ((6, 500), []),
        ((5.9, 500), [5]),
    ],
)
def test_an_event_names_the_minutes_it_shares_a_moment_with(
    span: tuple[float, float], touched: list[int]
) -> None:
    found = judge(6, happened=events(("pacing", *span)))

    named = [int(start) for start, end, cause in gaps(found) if cause == "pacing"]
    lengths = [int(end - start) for start, end, cause in gaps(found) if cause == "pacing"]
    assert sum(lengths) == len(touched)
    assert named == touched[:1]


CAUSES = [cause.value for cause in Cause if cause is not Cause.UNKNOWN]


@pytest.mark.parametrize(("first", "second"), list(pairwise(CAUSES)))
def test_of_two_causes_the_first_in_order_counts(first: str, second: str) -> None:
    happened = events((second, 0, 2), (first, 0, 2))
    assert gaps(judge(2, happened=happened)) == [(0, 2, first)]


def test_an_event_is_about_all_a_symbol_or_a_contract() -> None:
    happened = pl.concat(
        [
            events(("farm_broken", 0, 1)),
            events(("no_permission", 1, 2), symbol="ES"),
            events(("no_trades", 2, 3), symbol="ES", contract="ESH5"),
            events(("no_trades", 3, 4), symbol="ES", contract="ESM5"),
            events(("no_permission", 4, 5), symbol="NQ"),
        ]
    )
    assert [cause for *_, cause in gaps(judge(5, happened=happened))] == [
        "farm_broken",
        "no_permission",
        "no_trades",
        "unknown",
    ]


def test_what_befalls_the_broker_explains_nothing_of_a_pair() -> None:
    """But a collector that was down missed the exchange as well, and its own events count."""
    happened = pl.concat(
        [
            events(("gateway_down", 0, 3), ("farm_broken", 0, 3), ("collector_down", 1, 2)),
            events(("connection_lost", 2, 3), symbol="BTC/USDT", contract="BTC/USDT"),
        ]
    )
    pair = pl.lit("BTC/USDT")
    owing = owed("bars", (0, 4)).with_columns(symbol=pair, contract=pair)
    held = Rows(rows("ts_start", ()), rows("timestamp", ()), happened)

    assert gaps(coverage(held, owing, LATE, 60.0)) == [
        (0, 1, "unknown"),
        (1, 2, "collector_down"),
        (2, 3, "connection_lost"),
        (3, 4, "unknown"),
    ]


def test_news_that_is_no_cause_explains_nothing() -> None:
    happened = events(("connected", 0, 2), ("data_type_changed", 0, 2))
    assert gaps(judge(2, happened=happened)) == [(0, 2, "unknown")]


@pytest.mark.parametrize("cause", list(Cause))
def test_a_silent_stream_has_a_name_and_no_excuse(cause: Cause) -> None:
    found = judge(1, happened=events((cause.value, 0, 1))).gaps
    assert found.select("cause", "is_explained").rows() == [(cause.value, cause.is_explained)]
    assert not Cause.STREAM_SILENT.is_explained
    assert not Cause.UNKNOWN.is_explained


@pytest.mark.parametrize(
    ("snapshots", "missing"),
    [
        pytest.param([0.5, 1.5, 2.5, 3.5], [], id="one in each minute"),
        pytest.param([0.99, 2.01, 3.01], [], id="drift steps over a minute"),
        pytest.param([0.5, 2.5, 3.5], [1], id="a round was missed"),
        pytest.param([0.5, 3.5], [1, 2], id="two rounds were missed"),
        pytest.param([1.9, 2.9, 3.9], [], id="the first quotes come after the open"),
        pytest.param([2.1, 3.1], [0, 1], id="the first quotes come late"),
        pytest.param([0.5, 1.5, 2.5], [], id="the last round lies after the close"),
        pytest.param([0.5, 1.5], [2, 3], id="the last rounds were missed"),
        pytest.param([-3, -2, 9], [0, 1, 2, 3], id="other times do not help"),
    ],
)
def test_a_minute_between_two_rounds_is_covered_when_none_was_missed(
    snapshots: list[float], missing: list[int]
) -> None:
    found = judge(4, snapshots=snapshots)
    lost = [minute for start, end, _ in gaps(found) for minute in range(int(start), int(end))]
    assert lost == missing


@pytest.mark.parametrize(
    ("snapshots", "interval", "received"),
    [
        ([1, 6, 11], 300, 15),
        ([1, 11], 300, 6),  # 0 and 1; 11 to 14
        ([4, 9, 14], 300, 15),
        ([0, 0.2, 0.4, 2, 2.2], 12, 2),
    ],
)
def test_other_intervals_follow_the_same_rule(
    snapshots: list[float], interval: float, received: int
) -> None:
    found = judge(15, snapshots=snapshots, interval=interval)
    assert found.streams["received_minutes"].item() == received


def test_an_outage_explains_the_snapshots_until_the_round_after_it() -> None:
    """Rounds every five minutes: the connection is lost in minute 6 and the round of 11 with it.

    Minutes 2 to 5 rest on the round that never came as well.
    """
    outage = events(("connection_lost", 6, 11.5))

    found = judge(20, snapshots=[1, 16], happened=outage, interval=300)

    assert gaps(found) == [(2, 16, "connection_lost")]


def test_a_stream_without_any_row_is_missing_from_the_open() -> None:
    expected = owed("snapshots", (0, 1))
    found = coverage(
        Rows(rows("ts_start", []), rows("timestamp", []), events()), expected, LATE, 60
    )
    assert found.streams["received_minutes"].item() == 0


@pytest.mark.parametrize(
    ("until", "expected"), [(0.5, 0), (1, 1), (2.99, 2), (3, 3), (9, 5), (-9, 0)]
)
def test_only_minutes_that_can_have_arrived_are_expected(until: float, expected: int) -> None:
    held = Rows(rows("ts_start", [0, 1, 2]), rows("timestamp", []), events())
    found = coverage(held, owed("bars", (0, 5)), at(until), 60).streams

    assert found["expected_minutes"].item() == expected
    assert found["received_minutes"].item() == min(expected, 3)
    assert found["judged_until"].item() == (at(expected) if expected else None)
    assert (found["share"].item() is None) == (expected == 0)


def test_gaps_do_not_reach_across_a_closure() -> None:
    held = Rows(rows("ts_start", [0, 12]), rows("timestamp", []), events())
    found = coverage(held, owed("bars", (0, 2), (10, 13)), LATE, 60)
    assert gaps(found) == [(1, 2, "unknown"), (10, 12, "unknown")]
    assert found.streams["largest_gap_minutes"].item() == 2
    assert found.streams["expected_minutes"].item() == 5


def test_the_types_of_data_are_told_and_history_says_none() -> None:
    mixed = [rows("ts_start", [0], "live"), rows("ts_start", [1], "delayed")]
    for bars, told in (
        (pl.concat([*mixed, rows("ts_start", [2], None)]), "delayed, live"),
        (rows("ts_start", [2], None), None),
    ):
        found = coverage(
            Rows(bars, rows("timestamp", []), events()), owed("bars", (0, 3)), LATE, 60
        )
        assert found.streams["data_types"].item() == told


def test_nothing_expected_is_an_empty_ledger() -> None:
    held = Rows(rows("ts_start", [0]), rows("timestamp", [0]), events())
    found = coverage(held, owed("bars"), LATE, 60)
    assert (found.streams.height, found.gaps.height) == (0, 0)


def test_a_collector_that_does_not_run_is_an_event_about_all() -> None:
    happened = collector_down(at(0), at(2), "the last row was kept at noon")
    found = judge(3, happened=happened)
    assert gaps(found) == [(0, 2, "collector_down"), (2, 3, "unknown")]
    assert found.gaps["says"][0] == "the collector did not run: the last row was kept at noon"


@pytest.mark.parametrize(
    ("interval", "speed", "seconds"), [(60, 1, 70), (60, 60, 660), (300, 1, 310), (5, 600, 6005)]
)
def test_delivery_takes_a_round_of_the_market_and_some_machine_time(
    interval: float, speed: float, seconds: float
) -> None:
    assert (LATE - deliverable_until(LATE, interval, speed)).total_seconds() == seconds


SPANS = [(0, 12), (20, 31)]
LENGTH = sum(end - start for start, end in SPANS)
minutes_of_day = st.sets(st.integers(-3, 35))
moments = st.floats(-5, 40, allow_nan=False)
random_events = st.lists(
    st.tuples(st.sampled_from([*CAUSES, "unknown", "connected"]), moments, moments).map(
        lambda event: (event[0], *sorted(event[1:]))
    ),
    max_size=6,
)


def first_cause(minute: int, happened: Iterable[Event]) -> str:
    """Return the cause of one minute, looked up one event at a time."""
    start, end = at(minute), at(minute + 1)
    touching = [
        name
        for name, begins, ends in happened
        if (at(begins) < end and at(ends) > start) or start <= at(begins) == at(ends) < end
    ]
    order = [cause.value for cause in Cause]
    return min((name for name in touching if name in order), key=order.index, default="unknown")


@settings(deadline=None)
@given(minutes_of_day, random_events, st.integers(0, 40))
def test_the_ledger_agrees_with_a_judge_of_single_minutes(
    received: set[int], happened: list[Event], until: int
) -> None:
    held = Rows(rows("ts_start", sorted(received)), rows("timestamp", []), events(*happened))

    found = coverage(held, owed("bars", *SPANS), at(until), 60)

    judged = [minute for start, end in SPANS for minute in range(start, min(end, until))]
    causes = {m: first_cause(m, happened) for m in judged if m not in received}
    told = {
        minute: cause for start, end, cause in gaps(found) for minute in range(int(start), int(end))
    }
    assert told == causes
    row = found.streams.row(0, named=True)
    explained = sum(Cause(cause).is_explained for cause in causes.values())
    assert row["expected_minutes"] == len(judged)
    assert row["received_minutes"] == len(judged) - len(causes)
    assert (row["explained_minutes"], row["unexplained_minutes"]) == (
        explained,
        len(causes) - explained,
    )


@settings(deadline=None)
@given(minutes_of_day, minutes_of_day, random_events, st.sampled_from([12.0, 60.0, 300.0]))
def test_minutes_add_up_and_gaps_are_disjoint_and_inside_open_hours(
    bars: set[int], snapshots: set[int], happened: list[Event], interval: float
) -> None:
    held = Rows(
        rows("ts_start", sorted(bars)), rows("timestamp", sorted(snapshots)), events(*happened)
    )
    expected = pl.concat([owed("bars", *SPANS), owed("snapshots", *SPANS)])

    found = coverage(held, expected, LATE, interval)

    for row in found.streams.iter_rows(named=True):
        parts = ("received_minutes", "explained_minutes", "unexplained_minutes")
        assert row["expected_minutes"] == LENGTH == sum(row[part] for part in parts)
        own = Coverage(found.streams, found.gaps.filter(stream=row["stream"]))
        told = sorted(gaps(own))
        missing = sum(end - start for start, end, _ in told)
        assert missing == LENGTH - row["received_minutes"]
        assert all(one[1] <= other[0] for one, other in pairwise(told))
        assert all(any(a <= start < end <= b for a, b in SPANS) for start, end, _ in told)


@settings(deadline=None)
@given(minutes_of_day, st.lists(st.integers(35, 5000), max_size=5), st.floats(0, 900))
def test_events_outside_the_spans_change_nothing(
    received: set[int], starts: list[int], length: float
) -> None:
    held = rows("ts_start", sorted(received))
    far = events(*(("gateway_down", start, start + length) for start in starts))

    with_events, without = (
        coverage(Rows(held, rows("timestamp", []), happened), owed("bars", *SPANS), LATE, 60)
        for happened in (far, events())
    )

    assert with_events.streams.equals(without.streams)
    assert with_events.gaps.equals(without.gaps)
