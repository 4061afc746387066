"""A JSON object as named values: nested keys joined by dots."""

from __future__ import annotations

import json
import math
from typing import Any

from tocsin.errors import ParseError

__all__ = ["DEEPEST", "MOST_VALUES", "free_name", "read_object"]

DEEPEST = 16
"""Levels that are taken apart; what lies deeper stays JSON text."""

MOST_VALUES = 1000

_PLAIN = (str, int, bool, type(None))


def read_object(text: str) -> dict[str, Any]:
    """Read a line that is a JSON object, and name its values.

    Numbers, booleans and nulls keep their type. `{"a": {"b": 1}}` is `a.b`; a list of plain values is a
    tuple, every other one is named by its places (`a.0.b`). The second value of a key is `key_2`.

    Raises:
        ParseError: It is no JSON object, holds a number that is none, or more than `MOST_VALUES` values.

    >>> read_object('{"user": {"name": "eve"}, "tags": ["a", "b"], "port": 22}')
    {'user.name': 'eve', 'tags': ('a', 'b'), 'port': 22}
    """
    try:
        pairs = _DECODER.decode(text)
    except RecursionError as error:
        raise ParseError("the JSON is nested too deeply") from error
    except ParseError:
        raise
    except ValueError as error:
        raise ParseError(f"the line is not JSON: {error}") from error
    if type(pairs) is not _Pairs:
        raise ParseError("the line is JSON, but no object")
    named: dict[str, Any] = {}
    _flatten(named, "", pairs, DEEPEST)
    return named


class _Pairs(list[tuple[str, Any]]):
    """The pairs of an object: keys that come twice are still there."""

    __slots__ = ()


def _refuse(word: str) -> float:
    raise ParseError(f"{word} is not a number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=_refuse)


def free_name(named: dict[str, Any], name: str) -> str:
    """Give a name that is not taken: the name itself, or with a number behind it."""
    if name not in named:
        return name
    number = 2
    while f"{name}_{number}" in named:
        number += 1
    return f"{name}_{number}"


def _flatten(named: dict[str, Any], prefix: str, pairs: list[tuple[str, Any]], depth: int) -> None:
    if len(pairs) + len(named) > MOST_VALUES:
        raise ParseError(f"the object has more than {MOST_VALUES} values")
    for key, value in pairs:
        name = prefix + key
        if name in named:
            name = free_name(named, name)
        kind = type(value)
        if kind in _PLAIN:
            named[name] = value
        elif kind is float:
            if not math.isfinite(value):
                raise ParseError(f"{name} is a number too large for JSON")
            named[name] = value
        elif depth == 0 or not value:
            named[name] = "{}" if kind is _Pairs and not value else _as_text(value) if value else ()
        elif kind is _Pairs:
            _flatten(named, name + ".", value, depth - 1)
        elif all(type(one) in _PLAIN for one in value):
            named[name] = tuple(value)
        else:
            _flatten(named, name + ".", [(str(place), one) for place, one in enumerate(value)], depth - 1)


def _as_text(value: Any) -> str:
    return json.dumps(_plain(value), separators=(",", ":"))


def _plain(value: Any) -> Any:
    if type(value) is _Pairs:
        return {key: _plain(one) for key, one in value}
    return [_plain(one) for one in value] if type(value) is list else value
