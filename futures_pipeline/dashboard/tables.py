"""Tables as HTML: every text escaped, numbers to the right, colours that two themes share."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from futures_pipeline.dashboard.words import UNKNOWN

Row = Mapping[str, Any]
TONES = ("good", "bad", "warn", "mute")
LONG_TEXT = 60  # characters from which a cell is given room
TWO_TIMES = re.compile(r"(?<=UTC) (?=\(\d\d:\d\d New York\)$)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a page's table.

    ``text`` makes a cell of a row; ``tone`` says its colour, one of ``TONES`` or nothing. A
    word that has no unit of its own needs one in the head.
    """

    head: str
    text: Callable[[Row], str]
    tone: Callable[[Row], str] = lambda _: ""
    is_number: bool = False


def plain(name: str) -> Callable[[Row], str]:
    """Return the cell that shows a value as it is."""
    return lambda row: UNKNOWN if row.get(name) is None else str(row[name])


def sign_tone(name: str) -> Callable[[Row], str]:
    """Return the colour of a change: good above 0, bad below."""

    def tone(row: Row) -> str:
        value = row.get(name)
        if value is None or value == 0:
            return ""
        return "good" if value > 0 else "bad"

    return tone


def html_table(columns: Sequence[Column], rows: Iterable[Row], label: str) -> str:
    """Return a table that scrolls in its own frame where the page is narrow."""
    heads = "".join(f"<th scope='col'{_right(c)}>{escape(c.head)}</th>" for c in columns)
    body = "".join(f"<tr>{''.join(_cell(c, row) for c in columns)}</tr>" for row in rows)
    return (
        f"<div class='fp-table' tabindex='0' role='region' aria-label='{escape(label)}'>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(column: Column, row: Row) -> str:
    text, tone = column.text(row), column.tone(row)
    names = [
        name
        for name, applies in (
            ("fp-number", column.is_number),
            ("fp-long", len(text) > LONG_TEXT),
            ("fp-time", bool(TWO_TIMES.search(text))),
            (f"fp-{tone}", bool(tone)),
        )
        if applies
    ]
    attribute = f" class='{' '.join(names)}'" if names else ""
    return f"<td{attribute}>{TWO_TIMES.sub('<br>', escape(text))}</td>"


def _right(column: Column) -> str:
    return " class='fp-number'" if column.is_number else ""
