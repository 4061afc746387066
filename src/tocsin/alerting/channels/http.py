"""HTTP for channels: pinned addresses, no redirects, bounded in time and size, one table of statuses."""

from __future__ import annotations

import http.client
import ipaddress
import json
import math
import socket
import ssl
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tocsin.alerting.channels.card import clip, one_line
from tocsin.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from urllib.parse import SplitResult

    from tocsin.abc import Clock

__all__ = [
    "Response",
    "is_transient",
    "post_json",
    "raise_for_status",
    "retry_after",
    "scrub",
    "unknown_host",
]

TIMEOUT = 10.0
LARGEST_RESPONSE = 65_536
USER_AGENT = "tocsin"
_TRANSIENT = frozenset({408, 425, 429})
_CLEAR_TEXT_LENGTH = 200
# A network's own NAT64 (RFC 8215) and IPv4 in the old form of IPv6: older Pythons take them for global.
_NEVER_GLOBAL = (ipaddress.ip_network("64:ff9b:1::/48"), ipaddress.ip_network("::/96"))


@dataclass(frozen=True, slots=True)
class Response:
    """What a receiver answered; header names in lower case, the body cut at `LARGEST_RESPONSE` bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body on one line."""
        return " ".join(self.body.decode("utf-8", "replace").split())

    def json(self) -> Any:
        """The body as JSON, or `None` when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def is_transient(status: int) -> bool:
    """Say whether a request that got this status may succeed later: 408, 425, 429 and 5xx."""
    return status in _TRANSIENT or 500 <= status <= 599  # noqa: PLR2004 - HTTP's own numbers


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Read `Retry-After` (RFC 9110, 10.2.3), in seconds or as a date, as seconds from now.

    A date is compared with the receiver's own `Date` when there is one, so that a clock that is wrong
    here does not matter. What cannot be read is `None`.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value)
        return seconds if math.isfinite(seconds) else None
    then = _date(value)
    if then is None:
        return None
    return max(0.0, (then - (_date(headers.get("date", "")) or clock.now())).total_seconds())


def scrub(text: str, secrets: Sequence[str]) -> str:
    """Take secrets out of a text that somebody else wrote, before any of it is cut off."""
    # Some write JSON with \/ for a slash.
    forms = {form for secret in secrets for form in (secret, secret.replace("/", "\\/")) if form}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def raise_for_status(
    response: Response, *, what: str, clock: Clock, secrets: Sequence[str], wait: float | None = None
) -> None:
    """Raise unless the receiver took the message (2xx).

    Args:
        response: The answer.
        what: Who answered, for people.
        clock: For a `Retry-After` that is a date.
        secrets: What must not be in the error, should the receiver repeat it.
        wait: Seconds that the body asked to wait.

    Raises:
        ChannelError: It did not.
    """
    if 200 <= response.status <= 299:  # noqa: PLR2004 - HTTP's own numbers
        return
    text = clip(scrub(response.text, secrets), _CLEAR_TEXT_LENGTH)
    said = f": {text}" if text else ""
    moved = ", redirects are not followed" if 300 <= response.status <= 399 else ""  # noqa: PLR2004
    raise ChannelError(
        f"{what} answered {response.status}{moved}{said}",
        transient=is_transient(response.status),
        retry_after=retry_after(response.headers, clock) if wait is None else wait,
    )


def unknown_host(host: str, error: Exception, *, where: str) -> str:
    """Say that the name of a host leads nowhere, and what to check.

    Args:
        host: What the configuration calls it.
        error: What looking it up raised.
        where: Where the configuration says it.
    """
    said = error.strerror if isinstance(error, OSError) and error.strerror else "this can be no name"
    return (
        f"the host {clip(one_line(host), 60)!r} cannot be found ({said}): check {where}, and whether this"
        " machine can look up names"
    )


def post_json(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
    timeout: float = TIMEOUT,
) -> Response:
    """Post a JSON body and give the answer, whatever its status.

    The host's addresses are looked up once; all are checked, and the connection goes to a checked one,
    so that a name that changes its address in between gains nothing. Redirects are not followed and
    proxies of the environment not used. The whole exchange takes at most `timeout` seconds.

    Args:
        url: http or https; it is not repeated in errors, since it may hold a secret.
        body: What to send.
        headers: Further headers.
        allow_private: Whether addresses that are not global (private, loopback, link-local, …) may be
            connected to.
        timeout: Seconds.

    Raises:
        ChannelError: No answer; transient unless the URL or its address is refused.
    """
    parts = _split(url)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    addresses = _addresses(host, port)
    if not allow_private:
        _refuse_private(host, addresses)
    connection = _PinnedConnection(host, port, addresses, secure=secure, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    watch = threading.Timer(timeout, connection.abort)
    watch.daemon = True
    watch.start()
    try:
        connection.request(
            "POST",
            target,
            body,
            {"Content-Type": "application/json; charset=utf-8", "User-Agent": USER_AGENT, **headers},
        )
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, found, answer.read(LARGEST_RESPONSE))
    except ssl.SSLCertVerificationError as error:
        message = f"{host} has no certificate that can be trusted ({error.verify_message})"
        raise ChannelError(message, transient=True) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        message = (
            f"{host} did not answer within {timeout:g} s"
            if connection.aborted or isinstance(error, TimeoutError)
            else f"{host} could not be reached or broke off ({type(error).__name__})"
        )
        raise ChannelError(message, transient=True) from None
    finally:
        watch.cancel()
        watch.join()
        connection.close()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ChannelError("the channel's URL cannot be read") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        raise ChannelError("the channel's URL is not http:// or https:// with a host")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ChannelError("the channel's URL has characters that must be percent-encoded")
    return parts


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ChannelError(unknown_host(host, error, where="the channel's URL"), transient=True) from None
    return [(family, address) for family, _, _, _, address in found]


def _refuse_private(host: str, addresses: Sequence[tuple[socket.AddressFamily, tuple[Any, ...]]]) -> None:
    for _, address in addresses:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        inside = any(ip.version == net.version and ip in net for net in _NEVER_GLOBAL)
        if inside or not all(inner.is_global and not inner.is_multicast for inner in _inner(ip)):
            raise ChannelError(
                f"{host} has the address {ip}, which is not a public one",
                hint="set allow_private: true for a receiver in your own network",
            )


def _inner(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Give an address, and the IPv4 addresses that an IPv6 one stands for (mapped, 6to4, NAT64)."""
    yield ip
    if isinstance(ip, ipaddress.IPv6Address):
        for inner in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())):
            if inner is not None:
                yield inner
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)


class _PinnedConnection(http.client.HTTPConnection):
    """A connection to one of the given addresses, under the host's name."""

    def __init__(
        self,
        host: str,
        port: int,
        addresses: Sequence[tuple[socket.AddressFamily, tuple[Any, ...]]],
        *,
        secure: bool,
        timeout: float,
    ) -> None:
        super().__init__(host, port, timeout=timeout)
        if secure:
            self.default_port = 443  # so that the Host header names no port
        self._addresses = addresses
        self._secure = secure
        self._wire: socket.socket | None = None  # http.client lets go of `sock` before the body is read
        self.aborted = False

    def connect(self) -> None:
        """Try the addresses in turn."""
        last: OSError = OSError("no address")
        for family, address in self._addresses:
            plain = socket.socket(family, socket.SOCK_STREAM)
            plain.settimeout(self.timeout)
            self.sock = self._wire = plain
            try:
                plain.connect(address)
            except OSError as error:
                plain.close()
                last = error
                if self.aborted:
                    break
                continue
            if self._secure:
                secured = ssl.create_default_context().wrap_socket(
                    plain, server_hostname=self.host, do_handshake_on_connect=False
                )
                self.sock = self._wire = secured
                secured.do_handshake()
            return
        raise last

    def abort(self) -> None:
        """End the exchange now, from another thread."""
        self.aborted = True
        if self._wire is not None:
            try:
                self._wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._wire.close()


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
