"""Why a minute is missing: the words that coverage, events and alerts share."""

from enum import StrEnum


class Cause(StrEnum):
    """What kept data away, in order of precedence: the first that applies names a gap."""

    BAR_REFUSED = "bar_refused"
    NO_TRADES = "no_trades"
    COLLECTOR_DOWN = "collector_down"
    NIGHTLY_RESET = "nightly_reset"
    GATEWAY_DOWN = "gateway_down"
    CONNECTION_LOST = "connection_lost"
    UPSTREAM_LOST = "upstream_lost"
    FARM_BROKEN = "farm_broken"
    COMPETING_SESSION = "competing_session"
    NO_PERMISSION = "no_permission"
    NO_FREE_LINE = "no_free_line"
    PACING = "pacing"
    HISTORY_FAILED = "history_failed"
    STREAM_SILENT = "stream_silent"
    UNKNOWN = "unknown"

    @property
    def is_explained(self) -> bool:
        """Whether a person needs no alert: what only failed or fell silent has no cause yet."""
        return self not in (Cause.HISTORY_FAILED, Cause.STREAM_SILENT, Cause.UNKNOWN)


CAUSE_IN_WORDS = {
    Cause.BAR_REFUSED: "the broker's bar broke a rule; it is in the quarantine",
    Cause.NO_TRADES: "the broker's history has no bar for the minute either",
    Cause.COLLECTOR_DOWN: "the collector did not run",
    Cause.NIGHTLY_RESET: "the broker's daily server reset",
    Cause.GATEWAY_DOWN: "nothing answered at the gateway's address",
    Cause.CONNECTION_LOST: "the connection to the gateway was lost or dead",
    Cause.UPSTREAM_LOST: "the gateway had lost the broker's servers (1100)",
    Cause.FARM_BROKEN: "the broker's data farm was broken (2103, 2105)",
    Cause.COMPETING_SESSION: "the same user was logged in elsewhere (10197)",
    Cause.NO_PERMISSION: "the account has no subscription for these data",
    Cause.NO_FREE_LINE: "all market-data lines were in use (101)",
    Cause.PACING: "the broker's request limits were reached",
    Cause.HISTORY_FAILED: "the broker's history refused the request or did not answer",
    Cause.STREAM_SILENT: "the stream said nothing though everything else worked",
    Cause.UNKNOWN: "no event explains it",
}
