"""A page as one HTML file that asks for nothing else: no script, no font, no picture.

Whatever comes from outside (a symbol, an alert, a broker's text) is escaped at one place,
:func:`_safe`; the rest of the page is this module's own.
"""

from collections.abc import Iterable, Sequence
from html import escape

from futures_pipeline.decisions.brief.page import Card, Fact, Grid, Page, Section, Tone
from futures_pipeline.decisions.brief.style import STYLE
from futures_pipeline.decisions.brief.words import both_times

ARROWS = {Tone.UP: "\u25b2 ", Tone.DOWN: "\u25bc ", Tone.WARN: "\u26a0\ufe0e ", Tone.PLAIN: ""}
PATH_WIDTH, PATH_HEIGHT, MOST_POINTS = 280.0, 48.0, 140


def as_html(page: Page) -> str:
    """Return a whole HTML document."""
    title = f"Morning brief {page.session_date}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_safe(title)}</title><style>{STYLE}</style></head><body><main>",
            *_header(page),
            *(line for section in page.sections for line in _section(section)),
            f"<footer>{''.join(f'<p>{_safe(line)}</p>' for line in page.footer)}</footer>",
            "</main></body></html>",
            "",
        ]
    )


def _safe(text: str) -> str:
    return escape(text, quote=True)


def _header(page: Page) -> Iterable[str]:
    yield f"<header><h1>Morning brief <span>{page.session_date:%A %Y-%m-%d}</span></h1>"
    yield f"<p>As of {both_times(page.as_of)}; made {page.made_at:%Y-%m-%d %H:%M} UTC.</p></header>"
    yield '<section class="short"><dl>'
    yield from (_fact(fact) for fact in page.headline)
    yield "</dl>"
    causes = "".join(f"<li>{_safe(cause)}</li>" for cause in page.grade.causes)
    says = f"<ul>{causes}</ul>" if causes else "<p>Everything came.</p>"
    letter = _safe(page.grade.letter)
    yield f'<div class="grade g{letter}"><b>{letter}</b><div>Data grade{says}</div></div></section>'


def _section(section: Section) -> Iterable[str]:
    yield f"<section><h2>{_safe(section.title)}</h2>"
    yield from (f"<p>{_safe(sentence)}</p>" for sentence in section.says)
    if section.cards:
        yield '<div class="cards">'
        yield from (line for card in section.cards for line in _card(card))
        yield "</div>"
    if section.grid is not None:
        yield from _grid(section.grid)
    yield "</section>"


def _card(card: Card) -> Iterable[str]:
    yield f"<article><h3>{_safe(card.title)}</h3>"
    if len(card.path) > 1:
        yield _path(card.path)
    if card.facts:
        yield f"<dl>{''.join(map(_fact, card.facts))}</dl>"
    yield from (f"<p>{_safe(sentence)}</p>" for sentence in card.says)
    yield "</article>"


def _fact(fact: Fact) -> str:
    value = f"{ARROWS[fact.tone]}{_safe(fact.value)}"
    return f'<div><dt>{_safe(fact.label)}</dt><dd class="{fact.tone}">{value}</dd></div>'


def _grid(grid: Grid) -> Iterable[str]:
    if grid.title is not None:
        yield f"<details><summary>{_safe(grid.title)}</summary>"
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f"<th>{_safe(name)}</th>" for name in grid.head)
    yield "</tr></thead><tbody>"
    for first, *rest in grid.rows:
        cells = "".join(f"<td>{_safe(cell)}</td>" for cell in rest)
        yield f'<tr><th scope="row">{_safe(first)}</th>{cells}</tr>'
    yield "</tbody></table></div>" + ("" if grid.title is None else "</details>")


def _path(prices: Sequence[float]) -> str:
    """Return a price path as a line that fills its width; dotted, where it started."""
    shown = prices[:: 1 + len(prices) // MOST_POINTS]
    low, high = min(shown), max(shown)
    scale = (PATH_HEIGHT - 4) / (high - low) if high > low else 0.0
    step = PATH_WIDTH / (len(shown) - 1)
    places = [
        (index * step, PATH_HEIGHT - 2 - (price - low) * scale) for index, price in enumerate(shown)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    start = f"{places[0][1]:.1f}"
    return (
        f'<svg viewBox="0 0 {PATH_WIDTH:g} {PATH_HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="price from {low:,.2f} to {high:,.2f} points">'
        f'<line x1="0" y1="{start}" x2="{PATH_WIDTH:g}" y2="{start}"/><polyline points="{line}"/>'
        "</svg>"
    )
