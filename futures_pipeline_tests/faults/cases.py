"""Every fault of the control port: how it is played and what the collector has to do.

``logged`` and ``told`` are asserted: words of the collector's log, and a cause in
``gateway_events``. ``reaction`` says the same for a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from futures_pipeline.domain.causes import Cause

Steps = Sequence[tuple[str, Mapping[str, Any]]]

LOST = "session_lost"
STALE = "streams_stale"
RENEWED = "streams_resubscribed"
UNANSWERED = "probe_unanswered"
REFUSED = "stream_refused"
RECONNECT_FAILED = "reconnect_failed"
RESTART = "restart"  # as a cure: the collector is stopped and started


@dataclass(frozen=True, slots=True)
class Case:
    """One fault on the stage.

    Args:
        name: the fault in the simulator's table.
        reaction: what the collector does about it.
        logged: what its log must say, each of them.
        told: the cause under which the outage must be told; None where there is none.
        parameters: what the fault is started with.
        then: faults started right after it, without which it would have no effect.
        cure: what makes data come again after healing, where waiting does not: a fault that
            ends the session, or ``RESTART``.
        hold_seconds: market seconds that it lasts at least.
        refused: the rule under which planted rows go to the quarantine; "" for none.
        may_refuse: the same, where it depends on which bars were hit.
        keeps_session: the connection must outlive it.
        most_gap_seconds: market seconds that may pass without a snapshot, on a busy machine.
        revised_points: what history adds to a close for as long as it lasts.
    """

    name: str
    reaction: str
    logged: Sequence[str] = ()
    told: Cause | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    then: Steps = ()
    cure: str = ""
    hold_seconds: float = 60.0
    refused: str = ""
    may_refuse: str = ""
    keeps_session: bool = False
    most_gap_seconds: float = 300.0
    revised_points: float = 0.0

    @property
    def title(self) -> str:
        """The fault, with its stream when it is not the ticks."""
        stream = self.parameters.get("stream")
        return f"{self.name} ({stream})" if stream else self.name


# Makes new subscriptions and requests meet the fault.
RECONNECT: Steps = (("fin", {}),)
LONG_GAP = 900.0
# A minute that only history can fill, so that history meets the fault.
HOLE: Steps = (("missing_bar", {"symbol": "ES", "count": 1}),)
# Enough for every stream of the stage.
MANY = {"count": 60}
BOUNDS, NEGATIVE = "high_and_low_bound_the_bar", "quantities_not_negative"
UNHARMED = "goes on, no row lost or doubled"


def _lost(name: str, reaction: str, *logged: str, **more: Any) -> Case:
    """Return a case in which the session is lost with its connection."""
    return Case(name, reaction, (LOST, *logged), Cause.CONNECTION_LOST, **more)


def _connection() -> list[Case]:
    anew, dead = "new session at once", "probe unanswered, new session"
    return [
        _lost("fin", anew),
        _lost("rst", anew),
        _lost("stall", dead, STALE, UNANSWERED, most_gap_seconds=LONG_GAP),
        _lost("half_open", f"{dead}, next id", STALE, UNANSWERED, most_gap_seconds=LONG_GAP),
        Case(
            "restart",
            "back-off until the port opens, new session",
            (LOST, RECONNECT_FAILED),
            Cause.GATEWAY_DOWN,
        ),
        Case(
            "nightly_reset",
            "1100 noted, breaker open, new session",
            (LOST, RECONNECT_FAILED, "upstream_lost", "breaker_open"),
            Cause.GATEWAY_DOWN,
            {"seconds": 900.0},
            most_gap_seconds=LONG_GAP,
        ),
        _lost("no_handshake", "try timed out, next one", RECONNECT_FAILED, then=RECONNECT),
        _lost("silent_start", "try timed out, next one", RECONNECT_FAILED, then=RECONNECT),
        _lost("326", "next client id", "client_id_taken"),
        _lost("100", anew, "too_fast"),
        _lost("lost_framing", "impossible length noticed, new session", "framing is lost"),
        _lost("absurd_length", "impossible length noticed, new session", "framing is lost"),
        Case("short_message", UNHARMED, keeps_session=True),
        Case("unknown_message", UNHARMED, keeps_session=True),
    ]


def _outages() -> list[Case]:
    def upstream(name: str, reaction: str, *logged: str, **more: Any) -> Case:
        return Case(name, reaction, ("upstream_lost", *logged), Cause.UPSTREAM_LOST, **more)

    def farm(name: str, reaction: str, *logged: str, **more: Any) -> Case:
        return Case(name, reaction, ("farm_broken", *logged), **more)

    broken = Cause.FARM_BROKEN
    return [
        upstream(
            "1100", "waits, then a new session", LOST, hold_seconds=420, most_gap_seconds=LONG_GAP
        ),
        upstream("1100_1102", "waits, streams judged by their age", "data_kept"),
        upstream("1100_1101", "data lost: new session", "data_lost", LOST),
        upstream("2110", "waits, streams judged by their age", "data_kept"),
        farm("2103_2104", "dead streams opened again", RENEWED, told=broken, keeps_session=True),
        farm("2103_2104_alive", "waits, nothing opened again", told=broken, keeps_session=True),
        farm("2105_2106", "history waits, then repairs", then=HOLE, keeps_session=True),
        Case(
            "10197",
            "alarm, one line asked again each minute",
            ("competing_session",),
            Cause.COMPETING_SESSION,
            hold_seconds=180,
            keeps_session=True,
            most_gap_seconds=LONG_GAP,
        ),
        _lost(
            "mute",
            "probe unanswered, new session",
            STALE,
            UNANSWERED,
            then=(("silence", {"symbol": "ES"}),),
            most_gap_seconds=LONG_GAP,
        ),
        _lost("no_positions", "connects all the same", then=RECONNECT),
        Case(
            "silence",
            "probe answered, stream opened again",
            (STALE, RENEWED),
            Cause.STREAM_SILENT,
            {"symbol": "ES"},
            keeps_session=True,
        ),
    ]


def _refusals() -> list[Case]:
    spy, entitled = {"symbol": "SPY"}, Cause.NO_PERMISSION

    def stream(name: str, told: Cause | None, reaction: str, *logged: str) -> Case:
        words = (REFUSED, f"code={name}", *logged)
        return Case(name, reaction, words, told, spy, RECONNECT, "fin")

    def history(name: str, reaction: str, **more: Any) -> Case:
        kind = name.removeprefix("162_")
        return Case(name, reaction, ("request_not_done", f"error={kind}"), then=HOLE, **more)

    given_up = "stream given up, remedy told, others go on"
    return [
        stream("200", entitled, given_up),
        stream("354", entitled, given_up),
        stream("10089", entitled, given_up),
        stream("10168", entitled, given_up),
        stream("420", entitled, given_up),
        stream("101", None, "told, tried again later"),
        stream("10090", None, "rows without bid and ask"),
        stream("10167", None, "rows marked delayed", "data_type_changed"),
        Case("10190", UNHARMED, (LOST,), then=RECONNECT),
        history("162_pacing", "history held back, asked again"),
        history("162_cancelled", "asked again"),
        Case(
            "321",
            "given up, told, asked at the next start",
            ("request_not_done", "error=invalid_request"),
            Cause.HISTORY_FAILED,
            {"symbol": "ES"},
            HOLE,
            RESTART,
        ),
        Case(
            "162_no_permission",
            "given up, remedy told, asked at the next start",
            ("request_not_done", "error=not_subscribed"),
            entitled,
            {"symbol": "ES"},
            HOLE,
            RESTART,
        ),
    ]


def _data() -> list[Case]:
    repaired, aside = "minute asked from history", "bad rows to quarantine, others stored"

    def unharmed(name: str, reaction: str = UNHARMED, **more: Any) -> Case:
        return Case(name, reaction, keeps_session=True, **more)

    def answered_badly(name: str, reaction: str, **more: Any) -> Case:
        return unharmed(name, reaction, then=HOLE, hold_seconds=600, **more)

    es = {"symbol": "ES"}
    # A minute and a half: one minute at least is made of good and bad bars.
    bars = {**es, "count": 18, "stream": "bars"}
    return [
        unharmed("duplicate_ticks", parameters=MANY),
        unharmed("out_of_order_ticks", parameters=MANY),
        unharmed("missing_ticks", parameters=MANY),
        unharmed("unknown_tick"),
        unharmed("planted_crossed", aside, parameters=MANY, refused="quote_not_crossed"),
        unharmed("planted_nan", "not taken for prices", parameters=MANY),
        unharmed("planted_negative_volume", aside, parameters=MANY, refused=NEGATIVE),
        unharmed("planted_price", "stored as quoted, bars unharmed", parameters=MANY),
        unharmed("duplicate_bars", parameters=MANY),
        unharmed("missing_bar", repaired, parameters={"count": 3}),
        unharmed("planted_crossed", repaired, parameters=bars, may_refuse=BOUNDS),
        unharmed("planted_nan", repaired, parameters=bars, may_refuse="prices_finite"),
        unharmed("planted_negative_volume", repaired, parameters=bars, may_refuse=NEGATIVE),
        unharmed("planted_price", repaired, parameters=bars, may_refuse=BOUNDS),
        answered_badly("162_no_data", "asked again, ever more rarely", parameters=es),
        answered_badly("empty_history", "asked again, ever more rarely", parameters=es),
        answered_badly("missing_history_bar", "asked again, ever more rarely", parameters=es),
        answered_badly(
            "revised_history",
            "history's value stored",
            parameters={**es, "points": 2.0},
            revised_points=2.0,
        ),
        answered_badly("slow_history", "waits for the answer", parameters={"delay": 30.0}),
        unharmed("clock_skew", parameters={"by": 90.0}),
    ]


CASES: Sequence[Case] = (*_connection(), *_outages(), *_refusals(), *_data())
