"""Runs one side over the audit log, from the line to the alert; a program that answers requests."""

from __future__ import annotations

import gc
import importlib
import time
from pathlib import Path
from typing import Any

from benchmarks.serve import serve


def _side(side: str) -> Any:
    return importlib.import_module(f"benchmarks.audit_{side}")


def _lines(log: str) -> list[tuple[int, str]]:
    return list(enumerate(Path(log).read_text(encoding="utf-8").splitlines(), start=1))


def _pipeline(
    side: str, *, log: str, templates: str, training_lines: int, copies: int, batch: int
) -> dict[str, Any]:
    """Time parser and new-value detector over copies of the log; `batch` 0 is line by line."""
    way = _side(side)
    lines = _lines(log) * copies
    parse, detector = way.make_parse(templates), way.make_detector(way.NEW_VALUE, training_lines)
    gc.collect()
    begin = time.process_time()
    found = way.stream_batches(parse, detector, lines, batch) if batch else way.stream(parse, detector, lines)
    return {"seconds": time.process_time() - begin, "lines": len(lines), "alerts": sorted(set(found))}


def _learn(
    side: str, *, log: str, templates: str, training_lines: int, until: int, state: str
) -> dict[str, Any]:
    """Take the lines up to one, and end as it should be ended."""
    way = _side(side)
    with way.make_detector(way.NEW_VALUE, training_lines, state) as detector:
        return {"alerts": way.stream(way.make_parse(templates), detector, _lines(log)[:until])}


def _go_on(
    side: str, *, log: str, templates: str, training_lines: int, after: int, state: str
) -> dict[str, Any]:
    """Start again from what was saved, and take the other lines."""
    way = _side(side)
    with way.make_detector(way.NEW_VALUE, training_lines, state, load=True) as detector:
        return {"alerts": way.stream(way.make_parse(templates), detector, _lines(log)[after:])}


def _detector(side: str, *, log: str, templates: str, training_lines: int, name: str) -> dict[str, Any]:
    """Give the lines that one detector alerts for."""
    way = _side(side)
    detector = way.make_detector(name, training_lines)
    return {"alerts": way.stream(way.make_parse(templates), detector, _lines(log))}


if __name__ == "__main__":
    serve({"pipeline": _pipeline, "learn": _learn, "go_on": _go_on, "detector": _detector})
