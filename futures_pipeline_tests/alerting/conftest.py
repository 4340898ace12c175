"""An outbox of the test's own and a web hook to deliver to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from futures_pipeline.alerting import Outbox, Target, alert_targets
from futures_pipeline_tests.alerting.web import Hook, web_hook

NOW = datetime(2025, 1, 15, 14, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_hook() as running:
        yield running


@pytest.fixture
def target(hook: Hook, tmp_path: Path) -> Target:
    (found,) = alert_targets(tmp_path, {"FUTURES_PIPELINE_ALERT_URLS": hook.url})
    return found
