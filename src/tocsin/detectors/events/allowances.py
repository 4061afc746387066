"""What people said is fine: events, variables and values that never alert again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.detectors.events.words import quoted, quoted_key
from tocsin.persistency.values import decode_key, encode_key, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.detectors.events.config import Allowance
    from tocsin.persistency.values import EventID, Key

__all__ = ["ANY", "Allowances", "Allowed", "Anything"]


class Anything:
    """The type of `ANY`: every event, every variable, every value."""

    def __repr__(self) -> str:
        return "ANY"


ANY: Final = Anything()


class Allowed(NamedTuple):
    """One allowance; `ANY` for what it does not restrict. `value` is a key of `tocsin.persistency.values`."""

    event_id: EventID | Anything
    variable: str | Anything
    value: Key | Anything


class Allowances:
    """Allowances from the configuration and from feedback; the latter are saved with the state.

    >>> allowed = Allowances()
    >>> allowed.add("login", "user", "eve")
    True
    >>> allowed.covers("login", "user", "eve"), allowed.covers("login", "user", "bob")
    (True, False)
    """

    def __init__(self) -> None:
        self._configured: set[Allowed] = set()
        self._told: dict[Allowed, None] = {}

    def configure(self, entries: Iterable[Allowance]) -> None:
        """Take what the configuration allows."""
        self._configured = {
            Allowed(
                entry.event_id if entry.event_id is not None else ANY,
                entry.variable if entry.variable is not None else ANY,
                _key(entry.value) if "value" in entry.model_fields_set else ANY,
            )
            for entry in entries
        }

    def add(self, event_id: EventID | Anything, variable: str | Anything, value: Any) -> bool:
        """Allow something; tell whether it is new.

        Raises:
            UnsupportedValueError: The value is of a type that state cannot hold.
        """
        allowed = Allowed(event_id, variable, value if value is ANY else _key(value))
        if allowed in self:
            return False
        self._told[allowed] = None
        return True

    def remove(self, event_id: EventID | Anything, variable: str | Anything, value: Any) -> bool:
        """Take back what was allowed by `add`; tell whether it was there."""
        allowed = Allowed(event_id, variable, value if value is ANY else _key(value))
        return self._told.pop(allowed, self) is None

    def covers(self, event_id: EventID, variable: str, value: Any) -> bool:
        """Tell whether a value of a variable of an event is allowed."""
        if not self._told and not self._configured:
            return False
        key = _key(value)
        return any(
            Allowed(event, name, item) in self
            for event in (event_id, ANY)
            for name in (variable, ANY)
            for item in (key, ANY)
        )

    def values_of(self, event_id: EventID, variable: str) -> list[Any]:
        """Give the values that are allowed one by one for a variable of an event."""
        return [
            value_of(allowed.value)
            for allowed in (*self._configured, *self._told)
            if allowed.value is not ANY
            and allowed.event_id in (event_id, ANY)
            and allowed.variable in (variable, ANY)
        ]

    def to_json(self) -> list[list[Any]]:
        """Give what `add` was told."""
        return [
            [
                None if event_id is ANY else event_id,
                None if variable is ANY else variable,
                None if value is ANY else list(encode_key(value)),
            ]
            for event_id, variable, value in self._told
        ]

    def from_json(self, rows: Iterable[list[Any]]) -> None:
        """Undo `to_json`.

        Raises:
            ValueError: A value has no known tag.
        """
        self._told = {
            Allowed(
                ANY if event_id is None else event_id,
                ANY if variable is None else variable,
                ANY if value is None else decode_key(*value),
            ): None
            for event_id, variable, value in rows
        }

    def describe(self) -> list[str]:
        """Give every allowance in words."""
        return [
            f"event {quoted(event_id)}, variable {quoted(variable)},"
            f" value {value if value is ANY else quoted_key(value)}"
            for event_id, variable, value in (*sorted(self._configured, key=repr), *self._told)
        ]

    def __contains__(self, allowed: Allowed) -> bool:
        return allowed in self._told or allowed in self._configured

    def __len__(self) -> int:
        return len(self._told) + len(self._configured)


def _key(value: Any) -> Key:
    """Give the key of a value; a list counts as a tuple, as JSON and YAML know no other."""
    return key_of(tuple(value) if isinstance(value, list) else value)
