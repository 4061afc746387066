"""Addresses, networks and ranges of IPv4 and IPv6 as pairs of numbers, and as CIDR blocks."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, NamedTuple

from tocsin.errors import DataError
from tocsin.eventstorage.row import ADDRESS_BITS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ALL_SIZES",
    "Range",
    "address_text",
    "blocks",
    "enclosing_beginnings",
    "parse_addresses",
    "parse_range",
    "sizes_bytes",
    "sizes_of",
    "sizes_text",
]

_FORM = "an address, a network (1.2.3.0/24) or a range (1.2.3.4-1.2.3.9)"
_LAST_IP4 = 0xFFFFFFFF
_FIRST_SIZE = {4: 0, 6: 33}
"""Family → the number of the bit that stands for blocks of one address; the next one for blocks of two."""
_SIZES_BITS = 33 + 129
_SIZES_BYTES = (_SIZES_BITS + 7) // 8
ALL_SIZES = (1 << _SIZES_BITS) - 1
"""The sizes of blocks that there can be, as bits of a number: see `sizes_of`."""


class Range(NamedTuple):
    """All addresses from one to another, both included.

    Attributes:
        family: 4 or 6.
        low: The first address as a number.
        high: The last address as a number.
    """

    family: int
    low: int
    high: int


def parse_addresses(what: object) -> list[Range]:
    """Read one address, network or range, or a list of them.

    Args:
        what: See `parse_range`; or a list, tuple or set of such.

    Raises:
        DataError: One of them is none.
    """
    if isinstance(what, (list, tuple, set, frozenset)) and not isinstance(what, Range):
        return [parse_range(one) for one in what]
    return [parse_range(what)]


def parse_range(what: object) -> Range:
    """Read an address, a network or a range.

    What lies within `::ffff:0:0/96` is the IPv4 that it stands for. In a network the bits of the host are
    ignored.

    Args:
        what: A text such as `1.2.3.4`, `1.2.3.0/24`, `1.2.3.4-1.2.3.9`, `2001:db8::/32`; an object of
            `ipaddress` or of the library `ipranges`; or a `Range`.

    Raises:
        DataError: It is none of these.

    Example:
        >>> parse_range("10.0.0.7/8") == parse_range("10.0.0.0-10.255.255.255")
        True
    """
    found = _of_text(what) if isinstance(what, str) else _of_object(what)
    if found is None:
        shown = repr(what[:60]) if isinstance(what, str) else f"of type {type(what).__name__}"
        raise DataError(f"{shown} is no address", hint=_FORM)
    family, low, high = found
    if family == 6 and low >> 32 == high >> 32 == 0xFFFF:  # noqa: PLR2004 - ::ffff:0:0/96
        return Range(4, low & _LAST_IP4, high & _LAST_IP4)
    return found


def blocks(what: Range) -> list[tuple[int, int]]:
    """Split a range into the fewest CIDR blocks, (first, last) address each, in order.

    Example:
        >>> blocks(parse_range("0.0.0.3-0.0.0.6"))
        [(3, 3), (4, 5), (6, 6)]
    """
    low, high = what.low, what.high
    if low == high:
        return [(low, high)]
    found = []
    while low <= high:
        aligned = low & -low or 1 << ADDRESS_BITS[what.family]
        fitting = 1 << ((high - low + 1).bit_length() - 1)
        size = min(aligned, fitting)
        found.append((low, low + size - 1))
        low += size
    return found


def sizes_of(blocks: Iterable[tuple[int, int]]) -> int:
    """Give which sizes some CIDR blocks have, as bits of a number.

    Args:
        blocks: Family, and the last address less the first one.

    Example:
        >>> bin(sizes_of({(4, 0), (4, 255)}))
        '0b100000001'
    """
    sizes = 0
    for family, span in blocks:
        sizes |= 1 << _FIRST_SIZE[family] + span.bit_length()
    return sizes


def sizes_bytes(sizes: int) -> bytes:
    """Write sizes as SQLite keeps them."""
    return sizes.to_bytes(_SIZES_BYTES)


def sizes_text(sizes: int) -> str:
    """Write sizes as PostgreSQL keeps them: a bit string."""
    return f"{sizes:0{_SIZES_BITS}b}"


def enclosing_beginnings(family: int, address: int, sizes: int = ALL_SIZES) -> list[int]:
    """Give where every CIDR block begins that holds an address, the smallest block first.

    A block that begins at one of them holds the address if it does not end before it.

    Args:
        family: 4 or 6.
        address: The address as a number.
        sizes: Only blocks of these sizes matter.

    Returns:
        33 numbers for IPv4 at most, 129 for IPv6, each once.

    Example:
        >>> [f"{beginning:b}" for beginning in enclosing_beginnings(4, 0b1011)]
        ['1011', '1010', '1000', '0']
        >>> enclosing_beginnings(4, 0x0A0B0C0D, sizes_of({(4, 255)})) == [0x0A0B0C00]
        True
    """
    return list(dict.fromkeys([address >> bits << bits for bits in _host_bits(family, sizes)]))


@lru_cache(maxsize=64)
def _host_bits(family: int, sizes: int) -> tuple[int, ...]:
    """Give for each of some sizes of a family how many bits tell the addresses in a block apart.

    Where there are none, there is nothing to find: one look says so.
    """
    every = range(ADDRESS_BITS[family] + 1)
    return tuple(bits for bits in every if sizes >> _FIRST_SIZE[family] + bits & 1) or (0,)


def address_text(what: Range) -> str:
    """Write a range as short as it can be: an address, a network, or `first-last`.

    Example:
        >>> address_text(parse_range("1.2.3.0-1.2.3.255"))
        '1.2.3.0/24'
    """
    cls = IPv4Address if what.family == 4 else IPv6Address  # noqa: PLR2004 - the family
    size = what.high - what.low + 1
    if size == 1:
        return str(cls(what.low))
    if size & (size - 1) == 0 and what.low % size == 0:
        return f"{cls(what.low)}/{ADDRESS_BITS[what.family] - size.bit_length() + 1}"
    return f"{cls(what.low)}-{cls(what.high)}"


def _of_text(text: str) -> Range | None:
    text = text.strip()
    first, dash, last = text.partition("-")
    if dash:
        low, high = _address(first.rstrip()), _address(last.lstrip())
        if low is None or high is None or low.family != high.family or low.low > high.low:
            return None
        return Range(low.family, low.low, high.low)
    base, slash, prefix = text.partition("/")
    address = _address(base)
    return address if address is None or not slash else _network(address, prefix)


def _network(address: Range, prefix: str) -> Range | None:
    if not (prefix.isascii() and prefix.isdecimal() and len(prefix) <= 3):  # noqa: PLR2004 - "128"
        return None
    host_bits = ADDRESS_BITS[address.family] - int(prefix)
    if host_bits < 0:
        return None
    host = (1 << host_bits) - 1
    return Range(address.family, address.low & ~host, address.low | host)


def _address(text: str) -> Range | None:
    # inet_pton takes what ipaddress takes (but no zones), eight times as fast.
    family, kind = (6, AF_INET6) if ":" in text else (4, AF_INET)
    try:
        number = int.from_bytes(inet_pton(kind, text))
    except (OSError, ValueError):  # the latter for NUL and what is not ASCII
        return None
    return Range(family, number, number)


def _of_object(what: object) -> Range | None:
    if isinstance(what, Range):
        return what
    if isinstance(what, (IPv4Address, IPv6Address)):
        if isinstance(what, IPv6Address) and what.scope_id is not None:
            return None
        return Range(what.version, int(what), int(what))
    if isinstance(what, (IPv4Network, IPv6Network)):
        return Range(what.version, int(what.network_address), int(what.broadcast_address))
    return _of_ipranges(what)


def _of_ipranges(what: object) -> Range | None:
    """Read an object of `ipranges` by what it offers, so that the library need not be there."""
    bits, low, high = (getattr(what, name, None) for name in ("bit_length", "low", "high"))
    family = next((family for family, length in ADDRESS_BITS.items() if length == bits), None)
    if family is None or not callable(low) or not callable(high):
        return None
    first, last = low(), high()
    if not (isinstance(first, int) and isinstance(last, int)):
        return None
    return Range(family, first, last) if 0 <= first <= last < 1 << ADDRESS_BITS[family] else None
