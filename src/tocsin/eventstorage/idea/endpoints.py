"""What is searched for of the sources, or of the targets, of an event."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tocsin.errors import DataError
from tocsin.eventstorage.addresses import blocks, parse_range
from tocsin.eventstorage.hosts import host_key
from tocsin.eventstorage.idea.model import Endpoint
from tocsin.eventstorage.row import AddressBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.eventstorage.addresses import Range

__all__ = ["MOST_BLOCKS", "Side", "distinct", "side_of"]

T = TypeVar("T")

MOST_BLOCKS = 100_000
"""How many CIDR blocks the ranges of a side may have; addresses and networks are not counted."""


class Side(NamedTuple):
    """The columns of a side: see `EventRow`."""

    ip: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    port: tuple[int, ...] = ()
    type: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()
    blocks: tuple[AddressBlock, ...] = ()
    hosts: tuple[tuple[int, str], ...] = ()


_NOTHING = Side()
_LISTS = ("IP4", "IP6", "Hostname", "Port", "Type", "Proto")


def distinct(items: Sequence[T] | None) -> tuple[T, ...]:
    """Give the items without duplicates, in order."""
    if not items:
        return ()
    return tuple(items) if len(items) == 1 else tuple(dict.fromkeys(items))


def side_of(endpoints: Sequence[Endpoint] | None, role: int, path: str, errors: list[str]) -> Side:
    """Collect what the endpoints of a side have.

    Args:
        endpoints: Sources or targets.
        role: `SOURCE` or `TARGET`.
        path: `Source` or `Target`.
        errors: Gets what is wrong.
    """
    if not endpoints:
        return _NOTHING
    one = endpoints[0] if len(endpoints) == 1 else _joined(endpoints)
    host, misplaced = _hosts(one.Hostname, role)
    ip, found = _addresses(one, misplaced, role, path, errors)
    return Side(
        ip,
        host,
        distinct(one.Port),
        distinct(one.Type),
        distinct(one.Proto),
        found,
        distinct([(role, host_key(name)) for name in host]) if host else (),
    )


def _joined(endpoints: Sequence[Endpoint]) -> Endpoint:
    """Make one endpoint that has what all of them have."""
    lists: dict[str, Any] = {
        name: [item for one in endpoints for item in getattr(one, name) or ()] for name in _LISTS
    }
    return Endpoint(**lists)


def _hosts(names: Sequence[str] | None, role: int) -> tuple[tuple[str, ...], Sequence[str]]:
    """Tell the names of hosts from the addresses that some sensors put among them."""
    found = distinct(names)
    misplaced = [
        name
        for name in found  # most are none at the first look
        if (":" in name or (name[-1:].isdigit() and name[0].isdigit())) and _block(role, name) is not None
    ]
    if not misplaced:
        return found, ()
    elsewhere = set(misplaced)
    return tuple(name for name in found if name not in elsewhere), misplaced


def _addresses(
    endpoint: Endpoint, misplaced: Sequence[str], role: int, path: str, errors: list[str]
) -> tuple[tuple[str, ...], tuple[AddressBlock, ...]]:
    texts: list[str] = []
    found: list[AddressBlock] = []
    wide: dict[Range, None] = {}
    if misplaced:
        errors.append(f"{path}.Hostname: an address, not the name of a host")
    for family, items in ((4, endpoint.IP4), (6, endpoint.IP6), (0, misplaced)):
        for text in items or ():
            block = _block(role, text)
            if family and (block is None or (":" in text) != (family == 6)):  # noqa: PLR2004
                errors.append(f"{path}.IP{family}: not an IPv{family} address")
            if block is None:
                continue
            texts.append(text)
            if isinstance(block, AddressBlock):
                found.append(block)
            else:
                wide[block] = None
    if wide:
        found += _split(wide, role, path, errors)
    return distinct(texts), distinct(found)


def _split(ranges: Iterable[Range], role: int, path: str, errors: list[str]) -> list[AddressBlock]:
    found: list[AddressBlock] = []
    for one in ranges:
        if len(found) >= MOST_BLOCKS:
            errors.append(f"{path}: too many ranges of addresses")
            break
        found += [AddressBlock(role, one.family, low, high) for low, high in blocks(one)]
    return found


@lru_cache(maxsize=16_384)
def _block(role: int, text: str) -> AddressBlock | Range | None:
    """Give the one block of an address or network, a range that has several, `None` for what is none."""
    try:
        found = parse_range(text)
    except DataError:
        return None
    size = found.high - found.low + 1
    if size & (size - 1) or found.low % size:
        return found
    return AddressBlock(role, *found)
