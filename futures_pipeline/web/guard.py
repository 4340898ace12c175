"""What may reach a page of this machine: its own pages, and programs of this machine.

Dagster's webserver takes any Host and Origin, and mutations by GET, so that a page of another
site can start and delete runs through the user's browser (docs/decisions/0020).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRAPHQL = "graphql"
REFUSED, REFUSED_SOCKET = 403, 4403
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# A page of another site may not show this one in a frame and have the user click in it.
NOT_IN_FRAMES = [
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the guard sees it; header names are lower case, ``path`` is decoded.

    A header that came twice has both values, by comma.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_socket: bool = False


def own_hosts(port: int) -> frozenset[str]:
    """Return the names under which the UI is addressed on this machine.

    >>> sorted(own_hosts(3000))
    ['127.0.0.1:3000', '[::1]:3000', 'localhost:3000']
    """
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))


def refusal(asked: Asked, hosts: frozenset[str]) -> str | None:
    """Return why a request is refused, None for one that may pass.

    Host: one of ``hosts``, which stops a foreign name that resolves to this machine. Origin,
    which browsers send with every change and socket: absent, or of these hosts.
    Sec-Fetch-Site: absent, ``same-origin`` or ``none``; a link on another site may open a
    page, and nothing else. A GET carries no GraphQL.
    """
    headers = asked.headers
    if headers.get("host", "").lower() not in hosts:
        return "the host is not this machine's UI"
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in {f"http://{host}" for host in hosts}:
        return "the origin is another site"
    site = headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none") and not _opens_page(asked):
        return "the request comes from a page of another site"
    if asked.method in SAFE_METHODS and not asked.is_socket and _asks_graphql(asked):
        return "GraphQL is asked by POST only"
    return None


def _opens_page(asked: Asked) -> bool:
    mode = asked.headers.get("sec-fetch-mode"), asked.headers.get("sec-fetch-dest")
    return asked.method == "GET" and not asked.is_socket and mode == ("navigate", "document")


def _asks_graphql(asked: Asked) -> bool:
    return asked.path.strip("/").lower() == GRAPHQL and bool(
        parse_qs(asked.query, keep_blank_values=True)
    )


class Guard:
    """An ASGI application that passes on to another what :func:`refusal` lets through."""

    def __init__(self, app: "ASGIApp", hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        asked = as_asked(scope)
        why = refusal(asked, self._hosts)
        if why is None:
            await self._app(scope, receive, send if asked.is_socket else _framed(send))
        elif asked.is_socket:
            await send({"type": "websocket.close", "code": REFUSED_SOCKET, "reason": why})
        else:
            await _refuse(send, why)


def as_asked(scope: Mapping[str, Any]) -> Asked:
    """Return the part of an ASGI scope that the guard judges."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        known = headers.get(key := name.decode("latin-1").lower())
        text = value.decode("latin-1")
        headers[key] = text if known is None else f"{known}, {text}"
    query = scope["query_string"].decode("latin-1")
    is_socket = scope["type"] == "websocket"
    return Asked(scope.get("method", "GET"), scope["path"], query, headers, is_socket)


async def _refuse(send: "Send", why: str) -> None:
    body = f"Refused: {why}.\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": REFUSED, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _framed(send: "Send") -> "Send":
    async def sending(message: "Message") -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *NOT_IN_FRAMES]}
        await send(message)

    return sending
