"""A TCP proxy that lets a COMMIT through, waits until the server has done it, and loses the answer."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

__all__ = ["CuttingProxy"]

_COMMIT = b"COMMIT\0"


class CuttingProxy:
    """Stands between clients and a server on this machine.

    Args:
        port: Of the server.
        cut: Which COMMITs to lose the answers of, counted over all connections from 1.
    """

    def __init__(self, port: int, cut: set[int]) -> None:
        self._server = port
        self._cut = cut
        self._commits = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.lost = 0
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def close(self) -> None:
        """Cut everything, and wait until all threads are gone."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            self._end(one)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                self._sockets += [client, server]
                committing = threading.Event()
                self._start(self._to_server, client, server, committing)
                self._start(self._to_client, server, client, committing)

    def _to_server(self, client: socket.socket, server: socket.socket, committing: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if _COMMIT in data:
                    with self._lock:
                        self._commits += 1
                        if self._commits in self._cut:
                            committing.set()
                server.sendall(data)
        self._end(server)

    def _to_client(self, server: socket.socket, client: socket.socket, committing: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if committing.is_set():  # this is the answer: it is done
                    self.lost += 1
                    self._end(server)
                    break
                client.sendall(data)
        self._end(client)

    @staticmethod
    def _end(one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
