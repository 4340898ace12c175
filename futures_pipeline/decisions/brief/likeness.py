"""Past nights like this one and what followed them, with how little twenty nights can say."""

from collections.abc import Iterable, Sequence

from futures_pipeline.decisions.brief.morning import Market, Morning
from futures_pipeline.decisions.brief.page import Card, Fact, Grid, Section
from futures_pipeline.decisions.brief.words import UNKNOWN, percent, share
from futures_pipeline.decisions.scorecard.nights import (
    NEIGHBOURS,
    Followed,
    Neighbour,
    Night,
    followed,
    nearest_nights,
)


def likeness_section(morning: Morning) -> Section:
    """Return the section of the nearest past nights, of each ETF."""
    found = [(market, _nearest(market, morning)) for market in morning.markets]
    return Section(
        f"The nearest {NEIGHBOURS} past nights",
        [
            "Nights with a move, a straightness and a VIX like this one's, and what the ETF did "
            "after the open. A description of the past, no evidence of what comes: where the "
            "interval holds the base rate, nothing is told apart."
        ],
        [_card(market, near) for market, near in found],
        _grid([(market.symbol, near) for market, near in found]),
    )


def tonight_of(market: Market, morning: Morning) -> Night | None:
    """Return this night in the terms that nights are compared by; None without a signal."""
    row = market.premarket
    if row is None or row["z"] is None:
        return None
    return Night(morning.session_date, row["z"], row["persistence"], row["vix"])


def _nearest(market: Market, morning: Morning) -> list[Neighbour]:
    tonight = tonight_of(market, morning)
    return [] if tonight is None else nearest_nights(tonight, market.nights)


def _card(market: Market, near: Sequence[Neighbour]) -> Card:
    if not near:
        return Card(market.symbol, says=["No past night to compare this one with."])
    facts = [Fact("Nights", f"{len(near)} nearest of {len(market.nights)} known")]
    of_near, of_all = [n.night for n in near], market.nights
    for label, first, every in (
        ("First 30 minutes", _halves(of_near), _halves(of_all)),
        ("To the close", _closes(of_near), _closes(of_all)),
    ):
        facts += _followed_facts(label, followed(first), followed(every))
    return Card(market.symbol, facts)


def _halves(nights: Sequence[Night]) -> list[float | None]:
    return [night.first_half_hour for night in nights]


def _closes(nights: Sequence[Night]) -> list[float | None]:
    return [night.to_close for night in nights]


def _followed_facts(label: str, near: Followed, every: Followed) -> Iterable[Fact]:
    if near.rose.low is None or near.rose.high is None:
        yield Fact(label, "no outcome known")
        return
    rose = f"{share(near.rose.value)} of n = {near.rose.n}"
    yield Fact(f"{label}, rose", rose)
    yield Fact("95 % interval", f"{share(near.rose.low)} to {share(near.rose.high)}")
    yield Fact("base rate", f"{share(every.rose.value)} of n = {every.rose.n}")
    yield Fact("middle move", percent(near.middle))


def _grid(found: Sequence[tuple[str, Sequence[Neighbour]]]) -> Grid | None:
    rows = [
        (
            f"{symbol} {neighbour.night.session_date}",
            f"{neighbour.night.z:+.2f}",
            UNKNOWN if neighbour.night.vix is None else f"{neighbour.night.vix:.2f} points",
            percent(neighbour.night.first_half_hour),
            percent(neighbour.night.to_close),
        )
        for symbol, near in found
        for neighbour in near
    ]
    head = ("Night", "Move, usual nights", "VIX", "First 30 min", "To the close")
    return Grid(head, rows, f"The {len(rows)} nights one by one") if rows else None
