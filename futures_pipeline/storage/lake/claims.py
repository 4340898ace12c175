"""Whether commits that came first touch what a commit is about. Pure.

The library refuses any commit that comes after a removal, whatever was removed. Sessions that
are replaced side by side, in a back-fill for one, have nothing to do with each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from futures_pipeline.storage.lake.commit_log import Action
from futures_pipeline.storage.lake.data_files import sessions_in


@dataclass(frozen=True, slots=True)
class Claim:
    """What a commit depends on.

    The positions ``app_ids`` it moves, the files ``paths`` it removes, the sessions it makes
    anew. An append makes none anew: rows of others beside its own do not touch it.
    """

    app_ids: frozenset[str]
    paths: frozenset[str]
    session_dates: frozenset[date]

    def clashes(self, actions: Iterable[Action]) -> bool:
        """Return whether one of the actions of other commits touches this."""
        return any(self._touches(action) for action in actions)

    def _touches(self, action: Action) -> bool:
        if "txn" in action:
            return action["txn"]["appId"] in self.app_ids
        if "remove" in action:
            return action["remove"]["path"] in self.paths
        if "add" in action:
            return bool(sessions_in(action["add"]["path"]) & self.session_dates)
        return "commitInfo" not in action
