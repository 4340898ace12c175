"""The guard's matrix against the real webserver, and nothing beside it that listens."""

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from futures_pipeline.config import Settings
from futures_pipeline.orchestration.hosting.home import (
    home_environment,
    prepare_home,
    webserver_command,
)
from futures_pipeline_tests.scenarios.conftest import environment, wait_until
from futures_pipeline_tests.scenarios.sockets import listening, members

pytestmark = pytest.mark.scenario

QUERY = json.dumps({"query": "{version}"})
MUTATION = "/graphql?query=mutation%7BreloadWorkspace%7B__typename%7D%7D"
JSON = {"content-type": "application/json"}
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "graphql-ws",
}


@dataclass(frozen=True)
class Webserver:
    """A running UI."""

    port: int
    pid: int

    def status(self, method: str, path: str, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, QUERY if method == "POST" else None, {**JSON, **sent})
            return connection.getresponse().status
        finally:
            connection.close()


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webserver]:
    data: Path = tmp_path_factory.mktemp("data")
    home, port = data / "dagster_home", free()
    prepare_home(home, Settings(data=data))
    variables = {**home_environment(home), "FUTURES_PIPELINE_DATA": str(data)}
    with (data / "webserver.log").open("ab") as log:
        child = subprocess.Popen(
            webserver_command(home, port),
            env=environment(variables),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: answers(port), 90, "the UI answers")
        yield Webserver(port, child.pid)
        child.send_signal(signal.SIGTERM)
        child.wait(20)
        wait_until(lambda: not members(child.pid), 20, "the code server ended as well")
    finally:
        for pid in members(child.pid):
            os.kill(pid, signal.SIGKILL)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_programs_and_the_ui_itself_pass(webserver: Webserver) -> None:
    own = f"http://127.0.0.1:{webserver.port}"
    assert webserver.status("POST", "/graphql") == 200
    assert webserver.status("POST", "/graphql", origin=own, sec_fetch_site="same-origin") == 200
    assert webserver.status("GET", "/runs") == 200
    assert webserver.status("GET", "/graphql", origin=own, **UPGRADE) == 101


def test_other_sites_are_refused(webserver: Webserver) -> None:
    evil = "http://evil.example"
    assert webserver.status("POST", "/graphql", origin=evil) == 403
    assert webserver.status("GET", MUTATION) == 403
    assert webserver.status("POST", "/graphql", host="evil.example") == 403
    assert webserver.status("POST", "/graphql", sec_fetch_site="cross-site") == 403
    assert webserver.status("POST", "/report_asset_check/x", origin=evil) == 403
    assert webserver.status("GET", "/graphql", origin=evil, **UPGRADE) == 403


def test_only_the_guarded_port_listens(webserver: Webserver) -> None:
    """The code server talks over a UNIX socket, so one TCP port is all there is."""
    assert listening(members(webserver.pid)) == {("127.0.0.1", webserver.port)}
