"""How a manifest is written: a line with the digest of the rest, then JSON.

Whatever the file says is checked before it is used: a number is a number and in its range, a place is
within its segment, all places together are not more than the segments, names are made as ours are.
Nothing is imported, called or opened because a manifest names it.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.errors import PersistencyError, PersistencyLoadError, StateVersionError
from tocsin.persistency.snapshots.manifest import EventEntry, Manifest, PartEntry, SegmentEntry, Writer
from tocsin.persistency.snapshots.names import generation_of_segment

if TYPE_CHECKING:
    from tocsin.persistency.values import EventID

__all__ = [
    "DEEPEST",
    "FORMAT",
    "FORMAT_VERSION",
    "LARGEST_MANIFEST",
    "decode",
    "digest_of",
    "encode",
    "plain_copy",
]

FORMAT = "tocsin-snapshot"
FORMAT_VERSION = 1
LARGEST_MANIFEST = 512 * 2**20
"""Bytes; ten million EventIDs fit."""
DEEPEST = 64
"""Levels of lists and objects in metadata and positions."""

_DIGEST = re.compile(rb"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST_PLAIN = 2**63
_LARGEST_LENGTH = 2**53


class _WrongError(ValueError):
    """The content is not a manifest; the text says why."""


def digest_of(content: bytes | memoryview) -> str:
    """Give the digest that manifests speak of: BLAKE2b with 32 bytes, as hex digits."""
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """Give a manifest as bytes.

    Raises:
        PersistencyError: It would be too long.
    """
    segments = manifest.segments
    numbers = {segment: number for number, segment in enumerate(segments)}
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "minimum_reader": 1,
        "generation": manifest.generation,
        "parent": manifest.parent,
        "created_at": manifest.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "token": manifest.token,
        "writer": {
            "id": manifest.writer.id,
            "owner": manifest.writer.owner,
            "host": manifest.writer.host,
            "pid": manifest.writer.pid,
        },
        "positions": manifest.positions,
        "parts": {name: _part(part, numbers) for name, part in manifest.parts.items()},
        "segments": [
            {"name": segment.name, "length": segment.length, "digest": segment.digest} for segment in segments
        ],
    }
    body = json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
    if len(body) > LARGEST_MANIFEST:
        message = f"the manifest would be {len(body)} bytes long, more than {LARGEST_MANIFEST}"
        raise PersistencyError(message, hint="give fewer, shorter EventIDs")
    return digest_of(body).encode("ascii") + b"\n" + body


def plain_copy(value: Any) -> Any:
    """Give a copy of what a manifest is to hold as it will come back from one.

    Raises:
        PersistencyError: It is not JSON, or nested too deeply.
    """
    try:
        _check_plain(value, DEEPEST)
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        message = f"metadata and positions must be JSON of at most {DEEPEST} levels: {error}"
        raise PersistencyError(message) from error


def _part(part: PartEntry, numbers: dict[SegmentEntry, int]) -> dict[str, Any]:
    return {
        "kind": part.kind,
        "metadata": dict(part.metadata),
        "seen": [_typed(event_id) for event_id in part.seen],
        "events": [
            {
                "event": _typed(event_id),
                "template": entry.template,
                "segment": numbers[entry.segment],
                "offset": entry.offset,
                "length": entry.length,
            }
            for event_id, entry in part.events.items()
        ],
    }


def _typed(event_id: EventID) -> list[Any]:
    if isinstance(event_id, str):
        return ["s", str(event_id)]
    # JSON readers elsewhere have 64 bits; Python itself refuses decimal numbers of 4,300 digits.
    return ["i", int(event_id) if -_LARGEST_PLAIN <= event_id < _LARGEST_PLAIN else hex(event_id)]


def _check_plain(value: Any, levels: int) -> None:
    """Refuse what would come back as something else, or not at all."""
    if isinstance(value, dict | list | tuple):
        if not levels:
            message = "it is nested too deeply"
            raise ValueError(message)
        if isinstance(value, dict) and not all(type(key) is str for key in value):
            message = "a key is not text"
            raise ValueError(message)
        for item in value.values() if isinstance(value, dict) else value:
            _check_plain(item, levels - 1)


def decode(content: bytes, generation: int, where: str) -> Manifest:
    """Read a manifest.

    Args:
        content: The file.
        generation: What its name says.
        where: What errors call the file.

    Raises:
        StateVersionError: A newer Tocsin wrote it.
        PersistencyLoadError: It is damaged, or no manifest.
    """
    first, _, body = content[:65].partition(b"\n")
    body = content[65:]
    if not _DIGEST.fullmatch(first) or digest_of(body) != first.decode("ascii"):
        message = f"{where} is damaged: its first line is not the digest of the rest"
        raise PersistencyLoadError(message, path=where)
    try:
        document = _object(json.loads(body.decode("ascii")), "the manifest")
        if document.get("format") != FORMAT:
            message = f"the format is {document.get('format')!r}, not {FORMAT!r}"
            raise _WrongError(message)
        needed = _number(document, "minimum_reader", 1)
        if needed > FORMAT_VERSION:
            message = f"{where} was written in format {needed}, this tocsin reads up to {FORMAT_VERSION}"
            raise StateVersionError(message, hint="upgrade tocsin, or load an older generation", path=where)
        return _manifest(document, generation)
    except (ValueError, RecursionError, OverflowError) as error:
        message = f"{where} is not a manifest: {str(error)[:200]}"
        raise PersistencyLoadError(message, path=where) from error


def _manifest(document: dict[str, Any], generation: int) -> Manifest:
    if _number(document, "generation", 1) != generation:
        message = f"it says that it is generation {document['generation']}, its name says {generation}"
        raise _WrongError(message)
    segments = [_segment(item) for item in _list(document, "segments")]
    parts = {
        name: _read_part(_object(part, f"part {name!r}"), segments)
        for name, part in _object(document.get("parts"), "parts").items()
    }
    places = sum(entry.length for part in parts.values() for entry in part.events.values())
    if places > sum(segment.length for segment in segments):
        message = "the events together are longer than the segments"
        raise _WrongError(message)
    positions = document.get("positions")
    _check_plain(positions, DEEPEST)
    writer = _object(document.get("writer"), "writer")
    return Manifest(
        generation=generation,
        parent=None if document.get("parent") is None else _number(document, "parent", 1),
        created_at=_instant(_text(document, "created_at")),
        token=_number(document, "token", 0),
        writer=Writer(
            _text(writer, "id"), _text(writer, "owner"), _text(writer, "host"), _number(writer, "pid", 0)
        ),
        positions=positions,
        parts=parts,
    )


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        message = f"created_at {text!r} has no zone"
        raise _WrongError(message)
    return instant.astimezone(UTC)


def _segment(item: Any) -> SegmentEntry:
    segment = _object(item, "a segment")
    name, digest = _text(segment, "name"), _text(segment, "digest")
    if generation_of_segment(name) is None or not _HEX.fullmatch(digest):
        message = f"{name[:80]!r} with digest {digest[:80]!r} is not a segment"
        raise _WrongError(message)
    return SegmentEntry(name, _number(segment, "length", 0), digest)


def _read_part(part: dict[str, Any], segments: list[SegmentEntry]) -> PartEntry:
    seen = tuple(_event_id(item) for item in _list(part, "seen"))
    events = dict(_event(item, segments) for item in _list(part, "events"))
    if len(set(seen)) != len(seen) or len(events) != len(part["events"]):
        message = "an event is there twice"
        raise _WrongError(message)
    metadata = _object(part.get("metadata"), "metadata")
    _check_plain(metadata, DEEPEST)
    return PartEntry(_text(part, "kind"), seen, events, metadata)


def _event(item: Any, segments: list[SegmentEntry]) -> tuple[EventID, EventEntry]:
    event = _object(item, "an event")
    segment = segments[_number(event, "segment", 0, len(segments) - 1)]
    offset = _number(event, "offset", 0, segment.length)
    length = _number(event, "length", 0, segment.length - offset)
    template = None if event.get("template") is None else _text(event, "template")
    return _event_id(event.get("event")), EventEntry(template, segment, offset, length)


def _event_id(item: Any) -> EventID:
    match item:
        case ["s", str(text)]:
            return text
        case ["i", int(number)] if type(number) is int:
            return number
        case ["i", str(text)]:
            number = int(text, 16)
            if hex(number) == text:
                return number
    message = f"{str(item)[:80]} is not an EventID"
    raise _WrongError(message)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = f"{what} is not an object"
        raise _WrongError(message)
    return value


def _list(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if not isinstance(value, list):
        message = f"{key} is not a list"
        raise _WrongError(message)
    return value


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        message = f"{key} is not text"
        raise _WrongError(message)
    return value


def _number(document: dict[str, Any], key: str, least: int, most: int = _LARGEST_LENGTH) -> int:
    value = document.get(key)
    if type(value) is not int or not least <= value <= most:
        message = f"{key} is {str(value)[:80]}, not a whole number from {least} to {most}"
        raise _WrongError(message)
    return value
