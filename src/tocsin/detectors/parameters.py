"""What a detector can be told: defaults, and checks that also bring values to one form."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tocsin.errors import DetectorError

__all__ = ["Parameter", "choice", "column_groups", "integer", "number", "optional", "read_parameters"]

Check = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a detector.

    Attributes:
        default: Its value when it is not given.
        check: Brings a value to its one form (so that equal parameters give equal ids), or raises
            `ValueError` with what would be right.
        changes_results: Whether it is part of the detector's id.
    """

    default: Any
    check: Check
    changes_results: bool = True


def number(*, above: float | None = None, minimum: float | None = None) -> Check:
    """Check for a finite number, strictly above a limit or at least a minimum."""
    wanted = "a finite number"
    if above is not None:
        wanted += f" above {above:g}"
    if minimum is not None:
        wanted += f" of at least {minimum:g}"

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise ValueError(wanted)
        result = float(value) + 0.0  # no negative zero
        if (above is not None and result <= above) or (minimum is not None and result < minimum):
            raise ValueError(wanted)
        return result

    return check


def integer(*, minimum: int) -> Check:
    """Check for a whole number of at least a minimum."""

    def check(value: Any) -> int:
        whole = not isinstance(value, bool) and isinstance(value, numbers.Real) and value == value // 1
        if not whole or value < minimum:
            raise ValueError(f"a whole number of at least {minimum}")
        return int(value)

    return check


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


def column_groups(value: Any) -> list[list[str]]:
    """Bring a list of columns or of lists of columns to a list of lists.

    >>> column_groups(["hour", ["is_weekend", "hour"]])
    [['hour'], ['hour', 'is_weekend']]
    """
    wanted = "a list of columns or of lists of columns"
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(wanted)  # noqa: TRY004 - one error for every wrong value
    groups = []
    for entry in value:
        names = [entry] if isinstance(entry, str) else entry
        proper = isinstance(names, Sequence) and len(names) > 0
        if not proper or not all(isinstance(name, str) and name for name in names):
            raise ValueError(wanted)
        groups.append(sorted(set(names)))
    if any(groups.count(group) > 1 for group in groups):
        raise ValueError(wanted + ", none of them twice")
    return groups


def read_parameters(owner: str, known: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what was given and fill in the defaults.

    Raises:
        DetectorError: A parameter is unknown or has a wrong value.
    """
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "known are " + ", ".join(sorted(known))
            raise DetectorError(f"{owner} has no parameter {name}", hint=hint)
    values = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        try:
            values[name] = parameter.check(value)
        except (ValueError, TypeError) as error:
            raise DetectorError(f"{owner}: {name} is {value!r}", hint=f"give {error}") from error
    return values
