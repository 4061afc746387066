"""Whom a finding is about: addresses, host names, ports and users from the variables that a monitor maps."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError, DataError
from tocsin.runtime.config.metric import EndpointMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tocsin.runtime.config.metric import FindingsConfig

__all__ = ["NOBODY", "EndpointReader", "Endpoints", "Whom"]

_MOST_VALUES = 100  # of one variable: a list in a JSON log may be of any length
_LONGEST_USER = 255
_LAST_PORT = 65_535
_NOTHING = frozenset({"", "-", "?"})  # how logs write that there is none
_ADDRESS_AND_PORT = re.compile(
    r"/?(?:(\d{1,3}(?:\.\d{1,3}){3})|\[([0-9A-Fa-f:.]+)\])(?::(\d{1,5}))?", re.ASCII
)
_PORT = re.compile("[0-9]{1,5}")
_HOST = re.compile(r"(?=.*[^\W\d])\w(?:[\w.-]{0,253}[\w.])?")  # it has a letter: 12345 is no name of a host


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The sources, or the targets, of a finding.

    Attributes:
        ip4: Addresses and networks, in order.
        ip6: The same.
        hosts: Host names.
        ports: Ports.
        users: Names of users.
    """

    ip4: tuple[str, ...] = ()
    ip6: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    users: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Addresses, networks and host names."""
        return self.ip4 + self.ip6 + self.hosts

    def to_idea(self) -> list[dict[str, Any]]:
        """Give the `Source` or `Target` of an event; users have no place there."""
        lists = {"IP4": self.ip4, "IP6": self.ip6, "Hostname": self.hosts, "Port": self.ports}
        one = {name: list(values) for name, values in lists.items() if values}
        return [one] if one else []


@dataclass(frozen=True, slots=True)
class Whom:
    """Sources and targets of a finding."""

    source: Endpoints = Endpoints()
    target: Endpoints = Endpoints()


NOBODY = Whom()


class EndpointReader:
    """Reads who was the source of a finding, and who its target, from its variables.

    An address in a variable of host names is an address, and a domain name in one of addresses is a host
    name; `192.0.2.7:443` is an address and a port. What is neither is left out, and counted.

    Args:
        config: The `findings:` of a monitor.
        groups: Lists of variables that `$name` stands for.

    Raises:
        ConfigError: A group is named that there is not.
    """

    def __init__(self, config: FindingsConfig, groups: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._source = _with_groups(config.source, groups or {})
        self._target = _with_groups(config.target, groups or {})
        self._dropped: Counter[str] = Counter()
        self._useful: set[str] = set()

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable that is mapped."""
        sides = (self._source, self._target)
        names = [name for side in sides for name in (*side.ip, *side.host, *side.port, *side.user)]
        return tuple(dict.fromkeys(names))

    def read(self, value_of: Callable[[str], Any]) -> Whom:
        """Read both sides.

        Args:
            value_of: Gives the value of a variable, `None` when it has none.
        """
        if self._source == self._target == EndpointMap():
            return NOBODY
        return Whom(self._side(self._source, value_of), self._side(self._target, value_of))

    def notes(self) -> list[str]:
        """Say what was left out since the last call, a sentence a variable that never had anything of use.

        In a log the same position holds an address in one kind of line and a word in another.
        """
        notes = [
            f"findings: {count:,} {'value' if count == 1 else 'values'} of {name} could not be used, and"
            f" {'is' if count == 1 else 'are'} not in the events"
            for name, count in sorted(self._dropped.items())
            if name not in self._useful
        ]
        self._dropped.clear()
        return notes

    def _side(self, mapping: EndpointMap, value_of: Callable[[str], Any]) -> Endpoints:
        found: dict[str, list[Any]] = {"ip4": [], "ip6": [], "hosts": [], "ports": [], "users": []}
        for names, add in (
            (mapping.ip, _add_address),
            (mapping.host, _add_host),
            (mapping.port, _add_port),
            (mapping.user, _add_user),
        ):
            for name in names:
                for text in _texts(value_of(name)):
                    if add(found, text):
                        self._useful.add(name)
                    else:
                        self._dropped[name] += 1
        return Endpoints(**{name: tuple(dict.fromkeys(values)) for name, values in found.items()})


def _add_address(found: dict[str, list[Any]], text: str) -> bool:
    """Add an address, or the domain name that stands in its place; false when it is neither."""
    from tocsin.eventstorage.addresses import address_text, parse_range

    address, port = text, None
    if match := _ADDRESS_AND_PORT.fullmatch(text):
        address, port = match[1] or match[2], match[3]
    try:
        name = address_text(parse_range(address.partition("%")[0]))
    except DataError:
        return "." in text and _add_name(found, text)
    found["ip6" if ":" in name else "ip4"].append(name)
    return port is None or _add_port(found, port)


def _add_host(found: dict[str, list[Any]], text: str) -> bool:
    return _add_address(found, text) or _add_name(found, text)


def _add_name(found: dict[str, list[Any]], text: str) -> bool:
    is_name = _HOST.fullmatch(text) is not None
    if is_name:
        found["hosts"].append(text)
    return is_name


def _add_port(found: dict[str, list[Any]], text: str) -> bool:
    is_port = _PORT.fullmatch(text) is not None and int(text) <= _LAST_PORT
    if is_port:
        found["ports"].append(int(text))
    return is_port


def _add_user(found: dict[str, list[Any]], text: str) -> bool:
    fits = len(text) <= _LONGEST_USER
    if fits:
        found["users"].append(text)
    return fits


def _texts(value: Any) -> Iterator[str]:
    """Give a value, or each of a list of values, as text; what stands for nothing is left out."""
    values: Iterable[Any] = value[:_MOST_VALUES] if isinstance(value, (list, tuple)) else (value,)
    for one in values:
        text = "" if one is None or isinstance(one, (dict, list, tuple, bool)) else str(one).strip()
        if text not in _NOTHING:
            yield text


def _with_groups(mapping: EndpointMap, groups: Mapping[str, tuple[str, ...]]) -> EndpointMap:
    def expanded(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one for name in names for one in _variables(name, groups))

    return mapping.model_copy(
        update={name: expanded(getattr(mapping, name)) for name in ("ip", "host", "port", "user")}
    )


def _variables(name: str, groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if not name.startswith("$"):
        return (name,)
    if name[1:] not in groups:
        known = ", ".join(f"${group}" for group in groups) or "none: name them under groups:"
        raise ConfigError(f"findings: there is no group {name}", hint=f"known are {known}")
    return groups[name[1:]]
