"""What the broker's codes mean for a request, as data.

Sources: IBKR message codes; ib_insync issues 17, 234, 268 and Lean issue 1837 for the
meanings of 162; see docs/architecture.md.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What to do with the request that met a code."""

    NO_DATA = "no_data"  # answered: there is nothing
    RETRY = "retry"
    DEAD = "dead"  # trying again is pointless until a person acts


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code's kind, what to do, and the remedy a person is told."""

    kind: str
    outcome: Outcome
    remedy: str = ""


NOT_SUBSCRIBED = Meaning(
    "not_subscribed",
    Outcome.DEAD,
    "subscribe to this market's data in IBKR's Client Portal, then restart the collector",
)
CODES: dict[int, Meaning] = {
    200: Meaning("no_such_contract", Outcome.DEAD, "check the symbol and its exchange"),
    354: NOT_SUBSCRIBED,
    10089: NOT_SUBSCRIBED,
    10168: NOT_SUBSCRIBED,
    321: Meaning(
        "invalid_request", Outcome.DEAD, "report this request: the broker refused its form"
    ),
    10197: Meaning(
        "competing_session", Outcome.RETRY, "log out of the other live session of this user"
    ),
    366: Meaning("unknown_request", Outcome.RETRY),
    322: Meaning("duplicate_or_too_many", Outcome.RETRY),
    504: Meaning("not_connected", Outcome.RETRY),
}
# 162 says several things; the text tells which. First match wins.
HISTORY_TEXTS: tuple[tuple[str, Meaning], ...] = (
    ("query returned no data", Meaning("no_data", Outcome.NO_DATA)),
    ("pacing violation", Meaning("pacing", Outcome.RETRY)),
    ("query cancelled", Meaning("cancelled", Outcome.RETRY)),
    ("No market data permissions", NOT_SUBSCRIBED),
)
# Notices about the broker's own servers; they end no request.
FARM_OK = frozenset({2104, 2106, 2107, 2108, 2119, 2158, 2159})
FARM_BROKEN = frozenset({2103, 2105, 2157})
CLIENT_ID_TAKEN = 326


def meaning(code: int, text: str) -> Meaning:
    """Return what ``code`` with ``text`` means; an unknown code is tried again."""
    if code == 162:
        for part, found in HISTORY_TEXTS:
            if part.lower() in text.lower():
                return found
        return Meaning("history_service", Outcome.RETRY)
    return CODES.get(code, Meaning(f"code_{code}", Outcome.RETRY))
