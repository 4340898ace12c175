"""What becomes of a request that failed, by the broker's own words."""

import pytest

from futures_pipeline.collection.broker_codes import Outcome, meaning
from futures_pipeline.collection.requests import after_failure

SERVICE = "Historical Market Data Service error message:"


@pytest.mark.parametrize(
    ("code", "text", "kind", "outcome"),
    [
        (162, f"{SERVICE}HMDS query returned no data: ESM3@CME Trades", "no_data", "no_data"),
        (162, f"{SERVICE}Historical data request pacing violation", "pacing", "retry"),
        (162, f"{SERVICE}API historical data query cancelled: 28", "cancelled", "retry"),
        (162, f"{SERVICE}No market data permissions for GLOBEX FUT", "not_subscribed", "dead"),
        (162, f"{SERVICE}something new", "history_service", "retry"),
        (200, "No security definition has been found", "no_such_contract", "dead"),
        (354, "Requested market data is not subscribed.", "not_subscribed", "dead"),
        (10197, "No market data during competing live session", "competing_session", "retry"),
        (99999, "a code of next year", "code_99999", "retry"),
    ],
)
def test_codes_have_their_meaning(code: int, text: str, kind: str, outcome: str) -> None:
    found = meaning(code, text)

    assert (found.kind, found.outcome) == (kind, Outcome(outcome))


def test_permanent_errors_are_dead_at_once() -> None:
    assert after_failure(1, meaning(200, ""), max_attempts=5) == ("dead", 0.0)


def test_others_wait_longer_each_time_and_end_failed() -> None:
    steps = [after_failure(attempt, meaning(1, ""), max_attempts=4) for attempt in (1, 2, 3, 4)]

    assert steps == [("pending", 5.0), ("pending", 10.0), ("pending", 20.0), ("failed", 0.0)]


def test_no_wait_is_longer_than_five_minutes() -> None:
    assert after_failure(30, meaning(1, ""), max_attempts=99) == ("pending", 300.0)
