"""What notices say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.stages.builders import NOON, at, event, incident
from tocsin.alerting.event_message import blank_message, message_about, relapse_message, when_lines
from tocsin.alerting.message import test_message as example_message
from tocsin.alerting.plan import Answer
from tocsin.model import AlertCandidate, AlertDecision, DecisionKind, Severity

WHY = AlertDecision(DecisionKind.FIRST, "the filter selects it")


def about(
    candidate: AlertCandidate, decision: AlertDecision = WHY, answer: Answer | None = None
) -> dict[str, Any]:
    return message_about(candidate, decision, group="soc", project="p", now=NOON, answer=answer)


def answer(kind: DecisionKind, held: int = 0, **values: Any) -> Answer:
    ids = tuple(f"h{number}" for number in range(min(held, 100)))
    fields: dict[str, Any] = {"group": "soc", "channel": "mail", "classes": ("Recon.Scanning",)}
    fields |= {"entity": "192.0.2.1", "severity": Severity.MEDIUM, "held_ids": ids}
    return Answer(kind, at(60), held, **{**fields, **values})


def test_an_event_has_all_keys_of_an_incident() -> None:
    assert set(example_message("web", NOON)) - {"id"} <= set(about(event()))
    assert set(about(event())) == set(blank_message("p", NOON))


def test_an_event_is_told_in_words() -> None:
    candidate = event(
        targets=("198.51.100.1", "www.example.org"),
        severity=Severity.HIGH,
        tags=("campus",),
        idea={
            "Description": "Someone looks\nfor open ports.",
            "Node": [{"Name": "fox"}, {"Name": "owl", "Type": ["Relay"]}],
            "_Tocsin": {"EventClass": "scan-tcp"},
        },
        message={"description": "All of the IDS.", "timezone": "Europe/Prague"},
    )
    message = about(candidate, answer=answer(DecisionKind.FIRST))
    assert message["title"] == "scan-tcp from 192.0.2.1"
    assert message["text"].splitlines() == [
        "Someone looks for open ports.",
        "scan-tcp, Recon.Scanning, severity high, at 2026-03-02 13:00 CET.",
        "From 192.0.2.1.",
        "On 198.51.100.1, www.example.org.",
        "Seen by fox, owl.",
        "Why: the filter selects it.",
        "The same is not told again until 2026-03-02 14:00 CET.",
        "Event e1",
        "All of the IDS.",
    ]
    assert message["event"] == {
        "id": "e1",
        "class": "scan-tcp",
        "categories": ["Recon.Scanning"],
        "severity": "high",
        "description": "Someone looks for open ports.",
        "sources": ["192.0.2.1"],
        "targets": ["198.51.100.1", "www.example.org"],
        "nodes": ["fox", "owl"],
        "entity": "192.0.2.1",
    }
    assert (message["subject"], message["group"], message["severity"]) == ("events", "soc", None)
    assert (message["severity_word"], message["until"]) == ("high", "2026-03-02T13:00:00Z")
    assert (message["kind"], message["timestamp"], message["tags"]) == (
        "first", "2026-03-02T12:00:00Z", ["campus"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("candidate", "title"),
    [
        (event(), "Recon.Scanning from 192.0.2.1"),
        (event(sources=("192.0.2.1", "192.0.2.2", "192.0.2.3")), "Recon.Scanning from 192.0.2.1 and 2 more"),
        (event(sources=(), targets=("198.51.100.1",)), "Recon.Scanning on 198.51.100.1"),
        (event(sources=()), "Recon.Scanning"),
        (event(idea={"Category": []}), "ids from 192.0.2.1"),
        (event(idea={"Category": "Test"}), "Test from 192.0.2.1"),
    ],
)
def test_a_title_says_what_and_whom(candidate: AlertCandidate, title: str) -> None:
    assert about(candidate)["title"] == title


@pytest.mark.parametrize(
    ("kind", "title", "said"),
    [
        (
            "escalated",
            "Recon.Scanning from 192.0.2.1, now medium",
            "7 were held back since it was last told.",
        ),
        ("relapsed", "Recon.Scanning from 192.0.2.1 again", "7 were held back since it was last told."),
    ],
)
def test_what_was_held_back_before_is_told_with_an_event(kind: str, title: str, said: str) -> None:
    decision = AlertDecision(DecisionKind(kind), "it went on")
    message = about(event(), decision, answer(DecisionKind(kind), held=7))
    assert message["title"] == title
    assert said in message["text"].splitlines()
    assert message["held_count"] == 7
    assert message["items"] == [{"event_id": f"h{number}"} for number in range(7)]
    assert message["more"] == 0


def test_an_incident_is_told_as_before_with_its_group() -> None:
    candidate = incident()
    message = about(candidate)
    assert {key: message[key] for key in candidate.message} == candidate.message
    assert (message["group"], message["severity_word"], message["severity"]) == ("soc", "medium", 4.5)


def test_an_incident_that_relapses_says_how_many_were_held_back() -> None:
    decision = AlertDecision(DecisionKind.RELAPSED, "it went on")
    message = about(incident(), decision, answer(DecisionKind.RELAPSED, held=1))
    assert (message["kind"], message["title"]) == ("relapsed", "web is above its band again")
    assert message["reason"] == "it went on"
    assert message["text"].splitlines() == [
        "web has been above its band.",
        "One was held back since it was last told.",
        "The same is not told again until 2026-03-02 13:00 UTC.",
    ]


def test_a_relapse_that_came_due_names_the_first_of_many() -> None:
    decision = AlertDecision(DecisionKind.RELAPSED, "it went on near the end of its silence")
    candidate = event("relapse")
    message = relapse_message(
        answer(DecisionKind.RELAPSED, held=300), decision, candidate=candidate, project="p", now=NOON
    )
    assert message["title"] == "Recon.Scanning of 192.0.2.1 again"
    assert message["text"].splitlines() == [
        "Why: it went on near the end of its silence. Severity medium.",
        "300 were held back since it was last told.",
        "The same is not told again until 2026-03-02 13:00 UTC.",
        "The first of them:",
        *(f"  h{number}" for number in range(5)),
        "  and 295 more",
    ]
    assert (len(message["items"]), message["more"], message["held_count"]) == (50, 250, 300)
    assert message["event"]["entity"] == "192.0.2.1"
    assert set(message) == set(blank_message("p", NOON))


@pytest.mark.parametrize(
    ("minutes", "count", "said"),
    [
        ((), 0, []),
        ((5,), 1, ["What was held back came at 2026-03-02 12:05:00 UTC."]),
        (
            (5, 1, 9),
            3,
            ["What was held back came from 2026-03-02 12:01:00 UTC to 2026-03-02 12:09:00 UTC."],
        ),
        ((1, 5), 300, ["What was held back came from 2026-03-02 12:01:00 UTC on."]),
    ],
)
def test_when_it_was_is_said_as_far_as_it_is_known(
    minutes: tuple[int, ...], count: int, said: list[str]
) -> None:
    assert list(when_lines([at(one) for one in minutes], count)) == said


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100)
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("Category", "Description", "Node", "_Tocsin", "_Mentat"), JUNK)
    ),
    st.lists(st.text(max_size=6), max_size=4),
)
def test_whatever_an_event_holds_there_is_a_message(idea: dict[str, Any], names: list[str]) -> None:
    candidate = event(sources=tuple(names), targets=tuple(names), idea=idea)
    message = about(candidate, answer=answer(DecisionKind.FIRST))
    assert message["title"]
    assert "\n" not in message["title"]
    json.dumps(message, allow_nan=False).encode()
    (message["title"] + message["text"]).encode()


def test_times_are_those_of_the_event() -> None:
    late = datetime(2026, 3, 2, 11, 59, 59, 500_000, tzinfo=UTC)
    assert about(event(at=late))["timestamp"] == "2026-03-02T11:59:59.500Z"
