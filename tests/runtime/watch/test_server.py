"""The page for machines: three paths, a few connections, each for a short time."""

from __future__ import annotations

import contextlib
import http.client
import socket
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import ConfigError
from tocsin.runtime.watch.server import PageServer, json_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.runtime.watch.server import Page


def fails(_: str) -> Page:
    raise RuntimeError("a bug")


@pytest.fixture
def server() -> Iterator[PageServer]:
    pages = {
        "/healthz": lambda accept: json_page(200, {"accept": accept}),
        "/readyz": lambda _: json_page(503, {}),
        "/bug": fails,
    }
    server = PageServer("127.0.0.1", 0, pages)
    server.start()
    yield server
    server.close()


def port(server: PageServer) -> int:
    return int(server.url.rpartition(":")[2])


def ask(server: PageServer, path: str, method: str = "GET") -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port(server), timeout=30)) as connection:
        connection.request(method, path, headers={"Accept": "text/x"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_pages_answer_and_others_are_not_found(server: PageServer) -> None:
    assert ask(server, "/healthz") == (200, b'{"accept": "text/x"}\n')
    assert ask(server, "/healthz?verbose=1")[0] == 200
    assert ask(server, "/readyz")[0] == 503
    assert ask(server, "/healthz", "HEAD") == (200, b"")
    assert ask(server, "/") == (404, b"there are /healthz, /readyz, /bug\n")
    assert ask(server, "/healthz", "POST")[0] == 501


def test_connections_are_closed_after_one_answer(server: PageServer) -> None:
    with socket.create_connection(("127.0.0.1", port(server)), 30) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n" * 2)
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(4096):
                said += part
    assert said.count(b"HTTP/1.0 200") == 1


def test_a_bug_in_a_page_ends_one_connection_only(server: PageServer) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(server, "/bug")
    assert ask(server, "/healthz")[0] == 200


def test_who_keeps_connections_open_keeps_nobody_away(server: PageServer) -> None:
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port(server)), 30)) for _ in range(30)
        ]
        for client in clients:
            with contextlib.suppress(OSError):
                client.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        assert ask(server, "/healthz")[0] == 200
        with contextlib.suppress(ConnectionResetError):
            assert clients[0].recv(100) == b""  # the oldest was closed


def test_a_server_that_was_not_started_can_be_closed() -> None:
    PageServer("127.0.0.1", 0, {}).close()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on no-such-host\.invalid:80"):
        PageServer("no-such-host.invalid", 80, {})
