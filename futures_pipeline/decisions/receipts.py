"""What a stored row was made from, so that it can be made again and compared.

A receipt names the versions of all tables that were read, the settings that shape the result,
and the code. The same inputs and the same code give the same row, to the last digit.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

ID_DIGITS, HASH_DIGITS = 16, 12
# Of a row, what tells when and by what it was made, and not what it says.
NOT_COMPARED = frozenset({"id", "computed_at", "receipt"})
# What a result depends on: the calendar, the statistics, the rules and how rows are read.
SHAPING_CODE = ("domain", "analytics", "decisions", "api/deciding")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one row was made from.

    ``versions``: of each table that was read, -1 where it was absent. ``data_types``: what the
    broker last sent, by contract. ``coverage``: minutes stored and expected of the session so
    far, by contract. ``settings``: by section and key. ``code``: see :func:`code_version`.
    """

    table: str
    symbol: str
    as_of: datetime
    versions: Mapping[str, int]
    contracts: tuple[str, ...]
    data_types: Mapping[str, str]
    coverage: Mapping[str, tuple[int, int]]
    settings: Mapping[str, Mapping[str, Any]]
    code: str

    @property
    def id(self) -> str:
        """The row's name: of its table, subject and moment, the settings and the code."""
        parts = (self.table, self.symbol, self.as_of.isoformat(), self.settings_hash, self.code)
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:ID_DIGITS]

    @property
    def settings_hash(self) -> str:
        """A short hash of the settings."""
        text = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


class Difference(NamedTuple):
    """A column whose value is not what it was."""

    column: str
    stored: object
    again: object


def encoded(receipt: Receipt) -> str:
    """Return a receipt as text that :func:`decoded` reads back."""
    told = asdict(receipt) | {"as_of": receipt.as_of.isoformat()}
    told["settings_hash"] = receipt.settings_hash
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def decoded(text: str) -> Receipt:
    """Return the receipt that :func:`encoded` wrote."""
    told = json.loads(text)
    del told["settings_hash"]
    return Receipt(
        **told
        | {
            "as_of": datetime.fromisoformat(told["as_of"]),
            "contracts": tuple(told["contracts"]),
            "coverage": {name: tuple(counts) for name, counts in told["coverage"].items()},
        }
    )


def differences(stored: Mapping[str, Any], again: Mapping[str, Any]) -> list[Difference]:
    """Return the columns in which a row made again is not the stored one, none when equal."""
    return [
        Difference(name, value, again.get(name))
        for name, value in stored.items()
        if name not in NOT_COMPARED and value != again.get(name)
    ]


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return a short hash of the code that results depend on; any change of it is another."""
    package = Path(__file__).parents[1]
    found = hashlib.sha256()
    for folder in SHAPING_CODE:
        for path in sorted((package / folder).rglob("*.py")):
            found.update(str(path.relative_to(package)).encode())
            found.update(path.read_bytes())
        for path in sorted((package / folder).rglob("*.toml")):
            found.update(path.read_bytes())
    return found.hexdigest()[:HASH_DIGITS]
