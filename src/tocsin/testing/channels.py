"""The contract of channels that speak HTTP, and a receiver on this machine to hold them against."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest

from tocsin.errors import ChannelError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from tocsin.abc import Channel

__all__ = ["MESSAGE", "STATUS_TABLE", "Answer", "HttpChannelContract", "HttpReceiver", "ReceivedRequest"]

MESSAGE: dict[str, Any] = {
    "schema_version": 1,
    "id": "2f1d6f0e-5a56-5b8b-9a53-0d3a4b1c2d3e",
    "kind": "first",
    "project": "shop",
    "monitor": "orders",
    "series": "orders{country=DE}",
    "rule": "default",
    "title": "orders{country=DE} is below its band",
    "text": "orders{country=DE} has been below its band since 12:00.",
    "reason": "3 points in a row lie below the band",
    "direction": "down",
    "severity": 4.25,
    "value": 3.0,
    "confidence_lower": 10.5,
    "confidence_upper": 20.5,
    "timestamp": "2026-03-01T12:02:00Z",
    "opened_at": "2026-03-01T12:00:00Z",
    "last_anomaly_at": "2026-03-01T12:02:00Z",
    "resolved_at": None,
    "points": 3,
    "detectors": ["0123456789abcdef"],
    "description": "Orders a minute.",
    "tags": ["shop"],
    "context": {},
    "timezone": "UTC",
    "queued_at": "2026-03-01T12:03:00Z",
}
"""A message as the outbox gives it."""

STATUS_TABLE: dict[int, bool] = {
    300: False, 301: False, 302: False, 303: False, 307: False, 308: False,
    400: False, 401: False, 403: False, 404: False, 405: False, 408: True, 409: False, 410: False,
    413: False, 415: False, 422: False, 425: True, 429: True,
    500: True, 501: True, 502: True, 503: True, 504: True, 507: True, 599: True,
}  # fmt: skip
"""HTTP status → whether sending again may help; the same for every channel."""

_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answers to one request.

    Attributes:
        status: The HTTP status.
        body: The body; `echo` puts the request's path, headers and body in its place.
        headers: Further headers.
        stall: Whether to say nothing until the receiver is closed.
        drip: Whether to send the body one byte at a time, without end.
        echo: See `body`.
    """

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: bool = False
    drip: bool = False
    echo: bool = False


class HttpReceiver:
    """An HTTP server on 127.0.0.1 that keeps what it gets; a context manager.

    It answers each request with the next of `answers`, and with `default` when there is none.

    Args:
        tls: Speak HTTPS with this certificate.

    Attributes:
        requests: What came whole, in order.
        answers: What to answer next.
        default: What to answer otherwise.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self.answers: deque[Answer] = deque()
        self.default = Answer()
        self._closed = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self, self._closed))
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening, and wait for the requests under way."""
        self._closed.set()
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


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client leaves in the middle."""


def _handler(receiver: HttpReceiver, closed: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # the sender was killed in the middle: nothing came
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(ReceivedRequest(self.command, self.path, headers, body))
            answer = receiver.answers.popleft() if receiver.answers else receiver.default
            if answer.stall:
                closed.wait(_PATIENCE)
                return
            said = f"{self.path} {headers} {body!r}".encode() if answer.echo else answer.body
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if not answer.drip:
                self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            while answer.drip and not closed.wait(0.02):
                self.wfile.write(b".")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            """Keep quiet."""

    return Handler


class HttpChannelContract(ABC):
    """What every channel over HTTP keeps to; subclass it in a test module as `TestX`."""

    @abstractmethod
    def make_channel(self, url: str, *, timeout: float) -> Channel:
        """Make a channel that posts to a receiver at this address."""

    @property
    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """What of the configuration must never be shown."""

    @pytest.fixture
    def receiver(self) -> Iterator[HttpReceiver]:
        """Run a receiver for one test."""
        with HttpReceiver() as receiver:
            yield receiver

    def refused(self, receiver: HttpReceiver, answer: Answer, *, timeout: float = 10.0) -> ChannelError:
        """Send while the receiver answers so, and give the error."""
        receiver.answers.append(answer)
        with pytest.raises(ChannelError) as caught:
            self.make_channel(receiver.url, timeout=timeout).send(MESSAGE)
        return caught.value

    def test_a_message_arrives_once_with_its_title_and_text(self, receiver: HttpReceiver) -> None:
        self.make_channel(receiver.url, timeout=10.0).send(MESSAGE)
        (request,) = receiver.requests
        body = request.body.decode("unicode_escape").replace("\\", "")
        assert "is below its band" in body
        assert "has been below its band since 12:00" in body
        assert request.headers["content-type"].startswith("application/json")

    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_every_2xx_is_a_delivery(self, receiver: HttpReceiver, status: int) -> None:
        receiver.answers.append(Answer(status, b""))
        self.make_channel(receiver.url, timeout=10.0).send(MESSAGE)
        assert len(receiver.requests) == 1

    @pytest.mark.parametrize(("status", "transient"), STATUS_TABLE.items())
    def test_the_shared_table_says_what_is_worth_a_retry(
        self, receiver: HttpReceiver, status: int, *, transient: bool
    ) -> None:
        error = self.refused(receiver, Answer(status, b"no"))
        assert error.transient is transient
        assert str(status) in str(error)
        assert error.retry_after is None

    def test_a_redirect_is_not_followed(self, receiver: HttpReceiver) -> None:
        error = self.refused(receiver, Answer(302, b"", {"Location": f"{receiver.url}/elsewhere"}))
        assert not error.transient
        assert len(receiver.requests) == 1

    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_is_read_in_seconds(self, receiver: HttpReceiver, status: int) -> None:
        assert self.refused(receiver, Answer(status, headers={"Retry-After": "120"})).retry_after == 120

    def test_retry_after_is_read_as_a_date(self, receiver: HttpReceiver) -> None:
        receiver_time = {"Date": "Sun, 01 Mar 2026 12:00:00 GMT"}
        for clause, seconds in (("Sun, 01 Mar 2026 12:05:00 GMT", 300), ("Sun, 01 Mar 2026 11:00:00 GMT", 0)):
            # BaseHTTPRequestHandler sends its own Date first; ours comes last, and the last one counts.
            error = self.refused(receiver, Answer(503, headers={**receiver_time, "Retry-After": clause}))
            assert error.retry_after == seconds

    @pytest.mark.parametrize("value", ["soon", "-5", "1e3", "", "٣"])
    def test_a_retry_after_that_cannot_be_read_is_none(self, receiver: HttpReceiver, value: str) -> None:
        encoded = value.encode("utf-8").decode("latin-1")
        assert self.refused(receiver, Answer(503, headers={"Retry-After": encoded})).retry_after is None

    def test_nobody_there_is_worth_a_retry(self) -> None:
        with HttpReceiver() as receiver:
            url = receiver.url
        with pytest.raises(ChannelError) as caught:
            self.make_channel(url, timeout=10.0).send(MESSAGE)
        assert caught.value.transient

    def test_a_receiver_that_says_nothing_is_left_in_time(self, receiver: HttpReceiver) -> None:
        assert self.refused(receiver, Answer(stall=True), timeout=0.2).transient

    def test_a_receiver_that_never_ends_is_left_in_time(self, receiver: HttpReceiver) -> None:
        assert self.refused(receiver, Answer(500, drip=True), timeout=0.3).transient

    def test_a_huge_answer_is_not_read_to_its_end(self, receiver: HttpReceiver) -> None:
        error = self.refused(receiver, Answer(400, b"x" * 5_000_000))
        assert len(str(error)) < 1000

    def test_secrets_are_neither_in_errors_nor_in_the_repr(self, receiver: HttpReceiver) -> None:
        channel = self.make_channel(receiver.url, timeout=10.0)
        said = [repr(channel), str(channel), str(vars(channel))]
        for status in (400, 500):
            error = self.refused(receiver, Answer(status, echo=True))
            said += [str(error), repr(error), repr(error.__cause__), repr(error.__dict__)]
        for secret in self.secrets:
            assert not [text for text in said if secret in text]
