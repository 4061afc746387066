"""What only the webhook does: its id, its signature, and where it refuses to go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.alerting.channels import build_channel
from tocsin.alerting.channels.http import post_json, retry_after, scrub
from tocsin.errors import ChannelError, ConfigError
from tocsin.testing.channels import MESSAGE, Answer, HttpReceiver

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from tocsin.abc import Channel


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def webhook(**config: Any) -> Channel:
    return build_channel("hook", "webhook", {"allow_private": True, **config}, clock=FixedClock())


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let a name server give one list of addresses after the other."""
    left = list(answers)

    def getaddrinfo(_host: str, port: int, **_: object) -> list[Any]:
        family = {False: socket.AF_INET, True: socket.AF_INET6}
        return [(family[":" in ip], socket.SOCK_STREAM, 6, "", (ip, port)) for ip in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_the_payload_arrives_whole_with_its_id_as_idempotency_key(receiver: HttpReceiver) -> None:
    webhook(url=f"{receiver.url}/in?x=1", headers={"Authorization": "Bearer t"}).send(MESSAGE)
    (request,) = receiver.requests
    assert request.json() == MESSAGE
    assert request.path == "/in?x=1"
    assert request.headers["idempotency-key"] == MESSAGE["id"]
    assert request.headers["authorization"] == "Bearer t"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert "webhook-signature" not in request.headers


@pytest.mark.parametrize(
    ("secret", "key"), [("plain words", b"plain words"), ("whsec_" + base64.b64encode(b"k").decode(), b"k")]
)
def test_a_receiver_can_check_the_signature(receiver: HttpReceiver, secret: str, key: bytes) -> None:
    webhook(url=receiver.url, secret=secret).send({**MESSAGE, "title": "Bestellungen: größer"})
    (request,) = receiver.requests
    timestamp = request.headers["webhook-timestamp"]
    signed = f"{MESSAGE['id']}.{timestamp}.".encode() + request.body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == expected
    assert int(timestamp) == FixedClock().now().timestamp()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:10.0.0.1]", "224.0.0.1",
        "[64:ff9b::a00:1]", "[64:ff9b:1::a00:1]", "[::7f00:1]", "[2002:a00:1::]", "2130706433", "0x7f.1",
        "255.255.255.255",
    ],
)  # fmt: skip
def test_a_private_address_is_refused_unless_allowed(host: str) -> None:
    with pytest.raises(ChannelError, match="not a public one") as caught:
        webhook(url=f"http://{host}:9/", allow_private=False).send(MESSAGE)
    assert not caught.value.transient
    assert "allow_private" in str(caught.value)


def test_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, ["93.184.215.14", "10.0.0.1"])
    with pytest.raises(ChannelError, match=r"10\.0\.0\.1"):
        webhook(url="http://hook.example/", allow_private=False).send(MESSAGE)


def test_the_connection_goes_to_the_address_that_was_checked(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ["127.0.0.1"])  # a second lookup would fail
    webhook(url=f"http://hook.example:{receiver.port}/").send(MESSAGE)
    assert receiver.requests[0].headers["host"] == f"hook.example:{receiver.port}"


def test_the_next_address_is_tried_when_one_refuses(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ["127.0.0.9", "127.0.0.1"])
    webhook(url=f"http://hook.example:{receiver.port}/").send(MESSAGE)
    assert len(receiver.requests) == 1


def test_a_name_that_is_not_found_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ChannelError, match=r"hook\.example") as caught:
        webhook(url="http://hook.example/").send(MESSAGE)
    assert caught.value.transient


@pytest.mark.usefixtures("trusted")
def test_https_checks_the_certificate_against_the_name(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpReceiver(tls=server_tls) as receiver:
        resolve_to(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])
        webhook(url=f"https://hook.example:{receiver.port}/").send(MESSAGE)
        assert receiver.requests[0].json() == MESSAGE
        with pytest.raises(ChannelError, match="certificate"):
            webhook(url=f"https://other.example:{receiver.port}/").send(MESSAGE)


def test_https_refuses_a_certificate_that_nobody_trusts(server_tls: ssl.SSLContext) -> None:
    with HttpReceiver(tls=server_tls) as receiver, pytest.raises(ChannelError, match="certificate"):
        webhook(url=receiver.url).send(MESSAGE)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"url": "ftp://x"}, "begins with http"),
        ({"url": "http:///x"}, "has a host"),
        ({"url": "http://u:geheim@x/"}, "use a header"),
        ({"url": "http://x/ä"}, "percent-encoded"),
        ({"url": "http://x:99999/"}, "not a URL"),
        ({"url": "http://x", "headers": {"Host": "y"}}, "cannot be set"),
        ({"url": "http://x", "headers": {"A": "geheim\r\nB: c"}}, "cannot have"),
        ({"url": "http://x", "headers": {"A b": "c"}}, "cannot be set"),
        ({"url": "http://x", "secret": ""}, "empty"),
        ({"url": "http://x", "secret": "whsec_???"}, "base64"),
        ({"url": "http://x", "timeout": 0}, "timeout"),
        ({"url": "http://x", "timeout": 3600}, "timeout"),
        ({}, "'url' is missing"),
    ],
)
def test_a_wrong_configuration_is_a_clear_error_without_values(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        webhook(**config)
    assert "geheim" not in str(caught.value) + repr(caught.value.__dict__)


def test_a_url_that_is_no_url_is_refused_when_sending_too() -> None:
    for url in ("gopher://x", "http://", "http://x:0/", "http://[", "http://x/ y"):
        with pytest.raises(ChannelError) as caught:
            post_json(url, b"{}", {}, allow_private=True)
        assert not caught.value.transient


def test_a_date_to_retry_after_counts_from_our_clock_when_the_receiver_has_none() -> None:
    headers = {"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}
    assert retry_after(headers, FixedClock()) == 30


def test_the_longest_secret_is_taken_out_first() -> None:
    assert scrub("abcd", ["ab", "abcd", ""]) == "***"


def test_a_secret_with_escaped_slashes_is_taken_out_too() -> None:
    assert scrub(r'{"path": "\/T0\/token"}', ["/T0/token"]) == '{"path": "***"}'


@pytest.mark.parametrize("before", [180, 190, 199])
def test_no_part_of_a_secret_is_left_where_a_long_answer_is_cut(receiver: HttpReceiver, before: int) -> None:
    receiver.answers.append(Answer(400, b"." * before + b"/hook-token-of-some-length" + b"." * 50))
    with pytest.raises(ChannelError) as caught:
        webhook(url=f"{receiver.url}/hook-token-of-some-length").send(MESSAGE)
    assert "." * before in str(caught.value)
    assert "/h" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_payload_that_is_no_json_never_leaves(receiver: HttpReceiver) -> None:
    with pytest.raises(ValueError, match="JSON"):
        webhook(url=receiver.url).send({**MESSAGE, "value": float("nan")})
    assert json.dumps(MESSAGE)
    assert not receiver.requests
