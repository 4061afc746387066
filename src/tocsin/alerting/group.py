"""The stage that finds whose something is: the groups that own what a candidate is about."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tocsin.alerting.patterns import address_range, glob, host_name, read_network
from tocsin.errors import ConfigError
from tocsin.model import Group, MonitorKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alerting.patterns import AddressRange
    from tocsin.model import AlertCandidate

__all__ = ["Owner", "Owners", "compile_owners"]

_BITS = {4: 32, 6: 128}
_MOST_REMEMBERED = 100_000


class Owner(NamedTuple):
    """A group that owns what a candidate is about, and why, in words."""

    group: Group
    because: str


@lru_cache(maxsize=8)
def compile_owners(groups: tuple[Group, ...], fallback: str) -> Owners:
    """Prepare groups for many questions; the same groups again cost nothing.

    Raises:
        ConfigError: A network of a group is none.
    """
    return Owners(groups, fallback)


class Owners:
    """Whose is what.

    The first of these that names an owner decides: addresses and networks (of all groups the network with
    the longest prefix), host names (the most specific), the monitor's name, its tags; otherwise it is the
    fallback's. What is owned by several groups alike, or names things of several, belongs to all of them.

    Of an event the side that its rule goes by counts; the other one when that side names nothing. Of a
    metric or a log both count together.

    Args:
        groups: In the order of the file.
        fallback: The group of what nobody owns; without channels when it is not among `groups`.

    Raises:
        ConfigError: A network of a group is none.
    """

    def __init__(self, groups: tuple[Group, ...], fallback: str) -> None:
        self._groups = groups
        named = next((group for group in groups if group.name == fallback), Group(fallback))
        self._fallback = (Owner(named, "nobody owns it"),)
        self._networks = _Networks(groups)
        self._hosts = _Hosts(groups)
        self._monitors = tuple(
            (number, pattern, glob(pattern))
            for number, group in enumerate(groups)
            for pattern in group.monitors
        )
        self._tags: dict[str, list[int]] = {}
        for number, group in enumerate(groups):
            for tag in dict.fromkeys(group.tags):
                self._tags.setdefault(tag, []).append(number)
        self._remembered: dict[tuple[object, ...], tuple[Owner, ...]] = {}

    def of(self, candidate: AlertCandidate) -> tuple[Owner, ...]:
        """Give the groups that own what a candidate is about, in the order of the file; at least one."""
        entities = _entities(candidate)
        key = (candidate.monitor, candidate.tags, entities)
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[key] = self._find(candidate, entities)
        return found

    def _find(self, candidate: AlertCandidate, entities: tuple[str, ...]) -> tuple[Owner, ...]:
        for finders in (self._by_address, self._by_host):
            if found := finders(entities):
                return self._owners(found)
        found = self._by_monitor(candidate) or self._by_tag(candidate)
        return self._owners(found) if found else self._fallback

    def _by_address(self, entities: Iterable[str]) -> dict[int, str]:
        found: dict[int, str] = {}
        for entity in entities:
            range_ = address_range(entity)
            for number, network in self._networks.owners(range_) if range_ is not None else ():
                found.setdefault(number, f"{entity} is in {network}")
        return found

    def _by_host(self, entities: Iterable[str]) -> dict[int, str]:
        found: dict[int, str] = {}
        for entity in entities:
            for number, name in self._hosts.owners(entity) if address_range(entity) is None else ():
                found.setdefault(number, f"{entity} belongs to {name}")
        return found

    def _by_monitor(self, candidate: AlertCandidate) -> dict[int, str]:
        found: dict[int, str] = {}
        for number, pattern, matches in self._monitors:
            if matches(candidate.monitor):
                found.setdefault(number, f"monitor {candidate.monitor} is {pattern}")
        return found

    def _by_tag(self, candidate: AlertCandidate) -> dict[int, str]:
        found: dict[int, str] = {}
        for tag in candidate.tags:
            for number in self._tags.get(tag, ()):
                found.setdefault(number, f"monitor {candidate.monitor} has the tag {tag}")
        return found

    def _owners(self, found: dict[int, str]) -> tuple[Owner, ...]:
        return tuple(Owner(self._groups[number], found[number]) for number in sorted(found))


def _entities(candidate: AlertCandidate) -> tuple[str, ...]:
    if candidate.source is not MonitorKind.EVENTS:
        return candidate.sources + candidate.targets
    sides = (candidate.sources, candidate.targets)
    own, other = sides if candidate.side == "source" else sides[::-1]
    return own or other


class _Networks:
    """For each version and length of a prefix the networks, so that a look-up takes one step a length."""

    def __init__(self, groups: Iterable[Group]) -> None:
        tables: dict[int, dict[int, dict[int, list[tuple[int, str]]]]] = {4: {}, 6: {}}
        for number, group in enumerate(groups):
            for text in dict.fromkeys(group.networks):
                network = _network(text, group)
                bits = _BITS[network.version] - network.prefixlen
                table = tables[network.version].setdefault(bits, {})
                table.setdefault(int(network.network_address) >> bits, []).append((number, str(network)))
        # Few bits of hosts are a long prefix: the most specific first.
        self._tables = {version: sorted(found.items()) for version, found in tables.items()}

    def owners(self, range_: AddressRange) -> list[tuple[int, str]]:
        """Give the groups whose network holds all of a range, of those with the longest prefix."""
        for bits, table in self._tables[range_.version]:
            start = range_.low >> bits
            if start == range_.high >> bits and (found := table.get(start)):
                return found
        return []


def _network(text: str, group: Group) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = read_network(text)
    except ConfigError as error:
        raise ConfigError(f"group {group.name}: {error.message}", hint=error.hint) from None
    mapped = network.network_address.ipv4_mapped if network.version == 6 else None  # noqa: PLR2004
    if mapped is not None and network.prefixlen >= 96:  # noqa: PLR2004 - ::ffff:0:0/96 holds IPv4
        return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


class _Hosts:
    """Host names, and domains with everything below them."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._names: dict[str, list[tuple[int, str]]] = {}
        self._domains: dict[str, list[tuple[int, str]]] = {}
        for number, group in enumerate(groups):
            for text in dict.fromkeys(group.hosts):
                table = self._domains if text.strip().startswith(".") else self._names
                table.setdefault(host_name(text).lstrip("."), []).append((number, text))

    def owners(self, host: str) -> list[tuple[int, str]]:
        """Give the groups with this very name, otherwise those with the longest domain above it."""
        name = host_name(host)
        if found := self._names.get(name):
            return found
        while name:
            if found := self._domains.get(name):
                return found
            name = name.partition(".")[2]
        return []
