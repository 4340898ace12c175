"""What the probe says of the broker's answers."""

from datetime import UTC, datetime, timedelta

import ib_async
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.broker.connection import BrokerMessage, RequestTimedOut
from futures_pipeline.collection.findings import (
    Heard,
    Verdict,
    clock_difference_seconds,
    heard_quotes,
    judge_chains,
    judge_clock,
    judge_farms,
    judge_line,
    problem,
)
from futures_pipeline.domain.errors import GatewayUnavailable, RequestFailed
from futures_pipeline.domain.instruments import Kind

NOON = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)
HISTORY = "Historical Market Data Service error message:"
seconds = st.floats(0.0, 3600.0).map(lambda value: timedelta(seconds=value))


def message(code: int, text: str = "") -> BrokerMessage:
    return BrokerMessage(request_id=7, code=code, text=text, con_id=1)


def ticker(**fields: float) -> ib_async.Ticker:
    """Return a ticker that has been told these fields; a new one forgets its arguments."""
    made = ib_async.Ticker()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


# --- market-data lines ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "verdict", "remedy"),
    [
        (354, Verdict.FAIL, "Client Portal"),
        (10089, Verdict.FAIL, "Client Portal"),
        (10168, Verdict.FAIL, "Client Portal"),
        (200, Verdict.FAIL, "exchange"),
        (10197, Verdict.FAIL, "log out"),
        (101, Verdict.FAIL, "fewer symbols"),
        (10090, Verdict.WARN, "Client Portal"),
        (10167, Verdict.WARN, "delayed"),
    ],
)
@pytest.mark.parametrize("opens_at", [None, NOON])
def test_a_refusal_is_told_with_code_and_remedy_whether_the_market_is_open_or_not(
    code: int, verdict: Verdict, remedy: str, opens_at: datetime | None
) -> None:
    line = judge_line("ES quotes", Heard(message(code, "the broker's words"), ""), opens_at)

    assert (line.verdict, line.code) == (verdict, code)
    assert line.found == "none: the broker's words"
    assert remedy in line.remedy


def test_delayed_data_say_so_with_the_prices_that_came() -> None:
    heard = Heard(message(10167, "Displaying delayed market data."), "bid 1.00", "delayed")

    line = judge_line("ES quotes", heard, None)

    assert line.found == "delayed: Displaying delayed market data."


@pytest.mark.parametrize("data_type", ["frozen", "delayed", "delayed_frozen"])
def test_only_live_data_are_ok(data_type: str) -> None:
    assert judge_line("ES quotes", Heard(None, "bid 1.00", data_type), None).verdict is Verdict.WARN
    assert judge_line("ES quotes", Heard(None, "bid 1.00", "live"), None).verdict is Verdict.OK


def test_a_closed_market_is_not_judged_but_its_opening_is_told_in_both_zones() -> None:
    opens_at = datetime(2025, 1, 20, 23, 0, tzinfo=UTC)

    line = judge_line("ES quotes", Heard(None, ""), opens_at)

    assert line.verdict is Verdict.WARN
    assert "cannot judge quotes until 2025-01-20 18:00 New York (23:00 UTC)" in line.found


def test_silence_in_an_open_market_must_be_fixed() -> None:
    assert judge_line("ES quotes", Heard(None, ""), None).verdict is Verdict.FAIL


def test_a_line_is_over_when_it_is_refused_or_complete_but_not_when_it_is_only_delayed() -> None:
    assert Heard(message(354), "").is_over
    assert Heard(None, "bid 1.00, ask 1.25").is_over
    assert not Heard(message(10167), "").is_over
    assert not Heard(None, "last 1.00", is_complete=False).is_over
    assert not Heard(None, "").is_over


@pytest.mark.parametrize(
    ("kind", "fields", "said", "complete"),
    [
        (Kind.FUTURE, {"bid": 4780.25, "ask": 4780.5}, "bid 4,780.25, ask 4,780.50", True),
        (Kind.FUTURE, {"bid": 4780.25, "ask": -1.0}, "bid 4,780.25", False),
        (Kind.ETF, {"last": 478.0}, "last 478.00", False),
        (Kind.INDEX, {"last": 15.97}, "last 15.97", True),
        (Kind.INDEX, {}, "", False),
    ],
)
def test_what_a_ticker_says(
    kind: Kind, fields: dict[str, float], said: str, complete: bool
) -> None:
    heard = heard_quotes(ticker(**fields), kind)

    assert (heard.said, heard.is_complete) == (said, complete)


def test_the_type_of_data_that_really_came_is_told() -> None:
    assert heard_quotes(ticker(marketDataType=3), Kind.ETF).data_type == "delayed"


# --- requests that failed ------------------------------------------------------------------


def test_our_own_errors_are_split_into_what_is_and_what_to_do() -> None:
    line = problem("gateway", GatewayUnavailable("gateway h:1: nothing listens there; start it"))

    assert (line.found, line.remedy) == ("gateway h:1: nothing listens there", "start it")


def test_a_request_without_permission_must_be_fixed_and_a_pacing_violation_not() -> None:
    forbidden = RequestFailed("ES", 162, f"{HISTORY}No market data permissions for CME FUT")
    too_fast = RequestFailed("ES", 162, f"{HISTORY}Historical data request pacing violation")

    assert problem("ES one-minute history", forbidden).verdict is Verdict.FAIL
    assert problem("ES one-minute history", too_fast).verdict is Verdict.WARN


def test_a_request_without_an_answer_must_be_fixed() -> None:
    line = problem("clock", RequestTimedOut("time", 0, "nothing within 10 s"))

    assert (line.verdict, line.found, line.code) == (Verdict.FAIL, "nothing within 10 s", None)


# --- clocks --------------------------------------------------------------------------------


@given(truth=seconds, before=seconds, after=seconds)
def test_equal_clocks_never_seem_to_differ(
    truth: timedelta, before: timedelta, after: timedelta
) -> None:
    """The broker cuts its time to the second; the way there and back takes any time."""
    told = (NOON + truth).replace(microsecond=0)

    assert clock_difference_seconds(told, NOON + truth - before, NOON + truth + after) == 0.0


@given(
    truth=seconds,
    off=st.floats(-600.0, 600.0),
    before=st.floats(0.0, 0.2),
    after=st.floats(0.0, 0.2),
)
def test_the_difference_found_is_at_most_the_true_one_and_at_most_its_doubt_less(
    truth: timedelta, off: float, before: float, after: float
) -> None:
    ours = NOON + truth
    told = (ours + timedelta(seconds=off)).replace(microsecond=0)
    asked, answered = ours - timedelta(seconds=before), ours + timedelta(seconds=after)

    found = clock_difference_seconds(told, asked, answered)

    assert found * off >= 0.0
    assert abs(off) - 1.0 - before - after - 1e-5 <= abs(found) <= abs(off) + 1e-5


@pytest.mark.parametrize(
    ("difference", "verdict", "words"),
    [
        (0.0, Verdict.OK, "agrees"),
        (1.0, Verdict.OK, "agrees"),
        (1.1, Verdict.WARN, "1.1 s behind the broker"),
        (-90.0, Verdict.WARN, "90.0 s ahead of the broker"),
    ],
)
def test_more_than_a_second_is_told(difference: float, verdict: Verdict, words: str) -> None:
    line = judge_clock(difference)

    assert line.verdict is verdict
    assert words in line.found


# --- farms and options ---------------------------------------------------------------------


def test_the_last_word_on_each_farm_counts() -> None:
    lines = judge_farms(
        [
            message(2104, "Market data farm connection is OK:usfarm"),
            message(2105, "HMDS data farm connection is broken:ushmds"),
            message(2103, "Market data farm connection is broken:usfarm"),
            message(2106, "HMDS data farm connection is OK:ushmds"),
            message(2108, "Market data farm connection is inactive but available:usfuture"),
            message(354, "something else"),
        ]
    )

    verdicts = {line.subject: (line.verdict, line.code) for line in lines}
    assert verdicts == {
        "farm usfarm": (Verdict.WARN, 2103),
        "farm ushmds": (Verdict.OK, 2106),
        "farm usfuture": (Verdict.OK, 2108),
    }


def test_a_gateway_that_has_lost_the_broker_must_be_fixed_until_it_is_back() -> None:
    lost, back = message(1100, "Connectivity lost"), message(1102, "restored")

    assert judge_farms([lost])[0].verdict is Verdict.FAIL
    assert judge_farms([lost, back])[0].verdict is Verdict.OK


def test_a_gateway_that_tells_of_no_farm_is_suspicious() -> None:
    (line,) = judge_farms([])

    assert line.verdict is Verdict.WARN


def test_option_chains_are_counted_over_all_exchanges() -> None:
    chains = [
        ib_async.OptionChain("SMART", "756733", "SPY", "100", ["20250117"], [480.0, 481.0]),
        ib_async.OptionChain("CBOE", "756733", "SPY", "100", ["20250117", "20250221"], [481.0]),
    ]

    assert judge_chains("SPY option chains", chains).found == "2 expiries, 2 strikes"
    assert judge_chains("SPY option chains", []).verdict is Verdict.WARN
