"""What the start-up probe says of the answers it got: one line each. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import ib_async

from futures_pipeline.collection.broker.codes import NOTICES, Notice, Outcome, meaning
from futures_pipeline.collection.broker.connection import BrokerMessage, RequestTimedOut
from futures_pipeline.collection.normalize import DATA_TYPES, number, quote_of
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.errors import RequestFailed
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import NEW_YORK

CLOCK_WARNING_SECONDS = 1.0
DELAYED = 10167
# After these a line goes on, with delayed or with fewer ticks.
PARTLY_REFUSED = frozenset({10090, 10091, DELAYED})
AGAIN = "run doctor again; if it stays so, restart the Gateway"
SILENT = "if a farm above is not OK, wait; else restart the Gateway"
FOR_A_PERSON = frozenset({Cause.COMPETING_SESSION, Cause.NO_FREE_LINE})
SERVERS = frozenset({Notice.UPSTREAM_LOST, Notice.DATA_KEPT, Notice.DATA_LOST})


class Verdict(StrEnum):
    """Whether a person has to act: not at all, soon, or before this can work."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``code`` is the broker's."""

    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a market-data line has said so far; ``said`` is empty when nothing came."""

    refusal: BrokerMessage | None
    said: str
    data_type: str = "live"
    is_complete: bool = True

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be expected."""
        refused = self.refusal is not None and self.refusal.code not in PARTLY_REFUSED
        return refused or (bool(self.said) and self.is_complete)


def heard_quotes(
    ticker: ib_async.Ticker, kind: Kind, refusal: BrokerMessage | None = None
) -> Heard:
    """Return what a quote line has said; complete is both sides, or an index' level."""
    quote = quote_of(ticker)
    sides = {"bid": quote.bid, "ask": quote.ask, "last": number(ticker.last)}
    said = ", ".join(f"{name} {price:,.2f}" for name, price in sides.items() if price is not None)
    needed = ("last",) if kind is Kind.INDEX else ("bid", "ask")
    return Heard(
        refusal,
        said,
        DATA_TYPES.get(ticker.marketDataType, "live"),
        all(sides[name] is not None for name in needed),
    )


def problem(subject: str, error: Exception) -> Finding:
    """Return the line for an error; the text of ours has its remedy after the semicolon."""
    if isinstance(error, RequestTimedOut):
        return Finding(subject, Verdict.FAIL, error.text, AGAIN)
    if isinstance(error, RequestFailed):
        return refused(subject, error.code, error.text)
    if isinstance(error, ConnectionError):
        return Finding(subject, Verdict.FAIL, "the connection was lost meanwhile", AGAIN)
    found, _, remedy = str(error).partition("; ")
    return Finding(subject, Verdict.FAIL, found, remedy)


def refused(subject: str, code: int, text: str) -> Finding:
    """Return the line for a refusal: what only a person can mend is a FAIL."""
    said = meaning(code, text)
    needs_a_person = said.outcome is Outcome.DEAD or said.cause in FOR_A_PERSON
    verdict = Verdict.FAIL if needs_a_person else Verdict.WARN
    return Finding(subject, verdict, text, said.remedy or AGAIN, code)


def judge_line(subject: str, heard: Heard, opens_at: datetime | None) -> Finding:
    """Return the line for a subscription.

    Args:
        subject: symbol and kind of data, such as ``ES quotes``.
        heard: what came.
        opens_at: when the market opens, UTC; None while it is open.
    """
    if heard.refusal is not None:
        line = refused(subject, heard.refusal.code, heard.refusal.text)
        found = f"{heard.data_type if heard.said else 'none'}: {line.found}"
        return Finding(subject, line.verdict, found, line.remedy, line.code)
    if opens_at is not None:
        return _not_open(subject, opens_at)
    if not heard.said:
        return Finding(subject, Verdict.FAIL, "none, though the market is open", SILENT)
    if heard.data_type != "live":
        found = f"{heard.data_type}: {heard.said}"
        return Finding(subject, Verdict.WARN, found, meaning(DELAYED, "").remedy)
    if not heard.is_complete:
        return Finding(subject, Verdict.WARN, f"live, but only {heard.said}", AGAIN)
    return Finding(subject, Verdict.OK, f"live: {heard.said}")


def _not_open(subject: str, opens_at: datetime) -> Finding:
    when = f"{opens_at.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York ({opens_at:%H:%M} UTC)"
    what = subject.partition(" ")[2]
    found = f"not refused; market closed, cannot judge {what} until {when}"
    return Finding(subject, Verdict.WARN, found, "run doctor again then")


def judge_chains(subject: str, chains: Sequence[ib_async.OptionChain]) -> Finding:
    """Return the line for what options exist."""
    expiries = {expiry for chain in chains for expiry in chain.expirations}
    strikes = {strike for chain in chains for strike in chain.strikes}
    if not (expiries and strikes):
        return Finding(subject, Verdict.WARN, "none are listed", AGAIN)
    return Finding(subject, Verdict.OK, f"{len(expiries)} expiries, {len(strikes)} strikes")


def clock_difference_seconds(told: datetime, asked: datetime, answered: datetime) -> float:
    """Return by how much the clocks differ at least; above 0 when the broker's is ahead.

    ``told`` is in whole seconds, so the broker's time was anywhere in the second that begins
    there; it was read anywhere between ``asked`` and ``answered``, on our clock.
    """
    ahead = (told - answered) / timedelta(seconds=1)
    behind = (asked - told) / timedelta(seconds=1) - 1.0
    return ahead if ahead > 0.0 else min(-behind, 0.0)


def judge_clock(difference_seconds: float) -> Finding:
    """Return the line for the difference of the clocks."""
    if abs(difference_seconds) <= CLOCK_WARNING_SECONDS:
        return Finding("clock", Verdict.OK, "agrees with the broker's within a second")
    side = "behind" if difference_seconds > 0 else "ahead of"
    found = f"this computer is at least {abs(difference_seconds):.1f} s {side} the broker"
    return Finding("clock", Verdict.WARN, found, "let the system set its clock over the network")


def judge_farms(messages: Sequence[BrokerMessage]) -> list[Finding]:
    """Return a line for each farm by its last notice, and for the servers behind them all."""
    last: dict[str, BrokerMessage] = {}
    for message in messages:
        notice = NOTICES.get(message.code)
        if notice in SERVERS:
            last["broker's servers"] = message
        elif notice in (Notice.FARM_OK, Notice.FARM_BROKEN):
            last[f"farm {message.text.rpartition(':')[2]}"] = message
    if not last:
        return [Finding("farms", Verdict.WARN, "the gateway has told of none", AGAIN)]
    return [_judge_notice(subject, message) for subject, message in sorted(last.items())]


def _judge_notice(subject: str, message: BrokerMessage) -> Finding:
    bad = {
        Notice.UPSTREAM_LOST: (Verdict.FAIL, "check the internet connection of the Gateway"),
        Notice.FARM_BROKEN: (Verdict.WARN, "wait: the broker repairs it, data may be missing"),
    }
    verdict, remedy = bad.get(NOTICES[message.code], (Verdict.OK, ""))
    return Finding(subject, verdict, message.text, remedy, message.code)
