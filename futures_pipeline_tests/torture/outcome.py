"""What a kind of torture came to."""

from collections.abc import Callable
from dataclasses import dataclass

from futures_pipeline_tests.torture.truth import Account

NOTHING = Account(0, 0, 0, 0)
# Called once a cycle.
Tick = Callable[[], object]


@dataclass(frozen=True)
class Outcome:
    """A row of the table; ``fails``: what is wrong besides rows; ``skipped``: why not done."""

    name: str
    cycles: int
    account: Account = NOTHING
    note: str = ""
    fails: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def is_ok(self) -> bool:
        return self.account.is_even and not self.fails
