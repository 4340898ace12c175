"""The broker's codes: what they mean, in which words, and that no account number is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.broker.codes import (
    CODES,
    FARMS,
    NOTICES,
    TEXTS,
    Notice,
    Outcome,
    meaning,
    redacted,
)
from futures_pipeline.domain.causes import Cause

SERVICE = "Historical Market Data Service error message:"
REALTIME = "Invalid Real-time Query:"


@pytest.mark.parametrize(
    ("code", "text", "kind", "outcome"),
    [
        (162, f"{SERVICE}HMDS query returned no data: ESM3@CME Trades", "no_data", "no_data"),
        (162, f"{SERVICE}Historical data request pacing violation", "pacing", "retry"),
        (162, f"{SERVICE}API historical data query cancelled: 28", "cancelled", "retry"),
        (162, f"{SERVICE}No market data permissions for GLOBEX FUT", "not_subscribed", "dead"),
        (162, f"{SERVICE}something new", "history_service", "retry"),
        (420, f"{REALTIME}Historical data request pacing violation", "pacing", "retry"),
        (420, f"{REALTIME}No market data permissions for ARCA STK", "not_subscribed", "dead"),
        (420, f"{REALTIME}something new", "realtime_bars", "retry"),
        (200, "No security definition has been found", "no_such_contract", "dead"),
        (354, "Requested market data is not subscribed.", "not_subscribed", "dead"),
        (10089, "Requested market data requires additional subscription", "not_subscribed", "dead"),
        (10168, "Requested market data is not subscribed. Delayed", "not_subscribed", "dead"),
        (10090, "Part of requested market data is not subscribed.", "part_subscribed", "retry"),
        (10167, "Displaying delayed market data.", "delayed_data", "retry"),
        (10197, "No market data during competing live session", "competing_session", "retry"),
        (101, "Max number of tickers has been reached", "no_free_line", "retry"),
        (322, "Duplicate ticker id", "duplicate_or_too_many", "retry"),
        (504, "Not connected", "not_connected", "retry"),
        (99999, "a code of next year", "code_99999", "retry"),
    ],
)
def test_codes_have_their_meaning(code: int, text: str, kind: str, outcome: str) -> None:
    found = meaning(code, text)

    assert (found.kind, found.outcome) == (kind, Outcome(outcome))


@pytest.mark.parametrize("words", ["pacing violation", "PACING VIOLATION", "Pacing Violation"])
def test_the_broker_s_capitals_do_not_matter(words: str) -> None:
    assert meaning(162, f"{SERVICE}{words}").kind == "pacing"


def test_the_words_count_only_with_the_codes_that_need_them() -> None:
    assert meaning(200, "pacing violation").kind == "no_such_contract"
    assert meaning(366, "query returned no data").outcome is Outcome.RETRY


@pytest.mark.parametrize(
    ("code", "text", "cause"),
    [
        (354, "", Cause.NO_PERMISSION),
        (162, f"{SERVICE}No market data permissions for ARCA STK", Cause.NO_PERMISSION),
        (162, f"{SERVICE}pacing violation", Cause.PACING),
        (162, f"{SERVICE}something new", Cause.HISTORY_FAILED),
        (101, "", Cause.NO_FREE_LINE),
        (10197, "", Cause.COMPETING_SESSION),
        (504, "", Cause.CONNECTION_LOST),
        (99999, "", Cause.HISTORY_FAILED),
    ],
)
def test_a_gap_is_named_after_what_the_broker_said(code: int, text: str, cause: Cause) -> None:
    assert meaning(code, text).cause is cause


@given(st.integers(-1, 20_000), st.sampled_from(["", "nobody knows this", "returned data"]))
def test_only_the_broker_s_own_words_say_that_there_is_nothing(code: int, text: str) -> None:
    """Whatever else comes is no answer: an empty result would look like a market at rest."""
    assert meaning(code, text).outcome is not Outcome.NO_DATA


def test_what_is_dead_at_once_tells_a_person_what_to_do() -> None:
    dead = [
        found
        for found in [*CODES.values(), *(found for _, found in TEXTS)]
        if found.outcome is Outcome.DEAD
    ]

    assert dead
    assert all(found.remedy for found in dead)


def test_every_farm_notice_belongs_to_a_farm_and_no_other_does() -> None:
    of_farms = {
        code for code, notice in NOTICES.items() if notice in (Notice.FARM_OK, Notice.FARM_BROKEN)
    }

    assert of_farms == set(FARMS)


@pytest.mark.parametrize("broken", [2103, 2105, 2157])
def test_what_breaks_has_a_notice_that_it_is_well_again(broken: int) -> None:
    well = {
        code
        for code, farm in FARMS.items()
        if farm is FARMS[broken] and NOTICES[code] is Notice.FARM_OK
    }

    assert broken + 1 in well


# --- account numbers -------------------------------------------------------------------------

ACCOUNTS = st.builds(
    lambda letters, number: f"{letters}{number}",
    st.sampled_from(["U", "DU", "F", "DF", "I"]),
    st.integers(100_000, 999_999_999),
)
words = st.text(alphabet="abc ,.:'-", max_size=20)


@given(words, ACCOUNTS, words)
def test_account_numbers_are_taken_out_wherever_they_stand(
    before: str, account: str, after: str
) -> None:
    text = redacted(f"{before} {account} {after}")

    assert account not in text
    assert "(account)" in text
    assert text.startswith(before)
    assert text.endswith(after)


@pytest.mark.parametrize(
    "text",
    [
        "No security definition for ESH5@CME",
        "HMDS query returned no data: RTYM5@CME Trades",
        "Market data farm connection is OK:usfarm",
        "client id 17, request 1234567",
        "",
    ],
)
def test_other_words_and_numbers_stay(text: str) -> None:
    assert redacted(text) == text
