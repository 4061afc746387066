"""From what a user hands over to the bytes of a message, and from these to a JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, MutableSequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, NoReturn
from uuid import UUID

import msgspec

from tocsin.errors import DataError
from tocsin.eventstorage.addresses import address_text, parse_range
from tocsin.eventstorage.idea.texts import clean
from tocsin.eventstorage.idea.times import format_duration, format_time, microseconds

__all__ = [
    "DEEPEST",
    "DEFAULT_LIMITS",
    "NO_LIMITS",
    "Limits",
    "cleaned",
    "decode_kept",
    "decode_message",
    "message_bytes",
]

_BOM = b"\xef\xbb\xbf"
DEEPEST = 256
"""No message can be nested deeper: what reads it would not return."""

_decode_json = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a message may be.

    Attributes:
        max_bytes: The length of its JSON.
        max_depth: How many arrays and objects may be within one another, the message itself included; at
            most `DEEPEST`.

    Raises:
        DataError: `max_depth` is larger.
    """

    max_bytes: int = 4 * 1024 * 1024
    max_depth: int = 64

    def __post_init__(self) -> None:
        if self.max_depth > DEEPEST:
            raise DataError(f"a message cannot be allowed a depth of more than {DEEPEST}")


DEFAULT_LIMITS = Limits()
NO_LIMITS = Limits(max_bytes=sys.maxsize, max_depth=DEEPEST)
"""For what a storage has taken before."""


def message_bytes(message: Mapping[str, Any] | str | bytes) -> bytes:
    """Give the JSON of a message: bytes as they are, text in UTF-8, a mapping written compactly.

    In a mapping, times (naive ones are UTC), durations, UUIDs and IP objects may stand where their texts
    would, and mappings and lists of other libraries where objects and arrays would.

    Raises:
        DataError: A mapping holds what JSON cannot.
    """
    if isinstance(message, bytes):
        return message
    original = getattr(message, "original", None)  # what came in, of an Idea
    if isinstance(original, bytes):
        return original
    if isinstance(message, (bytearray, memoryview)):
        return bytes(message)
    if isinstance(message, str):
        try:
            return message.encode()
        except UnicodeEncodeError:
            raise DataError("not JSON: the text is not valid Unicode") from None
    if not isinstance(message, Mapping):
        raise DataError(f"not an event: {type(message).__name__}", hint="an Idea, a mapping, or JSON")
    return _written(message)


def decode_message(message: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, Any]:
    """Read the JSON object of a message; a byte order mark before it is passed over.

    Raises:
        DataError: It is over a limit, or not a JSON object.
    """
    if len(message) > limits.max_bytes:
        raise DataError(f"over the size limit of {limits.max_bytes} bytes")
    try:
        document = _decoded(message.removeprefix(_BOM))
    except RecursionError:
        raise DataError(f"nested deeper than {limits.max_depth}") from None
    if not isinstance(document, dict):
        raise DataError("not a JSON object")
    nested = message.count(b"{") + message.count(b"[")
    if nested > limits.max_depth and _deeper_than(document, limits.max_depth):
        raise DataError(f"nested deeper than {limits.max_depth}")
    return document


def decode_kept(message: bytes) -> dict[str, Any]:
    """Read a message that was read before, without looking at its limits again."""
    try:
        document: dict[str, Any] = _decode_json(message)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return decode_message(message, NO_LIMITS)
    return document


def cleaned(document: Any) -> Any:
    """Give a document with every text in it as `clean` gives it."""
    if isinstance(document, str):
        return clean(document)
    if isinstance(document, dict):
        return {clean(key): cleaned(value) for key, value in document.items()}
    if isinstance(document, list):
        return [cleaned(value) for value in document]
    return document


def _decoded(text: bytes) -> Any:
    try:
        return _decode_json(text)
    except (msgspec.MsgspecError, ValueError):
        pass  # perhaps it has what only the slower reader takes: lone surrogates, numbers out of range
    try:
        return json.loads(text.decode(), parse_constant=_no_json, parse_int=_integer, parse_float=_float)
    except UnicodeDecodeError:
        raise DataError("not JSON: invalid UTF-8") from None
    except json.JSONDecodeError:
        raise DataError("not JSON") from None


def _no_json(token: str) -> NoReturn:
    raise DataError(f"not JSON: {token}")


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # longer than what Python reads
        return _float(digits)


def _float(digits: str) -> float:
    # What is beyond all numbers is the largest one: nothing else could be written as JSON again.
    return max(-sys.float_info.max, min(sys.float_info.max, float(digits)))


def _deeper_than(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def _written(message: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(
            dict(message), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain
        )
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can tell
        return json.dumps(dict(message), separators=(",", ":"), default=_plain).encode()
    except RecursionError:
        raise DataError("nested too deep") from None
    except (TypeError, ValueError) as error:
        raise DataError("not JSON: the event holds what JSON cannot") from error


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, MutableSequence) and not isinstance(value, bytearray):  # a list of another library
        return list(value)
    if isinstance(value, datetime):
        return format_time(microseconds(value))
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, (UUID, IPv4Address, IPv6Address, IPv4Network, IPv6Network)):
        return str(value)
    try:
        return address_text(parse_range(value))
    except DataError:
        raise TypeError(type(value).__name__) from None
