"""A web hook on loopback that answers as it is told and remembers what it was sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


class Hook:
    """Answers with the next of ``answers``, then 200; while it ``hangs``, none."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.received: list[dict[str, Any]] = []
        self.arrived, self.release = Event(), Event()
        self.hangs = False
        self.port = 0

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/secret-canary-token"

    @property
    def titles(self) -> list[str]:
        return [sent["title"] for sent in self.received]


@contextmanager
def web_hook() -> Iterator[Hook]:
    """Run a hook for the body."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hook.arrived.set()
            if hook.hangs:
                hook.release.wait(30)
            status = hook.answers.pop(0) if hook.answers else 200
            if status == 200:
                hook.received.append(json.loads(body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    worker = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    worker.start()
    try:
        yield hook
    finally:
        hook.release.set()
        server.shutdown()
        worker.join()
        server.server_close()
