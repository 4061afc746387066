"""Mail, sent to a real SMTP server on this machine."""

from __future__ import annotations

import asyncio
import email
import email.policy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tocsin.alerting.channels import build_channel
from tocsin.errors import ChannelError, ConfigError
from tocsin.testing.channels import MESSAGE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage

    from tocsin.abc import Channel


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Mailbox:
    """Keeps what it gets; refuses what a test tells it to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refuse: dict[str, str] = {}
        self.data_answer = "250 kept"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        del server, session, options
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        del server, session
        if self.data_answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            self.recipients += envelope.rcpt_tos
        return self.data_answer


class FreePort(Controller):
    """A controller that takes any free port."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def serve(mailbox: Mailbox) -> Iterator[Callable[..., Channel]]:
    """Start a server and make a channel for it."""
    started: list[Controller] = []

    def start(server: dict[str, Any] | None = None, **config: Any) -> Channel:
        controller = FreePort(mailbox, hostname="127.0.0.1", port=0, **(server or {}))
        controller.start()
        started.append(controller)
        keys = {
            "host": "127.0.0.1",
            "port": controller.port,
            "security": "none",
            "from": "Tocsin <tocsin@example.org>",
            "to": ["ops@example.org"],
        }
        return build_channel("mail", "email", {**keys, **config}, clock=FixedClock())

    yield start
    for controller in started:
        controller.stop()


def test_a_mail_arrives_with_a_message_id_made_from_the_messages(
    mailbox: Mailbox, serve: Callable[..., Channel]
) -> None:
    channel = serve(to=["ops@example.org", "Boss <boss@example.org>"])
    channel.send(MESSAGE)
    channel.send(MESSAGE)
    mail, again = mailbox.mails
    assert mail["Message-ID"] == again["Message-ID"] == f"<{MESSAGE['id']}@example.org>"
    assert mail["Subject"] == f"[tocsin] {MESSAGE['title']}"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mailbox.recipients[:2] == ["ops@example.org", "boss@example.org"]
    body = mail.get_content()
    assert MESSAGE["text"] in body
    assert "Band: 10.5 to 20.5" in body


def test_one_recipient_may_be_written_without_brackets(
    mailbox: Mailbox, serve: Callable[..., Channel]
) -> None:
    serve(to="boss@example.org").send(MESSAGE)
    assert mailbox.recipients == ["boss@example.org"]


def test_mails_of_one_incident_are_one_thread(mailbox: Mailbox, serve: Callable[..., Channel]) -> None:
    channel = serve()
    channel.send(MESSAGE)
    channel.send({**MESSAGE, "id": "other", "kind": "recovered"})
    channel.send({**MESSAGE, "id": "third", "opened_at": "2026-03-02T12:00:00Z"})
    first, recovery, other = (mail["References"] for mail in mailbox.mails)
    assert first == recovery
    assert first != other


def test_a_title_cannot_add_a_header(mailbox: Mailbox, serve: Callable[..., Channel]) -> None:
    serve().send({**MESSAGE, "id": "x\r\nBcc: a@b", "title": "disk\r\nBcc: all@example.org\n\nbody"})
    (mail,) = mailbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[tocsin] disk Bcc: all@example.org body"
    assert mailbox.recipients == ["ops@example.org"]


def test_text_beyond_ascii_and_long_lines_arrive_whole(
    mailbox: Mailbox, serve: Callable[..., Channel]
) -> None:
    text = "Größe 平均 " + "x" * 3000 + "\n.\n.. dots"
    serve().send({**MESSAGE, "text": text, "title": "Größe " + "平" * 150})
    assert text in mailbox.mails[0].get_content().replace("\r\n", "\n")
    assert mailbox.mails[0]["Subject"].startswith("[tocsin] Größe 平")


@pytest.mark.parametrize(
    ("answer", "transient"), [("451 later", True), ("550 never", False), ("421 closing", True)]
)
def test_the_servers_answer_says_what_is_worth_a_retry(
    mailbox: Mailbox, serve: Callable[..., Channel], answer: str, *, transient: bool
) -> None:
    mailbox.data_answer = answer
    with pytest.raises(ChannelError, match=answer[:3]) as caught:
        serve().send(MESSAGE)
    assert caught.value.transient is transient


@pytest.mark.parametrize(("answer", "transient"), [("450 busy", True), ("550 unknown", False)])
def test_refused_recipients_are_an_error(
    mailbox: Mailbox, serve: Callable[..., Channel], answer: str, *, transient: bool
) -> None:
    mailbox.refuse["ops@example.org"] = answer
    with pytest.raises(ChannelError, match="refused") as caught:
        serve().send(MESSAGE)
    assert caught.value.transient is transient


def test_one_recipient_refused_for_now_is_tried_again(
    mailbox: Mailbox, serve: Callable[..., Channel]
) -> None:
    mailbox.refuse["b@example.org"] = "450 busy"
    with pytest.raises(ChannelError) as caught:
        serve(to=["a@example.org", "b@example.org"]).send(MESSAGE)
    assert caught.value.transient


def test_one_recipient_refused_for_good_does_not_hold_up_the_others_and_is_named(
    mailbox: Mailbox, serve: Callable[..., Channel]
) -> None:
    mailbox.refuse["b@example.org"] = "550 unknown"
    said = serve(to=["a@example.org", "b@example.org"]).send(MESSAGE)
    assert mailbox.recipients == ["a@example.org"]
    assert said is not None
    assert "the server refuses for good, and others got it: b@example.org (550)" in said


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_the_login_happens_under_tls(
    mailbox: Mailbox, serve: Callable[..., Channel], server_tls: ssl.SSLContext, security: str
) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        seen.append((login.login, login.password))
        return AuthResult(success=login.password == b"geheim", handled=False)

    server: dict[str, Any] = {"authenticator": check}
    if security == "ssl":
        server |= {"ssl_context": server_tls, "auth_require_tls": False}
    else:
        server |= {"tls_context": server_tls, "require_starttls": True, "auth_required": True}
    serve(server, security=security, user="tocsin", password="geheim").send(MESSAGE)
    assert len(mailbox.mails) == 1
    assert seen == [(b"tocsin", b"geheim")]
    with pytest.raises(ChannelError, match="535") as caught:
        serve(server, security=security, user="tocsin", password="falsch-geheim").send(MESSAGE)
    assert not caught.value.transient
    assert "falsch" not in str(caught.value)


def test_a_certificate_that_nobody_trusts_gets_no_mail(
    mailbox: Mailbox, serve: Callable[..., Channel], server_tls: ssl.SSLContext
) -> None:
    with pytest.raises(ChannelError):
        serve({"tls_context": server_tls}, security="starttls").send(MESSAGE)
    assert not mailbox.mails


def test_a_server_without_starttls_gets_no_mail(mailbox: Mailbox, serve: Callable[..., Channel]) -> None:
    with pytest.raises(ChannelError, match="cannot do"):
        serve(security="starttls").send(MESSAGE)
    assert not mailbox.mails


def test_nobody_there_is_worth_a_retry_and_the_error_says_where_that_is(
    serve: Callable[..., Channel],
) -> None:
    with pytest.raises(ChannelError, match=r"email mail: the mail server 127\.0\.0\.1, port 1,") as caught:
        serve(port=1).send(MESSAGE)
    assert caught.value.transient


@pytest.mark.parametrize("host", ["mail.invalid", "mail..example.org", "a" * 64 + ".example.org"])
def test_a_host_that_does_not_exist_is_named_with_its_channel_and_what_to_check(
    serve: Callable[..., Channel], host: str
) -> None:
    with pytest.raises(ChannelError) as caught:
        serve(host=host).send(MESSAGE)
    said = str(caught.value)
    assert said.startswith(f"email mail: the host '{host[:50]}")
    assert "cannot be found" in said
    assert "check 'host' of this channel (a name or an address, without a port)" in said
    assert "whether this machine can look up names" in said
    assert caught.value.transient


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"to": []}, "to"),
        ({"to": ["nobody"]}, "not a mail address"),
        ({"from": "a@b\r\nBcc: c@d"}, "not a mail address"),
        ({"user": "u"}, "belong together"),
        ({"user": "u", "password": "pässwort"}, "ASCII characters only"),
        ({"security": "tls"}, "security"),
        ({"port": 0}, "port"),
        ({"frm": "a@b"}, "did you mean from"),
    ],
)
def test_a_wrong_configuration_is_a_clear_error(
    serve: Callable[..., Channel], config: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        serve(**config)
