"""Where an event comes from or goes to, as a search names it: addresses, or hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from tocsin.errors import DataError
from tocsin.eventstorage.addresses import Range, parse_range
from tocsin.eventstorage.hosts import host_key
from tocsin.eventstorage.idea.texts import clean
from tocsin.eventstorage.query.values import refused

__all__ = ["HostName", "Place", "read_place"]

_FORM = (
    "addresses, networks (192.0.2.0/24), ranges (192.0.2.1-192.0.2.9) and names of hosts "
    "(www.example.org; .example.org with all below it)"
)
# What nobody would call a host: it has the form of an address, and is none.
_LIKE_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+)*([/-][0-9./-]*)?|[0-9a-fA-F:./-]*:[0-9a-fA-F:./-]*")
# Of ASCII, names have letters, digits, "-" and "_"; of the rest, what can be seen. No label is empty.
_NO_NAME = re.compile(r"[\x00-,/:-@\[-^`{-\x7f]|\.\.")


@dataclass(frozen=True, slots=True)
class HostName:
    """The name of a host as it is looked for.

    Attributes:
        key: Its key, see `tocsin.eventstorage.hosts`.
        below: Whether all names below it are meant, too.
    """

    key: str
    below: bool


Place: TypeAlias = Range | HostName


def read_place(parameter: str, value: object) -> Place:
    """Give an address, network or range, or the name of a host.

    Raises:
        DataError: It is neither.
    """
    try:
        return parse_range(value)
    except DataError as error:
        if not isinstance(value, str):
            raise refused(parameter, value, _FORM) from error
        name = value.strip(".")
        if not name.isprintable() or _NO_NAME.search(name) or not name or _LIKE_ADDRESS.fullmatch(value):
            raise refused(parameter, value, _FORM) from error
    return HostName(key=host_key(clean(value)), below=value.startswith("."))
