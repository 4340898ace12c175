"""Frames, handshakes and the request cursor."""

import asyncio

import pytest

from futures_pipeline.simulator.protocol import wire


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_frame_and_split_are_inverse() -> None:
    data = wire.frame(("4", "2", "-1", "2104", "", "naïve"))

    payload = await wire.read_payload(reader_of(data))

    assert wire.split(payload) == ["4", "2", "-1", "2104", "", "naïve"]


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("v157..178", (157, 178)),
        ("v100..226", (100, 226)),
        ("v157..178 +PACEAPI", (157, 178)),
        ("v163", (163, 163)),
    ],
)
async def test_handshake_gives_the_clients_range(text: str, versions: tuple[int, int]) -> None:
    greeting = wire.MAGIC + len(text).to_bytes(4, "big") + text.encode()

    assert await wire.read_handshake(reader_of(greeting)) == versions


@pytest.mark.parametrize("text", ["", "178", "v1x..2", "GET / HTTP/1.1"])
def test_other_greetings_are_refused(text: str) -> None:
    with pytest.raises(wire.ProtocolError):
        wire.parse_versions(text)


@pytest.mark.parametrize(
    ("lowest", "highest", "agreed"),
    [(157, 178, 178), (100, 226, 178), (157, 157, 157), (100, 156, None), (179, 226, None)],
)
def test_never_above_the_client_and_never_below_157(
    lowest: int, highest: int, agreed: int | None
) -> None:
    assert wire.negotiate(lowest, highest) == agreed


async def test_absurd_length_is_refused_before_it_is_read() -> None:
    with pytest.raises(wire.ProtocolError, match="frame of"):
        await wire.read_payload(reader_of(b"\x7f\xff\xff\xff"))


def test_cursor_names_what_is_wrong() -> None:
    cursor = wire.Cursor(["x"])

    with pytest.raises(wire.ProtocolError, match="'x' is not a whole number"):
        cursor.integer()
    with pytest.raises(wire.ProtocolError, match="more are needed"):
        cursor.text()
