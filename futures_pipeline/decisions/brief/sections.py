"""A morning as a page: the night, what would be done, how it is measured, how far to trust it."""

from collections.abc import Iterable, Sequence

from futures_pipeline.decisions.brief.at_the_open import waiting_rules
from futures_pipeline.decisions.brief.grade import SignalState, grade
from futures_pipeline.decisions.brief.likeness import likeness_section
from futures_pipeline.decisions.brief.morning import Gap, Market, Morning, Row
from futures_pipeline.decisions.brief.page import Card, Fact, Grid, Page, Section, Tone
from futures_pipeline.decisions.brief.words import (
    UNKNOWN,
    basis_points,
    both_times,
    confidence,
    moved,
    percent,
    points,
    rank,
    share,
    spoken,
    usual_nights,
)

NO_ROW = "not_computed"
MOST_GAPS = 12
BIAS_SIGN = {"bullish": 1.0, "bearish": -1.0, "neutral": 0.0}
LEVEL_TONE = {"warning": Tone.WARN, "collapse": Tone.WARN}


def morning_page(morning: Morning) -> Page:
    """Return the page of a morning; an empty one says what is missing, section by section."""
    states = [_signal_state(market) for market in morning.markets]
    return Page(
        session_date=morning.session_date,
        as_of=morning.as_of,
        made_at=morning.made_at,
        grade=grade(states, morning.minutes, morning.alerts, morning.as_of),
        headline=[_headline(market) for market in morning.markets],
        sections=[
            _night(morning),
            _decisions(morning),
            _signals(morning),
            _basis(morning),
            _volatility(morning),
            likeness_section(morning),
            _evidence(morning),
            _data(morning),
        ],
        footer=morning.provenance,
    )


def _signal_state(market: Market) -> SignalState:
    row = market.premarket
    if row is None:
        return SignalState(market.symbol, NO_ROW)
    words = (row["degraded"] or "").split(",")
    return SignalState(market.symbol, row["reason"], [word.strip() for word in words if word])


def _headline(market: Market) -> Fact:
    row = market.premarket
    if row is None or row["bias"] is None:
        return Fact(market.symbol, "no signal", Tone.WARN)
    size = f"{percent(row['move'])}, {usual_nights(row['z'])}"
    text = f"{row['bias']}: {market.futures_symbol} {size}"
    return moved(market.symbol, text, BIAS_SIGN[row["bias"]])


def _night(morning: Morning) -> Section:
    return Section(
        "The night",
        ["From the last NYSE close to the newest price before the moment above."],
        [_night_card(market) for market in morning.markets],
    )


def _night_card(market: Market) -> Card:
    row, title = market.premarket, f"{market.futures_symbol} for {market.symbol}"
    if row is None or row["move"] is None:
        why = NO_ROW if row is None else row["reason"]
        return Card(title, says=[f"Not known: {spoken(why)}."], path=market.path)
    move = row["move"]
    facts = [
        moved("Move", points(row["change_points"]), move),
        moved("Move", percent(move), move),
        moved("Size", usual_nights(row["z"]), move),
        Fact("Range", points(row["range_points"], signed=False)),
        Fact("Kept of the range", share(row["persistence"])),
        Fact("Volume", _volume(row["participation"])),
        Fact("Price", points(row["futures_price"], signed=False)),
        Fact("Last close", points(row["anchor_price"], signed=False)),
        Fact("Contract", row["contract"] or UNKNOWN),
    ]
    return Card(title, facts, path=market.path)


def _volume(participation: float | None) -> str:
    """Return the volume against the usual one; participation is cut off at twice as much.

    >>> _volume(0.6), _volume(1.0)
    ('1.20 of usual', '2.00 of usual or more')
    """
    if participation is None:
        return UNKNOWN
    return f"{2 * participation:.2f} of usual" + (" or more" if participation >= 1.0 else "")


def _decisions(morning: Morning) -> Section:
    says = [
        "What the rules would do. Valid for entries in the first half hour after the open at "
        f"{both_times(morning.opens_at)}."
    ]
    return Section("Decisions", says, [_decision_card(market) for market in morning.markets])


def _decision_card(market: Market) -> Card:
    row = market.decision
    if row is None:
        return Card(market.symbol, says=["No decision has been made."])
    facts = [Fact("Action", row["action"])]
    if row["rule"] is not None:
        facts += [
            Fact("Rule", row["rule"]),
            moved("Direction", row["direction"], BIAS_SIGN[row["direction"]]),
            Fact("Strategy", spoken(row["strategy_type"])),
            Fact(
                "Size", f"{row['position_multiplier']:.2f} of usual, {row['contracts']} contracts"
            ),
            Fact("Confidence", confidence(row["confidence"])),
        ]
    if row["shadow_rule"] is not None:
        facts.append(Fact("Held back", f"{row['shadow_rule']} ({row['shadow_direction']})"))
    return Card(
        market.symbol,
        facts,
        says=[
            *waiting_rules(row),
            f"{row['reason'][:1].upper()}{row['reason'][1:]}.",
            *_lacking(row),
            f"Decided {both_times(row['timestamp'])}.",
        ],
    )


def _lacking(row: Row) -> Iterable[str]:
    if row["degraded"]:
        yield f"Decided without {spoken(row['degraded'])}."
    if row["errors"]:
        yield f"Rules that failed: {row['errors']}; this needs a person."


def _signals(morning: Morning) -> Section:
    return Section("Signals", cards=[_signal_card(market) for market in morning.markets])


def _signal_card(market: Market) -> Card:
    facts: list[Fact] = []
    says: list[str] = []
    for name, key, row in (
        ("Bias for the open", "bias", market.premarket),
        ("Futures signal", "signal", market.signal),
    ):
        if row is None or row[key] is None:
            why = NO_ROW if row is None else row["reason"]
            facts.append(Fact(name, f"{UNKNOWN} ({spoken(why)})", Tone.WARN))
            continue
        facts.append(moved(name, spoken(row[key]), _lean(row[key])))
        facts.append(Fact("its confidence", confidence(row["confidence"])))
        says.append(f"{row['reasoning']}. As of {both_times(row['timestamp'])}.")
    if market.signal is not None and market.signal["momentum"] is not None:
        momentum = market.signal["momentum"]
        facts.append(moved("Momentum", f"{100 * momentum:+.2f} % a session", momentum))
    facts.append(_warning(market))
    return Card(market.symbol, facts, says)


def _lean(word: str) -> float:
    return BIAS_SIGN.get(word, {"buy": 1.0, "sell": -1.0}.get(word.removeprefix("strong_"), 0.0))


def _warning(market: Market) -> Fact:
    row = market.warning
    if row is None:
        return Fact("Early warning", UNKNOWN, Tone.WARN)
    return Fact(
        "Early warning",
        f"{row['level']} (fall {row['drawdown']:.2f} usual moves, CUSUM {row['cusum']:.1f} of 16)",
        LEVEL_TONE.get(row["level"], Tone.PLAIN),
    )


def _basis(morning: Morning) -> Section:
    says = [
        "The future less its ETF on one scale; fair is what interest and dividends alone make "
        "of it. Above fair, the future is dear."
    ]
    return Section("Basis against fair", says, [_basis_card(market) for market in morning.markets])


def _basis_card(market: Market) -> Card:
    row, title = market.signal, f"{market.futures_symbol} against {market.symbol}"
    if row is None or row["basis"] is None:
        why = NO_ROW if row is None else row["basis_reason"] or row["reason"]
        return Card(title, says=[f"Not known: {spoken(why)}."])
    away = row["basis_deviation_bp"]
    facts = [
        Fact("Basis", points(row["basis"])),
        Fact("Fair", points(row["basis_fair"])),
        moved("Away from fair", basis_points(away), away),
        Fact("ETF", f"{row['spot_price']:.2f} US dollars"),
    ]
    return Card(title, facts)


def _volatility(morning: Morning) -> Section:
    vix = morning.vix
    facts = [Fact("VIX", _vix(vix.now) + (f", {both_times(vix.at)}" if vix.at else ""))]
    if vix.now is not None and vix.at_close is not None:
        change = vix.now - vix.at_close
        facts.append(Fact("since the close", f"{change:+.2f} points"))
    facts.append(Fact("at the close", _vix(vix.at_close)))
    cards = [Card("VIX", facts), *(_regime_card(market) for market in morning.markets)]
    return Section("Volatility and regime", cards=cards)


def _vix(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f} points"


def _regime_card(market: Market) -> Card:
    row = market.regime
    if row is None:
        why = "Regime not known: no option statistics of the last three sessions."
        return Card(market.symbol, says=[why])
    slope, volatility = row["term_structure_slope"], row["volatility_20d"]
    facts = [
        Fact("Regime", spoken(row["derived_regime"])),
        moved("Outlook", spoken(row["outlook"]), BIAS_SIGN.get(row["outlook"])),
        Fact("Term, 90 over 30 days", UNKNOWN if slope is None else f"{100 * slope:+.1f} %"),
        Fact("IV rank, 60 sessions", rank(row["iv_rank_60d"])),
        Fact("IV percentile, 1 year", rank(row["iv_percentile_1y"])),
        Fact(
            "Realised, 20 days",
            UNKNOWN if volatility is None else f"{100 * volatility:.1f} % a year",
        ),
    ]
    known = [fact for fact in facts if fact.value != UNKNOWN]
    missing = ", ".join(fact.label for fact in facts if fact.value == UNKNOWN)
    says = [f"Not known: {missing}."] if missing else []
    if slope is not None and slope < 0:
        says.append("A term structure below 0 is a sign of stress.")
    return Card(market.symbol, known, [*says, f"Of session {row['session_date']}."])


def _evidence(morning: Morning) -> Section:
    return Section(
        "What the signals are worth so far",
        ["Each is held against what always calling the market's commoner direction would get."],
        [
            Card(market.symbol, says=[_useful(market), *market.standing])
            for market in morning.markets
        ],
    )


def _useful(market: Market) -> str:
    if market.usefulness is None:
        return f"The predictive value of {market.futures_symbol} for {market.symbol}: not assessed."
    return f"{market.usefulness}."


def _data(morning: Morning) -> Section:
    minutes = [
        (
            night.contract,
            f"{night.received} of {night.expected} minutes",
            share(night.share),
            UNKNOWN if night.newest is None else both_times(night.newest),
        )
        for night in morning.minutes
    ]
    return Section(
        "Data of the night",
        list(_gap_sentences(morning.gaps)) or ["No gap is recorded."],
        grid=Grid(("Contract", "One-minute bars", "Received", "Newest"), minutes),
    )


def _gap_sentences(gaps: Sequence[Gap]) -> Iterable[str]:
    for gap in gaps[:MOST_GAPS]:
        minutes = (gap.ends_at - gap.starts_at).total_seconds() / 60
        kind = "" if gap.is_explained else ", no cause known"
        yield (
            f"{gap.contract}: {minutes:.0f} min from {both_times(gap.starts_at)}{kind}: {gap.says}"
        )
    if len(gaps) > MOST_GAPS:
        yield f"{len(gaps) - MOST_GAPS} more gaps."
