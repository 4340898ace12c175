"""Watches the session's healths and acts: probe, subscribe anew, or give the session up."""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from futures_pipeline.collection.broker.codes import (
    COMPETING_SESSION,
    Meaning,
    Notice,
    meaning,
)
from futures_pipeline.collection.broker.connection import BrokerMessage, GatewaySession
from futures_pipeline.collection.broker.health import Health
from futures_pipeline.collection.outages import EVERYTHING, Event, Outages
from futures_pipeline.collection.streaming.lines import Line, Moment, Stream
from futures_pipeline.collection.streaming.retry import Retry, SessionAbandoned
from futures_pipeline.collection.streaming.streams import Streams
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import RequestFailed
from futures_pipeline.storage.tables.events import DATA_TYPE_CHANGED

log = logging.getLogger(__name__)

PROBE_MACHINE_SECONDS = 5.0
# So many vain attempts with every stream of an open market silent: the session is no good.
VAIN_ATTEMPTS = 3
COMPETING_RETRY = timedelta(minutes=1)
# A datum that comes this long after bad news contradicts it; sooner, it was under way.
UNDERWAY = timedelta(seconds=5)
UNDERWAY_MACHINE_SECONDS = 0.5
# What ends for all streams at once, with the first word of any of them.
OF_ALL_STREAMS = (
    Cause.CONNECTION_LOST,
    Cause.GATEWAY_DOWN,
    Cause.NIGHTLY_RESET,
    Cause.UPSTREAM_LOST,
    Cause.FARM_BROKEN,
    Cause.COMPETING_SESSION,
    Cause.STREAM_SILENT,
)

# What ends when a single contract's streams speak again.
OF_A_STREAM = (Cause.STREAM_SILENT, Cause.NO_FREE_LINE)


@dataclass(slots=True)
class Watch:
    """Judges one session. ``outages`` outlives it."""

    session: GatewaySession
    streams: Streams
    outages: Outages
    clock: Clock
    health: Health = field(default_factory=Health)
    told_types: dict[str, str] = field(default_factory=dict)
    _retries: dict[tuple[int, Stream], Retry] = field(default_factory=dict)
    _competing: Retry = field(default_factory=Retry)
    _broken: SessionAbandoned | None = None
    _noticed_machine_seconds: float = 0.0

    def take(self, message: BrokerMessage) -> None:
        """React to what the broker says, at once and without waiting."""
        now = self.clock.now()
        self._noticed_machine_seconds = time.monotonic()
        notice = self.health.take(message.code, now)
        if notice is not None:
            self._take_notice(notice, message, now)
            return
        found = self.streams.of_request(message.request_id)
        if message.code == COMPETING_SESSION:
            self._compete(message, now)
        elif found is not None:
            self._take_refusal(*found, message)
        else:
            log.info("broker_message code=%d text=%r", message.code, message.text)

    async def look(self) -> None:
        """Judge every stream once, and act.

        Raises:
            SessionAbandoned: only a new session can help.
        """
        now = self.streams.now()
        if self._broken is not None:
            raise self._broken
        self._note_life(now)
        if self.health.is_hopeless(now.at):
            lost = self.health.trouble or Cause.UPSTREAM_LOST
            since = self.health.trouble_since or now.at
            raise SessionAbandoned(lost, since, f"its servers stay away ({lost.value})")
        self._note_data_types(now.at)
        trouble = self.health.trouble
        if trouble is Cause.COMPETING_SESSION:
            self._ask_whether_still_competing(now.at)
        if trouble is None:
            await self._judge_streams(now)

    async def _judge_streams(self, now: Moment) -> None:
        silent = self._silent(now)
        due = [it for it in silent if self._retry(*it).is_due(now.at)]
        if not due:
            return
        await self._probe(now)
        if self._is_vain(silent, now):
            oldest = min(line.silent[stream] for line, stream in silent)
            raise SessionAbandoned(
                Cause.STREAM_SILENT, oldest, "every stream stays silent after subscribing anew"
            )
        for line, stream in due:
            self._retry(line, stream).tried(now.at)
            self.streams.reopen(line, stream)
        log.warning("streams_resubscribed streams=%d contracts=%s", len(due), _names(due))

    async def _probe(self, now: Moment) -> None:
        """Ask the gateway the time: silence of a living gateway is a matter of its streams.

        Raises:
            SessionAbandoned: it does not answer.
        """
        try:
            await self.session.current_time(PROBE_MACHINE_SECONDS)
        except (RequestFailed, ConnectionError) as error:
            since = max((at.at for at in self._heard()), default=now.at)
            log.warning("probe_unanswered reason=%r", str(error))
            raise SessionAbandoned(
                Cause.CONNECTION_LOST, since, "connected, but it answers nothing"
            ) from error

    def _silent(self, now: Moment) -> list[tuple[Line, Stream]]:
        """Return the silent streams, and keep the account of when each fell silent."""
        found = [
            (line, stream)
            for line in self.streams.all_lines
            for stream in Stream
            if line.is_silent(stream, now, self.health.restored_at)
        ]
        fresh = [(line, stream) for line, stream in found if stream not in line.silent]
        for line, stream in fresh:
            self._fell_silent(line, stream)
        if fresh:
            log.warning("streams_stale streams=%d contracts=%s", len(fresh), _names(fresh))
        return found

    def _fell_silent(self, line: Line, stream: Stream) -> None:
        last = line.last_word(stream).at
        line.silent[stream] = last
        self.outages.begin(Cause.STREAM_SILENT, line.subject, last, text=f"{stream.value} silent")

    def _note_life(self, now: Moment) -> None:
        """End the outages of streams that speak again."""
        back: list[tuple[Line, Stream]] = []
        for line in self.streams.all_lines:
            for stream, heard in line.heard.items():
                since = line.silent.get(stream)
                if since is not None and heard.at > since:
                    self._speaks_again(line, stream, heard.at)
                    back.append((line, stream))
        if back:
            log.info("streams_back streams=%d contracts=%s", len(back), _names(back))
        self._end_passed(now.at)
        if any(self._contradicts(heard) for heard in self._heard()):
            self.health.data_came(now.at)
        trouble = self.health.trouble
        ended = [cause for cause in OF_ALL_STREAMS if cause is not trouble]
        for cause in ended if self._is_alive(now) else ():
            event = self.outages.end(cause, EVERYTHING, now.at)
            if event is not None:
                log.info("outage_ended cause=%s since=%s", cause.value, event.starts_at)

    def _end_passed(self, now: datetime) -> None:
        """End the spans of contracts no longer followed, and of refusals that have passed."""
        lines = {line.subject: line for line in self.streams.all_lines}
        for event in self.outages.lasting:
            if event.subject == EVERYTHING:
                continue
            line, cause = lines.get(event.subject), Cause(event.event)
            if line is None or line.has_overcome(cause):
                self.outages.end(cause, event.subject, now)

    def _heard(self) -> list[Moment]:
        return [at for line in self.streams.all_lines for at in line.heard.values()]

    def _contradicts(self, heard: Moment) -> bool:
        """Return whether a datum came too late to have been under way before the bad news."""
        since = self.health.trouble_since
        return (
            since is not None
            and heard.at - since > UNDERWAY
            and heard.machine_seconds - self._noticed_machine_seconds > UNDERWAY_MACHINE_SECONDS
        )

    def _is_alive(self, now: Moment) -> bool:
        """Return whether data come, or none can be expected."""
        restored = self.health.restored_at
        is_open = any(line.hours.is_open(now.at) for line in self.streams.all_lines)
        speaks = any(restored is None or at.at > restored for at in self._heard())
        return speaks or not is_open

    def _speaks_again(self, line: Line, stream: Stream, at: datetime) -> None:
        del line.silent[stream]
        self._retries.pop((line.listed.con_id, stream), None)
        for cause in () if line.silent else OF_A_STREAM:
            self.outages.end(cause, line.subject, at)

    def _is_vain(self, silent: list[tuple[Line, Stream]], now: Moment) -> bool:
        expected = [
            (line, stream)
            for line in self.streams.all_lines
            if line.hours.is_open(now.at)
            for stream in line.streams
            if stream not in line.refused
        ]
        vain = all(self._retry(*it).attempts >= VAIN_ATTEMPTS for it in silent)
        return bool(expected) and len(silent) >= len(expected) and vain

    def _retry(self, line: Line, stream: Stream) -> Retry:
        return self._retries.setdefault((line.listed.con_id, stream), Retry())

    def _take_notice(self, notice: Notice, message: BrokerMessage, now: datetime) -> None:
        trouble = self.health.trouble
        if notice in (Notice.UPSTREAM_LOST, Notice.FARM_BROKEN) and trouble is not None:
            self.outages.begin(
                trouble,
                EVERYTHING,
                self.health.trouble_since or now,
                code=message.code,
                text=message.text,
            )
        if notice in (Notice.DATA_LOST, Notice.SOCKET_RESET):
            since = self._trouble_began(now)
            self._broken = SessionAbandoned(
                Cause.UPSTREAM_LOST, since, f"its data are lost ({message.code})"
            )
        level = logging.DEBUG if notice is Notice.FARM_OK else logging.WARNING
        log.log(level, "%s code=%d text=%r", notice.value, message.code, message.text)

    def _trouble_began(self, now: datetime) -> datetime:
        lasting = [it.starts_at for it in self.outages.lasting if it.subject == EVERYTHING]
        return min(lasting, default=now)

    def _compete(self, message: BrokerMessage, now: datetime) -> None:
        found = meaning(message.code, message.text)
        if self.health.compete(now):
            log.error("competing_session text=%r remedy=%r", message.text, found.remedy)
        since = self.health.competing_since or now
        self.outages.begin(
            Cause.COMPETING_SESSION, EVERYTHING, since, code=message.code, text=message.text
        )

    def _ask_whether_still_competing(self, now: datetime) -> None:
        """Subscribe one line anew now and then; when it speaks the competition is over."""
        if self._competing.not_before is None:
            self._competing.not_before = now + COMPETING_RETRY
        if not self._competing.is_due(now):
            return
        self._competing.not_before = now + COMPETING_RETRY
        may_speak = [
            line
            for line in self.streams.all_lines
            if line.hours.is_open(now) and Stream.QUOTES not in line.refused
        ]
        for line in may_speak[:1]:
            self.streams.reopen(line, Stream.QUOTES)

    def _take_refusal(self, line: Line, stream: Stream, message: BrokerMessage) -> None:
        found: Meaning = meaning(message.code, message.text)
        is_given_up = self.streams.refuse(line, stream, found)
        log.log(
            logging.ERROR if is_given_up else logging.WARNING,
            "stream_refused contract=%s stream=%s error=%s code=%d text=%r remedy=%r",
            line.listed.local_symbol,
            stream.value,
            found.kind,
            message.code,
            message.text,
            found.remedy,
        )
        if is_given_up or found.cause is Cause.NO_FREE_LINE:
            words = {"code": message.code, "text": message.text}
            self.outages.begin(found.cause, line.subject, self.clock.now(), **words)

    def _note_data_types(self, now: datetime) -> None:
        """Tell when the broker sends another kind of data than before: never mixed silently."""
        for contract, sent in self.streams.data_types().items():
            before = self.told_types.get(contract, "live")
            if sent == before:
                continue
            self.told_types[contract] = sent
            line = next(it for it in self.streams.all_lines if it.listed.local_symbol == contract)
            text = f"{before} to {sent}"
            self.outages.note(Event(DATA_TYPE_CHANGED, line.subject, now, text=text))
            log.error("data_type_changed contract=%s from=%s to=%s", contract, before, sent)


def _names(found: list[tuple[Line, Stream]]) -> str:
    return ",".join(sorted({line.listed.local_symbol for line, _ in found}))
