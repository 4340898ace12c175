"""How often a fault strikes, and whom."""

import math
from dataclasses import dataclass

ANY = ""


@dataclass
class Charge:
    """How many times a fault still strikes; infinite until it is healed."""

    left: float

    @classmethod
    def of(cls, count: int) -> "Charge":
        """Return a charge for ``count`` times; 0 is until healed."""
        return cls(count or math.inf)

    def take(self) -> bool:
        """Use one up; False when none is left."""
        if self.left <= 0:
            return False
        self.left -= 1
        return True


def concerns(symbols: str, symbol: str) -> bool:
    """Return whether a symbol is among those of a comma-separated text; empty is every one.

    >>> concerns("ES,NQ", "NQ"), concerns("ES", "NQ"), concerns("", "NQ")
    (True, False, True)
    """
    return symbols == ANY or symbol in symbols.split(",")
