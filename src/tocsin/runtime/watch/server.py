"""The page for machines: `/metrics`, `/healthz` and `/readyz`, and nothing else."""

from __future__ import annotations

import json
import socket
import threading
from collections import OrderedDict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Page = tuple[int, str, bytes]

__all__ = ["PageServer", "json_page"]

_SECONDS = 5.0
_MOST_CONNECTIONS = 8


def json_page(status: int, content: Mapping[str, Any]) -> Page:
    """Give a page that holds JSON."""
    return status, "application/json", json.dumps(content, default=str).encode() + b"\n"


class PageServer:
    """A small HTTP server: a request a connection, a few connections at a time, each for a few seconds.

    When one too many comes, the oldest is closed: who keeps connections open keeps nobody else away.

    Args:
        host: Where to listen; a name or an address.
        port: The port; 0 takes a free one.
        pages: Path → what gives its status, content type and content; handed the header `Accept`.

    Raises:
        ConfigError: It cannot listen there.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, Callable[[str], Page]]) -> None:
        handler = type("_BoundHandler", (_Handler,), {"pages": dict(pages)})
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, _, _, _, address = found[0]
            kind = type("_BoundServer", (_Server,), {"address_family": family})
            self._server: _Server = kind(address[:2], handler)
        except (OSError, UnicodeError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"cannot listen on {host}:{port}: {reason}",
                hint="give another address with --listen, or --no-listen",
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="tocsin-page", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """End, with all connections."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, *arguments: Any) -> None:
        self._open: OrderedDict[int, socket.socket] = OrderedDict()
        self._lock = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; the oldest of too many connections is closed."""
        with self._lock:
            self._open[id(request)] = request
            oldest = self._open.popitem(last=False)[1] if len(self._open) > _MOST_CONNECTIONS else None
        if oldest is not None:
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._lock:
            self._open.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who breaks off a connection is no concern of ours."""


class _Handler(BaseHTTPRequestHandler):
    pages: ClassVar[Mapping[str, Callable[[str], Page]]]
    timeout = _SECONDS
    protocol_version = "HTTP/1.0"  # a request a connection
    server_version = "tocsin"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        make = self.pages.get(self.path.partition("?")[0])
        if make is None:
            known = ", ".join(self.pages)
            status, content_type, content = 404, "text/plain; charset=utf-8", f"there are {known}\n".encode()
        else:
            status, content_type, content = make(self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing: a scrape every few seconds is no news."""
