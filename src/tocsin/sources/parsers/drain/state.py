"""A tree of templates as data: JSON with its kind and version, checked when it is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tocsin.sources.parsers.drain.tree import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["KIND", "VERSION", "read_state", "write_state"]

KIND = "drain"
VERSION = 1

_LARGEST = 256 * 2**20
_MOST_TEMPLATES = 1_000_000
_MOST_WORDS = 10_000
_NO_STATE = "the content is no state of a drain parser"


def write_state(clusters: Iterable[Cluster], settings: Mapping[str, Any]) -> bytes:
    """Write templates, in the order in which they were learned, and the settings that give them meaning."""
    return json.dumps(
        {
            "kind": KIND,
            "version": VERSION,
            "settings": dict(settings),
            "templates": [[one.event_id, one.group, one.path, one.words, one.places] for one in clusters],
        },
        separators=(",", ":"),
    ).encode("ascii")


def read_state(content: bytes, settings: Mapping[str, Any]) -> list[Cluster]:
    """Read what `write_state` wrote.

    Raises:
        ValueError: It is something else, of a newer version, or made with other settings.
    """
    if len(content) > _LARGEST:
        raise ValueError(f"{_NO_STATE}: it has {len(content)} bytes")
    try:
        state = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{_NO_STATE}: it is not JSON") from error
    if not isinstance(state, dict) or state.get("kind") != KIND:
        raise ValueError(_NO_STATE)
    version = state.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(
            f"the state has version {version}, this tocsin reads up to {VERSION}: upgrade tocsin"
        )
    written = state.get("settings")
    if written != dict(settings):
        raise ValueError(_difference(written, settings))
    templates = state.get("templates")
    if not isinstance(templates, list) or len(templates) > _MOST_TEMPLATES:
        raise ValueError(_NO_STATE)
    clusters = [_cluster(one) for one in templates]
    if len({one.event_id for one in clusters}) != len(clusters):
        raise ValueError(f"{_NO_STATE}: an EventID is there twice")
    return clusters


def _difference(written: Any, settings: Mapping[str, Any]) -> str:
    if not isinstance(written, dict):
        return _NO_STATE
    names = sorted(name for name in {*written, *settings} if written.get(name) != settings.get(name))
    return (
        f"the templates were learned with another {', '.join(names)}: "
        "take the old setting, or forget the state"
    )


def _cluster(row: Any) -> Cluster:
    match row:
        case [str(event_id), str(group), list(path), list(words), list(places)]:
            texts = all(isinstance(one, str) for one in (*path, *words))
            known = all(type(place) is int and 0 <= place < len(words) for place in places)
            unique = len(set(map(str, places))) == len(places)
            if (
                texts
                and known
                and unique
                and path
                and path[0] == str(len(words))
                and len(words) <= _MOST_WORDS
            ):
                return Cluster(event_id, group, tuple(path), words, places)
    raise ValueError(f"{_NO_STATE}: a template in it is none")
