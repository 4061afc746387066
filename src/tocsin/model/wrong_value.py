"""What is wrong with a value of a configuration, and where, for people who write YAML.

pydantic says it in the words of Python, and names the branches of unions among the keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["key_of_error", "words_of_error"]

_WORDS = {
    "tuple_type": "this must be a list",
    "list_type": "this must be a list",
    "dict_type": "this must hold keys and values",
    "model_type": "this must hold keys and values",
    "model_attributes_type": "this must hold keys and values",
    "string_type": "this must be text",
    "bool_type": "this must be true or false",
    "bool_parsing": "this must be true or false",
    "int_type": "this must be a whole number",
    "int_parsing": "this must be a whole number",
    "int_from_float": "this must be a whole number",
    "float_type": "this must be a number",
    "float_parsing": "this must be a number",
    "missing": "this is missing",
}


def words_of_error(kind: str, message: str) -> str:
    """Say what is wrong.

    >>> words_of_error("list_type", "Input should be a valid list")
    'this must be a list'
    """
    plain = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind in {
        "too_short",
        "too_long",
        "string_too_short",
        "string_too_long",
    }:  # List should have at least 2 items after validation, not 1
        plain = f"this {plain.partition(' ')[2].replace(' after validation', '')}"
    return _WORDS.get(kind, plain[:1].lower() + plain[1:])


def key_of_error(value: Any, location: Iterable[str | int]) -> tuple[str | int, ...]:
    """Keep what is a key or a place in a list of the value; a key that is missing may be the last.

    >>> key_of_error({"variables": "user"}, ("variables", "list[str]"))
    ('variables',)
    """
    key: list[str | int] = []
    remaining = list(location)
    for index, part in enumerate(remaining):
        is_last = index == len(remaining) - 1
        if isinstance(value, dict) and (part in value or (is_last and isinstance(part, str))):
            key.append(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            key.append(part)
            value = value[part]
    return tuple(key)
