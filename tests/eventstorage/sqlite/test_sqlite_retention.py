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


def test_a_step_is_as_large_as_the_slowest_of_the_last_ones_allows() -> None:
    pace = retention._Pace(aim=0.025, first=100, least=10, most=1000)
    sizes = []
    for step in range(60):
        sizes.append(pace.amount)
        is_slow = step in (10, 20)  # somebody else needs the machine for a moment
        pace.took(pace.amount * (0.001 if is_slow else 0.000_025))

    assert sizes[:5] == [100, 200, 400, 800, 1000]
    assert sizes[5:11] == [1000] * 6
    after = 20 + retention._REMEMBERED
    assert sizes[11 : after + 1] == [pytest.approx(25)] * (after - 10)
    assert sizes[after + 1] == pytest.approx(50)
    assert sizes[-1] == 1000


def test_a_step_is_never_smaller_than_the_least_nor_larger_than_the_most() -> None:
    pace = retention._Pace(aim=0.025, first=100, least=10, most=5)
    assert pace.amount == 5
    for seconds in (0.0, 100.0, 0.0):
        pace.took(seconds)
        assert pace.amount == 5
    pace = retention._Pace(aim=0.025, first=100, least=10, most=1000)
    pace.took(100.0)
    assert pace.amount == 10
