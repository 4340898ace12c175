"""Who may reach the Dagster UI: every rule by a request that keeps it and one that breaks it."""

from typing import Any

import pytest

from futures_pipeline.web.guard import Asked, Guard, own_hosts, refusal

HOSTS = own_hosts(3000)
OWN = {"host": "127.0.0.1:3000"}
PAGE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
MUTATION = "query=mutation%20%7BreloadWorkspace%7B__typename%7D%7D"


def post(**headers: str) -> Asked:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked("POST", "/graphql", headers={**OWN, **named})


def socket(origin: str) -> Asked:
    return Asked("GET", "/graphql", headers={**OWN, "origin": origin}, is_socket=True)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(post(), id="a program of this machine"),
        pytest.param(post(origin="http://127.0.0.1:3000"), id="its own page"),
        pytest.param(post(host="localhost:3000", origin="http://localhost:3000"), id="by name"),
        pytest.param(post(host="LocalHost:3000"), id="a host in capitals"),
        pytest.param(post(sec_fetch_site="same-origin"), id="its own script"),
        pytest.param(Asked("GET", "/runs", headers={**OWN, "sec-fetch-site": "none"}), id="typed"),
        pytest.param(Asked("GET", "/runs/1", headers={**OWN, **PAGE}), id="a link in a chat"),
        pytest.param(Asked("GET", "/graphql", headers=OWN), id="GraphiQL's page"),
        pytest.param(socket("http://127.0.0.1:3000"), id="its own socket"),
    ],
)
def test_what_belongs_here_passes(asked: Asked) -> None:
    assert refusal(asked, HOSTS) is None


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(post(host="evil.example:3000"), id="a foreign name for this machine"),
        pytest.param(post(host="127.0.0.1:3001"), id="another port"),
        pytest.param(post(host="127.0.0.1:3000, evil.example"), id="two hosts"),
        pytest.param(Asked("POST", "/graphql"), id="no host"),
        pytest.param(post(origin="http://evil.example"), id="another site"),
        pytest.param(post(origin="null"), id="a sandboxed frame"),
        pytest.param(post(origin="https://127.0.0.1:3000"), id="another scheme"),
        pytest.param(post(origin="http://localhost:8501"), id="another program's page"),
        pytest.param(post(sec_fetch_site="cross-site"), id="a form of another site"),
        pytest.param(post(sec_fetch_site="same-site"), id="a page on another port"),
        pytest.param(Asked("POST", "/x", headers={**OWN, **PAGE}), id="a form that opens a page"),
        pytest.param(
            Asked("GET", "/runs", headers={**OWN, **PAGE, "sec-fetch-dest": "iframe"}),
            id="a frame of another site",
        ),
        pytest.param(Asked("GET", "/graphql", MUTATION, OWN), id="a mutation by GET"),
        pytest.param(Asked("HEAD", "/graphql", MUTATION, OWN), id="a mutation by HEAD"),
        pytest.param(Asked("GET", "//graphql/", "query=", OWN), id="by other slashes"),
        pytest.param(Asked("GET", "/graphql", MUTATION, {**OWN, **PAGE}), id="by a link"),
        pytest.param(socket("http://evil.example"), id="a socket of another site"),
    ],
)
def test_what_does_not_belong_here_is_refused(asked: Asked) -> None:
    assert refusal(asked, HOSTS)


class Recorder:
    """An application behind the guard, and what the client was sent."""

    def __init__(self) -> None:
        self.called = False
        self.sent: list[Any] = []

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        self.called = True
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def ask(self, kind: str, *headers: tuple[bytes, bytes]) -> Any:
        scope = {"type": kind, "method": "GET", "path": "/", "query_string": b""}
        guarded = Guard(self.application, HOSTS)
        await guarded({**scope, "headers": headers}, None, self.send)  # type: ignore[arg-type]
        return self.sent[0]


async def test_a_page_that_passes_may_not_be_framed() -> None:
    begun = await Recorder().ask("http", (b"Host", b"127.0.0.1:3000"))

    assert begun["status"] == 200
    assert begun["headers"][0] == (b"a", b"b")
    assert (b"x-frame-options", b"DENY") in begun["headers"]


async def test_a_refused_request_never_reaches_the_application() -> None:
    asked = Recorder()
    begun = await asked.ask("http", (b"host", b"127.0.0.1:3000"), (b"host", b"evil.example"))

    assert begun["status"] == 403
    assert asked.sent[1]["body"] == b"Refused: the host is not this machine's UI.\n"
    assert not asked.called


async def test_a_refused_socket_is_closed_with_its_own_code() -> None:
    asked = Recorder()
    headers = ((b"host", b"127.0.0.1:3000"), (b"origin", b"http://evil.example"))
    closed = await asked.ask("websocket", *headers)

    assert (closed["type"], closed["code"]) == ("websocket.close", 4403)
    assert not asked.called
