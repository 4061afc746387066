"""What people can do with a backend: have it written out as JSON, and have it forget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tocsin.detectors.events.allowances import ANY
from tocsin.detectors.events.plain_state import PlainStructure
from tocsin.errors import DetectorError
from tocsin.persistency import EventStabilityTracker

if TYPE_CHECKING:
    from tocsin.detectors.events.allowances import Anything
    from tocsin.persistency.stability import VariableTracker
    from tocsin.persistency.structure import EventDataStructure

__all__ = ["export_backend", "forget_in", "json_value"]

_MICROSECONDS = 1_000_000
_LARGEST = 10**4_000  # Python refuses to write integers of more than 4,300 digits


def forget_in(backend: EventDataStructure, variable: str | Anything, value: Any) -> int:
    """Unlearn a value of a variable (`ANY`: every one); tell how many things were known.

    Raises:
        DetectorError: The backend cannot unlearn that.
    """
    if isinstance(backend, PlainStructure):
        return backend.forget(variable, value)
    if not isinstance(backend, EventStabilityTracker):
        raise DetectorError(f"{type(backend).__name__} cannot forget", hint="begin anew with an empty state")
    return sum(
        _forget_values(tracker, value)
        for name, tracker in backend.get_data().items()
        if variable is ANY or name == variable
    )


def _forget_values(tracker: VariableTracker, value: Any) -> int:
    values = tracker.values() if value is ANY else [tuple(value) if isinstance(value, list) else value]
    return sum(map(tracker.forget, list(values)))


def export_backend(backend: EventDataStructure) -> Any:
    """Give all that a backend knows as JSON; `None` for one that is not ours."""
    if isinstance(backend, PlainStructure):
        return backend.export()
    if not isinstance(backend, EventStabilityTracker):
        return None
    return {name: _exported(tracker) for name, tracker in backend.get_data().items()}


def _exported(tracker: VariableTracker) -> dict[str, Any]:
    verdict = tracker.classify()
    values = []
    for value in tracker.values():
        count, first, last = tracker.history(value) or (0, None, None)
        values.append(
            {"value": json_value(value), "count": count, "first": _seconds(first), "last": _seconds(last)}
        )
    return {
        "type": verdict.type.value,
        "reason": verdict.reason,
        "total": tracker.total,
        "distinct": tracker.distinct_count,
        "kept_as": tracker.stage,
        "values": values,
    }


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / _MICROSECONDS


def json_value(value: Any) -> Any:
    """Give a value as JSON: a tuple as a list, and what JSON does not know as text in an object.

    >>> json_value(("a", 1, None)), json_value(b"a")
    (['a', 1, None], {'bytes': '61'})
    """
    if isinstance(value, tuple):
        return [json_value(item) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST:
        return value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return {type(value).__name__.lower(): hex(value) if isinstance(value, int) else str(value)}
