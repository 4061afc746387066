"""The receiver that tests of channels listen with."""

from __future__ import annotations

import socket
from contextlib import closing
from http.client import HTTPConnection

from tocsin.testing.channels import HttpReceiver


def test_a_request_whose_sender_was_killed_in_the_middle_is_none() -> None:
    with HttpReceiver() as receiver:
        with socket.create_connection(("127.0.0.1", receiver.port)) as killed:
            killed.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            killed.shutdown(socket.SHUT_WR)
            assert killed.recv(1) == b""  # it has noticed
        with closing(HTTPConnection("127.0.0.1", receiver.port, timeout=30)) as sender:
            sender.request("POST", "/", b'{"id": 1}')
            assert sender.getresponse().status == 200

    assert [request.json() for request in receiver.requests] == [{"id": 1}]
