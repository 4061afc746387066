"""Questions to the book of thresholds, and what its answers mean."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.alerting.stages.builders import at, event, incident, worse
from tocsin.alerting.plan import Answer, Asked
from tocsin.alerting.threshold import question, relapse_decision, threshold_decision
from tocsin.model import DecisionKind, Severity
from tocsin.testing.alerting import MemoryThresholds


def answer(kind: DecisionKind, **values: Any) -> Answer:
    fields: dict[str, Any] = {
        "held_count": 0, "group": "soc", "channel": "mail", "classes": ("Recon.Scanning",),
        "entity": "192.0.2.1", "severity": Severity.MEDIUM,
    }  # fmt: skip
    return Answer(kind, at(60), **{**fields, **values})


def test_only_who_wants_thresholds_is_asked_about() -> None:
    asked = question(event(), "soc", "mail", moment=at(1), now=at(9))
    assert asked == Asked(event(), "soc", "mail", at(1))
    assert question(incident(), "soc", "mail", moment=at(1), now=at(9)) is None


def test_no_question_is_from_the_future() -> None:
    asked = question(event(), "soc", "mail", moment=at(100), now=at(9))
    assert asked is not None
    assert asked.at == at(9)


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        (answer(DecisionKind.FIRST), "first", "the filter selects it"),
        (
            answer(DecisionKind.HELD, held_count=1),
            "held",
            (
                "Recon.Scanning of 192.0.2.1 was told before and is silent until 2026-03-02 13:00:00 UTC;"
                " 1 was held back since then"
            ),
        ),
        (
            answer(DecisionKind.ESCALATED, held_count=1200),
            "escalated",
            (
                "the filter selects it; it is worse than what was told of Recon.Scanning of 192.0.2.1;"
                " 1,200 were held back before"
            ),
        ),
        (
            answer(DecisionKind.RELAPSED, held_count=2, entity=""),
            "relapsed",
            (
                "the filter selects it; Recon.Scanning went on near the end of its silence;"
                " 2 were held back before"
            ),
        ),
    ],
)
def test_an_answer_is_a_decision_with_its_reason(said: Answer, kind: str, reason: str) -> None:
    decision = threshold_decision(said, event())
    assert (decision.kind.value, decision.reason) == (kind, reason)


def test_what_is_told_first_is_told_as_its_rule_says() -> None:
    decision = threshold_decision(answer(DecisionKind.FIRST), incident(kind=DecisionKind.NO_DATA))
    assert decision.kind is DecisionKind.NO_DATA


def test_a_relapse_says_how_many_were_held_back() -> None:
    decision = relapse_decision(answer(DecisionKind.RELAPSED, held_count=3))
    assert decision.kind is DecisionKind.RELAPSED
    assert decision.reason.endswith("near the end of its silence; 3 were held back before")


class TestTheBookInMemory:
    """The fake that others test with behaves as a book."""

    def ask(self, book: MemoryThresholds, *minutes: float, severity: str = "medium") -> str:
        questions = [
            Asked(worse(event(f"e{one}-{severity}"), Severity(severity)), "soc", "mail", at(one))
            for one in minutes
        ]
        return " ".join(one.kind.value for one in book.ask(questions))

    def make(self) -> MemoryThresholds:
        return MemoryThresholds(
            {Severity.MEDIUM: (timedelta(minutes=60), timedelta(minutes=20)),
             Severity.HIGH: (timedelta(minutes=30), timedelta(0))}
        )  # fmt: skip

    def test_it_tells_once_and_again_when_it_relapses(self) -> None:
        book = self.make()
        assert self.ask(book, 0, 10, 50, 61, 62) == "first held held relapsed held"

    def test_it_forgets_what_did_not_go_on(self) -> None:
        book = self.make()
        assert self.ask(book, 0, 10, 61) == "first held first"

    def test_what_is_worse_passes(self) -> None:
        book = self.make()
        assert self.ask(book, 0, 10) == "first held"
        assert self.ask(book, 11, 12, severity="high") == "escalated held"
        assert self.ask(book, 13) == "held"

    def test_a_relapse_comes_due_by_itself_once(self) -> None:
        book = self.make()
        self.ask(book, 0, 10, 50)
        assert book.due(at(59)) == []
        (due,) = book.due(at(90))
        assert (due.kind, due.held_count, due.at) == (DecisionKind.RELAPSED, 2, at(60))
        assert due.held_ids == ("e10-medium", "e50-medium")
        assert book.due(at(90)) == []
        assert self.ask(book, 95) == "held"
