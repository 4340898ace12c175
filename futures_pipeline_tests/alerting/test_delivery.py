"""From condition to web hook: at least once, a rest for what fails, no secret in any log."""

import logging
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from futures_pipeline.alerting import Condition, Outbox, Severity, Target, alert_targets, deliver
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline_tests.alerting.conftest import NOW
from futures_pipeline_tests.alerting.web import Hook, web_hook

STALE = Condition("stale", Severity.ERROR, "bars are stale", "ES: 12 minutes")
LATER = NOW + timedelta(minutes=1)


def others(count: int) -> list[Condition]:
    return [Condition(f"k{n}", Severity.WARN, f"check {n}", "failed") for n in range(count)]


def test_a_condition_reaches_the_target_once(outbox: Outbox, target: Target, hook: Hook) -> None:
    for _ in range(3):
        outbox.update([STALE], [target.id], NOW)
        deliver(outbox, [target], NOW)

    assert hook.titles == ["ERROR: bars are stale"]
    assert hook.received[0]["type"] == "failure"
    assert hook.received[0]["message"] == "Since 2025-01-15 14:00:00 UTC. ES: 12 minutes"


def test_its_end_is_told(outbox: Outbox, target: Target, hook: Hook) -> None:
    outbox.update([STALE], [target.id], NOW)
    outbox.update([], [target.id], NOW + timedelta(minutes=20))
    deliver(outbox, [target], NOW + timedelta(minutes=20))

    assert hook.titles == ["ERROR: bars are stale", "Over: bars are stale"]
    assert hook.received[1]["type"] == "success"


@pytest.mark.parametrize("status", [429, 500])
def test_a_target_that_refuses_is_given_a_rest_and_tried_again(
    outbox: Outbox, target: Target, hook: Hook, status: int
) -> None:
    hook.answers = [status, status]
    outbox.update([STALE, *others(1)], [target.id], NOW)

    assert deliver(outbox, [target], NOW) == 0
    assert deliver(outbox, [target], NOW + timedelta(seconds=29)) == 0
    assert len(hook.answers) == 1
    assert deliver(outbox, [target], NOW + timedelta(seconds=30)) == 0
    assert deliver(outbox, [target], NOW + timedelta(seconds=60)) == 0
    assert deliver(outbox, [target], NOW + timedelta(seconds=90)) == 2
    assert sorted(hook.titles) == ["ERROR: bars are stale", "WARN: check 0"]


def test_a_target_that_hangs_does_not_hold_up_the_others(
    outbox: Outbox, target: Target, hook: Hook, tmp_path: Path
) -> None:
    with web_hook() as mute:
        mute.hangs = True
        (silent,) = alert_targets(tmp_path, {"FUTURES_PIPELINE_ALERT_URLS": f"{mute.url}?rto=1"})
        outbox.update([STALE], [silent.id, target.id], NOW)

        assert deliver(outbox, [silent, target], NOW) == 1
        assert hook.titles == ["ERROR: bars are stale"]
        assert mute.received == []
        assert [told.waiting for told in outbox.messages(9)] == [1]


def test_many_at_once_become_one(outbox: Outbox, target: Target, hook: Hook) -> None:
    outbox.update(others(12), [target.id], NOW)

    assert deliver(outbox, [target], NOW) == 12
    assert hook.titles == ["12 alerts"]
    assert all(f"check {n}: " in hook.received[0]["message"] for n in range(12))


SENDER = """
import os, sys
from datetime import datetime
from pathlib import Path
from futures_pipeline.alerting import Outbox, alert_targets, deliver
data = Path(sys.argv[1])
deliver(Outbox(data), alert_targets(data), datetime.fromisoformat(sys.argv[2]))
"""


def test_a_sender_killed_in_the_middle_repeats_at_most_one(
    outbox: Outbox, target: Target, hook: Hook, tmp_path: Path
) -> None:
    """The hook has the first message in hand when its sender dies; five were waiting."""
    outbox.update(others(5), [target.id], NOW)
    hook.hangs = True
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER, str(tmp_path), NOW.isoformat()],
        env={**os.environ, "FUTURES_PIPELINE_ALERT_URLS": hook.url},
    )
    assert hook.arrived.wait(60)
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    hook.hangs = False
    hook.release.set()

    deliver(outbox, [target], LATER)

    titles = hook.titles
    assert sorted(set(titles)) == [f"WARN: check {n}" for n in range(5)]
    assert len(titles) <= 6
    assert deliver(outbox, [target], LATER) == 0


def test_no_secret_is_ever_logged(
    outbox: Outbox, target: Target, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused, delivered, and with nobody there."""
    hook.answers = [500]
    absent = Target("absent", "json://127.0.0.1:9/secret-canary-token")
    outbox.update([STALE], [target.id, absent.id], NOW)
    with caplog.at_level(logging.DEBUG):
        deliver(outbox, [target, absent], NOW)
        deliver(outbox, [target, absent], LATER)

    assert hook.titles == ["ERROR: bars are stale"]
    assert caplog.text.count("alert_not_delivered") == 3
    assert "secret-canary-token" not in caplog.text
    assert "secret-canary-token" not in repr(target) + target.label


def test_addresses_come_from_the_file_when_the_variable_is_empty(tmp_path: Path) -> None:
    (tmp_path / "alert_urls").write_text("# phones\njson://127.0.0.1:1/a\n\njson://127.0.0.1:2/b\n")
    variable = {"FUTURES_PIPELINE_ALERT_URLS": "json://127.0.0.1:3/c, json://127.0.0.1:4/d"}

    assert len(alert_targets(tmp_path, {})) == 2
    assert [target.url[-1] for target in alert_targets(tmp_path, variable)] == ["c", "d"]
    assert alert_targets(tmp_path / "nowhere", {}) == []


def test_an_address_nobody_knows_is_named_by_its_number_alone(tmp_path: Path) -> None:
    variable = {"FUTURES_PIPELINE_ALERT_URLS": "json://127.0.0.1:3/c nonsense://token-of-mine"}

    with pytest.raises(ConfigurationError, match=r"address 2: 'nonsense://\.\.\.'") as refused:
        alert_targets(tmp_path, variable)
    assert "token-of-mine" not in str(refused.value)
