"""What an event is about, as far as reporting it once is concerned."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from tocsin.errors import DataError
from tocsin.eventstorage.addresses import address_text, parse_range
from tocsin.eventstorage.idea import Idea
from tocsin.eventstorage.idea.texts import clean
from tocsin.eventstorage.thresholds.rules import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Facts", "Side", "facts_of"]

Side: TypeAlias = Literal["source", "target"]


class Facts(NamedTuple):
    """What of an event decides whether it is told.

    Attributes:
        id: Its ID.
        classes: Its class; without one, its categories, sorted.
        severity: How bad it is.
        entity_from: Where its entities were found: `source`, `target`, `node`, or `nothing`.
        entities: Each once, in the order of the event; never empty.
    """

    id: str
    classes: tuple[str, ...]
    severity: Severity
    entity_from: str
    entities: tuple[str, ...]


def facts_of(message: Idea | Mapping[str, Any] | str | bytes, side: Side) -> Facts:
    """Look at an event from one side.

    Each source (or target) is known by its addresses, networks and ranges, however they are written; one
    without any by its host names. An event that names nothing on this side is about what it names on the
    other one, then about the nodes that sent it.

    Args:
        message: The event.
        side: `source` or `target`.

    Raises:
        DataError: It is no event, or the side is none.
    """
    event = message if isinstance(message, Idea) else Idea(message)
    row = event.row
    classes = (row.eventclass,) if row.eventclass else tuple(sorted(row.category))
    return Facts(row.id, classes, Severity.of(row.eventseverity), *_entities(event, side))


def _entities(event: Idea, side: Side) -> tuple[str, tuple[str, ...]]:
    for place in (side, _other(side)):
        if named := _named(event, place):
            return place, named
    nodes = event.row.node_name
    return ("node", nodes) if nodes else ("nothing", ("",))


def _other(side: str) -> Side:
    if side == "source":
        return "target"
    if side == "target":
        return "source"
    raise DataError(f"there is no side {side!r}", hint="source or target", parameter="side")


def _named(event: Idea, side: str) -> tuple[str, ...]:
    row = event.row
    if side == "source":
        addresses, hosts = row.source_ip, row.source_host
    else:
        addresses, hosts = row.target_ip, row.target_host
    if addresses and hosts:
        hosts = tuple(_without_address(event.get(side.capitalize()), {*addresses}, {*hosts}))
    names = [*map(_address, addresses), *map(_host, hosts)]
    return tuple(names) if len(names) == 1 else tuple(dict.fromkeys(names))


def _without_address(endpoints: Any, addresses: set[str], hosts: set[str]) -> Iterator[str]:
    """Give the host names of the endpoints that have no usable address."""
    for endpoint in _listed(endpoints):
        if isinstance(endpoint, dict):
            own = _texts(endpoint.get("IP4")), _texts(endpoint.get("IP6"))
            if addresses.isdisjoint(own[0]) and addresses.isdisjoint(own[1]):
                yield from (name for name in _texts(endpoint.get("Hostname")) if name in hosts)


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> list[str]:
    return [clean(one) for one in _listed(value) if isinstance(one, str)]


@lru_cache(maxsize=16_384)
def _address(text: str) -> str:
    return address_text(parse_range(text))


def _host(name: str) -> str:
    return name.strip(".").lower()
