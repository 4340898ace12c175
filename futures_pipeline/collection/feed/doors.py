"""Who may listen, and to what: decided from the request alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

PATH = "/feed"
MOST_LISTENERS = 16
MOST_MINUTES = 1440
MOST_QUERY_CHARACTERS = 400
PARTS = ("symbols", "minutes")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listener wants: symbols, and finished minutes of each to begin with."""

    symbols: Sequence[str]
    minutes: int


@dataclass(frozen=True, slots=True)
class Knock:
    """A request: ``target`` is path and query; ``headers`` all values by name in lower case."""

    method: str
    target: str
    headers: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken."""

    status: HTTPStatus
    reason: str


def answer(knock: Knock, port: int, listeners: int, symbols: Collection[str]) -> Asked | Refusal:
    """Return what is asked for, or why it is refused.

    Args:
        knock: the request.
        port: the feed's own.
        listeners: how many there are already.
        symbols: those that can be asked for, in the order they are told.
    """
    hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
    host, origins = knock.headers.get("host", ()), knock.headers.get("origin", ())
    if len(host) != 1 or host[0].lower() not in hosts:
        return Refusal(HTTPStatus.FORBIDDEN, f"Host has to be 127.0.0.1:{port}")
    own_pages = {f"http://{name}" for name in hosts}
    if not {origin.lower() for origin in origins} <= own_pages:
        return Refusal(HTTPStatus.FORBIDDEN, "pages of other addresses may not listen")
    if knock.method != "GET":
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "the feed is asked with GET")
    url = urlsplit(knock.target)
    if url.path != PATH:
        return Refusal(HTTPStatus.NOT_FOUND, f"the feed is at {PATH}")
    if "websocket" not in {text.lower() for text in knock.headers.get("upgrade", ())}:
        return Refusal(HTTPStatus.UPGRADE_REQUIRED, "the feed is a WebSocket")
    if listeners >= MOST_LISTENERS:
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_LISTENERS} listen already")
    return _asked(url.query, symbols)


def _asked(query: str, symbols: Collection[str]) -> Asked | Refusal:
    pairs = parse_qsl(query[: MOST_QUERY_CHARACTERS + 1], keep_blank_values=True)
    parts = dict(pairs)
    if len(query) > MOST_QUERY_CHARACTERS or len(pairs) > len(parts) or set(parts) - set(PARTS):
        return Refusal(HTTPStatus.BAD_REQUEST, f"the address may have {' and '.join(PARTS)}, once")
    wanted = parts["symbols"].split(",") if "symbols" in parts else list(symbols)
    if not set(wanted) <= set(symbols):
        return Refusal(HTTPStatus.BAD_REQUEST, f"symbols has to be some of {','.join(symbols)}")
    minutes = parts.get("minutes", str(MOST_MINUTES))
    is_number = minutes.isascii() and minutes.isdigit() and len(minutes) <= len(str(MOST_MINUTES))
    if not is_number or int(minutes) > MOST_MINUTES:
        return Refusal(HTTPStatus.BAD_REQUEST, f"minutes has to be from 0 to {MOST_MINUTES}")
    return Asked(list(dict.fromkeys(wanted)), int(minutes))
