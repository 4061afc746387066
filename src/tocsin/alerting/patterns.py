"""How names and addresses are written in groups, silences and inhibitions."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AddressRange", "address_range", "glob", "host_name", "read_network"]

_BEGINS_AN_ADDRESS = frozenset("0123456789abcdefABCDEF:")


class AddressRange(NamedTuple):
    """Addresses that follow each other; one address is a range, too.

    Attributes:
        version: 4 or 6.
        low: The first one as a number.
        high: The last one.
    """

    version: int
    low: int
    high: int

    def overlaps(self, other: AddressRange) -> bool:
        """Say whether an address is in both."""
        return self.version == other.version and self.low <= other.high and other.low <= self.high


@lru_cache(maxsize=16_384)
def address_range(text: str) -> AddressRange | None:
    """Read an address, a network or a range; give `None` for what is none, e.g. a host name.

    An IPv4 address in the form of an IPv6 one (`::ffff:192.0.2.1`) is the IPv4 address.

    >>> address_range("192.0.2.0/30") == address_range("192.0.2.0-192.0.2.3")
    True
    >>> address_range("www.example.org") is None
    True
    """
    text = text.strip()
    if text[:1] not in _BEGINS_AN_ADDRESS or not (":" in text or "." in text):
        return None
    first, dash, last = text.partition("-")
    try:
        if not dash:
            network = ipaddress.ip_network(text, strict=False)
            return _unmapped(network.version, int(network[0]), int(network[-1]))
        low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
    except ValueError:
        return None
    if low.version != high.version or int(low) > int(high):
        return None
    return _unmapped(low.version, int(low), int(high))


_MAPPED = 0xFFFF << 32
_IPV4_BITS = 32


def _unmapped(version: int, low: int, high: int) -> AddressRange:
    if version == 6 and low >> _IPV4_BITS == high >> _IPV4_BITS == 0xFFFF:  # noqa: PLR2004 - ::ffff:0:0/96
        return AddressRange(4, low - _MAPPED, high - _MAPPED)
    return AddressRange(version, low, high)


def read_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Read a network, or an address, of those that a group owns.

    Raises:
        ConfigError: It is none, or an address within a network.

    >>> read_network("192.0.2.1/24")
    Traceback (most recent call last):
    ...
    tocsin.errors.ConfigError: '192.0.2.1/24' is no network: did you mean 192.0.2.0/24?
    """
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        try:
            hint = f"did you mean {ipaddress.ip_network(text.strip(), strict=False)}?"
        except ValueError:
            hint = "write an address or a network, such as 192.0.2.0/24 or 2001:db8::/32"
        raise ConfigError(f"{text!r} is no network", hint=hint) from None


@lru_cache(maxsize=4096)
def glob(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Give the test of a pattern in which `*` stands for anything, and `?` for one character.

    Brackets mean nothing: series have them in their names.

    >>> bool(glob("orders{country=*}")("orders{country=DE}")), bool(glob("db-?")("db-10"))
    (True, False)
    """
    form = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.compile(form, re.DOTALL).fullmatch


def host_name(name: str) -> str:
    """Give the one form of a host name.

    >>> host_name("WWW.Example.org.")
    'www.example.org'
    """
    return name.strip().rstrip(".").lower()
