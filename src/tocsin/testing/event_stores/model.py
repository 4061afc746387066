"""What a search means, in plain Python: the answer that every storage has to give.

It shares nothing with the code that makes SQL of search parameters, so that they do not err together.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tocsin.eventstorage.row import EventRow

__all__ = [
    "StoredEvent",
    "count_by_time",
    "count_by_value",
    "is_found",
    "search",
]

_EMPTY, _ANY = "__EMPTY__", "__ANY__"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_VALUES = {
    "source_types": ["source_type"],
    "target_types": ["target_type"],
    "host_types": ["source_type", "target_type"],
    "protocols": ["protocol"],
    "categories": ["category"],
    "classes": ["eventclass"],
    "severities": ["eventseverity"],
    "detectors": ["node_name"],
    "detector_types": ["node_type"],
    "groups": ["resolvedabuses"],
    "inspection_errs": ["inspectionerrors"],
}


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as a store has it.

    Attributes:
        row: What is understood of its message.
        storagetime: When it was stored, in microseconds since the epoch.
    """

    row: EventRow
    storagetime: int

    @property
    def detecttime(self) -> int:
        """When it was detected, in microseconds since the epoch."""
        return self.storagetime if self.row.detecttime is None else self.row.detecttime

    def values(self, column: str) -> tuple[Any, ...]:
        """Give what it has in a column."""
        value = getattr(self.row, column)
        if isinstance(value, tuple):
            return value
        return () if value is None else (value,)


def search(events: Iterable[StoredEvent], parameters: Mapping[str, Any]) -> list[str]:
    """Give the ids that a search finds, sorted and paged."""
    column, _, direction = parameters.get("sortby", "detecttime.desc").partition(".")

    def place(event: StoredEvent) -> tuple[int, str]:
        return getattr(event, column), event.row.id

    found = sorted((one for one in events if is_found(one, parameters)), key=place)
    after = parameters.get("after")
    if direction == "desc":
        found.reverse()
    if after is not None:
        last = (_micros(after[0]), after[1])
        found = [one for one in found if (place(one) < last if direction == "desc" else place(one) > last)]
    if (limit := parameters.get("limit")) is not None:
        start = (parameters.get("page", 1) - 1) * limit
        found = found[start : start + limit]
    return [one.row.id for one in found]


def is_found(event: StoredEvent, parameters: Mapping[str, Any]) -> bool:
    """Tell whether every filter selects an event."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return (
        all(_within_times(event, given))
        and all(_has_values(event, given))
        and all(_is_at_places(event, given))
        and all(_has_texts(event, given))
    )


def count_by_value(
    events: Iterable[StoredEvent], parameters: Mapping[str, Any], by: str, limit: int
) -> tuple[list[tuple[Any, int]], int, int, int]:
    """Count events by value.

    Returns:
        (value, count) of the most frequent ones, how often the others occur, how many events have none, and
        how many there are.
    """
    found = [one for one in events if is_found(one, parameters)]
    counts = Counter(value for one in found for value in one.values(by))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ranked[limit:])
    return ranked[:limit], rest, sum(not one.values(by) for one in found), len(found)


def count_by_time(
    events: Iterable[StoredEvent], parameters: Mapping[str, Any], step: timedelta
) -> dict[datetime, int]:
    """Count events by the bucket of time in which they were detected, without gaps."""
    size, first = step // _MICROSECOND, (_MONDAY - _EPOCH) // _MICROSECOND
    counts = Counter((one.detecttime - first) // size for one in events if is_found(one, parameters))
    if not counts:
        return {}
    return {_MONDAY + number * step: counts.get(number, 0) for number in range(min(counts), max(counts) + 1)}


def _within_times(event: StoredEvent, parameters: Mapping[str, Any]) -> Iterator[bool]:
    for prefix, moment in (("dt", event.detecttime), ("st", event.storagetime)):
        if f"{prefix}_from" in parameters:
            yield _micros(parameters[f"{prefix}_from"]) <= moment
        if f"{prefix}_to" in parameters:
            yield moment <= _micros(parameters[f"{prefix}_to"])


def _has_values(event: StoredEvent, parameters: Mapping[str, Any]) -> Iterator[bool]:
    if "ids" in parameters:
        yield (event.row.id in _listed(parameters["ids"])) != parameters.get("not_ids", False)
    for name, columns in _VALUES.items():
        if name in parameters and not _replaced(name, parameters):
            values = [value for column in columns for value in event.values(column)]
            yield _one_of(parameters, name, values, values.__contains__)


def _is_at_places(event: StoredEvent, parameters: Mapping[str, Any]) -> Iterator[bool]:
    for side, roles in (("source", ["source"]), ("target", ["target"]), ("host", ["source", "target"])):
        name = f"{side}_addrs"
        if name in parameters and not _replaced(name, parameters):
            addresses = [one for role in roles for one in event.values(f"{role}_ip")]
            hosts = [one for role in roles for one in event.values(f"{role}_host")]
            is_it = partial(_is_at, addresses=addresses, hosts=hosts)
            yield _one_of(parameters, name, [*addresses, *hosts], is_it)
        name = f"{side}_ports"
        if name in parameters and not _replaced(name, parameters):
            ports = [one for role in roles for one in event.values(f"{role}_port")]
            yield _one_of(parameters, name, ports, partial(_has_port, ports=ports))


def _has_texts(event: StoredEvent, parameters: Mapping[str, Any]) -> Iterator[bool]:
    description = event.row.description
    if "description" in parameters:
        yield description == parameters["description"]
    if "description_like" in parameters:
        yield description is not None and _folded(parameters["description_like"]) in _folded(description)
    if "text" in parameters:
        words = _words(json.loads(event.row.message))
        yield all(_occurs(word, words) for word in re.findall(r"\w+\*?", parameters["text"].casefold()))


def _replaced(name: str, parameters: Mapping[str, Any]) -> bool:
    """Tell whether another parameter takes the place of one."""
    side, _, kind = name.partition("_")
    return side in ("source", "target") and f"host_{kind}" in parameters


def _one_of(
    parameters: Mapping[str, Any], name: str, values: Sequence[Any], is_it: Callable[[Any], bool]
) -> bool:
    """Tell whether a list selects an event that has some values, or none."""

    def selects(item: Any) -> bool:
        if item in (_EMPTY, _ANY):
            return bool(values) is (str(item) == _ANY)
        return is_it(item)

    negated: bool = parameters.get(f"not_{name}", False)
    return any(map(selects, _listed(parameters[name]))) != negated


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _micros(value: datetime | str) -> int:
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    aware = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    return (aware - _EPOCH) // _MICROSECOND


def _is_at(item: Any, addresses: Sequence[str], hosts: Sequence[str]) -> bool:
    wanted = _ends(item)
    if wanted is None:
        name = item.lower()
        names = [host.lower().strip(".") for host in hosts]
        if name.startswith("."):
            return any(f".{one}".endswith(f".{name.strip('.')}") for one in names)
        return name.strip(".") in names
    return any(
        one[0] == wanted[0] and one[1] <= wanted[2] and wanted[1] <= one[2]
        for address in addresses
        if (one := _ends(address)) is not None
    )


def _ends(item: Any) -> tuple[int, int, int] | None:
    """Give the family, the first and the last address; `None` for what is a name."""
    text = str(item).strip()
    try:
        if "/" in text:
            network = ip_network(text, strict=False)
            first: IPv4Address | IPv6Address = network[0]
            last: IPv4Address | IPv6Address = network[-1]
        else:
            low, _, high = text.partition("-")
            first, last = ip_address(low.strip()), ip_address((high or low).strip())
    except ValueError:
        return None
    if isinstance(first, IPv6Address) and isinstance(last, IPv6Address):
        if first.ipv4_mapped is not None and last.ipv4_mapped is not None:
            return 4, int(first.ipv4_mapped), int(last.ipv4_mapped)
        return 6, int(first), int(last)
    return 4, int(first), int(last)


def _has_port(item: Any, ports: Sequence[int]) -> bool:
    low, _, high = str(item).partition("-")
    return any(int(low) <= port <= int(high or low) for port in ports)


def _folded(text: str) -> str:
    """Put each letter in one of its cases; letters stay single, so that "ß" is not "ss"."""
    return "".join(
        next((one for one in (letter.casefold(), letter.lower()) if len(one) == 1), letter) for letter in text
    )


def _words(document: Any) -> set[str]:
    if isinstance(document, Mapping):
        return {word for value in document.values() for word in _words(value)}
    if isinstance(document, list):
        return {word for value in document for word in _words(value)}
    if document is None or isinstance(document, bool):
        return set()
    return set(re.findall(r"\w+", str(document).casefold()))


def _occurs(word: str, words: set[str]) -> bool:
    if word.endswith("*"):
        return any(one.startswith(word[:-1]) for one in words)
    return word in words
