"""What is wrong at the moment, as the broker's other parts ask it.

Plain values: the modules of faults set and clear them, sessions, streams and requests read.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from futures_pipeline.simulator.faults.counting import ANY, Charge, concerns
from futures_pipeline.simulator.faults.plants import Plant
from futures_pipeline.simulator.protocol.messages import Fields, size_text

UPSTREAM, MARKET_FARM, HISTORY_FARM = "upstream", "market", "history"
HISTORY_IDS = frozenset({"20", "87"})
UPSTREAM_IDS = HISTORY_IDS | {"1", "9", "50"}
# Where the messages of a line have their tick type.
TYPE_AT = {"1": 3, "2": 3, "21": 2, "45": 3, "46": 3}
REVISED_VOLUME = 1


@dataclass
class Refusal:
    """An error that answers requests in place of their answer."""

    code: int
    text: str
    message_ids: frozenset[str]
    symbols: str
    charge: Charge


@dataclass(frozen=True)
class Entitlement:
    """Less than live data for new quote lines: a notice, and what becomes of each tick type.

    A type that is not in ``kinds`` is not sent. ``data_type`` is what message 58 says (None:
    what was asked for); the data are ``delay_seconds`` old.
    """

    code: int
    text: str
    kinds: Mapping[str, str]
    data_type: int | None = None
    symbols: str = ANY
    delay_seconds: float = 0.0

    def shown(self, message: Fields) -> Fields | None:
        """Return a message of a line as the client gets it, None when it may not have it."""
        at = TYPE_AT.get(message[0])
        if at is None:
            return message
        kind = self.kinds.get(message[at])
        return None if kind is None else (*message[:at], kind, *message[at + 1 :])


@dataclass
class HistoryChange:
    """What happens to the bars of history answers: see ``Faults.altered``."""

    kind: str
    symbols: str
    charge: Charge
    points: float = 0.0
    bar: tuple[int, int] | None = None  # start and length of the revised bar


@dataclass
class Faults:
    """The faults in force."""

    silenced: set[str] = field(default_factory=set)
    plants: list[Plant] = field(default_factory=list)
    muted: list[str] = field(default_factory=list)  # one entry for each fault that mutes
    lost: list[str] = field(default_factory=list)
    competing: bool = False
    refusals: list[Refusal] = field(default_factory=list)
    entitlements: list[Entitlement] = field(default_factory=list)
    history: list[HistoryChange] = field(default_factory=list)
    history_delay_seconds: float = 0.0
    skew_seconds: float = 0.0
    ghosts: set[int] = field(default_factory=set)
    doors: dict[str, asyncio.Event] = field(default_factory=dict)

    def take(self, symbol: str, stream: str) -> Plant | None:
        """Return the plant for this update and use up one of its count."""
        return next((plant for plant in self.plants if plant.takes(symbol, stream)), None)

    def is_quiet(self, symbol: str) -> bool:
        """Return whether no stream of a symbol says anything."""
        unreachable = UPSTREAM in self.lost or MARKET_FARM in self.lost
        return unreachable or self.competing or symbol in self.silenced

    def holds(self, message_id: str) -> bool:
        """Return whether a request waits until what it needs can be reached again."""
        return (UPSTREAM in self.lost and message_id in UPSTREAM_IDS) or (
            HISTORY_FARM in self.lost and message_id in HISTORY_IDS
        )

    def refusal(self, message_id: str, symbol: str) -> Refusal | None:
        """Return the error for this request and use up one of its count."""
        for refusal in self.refusals:
            wanted = message_id in refusal.message_ids and concerns(refusal.symbols, symbol)
            if wanted and refusal.charge.take():
                return refusal
        return None

    def entitlement(self, symbol: str) -> Entitlement | None:
        """Return what limits a new quote line."""
        return next((it for it in self.entitlements if concerns(it.symbols, symbol)), None)

    async def passed(self, door: str) -> None:
        """Return once a door of the handshake is open."""
        closed = self.doors.get(door)
        if closed is not None:
            await closed.wait()

    def altered(
        self, symbol: str, bar_seconds: int, rows: list[tuple[int, Fields]]
    ) -> list[tuple[int, Fields]] | None:
        """Return the bars of an answer (start, fields) as the faults have them.

        ``no_data`` gives None, ``empty`` no bars, ``missing`` all but the middle one, and
        ``revised`` other values in one: the middle bar of the first answer, and the same bar
        in every later one. At most one fault strikes an answer.
        """
        for change in self.history:
            if concerns(change.symbols, symbol) and change.charge.take():
                return _changed(change, bar_seconds, rows)
        return rows


def _changed(
    change: HistoryChange, bar_seconds: int, rows: list[tuple[int, Fields]]
) -> list[tuple[int, Fields]] | None:
    middle = len(rows) // 2
    if change.kind == "revised":
        change.bar = change.bar or (rows[middle][0], bar_seconds)
        return [
            (start, _revised(row, change.points) if (start, bar_seconds) == change.bar else row)
            for start, row in rows
        ]
    if change.kind == "missing":
        return rows[:middle] + rows[middle + 1 :]
    return [] if change.kind == "empty" else None


def _revised(row: Fields, points: float) -> Fields:
    """Return a bar with close and high moved up and one more traded; still a possible bar."""
    start, opened, high, low, close, volume, wap, count = row
    moved, traded = float(close) + points, float(volume)
    return (
        start,
        opened,
        repr(max(float(high), moved)),
        repr(min(float(low), moved)),
        repr(moved),
        volume if traded < 0 else size_text(traded + REVISED_VOLUME),
        wap,
        count,
    )
