"""Which price stands for a moment. Source: QUANT_SPEC 1.4."""

from datetime import timedelta

import polars as pl
import pytest

from futures_pipeline.analytics.changes import reference_prices
from futures_pipeline.analytics.reference_prices import PRICE_SCHEMA
from futures_pipeline.domain.errors import UnknownSymbol
from futures_pipeline_tests.analytics.frames import NOON, bars, snapshots

TICKS = {"ES": 0.25, "SPY": 0.01, "VIX": 0.01}
FRESH, OLD = NOON - timedelta(seconds=60), NOON - timedelta(seconds=61)


def only(frame: pl.DataFrame) -> tuple[float | None, str | None, str | None]:
    row: tuple[float | None, str | None, str | None] = frame.select(
        "price", "price_source", "price_reason"
    ).row(0)
    assert frame.height == 1
    return row


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ({"last": 5900.0, "last_at": FRESH}, (5900.0, "last", None)),
        ({"last": 5900.0, "last_at": FRESH, "bid": 1.0, "ask": 2.0}, (5900.0, "last", None)),
        ({"last": 5900.0, "last_at": OLD}, (None, None, "stale_last_and_no_quote")),
        (
            {"last": 5900.0, "last_at": NOON + timedelta(seconds=61)},
            (None, None, "stale_last_and_no_quote"),
        ),
        ({"last": 5900.0}, (None, None, "no_last_and_no_quote")),
        ({"last": -1.0, "last_at": FRESH}, (None, None, "no_last_and_no_quote")),
        ({"last": float("nan"), "last_at": FRESH}, (None, None, "no_last_and_no_quote")),
        ({"bid": 5900.0, "ask": 5900.25}, (5900.125, "mid", None)),
        ({"last": 1.0, "last_at": OLD, "bid": 5900.0, "ask": 5902.0}, (5901.0, "mid", None)),
        ({"bid": 5900.0, "ask": 5902.25}, (None, None, "no_last_and_wide_quote")),
        ({"bid": 5900.25, "ask": 5900.0}, (None, None, "no_last_and_crossed_quote")),
        ({"bid": 5900.0, "ask": 5900.0}, (None, None, "no_last_and_crossed_quote")),
        ({"bid": 0.0, "ask": 0.25}, (None, None, "no_last_and_no_quote")),
        ({"bid": -1.0, "ask": 5900.0}, (None, None, "no_last_and_no_quote")),
        ({"bid": 5900.0}, (None, None, "no_last_and_no_quote")),
    ],
)
def test_snapshot_price(
    quote: dict[str, object], expected: tuple[float | None, str | None, str | None]
) -> None:
    assert only(reference_prices(snapshots(quote), bars(), TICKS)) == expected


@pytest.mark.parametrize("data_type", ["frozen", "delayed", "delayed_frozen", None])
@pytest.mark.parametrize(
    "quote", [{"last": 5900.0, "last_at": FRESH}, {"bid": 1.0, "ask": 1.25}, {}]
)
def test_a_snapshot_that_is_not_live_has_no_price(
    data_type: str | None, quote: dict[str, object]
) -> None:
    """However fresh and tight it looks."""
    frame = reference_prices(snapshots(quote | {"data_type": data_type}), bars(), TICKS)
    assert only(frame) == (None, None, "not_live")


@pytest.mark.parametrize(
    ("source", "data_type", "is_live"),
    [
        ("history", None, True),  # its answers do not say
        ("history", "live", True),
        ("realtime", "live", True),
        ("realtime", "delayed", False),
        ("realtime", "frozen", False),
        ("realtime", None, False),
        ("history", "delayed", False),
    ],
)
def test_a_bar_is_live_or_of_history(source: str, data_type: str | None, is_live: bool) -> None:
    frame = reference_prices(
        snapshots(), bars((NOON, 5901.5), source=source, data_type=data_type), TICKS
    )
    expected = (5901.5, "bar_close", None) if is_live else (None, None, "not_live")
    assert only(frame) == expected


def test_a_delayed_snapshot_does_not_hide_a_live_bar_of_its_moment() -> None:
    delayed = snapshots({"last": 5900.0, "last_at": FRESH, "data_type": "delayed"})
    frame = reference_prices(delayed, bars((NOON, 5901.5)), TICKS)
    assert only(frame) == (5901.5, "bar_close", None)


@pytest.mark.parametrize("bid", [475.0, 1.1, 99.99, 612.34])
def test_eight_ticks_of_a_cent_are_not_too_wide(bid: float) -> None:
    """Decimal prices are not exact in binary; eight ticks must stay eight ticks."""
    etf = {"symbol": "SPY", "contract": "SPY", "bid": bid, "ask": round(bid + 0.08, 2)}
    price, source, _ = only(reference_prices(snapshots(etf), bars(), TICKS))
    assert source == "mid"
    assert price == pytest.approx(bid + 0.04)
    wide = etf | {"ask": round(bid + 0.09, 2)}
    assert only(reference_prices(snapshots(wide), bars(), TICKS))[0] is None


def test_an_index_has_a_last_and_no_quote() -> None:
    vix = {"symbol": "VIX", "contract": "VIX", "last": 15.8, "last_at": FRESH}
    frame = snapshots(vix).with_columns(bid=pl.lit(None), ask=pl.lit(None))  # type Null
    assert only(reference_prices(frame, bars(), TICKS)) == (15.8, "last", None)


def test_a_bar_close_is_observed_at_the_end_of_its_bar() -> None:
    frame = reference_prices(snapshots(), bars((NOON, 5901.5)), TICKS)
    assert only(frame) == (5901.5, "bar_close", None)
    assert frame["timestamp"].item() == NOON


def test_a_bar_without_a_close_says_so() -> None:
    assert only(reference_prices(snapshots(), bars((NOON, None)), TICKS)) == (
        None,
        None,
        "no_bar_close",
    )


def test_a_snapshot_beats_a_bar_of_the_same_moment() -> None:
    quoted = snapshots({"last": 5900.0, "last_at": FRESH})
    assert only(reference_prices(quoted, bars((NOON, 5901.5)), TICKS)) == (5900.0, "last", None)


def test_a_snapshot_without_a_price_does_not_hide_a_bar() -> None:
    frame = reference_prices(snapshots({}), bars((NOON, 5901.5)), TICKS)
    assert only(frame) == (5901.5, "bar_close", None)


def test_the_result_is_unique_and_sorted() -> None:
    later = NOON + timedelta(minutes=1)
    shots = snapshots(
        {"timestamp": later, "bid": 5900.0, "ask": 5900.25},
        {"contract": "ESM5", "bid": 5950.0, "ask": 5950.25},
        {"bid": 5900.0, "ask": 5900.25},
        {"bid": 5900.0, "ask": 5900.25},
    )
    frame = reference_prices(shots, bars((later, 5.0), (NOON, 5.0)), TICKS)
    keys = frame.select("contract", "timestamp").rows()
    assert keys == [("ESH5", NOON), ("ESH5", later), ("ESM5", NOON)]
    assert set(frame["price_source"]) == {"mid"}
    assert dict(frame.schema) == PRICE_SCHEMA


def test_other_zones_and_precisions_become_utc_microseconds() -> None:
    local = bars((NOON, 5901.5)).with_columns(
        pl.col("ts_end").dt.convert_time_zone("America/New_York").dt.cast_time_unit("ns")
    )
    frame = reference_prices(snapshots(), local, TICKS)
    assert frame["timestamp"].to_list() == [NOON]
    assert dict(frame.schema) == PRICE_SCHEMA


def test_nothing_in_nothing_out() -> None:
    frame = reference_prices(snapshots(), bars(), {})
    assert frame.is_empty()
    assert dict(frame.schema) == PRICE_SCHEMA


def test_a_symbol_without_a_tick_size_is_refused() -> None:
    with pytest.raises(UnknownSymbol, match="'ES' is not known; known are SPY"):
        reference_prices(snapshots({}), bars(), {"SPY": 0.01})


def test_naive_times_are_refused() -> None:
    naive = snapshots({}).with_columns(pl.col("timestamp").dt.replace_time_zone(None))
    with pytest.raises(ValueError, match=r"'timestamp'.*need an aware"):
        reference_prices(naive, bars(), TICKS)
