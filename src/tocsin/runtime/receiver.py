"""A receiver of webhooks for trying things out: `python -m tocsin.runtime.receiver --port 8025`.

It listens on this machine only, writes a line for each message that it gets, and takes one that comes again
(same id) as what it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["Receiver", "main"]

_LARGEST = 10_000_000


class Receiver:
    """Listens on 127.0.0.1 in a thread of its own; a context manager.

    Args:
        port: Where; 0 takes a free one.
        out: Gets a line a message: its time, kind and title.

    Attributes:
        messages: What came, each id once, in order.
        repeated: How often one came again.
    """

    def __init__(self, port: int = 0, *, out: TextIO | None = None) -> None:
        self.messages: list[dict[str, Any]] = []
        self.repeated = 0
        self._out = out
        self._ids: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, body: bytes) -> int:
        """Take what was posted, and give the HTTP status to answer with."""
        try:
            message = json.loads(body)
            name = str(message["id"])
        except (ValueError, TypeError, KeyError):
            return 400
        with self._lock:
            if name in self._ids:
                self.repeated += 1
                return 200
            self._ids.add(name)
            self.messages.append(message)
            if self._out is not None:
                self._out.write(_line(message))
                self._out.flush()
        return 200

    def wait(self) -> None:
        """Wait until it is closed."""
        self._thread.join()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _line(message: dict[str, Any]) -> str:
    at = str(message.get("timestamp") or message.get("queued_at") or "")[:16].replace("T", " ")
    title = " ".join(str(message.get("title", "")).split())
    return f"{at}  {message.get('kind', '')!s:<9}  {title}\n"


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status = receiver.take(self.rfile.read(length)) if 0 < length <= _LARGEST else 400
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            """Keep quiet."""

    return Handler


def main(arguments: Sequence[str] | None = None) -> int:
    """Listen until interrupted."""
    parser = argparse.ArgumentParser(description="Receives webhooks, and writes a line for each message.")
    parser.add_argument("--port", type=int, default=8025, help="where to listen on this machine [8025]")
    parser.add_argument("--out", type=Path, help="a file to write to; the screen without it")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        try:
            out = stack.enter_context(options.out.open("a", encoding="utf-8")) if options.out else sys.stdout
        except OSError as error:
            parser.error(f"{options.out} cannot be written ({error.strerror})")
        try:
            receiver = stack.enter_context(Receiver(options.port, out=out))
        except (OSError, OverflowError) as error:
            parser.error(f"nothing can listen on port {options.port} ({error}): give another --port")
        stack.enter_context(suppress(KeyboardInterrupt))
        receiver.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
