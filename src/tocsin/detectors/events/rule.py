"""Events that a rule describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from pydantic import Field, model_validator

from tocsin.detectors.events.conditions import Condition, compile_condition, field_of, matching
from tocsin.detectors.events.config import CoreDetectorConfig, Settings
from tocsin.detectors.events.counts import EventCount
from tocsin.detectors.events.expectation import MISSING
from tocsin.detectors.events.life_cycle import event_time
from tocsin.detectors.events.memory import MemoryDetector
from tocsin.detectors.events.words import moment, quoted
from tocsin.persistency import EventPersistency

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.model import LogAlert

__all__ = ["Rule", "RuleConfig", "RuleDetector"]


class Rule(Settings):
    """What an event looks like that is to be told.

    Attributes:
        name: What alerts call it.
        conditions: All of them hold.
        score: The score of its alerts.
    """

    name: str = Field(min_length=1)
    conditions: list[Condition] = Field(min_length=1)
    score: float = Field(default=1.0, gt=0)


class RuleConfig(CoreDetectorConfig):
    """The configuration of `RuleDetector`; rules hold from the first event, whatever is said of training.

    Attributes:
        rules: An event alerts when one of them holds.
    """

    rules: list[Rule] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("two rules have one name")
        return self


class _Compiled(NamedTuple):
    """A rule: its quick conditions as functions, its patterns, and both for people."""

    rule: Rule
    tests: list[tuple[str, Callable[[Any], bool]]]
    patterns: list[tuple[str, str]]
    absent: list[str]


class RuleDetector(MemoryDetector):
    """Alerts on events that fulfil all conditions of a rule: keyword, level, comparison of fields.

    It remembers nothing but how often each rule held, and since when.

    Args:
        name: What people call it.
        config: A `RuleConfig`, or a mapping of its keys.

    >>> conditions = [
    ...     {"field": "log", "op": "contains", "value": "failed"},
    ...     {"field": "port", "op": "below", "value": 1024},
    ... ]
    >>> detector = RuleDetector(config={"rules": [{"name": "low port", "conditions": conditions}]})
    >>> event = {"EventID": "net", "log": "connect failed: 22", "logFormatVariables": {"port": "22"}}
    >>> for part in detector.process(event)["description"].split("; "):
    ...     print(part)
    rule 'low port' holds for event 'net': log contains 'failed' and port below 1024 (it is '22')
    the first time
    """

    type_name: ClassVar[str] = "rule"
    judges_at_once: ClassVar[bool] = True
    config_class: ClassVar[type[RuleConfig]] = RuleConfig
    config: RuleConfig

    def _make_memory(self) -> EventPersistency:
        return EventPersistency(EventCount)

    def _state_changed(self) -> None:
        super()._state_changed()
        self._record.setdefault("matches", {})
        self._rules = [_compiled(rule) for rule in self.config.rules]

    def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:
        """Hold the event against each rule."""
        holding = [one.rule for one in self._rules if _holds(one, input_)]
        return bool(holding) and self._report(input_, holding, output_)

    def _judge_batch(self, events: Sequence[Mapping[str, Any]]) -> list[LogAlert]:
        """Hold all events against each rule; patterns are searched in many texts at once."""
        if self._learns_always:
            return super()._judge_batch(events)
        places = sorted({place for one in self._rules for place in _places_of(one, events)})
        judged = self._record["judged"]
        alerts = [alert for place in places if (alert := self._judge(events[place])) is not None]
        self._record["judged"] = judged + len(events)
        return alerts

    def _report(self, input_: Mapping[str, Any], holding: list[Rule], output: dict[str, Any]) -> bool:
        event_id = input_["EventID"]
        reasons = {}
        score = 0.0
        for rule in holding:
            if self._is_silenced(input_, rule):
                continue
            reasons[rule.name] = f"{_words(input_, rule)}; {self._count(rule.name, event_time(input_))}"
            score += rule.score
        if not reasons:
            return False
        output["alertsObtain"] = reasons
        output["score"] = score
        output["EventID"] = event_id
        return True

    def _is_silenced(self, input_: Mapping[str, Any], rule: Rule) -> bool:
        """Tell whether somebody allowed the rule for this event, or the value of one of its fields."""
        event_id = input_["EventID"]
        if self.is_allowed(event_id, rule.name, None):
            return True
        fields = ((condition.field, field_of(input_, condition.field)) for condition in rule.conditions)
        return any(
            value is not MISSING and self.is_allowed(event_id, field, value) for field, value in fields
        )

    def _count(self, name: str, time: float | None) -> str:
        """Count that a rule held, and say how often that was."""
        count, first = self._record["matches"].get(name, (0, None))
        start = first if first is not None else time
        self._record["matches"][name] = [count + 1, start]
        if count == 0:
            return "the first time"
        times = f"{count + 1:,} times"
        return f"{times} since {moment(first)}" if first is not None else times

    def describe(self) -> dict[str, Any]:
        """Give how often each rule held."""
        with self._exclusive():
            held = {rule.name: 0 for rule in self.config.rules}
            self._current()
            held |= {name: count for name, (count, _) in self._record["matches"].items()}
            return {**super().describe(), "matches": held}


def _compiled(rule: Rule) -> _Compiled:
    tests, patterns, absent = [], [], []
    for condition in rule.conditions:
        if condition.op == "missing":
            absent.append(condition.field)
        elif condition.op == "regex":
            patterns.append((condition.field, f"{'(?i)' * condition.ignore_case}{condition.value}"))
        else:
            tests.append((condition.field, compile_condition(condition)))
    return _Compiled(rule, tests, patterns, absent)


def _may_hold(one: _Compiled, input_: Mapping[str, Any]) -> bool:
    """Tell whether everything but the patterns holds."""
    for field, test in one.tests:
        value = field_of(input_, field)
        if value is MISSING or not test(value):
            return False
    return all(field_of(input_, field) is MISSING for field in one.absent)


def _holds(one: _Compiled, input_: Mapping[str, Any]) -> bool:
    if not _may_hold(one, input_):
        return False
    for field, pattern in one.patterns:
        value = field_of(input_, field)
        if value is MISSING or not matching(pattern, [value])[0]:
            return False
    return True


def _places_of(one: _Compiled, events: Sequence[Mapping[str, Any]]) -> list[int]:
    """Give the places of the events for which a rule holds."""
    places = [place for place, event in enumerate(events) if _may_hold(one, event)]
    for field, pattern in one.patterns:
        values = [(place, field_of(events[place], field)) for place in places]
        there = [(place, value) for place, value in values if value is not MISSING]
        found = matching(pattern, [value for _, value in there])
        places = [place for (place, _), is_there in zip(there, found, strict=True) if is_there]
    return places


def _words(input_: Mapping[str, Any], rule: Rule) -> str:
    parts = []
    for condition in rule.conditions:
        value = field_of(input_, condition.field)
        shown = value is not MISSING and condition.op not in {"equals", "exists"} and condition.field != "log"
        parts.append(f"{condition.in_words()}{f' (it is {quoted(value)})' if shown else ''}")
    return f"rule {rule.name!r} holds for event {quoted(input_['EventID'])}: {' and '.join(parts)}"
