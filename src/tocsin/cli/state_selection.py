"""What the words of `tocsin state forget` and `allow` mean: which events, variables and values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.detectors.events import CoreDetector

__all__ = ["selections"]


def selections(
    detector: CoreDetector, event: str | None, variable: str | None, value: str | None
) -> list[dict[str, Any]]:
    """Give what the options may mean, as arguments for `forget` and `allow`."""
    given: dict[str, Any] = {} if variable is None else {"variable": variable}
    events = [{}] if event is None else [{"event_id": one} for one in _events(event, detector)]
    values = [{}] if value is None else [{"value": one} for one in _values(value)]
    return [{**given, **one, **other} for one in events for other in values]


def _events(text: str, detector: CoreDetector) -> list[int | str]:
    """Give the EventIDs that a text on the command line may mean: those that are known, else as written."""
    possible: list[int | str] = [text]
    number = _read(text)
    if isinstance(number, str):
        return [number]
    if type(number) is int:
        possible.append(number)
    known = set() if detector.persistency is None else detector.persistency.get_events_seen()
    return [one for one in possible if one in known] or possible


def _values(text: str) -> list[Any]:
    """Read a value: as text, and where it looks like a number as that, too; or JSON in quotes or brackets.

    >>> _values("ann"), _values("7"), _values('"7"'), _values('["ann", 7]')
    (['ann'], ['7', 7], ['7'], [('ann', 7)])
    """
    found = _read(text)
    match found:
        case None if text != "null":
            return [text]
        case str():
            return [found]
        case list():
            return [tuple(found)] if all(map(_is_plain, found)) else [text]
    return [text, found] if _is_plain(found) else [text]


def _is_plain(value: Any) -> bool:
    return not isinstance(value, list | dict) and value == value  # noqa: PLR0124  # but for NaN


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
