"""What the files of a state are called; nothing else is ever used as a path."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CURRENT",
    "LAST_GENERATION",
    "LOCK",
    "MANIFESTS",
    "QUARANTINE",
    "SEGMENTS",
    "generation_of_manifest",
    "generation_of_segment",
    "highest_generation",
    "is_temporary",
    "manifest_name",
    "new_segment_name",
    "quarantine_name",
    "temporary_name",
]

MANIFESTS = "manifests/"
SEGMENTS = "segments/"
QUARANTINE = "quarantine/"
CURRENT = "CURRENT"
LAST_GENERATION = 10**12 - 1
"""Twelve digits, so that names sort as numbers do: a save a millisecond for thirty years."""
LOCK = "LOCK"

_MANIFEST = re.compile(r"manifests/([0-9]{12})\.json", re.ASCII)
_SEGMENT = re.compile(r"segments/([0-9]{12})-[0-9a-f]{16}\.seg", re.ASCII)
_QUARANTINED = re.compile(r"quarantine/([0-9]{12})[^/]*", re.ASCII)
_TEMPORARY = re.compile(r"(?:.*/)?\.[^/]*\.tmp")


def manifest_name(generation: int) -> str:
    """Give the name of a generation's manifest.

    >>> manifest_name(12)
    'manifests/000000000012.json'
    """
    return f"{MANIFESTS}{generation:012d}.json"


def generation_of_manifest(name: str) -> int | None:
    """Give the generation whose manifest has this name; `None` when it is no manifest's name.

    Those in quarantine are none.
    """
    match = _MANIFEST.fullmatch(name)
    return None if match is None else int(match[1])


def new_segment_name(generation: int) -> str:
    """Give a name that no other segment has."""
    return f"{SEGMENTS}{generation:012d}-{secrets.token_hex(8)}.seg"


def generation_of_segment(name: str) -> int | None:
    """Give the generation for which a segment was written; `None` when it is no segment's name."""
    match = _SEGMENT.fullmatch(name)
    return None if match is None else int(match[1])


def quarantine_name(name: str) -> str:
    """Give the name under which a damaged file is put aside.

    >>> quarantine_name("manifests/000000000012.json")
    'quarantine/000000000012.json'
    """
    return QUARANTINE + name.rpartition("/")[2]


def highest_generation(names: Iterable[str]) -> int:
    """Give the highest number ever used, by files that were put aside too; 0 when there is none."""
    found = (pattern.fullmatch(name) for name in names for pattern in (_MANIFEST, _SEGMENT, _QUARANTINED))
    return max((int(match[1]) for match in found if match), default=0)


def temporary_name(name: str) -> str:
    """Give a name beside the real one, for a file that is not complete yet."""
    folder, slash, base = name.rpartition("/")
    return f"{folder}{slash}.{base}.{secrets.token_hex(8)}.tmp"


def is_temporary(name: str) -> bool:
    """Tell whether a file was never completed.

    >>> is_temporary(temporary_name("segments/a.seg")), is_temporary("segments/a.seg")
    (True, False)
    """
    return _TEMPORARY.fullmatch(name) is not None
