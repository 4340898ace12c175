"""How the collector is, as its feed tells it: asked once, not kept open."""

import json
import time
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

SECONDS = 3.0


def ask_health(port: int) -> dict[str, Any] | None:
    """Return the feed's ``health`` message (docs/feed.md); None when nobody tells it.

    Waits for it for a few seconds at most, whatever else is said.
    """
    if port == 0:
        return None
    address = f"ws://127.0.0.1:{port}/feed?minutes=0"
    try:
        with connect(address, compression=None, proxy=None, open_timeout=SECONDS) as feed:
            until = time.monotonic() + SECONDS
            while (left := until - time.monotonic()) > 0:
                message: dict[str, Any] = json.loads(feed.recv(left))
                if message["type"] == "health":
                    return message
    except (OSError, WebSocketException):
        return None
    return None
