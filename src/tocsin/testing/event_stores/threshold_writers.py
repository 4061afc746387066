"""Many who report at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from tocsin.eventstorage import Thresholder, VerdictKind
from tocsin.eventstorage.thresholds import Candidate
from tocsin.testing.event_stores.base import EventStoreContract
from tocsin.testing.event_stores.thresholder import scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.eventstorage import EventStorageService
    from tocsin.eventstorage.thresholds import Verdict

__all__ = ["ThresholdWritersContract"]

T = TypeVar("T")

_NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_WRITERS = 8


class ThresholdWritersContract(EventStoreContract):
    """Many writers at the same time."""

    def test_of_eight_writers_of_one_key_one_is_first(self, store: EventStorageService) -> None:
        verdicts = _at_once(
            lambda place: Thresholder(store).admit(scan(f"e{place}"), "g", "c", _NOW + place * _TICK)
        )
        assert sorted((one.kind, one.held_count) for one in verdicts) == [
            (VerdictKind.FIRST, 0),
            *((VerdictKind.HELD, count) for count in range(1, _WRITERS)),
        ]

    def test_eight_writers_of_many_keys_tell_each_once(self, store: EventStorageService) -> None:
        sources = [f"192.0.2.{number}" for number in range(20)]

        def write(place: int) -> list[Verdict]:
            turned = sources[place:] + sources[:place]
            thresholder = Thresholder(store)
            return [
                verdict
                for start in range(0, len(turned), 5)
                for verdict in thresholder.admit_all(
                    Candidate(scan(f"{place} {source}", source, turned[0]), "g", "c", _NOW)
                    for source in turned[start : start + 5]
                )
            ]

        parts = [
            part for verdicts in _at_once(write) for verdict in verdicts for part in verdict.each or [verdict]
        ]
        told = [part.key.entity for part in parts if part.is_told]
        assert sorted(told) == sorted(sources)
        assert store.thresholded_events_count() == len(parts) - len(told)
        counted = sum(one.held_count for one in Thresholder(store).silences(_NOW))
        assert counted == len(parts) - len(told)

    def test_eight_who_ask_for_relapses_tell_each_once(self, store: EventStorageService) -> None:
        thresholder = Thresholder(store)
        sources = [f"192.0.2.{number}" for number in range(40)]
        for hours in (0, 20):
            thresholder.admit_all(
                Candidate(scan(f"{hours} {source}", source), "g", "c", _NOW + hours * _HOUR)
                for source in sources
            )

        def ask(place: int) -> list[Verdict]:
            mine: list[Verdict] = []
            if place % 2:
                later = _NOW + _DAY + _HOUR
                events = [Candidate(scan(f"{place} {source}", source), "g", "c", later) for source in sources]
                mine = [one for one in thresholder.admit_all(events) if one.kind is VerdictKind.RELAPSED]
            while some := thresholder.due(_NOW + _DAY + _HOUR, limit=3):
                mine += some
            return mine

        told = [verdict.key.entity for verdicts in _at_once(ask) for verdict in verdicts]
        assert sorted(told) == sorted(sources)


def _at_once(work: Callable[[int], T]) -> list[T]:
    barrier = threading.Barrier(_WRITERS)

    def run(place: int) -> T:
        barrier.wait()
        return work(place)

    with ThreadPoolExecutor(_WRITERS) as pool:
        return list(pool.map(run, range(_WRITERS)))
