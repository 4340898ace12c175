"""A page as plain text, for a terminal, a mail or a message."""

from collections.abc import Iterable, Sequence
from textwrap import wrap

from futures_pipeline.decisions.brief.page import Card, Grid, Page, Section
from futures_pipeline.decisions.brief.words import both_times

WIDTH = 78
LABEL = 26


def as_text(page: Page) -> str:
    """Return a page as text of lines up to 78 characters where a value allows."""
    lines = [
        f"Morning brief, {page.session_date:%A %Y-%m-%d}",
        f"As of {both_times(page.as_of)}; made {page.made_at:%Y-%m-%d %H:%M} UTC.",
        "",
        *in_short(page),
    ]
    for section in page.sections:
        lines += ["", section.title.upper(), *_section(section)]
    return "\n".join([*lines, "", *_wrapped(page.footer)]) + "\n"


def in_short(page: Page) -> list[str]:
    """Return the lines that fit into a message: each market, and the data grade with causes."""
    lines = [f"{fact.label}  {fact.value}" for fact in page.headline]
    return [*lines, f"Data grade {page.grade.letter}", *_wrapped(page.grade.causes, "  ")]


def _section(section: Section) -> Iterable[str]:
    yield from _wrapped(section.says)
    for card in section.cards:
        yield from _card(card)
    if section.grid is not None:
        yield from _grid(section.grid)


def _card(card: Card) -> Iterable[str]:
    yield f"  {card.title}"
    for fact in card.facts:
        yield f"    {fact.label:<{LABEL}} {fact.value}"
    yield from _wrapped(card.says, "    ")


def _grid(grid: Grid) -> Iterable[str]:
    if grid.title is not None:
        yield f"  {grid.title}"
    columns = list(zip(grid.head, *grid.rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    for row in (grid.head, *grid.rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _wrapped(sentences: Sequence[str], indent: str = "") -> list[str]:
    return [
        line
        for sentence in sentences
        for line in wrap(sentence, WIDTH, initial_indent=indent, subsequent_indent=indent)
    ]
