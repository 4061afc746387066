"""Decisions and acknowledgements as they are kept, in both memories."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.alerting.candidates import EVENT, FIRST, like
from tests.alerting.conftest import NOW
from tests.alerting.series import at
from tocsin.alerting.acknowledgements import acknowledge, read_acknowledgements
from tocsin.alerting.record import (
    Decision,
    Stage,
    decision_about,
    note_messages,
    opening_decisions,
    told_pairs,
    write_decisions,
)
from tocsin.model import DecisionKind, Severity

if TYPE_CHECKING:
    from tocsin.database.sql_manager import SqlManager
    from tocsin.model import AlertCandidate

POINT = Decision(
    candidate_id="",
    event_id="e9",
    monitor="web",
    series="web",
    rule="default",
    condition="anomaly",
    opened_at=None,
    group="",
    channel="",
    kind=DecisionKind.NONE,
    stage=Stage.RULE,
    reason="not long enough",
    severity=Severity.MEDIUM,
    event_at=at(3),
)


def told(
    candidate: AlertCandidate, kind: DecisionKind = DecisionKind.FIRST, group: str = "ops", **more: Any
) -> Decision:
    return decision_about(candidate, kind, Stage.ROUTE, "because", group=group, channel="chat", **more)


def rows(store: SqlManager) -> list[dict[str, Any]]:
    table = store.get_full_table_name("_tocsin_decisions")
    return store.execute_query(f"SELECT * FROM {table} ORDER BY decided_at, group_name, event_at")


def test_a_decision_is_kept_with_all_that_it_says(store: SqlManager) -> None:
    decision = told(FIRST, DecisionKind.HELD, until=at(60), notice_id="n1")
    with store.transaction() as tx:
        assert write_decisions(tx, [decision], NOW) == 1
        assert opening_decisions(tx, like(FIRST, at=at(5))) == [decision]
    (row,) = rows(store)
    assert row == {
        "decision_id": decision.id,
        "candidate_id": "c1",
        "event_id": "e3",
        "monitor": "web",
        "series": "web{host=a}",
        "rule": "default",
        "condition": "anomaly",
        "opened_at": at(0),
        "group_name": "ops",
        "channel": "chat",
        "kind": "held",
        "stage": "route",
        "reason": "because",
        "severity": "medium",
        "event_at": at(2),
        "decided_at": NOW,
        "until": at(60),
        "notice_id": "n1",
        "message_id": None,
    }


def test_a_decision_is_kept_once_however_often_it_is_taken(store: SqlManager) -> None:
    again = dataclasses.replace(told(FIRST), reason="in other words")
    with store.transaction() as tx:
        assert write_decisions(tx, [told(FIRST), told(FIRST)], NOW) == 1
        assert write_decisions(tx, [again, told(FIRST, group="dev")], NOW + timedelta(days=1)) == 1
        assert write_decisions(tx, [], NOW) == 0
    assert [(row["reason"], row["group_name"]) for row in rows(store)] == [
        ("because", "ops"), ("because", "dev"),
    ]  # fmt: skip


def test_a_point_is_told_of_once_an_incident_and_outside_of_incidents_once_a_reason() -> None:
    within = dataclasses.replace(POINT, opened_at=at(1), reason="told at noon")
    assert within.id == dataclasses.replace(within, reason="told at one").id
    assert within.id != dataclasses.replace(within, opened_at=at(2)).id
    assert POINT.id != dataclasses.replace(POINT, reason="on the other side").id
    assert len({POINT.id, within.id, *(dataclasses.replace(POINT, event_at=at(n)).id for n in (4, 5))}) == 4
    assert POINT.id != dataclasses.replace(POINT, rule="other").id


def test_a_reason_that_no_database_takes_is_kept_without_what_is_wrong(store: SqlManager) -> None:
    with store.transaction() as tx:
        write_decisions(tx, [dataclasses.replace(POINT, reason="of a\x00b\ud800")], NOW)
    assert [row["reason"] for row in rows(store)] == ["of ab?"]


def test_thousands_of_decisions_are_kept(store: SqlManager) -> None:
    many = [dataclasses.replace(POINT, event_at=at(number)) for number in range(5003)]
    with store.transaction() as tx:
        assert write_decisions(tx, many, NOW) == 5003
        assert write_decisions(tx, many, NOW) == 0


def test_who_was_told_of_an_opening_is_found_by_the_incident(store: SqlManager) -> None:
    other = like(FIRST, id="c5", opened_at=at(1))
    missing = like(FIRST, id="c6", condition="no_data", kind=DecisionKind.NO_DATA)
    with store.transaction() as tx:
        write_decisions(
            tx,
            [
                told(FIRST),
                told(FIRST, DecisionKind.HELD, group="dev"),
                told(FIRST, DecisionKind.RELAPSED, group="sec"),
                told(like(FIRST, id="c7", rule="quick"), group="quick"),
                told(missing, DecisionKind.NO_DATA, group="dba"),
                told(other, DecisionKind.SILENCED),
            ],
            NOW,
        )
        over = [like(one, id=f"{one.id}-over", at=at(9)) for one in (FIRST, other, missing, EVENT)]
        assert told_pairs(tx, over) == {
            "c1-over": {("ops", "chat"), ("sec", "chat")},
            "c5-over": set(),
            "c6-over": {("dba", "chat")},
        }
        assert told_pairs(tx, []) == {}


def test_who_was_told_is_found_for_a_thousand_incidents(store: SqlManager) -> None:
    many = [like(FIRST, id=f"c{number}", opened_at=at(number)) for number in range(1000)]
    with store.transaction() as tx:
        write_decisions(tx, [told(one) for one in many[::2]], NOW)
        pairs = told_pairs(tx, many)
    assert [bool(pairs[one.id]) for one in many] == [True, False] * 500


def test_the_decisions_about_an_opening_leave_out_what_came_after_it(store: SqlManager) -> None:
    repeat = like(FIRST, id="c8", kind=DecisionKind.REPEAT, at=at(5))
    opening = [told(FIRST, DecisionKind.HELD), told(FIRST, DecisionKind.SILENCED, group="dev")]
    point = dataclasses.replace(POINT, series=FIRST.series, opened_at=at(0), event_at=at(0))
    with store.transaction() as tx:
        write_decisions(tx, [*opening, told(repeat, DecisionKind.NONE), point], NOW)
        read = opening_decisions(tx, like(repeat, id="c9", at=at(8)))
        assert {decision.id for decision in read} == {decision.id for decision in opening}
        assert opening_decisions(tx, FIRST) == []
        assert opening_decisions(tx, EVENT) == []


def test_a_message_is_noted_at_every_decision_that_it_tells(store: SqlManager) -> None:
    decisions = [
        told(like(FIRST, id=f"c{number:04}", at=at(number)), notice_id=f"n{number}") for number in range(600)
    ]
    messages = {f"n{number}": f"n{number}" if number < 500 else "digest" for number in range(599)}
    with store.transaction() as tx:
        write_decisions(tx, decisions, NOW)
        note_messages(tx, messages)
    assert [row["message_id"] for row in rows(store)] == [messages.get(f"n{number}") for number in range(600)]


def test_who_acknowledged_an_incident_last_is_the_one(store: SqlManager) -> None:
    key, other = ("web", "default", "anomaly", at(0)), ("web", "default", "no_data", at(0))
    with store.transaction() as tx:
        acknowledge(tx, key, "ann", "on it", NOW)
        acknowledge(tx, other, "ann", "", NOW)
        acknowledge(tx, key, "bob", "now me", NOW + timedelta(minutes=1))
        found = read_acknowledgements(tx)
    assert {known: one.author for known, one in found.items()} == {key: "bob", other: "ann"}
    assert (found[key].key, found[key].comment) == (key, "now me")
    assert found[key].created_at == NOW + timedelta(minutes=1)
