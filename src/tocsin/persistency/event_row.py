"""Checks an event that comes in, and brings it to the form in which it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tocsin.persistency.times import micros_of
from tocsin.persistency.values import EventID, UnsupportedValueError, plain_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.persistency.layout import Layout, Layouts
    from tocsin.persistency.structure import BuiltInStructure

__all__ = ["EventRow", "EventRows"]

EventRow = tuple[EventID, str, tuple[str, ...], "Sequence[Any]", bool, int | None, "datetime | float | None"]
"""EventID, template, names, values, whether these are much text, the time in microseconds and as it came."""

_USUAL_SECONDS = 1e11  # well within what can be kept
_HEAVY_ROW = 2_048
"""Characters: such a row does not wait with others, so that what waits is bounded in bytes, too."""
_SMALL = 64
_TEXT = frozenset({str})
_NO_LISTS = frozenset({str, bytes, dict, set, frozenset})
"""What has a length and items, which are no variables one after the other."""


class EventRows:
    """Makes rows of events.

    Args:
        layouts: Finds the names of variables.
        converter: Reshapes rows, if a backend wants that.
    """

    def __init__(self, layouts: Layouts, converter: BuiltInStructure | None) -> None:
        self._layouts = layouts
        self._converter = converter

    def prepared(
        self,
        event_id: EventID,
        template: str,
        variables: Sequence[Any],
        named_variables: Mapping[str, Any] | None,
        timestamp: datetime | float | None,
    ) -> EventRow:
        """Check an event; nothing can go wrong with what this gives.

        Raises:
            UnsupportedValueError: A value, the variables, the template or the EventID are of a wrong type.
            ValueError: The timestamp is not an instant, or two variables have one name.
        """
        if type(event_id) is not str and type(event_id) is not int:
            message = f"an EventID is an int or a str, not a {type(event_id).__name__} ({event_id!r:.60})"
            raise UnsupportedValueError(message)
        if type(variables) in _NO_LISTS or (named_variables and type(named_variables) is not dict):
            _check_kinds(event_id, variables, named_variables)
        row: Sequence[Any]
        if named_variables and len(variables) == 0:  # an array has no truth value
            layout = self._layouts.named(tuple(named_variables))
            row = list(named_variables.values())
        elif named_variables:
            layout = self._layouts.mixed(len(variables), tuple(named_variables))
            row = [*variables, *named_variables.values()]
        else:
            layout = self._layouts.positional(len(variables))
            row = variables
        if layout.pick is not None:
            row = layout.pick(row)
        if layout.names and type(template) is not str:
            message = f"the template of event {event_id!r} is a text, not a {type(template).__name__}"
            raise UnsupportedValueError(message)
        if self._converter is not None and layout.names:
            row, layout = self._converted(self._converter, event_id, row, layout)
        names = layout.names
        if _TEXT.issuperset(map(type, row)):
            heavy = len("".join(row)) > _HEAVY_ROW  # quicker than the sum of their lengths
        else:
            row, heavy = _checked(event_id, names, row)
        if type(timestamp) is float and -_USUAL_SECONDS < timestamp < _USUAL_SECONDS:
            micros: int | None = round(timestamp * 1_000_000)  # as `micros_of` does, without the call
        else:
            micros = None if timestamp is None else micros_of(timestamp)
        return event_id, template, names, row, heavy, micros, timestamp

    def _converted(
        self, converter: BuiltInStructure, event_id: EventID, row: Sequence[Any], layout: Layout
    ) -> tuple[list[Any], Layout]:
        values, _ = _checked(event_id, layout.names, row)
        converted = converter.convert(dict(zip(layout.names, values, strict=True)))
        return list(converted.values()), self._layouts.of_names(tuple(converted))


def _check_kinds(event_id: EventID, variables: object, named_variables: object) -> None:
    """Make sure that the positional variables are a list, and the named ones a mapping.

    Raises:
        UnsupportedValueError: They are not.
    """
    if type(variables) in _NO_LISTS:
        message = f"the variables of event {event_id!r} are a list, not a {type(variables).__name__}"
        raise UnsupportedValueError(message)
    if named_variables and not isinstance(named_variables, Mapping):
        found = type(named_variables).__name__
        message = f"the named variables of event {event_id!r} are a mapping, not a {found}"
        raise UnsupportedValueError(message)


def _checked(event_id: EventID, names: tuple[str, ...], row: Sequence[Any]) -> tuple[list[Any], bool]:
    """Give the values as plain ones, and whether they are much text.

    Raises:
        UnsupportedValueError: One cannot be kept.
    """
    plain = []
    size = 0
    for name, value in zip(names, row, strict=True):
        try:
            kept = plain_value(value)
        except UnsupportedValueError as error:
            message = f"event {event_id!r}, variable {name!r}: {error}"
            raise UnsupportedValueError(message) from None
        plain.append(kept)
        size += len(kept) if isinstance(kept, str | bytes) else _size(kept)
    return plain, size > _HEAVY_ROW


def _size(value: Any) -> int:
    """Give about how many bytes a value that is no text takes; a tuple or an integer may be any size."""
    if isinstance(value, tuple):
        return sum(len(item) if isinstance(item, str | bytes) else _size(item) for item in value)
    return value.bit_length() // 8 if isinstance(value, int) else _SMALL
