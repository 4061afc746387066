"""Seeded IDEA events made from the public alerts, and what to search among them.

An alert gives time, name, and the machine that raised it; sources are drawn, since alerts have none. Both
sides import this, each in its own interpreter: only the standard library.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = [
    "BATCH_EVENTS",
    "Alert",
    "address_queries",
    "category_of",
    "make_events",
    "read_alerts",
    "read_lines",
    "storage_time",
]

BATCH_EVENTS = 5_000
"""So many events are stored together, and get one storage time."""

_ID_SPACE = uuid.UUID("4f7c1a52-6d0e-5b7a-9a53-0c6a0b8f5a11")
# Not where a month begins or ends, so that what is old is not whole partitions.
_FIRST_STORAGE = datetime(2026, 1, 7, 12, tzinfo=UTC)
_STORED_WITHIN = timedelta(days=91)
_EVENTS_A_NETWORK = 12
_PORTS = (22, 25, 53, 80, 110, 143, 443, 445, 993, 3306, 3389, 8080)


@dataclass(frozen=True, slots=True)
class Alert:
    """A row of the public alerts.

    Attributes:
        second: When, Unix seconds.
        name: What it says.
        address: Of the machine that raised it.
        host: The name of that machine.
        scenario: The file that it is from.
    """

    second: int
    name: str
    address: str
    host: str
    scenario: str


def read_alerts(folder: Path) -> list[Alert]:
    """Read all `*_alerts.csv.gz` of a folder, in the order of time."""
    alerts = []
    for path in sorted(folder.glob("*_alerts.csv.gz")):
        scenario = path.name.split("_")[0]
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            alerts += [
                Alert(int(float(row["time"])), row["name"], row["ip"], row["host"], scenario) for row in rows
            ]
    return sorted(alerts, key=lambda alert: alert.second)


def make_events(alerts: Sequence[Alert], count: int, seed: int) -> Iterator[str]:
    """Make events as JSON, a line each, in the order of their detection.

    Of their sources, 20 % are three single addresses far from each other, 8 % a network, 6 % a range, 6 % an
    IPv6 address, and all others one address. Addresses are in networks that about a dozen events share.

    Args:
        alerts: What they are made from, evenly over all of them; repeated when there are too few.
        count: How many.
        seed: Equal seeds give equal events.
    """
    source = random.Random(seed)  # noqa: S311 - data needs no secrecy
    networks = [source.randrange(1 << 16, 224 << 16) << 8 for _ in range(max(count // _EVENTS_A_NETWORK, 50))]
    step = max(len(alerts) / count, 1.0)
    for number in range(count):
        alert = alerts[int(number * step) % len(alerts)]
        endpoint = _source(source, networks)
        if source.random() < 0.5:  # noqa: PLR2004
            endpoint["Port"] = [source.randrange(1024, 65536)]
        target: dict[str, Any] = {"IP4": [alert.address], "Hostname": [alert.host]}
        target |= {"Proto": [source.choice(("tcp", "udp"))], "Port": [source.choice(_PORTS)]}
        event = {
            "Format": "IDEA0",
            "ID": str(uuid.uuid5(_ID_SPACE, f"{seed} {number}")),
            "DetectTime": f"{datetime.fromtimestamp(alert.second, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "Category": [category_of(alert.name)],
            "Description": alert.name,
            "Source": [endpoint],
            "Target": [target],
            "Node": [
                {
                    "Name": f"{alert.scenario}.{alert.host.replace('-', '_')}",
                    "SW": [alert.name.split(":")[0]],
                    "Type": ["Log"],
                }
            ],
        }
        yield json.dumps(event)


def category_of(name: str) -> str:
    """Give an alert's name as a tag: the peer refuses a category with spaces."""
    tool, _, rest = name.partition(":")
    words = re.findall(r"[A-Za-z0-9]+", rest)
    return ".".join(filter(None, (tool, "".join(word[:1].upper() + word[1:] for word in words))))


def _source(source: random.Random, networks: Sequence[int]) -> dict[str, Any]:
    pick = source.random()
    if pick < 0.2:  # noqa: PLR2004
        return {"IP4": [_address(source, networks) for _ in range(3)]}
    if pick < 0.28:  # noqa: PLR2004
        bits = source.choice((24, 24, 22, 20, 16))
        low = source.choice(networks) >> (32 - bits) << (32 - bits)
        return {"IP4": [f"{IPv4Address(low)}/{bits}"]}
    if pick < 0.34:  # noqa: PLR2004
        low = source.choice(networks) + source.randrange(256)
        return {"IP4": [f"{IPv4Address(low)}-{IPv4Address(low + source.randrange(2, 2_000))}"]}
    if pick < 0.4:  # noqa: PLR2004
        return {"IP6": [f"2001:db8:{source.randrange(1, 1 << 16):x}::{source.randrange(1, 1 << 16):x}"]}
    return {"IP4": [_address(source, networks)]}


def _address(source: random.Random, networks: Sequence[int]) -> str:
    return str(IPv4Address(source.choice(networks) + source.randrange(256)))


def storage_time(number: int, total: int) -> datetime:
    """Give when an event is stored: spread over three months, one time a batch.

    Args:
        number: Of the event, from 0 on; those past the total come later.
        total: How many events the three months have.
    """
    return _FIRST_STORAGE + _STORED_WITHIN * (number // BATCH_EVENTS * BATCH_EVENTS / total)


def read_lines(path: Path, first: int, count: int) -> list[str]:
    """Read some of the lines of a file, without their ends."""
    with path.open(encoding="utf-8") as file:
        return [line.rstrip("\n") for line in islice(file, first, first + count)]


def address_queries(path: Path, count: int, each: int, seed: int) -> dict[str, list[str]]:
    """Choose what to search for: addresses of events that are there, and what is around them.

    Args:
        path: The events.
        count: How many of them are stored.
        each: How many of each kind.
        seed: Equal seeds give equal queries.

    Returns:
        Kind → addresses, networks, or ranges.
    """
    source = random.Random(seed)  # noqa: S311 - data needs no secrecy
    lines = read_lines(path, 0, count)
    found: list[IPv4Address] = []
    while len(found) < 3 * each:
        address = json.loads(source.choice(lines))["Source"][0].get("IP4", ["/"])[-1]
        if "/" not in address and "-" not in address:
            found.append(IPv4Address(address))
    return {
        "a single address": [str(one) for one in found[:each]],
        "a /24": [f"{IPv4Address(int(one) >> 8 << 8)}/24" for one in found[each : 2 * each]],
        "a range of 700": [
            f"{IPv4Address(int(one) - 300)}-{IPv4Address(int(one) + 399)}" for one in found[2 * each :]
        ],
    }
