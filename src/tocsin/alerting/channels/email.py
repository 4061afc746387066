"""Mail, through an SMTP server."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from tocsin.alerting.channels.card import Card, clip, one_line
from tocsin.alerting.channels.config import ChannelConfig, Timeout
from tocsin.alerting.channels.http import TIMEOUT, scrub, unknown_host
from tocsin.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from tocsin.abc import Clock

__all__ = ["EmailChannel", "EmailConfig"]

_PORTS = {"none": 25, "starttls": 587, "ssl": 465}
_WHERE = "'host' of this channel (a name or an address, without a port)"
_TEMPORARY = range(400, 500)  # RFC 5321: 4yz may succeed later, 5yz will not


def _check_address(address: str) -> str:
    found = parseaddr(address)[1]
    name, at, domain = found.rpartition("@")
    if not (name and at and domain) or not address.isprintable() or not found.isascii() or " " in found:
        raise ValueError("this is not a mail address")
    return address


Address = Annotated[str, AfterValidator(_check_address)]


class EmailConfig(ChannelConfig):
    """A mailbox, or several.

    Attributes:
        host: The SMTP server.
        port: Its port; by default the usual one of `security`.
        security: `starttls`, `ssl` (TLS from the start) or `none`.
        user: For the login, with `password`.
        password: For the login.
        sender: Who it is from; the key is `from`.
        to: Who it is for.
        timeout: Seconds for each step of the dialogue.
    """

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(gt=0, lt=65_536)] | None = None
    security: Literal["starttls", "ssl", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    sender: Address = Field(alias="from")
    to: Annotated[
        tuple[Address, ...],
        Field(min_length=1),
        BeforeValidator(
            lambda value: (value,) if isinstance(value, str) else value,
            json_schema_input_type=str | tuple[str, ...],
        ),
    ]
    timeout: Timeout = TIMEOUT

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        if self.user is not None and self.password is not None:
            # smtplib would fail at each mail, and nothing would say why.
            login = self.user + self.password.get_secret_value()
            if not login.isascii():
                raise ValueError("user and password can have ASCII characters only")
        return self


class EmailChannel:
    """Sends a plain-text mail whose Message-ID is made from the message's id."""

    def __init__(self, name: str, config: EmailConfig, *, clock: Clock) -> None:
        self._name, self._config, self._clock = name, config, clock

    def send(self, message: Mapping[str, Any]) -> str | None:
        """Send one mail, and name who never gets it; see `tocsin.abc.Channel.send`."""
        mail = self._mail(message)
        try:
            with self._connect() as server:
                refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise self._error(
                "every recipient was refused", transient=any(code in _TEMPORARY for code in codes)
            ) from None
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else ""
            what = f"the server answered {error.smtp_code}: {one_line(said)}"
            raise self._error(what, transient=error.smtp_code in _TEMPORARY) from None
        except smtplib.SMTPNotSupportedError as error:
            raise self._error(
                f"the server cannot do what is asked ({one_line(str(error))})", transient=False
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise self._error(self._no_answer(error), transient=True) from None
        if any(code in _TEMPORARY for code, _ in refused.values()):
            # The others get it twice, under the same Message-ID; the alternative is to lose it for one.
            raise self._error(f"{len(refused)} recipients were refused for now", transient=True)
        if not refused:
            return None
        who = ", ".join(f"{address} ({code})" for address, (code, _) in refused.items())
        return str(self._error(f"the server refuses for good, and others got it: {who}", transient=False))

    @property
    def _port(self) -> int:
        return self._config.port or _PORTS[self._config.security]

    def _connect(self) -> smtplib.SMTP:
        config = self._config
        us = socket.gethostname()
        server: smtplib.SMTP
        try:
            if config.security == "ssl":
                context = ssl.create_default_context()
                server = smtplib.SMTP_SSL(
                    config.host, self._port, us, timeout=config.timeout, context=context
                )
            else:
                server = smtplib.SMTP(config.host, self._port, us, timeout=config.timeout)
        except UnicodeError as error:  # a name with an empty part, or a part that is too long
            what = unknown_host(config.host, error, where=_WHERE)
            raise self._error(what, transient=True) from None
        try:
            if config.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if config.user is not None and config.password is not None:
                server.login(config.user, config.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _no_answer(self, error: Exception) -> str:
        """Say what is in the way to the server, and of a name that leads nowhere what to check."""
        if isinstance(error, socket.gaierror):
            return unknown_host(self._config.host, error, where=_WHERE)
        who = f"the mail server {self._config.host}, port {self._port},"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"{who} has no certificate that can be trusted ({error.verify_message})"
        return f"{who} could not be reached or broke off ({type(error).__name__})"

    def _mail(self, message: Mapping[str, Any]) -> EmailMessage:
        config, card = self._config, Card.of(message)
        domain = parseaddr(config.sender)[1].rpartition("@")[2]
        facts = "\n".join(f"{name}: {value}" for name, value in card.fields)
        mail = EmailMessage()
        mail["Subject"] = f"[tocsin] {card.title}"
        mail["From"] = config.sender
        mail["To"] = ", ".join(config.to)
        mail["Date"] = format_datetime(self._clock.now())
        mail["Message-ID"] = f"<{_token(message['id'])}@{domain}>"
        # All mails of an incident refer to it, so that a mail program shows them as one thread; of events
        # those that are about the same.
        mail["References"] = f"<{_thread(message)}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n\n".join(filter(None, (str(message["text"]), facts))) + "\n")
        return mail

    def _error(self, what: str, *, transient: bool) -> ChannelError:
        secrets = [] if self._config.password is None else [self._config.password.get_secret_value()]
        return ChannelError(f"email {self._name}: {clip(scrub(what, secrets), 240)}", transient=transient)


def _token(text: Any) -> str:
    token = str(text)
    allowed = token.isascii() and token.replace("-", "").replace(".", "").isalnum()
    return token if allowed else hashlib.sha256(token.encode()).hexdigest()


def _thread(message: Mapping[str, Any]) -> str:
    parts = [str(message.get(key)) for key in ("project", "series", "rule", "opened_at")]
    if message.get("kind") == "digest":
        parts.append(str(message["id"]))
    elif event := message.get("event"):
        classes = [event["class"]] if event.get("class") else sorted(event.get("categories") or ())
        parts += [str(classes), str(event.get("entity") or event.get("id"))]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]
