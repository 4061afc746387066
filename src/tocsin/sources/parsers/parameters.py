"""What a parser can be told: defaults, and checks that also bring values to one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tocsin.errors import ConfigError

__all__ = [
    "Parameter",
    "between",
    "choice",
    "flag",
    "optional",
    "read_parameters",
    "suggestion",
    "text",
    "texts",
    "whole",
]

Check = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a parser.

    Attributes:
        default: Its value when it is not given.
        check: Brings a value to its one form, or raises `ValueError` with what would be right.
        meaning: What it does, in one sentence.
    """

    default: Any
    check: Check
    meaning: str


def text(value: Any) -> str:
    """Check for text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("text")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """Check for a text or a list of texts, none of them empty."""
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, Sequence) or not all(isinstance(one, str) and one for one in several):
        raise ValueError("a text or a list of texts")
    return tuple(several)


def flag(value: Any) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one error for every wrong value
    return value


def choice(*allowed: str) -> Check:
    """Check for one of some words."""

    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return str(value)

    return check


def optional(inner: Check) -> Check:
    """Let `None` through, and check everything else."""
    return lambda value: None if value is None else inner(value)


def whole(minimum: int, maximum: int) -> Check:
    """Check for a whole number within limits."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return value

    return check


def between(minimum: float, maximum: float) -> Check:
    """Check for a number within limits."""

    def check(value: Any) -> float:
        wanted = f"a number from {minimum:g} to {maximum:g}"
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise ValueError(wanted)
        return float(value)

    return check


def suggestion(word: object, known: Mapping[str, Any] | Sequence[str]) -> str:
    """Say which known word was meant, or which there are.

    >>> suggestion("drian", ["drain", "json"])
    'did you mean drain?'
    """
    close = get_close_matches(str(word), list(known), n=1)
    return f"did you mean {close[0]}?" if close else "known are " + ", ".join(sorted(known))


def read_parameters(owner: str, known: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what was given and fill in the defaults.

    Args:
        owner: Whose parameters they are, for the errors.
        known: The parameters that there are.
        given: Values by name.

    Raises:
        ConfigError: A parameter is unknown or has a wrong value.
    """
    for name in given:
        if name not in known:
            if not known:
                raise ConfigError(f"{owner} has no parameter {name}", hint="it has none at all")
            raise ConfigError(f"{owner} has no parameter {name}", hint=suggestion(name, known))
    values = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        try:
            values[name] = parameter.check(value)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{owner}: {name} is {value!r}", hint=f"give {error}") from error
    return values
