"""What the parts of the contract share: a store of its own for each test, a clock, and how to make events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tocsin.eventstorage import EventStorageService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["EventStoreContract", "FixedClock", "examples", "message"]


def examples(most: int) -> settings:
    """Say how many examples a property gets.

    They share one store (making one for each would test the file system), and a property is one method that
    several backends inherit: both is on purpose.
    """
    return settings(
        max_examples=most,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )


class FixedClock:
    """Tells the time that it was set to."""

    def __init__(self, time: datetime | None = None) -> None:
        self.time = time or datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Give the current instant, aware, UTC."""
        return self.time

    def advance(self, **step: float) -> None:
        """Let time pass (or go back), in the units of `timedelta`."""
        self.time += timedelta(**step)


def message(ident: str, **content: Any) -> dict[str, Any]:
    """Make a message that nothing is wrong with; `content` adds to it, or replaces."""
    return {
        "Format": "IDEA0",
        "ID": ident,
        "DetectTime": "2026-03-01T11:00:00Z",
        "Category": ["Recon.Scanning"],
        **content,
    }


class EventStoreContract(ABC):
    """The part that a backend fills in."""

    @abstractmethod
    @pytest.fixture
    def conncfg(self, tmp_path: Path) -> dict[str, Any]:
        """Give what `EventStorageService` takes for a place of this test's own, with nothing in it."""

    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock()

    @pytest.fixture
    def store(self, conncfg: dict[str, Any], clock: FixedClock) -> Iterator[EventStorageService]:
        """Give a store with its tables made."""
        with EventStorageService(**conncfg, clock=clock) as service:
            service.database_create()
            yield service
