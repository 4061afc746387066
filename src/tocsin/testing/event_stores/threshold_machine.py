"""Random histories of reports, told by a store and by a plain model alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tocsin.eventstorage import Thresholder
from tocsin.eventstorage.thresholds import DEFAULT_RULES, Candidate, ThresholdRule
from tocsin.testing.event_stores.base import EventStoreContract, message
from tocsin.testing.event_stores.threshold_model import SEVERITIES, Said, ThresholdModel

if TYPE_CHECKING:
    from tocsin.eventstorage import EventStorageService, Verdict
    from tocsin.eventstorage.thresholds import ThresholdKey

__all__ = ["ThresholdHistoryContract"]

_START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_TICK, _HOUR = timedelta(microseconds=1), timedelta(hours=1)
_NOTHING = timedelta(0)
_RULES = [
    {name.value: one for name, one in DEFAULT_RULES.items()},
    dict.fromkeys(SEVERITIES, ThresholdRule(_HOUR, 3 * _HOUR, 3 * _HOUR)),
    dict(
        zip(
            SEVERITIES,
            [
                ThresholdRule(_HOUR, 4 * _HOUR, _HOUR),
                ThresholdRule(_HOUR, 3 * _HOUR, _NOTHING),
                ThresholdRule(_HOUR, 2 * _HOUR, 2 * _HOUR),
                ThresholdRule(_HOUR, _TICK, _TICK),
                ThresholdRule(_HOUR, _NOTHING, _NOTHING),
            ],
            strict=True,
        )
    ),
]
_Move = int | tuple[int, int] | None
_EDGES = st.tuples(st.integers(1, 15), st.integers(-1, 1))
_MOVES = st.none() | _EDGES | st.none() | _EDGES | st.integers(-3, 30)
_SEVERITY = st.sampled_from(["low", "high", "high", "high", *SEVERITIES])
_ASKED = st.tuples(
    _SEVERITY,
    st.sampled_from([{"192.0.2.1"}, {"192.0.2.1"}, {"192.0.2.2"}, {"192.0.2.1", "192.0.2.2"}]),
    st.sampled_from(
        [("scan", "g", "c", "source", False)] * 6
        + [
            ("scan", "g", "c", "source", True),
            ("scan", "g", "c", "target", False),
            ("scan", "gc", "", "source", False),
            ("login", "g", "c", "source", False),
        ]
    ),
)
_RECENT = 2  # reports: what was held back before may be forgotten


class _History(RuleBasedStateMachine):
    """One history, in one transaction that is undone at its end."""

    store: EventStorageService

    def __init__(self) -> None:
        super().__init__()
        self.cursor = self.store.cursor_new()
        self.now = _START
        self.names = count()
        self.asked: list[Candidate] = []
        self.model = ThresholdModel({})
        self.take_rules(0)

    def teardown(self) -> None:
        self.cursor.close()

    def take_rules(self, number: int) -> None:
        times = _RULES[number]
        self.thresholder = Thresholder(self.cursor, times)
        self.model.times = {name: (one.silence, one.relapse) for name, one in times.items()}

    @rule(asked=st.lists(_ASKED, min_size=1, max_size=3), move=_MOVES)
    def hear(self, asked: list[Any], move: _Move) -> None:
        self.move(move)
        candidates = []
        for severity, entities, (name, group, channel, side, shadow) in asked:
            ends = {place: [{"IP4": sorted(entities)}] for place in ("Source", "Target")}
            enrichment = {"EventClass": name, "EventSeverity": severity}
            event = message(f"e{next(self.names):03}", **ends, _Tocsin=enrichment)
            candidates.append(Candidate(event, group, channel, self.now, side, shadow))
        self.cursor.insert_events([candidate.event for candidate in candidates])
        self.asked += candidates
        self.admit(candidates)

    @rule(severities=st.lists(_SEVERITY, min_size=1, max_size=3), move=_MOVES)
    def go_on(self, severities: list[str], move: _Move) -> None:
        """Let the same happen again."""
        self.hear(
            [(severity, {"192.0.2.1"}, ("scan", "g", "c", "source", False)) for severity in severities], move
        )

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def hear_again(self, data: st.DataObject) -> None:
        recent = [candidate for candidate in self.asked[-10:] if self.is_recent(candidate)]
        if recent:
            candidate = data.draw(st.sampled_from(recent))
            self.admit([candidate._replace(now=self.now)])

    @rule(number=st.integers(0, len(_RULES) - 1))
    def change_the_rules(self, number: int) -> None:
        self.take_rules(number)
        self.thresholder.recompute()

    @rule(move=_MOVES, can_tell=st.sampled_from([True, True, False]))
    def ask_for_relapses(self, move: _Move, *, can_tell: bool) -> None:
        self.move(move)
        verdicts: list[Verdict] = []
        while some := self.thresholder.due(self.now, limit=2):
            verdicts += some
        assert {_key(one.key): _said(one) for one in verdicts} == self.model.due(self.now)
        for verdict in verdicts:
            self.check_held(verdict)
        if not can_tell:
            self.thresholder.forget([one.key for one in verdicts])
            for verdict in verdicts:
                del self.model.told[_key(verdict.key)]

    @rule(move=_MOVES)
    def clean(self, move: _Move) -> None:
        self.move(move)
        self.thresholder.clean(self.now, batch=2)
        self.model.clean(self.now)
        assert self.cursor.thresholded_events_count() == self.model.remembered()
        assert self.cursor.thresholds_count() == len(self.model.told)

    @rule()
    def clean_by_hand(self) -> None:
        self.cursor.thresholded_events_clean()

    @invariant()
    def the_same_is_silent(self) -> None:
        silences = self.thresholder.silences(self.now)
        assert {_key(one.key): _said(one) for one in silences} == self.model.silences(self.now)

    def move(self, move: _Move) -> None:
        """Go to (the instant beside) an instant at which something changes, or some hours on, or stay."""
        if isinstance(move, int):
            self.now += move * _HOUR
        elif move is not None:
            place, ticks = move
            edges = [_START]
            for reports in self.model.told.values():
                silence, relapse = self.model.times[reports[-1].severity]
                at = reports[-1].at
                edges += [at + silence, at + silence - relapse, at + silence, at, at - silence]
            self.now = edges[place % len(edges)] + ticks * _TICK

    def admit(self, candidates: list[Candidate]) -> None:
        verdicts = self.thresholder.admit_all(candidates)
        expected = []
        for candidate in candidates:
            event: Any = candidate.event
            severity = event["_Tocsin"]["EventSeverity"]
            expected.append(
                {key: self.model.hear(key, event["ID"], severity, self.now) for key in _keys(candidate)}
            )
        for verdict, said in zip(verdicts, expected, strict=True):
            parts = verdict.each or (verdict,)
            assert {_key(one.key): _said(one) for one in parts} == said
            assert verdict.is_told == any(one.kind != "held" for one in said.values())
        if len(candidates) == 1:
            for part in verdicts[0].each or verdicts:
                if self.model.told[_key(part.key)][-1].because_of == event["ID"]:
                    self.check_held(part)

    def check_held(self, verdict: Verdict) -> None:
        if verdict.kind in ("escalated", "relapsed"):
            held = [event.id for event in self.thresholder.held_events(verdict)]
            assert held == self.model.held_with(_key(verdict.key))
            assert len(held) == verdict.held_count

    def is_recent(self, candidate: Candidate) -> bool:
        """Whether all keys of a candidate still remember it."""
        event: Any = candidate.event
        return all(
            any(
                report.because_of == event["ID"] or event["ID"] in [one for _, one, _ in report.held]
                for report in self.model.told.get(key, [])[-_RECENT:]
            )
            for key in _keys(candidate)
        )


class ThresholdHistoryContract(EventStoreContract):
    """A store and a plain model say the same.

    Attributes:
        histories: How many are tried.
    """

    histories = 100

    def test_any_history_is_told_as_the_model_tells_it(self, store: EventStorageService) -> None:
        run_state_machine_as_test(
            type("History", (_History,), {"store": store}),
            settings=settings(
                max_examples=self.histories,
                stateful_step_count=50,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
            ),
        )


def _keys(candidate: Candidate) -> list[tuple[Any, ...]]:
    event: Any = candidate.event
    name = event["_Tocsin"]["EventClass"]
    _, group, channel, _, side, shadow, _ = candidate
    return [(group, channel, side, shadow, name, entity) for entity in event["Source"][0]["IP4"]]


def _key(key: ThresholdKey) -> tuple[Any, ...]:
    return (*key[:4], *key.classes, key.entity)


def _said(verdict: Verdict) -> Said:
    return Said(verdict.kind.value, verdict.severity.value, verdict.until, verdict.held_count)
