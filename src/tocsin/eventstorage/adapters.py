"""Addresses and ranges of addresses as parameters of queries.

They reach a database as text: `1.2.3.4`, `1.2.3.0/24`, or `1.2.3.4-1.2.3.9` for a range that is no network.
PostgreSQL takes the first two for `inet` where an `inet` is expected, and a list of them for `inet[]`.
"""

from __future__ import annotations

import sys
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.addresses import Range, address_text, parse_addresses, parse_range

if TYPE_CHECKING:
    from psycopg.abc import AdaptContext
    from psycopg.adapt import Dumper

__all__ = ["IPBaseAdapter", "IPListAdapter", "register_with_psycopg", "register_with_sqlite3"]

_IPADDRESS = (IPv4Address, IPv4Network, IPv6Address, IPv6Network)
_IPRANGES = ("IP4", "IP4Net", "IP4Range", "IP6", "IP6Net", "IP6Range")


class IPBaseAdapter:
    """An address, a network or a range as a literal of SQL.

    Args:
        value: See `tocsin.eventstorage.addresses.parse_range`.

    Raises:
        DataError: It is none.

    Example:
        >>> IPBaseAdapter(IPv4Network("10.0.0.0/8")).getquoted()
        b"'10.0.0.0/8'"
    """

    def __init__(self, value: object) -> None:
        self._text = address_text(parse_range(value))

    def prepare(self, conn: object) -> None:
        """Do nothing: an address is written the same way for every connection."""

    def getquoted(self) -> bytes:
        """Give the literal."""
        return f"'{self}'".encode()

    def __str__(self) -> str:
        return self._text


class IPListAdapter:
    """Several addresses, networks and ranges as a literal of an array in PostgreSQL.

    Args:
        values: See `tocsin.eventstorage.addresses.parse_addresses`.

    Raises:
        DataError: One of them is none.

    Example:
        >>> IPListAdapter(["10.0.0.1", "10.0.0.4-10.0.0.6"]).getquoted()
        b"'{10.0.0.1,10.0.0.4-10.0.0.6}'"
    """

    def __init__(self, values: object) -> None:
        self._texts = [address_text(one) for one in parse_addresses(values)]

    def prepare(self, conn: object) -> None:
        """Do nothing: addresses are written the same way for every connection."""

    def getquoted(self) -> bytes:
        """Give the literal."""
        return f"'{self}'".encode()

    def __str__(self) -> str:
        return "{" + ",".join(self._texts) + "}"


def register_with_psycopg(context: AdaptContext) -> None:
    """Let a connection (or cursor) of psycopg 3 take `Range`, the adapters, and the objects of `ipranges`.

    Those of `ipaddress` it takes by itself.
    """
    for cls in (Range, IPBaseAdapter, IPListAdapter):
        context.adapters.register_dumper(cls, _dumper())
    for name in _IPRANGES:  # by name: the library is imported by who uses it
        context.adapters.register_dumper(f"ipranges.{name}", _dumper())


def register_with_sqlite3() -> None:
    """Let all connections of `sqlite3` take `Range`, the adapters, and objects of `ipaddress` and `ipranges`.

    Those of `ipranges` if it is imported by then; doing it twice is fine.
    """
    import sqlite3

    for cls in (Range, IPBaseAdapter, IPListAdapter, *_IPADDRESS, *_ipranges_classes()):
        sqlite3.register_adapter(cls, _text)


def _text(value: object) -> str:
    if isinstance(value, IPBaseAdapter | IPListAdapter):
        return str(value)
    return address_text(parse_range(value))


def _ipranges_classes() -> list[type[Any]]:
    module = sys.modules.get("ipranges")  # who has not imported it has no such objects
    return [] if module is None else [getattr(module, name) for name in _IPRANGES]


@cache
def _dumper() -> type[Dumper]:
    from psycopg.adapt import Dumper

    class AddressDumper(Dumper):
        """Writes an address as text of no type, for the server to see what it is compared with."""

        def dump(self, obj: object) -> bytes:
            return _text(obj).encode()

    return AddressDumper
