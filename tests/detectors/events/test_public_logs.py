"""The detectors on the public logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.detectors.events import (
    BigramFrequencyDetector,
    CharacterSetDetector,
    CoreDetector,
    EventSequenceDetector,
    NewEventDetector,
    NewValueCombinationDetector,
    NewValueDetector,
    RateDetector,
    RuleDetector,
    ValueRangeDetector,
)
from tocsin.testing.event_detectors import assert_explained, part_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.model import LogAlert, ParsedLog

pytestmark = pytest.mark.data

TRAINING = 1_800
ATTACK = {f"audit:{number}" for number in range(1_860, 1_869)}


def pair(**config: Any) -> list[CoreDetector]:
    config = {"data_use_training": TRAINING, **config}
    return [NewEventDetector(config=config), NewValueDetector(config=config)]


def lines_of(alerts: list[LogAlert]) -> set[str]:
    return {log_id for alert in alerts for log_id in alert["logIDs"]}


def test_new_events_and_new_values_together_find_the_attack_and_nothing_else(
    audit_events: list[ParsedLog],
) -> None:
    alerts = [alert for detector in pair() for alert in detector.process_batch(audit_events)]

    assert lines_of(alerts) == ATTACK
    for alert in alerts:
        assert_explained(alert)


@pytest.mark.parametrize("cut", [1, 900, 1_799, 1_800, 1_801, 1_859, 1_863, 2_000])
def test_a_restart_anywhere_finds_the_same(audit_events: list[ParsedLog], cut: int) -> None:
    found = []
    for before, after in zip(pair(), pair(), strict=True):
        found += before.process_batch(audit_events[:cut])
        after.restore(part_of(before))
        found += after.process_batch(audit_events[cut:])

    assert lines_of(found) == ATTACK
    assert found == [alert for one in pair() for alert in one.process_batch(audit_events)]


def test_what_was_allowed_is_no_longer_found(audit_events: list[ParsedLog]) -> None:
    detectors = pair(allow=[{"event_id": "USER_CMD"}, {"variable": "exe"}])

    alerts = [alert for detector in detectors for alert in detector.process_batch(audit_events)]

    assert lines_of(alerts) < ATTACK
    assert not any("exe" in alert["alertsObtain"] for alert in alerts)


@pytest.mark.parametrize("name", ["0", "1", "2"])
def test_every_detector_reads_windows_events_and_explains_itself(
    data_dir: Path, windows_events: Callable[[Path], list[ParsedLog]], name: str
) -> None:
    paths = sorted((data_dir / "logs" / "windows").glob("*.zip"), key=lambda path: path.stat().st_size)
    events = windows_events(paths[int(name)])[:4_000]
    training = {"data_use_training": len(events) // 2}
    rules = [{"name": "shell", "conditions": [{"field": "log", "op": "regex", "value": "(?i)powershell"}]}]
    detectors: list[CoreDetector] = [
        NewEventDetector(config=training),
        NewValueDetector(config=training),
        NewValueCombinationDetector(config={**training, "data_use_configure": 500}),
        ValueRangeDetector(config=training),
        CharacterSetDetector(config=training),
        BigramFrequencyDetector(config=training),
        EventSequenceDetector(config={**training, "session": ["Hostname"]}),
        RateDetector(config={**training, "interval": "10s", "params": {"min_samples": 5}}),
        RuleDetector(config={"rules": rules}),
    ]

    for detector in detectors:
        for alert in detector.process_batch(events):
            assert_explained(alert)
        assert detector.counters["judged"] > 0
        assert detector.export()["counters"] == detector.counters
