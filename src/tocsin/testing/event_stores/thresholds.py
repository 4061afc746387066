"""Thresholds by key: what is silent until when, and what relapses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import DataError
from tocsin.testing.event_stores.base import EventStoreContract, message
from tocsin.testing.event_stores.populations import HOSTILE_TEXTS

if TYPE_CHECKING:
    from tocsin.eventstorage import EventStorageService

__all__ = ["ThresholdContract"]

_NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


class ThresholdContract(EventStoreContract):
    """The operations on keys, with their exact boundaries."""

    def test_a_key_is_silent_up_to_the_last_instant(self, store: EventStorageService) -> None:
        times = (_NOW, _NOW + 12 * _HOUR, _NOW + _DAY)
        store.threshold_set("key", *times)
        assert store.threshold_check("key", _NOW + _DAY) == [("key", *times)]
        assert store.threshold_check("key", _NOW - _DAY) == [("key", *times)]
        assert store.threshold_check("key", _NOW + _DAY + _TICK) == []
        assert store.threshold_check("another", _NOW) == []

    def test_setting_a_key_again_replaces_its_times(self, store: EventStorageService) -> None:
        store.threshold_set("key", _NOW, _NOW, _NOW)
        store.threshold_set("key", _NOW + _HOUR, _NOW + 2 * _HOUR, _NOW + 3 * _HOUR)
        assert store.thresholds_count() == 1
        assert store.threshold_check("key", _NOW + _HOUR) == [
            ("key", _NOW + _HOUR, _NOW + 2 * _HOUR, _NOW + 3 * _HOUR)
        ]

    def test_times_of_other_zones_are_converted_and_those_of_none_are_utc(
        self, store: EventStorageService
    ) -> None:
        elsewhere = _NOW.astimezone(timezone(timedelta(hours=-3, minutes=-30)))
        store.threshold_set("key", elsewhere, _NOW.replace(tzinfo=None), _NOW)
        assert store.threshold_check("key", _NOW.replace(tzinfo=None)) == [("key", _NOW, _NOW, _NOW)]

    def test_cleaning_keeps_what_ends_at_the_instant(self, store: EventStorageService) -> None:
        for name, until in (("before", _NOW - _TICK), ("at", _NOW), ("after", _NOW + _TICK)):
            store.threshold_set(name, _NOW - _DAY, _NOW - _DAY, until)
        assert store.thresholds_clean(_NOW) == 1
        assert [name for name in ("before", "at", "after") if store.threshold_check(name, _NOW - _DAY)] == [
            "at",
            "after",
        ]

    def test_saying_twice_that_an_event_was_held_back_is_one_record(self, store: EventStorageService) -> None:
        store.threshold_save("e", "key", "g", "low", _NOW)
        store.threshold_save("e", "key", "g", "low", _NOW + _HOUR)
        store.threshold_save("e", "another", "g", "low", _NOW)
        assert store.thresholded_events_count() == 2

    @pytest.mark.parametrize(
        ("held_at", "relapse_at", "asked_at", "found"),
        [
            (_NOW + 12 * _HOUR, _NOW + 12 * _HOUR, _NOW + _DAY, True),
            (_NOW + 12 * _HOUR - _TICK, _NOW + 12 * _HOUR, _NOW + _DAY, False),
            (_NOW + 12 * _HOUR, _NOW + 12 * _HOUR, _NOW + _DAY - _TICK, False),
            (_NOW + 12 * _HOUR, _NOW + 12 * _HOUR, _NOW + 100 * _DAY, True),
            (_NOW + _DAY, _NOW + _DAY, _NOW + _DAY, False),
            (_NOW, _NOW, _NOW + _DAY, True),
        ],
    )
    def test_a_relapse_begins_at_its_time_and_is_due_when_the_silence_ends(
        self,
        store: EventStorageService,
        held_at: datetime,
        relapse_at: datetime,
        asked_at: datetime,
        *,
        found: bool,
    ) -> None:
        store.insert_event(message("e"))
        store.threshold_set("key", _NOW, relapse_at, _NOW + _DAY)
        store.threshold_save("e", "key", "g", "low", held_at)
        assert store.search_relapsed_events("g", "low", asked_at) == ([message("e")] if found else [])

    def test_a_relapse_tells_all_that_was_held_back_since_the_report(
        self, store: EventStorageService
    ) -> None:
        store.insert_events(
            [message(name) for name in ("before", "at", "late", "elsewhere", "worse", "other")]
        )
        for key in ("key", "second"):
            store.threshold_set(key, _NOW, _NOW + 12 * _HOUR, _NOW + _DAY)
        store.threshold_save("before", "key", "g", "low", _NOW - _TICK)
        store.threshold_save("late", "key", "g", "low", _NOW + 13 * _HOUR)
        store.threshold_save("late", "second", "g", "low", _NOW + 13 * _HOUR)
        store.threshold_save("at", "key", "g", "low", _NOW)
        store.threshold_save("no longer stored", "key", "g", "low", _NOW)
        store.threshold_save("elsewhere", "key", "h", "low", _NOW + 13 * _HOUR)
        store.threshold_save("worse", "key", "g", "high", _NOW + 13 * _HOUR)
        store.threshold_save("other", "without a threshold", "g", "low", _NOW + 13 * _HOUR)
        found = store.search_relapsed_events("g", "low", _NOW + _DAY)
        assert [event.id for event in found] == ["at", "late"]

    def test_cleaning_keeps_held_back_events_that_a_relapse_would_tell(
        self, store: EventStorageService
    ) -> None:
        store.threshold_set("key", _NOW, _NOW + 12 * _HOUR, _NOW + _DAY)
        store.threshold_save("before", "key", "g", "low", _NOW - _TICK)
        store.threshold_save("at", "key", "g", "low", _NOW)
        store.threshold_save("lonely", "without a threshold", "g", "low", _NOW)
        assert store.thresholded_events_clean() == 2
        assert store.thresholded_events_count() == 1
        store.thresholds_clean(_NOW + 2 * _DAY)
        assert store.thresholded_events_clean() == 1

    def test_keys_groups_and_severities_are_any_text(self, store: EventStorageService) -> None:
        store.insert_event(message("e"))
        texts = [*HOSTILE_TEXTS, "k" * 5000, "k" * 5000 + "l", "ä" * 5000]
        for text in texts:
            store.threshold_set(text, _NOW, _NOW, _NOW + _DAY)
            store.threshold_save("e", text, text, text, _NOW)
        distinct = len(
            {
                text.replace("\x00", "\ufffd").replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")
                for text in texts
            }
        )
        assert store.thresholds_count() == store.thresholded_events_count() == distinct
        for text in texts:
            assert len(store.threshold_check(text, _NOW)) == 1
            assert [one.id for one in store.search_relapsed_events(text, text, _NOW + _DAY)] == ["e"]

    def test_what_is_no_time_is_refused(self, store: EventStorageService) -> None:
        with pytest.raises(DataError, match="thresholdtime"):
            store.threshold_set("key", "now and then", _NOW, _NOW)  # type: ignore[arg-type]
        with pytest.raises(DataError, match="ttl"):
            store.thresholds_clean(12)  # type: ignore[arg-type]
