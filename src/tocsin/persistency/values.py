"""The values that learned state may hold: a closed set of types, told apart, with one encoding.

A value becomes a *key*: hashable, and different for values of different types (`1`, `True`, `1.0` and
`"1"` are four). Text and integers are their own keys, which keeps the usual case free of work; every other
value is a pair of tag and payload, so a pair is never mistaken for a value.
"""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = [
    "LONGEST_TEXT",
    "PLAIN_TYPES",
    "EventID",
    "Key",
    "UnsupportedValueError",
    "decode_key",
    "encode_key",
    "key_of",
    "plain_value",
    "value_of",
]

EventID = int | str
Key = Any
"""`str`, `int`, or a pair `(tag, payload)`; hashable."""

PLAIN_TYPES: frozenset[type] = frozenset({str, int})
"""Types whose values are their own keys (as long as a text is not longer than `LONGEST_TEXT`)."""

LONGEST_TEXT = 1024
"""Characters; a longer text is known by its beginning and its digest, so that memory stays bounded."""

_DIGEST_BYTES = 16


class UnsupportedValueError(TypeError):
    """A value is of a type that state cannot hold."""


def key_of(value: Any) -> Key:
    """Give the key of a value.

    Values of numpy count as those of Python. All NaN are one value; so are 0.0 and -0.0.

    Raises:
        UnsupportedValueError: The type is none of str, int, float, bool, bytes, None, tuple, Decimal,
            datetime, IPv4Address, IPv6Address.

    >>> key_of("a"), key_of(1), key_of(True), key_of(1.0)
    ('a', 1, ('bool', True), ('float', 1.0))
    """
    kind = type(value)
    if kind is str:
        return value if len(value) <= LONGEST_TEXT else _shortened(value)
    if kind is int:
        return value
    make = _MAKERS.get(kind)
    if make is not None:
        return make(value)
    return key_of(_base_value(value))


def _base_value(value: Any) -> Any:
    """Give the value of a known type for one whose class derives from it, or comes from numpy."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0 and value.dtype.kind in "biufSU":
        return value.item()
    kinds: tuple[Any, ...] = (str, int, float, bytes, Decimal, IPv4Address, IPv6Address)
    for kind in kinds:  # bool cannot be derived from
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, tuple):
        return tuple(map(plain_value, value))
    if isinstance(value, datetime):
        return datetime.fromisoformat(value.isoformat())
    message = f"a value of type {type(value).__name__} cannot be kept"
    raise UnsupportedValueError(message)


def plain_value(value: Any) -> Any:
    """Give a value as one of the closed set of types: that of a derived class, or of numpy, as its base.

    Raises:
        UnsupportedValueError: It is of none of these types.

    >>> import numpy as np
    >>> plain_value(np.float32(0.5)), plain_value(("a", np.int8(1)))
    (0.5, ('a', 1))
    """
    kind = type(value)
    if kind in PLAIN_TYPES or (kind in _MAKERS and kind is not tuple):
        return value
    try:
        return tuple(map(plain_value, value)) if kind is tuple else _base_value(value)
    except RecursionError:
        message = "a tuple of tuples that is so deep cannot be kept"
        raise UnsupportedValueError(message) from None


def _shortened(text: str) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{text[: LONGEST_TEXT // 4]}… ({len(text)} characters, blake2b {digest})"


def _float_key(value: float) -> tuple[str, Hashable]:
    return "float", "nan" if math.isnan(value) else value + 0.0  # -0.0 becomes 0.0, which it equals


_MAKERS: dict[type, Any] = {
    bool: lambda value: ("bool", value),
    float: _float_key,
    type(None): lambda _: ("none", ""),
    bytes: lambda value: (
        ("bytes", value)
        if len(value) <= LONGEST_TEXT
        else ("bytes", hashlib.blake2b(value, digest_size=_DIGEST_BYTES).digest())
    ),
    tuple: lambda value: ("tuple", tuple(map(key_of, value))),
    Decimal: lambda value: ("decimal", str(value)),
    datetime: lambda value: ("datetime", value.isoformat()),
    IPv4Address: lambda value: ("address", str(value)),
    IPv6Address: lambda value: ("address", str(value)),
}


def value_of(key: Key) -> Any:
    """Give the value of a key (a text that was too long comes back as what it is known by).

    >>> value_of(key_of((1, None, "x")))
    (1, None, 'x')
    """
    if type(key) is not tuple:
        return key
    tag, payload = key
    make = _VALUES.get(tag)
    if make is None:
        message = f"{tag!r} is not the tag of a value"
        raise ValueError(message)
    return make(payload)


_VALUES: dict[str, Any] = {
    "bool": lambda payload: payload,
    "float": lambda payload: math.nan if payload == "nan" else payload,
    "none": lambda _: None,
    "bytes": lambda payload: payload,
    "tuple": lambda payload: tuple(map(value_of, payload)),
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "address": ip_address,
}


def encode_key(key: Key) -> tuple[str, str]:
    """Give a key as tag and text, both plain; lone surrogates stay as they are.

    >>> encode_key(key_of(False)), encode_key("x")
    (('bool', 'false'), ('str', 'x'))
    """
    if type(key) is str:
        return "str", key
    if type(key) is int:
        return "int", str(key) if -_LONGEST_INTEGER < key < _LONGEST_INTEGER else hex(key)
    tag, payload = key
    make = _TEXTS.get(tag)
    return tag, payload if make is None else make(payload)


_LONGEST_INTEGER = 10**4000
"""Python refuses to read or write longer ones as decimals."""

_TEXTS: dict[str, Any] = {
    "bool": lambda payload: "true" if payload else "false",
    "float": lambda payload: "nan" if payload == "nan" else payload.hex(),
    "bytes": bytes.hex,
    "tuple": lambda payload: json.dumps([encode_key(item) for item in payload]),
}


def decode_key(tag: str, text: str) -> Key:
    """Undo `encode_key`.

    Raises:
        ValueError: The tag is none of the closed set, or the text is not how a value of it is written.
    """
    if tag == "str":
        return text
    read = _READERS.get(tag)
    key = None
    if read is not None:
        try:
            key = read(text)
        except (ArithmeticError, TypeError, RecursionError) as error:
            message = f"{text!r:.80} is not a {tag}"
            raise ValueError(message) from error
    if key is None or encode_key(key) != (tag, text):
        message = f"{tag!r} with {text!r:.80} is not a value"
        raise ValueError(message)
    return key


def _read_tuple(text: str) -> Key:
    return "tuple", tuple(decode_key(*item) for item in json.loads(text))


_READERS: dict[str, Any] = {
    "int": lambda text: int(text, 0),
    "bool": lambda text: ("bool", text == "true"),
    "float": lambda text: ("float", "nan" if text == "nan" else float.fromhex(text)),
    "bytes": lambda text: ("bytes", bytes.fromhex(text)),
    "none": lambda _: ("none", ""),
    "tuple": _read_tuple,
    "decimal": lambda text: key_of(Decimal(text)),
    "datetime": lambda text: key_of(datetime.fromisoformat(text)),
    "address": lambda text: key_of(ip_address(text)),
}
