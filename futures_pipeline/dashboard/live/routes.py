"""What the live page is served from: its files, its facts, and the feed under the same origin."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from futures_pipeline.config import Settings
from futures_pipeline.dashboard.live.facts import pair_facts
from futures_pipeline.domain.errors import PipelineError

STATIC = Path(__file__).with_name("static")
TYPES = {".js": "text/javascript", ".css": "text/css"}
# What the browser is told when the collector cannot be heard; it tries again.
NO_FEED = 4001
ASKED = ("symbols", "minutes")
# The page needs no other host, and no frame may hold it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
    "data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def live_routes(settings: Settings, library: Path | None) -> Sequence[BaseRoute]:
    """Return the routes of the live page; ``library``: the chart library's script, if any."""
    return [
        Route("/live", _page, methods=["GET"]),
        Route("/live/symbols", partial(_symbols, settings), methods=["GET"]),
        Route("/live/pair", partial(_pair, settings), methods=["GET"]),
        Route("/live/assets/{name}", partial(_asset, library), methods=["GET"]),
        WebSocketRoute("/live/feed", partial(_relay, settings.feed.port)),
    ]


async def _page(request: Request) -> Response:
    del request
    headers = {**HEADERS, "Content-Security-Policy": POLICY}
    return FileResponse(STATIC / "live.html", media_type="text/html", headers=headers)


async def _asset(library: Path | None, request: Request) -> Response:
    name = request.path_params["name"]
    own = {file.name: file for file in STATIC.iterdir() if file.suffix in TYPES}
    if library is not None:
        own[library.name] = library
    file = own.get(name)
    if file is None:
        return PlainTextResponse("no such file", status_code=404)
    return FileResponse(file, media_type=TYPES[file.suffix], headers=HEADERS)


async def _symbols(settings: Settings, request: Request) -> Response:
    """Answer what is collected, and the market's time until the feed tells it."""
    del request
    clock = settings.clock
    symbols = [instrument.symbol for instrument in (*settings.instruments, *settings.pairs)]
    told = {
        "symbols": symbols,
        "now": clock.now().timestamp() * 1000.0,
        "speed": 1.0 / clock.system_seconds(1.0),
    }
    return JSONResponse(told, headers=HEADERS)


async def _pair(settings: Settings, request: Request) -> Response:
    """Answer what is stored of a pair: the verdict on its lead and its heat-map."""
    legs = (request.query_params.get("futures", ""), request.query_params.get("spot", ""))
    try:
        facts = await run_in_threadpool(pair_facts, settings, legs)
    except PipelineError as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    return JSONResponse(facts, headers=HEADERS)


async def _relay(port: int, socket: WebSocket) -> None:
    """Pass the feed on, message by message; the page has nothing to say, so it is not heard.

    Nothing is kept here: a slow page slows the feed's connection down, and the collector puts
    its messages together.
    """
    await socket.accept()
    query = urlencode({k: v for k, v in socket.query_params.items() if k in ASKED})
    heard = asyncio.create_task(_until_left(socket))
    passed = asyncio.create_task(_pass_on(f"ws://127.0.0.1:{port}/feed?{query}", socket))
    await asyncio.wait({heard, passed}, return_when=asyncio.FIRST_COMPLETED)
    if not heard.done():
        with suppress(RuntimeError):
            await socket.close(NO_FEED, passed.result())
    for task in (heard, passed):
        task.cancel()
    await asyncio.gather(heard, passed, return_exceptions=True)


async def _pass_on(address: str, socket: WebSocket) -> str:
    """Pass messages on until the feed ends; return why it did."""
    try:
        async with connect(address, compression=None, proxy=None, max_size=None) as feed:
            async for message in feed:
                await socket.send_text(str(message))
    except (OSError, WebSocketException) as error:
        return f"the collector cannot be heard ({error})"[:120]
    except (WebSocketDisconnect, RuntimeError):
        return "the page was left"
    return "the collector ended the feed"


async def _until_left(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, RuntimeError, json.JSONDecodeError):
        while True:
            await socket.receive_text()
