"""What is told, and what is held back because it was told before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import DataError
from tocsin.eventstorage import Thresholder, VerdictKind
from tocsin.eventstorage.thresholds import Candidate, Severity, ThresholdRule
from tocsin.testing.event_stores.base import EventStoreContract, message
from tocsin.testing.event_stores.populations import HOSTILE_TEXTS

if TYPE_CHECKING:
    from tocsin.eventstorage import EventStorageService
    from tocsin.eventstorage.thresholds import Verdict

__all__ = ["ThresholderContract", "scan"]

_NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
FIRST, ESCALATED, RELAPSED, HELD = VerdictKind


def scan(ident: str, *sources: str, severity: str = "high", **content: Any) -> dict[str, Any]:
    """Make an event of one class from some addresses."""
    content = {"Source": [{"IP4": [source]} for source in sources or ("192.0.2.1",)], **content}
    return message(ident, **content, _Tocsin={"EventClass": "scan", "EventSeverity": severity})


def _told(verdict: Verdict) -> tuple[VerdictKind, int]:
    return verdict.kind, verdict.held_count


class ThresholderContract(EventStoreContract):
    """What is told, and what is held back."""

    @pytest.fixture
    def thresholder(self, store: EventStorageService) -> Thresholder:
        return Thresholder(store)

    def test_an_event_is_told_then_held_then_forgotten(self, thresholder: Thresholder) -> None:
        verdict = thresholder.admit(scan("a"), "g", "c", _NOW)
        assert _told(verdict) == (FIRST, 0)
        assert verdict.until == _NOW + _DAY
        assert _told(thresholder.admit(scan("b"), "g", "c", _NOW)) == (HELD, 1)
        assert _told(thresholder.admit(scan("c"), "g", "c", _NOW + 12 * _HOUR - _TICK)) == (HELD, 2)
        assert thresholder.due(_NOW + _DAY) == []
        assert _told(thresholder.admit(scan("d"), "g", "c", _NOW + _DAY + _TICK)) == (FIRST, 0)

    def test_the_last_instant_of_a_silence_is_silent_and_a_relapse(self, thresholder: Thresholder) -> None:
        thresholder.admit(scan("a"), "g", "c", _NOW)
        assert _told(thresholder.admit(scan("b"), "g", "c", _NOW + _DAY)) == (HELD, 1)
        assert _told(thresholder.admit(scan("c"), "g", "c", _NOW + _DAY + _TICK)) == (RELAPSED, 1)

    def test_a_relapse_is_told_without_a_new_event_and_once(
        self, store: EventStorageService, thresholder: Thresholder
    ) -> None:
        store.insert_events([scan(name) for name in "abcd"])
        for name, hours in (("a", 0), ("b", 1), ("c", 12)):
            thresholder.admit(scan(name), "g", "c", _NOW + hours * _HOUR)
        assert thresholder.due(_NOW + _DAY - _TICK) == []
        [relapse] = thresholder.due(_NOW + _DAY)
        assert _told(relapse) == (RELAPSED, 2)
        assert relapse.until == _NOW + 2 * _DAY
        assert [event.id for event in thresholder.held_events(relapse)] == ["b", "c"]
        assert [event.id for event in thresholder.held_events(relapse, limit=1)] == ["b"]
        assert thresholder.due(_NOW + _DAY) == []
        assert _told(thresholder.admit(scan("d"), "g", "c", _NOW + _DAY + _TICK)) == (HELD, 1)

    def test_what_could_not_be_told_is_forgotten(
        self, store: EventStorageService, thresholder: Thresholder
    ) -> None:
        for group in "gh":
            thresholder.admit(scan("a"), group, "c", _NOW)
            thresholder.admit(scan("b"), group, "c", _NOW + 20 * _HOUR)
        mine, other = sorted(thresholder.due(_NOW + _DAY), key=lambda one: one.key.group)

        thresholder.forget([mine.key])
        thresholder.forget([mine.key, mine.key._replace(entity="192.0.2.99")])
        thresholder.forget([])

        assert [one.key for one in thresholder.silences(_NOW + 25 * _HOUR)] == [other.key]
        assert (store.thresholds_count(), store.thresholded_events_count()) == (1, 1)
        said = [thresholder.admit(scan("c"), group, "c", _NOW + 25 * _HOUR) for group in "gh"]
        assert [_told(one) for one in said] == [(FIRST, 0), (HELD, 1)]

    def test_a_relapse_that_is_asked_for_late_is_not_lost(self, thresholder: Thresholder) -> None:
        for name, hours in (("a", 0), ("b", 20)):
            thresholder.admit(scan(name), "g", "c", _NOW + hours * _HOUR)
        assert thresholder.clean(_NOW + 100 * _DAY) == 0
        [relapse] = thresholder.due(_NOW + 100 * _DAY)
        assert relapse.until == _NOW + 101 * _DAY

    def test_something_worse_is_told_at_once(self, thresholder: Thresholder) -> None:
        thresholder.admit(scan("a", severity="low"), "g", "c", _NOW)
        thresholder.admit(scan("b", severity="info"), "g", "c", _NOW)
        worse = thresholder.admit(scan("c", severity="critical"), "g", "c", _NOW)
        assert _told(worse) == (ESCALATED, 1)
        assert worse.until == _NOW + 2 * _HOUR
        assert _told(thresholder.admit(scan("d", severity="high"), "g", "c", _NOW)) == (HELD, 1)

    def test_each_field_of_a_key_is_apart(self, thresholder: Thresholder) -> None:
        event = scan("a", Target=[{"IP4": ["192.0.2.1"]}])
        asked = [
            ("g", "c", "source", False), ("gc", "", "source", False), ("", "gc", "source", False),
            ("g", "c", "target", False), ("g", "c", "source", True), ('g","c', "", "source", False),
            ("g\x00", "c", "source", False), ("g|c", "c", "source", False), ("g", "|cc", "source", False),
        ]  # fmt: skip
        for group, channel, side, shadow in asked:
            verdict = thresholder.admit(event, group, channel, _NOW, side=side, shadow=shadow)  # type: ignore[arg-type]
            assert verdict.kind is FIRST
        assert len(thresholder.silences(_NOW)) == len(asked)

    def test_any_text_can_be_in_a_key(self, thresholder: Thresholder) -> None:
        for text in HOSTILE_TEXTS:
            event = message("e", Category=[text], Source=[{"Hostname": [text]}], Node=[{"Name": text}])
            first = thresholder.admit(event, text, text, _NOW)
            assert thresholder.admit({**event, "ID": "f"}, text, text, _NOW).key == first.key

    def test_the_same_event_again_is_the_same_verdict(
        self, store: EventStorageService, thresholder: Thresholder
    ) -> None:
        steps = [("a", "low", 0), ("b", "low", 1), ("c", "high", 2), ("d", "low", 3), ("e", "critical", 4)]
        candidates = [
            Candidate(scan(name, severity=severity), "g", "c", _NOW + hours * _HOUR)
            for name, severity, hours in steps
        ]
        verdicts = thresholder.admit_all(candidates)
        assert [verdict.kind for verdict in verdicts] == [FIRST, HELD, ESCALATED, HELD, ESCALATED]
        count = store.thresholded_events_count()
        assert thresholder.admit_all(candidates * 2) == verdicts * 2
        assert [thresholder.admit(*candidate[:4]) for candidate in candidates] == verdicts
        assert store.thresholded_events_count() == count

    def test_an_event_is_about_each_of_its_entities(self, thresholder: Thresholder) -> None:
        thresholder.admit(scan("a", "192.0.2.1"), "g", "c", _NOW)
        both = thresholder.admit(scan("b", "192.0.2.1", "192.0.2.2"), "g", "c", _NOW)
        assert (both.kind, both.key.entity) == (FIRST, "192.0.2.2")
        assert [(one.key.entity, one.kind) for one in both.each] == [
            ("192.0.2.1", HELD),
            ("192.0.2.2", FIRST),
        ]
        assert thresholder.admit(scan("c", "192.0.2.2", "192.0.2.1"), "g", "c", _NOW).kind is HELD

    def test_a_clock_that_goes_back_holds_back_but_not_for_ever(self, thresholder: Thresholder) -> None:
        thresholder.admit(scan("a"), "g", "c", _NOW)
        assert _told(thresholder.admit(scan("b"), "g", "c", _NOW - _DAY)) == (HELD, 1)
        assert _told(thresholder.admit(scan("c"), "g", "c", _NOW - _DAY - _TICK)) == (FIRST, 0)
        assert [one.until for one in thresholder.silences(_NOW - _HOUR)] == [_NOW - _TICK]

    def test_other_rules_count_for_what_was_told_before(
        self, store: EventStorageService, thresholder: Thresholder
    ) -> None:
        first = thresholder.admit(scan("a"), "g", "c", _NOW)
        thresholder.admit(scan("b"), "g", "c", _NOW + 5 * _HOUR)
        shorter = Thresholder(store, {"high": ThresholdRule(_HOUR, 6 * _HOUR, 2 * _HOUR)})
        assert shorter.silences(_NOW)[0].until == _NOW + 6 * _HOUR
        assert shorter.recompute() == 1
        assert shorter.recompute() == 0
        assert store.threshold_check(f"{first.key.id}/1", _NOW)[0][2:] == (
            _NOW + 4 * _HOUR,
            _NOW + 6 * _HOUR,
        )
        [relapse] = shorter.due(_NOW + 6 * _HOUR)
        assert _told(relapse) == (RELAPSED, 1)

    def test_cleaning_forgets_what_is_over_and_nothing_else(
        self, store: EventStorageService, thresholder: Thresholder
    ) -> None:
        thresholder.admit(scan("a", "192.0.2.1"), "g", "c", _NOW)
        thresholder.admit(scan("b", "192.0.2.2"), "g", "c", _NOW)
        thresholder.admit(scan("c", "192.0.2.2"), "g", "c", _NOW + 12 * _HOUR)
        thresholder.admit(scan("d", "192.0.2.3"), "g", "c", _NOW + _TICK)
        assert thresholder.clean(_NOW + _DAY) == 0
        assert thresholder.clean(_NOW + _DAY + _TICK) == 1
        assert (store.thresholds_count(), store.thresholded_events_count()) == (2, 1)
        assert len(thresholder.due(_NOW + _DAY + _TICK)) == 1
        assert store.thresholded_events_clean() == 0
        thresholder.clean(_NOW + 100 * _DAY)
        assert (store.thresholds_count(), store.thresholded_events_count()) == (0, 0)

    def test_what_is_cleaned_by_hand_is_not_lost_to_a_relapse(
        self, store: EventStorageService, thresholder: Thresholder
    ) -> None:
        store.insert_event(scan("b"))
        thresholder.admit(scan("a"), "g", "c", _NOW)
        thresholder.admit(scan("b"), "g", "c", _NOW + 20 * _HOUR)
        store.thresholds_clean(_NOW + 9 * _DAY)
        store.thresholded_events_clean()
        [relapse] = thresholder.due(_NOW + 9 * _DAY)
        assert [event.id for event in thresholder.held_events(relapse)] == ["b"]

    def test_a_cursor_that_is_undone_has_told_nothing(self, store: EventStorageService) -> None:
        with store.cursor_new() as cursor:
            assert Thresholder(cursor).admit(scan("a"), "g", "c", _NOW).kind is FIRST
            assert Thresholder(cursor).admit(scan("b"), "g", "c", _NOW).kind is HELD
        assert Thresholder(store).admit(scan("c"), "g", "c", _NOW).kind is FIRST
        assert store.thresholded_events_count() == 0

    def test_the_first_and_the_last_instants_are_like_others(self, thresholder: Thresholder) -> None:
        ends = [datetime.min.replace(tzinfo=UTC) + 2 * _DAY, datetime.max.replace(tzinfo=UTC)]
        for number, now in enumerate(ends):
            assert thresholder.due(now) == []
            assert thresholder.admit(scan(f"a{number}"), "g", "c", now).kind is FIRST
            last = thresholder.admit(scan(f"b{number}"), "g", "c", now)
            assert (last.kind, last.until - now <= _DAY) == (HELD, True)
            assert len(thresholder.silences(now)) == 1
            thresholder.clean(now)

    @pytest.mark.parametrize(
        ("wrong", "parameter"),
        [
            ({"group": 1}, "group"),
            ({"channel": None}, "channel"),
            ({"now": "noon"}, "now"),
            ({"side": "up"}, "side"),
            ({"shadow": "no"}, "shadow"),
        ],
    )
    def test_a_wrong_argument_is_named(
        self, thresholder: Thresholder, wrong: dict[str, Any], parameter: str
    ) -> None:
        right: dict[str, Any] = {"group": "g", "channel": "c", "now": _NOW}
        with pytest.raises(DataError) as caught:
            thresholder.admit(scan("a"), **{**right, **wrong})
        assert caught.value.parameter == parameter

    def test_the_default_times_are_those_of_the_specification(self, thresholder: Thresholder) -> None:
        rules = {name: thresholder.rule(name) for name in Severity}
        minute = timedelta(minutes=1)
        assert {name: (rule.period, rule.silence, rule.relapse) for name, rule in rules.items()} == {
            "info": (_DAY, 28 * _DAY, 7 * _DAY),
            "low": (_DAY, 6 * _DAY, 2 * _DAY),
            "medium": (2 * _HOUR, 6 * _DAY, 2 * _DAY),
            "high": (10 * minute, _DAY, 12 * _HOUR),
            "critical": (10 * minute, 2 * _HOUR, timedelta(0)),
        }
