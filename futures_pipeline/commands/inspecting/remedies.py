"""What a person does about a cause of missing minutes, or about a request that failed."""

from collections.abc import Mapping

from futures_pipeline.collection.broker.codes import CODES, TEXTS
from futures_pipeline.domain.causes import Cause

FOR_CAUSE: Mapping[Cause, str] = {
    Cause.BAR_REFUSED: "the check bars_1m_no_refused_rows shows the row and the rule it broke",
    Cause.NO_TRADES: "nothing: there was no trade",
    Cause.COLLECTOR_DOWN: "keep futures-pipeline run going; history fills bars, not snapshots",
    Cause.NIGHTLY_RESET: "nothing: the broker does this every night",
    Cause.GATEWAY_DOWN: "start IB Gateway; let it restart itself daily instead of logging off",
    Cause.CONNECTION_LOST: "nothing, unless it comes often: then see logs/collector.log",
    Cause.UPSTREAM_LOST: "nothing, unless it lasts: then check the internet connection",
    Cause.FARM_BROKEN: "nothing: the fault is the broker's",
    Cause.COMPETING_SESSION: "log out of the other live session of this user",
    Cause.NO_PERMISSION: "subscribe in IBKR's Client Portal; futures-pipeline doctor says to what",
    Cause.NO_FREE_LINE: "close other programs of this user, or collect fewer symbols",
    Cause.PACING: "nothing: it is asked again",
    Cause.HISTORY_FAILED: "futures-pipeline queue shows the request and the broker's answer",
    Cause.STREAM_SILENT: "futures-pipeline doctor; restart IB Gateway if it lasts",
    Cause.UNKNOWN: "history may fill it within an hour; if not, see logs/collector.log of then",
}
FOR_ERROR_KIND: Mapping[str, str] = {
    "timed_out": "nothing, unless it comes often: then futures-pipeline doctor",
    "not_listed": "the broker does not list this contract; check collection.front_month",
    "collector_stopped": "nothing: the moment it was for has passed",
    "market_closed": "nothing: the market is closed",
    "no_price_yet": "nothing, unless it lasts: then futures-pipeline doctor",
    "stale_stream": "futures-pipeline doctor; restart IB Gateway if it lasts",
}
ELSE = "see logs/collector.log"


def for_error_kind(kind: str) -> str:
    """Return what to do about a request that met an error of this kind.

    The broker's own codes come first, then ours, then the causes of gaps.
    """
    meanings = (*CODES.values(), *(found for _, found in TEXTS))
    told = {found.kind: found.remedy for found in meanings if found.remedy}
    causes = {cause.value: remedy for cause, remedy in FOR_CAUSE.items()}
    return {**causes, **FOR_ERROR_KIND, **told}.get(kind, ELSE)
