"""Backends that are small enough to be written as JSON."""

from __future__ import annotations

import json
from abc import abstractmethod
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from tocsin.detectors.events.allowances import ANY
from tocsin.persistency.structure import BuiltInStructure
from tocsin.persistency.times import micros_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

__all__ = ["PlainStructure", "copied"]

T = TypeVar("T")


def copied(one: T) -> T:
    """Copy an object with the containers that it has as attributes; what is in them is not copied."""
    other = copy(one)
    for name, value in vars(one).items():
        if isinstance(value, dict | list | set):
            setattr(other, name, value.copy())
    return other


class PlainStructure(BuiltInStructure):
    """A backend whose state is JSON of bounded size, with its kind and the version of its layout.

    A subclass says its `kind` and `version`, and writes `add_rows`, `_state` and `_take_state`. What it
    changes are its attributes and containers that are attributes, or `_copied` copies more.
    """

    version: ClassVar[int] = 1

    def add_data(self, data: Mapping[str, Any], timestamp: datetime | float | None = None) -> None:
        """Learn one row; see `EventDataStructure`."""
        times = None if timestamp is None else [micros_of(timestamp)]
        with self._changing():
            self.add_rows(tuple(data), [[value] for value in data.values()], times)

    @abstractmethod
    def export(self) -> Any:
        """Give all that was learned as JSON, for people."""

    @abstractmethod
    def forget(self, variable: Any = ANY, value: Any = ANY) -> int:
        """Unlearn a value of a variable (`ANY`: every one); tell how many things were known.

        Raises:
            DetectorError: This backend cannot unlearn that.
        """

    @abstractmethod
    def _state(self) -> Any:
        """Give the state as JSON."""

    @abstractmethod
    def _take_state(self, state: Any, version: int) -> None:
        """Take what `_state` gave; raise a `LookupError`, `TypeError` or `ValueError` if it is not that."""

    def dump(self) -> bytes:
        """Give the state as JSON."""
        with self._reading():
            return self.cut()()

    def cut(self) -> Callable[[], bytes]:
        """Copy the state now, for a later dump."""
        other = self._copied()
        other.attach(None)
        return other._written  # noqa: SLF001 - of the same class

    def _copied(self) -> Self:
        return copied(self)

    def _written(self) -> bytes:
        state = {"kind": self.kind, "version": self.version, "state": self._state()}
        return json.dumps(state, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def load(cls, content: bytes, **kwargs: Any) -> Self:
        """Make it from what `dump` gave.

        Raises:
            ValueError: It is not a state of this kind, or one of a newer version.
        """
        self = cls(**kwargs)
        try:
            found = json.loads(content)
            kind, version = found["kind"], found["version"]
            if kind == cls.kind and version <= cls.version:
                self._take_state(found["state"], version)
                return self
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            message = f"this is not a {cls.kind} state: {error}"
            raise ValueError(message) from error
        if kind != cls.kind:
            message = f"this is a state of kind {kind!r}, not {cls.kind!r}"
        else:
            message = f"{cls.kind} state has version {version}, this tocsin reads up to {cls.version}"
        raise ValueError(message)
