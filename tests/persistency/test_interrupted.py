"""Who is interrupted, as by Ctrl-C in a notebook, goes on with the same memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.interrupter import interrupted, patience
from tocsin.persistency import (
    EventPersistency,
    EventStabilityTracker,
    PersistencySaver,
    PersistencySaverConfig,
    load,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("saves", [False, True])
def test_who_is_interrupted_at_any_step_learns_and_saves_on(tmp_path: Path, *, saves: bool) -> None:
    memory = EventPersistency(EventStabilityTracker)
    saver = PersistencySaver(memory, PersistencySaverConfig(tmp_path, events_until_save=1)).start()
    steps = range(1, 10_000, 97) if saves else range(1, 10_000)
    learned = 0
    for step in steps:
        learned = step
        memory.ingest_event(f"kept {step}", "<*> came", ["a"])  # which wakes the thread that saves
        with patience():
            was_interrupted = interrupted(
                step, saver.save if saves else lambda: memory.ingest_event("lost", "<*> came", ["b"])
            )
        if not was_interrupted:
            break
    with patience():
        saver.stop()

    found = EventPersistency(EventStabilityTracker)
    load(found, tmp_path)
    assert found.get_events_seen() >= {f"kept {step}" for step in steps if step <= learned}
    assert learned > 50
