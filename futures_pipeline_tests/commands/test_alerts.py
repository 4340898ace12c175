"""The command that shows alerts and tries the way to a person."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from futures_pipeline.alerting import Condition, Outbox, Severity, alert_targets, deliver
from futures_pipeline.commands.inspecting.alerts import alerts
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError, PipelineError
from futures_pipeline_tests.alerting.web import web_hook

NOW = datetime(2025, 1, 15, 14, tzinfo=UTC)
STALE = Condition("stale", Severity.ERROR, "bars: fresh", "ES 12 min old")


def call(data: Path, *arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(alerts, ["--data", str(data), *arguments])


def test_a_directory_that_nothing_watches_is_no_all_clear(tmp_path: Path) -> None:
    refused = call(tmp_path / "misspelt")
    assert isinstance(refused.exception, DataDirectoryError)
    assert not (tmp_path / "misspelt").exists()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "alerts.sqlite").write_text("no database, and long enough to be taken for none")
    with pytest.raises(PipelineError, match=r"alerts.sqlite cannot be used .* move the file"):
        CliRunner().invoke(alerts, ["--data", str(tmp_path)], catch_exceptions=False)


def test_nothing_wrong_and_nobody_to_tell(tmp_path: Path) -> None:
    Outbox(tmp_path).update([], [], NOW)
    said = call(tmp_path).output

    assert "Nothing is wrong." in said
    assert "none; set FUTURES_PIPELINE_ALERT_URLS" in said


def test_what_is_wrong_and_how_far_its_message_came(tmp_path: Path) -> None:
    with web_hook() as hook:
        (tmp_path / "alert_urls").write_text(hook.url)
        targets = alert_targets(tmp_path)
        outbox = Outbox(tmp_path)
        outbox.update([STALE], [target.id for target in targets], NOW)
        assert "0, 1 waiting after 0 attempts" in call(tmp_path).output
        deliver(outbox, targets, NOW)

        said = call(tmp_path).output

    assert "ES 12 min old" in said
    assert "taken by 1" in said
    assert "secret-canary-token" not in said


def test_the_way_is_tried(tmp_path: Path) -> None:
    with web_hook() as hook:
        (tmp_path / "alert_urls").write_text(hook.url)
        assert "taken" in call(tmp_path, "test").output
        assert hook.titles == ["Test: futures-pipeline alerts"]
        hook.answers = [500]
        refused = call(tmp_path, "test")

    assert refused.exit_code == 1
    assert "not taken" in refused.output


def test_a_way_that_nobody_named_is_refused(tmp_path: Path) -> None:
    refused = call(tmp_path, "test")
    assert isinstance(refused.exception, ConfigurationError)
    with pytest.raises(ConfigurationError, match="one or more addresses"):
        raise refused.exception
