"""The book of thresholds of alerting: what it makes of candidates, and what it says."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.runtime.events.conftest import BEGIN, EventsWorkspace, event
from tocsin.alerting.plan import Asked
from tocsin.eventstorage import Idea
from tocsin.eventstorage.thresholds import DEFAULT_RULES, ThresholdRule
from tocsin.model import AlertCandidate, DecisionKind, MonitorKind, Severity
from tocsin.runtime.alerts.threshold_book import StoreThresholds, threshold_rules
from tocsin.runtime.config.groups import GroupsConfig
from tocsin.runtime.databases import open_memory
from tocsin.runtime.findings.store import events_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import SteppingClock

INCIDENT = AlertCandidate(
    "c0", "cpu", MonitorKind.METRIC, "cpu{host=a}", "default", DecisionKind.FIRST, "high", BEGIN,
    opened_at=BEGIN, threshold=True,
)  # fmt: skip
KINDS = DecisionKind


@contextmanager
def book_of(project: EventsWorkspace) -> Iterator[StoreThresholds]:
    loaded = project.load()
    with open_memory(loaded, project.clock) as memory, memory.transaction() as tx:
        cursor = events_in(tx, loaded, None)
        yield StoreThresholds(cursor, threshold_rules(loaded.groups))


def asked(candidate: AlertCandidate, days: float, channel: str = "ops") -> Asked:
    return Asked(candidate, "office", channel, BEGIN + timedelta(days=days))


def about(number: int, severity: str = "medium") -> AlertCandidate:
    one = Idea(event(number, 0, _Tocsin={"EventSeverity": severity}))
    of_events = replace(INCIDENT, id=f"c{number}", source=MonitorKind.EVENTS, event_ids=(f"e{number}",))
    return replace(of_events, event=one, severity=Severity.of(severity))


def test_an_incident_is_known_by_monitor_rule_and_series(project: EventsWorkspace) -> None:
    others = [
        replace(INCIDENT, id="c1", series="cpu{host=b}"),
        replace(INCIDENT, id="c2", rule="other"),
        replace(INCIDENT, id="c3", monitor="disk"),
        replace(INCIDENT, id="c4"),
    ]

    with book_of(project) as book:
        answers = book.ask([asked(INCIDENT, 0), *(asked(one, 1) for one in others)])

    assert [one.kind for one in answers] == [*[KINDS.FIRST] * 4, KINDS.HELD]
    assert (answers[0].classes, answers[0].entity) == (("cpu/default",), "cpu{host=a}")
    assert answers[4].until == BEGIN + timedelta(days=6)


def test_how_bad_an_event_is_that_does_not_say_so_is_said_by_its_candidate(project: EventsWorkspace) -> None:
    mute = replace(about(1), event=Idea(event(1, 0)), severity=Severity.HIGH)

    with book_of(project) as book:
        (answer,) = book.ask([asked(mute, 0)])

    assert (answer.severity, answer.until) == (Severity.HIGH, BEGIN + timedelta(days=1))


def test_channels_and_groups_are_silent_each_by_itself(project: EventsWorkspace) -> None:
    with book_of(project) as book:
        answers = book.ask([asked(about(1), 0), asked(about(2), 0, "boss"), asked(about(3), 0)])

    assert [one.kind for one in answers] == [KINDS.FIRST, KINDS.FIRST, KINDS.HELD]


def test_what_is_worse_passes_with_the_ids_of_what_was_held(project: EventsWorkspace) -> None:
    with book_of(project) as book:
        answers = book.ask([asked(about(n), n) for n in range(3)])
        (worse,) = book.ask([asked(about(3, "critical"), 3)])

    assert [one.held_ids for one in answers] == [(), (), ()]
    assert (worse.kind, worse.severity, worse.held_count) == (KINDS.ESCALATED, Severity.CRITICAL, 2)
    assert worse.held_ids == ("e1", "e2")


def test_the_same_candidate_again_is_answered_the_same(project: EventsWorkspace) -> None:
    questions = [asked(about(n), n) for n in range(3)]

    with book_of(project) as book:
        first = book.ask(questions)
    with book_of(project) as book:
        again = book.ask(questions)

    assert again == [replace(one, held_count=two.held_count) for one, two in zip(first, again, strict=True)]


def test_a_relapse_is_due_once_as_of_the_end_of_its_silence(
    project: EventsWorkspace, clock: SteppingClock
) -> None:
    clock.time = BEGIN + timedelta(days=100)
    with book_of(project) as book:
        book.ask([asked(about(1), 0), asked(about(2), 5)])
        book.pass_to(BEGIN + timedelta(days=5.9))
        assert not book.any_due()
        assert book.due(clock.now()) == []
        book.pass_to(BEGIN + timedelta(days=9))
        assert book.any_due()

        (answer,) = book.due(clock.now())

        assert (answer.kind, answer.held_ids) == (KINDS.RELAPSED, ("e2",))
        assert answer.at == BEGIN + timedelta(days=6)
        assert answer.until == BEGIN + timedelta(days=12)
        assert book.due(clock.now()) == []


def test_what_came_due_and_nobody_was_told_of_begins_anew(
    project: EventsWorkspace, clock: SteppingClock
) -> None:
    clock.time = BEGIN + timedelta(days=100)
    with book_of(project) as book:
        book.ask(
            [asked(about(1), 0), asked(about(2), 5), asked(about(3), 0, "boss"), asked(about(4), 5, "boss")]
        )
        book.pass_to(BEGIN + timedelta(days=9))
        answers = book.due(clock.now())
        assert len(answers) == 2

        book.untell([one for one in answers if one.channel == "ops"])

        following = book.ask([asked(about(5), 7), asked(about(5), 7, "boss"), asked(about(6), 8)])
        assert [one.kind for one in following] == [KINDS.FIRST, KINDS.HELD, KINDS.HELD]


def test_the_next_end_is_that_of_the_silence_that_ends_first(project: EventsWorkspace) -> None:
    with book_of(project) as book:
        assert book.next_end(BEGIN) is None
        book.ask([asked(about(1), 0), asked(replace(INCIDENT, severity=Severity.HIGH), 1)])

        ends = [book.next_end(BEGIN + timedelta(days=day)) for day in (1, 3, 6)]

        assert ends == [BEGIN + timedelta(days=2), BEGIN + timedelta(days=6), None]
        assert book.asked == (BEGIN, BEGIN + timedelta(days=1))
        assert book.shortest == timedelta(days=1)


def test_what_is_over_is_forgotten_and_a_relapse_is_not(project: EventsWorkspace) -> None:
    with book_of(project) as book:
        book.ask([asked(about(1), 0), asked(about(2), 5), asked(INCIDENT, 0)])

        forgotten = [book.forget(BEGIN + timedelta(days=7), 10) for _ in range(2)]

        assert forgotten == [1, 0]
        assert len(book.due(BEGIN + timedelta(days=7))) == 1


def test_rules_are_the_default_ones_but_for_those_of_the_file() -> None:
    groups = GroupsConfig.model_validate({"thresholds": {"low": {"silence": "2d", "relapse": "1d"}}})

    assert threshold_rules(groups) == {
        "low": ThresholdRule(DEFAULT_RULES[Severity.LOW].period, timedelta(days=2), timedelta(days=1))
    }


def ask_and_fail(project: EventsWorkspace) -> None:
    with book_of(project) as book:
        book.ask([asked(about(1), 0)])
        raise KeyError


def test_what_was_decided_is_undone_with_the_transaction(project: EventsWorkspace) -> None:
    with pytest.raises(KeyError):
        ask_and_fail(project)

    with book_of(project) as book:
        (answer,) = book.ask([asked(about(2), 1)])

    assert answer.kind is KINDS.FIRST
