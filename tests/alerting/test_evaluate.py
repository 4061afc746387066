"""Evaluation inside the transaction of a real memory."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.alerting.conftest import Memory
from tests.alerting.series import STEP, STEP_MS, at
from tests.alerting.test_decide_properties import TEXTS, rules
from tocsin.model import AlertRule, DecisionKind, FindingFacts, MonitorKind, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.database.sql_manager import SqlManager

ONE = AlertRule(channels=("ops",), consecutive_anomalies=1)
THREE = AlertRule(channels=("ops",), consecutive_anomalies=3)


def test_incident_messages_and_position_are_kept_together(memory: Memory) -> None:
    result = memory.evaluate("..uuu.", THREE, description="Orders.", tags=["shop"], project="p", owner="me")
    assert [taken.decision.kind for taken in result.decisions] == [
        DecisionKind.FIRST, DecisionKind.RECOVERED,
    ]  # fmt: skip
    assert result.candidates == 2
    (incident,) = memory.incidents()
    assert (incident["state"], incident["condition"], incident["last_kind"]) == (
        "resolved", "anomaly", "recovered",
    )  # fmt: skip
    (position,) = memory.rows("_tocsin_tasks", "detector_id")
    assert (position["detector_id"], position["process_type"], position["status"]) == (
        "default", "alert", "completed",
    )  # fmt: skip
    assert position["last_processed_timestamp"] == at(5)


def test_the_payload_says_everything(memory: Memory) -> None:
    memory.evaluate("..uuu.", THREE, description="Orders.", tags=["shop"], project="p", owner="me")
    first, recovered = memory.messages()
    text = first.pop("text")
    assert first == {
        "schema_version": 1,
        "id": first["id"],
        "kind": "first",
        "project": "p",
        "monitor": "s",
        "series": "s",
        "subject": "slots",
        "rule": "default",
        "title": "s is above its band",
        "reason": "3 points in a row lie above the band",
        "direction": "up",
        "severity": 2.0,
        "value": 40.0,
        "confidence_lower": 10.0,
        "confidence_upper": 20.0,
        "timestamp": "2026-01-01T00:04:00Z",
        "opened_at": "2026-01-01T00:02:00Z",
        "last_anomaly_at": "2026-01-01T00:04:00Z",
        "resolved_at": None,
        "points": 3,
        "detectors": ["d1"],
        "explanation": None,
        "log": None,
        "description": "Orders.",
        "tags": ["shop"],
        "context": {"owner": "me"},
        "timezone": "UTC",
        "queued_at": "2026-03-01T12:00:00Z",
        # What the stages add.
        "group": "everyone",
        "groups": ["everyone"],
        "severity_word": "medium",
        "until": None,
        "held_count": 0,
        "event": None,
        "items": [],
        "more": 0,
    }
    assert "40 (band 10 to 20)" in text
    assert recovered["resolved_at"] == recovered["timestamp"] == "2026-01-01T00:05:00Z"
    assert recovered["detectors"] == []


def test_what_the_transaction_loses_is_evaluated_again(memory: Memory) -> None:
    class Stop(Exception):  # noqa: N818
        pass

    def write_and_stop() -> None:
        with memory.database.transaction() as tx:
            memory.write(tx, "uuu")
            assert memory.look(tx, THREE).candidates == 1
            raise Stop

    with pytest.raises(Stop):
        write_and_stop()
    assert not memory.messages()
    assert not memory.incidents()
    assert memory.evaluate("uuu", THREE).candidates == 1


def test_a_candidate_says_for_whom_it_is_and_what_it_is_about(memory: Memory) -> None:
    def findings(point: int) -> FindingFacts:
        index = (point - int(at(0).timestamp() * 1000)) // STEP_MS
        return FindingFacts((f"e{index}",), ("192.0.2.1", f"host-{index}"), ("db",))

    rule = dataclasses.replace(
        THREE, channels=("a", "b", "a"), severity=Severity.HIGH, threshold=True, renotify_every=2 * STEP
    )
    memory.evaluate("..uuuuu.", rule, tags=["shop"], findings=findings, tell=False)
    first, repeat, over = memory.candidates()
    assert (first.monitor, first.source, first.series, first.rule) == (
        "s", MonitorKind.METRIC, "s", "default",
    )  # fmt: skip
    assert (first.condition, first.opened_at, first.at) == ("anomaly", at(2), at(4))
    assert (first.severity, first.threshold) == (Severity.HIGH, True)
    assert (first.channels, first.tags) == (("a", "b"), ("shop",))
    assert first.event_ids == ("e4", "e3", "e2")
    assert (first.sources, first.targets) == (("192.0.2.1", "host-4", "host-3", "host-2"), ("db",))
    assert (repeat.kind, repeat.event_ids) == (DecisionKind.REPEAT, ("e6", "e5"))
    assert (over.kind, over.at, over.event_ids) == (DecisionKind.RECOVERED, at(7), ("e6",))
    assert all(one.reason == one.message["reason"] for one in (first, repeat, over))


def test_a_candidate_names_the_events_of_a_hundred_points_at_most(memory: Memory) -> None:
    memory.evaluate(
        "u" * 200,
        dataclasses.replace(ONE, consecutive_anomalies=150),
        findings=lambda point: FindingFacts((str(point),)),
        tell=False,
    )
    (candidate,) = memory.candidates()
    assert len(candidate.event_ids) == 100
    assert candidate.event_ids[0] == str(int(candidate.at.timestamp() * 1000))


def test_each_channel_gets_a_message_of_its_own(memory: Memory) -> None:
    memory.evaluate("u", dataclasses.replace(ONE, channels=("a", "b", "a")))
    rows = memory.rows("_tocsin_outbox", "sequence")
    assert [row["channel"] for row in rows] == ["a", "b"]
    assert len({row["message_id"] for row in rows}) == 2
    assert all(row["payload"].count(row["message_id"]) == 1 for row in rows)


def test_a_rule_without_channels_wants_it_told_as_well(memory: Memory) -> None:
    assert memory.evaluate("u.", AlertRule(consecutive_anomalies=1), tell=False).candidates == 2
    assert [candidate.channels for candidate in memory.candidates()] == [(), ()]


def test_a_pending_incident_is_a_row_until_its_run_breaks(memory: Memory) -> None:
    memory.evaluate("..uu", THREE)
    (row,) = memory.incidents()
    assert (row["state"], row["anomalies"], row["last_kind"]) == ("pending", 2, "none")
    memory.evaluate(".", THREE, first=4)
    assert memory.incidents() == []
    memory.evaluate("uu", THREE, first=5)
    memory.evaluate("u", THREE, first=7)
    (row,) = memory.incidents()
    assert (row["state"], row["opened_at"]) == ("firing", at(5))


def test_rules_are_evaluated_each_for_itself(memory: Memory) -> None:
    quick = dataclasses.replace(ONE, name="quick")
    memory.evaluate("uuuu.", quick, dataclasses.replace(THREE, name="slow"))
    assert [(row["rule"], row["anomalies"]) for row in memory.incidents()] == [("quick", 4), ("slow", 4)]
    assert memory.kinds() == "first first recovered recovered"


def test_a_rule_that_is_new_looks_at_the_series_from_its_beginning(memory: Memory) -> None:
    memory.evaluate("u....", ONE)
    result = memory.evaluate("", ONE, dataclasses.replace(ONE, name="new"))
    assert [taken.incident.rule for taken in result.decisions] == ["new", "new"]


class TestCurrentDetectors:
    def test_a_point_counts_when_all_of_them_have_judged_it(self, memory: Memory) -> None:
        both = ("d1", "d2")
        memory.evaluate("uuuu", ONE, detectors=("d1",), series="other")
        with memory.database.transaction() as tx:
            memory.write(tx, "..uu", detector="d1")
            memory.write(tx, "..", detector="d2")
            assert memory.look(tx, ONE, detectors=both).candidates == 0
            memory.write(tx, "u", first=2, detector="d2")
            result = memory.look(tx, ONE, detectors=both)
        assert [taken.at for taken in result.decisions] == [at(2)]
        assert memory.rows("_tocsin_tasks", "metric_name")[-1]["last_processed_timestamp"] == at(2)

    def test_min_detectors_of_them_must_agree(self, memory: Memory) -> None:
        rule = dataclasses.replace(ONE, min_detectors=2)
        with memory.database.transaction() as tx:
            memory.write(tx, "uuUu..", detector="d1")
            memory.write(tx, "..uuu.", detector="d2")
            memory.look(tx, rule, detectors=("d1", "d2"))
        first, recovered = memory.messages()
        assert (first["timestamp"], recovered["timestamp"]) == (
            "2026-01-01T00:02:00Z",
            "2026-01-01T00:04:00Z",
        )
        assert first["detectors"] == ["d1", "d2"]
        assert first["severity"] == 10.0

    def test_verdicts_of_earlier_ones_count_for_nothing(self, memory: Memory) -> None:
        memory.evaluate("..uu", THREE, detectors=("old",))
        with memory.database.transaction() as tx:
            memory.write(tx, ".....", detector="new")
            result = memory.look(tx, THREE, detectors=("new",))
        assert result.decisions == ()
        assert memory.incidents() == []

    def test_a_new_one_that_has_not_caught_up_yet_holds_the_evaluation(self, memory: Memory) -> None:
        memory.evaluate("....", THREE)
        with memory.database.transaction() as tx:
            memory.write(tx, "uu", first=4)
            memory.write(tx, "..", detector="d2")
            assert memory.look(tx, ONE, detectors=("d1", "d2")).decisions == ()
            assert memory.look(tx, ONE, detectors=("d1", "d3")).decisions == ()

    def test_no_detectors_or_no_rules_do_nothing(self, memory: Memory) -> None:
        assert memory.evaluate("u", ONE, detectors=()).decisions == ()
        assert memory.evaluate("u").decisions == ()
        assert memory.rows("_tocsin_tasks", "detector_id") == []

    def test_a_slot_that_one_of_them_never_judged_is_no_anomaly(self, memory: Memory) -> None:
        with memory.database.transaction() as tx:
            memory.write(tx, "uuu", detector="d1")
            memory.write(tx, "u", detector="d2")
            memory.write(tx, "u", first=2, detector="d2")
            memory.look(tx, AlertRule(consecutive_anomalies=3), detectors=("d1", "d2"))
        (row,) = memory.incidents()
        assert (row["state"], row["opened_at"]) == ("pending", at(2))

    def test_a_slot_that_one_of_them_never_judged_is_no_recovery(self, memory: Memory) -> None:
        with memory.database.transaction() as tx:
            memory.write(tx, "u.u", detector="d1")
            memory.write(tx, "u", detector="d2")
            memory.write(tx, "u", first=2, detector="d2")
            memory.look(tx, ONE, detectors=("d1", "d2"))
        assert memory.kinds() == "first"


class TestMissingData:
    def test_it_is_told_and_so_is_its_end(self, memory: Memory) -> None:
        memory.evaluate("..---.", dataclasses.replace(THREE, no_data_for=2 * STEP))
        assert memory.kinds() == "no_data recovered"
        (first, _) = memory.messages()
        assert first["value"] is None
        assert first["direction"] is None
        assert first["title"] == "s has no data"

    def test_late_values_end_it_and_a_late_anomaly_in_them_is_told(self, memory: Memory) -> None:
        rule = dataclasses.replace(ONE, no_data_for=2 * STEP)
        memory.evaluate("..---", rule)
        memory.evaluate("uu.", rule, first=2, again_from=2)
        memory.evaluate(".", rule, first=5)
        assert memory.kinds() == "no_data first recovered recovered"
        assert [(row["condition"], row["opened_at"]) for row in memory.incidents()] == [
            ("anomaly", at(2)),
            ("no_data", at(2)),
        ]


class TestCorrections:
    def test_a_late_anomaly_is_told(self, memory: Memory) -> None:
        memory.evaluate("." * 10, THREE)
        memory.evaluate("uuu", THREE, first=3, again_from=3)
        assert memory.kinds() == "first recovered"

    def test_a_told_incident_keeps_its_beginning(self, memory: Memory) -> None:
        memory.evaluate("...uuu", THREE)
        memory.evaluate("u", THREE, first=2, again_from=2)
        memory.evaluate(".", THREE, first=6)
        assert memory.kinds() == "first recovered"
        assert [row["opened_at"] for row in memory.incidents()] == [at(3)]

    def test_an_open_incident_is_counted_again(self, memory: Memory) -> None:
        memory.evaluate("...uUuuu", THREE)
        memory.evaluate(".u", THREE, first=4, again_from=4)
        (row,) = memory.incidents()
        assert (row["anomalies"], row["severity"]) == (4, 2.0)

    def test_losing_the_rows_of_incidents_tells_nothing_twice(self, memory: Memory) -> None:
        rule = dataclasses.replace(ONE, renotify_every=2 * STEP)
        memory.evaluate("..uuuuU..", rule)
        before = memory.messages()
        memory.database.execute_query(
            f"DELETE FROM {memory.database.get_full_table_name('_tocsin_incidents')}"
        )
        result = memory.evaluate("", rule, again_from=0)
        assert len(result.decisions) == len(before)
        assert result.candidates == len(before)
        assert memory.messages() == before


def test_nothing_new_writes_nothing(memory: Memory) -> None:
    memory.evaluate("..uu", THREE)
    before = memory.rows("_tocsin_tasks", "detector_id"), memory.incidents()
    with memory.database.transaction() as tx:
        result = memory.look(tx, THREE)
    assert (result.decisions, result.incidents, result.candidates) == ((), (), 0)
    assert (memory.rows("_tocsin_tasks", "detector_id"), memory.incidents()) == before


def test_a_strange_metadata_still_gives_a_message(memory: Memory) -> None:
    with memory.database.transaction() as tx:
        memory.write(tx, "u")
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name('_tocsin_detections')} SET detection_metadata = %(new)s",
            {"new": '{"severity": null}'},
        )
        memory.look(tx, ONE)
    (message,) = memory.messages()
    assert (message["direction"], message["severity"]) == ("up", 0.0)


_names = (f"series-{number}" for number in itertools.count())
CONTRACT = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def told(memory: Memory, series: str) -> list[tuple[Any, ...]]:
    found = [message for message in memory.messages() if message["series"] == series]
    return [
        (message["kind"], message["timestamp"], message["opened_at"], message["reason"]) for message in found
    ]


def state(memory: Memory, series: str) -> list[dict[str, Any]]:
    hidden = {"series", "last_reason", "updated_at"}
    return [
        {key: value for key, value in row.items() if key not in hidden}
        for row in memory.incidents()
        if row["series"] == series
    ]


@CONTRACT
@given(TEXTS, rules(), st.lists(st.integers(0, 60), max_size=5), st.integers(0, 60))
def test_runs_cut_anywhere_tell_the_same_and_evaluating_again_tells_nothing(
    memory: Memory, text: str, rule: AlertRule, cuts: list[int], again_from: int
) -> None:
    rule = dataclasses.replace(rule, channels=("ops",))
    whole, cut = next(_names), next(_names)
    memory.evaluate(text, rule, series=whole)
    done = 0
    for end in [*sorted({min(cut, len(text)) for cut in cuts}), len(text)]:
        memory.evaluate(text[done:end], rule, first=done, series=cut)
        done = end
    assert told(memory, cut) == told(memory, whole)
    assert state(memory, cut) == state(memory, whole)
    before = state(memory, whole)
    again = memory.evaluate("", rule, again_from=again_from, series=whole)
    assert (again.decisions, again.candidates) == ((), 0)
    assert state(memory, whole) == before


@CONTRACT
@given(
    TEXTS.filter(bool),
    rules(),
    st.lists(st.tuples(st.integers(0, 59), st.sampled_from(".ud-")), min_size=1, max_size=6),
    st.integers(0, 60),
)
def test_a_correction_tells_no_message_twice(
    memory: Memory, text: str, rule: AlertRule, corrections: list[tuple[int, str]], again_from: int
) -> None:
    rule = dataclasses.replace(rule, channels=("ops",))
    series = next(_names)
    memory.evaluate(text, rule, series=series)
    letters = list(text)
    for place, letter in corrections:
        letters[place % len(text)] = letter
    first = min(place % len(text) for place, _ in corrections)
    memory.evaluate("".join(letters)[first:], rule, first=first, again_from=first, series=series)
    after = told(memory, series), state(memory, series)
    memory.evaluate("", rule, again_from=again_from, series=series)
    assert (told(memory, series), state(memory, series)) == after


def test_two_memories_give_a_message_the_same_id(new_memory: Callable[[], Memory]) -> None:
    ids = []
    for memory in (new_memory(), new_memory()):
        memory.evaluate("..u.", ONE, project="p")
        ids.append([message["id"] for message in memory.messages()])
    assert ids[0] == ids[1]
    other = new_memory()
    other.evaluate("..u.", ONE, project="q")
    assert not {message["id"] for message in other.messages()} & set(ids[0])


def test_either_memory_evaluates_explains_and_tells_alike(
    store: SqlManager, new_memory: Callable[[], Memory]
) -> None:
    rule = dataclasses.replace(THREE, renotify_every=2 * STEP, no_data_for=2 * STEP)
    here, there = Memory(store), new_memory()
    for memory in (here, there):
        memory.evaluate("u.uuuuuU.--", rule, project="p", findings=lambda point: FindingFacts((str(point),)))
        memory.evaluate("uu.", rule, first=9, again_from=9, project="p")
    assert here.messages() == there.messages()
    assert here.kinds() == "first repeat escalated recovered no_data recovered"
    assert here.untold() == there.untold()
    order = "event_at, decided_at, decision_id"
    assert here.rows("_tocsin_decisions", order) == there.rows("_tocsin_decisions", order)


def test_a_correction_while_a_new_detector_is_behind_leaves_the_open_incident_alone(memory: Memory) -> None:
    memory.evaluate("..uuuuu", THREE)
    before = memory.incidents()
    with memory.database.transaction() as tx:
        memory.write(tx, "..u", detector="new")
        assert memory.look(tx, THREE, detectors=("d1", "new"), again_from=2).incidents == ()
    assert memory.incidents() == before


def test_numbers_that_json_does_not_have_and_values_that_are_no_json_do_not_stop_a_message(
    memory: Memory,
) -> None:
    with memory.database.transaction() as tx:
        memory.write(tx, "u")
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name('_tocsin_detections')}"
            " SET detection_metadata = %(new)s, confidence_upper = %(inf)s",
            {"new": '{"severity": Infinity}', "inf": float("inf")},
        )
        memory.look(tx, ONE, tags=[at(0)], since=at(0))
    (message,) = memory.messages()
    assert (message["severity"], message["confidence_upper"]) == (0.0, None)
    assert message["tags"] == ["2026-01-01 00:00:00+00:00"]
