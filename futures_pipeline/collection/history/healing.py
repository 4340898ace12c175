"""Asks the broker's history for every minute that the ledger lacks."""

from collections.abc import Iterable
from datetime import datetime

from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.history.ledger import Span
from futures_pipeline.collection.history.plan import BACKFILL, REPAIR, repair_request
from futures_pipeline.collection.normalize import Listed
from futures_pipeline.domain.sessions import Session
from futures_pipeline.storage.spool import NewRequest

# A minute is not asked for again while a request for it waits, or when one ended for good.
TAKEN = ("pending", "running", "dead")


def repairs(
    keeper: Keeper, wanted: Iterable[tuple[Listed, Session]], cycle: int
) -> list[NewRequest]:
    """Return the requests for what the ledger lacks and nobody is asking for.

    ``cycle`` counts the calls: what history did not have is asked again ever more rarely.
    """
    taken = _taken(keeper)
    return [
        repair_request(listed.instrument.symbol, listed.local_symbol, window)
        for listed, session in wanted
        for window in keeper.windows_to_ask(
            listed, session, cycle, taken.get(listed.local_symbol, ())
        )
    ]


def _taken(keeper: Keeper) -> dict[str, list[Span]]:
    windows: dict[str, list[Span]] = {}
    for parameters in keeper.spool.parameters_of([BACKFILL, REPAIR], TAKEN):
        start, end = (datetime.fromisoformat(parameters[name]) for name in ("from", "to"))
        windows.setdefault(parameters["contract"], []).append((start, end))
    return windows
