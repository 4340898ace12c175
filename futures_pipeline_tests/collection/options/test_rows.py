"""What becomes of a ticker's values, and of those that did not come."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import ib_async
import pytest

from futures_pipeline.collection.normalize import quote_of, to_batches
from futures_pipeline.collection.options.chains import OptionContract
from futures_pipeline.collection.options.rows import (
    Computed,
    Greeks,
    computed,
    counts,
    ended,
    greeks_of,
    option_row,
    says_something,
)
from futures_pipeline.collection.options.window import Reading
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.storage.schemas import split
from futures_pipeline.storage.tables import OPTION_SNAPSHOTS

NAN = float("nan")
DUE = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
NOW = DUE + timedelta(seconds=12)
TIMES = (DUE, NOW)
EXPIRY = date(2025, 2, 21)
CALL = OptionContract(
    "SPY", "SPY   250221C00590000", 9, EXPIRY, 590.0, "C", ib_async.Contract(conId=9)
)
PUT = OptionContract(
    "SPY", "SPY   250221P00590000", 10, EXPIRY, 590.0, "P", ib_async.Contract(conId=10)
)
MODEL = ib_async.OptionComputation(1, 0.16, 0.45, 9.5, 0.2, 0.012, 0.71, -0.15, 586.2)
RECEIVED = (Computed(0.16, 0.45, 0.012, 0.71, -0.15, 586.2), NOW - timedelta(seconds=2))


def told_only(**values: Any) -> ib_async.Ticker:
    """Return a ticker that was told these values; its constructor would unset them."""
    ticker = ib_async.Ticker(contract=CALL.broker_contract)
    for name, value in values.items():
        setattr(ticker, name, value)
    return ticker


def ticker(**values: Any) -> ib_async.Ticker:
    """Return a ticker that was told everything, with ``values`` in place of its own."""
    told = {
        "bid": 9.4,
        "ask": 9.6,
        "bidSize": 31.0,
        "askSize": 7.0,
        "last": 9.45,
        "lastTimestamp": NOW - timedelta(minutes=3),
        "volume": 812.0,
        "callVolume": 812.0,
        "putVolume": 0.0,
        "callOpenInterest": 5000.0,
        "putOpenInterest": 0.0,
        "modelGreeks": MODEL,
    }
    return told_only(**{**told, **values})


def row(told: ib_async.Ticker, option: OptionContract = CALL) -> dict[str, Any]:
    received = RECEIVED if told.modelGreeks is not None else None
    return option_row(option, told, quote_of(told), greeks_of(told, received, NOW), TIMES)


def test_everything_that_came_is_in_the_row() -> None:
    found = row(ticker())

    assert found["contract"] == "SPY   250221C00590000"
    assert (found["round_at"], found["timestamp"], found["received_at"]) == (DUE, NOW, NOW)
    assert (found["bid"], found["ask"], found["bid_size"], found["ask_size"]) == (9.4, 9.6, 31, 7)
    assert (found["last"], found["volume"], found["open_interest"]) == (9.45, 812, 5000)
    assert (found["iv"], found["delta"], found["theta"]) == (0.16, 0.45, -0.15)
    assert (found["greeks"], found["greeks_at"]) == ("model", NOW - timedelta(seconds=2))
    assert found["underlying_price"] == 586.2


def test_rows_keep_the_tables_rules() -> None:
    calendar = load_calendar(date(2024, 12, 1), date(2025, 12, 31))
    rows = [row(ticker()), row(ib_async.Ticker(), PUT)]
    (batch,) = to_batches(OPTION_SNAPSHOTS.name, rows, calendar, "round_at")

    assert batch.session_date == date(2025, 1, 15)
    assert split(batch.rows, OPTION_SNAPSHOTS, {"SPY"}).refused.is_empty()


@pytest.mark.parametrize(
    ("values", "columns"),
    [
        ({"bid": -1.0, "bidSize": 0.0}, ("bid",)),
        ({"bid": 0.0}, ("bid",)),
        ({"ask": NAN, "askSize": NAN}, ("ask", "ask_size")),
        ({"last": -1.0}, ("last",)),
        ({"callVolume": NAN, "volume": NAN}, ("volume",)),
        ({"callVolume": -1.0}, ("volume",)),
        ({"callOpenInterest": NAN}, ("open_interest",)),
        ({"lastTimestamp": None}, ("last_at",)),
    ],
)
def test_what_stands_for_nothing_is_null(values: dict[str, Any], columns: tuple[str, ...]) -> None:
    found = row(ticker(**values))
    nulls = {name for name, value in found.items() if value is None}
    assert nulls == set(columns)


def test_open_interest_zero_is_a_number() -> None:
    assert row(ticker(callOpenInterest=0.0))["open_interest"] == 0.0


def test_a_put_has_the_puts_open_interest() -> None:
    told = ticker(callOpenInterest=0.0, putOpenInterest=77.0, callVolume=0.0, putVolume=5.0)
    found = row(told, PUT)
    assert (found["open_interest"], found["volume"]) == (77.0, 5.0)


def test_the_plain_volume_stands_in_for_that_by_right() -> None:
    assert row(ticker(callVolume=NAN, volume=31.0))["volume"] == 31.0


@pytest.mark.parametrize(
    "told",
    [
        None,
        ib_async.OptionComputation(1),
        ib_async.OptionComputation(1, None, 0.45, 9.5, 0.2, 0.012, 0.71, -0.15, 586.2),
        ib_async.OptionComputation(1, 0.0, 0.45, 9.5, 0.2, 0.012, 0.71, -0.15, 586.2),
        ib_async.OptionComputation(1, NAN, 0.45, 9.5, 0.2, 0.012, 0.71, -0.15, 586.2),
    ],
)
def test_a_computation_without_a_volatility_is_none(
    told: ib_async.OptionComputation | None,
) -> None:
    assert computed(told) is None


def test_greeks_that_were_not_computed_are_null() -> None:
    """The library makes None of some of the broker's -2 and passes others through."""
    told = ib_async.OptionComputation(1, 0.2, None, None, None, NAN, -2.0, -2.0, None)
    assert computed(told) == Computed(0.2, None, None, None, None, None)


def test_quotes_stand_in_for_the_model() -> None:
    bid = ib_async.OptionComputation(1, 0.14, 0.40, 9.4, 0.2, 0.010, 0.70, -0.14, 586.2)
    ask = ib_async.OptionComputation(1, 0.18, 0.50, 9.6, 0.2, None, 0.72, -0.16, 586.4)
    found = row(ticker(modelGreeks=None, bidGreeks=bid, askGreeks=ask))

    assert (found["greeks"], found["greeks_at"]) == ("bid_ask", NOW)
    assert (found["iv"], found["delta"]) == (pytest.approx(0.16), pytest.approx(0.45))
    assert (found["underlying_price"], found["gamma"]) == (pytest.approx(586.3), None)


def test_one_side_alone_stands_in_for_nothing() -> None:
    """Half a quote's volatility is biased by half a spread."""
    found = row(ticker(modelGreeks=None, bidGreeks=MODEL))
    assert (found["greeks"], found["iv"], found["greeks_at"]) == ("missing", None, None)


def test_an_earlier_rounds_greeks_are_late() -> None:
    received = (RECEIVED[0], NOW - timedelta(minutes=5))
    found = greeks_of(ticker(modelGreeks=None), received, NOW)
    assert found == Greeks("late", RECEIVED[0], NOW - timedelta(minutes=5))


def test_quotes_of_now_are_better_than_the_model_of_before() -> None:
    received = (RECEIVED[0], NOW - timedelta(minutes=5))
    told = ticker(modelGreeks=None, bidGreeks=MODEL, askGreeks=MODEL)
    assert greeks_of(told, received, NOW).source == "bid_ask"


def test_greeks_that_are_too_old_are_missing() -> None:
    received = (RECEIVED[0], NOW - timedelta(minutes=15, seconds=1))
    assert greeks_of(ticker(modelGreeks=None), received, NOW).source == "missing"


def test_an_option_that_said_nothing_has_no_row() -> None:
    silent = ib_async.Ticker()
    assert not says_something(row(silent))
    late = greeks_of(silent, (RECEIVED[0], NOW - timedelta(minutes=5)), NOW)
    assert not says_something(option_row(CALL, silent, quote_of(silent), late, TIMES))
    assert says_something(row(told_only(volume=0.0)))
    assert says_something(row(told_only(modelGreeks=MODEL)))


def test_counts_tell_what_came() -> None:
    rows = [
        row(ticker()),
        row(ticker(bid=-1.0)),
        row(ticker(bid=-1.0, ask=-1.0, last=-1.0, modelGreeks=None)),
        row(ticker(callOpenInterest=NAN)),
    ]
    assert counts(rows) == {
        "answered": 3,
        "with_quote": 2,
        "with_greeks": 3,
        "with_open_interest": 3,
    }
    assert set(counts([]).values()) == {0}


def test_a_round_is_complete_or_cut_for_a_reason() -> None:
    assert ended("") == {"ended": "complete", "reason": None}
    assert ended("time_out") == {"ended": "cut", "reason": "time_out"}


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, 0),
        ({"bid": -1.0, "bidSize": 0.0}, 0),  # told that nobody bids
        ({"ask": NAN}, 1),
        ({"volume": NAN, "callVolume": NAN, "callOpenInterest": NAN}, 2),
        ({"callVolume": NAN}, 0),
        ({"putOpenInterest": NAN}, 0),
        ({"modelGreeks": None, "bidGreeks": MODEL, "askGreeks": MODEL}, 1),
    ],
)
def test_a_line_waits_for_what_a_row_needs(values: dict[str, Any], missing: int) -> None:
    reading = Reading(CALL, ticker(**values))
    assert reading.missing == missing
    reading.is_refused = True
    assert reading.missing == 0


def test_only_a_new_computation_is_taken() -> None:
    """A later quote does not make old greeks younger."""
    reading = Reading(CALL, ticker())
    assert reading.take() == RECEIVED[0]
    reading.ticker.bid = 9.5
    assert reading.take() is None
    reading.ticker.modelGreeks = ib_async.OptionComputation(1, 0.17, 0.46)
    assert reading.take() == Computed(0.17, 0.46, None, None, None, None)


def test_a_quote_torn_between_two_messages_is_not_taken() -> None:
    reading = Reading(CALL, ticker())
    reading.take()
    reading.ticker.bid = 9.7
    reading.take()
    assert (reading.quote.bid, reading.quote.ask) == (9.4, 9.6)
    reading.ticker.ask = 9.8
    reading.take()
    assert (reading.quote.bid, reading.quote.ask) == (9.7, 9.8)
