"""Looking up afterwards what was said of an event, on both backends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.thresholds import Thresholder, ThresholdKey, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tocsin.eventstorage.thresholds.looking import Holding

START = datetime(2026, 11, 1, 10, tzinfo=UTC)
KEY = ThresholdKey(
    "g", "mail", "source", shadow=False, classes=("Recon.Scanning",), entity_from="source", entity="192.0.2.7"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStorageService]:
    place: dict[str, Any] = {"path": tmp_path / "events.db"}
    if request.param == "postgresql":
        place = {"url": request.getfixturevalue("postgres_database")}
    with EventStorageService(**place) as service:
        service.database_create()
        yield service


class Told:
    """Tells of events, and looks up what was said."""

    def __init__(self, service: EventStorageService) -> None:
        self.thresholder = Thresholder(service)

    def tell(self, name: str, days: float, severity: str = "medium") -> VerdictKind:
        event = {
            "Format": "IDEA0",
            "ID": name,
            "DetectTime": START.isoformat(),
            "Category": ["Recon.Scanning"],
            "Source": [{"IP4": ["192.0.2.7"]}],
            "_Tocsin": {"EventSeverity": severity},
        }
        return self.thresholder.admit(event, "g", "mail", START + timedelta(days=days)).kind

    def look(self, name: str) -> Holding:
        (holding,) = self.thresholder.look_up(name, [KEY], most_ids=2)
        return holding


def test_what_was_told_and_what_it_holds_back_is_found(service: EventStorageService) -> None:
    told = Told(service)
    for number in range(4):
        told.tell(f"e{number}", number / 10)

    first, held = told.look("e0"), told.look("e2")

    assert (first.kind, held.kind) == (VerdictKind.FIRST, VerdictKind.HELD)
    for one in (first, held):
        assert (one.told_event, one.told_at, one.until) == ("e0", START, START + timedelta(days=6))
        assert one.relapse_from == START + timedelta(days=4)
        assert (one.held_count, one.held_ids) == (3, ("e1", "e2"))
        assert one.first_held == START + timedelta(days=0.1)
        assert one.last_held == START + timedelta(days=0.3)
        assert (one.relapses, one.told_again, one.before_count) == (False, None, 0)


def test_a_telling_knows_what_was_held_back_before_it(service: EventStorageService) -> None:
    told = Told(service)
    told.tell("e0", 0)
    told.tell("e1", 1)
    told.tell("worse", 2, "high")
    told.tell("e3", 2.1)

    worse, held = told.look("worse"), told.look("e1")

    assert worse.kind is VerdictKind.ESCALATED
    assert (worse.before_count, worse.before_ids) == (1, ("e1",))
    assert worse.before_first == worse.before_last == START + timedelta(days=1)
    assert (worse.held_count, worse.held_ids) == (1, ("e3",))
    assert (held.told_event, held.told_again_event) == ("e0", "worse")
    assert held.told_again == START + timedelta(days=2)


def test_what_relapses_says_so_until_it_is_told(service: EventStorageService) -> None:
    told = Told(service)
    told.tell("e0", 0)
    told.tell("e5", 5)

    assert told.look("e5").relapses
    told.thresholder.due(START + timedelta(days=7))

    held = told.look("e5")
    assert not held.relapses
    assert held.told_again == START + timedelta(days=7)


def test_what_was_never_seen_is_not_found_and_nothing_is_written(service: EventStorageService) -> None:
    told = Told(service)

    assert told.thresholder.look_up("nothing", [KEY]) == []
    assert told.tell("nothing", 0) is VerdictKind.FIRST
