"""What the broker's codes mean, as data: for a request, for a stream, for the connection.

Sources: IBKR message codes; ib_insync issues 17, 234, 268 and Lean issue 1837 for the
meanings of 162; see docs/architecture.md.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from futures_pipeline.domain.causes import Cause


class Outcome(StrEnum):
    """What to do with the request that met a code."""

    NO_DATA = "no_data"  # answered: there is nothing
    RETRY = "retry"
    DEAD = "dead"  # trying again is pointless until a person acts


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code's kind, what to do, the remedy a person is told, and the gap's cause."""

    kind: str
    outcome: Outcome
    remedy: str = ""
    cause: Cause = Cause.HISTORY_FAILED


NOT_SUBSCRIBED = Meaning(
    "not_subscribed",
    Outcome.DEAD,
    "subscribe to this market's data in IBKR's Client Portal, then restart the collector",
    Cause.NO_PERMISSION,
)
PART_SUBSCRIBED = Meaning(
    "part_subscribed",
    Outcome.RETRY,
    "some ticks of this market need a further subscription in IBKR's Client Portal",
    Cause.NO_PERMISSION,
)
DELAYED = Meaning(
    "delayed_data",
    Outcome.RETRY,
    "live data are not subscribed: rows are marked delayed and no number is computed from them",
    Cause.NO_PERMISSION,
)
PACING = Meaning(
    "pacing", Outcome.RETRY, "nothing: the collector waits and asks again", Cause.PACING
)
INVALID_REQUEST = 321
CODES: dict[int, Meaning] = {
    200: Meaning(
        "no_such_contract",
        Outcome.DEAD,
        "check the symbol and its exchange",
        Cause.NO_PERMISSION,
    ),
    354: NOT_SUBSCRIBED,
    10089: NOT_SUBSCRIBED,
    10168: NOT_SUBSCRIBED,
    10186: NOT_SUBSCRIBED,
    10090: PART_SUBSCRIBED,
    10091: PART_SUBSCRIBED,
    10167: DELAYED,
    101: Meaning(
        "no_free_line",
        Outcome.RETRY,
        "close other programs of this user, buy quote booster packs, or collect fewer symbols",
        Cause.NO_FREE_LINE,
    ),
    10190: Meaning(
        "no_free_tick_by_tick", Outcome.RETRY, "collect fewer symbols", Cause.NO_FREE_LINE
    ),
    INVALID_REQUEST: Meaning(
        "invalid_request", Outcome.DEAD, "report this request: the broker refused its form"
    ),
    10197: Meaning(
        "competing_session",
        Outcome.RETRY,
        "log out of the other live session of this user (phone, web or another TWS)",
        Cause.COMPETING_SESSION,
    ),
    366: Meaning("unknown_request", Outcome.RETRY),
    322: Meaning("duplicate_or_too_many", Outcome.RETRY, cause=Cause.PACING),
    504: Meaning("not_connected", Outcome.RETRY, cause=Cause.CONNECTION_LOST),
}
# 162 and 420 say several things; the text tells which. First match wins.
TEXTS: tuple[tuple[str, Meaning], ...] = (
    ("query returned no data", Meaning("no_data", Outcome.NO_DATA)),
    ("pacing violation", PACING),
    ("query cancelled", Meaning("cancelled", Outcome.RETRY)),
    ("No market data permissions", NOT_SUBSCRIBED),
)
WORDY_CODES = {162: "history_service", 420: "realtime_bars"}


class Notice(StrEnum):
    """What a message about the connection as a whole means."""

    UPSTREAM_LOST = "upstream_lost"
    DATA_KEPT = "data_kept"
    DATA_LOST = "data_lost"
    FARM_BROKEN = "farm_broken"
    FARM_OK = "farm_ok"
    SOCKET_RESET = "socket_reset"
    TOO_FAST = "too_fast"


class Farm(StrEnum):
    """The broker's servers behind the gateway."""

    MARKET = "market"
    HISTORY = "history"
    DEFINITIONS = "definitions"


# Idle farms (2107, 2108) wake on demand and count as fine.
NOTICES: dict[int, Notice] = {
    100: Notice.TOO_FAST,
    1100: Notice.UPSTREAM_LOST,
    2110: Notice.UPSTREAM_LOST,
    1101: Notice.DATA_LOST,
    1102: Notice.DATA_KEPT,
    1300: Notice.SOCKET_RESET,
    **dict.fromkeys((2103, 2105, 2157), Notice.FARM_BROKEN),
    **dict.fromkeys((2104, 2106, 2107, 2108, 2119, 2158, 2159), Notice.FARM_OK),
}
FARMS: dict[int, Farm] = {
    **dict.fromkeys((2103, 2104, 2108, 2119), Farm.MARKET),
    **dict.fromkeys((2105, 2106, 2107), Farm.HISTORY),
    **dict.fromkeys((2157, 2158, 2159), Farm.DEFINITIONS),
}
CLIENT_ID_TAKEN = 326
COMPETING_SESSION = 10197

# Account numbers such as U1234567 (live) and DU1234567 (paper) stand in some texts.
ACCOUNT = re.compile(r"\b[A-Z]{1,3}\d{6,9}\b")


def redacted(text: str) -> str:
    """Return the broker's words without account numbers."""
    return ACCOUNT.sub("(account)", text)


def meaning(code: int, text: str) -> Meaning:
    """Return what ``code`` with ``text`` means; an unknown code is tried again."""
    if code in WORDY_CODES:
        for part, found in TEXTS:
            if part.lower() in text.lower():
                return found
        return Meaning(WORDY_CODES[code], Outcome.RETRY)
    return CODES.get(code, Meaning(f"code_{code}", Outcome.RETRY))
