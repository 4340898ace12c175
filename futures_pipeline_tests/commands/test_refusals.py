"""The command line refuses with one clear sentence and a status that is not 0."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from futures_pipeline.commands.options import sole_user

REFUSED = 1


def futures_pipeline(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the real command line with these variables of ours set; it asks no host outside."""
    alone = {"FUTURES_PIPELINE_BINANCE_ENABLED": "false", "FUTURES_PIPELINE_FEED_PORT": "0"}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FUTURES_PIPELINE_")}
    return subprocess.run(
        [sys.executable, "-m", "futures_pipeline", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**inherited, **alone, **variables},
    )


def sentence(answer: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that is the refusal; a traceback fails the test."""
    assert answer.returncode == REFUSED, answer.stderr
    assert "Traceback" not in answer.stderr
    (line,) = [row for row in answer.stderr.splitlines() if row.startswith("futures-pipeline: ")]
    return line


def unused_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_no_gateway(tmp_path: Path) -> None:
    port = str(unused_port())

    answer = futures_pipeline(
        "collect", "--data", str(tmp_path), FUTURES_PIPELINE_GATEWAY_PORT=port
    )

    assert f"127.0.0.1:{port}: nothing listens there; start IB Gateway" in sentence(answer)


def test_a_port_where_something_else_listens(tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()

        answer = futures_pipeline(
            "collect",
            "--data",
            str(tmp_path),
            FUTURES_PIPELINE_GATEWAY_PORT=str(mute.getsockname()[1]),
            FUTURES_PIPELINE_GATEWAY_CONNECT_TIMEOUT_SECONDS="1",
            FUTURES_PIPELINE_GATEWAY_CONNECT_ATTEMPTS="1",
        )

    assert "did not answer as an IB Gateway within 1 s" in sentence(answer)


def test_bad_toml(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[gateway\n")

    answer = futures_pipeline("collect", "--config", str(file), "--data", str(tmp_path))

    assert "wrong.toml' is not allowed; it must be valid TOML" in sentence(answer)


def test_an_unknown_symbol(tmp_path: Path) -> None:
    answer = futures_pipeline(
        "collect", "--data", str(tmp_path), FUTURES_PIPELINE_COLLECTION_SYMBOLS="ES,ZZ"
    )

    assert "symbol 'ZZ' is not known; known are ES, NQ" in sentence(answer)


@pytest.mark.parametrize("command", ["collect", "demo", "run"])
def test_a_data_directory_that_cannot_be_written(command: str) -> None:
    # Writing below /proc is refused to everybody, the superuser included.
    answer = futures_pipeline(command, "--data", "/proc/futures_pipeline")

    assert "data directory /proc/futures_pipeline: cannot be written" in sentence(answer)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--from", "yesterday"], "time: 'yesterday' is not allowed"),
        (["--from", "2025-01-15T08:55"], "with its UTC offset"),
        (["--sessions", "0"], "--sessions: 0 is not allowed"),
        (["--speed", "-1", "--from", "2025-01-15T08:55-05:00"], "speed: -1.0 is not allowed"),
        (["--recorded", "/absent"], "/absent"),
    ],
)
def test_demo_options_are_checked(tmp_path: Path, options: list[str], says: str) -> None:
    answer = futures_pipeline("demo", "--once", "--data", str(tmp_path), *options)

    assert says in sentence(answer)


def test_a_demo_does_not_mix_with_collected_rows(tmp_path: Path) -> None:
    (tmp_path / "collector.sqlite").write_bytes(b"")

    answer = futures_pipeline("demo", "--once", "--data", str(tmp_path))

    assert "choose another with --data" in sentence(answer)


def test_a_directory_has_one_collector(tmp_path: Path) -> None:
    with sole_user(tmp_path, "collector"):
        answer = futures_pipeline("collect", "--data", str(tmp_path))

    assert "another collector is using it" in sentence(answer)


def test_beside_a_collector_nothing_is_started(tmp_path: Path) -> None:
    with sole_user(tmp_path, "collector"):
        answer = futures_pipeline("run", "--data", str(tmp_path))

    assert "another collector is using it" in sentence(answer)
    assert not (tmp_path / "dagster_home").exists()


def test_a_directory_has_one_demo(tmp_path: Path) -> None:
    with sole_user(tmp_path, "pipeline"):
        answer = futures_pipeline("demo", "--once", "--data", str(tmp_path))

    assert "another pipeline is using it" in sentence(answer)


def test_a_port_of_the_dagster_ui_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        answer = futures_pipeline(
            "demo", "--data", str(tmp_path), FUTURES_PIPELINE_DAGSTER_PORT=str(port)
        )

    assert f"dagster.port: {port} is not allowed; it must be a port that no" in sentence(answer)


def test_a_start_in_the_future_or_before_the_calendar(tmp_path: Path) -> None:
    for start, says in (
        ("2999-01-04T10:00-05:00", "a time that has passed"),
        ("2010-01-04T10:00-05:00", "a time after session 2010-01-0"),
    ):
        answer = futures_pipeline("demo", "--once", "--data", str(tmp_path), "--from", start)
        assert says in sentence(answer)


def test_a_damaged_marker_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{")

    answer = futures_pipeline("demo", "--once", "--data", str(tmp_path))

    assert "it holds an unreadable demo.json" in sentence(answer)
