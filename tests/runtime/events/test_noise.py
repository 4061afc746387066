"""Real alerts of a day with an attack in it: few messages, and each step of the attack among them."""

from __future__ import annotations

import csv
import gzip
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tests.runtime.events.conftest import EventsWorkspace

_QUIET = 3000  # rows of every day, besides all those of the attack


def rows_of(path: Path) -> list[dict[str, str]]:
    """Give distinct rows in order of time: the first of every kind of the attack's, and some others."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = {tuple(row.values()): row for row in csv.DictReader(file)}
    ordered = sorted(rows.values(), key=lambda row: int(row["time"]))
    attack = [row for row in ordered if row["event_label"] not in {"-", ""}]
    first: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in attack:
        first.setdefault((row["event_label"], row["name"], row["host"]), []).append(row)
    kept = [row for some in first.values() for row in some[:40]]
    quiet = [row for row in ordered if row["event_label"] in {"-", ""}]
    kept += quiet[:: max(1, len(quiet) // _QUIET)]
    return sorted(kept, key=lambda row: int(row["time"]))


def ideas(rows: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            "Format": "IDEA0",
            "ID": hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:32],
            "DetectTime": datetime.fromtimestamp(int(row["time"]), UTC).isoformat(),
            "Category": [row["name"]],
            "Target": [{"IP4": [row["ip"]], "Hostname": [row["host"]]}],
            "Description": row["event_label"],
            "_Tocsin": {"EventSeverity": "high"},
        }


@pytest.mark.data
def test_every_step_of_an_attack_is_told_and_little_else(
    project: EventsWorkspace, clock: SteppingClock, data_dir: Path
) -> None:
    clock.time = datetime(2026, 11, 1, tzinfo=UTC)
    rows = rows_of(data_dir / "alerts" / "fox_alerts.csv.gz")
    project.events()
    project.store(ideas(rows))

    report = project.notify()

    assert report.events == len(rows) > 3000
    told = {message["event"]["description"] for message in project.told()}
    assert {row["event_label"] for row in rows} - {"-"} <= told
    assert report.messages < len(rows) / 5
    assert len({decided for decided, _, _ in project.decisions()}) == len(rows), "each with a reason"
