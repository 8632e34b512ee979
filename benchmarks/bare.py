"""The least that can be done on our server: answers kept as bytes, found by query string.

`python -m benchmarks.bare FILE PORT PROCESSES`; FILE maps paths to bodies.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.servers import HOST
from roadworthy.chassis import server

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
DRAIN_SECONDS = 5.0


class Bare:
    """An ASGI app that answers at once; /health, which has no query, with an empty object."""

    def __init__(self, file: Path) -> None:
        """Read the answers, and make both messages of each."""
        bodies = json.loads(file.read_text(encoding="utf-8"))
        self._answers = {path.partition("?")[2].encode(): _messages(body.encode()) for path, body in bodies.items()}
        self._health = _messages(b"{}")

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        """Serve one request, or the lifespan of the process."""
        if scope["type"] == "lifespan":
            for stage in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{stage}.complete"})
            return
        start, body = self._answers.get(scope["query_string"], self._health)
        await send(start)
        await send(body)


def _messages(body: bytes) -> tuple[Message, Message]:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    return start, {"type": "http.response.body", "body": body}


def main() -> None:
    """Serve until SIGTERM, exactly as the product serves."""
    file, port, processes = sys.argv[1:]
    server.serve(
        partial(Bare, Path(file)), host=HOST, port=int(port), processes=int(processes), drain_seconds=DRAIN_SECONDS
    )


if __name__ == "__main__":
    main()
