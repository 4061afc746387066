"""Our way from a line to an alert; imported by our interpreter only. The names are those of `audit_peer`."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.model import RawLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["DETECTORS", "NEW_VALUE", "make_detector", "make_parse", "stream", "stream_batches"]

# Those that need no knowledge of what is sought.
DETECTORS = (
    "new_event",
    "new_value",
    "new_value_combination",
    "value_range",
    "character_set",
    "bigram_frequency",
    "event_sequence",
)
NEW_VALUE = "new_value"
_READ_AT = datetime(2026, 1, 5, tzinfo=UTC)


def make_parse(templates: str) -> Any:
    """Give the parser; the templates are not needed, it knows the format."""
    del templates
    return importlib.import_module("tocsin.sources.parsers").create_parser("auditd")


def make_detector(name: str, training_lines: int, state: str | None = None, *, load: bool = False) -> Any:
    """Make a detector by its type; it learns from the first lines, and chooses its variables by them."""
    config: dict[str, Any] = {"data_use_training": training_lines}
    if name == "event_sequence":
        config["session"] = ["pid"]  # in this format, what tells which records belong together
    if (
        name == "new_value_combination"
    ):  # it chooses variables by some of the lines, and learns from the others
        chosen_by = training_lines // 2
        config |= {"data_use_configure": chosen_by, "data_use_training": training_lines - chosen_by}
    if state is not None:
        config["persist"] = {"path": state, "auto_load": load}
    found = importlib.import_module("tocsin.runtime.registry").find_part("tocsin.event_detectors", name)
    return found(config=config)


def stream(parse: Any, detector: Any, lines: Iterable[tuple[int, str]]) -> list[int]:
    """Parse and judge line by line; give the numbers of those that alert."""
    found = []
    for number, text in lines:
        if detector.process(parse.parse_line(text, reference=_READ_AT)) is not None:
            found.append(number)
    return found


def stream_batches(parse: Any, detector: Any, lines: Sequence[tuple[int, str]], size: int) -> list[int]:
    """Do the same, so many lines at a time."""
    found: list[int] = []
    for start in range(0, len(lines), size):
        numbers = [number for number, _ in lines[start : start + size]]
        texts = [text for _, text in lines[start : start + size]]
        raw = RawLines("audit.log", "a", texts, numbers, numbers, _READ_AT)
        alerts = detector.process_batch(parse.parse(raw).events)
        found.extend(int(alert["logIDs"][0].rpartition(":")[2]) for alert in alerts)
    return found
