"""The feed's port with real clients: who may listen, what they are told, who is cut off."""

import asyncio
import json
import logging
import socket
import struct

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from futures_pipeline.collection.feed import server as module
from futures_pipeline.collection.feed.doors import MOST_LISTENERS
from futures_pipeline.collection.feed.server import FeedServer
from futures_pipeline.collection.feed.tape import Tape
from futures_pipeline.domain.clock import SystemClock
from futures_pipeline_tests.collection.feed.conftest import BTC, health, listening, told, trade

SYMBOLS = ["../../x", "..", "a/b", "BTC%2FUSDT%00", "E" * 300, "", "%2e", "\u202eSE", "<script>"]
LOOPBACK = ["127.0.0.1", "localhost"]


async def refusal(server: FeedServer, path: str = "/feed", **headers: str) -> int:
    """Return the status that an attempt to listen is answered with."""
    target = f"ws://127.0.0.1:{server.port}{path}"
    host = headers.pop("host", None)
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            target if host is None else f"ws://{host}:{server.port}{path}",
            host="127.0.0.1",
            port=server.port,
            proxy=None,
            additional_headers=headers,
        ):
            pass
    return int(refused.value.response.status_code)


async def plain(server: FeedServer, request: str) -> str:
    """Return the first line that bytes sent to the port are answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request.replace("\n", "\r\n").encode())
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()
    return line.decode().strip()


async def test_a_listener_is_greeted_shown_history_and_told_in_order(
    server: FeedServer, tape: Tape
) -> None:
    async with listening(server, "symbols=BTC%2FUSDT%2CES&minutes=5") as connection:
        hello = json.loads(await connection.recv())
        first = [json.loads(await connection.recv()) for _ in range(3)]
        for price in (100.0, 101.5, 99.0):
            tape.tell(trade(price))
            message = await told(connection, "trade")
            assert (message["price"], message["trades"]) == (price, 1)
        last = message["seq"]

    assert (hello["type"], hello["seq"], hello["minutes"]) == ("hello", 1, 5)
    assert [it["symbol"] for it in hello["symbols"]] == [BTC, "ES"]
    assert sorted(it["type"] for it in first) == ["health", "history", "history"]
    assert [it["seq"] for it in first] == [2, 3, 4]
    assert last == 7


async def test_a_quiet_market_is_told_from_a_dead_feed(server: FeedServer) -> None:
    async with listening(server) as connection:
        await told(connection, "health")
        async with asyncio.timeout(module.HEALTH_EVERY_SECONDS + 1):
            await told(connection, "health")


@pytest.mark.parametrize("name", LOOPBACK)
async def test_programs_and_pages_of_this_very_port_may_listen(
    server: FeedServer, name: str
) -> None:
    own = f"http://{name}:{server.port}"
    async with listening(server, origin=own) as connection:  # type: ignore[arg-type]
        await told(connection, "hello")


@pytest.mark.parametrize(
    "origin",
    ["https://example.org", "null", "http://127.0.0.1:8501", "http://127.0.0.1", "file://", ""],
)
async def test_pages_of_other_addresses_may_not(server: FeedServer, origin: str) -> None:
    assert await refusal(server, Origin=origin) == 403


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "127.0.0.2"])
async def test_other_names_of_this_machine_are_refused(server: FeedServer, host: str) -> None:
    """As when a name of another site is made to point here."""
    assert await refusal(server, host=host) == 403


@pytest.mark.parametrize("path", ["/", "/feed/", "/feed/../etc", "/metrics", "//feed"])
async def test_there_is_nothing_else_on_the_port(server: FeedServer, path: str) -> None:
    assert await refusal(server, path) == 404


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_symbols_that_are_none_are_refused(server: FeedServer, symbol: str) -> None:
    query = symbol.encode("ascii", "backslashreplace").decode()
    assert await refusal(server, f"/feed?symbols={query}") == 400


@pytest.mark.parametrize(
    "query", ["minutes=-1", "minutes=1441", "minutes=1e3", "minutes=", "x=1", "minutes=1&minutes=2"]
)
async def test_parts_that_are_none_are_refused(server: FeedServer, query: str) -> None:
    assert await refusal(server, f"/feed?{query}") == 400


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_plain_http_gets_nothing(server: FeedServer, method: str) -> None:
    host = f"Host: 127.0.0.1:{server.port}"
    line = await plain(server, f"{method} /feed HTTP/1.1\n{host}\n\n")

    assert line.split()[1] == ("426" if method == "GET" else "405")


async def test_bytes_that_are_no_request_end_their_connection_alone(
    server: FeedServer, tape: Tape
) -> None:
    async with listening(server) as connection:
        for junk in ("\x00\xff" * 50, "GET " + "/" * 20_000, "X: y\n" * 400):
            assert " 200" not in await plain(server, junk + "\n\n")
        tape.tell(trade(7.0))
        assert (await told(connection, "trade"))["price"] == 7.0


@pytest.mark.parametrize("word", ["{}", '{"type":"subscribe"}', b"\x00", "x" * 5000])
async def test_whoever_says_something_is_sent_away(server: FeedServer, word: str | bytes) -> None:
    async with listening(server) as connection:
        await connection.send(word)
        with pytest.raises(ConnectionClosed) as closed:
            await told(connection, "nothing of this type")

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in (1008, 1009)  # read-only, or too long to be read at all


async def test_there_is_an_end_to_the_listeners(server: FeedServer, tape: Tape) -> None:
    listeners = [listening(server) for _ in range(MOST_LISTENERS)]
    for listener in listeners:
        await told(await listener.__aenter__(), "hello")
    assert await refusal(server) == 503
    await listeners.pop().__aexit__(None, None, None)
    async with asyncio.timeout(5):
        while len(tape.listeners) == MOST_LISTENERS:
            await asyncio.sleep(0.01)
    async with listening(server) as connection:
        await told(connection, "hello")
    for listener in listeners:
        await listener.__aexit__(None, None, None)


async def test_a_listener_that_takes_nothing_is_cut_off_and_hurts_nobody(
    server: FeedServer,
    tape: Tape,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.3)
    mute = socket.socket()
    mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    mute.connect(("127.0.0.1", server.port))
    mute.sendall(
        f"GET /feed HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    async with listening(server) as quick, asyncio.timeout(20):
        sent = 0
        while "reason=too_slow" not in caplog.text:
            sent += 1
            tape.tell(trade(float(sent)))
            assert (await told(quick, "trade"))["price"] == float(sent)
    mute.close()

    assert len(tape.listeners) <= 1


async def test_a_listener_that_vanishes_is_forgotten(server: FeedServer, tape: Tape) -> None:
    async with listening(server) as connection:
        await told(connection, "hello")
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.transport.abort()
    async with asyncio.timeout(5):
        while tape.listeners:
            await asyncio.sleep(0.01)


async def test_a_port_that_is_taken_is_told_and_nothing_fails(
    server: FeedServer, tape: Tape, caplog: pytest.LogCaptureFixture
) -> None:
    second = FeedServer(tape, SystemClock(), health)

    assert not await second.open(server.port)
    await second.close()
    assert f"feed_not_opened port={server.port}" in caplog.text
    assert [it.levelno for it in caplog.records] == [logging.WARNING]


async def test_only_this_machine_can_reach_the_port(server: FeedServer) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.2", server.port))  # free: the feed is on 127.0.0.1 alone
