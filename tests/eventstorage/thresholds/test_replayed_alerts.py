"""Alerts of a real network, replayed in time order: who is told, and what is held back."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tocsin.eventstorage import EventStorageService, Thresholder
from tocsin.eventstorage.thresholds import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tocsin.eventstorage import Verdict

_ALIKE = 1  # of alerts that repeat each other exactly, of which there are up to thousands
_BATCH = 2000
_HOUR = timedelta(hours=1)

Told = dict[tuple[str, str], datetime]


def alerts(folder: Path) -> Iterator[tuple[dict[str, str], datetime]]:
    """Give the alerts of `fox`, but not all of those that repeat each other."""
    with gzip.open(folder / "alerts" / "fox_alerts.csv.gz", "rt", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["time"]))
    seen: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        content = tuple(row.values())
        seen[content] += 1
        if seen[content] <= _ALIKE:
            at = datetime.fromtimestamp(float(row["time"]), UTC)
            yield {**row, "id": f"{seen[content]} {content}"}, at


def candidate(row: dict[str, str], at: datetime, severity: str | None) -> Candidate:
    event = {
        "Format": "IDEA0",
        "ID": row["id"],
        "DetectTime": float(row["time"]),
        "Category": [row["name"]],
        "Target": [{"IP4": [row["ip"]]}],
        "Node": [{"Name": row["host"]}],
        "_Tocsin": {"EventSeverity": severity},
    }
    return Candidate(event, "operators", "mail", at, "target")


@pytest.mark.data
@pytest.mark.parametrize("severity", [None, "high"])
def test_no_alert_is_held_back_without_a_report_of_its_class_and_machine(
    data_dir: Path, tmp_path: Path, severity: str | None
) -> None:
    told: Told = {}
    held: dict[tuple[str, str], list[datetime]] = {}
    asked = messages = 0
    with EventStorageService(path=tmp_path / "events.db") as store:
        store.database_create()
        thresholder = Thresholder(store)
        silence, relapse = thresholder.rule(severity).silence, thresholder.rule(severity).relapse

        def relapses(now: datetime) -> int:
            verdicts = thresholder.due(now)
            for verdict in verdicts:
                key = verdict.key.classes[0], verdict.key.entity
                assert _is_relapse(held.pop(key), told[key], silence, relapse)
                told[key] = now
            return len(verdicts)

        def hear(batch: list[tuple[dict[str, str], datetime]]) -> int:
            verdicts = thresholder.admit_all(candidate(row, at, severity) for row, at in batch)
            for (row, at), verdict in zip(batch, verdicts, strict=True):
                key = row["name"], row["ip"]
                assert (verdict.key.classes, verdict.key.entity) == ((row["name"],), row["ip"])
                _check(verdict, key, at, told, silence)
                if verdict.is_told:
                    told[key], held[key] = at, []
                else:
                    held.setdefault(key, []).append(at)
            return sum(verdict.is_told for verdict in verdicts)

        batch: list[tuple[dict[str, str], datetime]] = []
        next_run: datetime | None = None
        for row, at in alerts(data_dir):
            next_run = next_run or at + _HOUR
            if len(batch) == _BATCH or at >= next_run:
                asked, messages, batch = asked + len(batch), messages + hear(batch), []
            while at >= next_run:
                messages += relapses(next_run)
                next_run += _HOUR
            batch.append((row, at))
        asked, messages = asked + len(batch), messages + hear(batch)
        assert 0 < messages < asked / 20

        end = at + silence
        expected = {key for key, times in held.items() if _is_relapse(times, told[key], silence, relapse)}
        assert {(one.key.classes[0], one.key.entity) for one in thresholder.due(end)} == expected
        assert expected


def _is_relapse(held: list[datetime], told: datetime, silence: timedelta, relapse: timedelta) -> bool:
    return any(at >= told + silence - relapse for at in held)


def _check(verdict: Verdict, key: tuple[str, str], at: datetime, told: Told, silence: timedelta) -> None:
    """Check that who is not told was told not long ago, and that nobody was who is told."""
    last = told.get(key)
    was_told = last is not None and at <= last + silence
    assert verdict.is_told != was_told, (key, at)
