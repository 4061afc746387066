"""What the words of `tocsin state forget` and `allow` mean: which events, variables and values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.detectors.events import CoreDetector

__all__ = ["hint_on_event", "selections"]


def selections(
    detector: CoreDetector, event: str | None, variable: str | None, value: str | None
) -> list[dict[str, Any]]:
    """Give what the options may mean, as arguments for `forget` and `allow`."""
    given: dict[str, Any] = {} if variable is None else {"variable": variable}
    events = [{}] if event is None else [{"event_id": one} for one in _events(event, detector)]
    values = [{}] if value is None else [{"value": one} for one in _values(value)]
    return [{**given, **one, **other} for one in events for other in values]


def hint_on_event(
    text: str, detectors: Iterable[CoreDetector], was_detected: Callable[[int | str], bool]
) -> str | None:
    """Say that no detector has met an event, which may be a slip of the pen; `None` when one has.

    Args:
        text: The EventID on the command line.
        detectors: What has learned; without any event there is nothing to compare with.
        was_detected: Says whether an event was an anomaly: such a one was met, and need not be learned.
    """
    known = set().union(*map(_known, detectors))
    meant = _meant(text)
    if not known or any(one in known or was_detected(one) for one in meant):
        return None
    from tocsin.runtime.config.yaml_file import suggest  # only a slip of the pen needs YAML

    hint = suggest(str(meant[0]), map(str, known)) or "`tocsin state show` lists those that were met"
    return f"no detector has met the event {meant[0]!r} so far; {hint}"


def _events(text: str, detector: CoreDetector) -> list[int | str]:
    """Give the EventIDs that a text on the command line may mean: those that are known, else as written."""
    possible, known = _meant(text), _known(detector)
    return [one for one in possible if one in known] or possible


def _meant(text: str) -> list[int | str]:
    """Give the EventIDs that a text may be.

    >>> _meant("login"), _meant("4624"), _meant('"4624"')
    (['login'], ['4624', 4624], ['4624'])
    """
    found = _read(text)
    if isinstance(found, str):
        return [found]
    return [text, found] if type(found) is int else [text]


def _known(detector: CoreDetector) -> set[int | str]:
    return set() if detector.persistency is None else detector.persistency.get_events_seen()


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
