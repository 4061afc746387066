"""One event as the storage keeps it: its original bytes, and what can be searched for."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ADDRESS_BITS", "SOURCE", "TARGET", "AddressBlock", "EventRow"]

SOURCE, TARGET = 0, 1
ADDRESS_BITS = {4: 32, 6: 128}


class AddressBlock(NamedTuple):
    """A CIDR block of one of an event's addresses; a single address is a block of one.

    Attributes:
        role: `SOURCE` or `TARGET`.
        family: 4 or 6; `::ffff:1.2.3.4` is 1.2.3.4.
        low: Its first address as a number.
        high: Its last address as a number.
    """

    role: int
    family: int
    low: int
    high: int


class EventRow(NamedTuple):
    """What is stored of one event. Lists are without duplicates, in the order of the message.

    Texts are what a search compares with: NUL and lone surrogates in them are U+FFFD, as databases cannot
    keep them; `message` has them as they came.

    Attributes:
        id: The event's ID.
        detecttime: Microseconds since the epoch, UTC; `None` when the message gives no usable one: the
            storage time stands for it.
        category: As in the message.
        description: As in the message, `None` when there is none.
        source_ip: Addresses, networks and ranges as they are written in the message.
        target_ip: The same for the target.
        source_host: Host names as written.
        target_host: The same for the target.
        source_port: Ports.
        target_port: The same for the target.
        source_type: Tags of the sources.
        target_type: Tags of the targets.
        protocol: Of sources and targets.
        node_name: Names of the nodes (detectors).
        node_type: Types of the nodes.
        resolvedabuses: The groups that own what the event is about.
        eventclass: Its class.
        eventseverity: Its severity.
        inspectionerrors: What is wrong with the message.
        blocks: The addresses of source and target as CIDR blocks.
        hosts: (role, key of the name): what host searches compare.
        words: The words of the message for full text, separated by spaces; `""` without a text index.
        message: The original bytes.
    """

    id: str
    detecttime: int | None
    category: tuple[str, ...]
    description: str | None
    source_ip: tuple[str, ...]
    target_ip: tuple[str, ...]
    source_host: tuple[str, ...]
    target_host: tuple[str, ...]
    source_port: tuple[int, ...]
    target_port: tuple[int, ...]
    source_type: tuple[str, ...]
    target_type: tuple[str, ...]
    protocol: tuple[str, ...]
    node_name: tuple[str, ...]
    node_type: tuple[str, ...]
    resolvedabuses: tuple[str, ...]
    eventclass: str | None
    eventseverity: str | None
    inspectionerrors: tuple[str, ...]
    blocks: tuple[AddressBlock, ...]
    hosts: tuple[tuple[int, str], ...]
    words: str
    message: bytes
