"""Reading a message that is not quite what IDEA says: what can be understood is used, the rest is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from tocsin.eventstorage.idea.model import Count, HostName, PortNumber, Share, Short

__all__ = ["repaired"]

T = TypeVar("T", bound=msgspec.Struct)

_REASONS: dict[Any, str] = {
    Short: "not a text of at most 500 characters",
    HostName: "not a host name of at most 255 characters",
    PortNumber: "not a port number",
    Share: "not a number from 0 to 1",
    Count: "not a whole number of 0 or more",
    str: "not a text",
    bool: "not true or false",
}
_NO_TIME = "not a time"
_NO_OBJECT = "not an object"
_DIGITS = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a struct: its name in JSON and what its value, or each item of it, has to be."""

    attribute: str
    name: str
    kind: Any
    many: bool
    reason: str


def repaired(document: dict[str, Any], struct: type[T], path: str = "") -> tuple[T, list[str]]:
    """Make a struct of the parts of an object that are as they should be.

    A single value in place of a list is a list of one. A number written as text is used, and told. Whatever
    else is wrong is left out, and told. `null` is nothing.

    Args:
        document: The object.
        struct: What it should be.
        path: Where it is in the message, with a dot at the end.

    Returns:
        The struct, and what is wrong: `path: reason`, both from a fixed vocabulary.
    """
    values: dict[str, Any] = {}
    errors: list[str] = []
    for field in _fields(struct):
        value = document.get(field.name)
        if value is None:
            continue
        items = value if isinstance(value, list) and field.many else [value]
        good: list[Any] = []
        where = path + field.name
        for item in items:
            good += _item(item, field, where, errors)
        if field.many and (good or value == []):
            values[field.attribute] = good
        elif good:
            values[field.attribute] = good[0]
    return struct(**values), errors


def _item(item: Any, field: _Field, where: str, errors: list[str]) -> list[Any]:
    """Give what an item stands for, `[]` when it is nothing."""
    if isinstance(field.kind, type) and issubclass(field.kind, msgspec.Struct):
        if isinstance(item, dict):
            part, inner = repaired(item, field.kind, where + ".")
            errors += inner
            return [part]
    else:
        try:
            return [msgspec.convert(item, field.kind)]
        except msgspec.ValidationError:
            pass
        found = _number(item, field.kind)
        if found is not None:
            errors.append(f"{where}: a number written as text or with a point")
            return [found]
    errors.append(f"{where}: {field.reason}")
    return []


def _number(item: Any, kind: Any) -> int | None:
    if kind not in (PortNumber, Count):
        return None
    whole = item.is_integer() if isinstance(item, float) else _is_digits(item)
    if not whole:
        return None
    try:
        return msgspec.convert(int(item), kind)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        return None


def _is_digits(item: Any) -> bool:
    return isinstance(item, str) and _DIGITS.fullmatch(item) is not None


@cache
def _fields(struct: type[msgspec.Struct]) -> tuple[_Field, ...]:
    hints = get_type_hints(struct, include_extras=True)
    found: list[_Field] = []
    for attribute, name in zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True):
        kinds = [kind for kind in get_args(hints[attribute]) if kind is not NoneType]
        kind: Any = kinds[0] if len(kinds) == 1 else str | int | float
        many = get_origin(kind) is list
        if many:
            kind = get_args(kind)[0]
        reason = _NO_TIME if len(kinds) > 1 else _REASONS.get(kind, _NO_OBJECT)
        found.append(_Field(attribute, name, kind, many, reason))
    return tuple(found)
