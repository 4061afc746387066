"""Times one side's parsers; a program that answers requests."""

from __future__ import annotations

import gc
import importlib
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.serve import serve

if TYPE_CHECKING:
    from collections.abc import Callable

_READ_AT = datetime(2026, 1, 5, tzinfo=UTC)
_BATCH_LINES = 1_000


def _parse(
    side: str, *, way: str, params: dict[str, Any], file: str, copies: int, keep: bool = False
) -> dict[str, Any]:
    """Parse the lines of a file so many times over; `keep` gives the EventIDs of the last time, too."""
    lines = Path(file).read_bytes().decode("utf-8", "surrogateescape").split("\n")
    make = _ours if side == "ours" else _PEER_WAYS[way]
    parse = make(way, params)
    groups: list[Any] = []
    gc.collect()
    begin = time.process_time()
    for _ in range(copies):
        groups = parse(lines)
    seconds = time.process_time() - begin
    reply = {"seconds": seconds, "lines": copies * len(lines), "parsed": sum(g is not None for g in groups)}
    return reply | ({"groups": groups} if keep else {})


def _ours(way: str, params: dict[str, Any]) -> Callable[[list[str]], list[Any]]:
    raw_lines = importlib.import_module("tocsin.model").RawLines
    parser = importlib.import_module("tocsin.sources.parsers").create_parser(way, params)

    def parse(lines: list[str]) -> list[Any]:
        groups: list[Any] = [None] * len(lines)
        for start in range(0, len(lines), _BATCH_LINES):
            texts = lines[start : start + _BATCH_LINES]
            places = list(range(start, start + len(texts)))
            batch = parser.parse(raw_lines("log", "log", texts, places, places, _READ_AT))
            for event, index in zip(batch.events, batch.indexes, strict=True):
                groups[start + index] = event["EventID"]
        return groups

    return parse


def _drain3(way: str, params: dict[str, Any]) -> Callable[[list[str]], list[Any]]:
    """Give what ours gives as well: a group, a template, and the values of its variables."""
    del params
    logging.disable(logging.WARNING)
    miner = importlib.import_module("drain3").TemplateMiner()
    with_values = way == "drain"

    def parse(lines: list[str]) -> list[Any]:
        groups = []
        for line in lines:
            found = miner.add_log_message(line)
            if with_values:
                miner.extract_parameters(found["template_mined"], line)
            groups.append(found["cluster_id"])
        return groups

    return parse


def _matcher(way: str, params: dict[str, Any]) -> Callable[[list[str]], list[Any]]:
    del way
    read = importlib.import_module("benchmarks.audit_peer").make_parse(params["templates"])
    return lambda lines: [_event_id(read(number, line)) for number, line in enumerate(lines)]


def _event_id(event: Any) -> Any:
    return None if event is None or event["EventID"] < 0 else event["EventID"]


_PEER_WAYS = {"drain": _drain3, "drain without values": _drain3, "templates": _matcher}

if __name__ == "__main__":
    serve({"parse": _parse})
