"""The peer's way from a line to an alert, through its public names; imported by its interpreter only."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DETECTORS", "NEW_VALUE", "make_detector", "make_parse", "stream"]

# What chooses its variables by itself, so that it can be asked without a configuration.
DETECTORS = (
    "NewEventDetector",
    "NewValueDetector",
    "ValueRangeDetector",
    "CharsetDetector",
    "BigramFrequencyDetector",
)
NEW_VALUE = "NewValueDetector"
_HEADER = "type=<Type> msg=audit(<Time>:<Serial>): <Content>"


def make_parse(templates: str) -> Any:
    """Give what makes an event of a line's number and text."""
    logging.disable(logging.WARNING)
    schemas = importlib.import_module("detectmatelibrary.schemas")
    package = importlib.import_module("detectmatelibrary.parsers.template_matcher")
    config = {"method_type": "matcher_parser", "auto_config": False, "log_format": _HEADER}
    config["params"] = {"path_templates": str(Path(templates).resolve())}
    parser = package.MatcherParser(config={"parsers": {"MatcherParser": config}})
    return lambda number, text: parser.process(schemas.LogSchema({"logID": str(number), "log": text}))


def make_detector(name: str, training_lines: int, state: str | None = None, *, load: bool = False) -> Any:
    """Make a detector that configures itself on the first lines, and learns from the same ones."""
    package = importlib.import_module("detectmatelibrary.detectors")
    persist = None if state is None else {"path": state, "auto_load": load}
    config = getattr(package, f"{name}Config")(
        auto_config=True, data_use_configure=training_lines, persist=persist
    )
    return getattr(package, name)(name=name, config=config)


def stream(parse: Any, detector: Any, lines: Iterable[tuple[int, str]]) -> list[int]:
    """Parse and judge line by line; give the numbers of those that alert."""
    found = []
    for number, text in lines:
        event = parse(number, text)
        if event is not None and detector.process(event) is not None:
            found.append(number)
    return found
