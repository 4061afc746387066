"""Retention in an SQLite file: beside writers and readers, with a log that stays short."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.sqlite import retention
from tocsin.testing.event_stores import FixedClock, message
from tocsin.testing.event_stores.storing import many

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring the log into the file after every step, as if each had taken long."""
    monkeypatch.setattr(retention, "_SHORTEST_PAUSE", 0.0)
    monkeypatch.setattr(retention, "_LONGEST_PAUSE", 0.0)


@pytest.mark.parametrize("longest", [0, 10**9])
def test_the_log_stays_short_while_old_events_go_and_new_ones_come(
    path: Path, monkeypatch: pytest.MonkeyPatch, assert_sound: Callable[[Path], None], longest: int
) -> None:
    monkeypatch.setattr(retention, "_LONGEST_LOG", longest)
    clock = FixedClock()
    log = path.with_name(f"{path.name}-wal")
    with EventStorageService(path=path, clock=clock) as store:
        store.database_create()
        store.insert_events(many("old", 1000))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        clock.advance(days=1)
        sizes = []
        for step, _ in enumerate(store.retain(clock.now(), batch=20)):
            store.insert_event(message(f"new-{step}"))
            sizes.append(log.stat().st_size)
        assert store.count_events() == len(sizes) > 100
        assert max(sizes) < 10 * (sum(sizes[:4]) / 4)
    assert_sound(path)


def test_who_reads_does_not_stop_retention(
    path: Path, monkeypatch: pytest.MonkeyPatch, assert_sound: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(retention, "_LONGEST_LOG", 0)
    clock = FixedClock()
    with EventStorageService(path=path, clock=clock) as store:
        store.database_create()
        store.insert_events(many("old", 300))
        clock.advance(days=1)
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM events").fetchone() == (300,)
            assert sum(store.retain(clock.now(), batch=50)) == 300
            assert reader.execute("SELECT count(*) FROM events").fetchone() == (300,)
        store.insert_event(message("new"))
        assert store.count_events() == 1
    assert_sound(path)
