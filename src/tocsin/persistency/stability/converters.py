"""Functions that reshape a row before it is learned, by name, so that a restored tracker has them again."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Converter", "converter_name", "find_converter", "register_converter"]

if TYPE_CHECKING:
    Converter = Callable[..., Mapping[str, Any]]
else:
    Converter = object


def register_converter(name: str, function: Converter) -> None:
    """Make a function known as a `converter_function`.

    Args:
        name: What snapshots and configurations call it.
        function: Takes a row (variable → value) and the tracker's `converter_parameters` as keyword
            arguments, and gives the row to learn; the same for the same arguments.

    Raises:
        ValueError: The name belongs to another function.

    >>> register_converter("upper", lambda row: {name: str(value).upper() for name, value in row.items()})
    """
    if not name:
        message = "a converter has a name"
        raise TypeError(message)
    if not callable(function):
        message = f"converter {name!r} is not a function"
        raise TypeError(message)
    known = _CONVERTERS.get(name)
    if name in _BUILT_IN or (known is not None and not _same(known, function)):
        message = f"the converter name {name!r} is taken: choose another"
        raise ValueError(message)
    _CONVERTERS[name] = function


def _same(one: Converter, other: Converter) -> bool:
    """Tell whether they are one function, perhaps of a module that was loaded again."""
    names = ("__module__", "__qualname__")
    return one is other or all(getattr(one, name, 1) == getattr(other, name, 2) for name in names)


def find_converter(name: str) -> Converter:
    """Give the function of a name.

    Raises:
        ValueError: No function has it.
    """
    function = _CONVERTERS.get(name)
    if function is None:
        known = ", ".join(sorted(_CONVERTERS))
        message = (
            f"no converter is registered as {name!r} (there are: {known}): call register_converter first"
        )
        raise ValueError(message)
    return function


def converter_name(function: str | Converter) -> str:
    """Give the name under which a function is registered.

    Raises:
        ValueError: It is not; a state could not name it.
    """
    if isinstance(function, str):
        find_converter(function)
        return function
    for name, known in _CONVERTERS.items():
        if known is function:
            return name
    label = getattr(function, "__qualname__", repr(function))
    message = (
        f"the converter function {label} has no name, so a restored tracker could not find it: "
        "call register_converter(name, function) first"
    )
    raise ValueError(message)


def _value_combinations(
    row: Mapping[str, Any], *, size: int = 2, variables: Sequence[str] | None = None
) -> dict[str, Any]:
    """Give the tuples of values of each `size` variables (in sorted order), by their names joined by `+`."""
    names = sorted(row) if variables is None else [name for name in variables if name in row]
    return {"+".join(group): tuple(row[name] for name in group) for group in combinations(names, size)}


_CONVERTERS: dict[str, Converter] = {"value_combinations": _value_combinations}
_BUILT_IN = frozenset(_CONVERTERS)
