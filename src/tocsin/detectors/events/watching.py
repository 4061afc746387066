"""What detectors of variables have in common: which variables are watched, and how events are compared."""

from __future__ import annotations

from abc import abstractmethod
from itertools import compress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer

from tocsin.detectors.events.config import CoreDetectorConfig
from tocsin.detectors.events.expectation import MISSING, in_brief, in_words
from tocsin.detectors.events.life_cycle import event_time
from tocsin.detectors.events.memory import MemoryDetector
from tocsin.detectors.events.words import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.detectors.events.expectation import Expectation, Finding
    from tocsin.model import LogAlert
    from tocsin.persistency.structure import EventDataStructure
    from tocsin.persistency.values import EventID

__all__ = ["Watch", "WatchedVariables", "WatchingConfig", "WatchingDetector"]

_LONGEST_READ = 300  # characters of a description that needs no summary


def _pairs(given: Any) -> Any:
    """Bring the variables of each event to a list of pairs, since JSON knows only texts as keys."""
    if isinstance(given, dict):
        return [(event_id, names) for event_id, names in given.items()]
    if isinstance(given, list) and given and all(isinstance(entry, list | tuple) for entry in given):
        return [tuple(entry) for entry in given]
    return given


Names = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
WatchedVariables = Annotated[
    Names | list[tuple[int | str, list[str]]],
    BeforeValidator(_pairs),
    PlainSerializer(lambda given: [list(entry) if isinstance(entry, tuple) else entry for entry in given]),
]
"""Names for all events, or for each EventID its own: `{4624: [user, host]}`."""


class WatchingConfig(CoreDetectorConfig):
    """The configuration of a detector that watches variables.

    Attributes:
        variables: Which: a list of names for all events, or a mapping of EventIDs to lists; `var_0` is the
            first positional one. `None`: those that were static or stable in training.
        max_variables: How many variables of an event are remembered.
    """

    variables: WatchedVariables | None = None
    max_variables: int = Field(default=1_000, ge=1)


class Watch(NamedTuple):
    """What is watched of one event: names (positional ones with their index) and what is expected."""

    named: tuple[tuple[str, Expectation], ...]
    positional: tuple[tuple[int, str, Expectation], ...]


class WatchingDetector(MemoryDetector):
    """The frame of the detectors that compare variables with what they were in training.

    A subclass says which backend keeps what it learns (`structure`), and what is expected of a variable
    (`_expectation`). Variables that an event does not have are not judged, nor are events and variables
    that training never saw.
    """

    config_class: ClassVar = WatchingConfig
    config: WatchingConfig

    @property
    def _expectations_follow(self) -> bool:
        """Whether expectations keep up with what is learned, so that they need not be made anew."""
        return False

    @abstractmethod
    def _expectation(self, backend: Any, event_id: EventID, name: str) -> Expectation | None:
        """Give what is expected of a variable, `None` when nothing was learned of it.

        Args:
            backend: The event's.
            event_id: The event.
            name: The variable.
        """

    @abstractmethod
    def _stable_variables(self, backend: Any) -> list[str]:
        """Give the variables that were static or stable."""

    # -- learning ---------------------------------------------------------------------------------------

    def configure(self, input_: Mapping[str, Any]) -> None:
        """Learn from an event in which the variables to watch are still to be chosen."""
        self.train(input_)

    def set_configuration(self) -> None:
        """Choose the variables to watch."""
        self._choose_variables()

    def train(self, input_: Mapping[str, Any]) -> None:
        """Learn the watched variables, or all while they are still to be chosen."""
        if not self._has_room_for(input_["EventID"]):
            return
        named = self._named_of(input_)
        variables = self._positional_of(input_)
        names = self._names_of(input_["EventID"])
        if names is not None:
            row = _with_positional(variables, named) if variables else named
            variables, named = (), {name: row[name] for name in names if name in row}
        elif len(variables) + len(named) > self._room or not self._is_known_layout(input_["EventID"], named):
            variables, named = self._with_room(input_["EventID"], variables, named)
        self._ingest(input_, variables, named)

    def _named_of(self, input_: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the named variables of an event, as they are learned and judged."""
        return input_.get("logFormatVariables") or {}

    def _positional_of(self, input_: Mapping[str, Any]) -> Sequence[Any]:
        """Give the positional variables of an event, as they are learned and judged."""
        return input_.get("variables") or ()

    def _is_known_layout(self, event_id: EventID, named: Mapping[str, Any]) -> bool:
        known = self._learned.get(event_id)
        return known is not None and known.issuperset(named)

    def _with_room(
        self, event_id: EventID, variables: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Leave out variables beyond `max_variables`: the keys of a JSON line can be anything."""
        known = self._learned.get(event_id)
        if known is None:
            backend = self.memory.get_event_data(event_id)
            known = self._learned[event_id] = set() if backend is None else self._variables_of(backend)
        most = self.config.max_variables
        kept = {}
        for name, value in named.items():
            if name in known or len(known) < most:
                known.add(name)
                kept[name] = value
        if len(kept) < len(named) or len(variables) > most:
            self.warn(
                f"event {quoted(event_id)} has more than {most:,} variables, further ones are not learned"
            )
        return variables[:most], kept

    def post_train(self) -> None:
        """Choose the variables to watch if nobody did, and warn about those that were never there."""
        self._choose_variables()
        self._warn_of_the_unseen()

    def _choose_variables(self) -> None:
        if self.config.variables is not None:
            return
        chosen = []
        for event_id, backend in self.memory.get_events_data().items():
            names = sorted(self._stable_variables(backend))
            if names:
                chosen.append([event_id, names])
        self.choose(variables=chosen)
        if not chosen:
            self.warn("no variable was static or stable in training, so none is watched")

    def _warn_of_the_unseen(self) -> None:
        given = self._given.variables  # type: ignore[attr-defined]  # of config_class
        if given is None:
            return
        known = {
            event_id: self._variables_of(data) for event_id, data in self.memory.get_events_data().items()
        }
        everywhere = set().union(*known.values()) if known else set()
        seen = self.memory.get_events_seen()
        for entry in given:
            if isinstance(entry, str):
                if entry not in everywhere:
                    self.warn(f"variable {entry!r} is configured, but training never saw it")
                continue
            event_id, names = entry
            if event_id not in seen:
                self.warn(f"event {quoted(event_id)} is configured, but training never saw it")
                continue
            for name in names:
                if name not in known.get(event_id, ()):
                    what = f"variable {quoted(name)} of event {quoted(event_id)}"
                    self.warn(f"{what} is configured, but training never saw it")

    def _variables_of(self, backend: Any) -> set[str]:
        return set(backend.get_variables())

    def _names_of(self, event_id: EventID) -> Sequence[str] | None:
        """Give the watched variables of an event, `None` for all."""
        names = self._names
        return names if names is None or not isinstance(names, dict) else names.get(event_id, ())

    def _state_changed(self) -> None:
        super()._state_changed()
        given = self.config.variables
        self._names: Sequence[str] | dict[EventID, Sequence[str]] | None
        if given is None or isinstance(given[0] if given else "", str):
            self._names = given  # type: ignore[assignment]  # names, as the first one is
        else:
            self._names = dict(given)  # type: ignore[arg-type]
        if given == []:
            self._names = {}
        self._watches: dict[EventID, Watch | None] | None = None
        self._living_watches: dict[EventID, Watch] = {}
        self._learned: dict[EventID, set[str]] = {}
        self._room = self.config.max_variables

    def learning_mark(self) -> Any:
        """Give a value that changes when a variable that would be watched has learned something."""
        return [
            [event_id, name, self._novelty(backend, name)]
            for event_id, backend in self.memory.get_events_data().items()
            for name in sorted(self._stable_variables(backend))
            if (names := self._names_of(event_id)) is None or name in names
        ]

    @abstractmethod
    def _novelty(self, backend: Any, name: str) -> int:
        """Give how often a variable brought something new."""

    def describe(self) -> dict[str, Any]:
        """Give what is watched, and what is remembered of it."""
        with self._exclusive():
            events = []
            for event_id, backend in self.memory.get_events_data().items():
                known = sorted(self._variables_of(backend))
                names = self._names_of(event_id)
                events.append(
                    {
                        "event_id": event_id,
                        "watched": [name for name in known if names is None or name in names],
                        "variables": {name: self._describe_variable(backend, name) for name in known},
                    }
                )
            return {**super().describe(), "events": events}

    @abstractmethod
    def _describe_variable(self, backend: Any, name: str) -> dict[str, Any]:
        """Give what is remembered of a variable, as JSON."""

    # -- judging ----------------------------------------------------------------------------------------

    def _watch_of(self, event_id: EventID) -> Watch | None:
        """Give what is watched of an event; made anew each time while what is known changes."""
        if self._learns_always:
            return self._living_watches.get(event_id) or self._living_watch(event_id)
        if self._watches is None:
            self._watches = {
                event: self._make_watch(event, backend)
                for event, backend in self.memory.get_events_data().items()
            }
        return self._watches.get(event_id)

    def _living_watch(self, event_id: EventID) -> Watch | None:
        watch = self._make_watch(event_id, self.memory.get_event_data(event_id))
        names = self._names_of(event_id)
        is_whole = watch and names is not None and len(watch.named) + len(watch.positional) == len(names)
        if watch and is_whole and self._expectations_follow:
            self._living_watches[event_id] = watch
        return watch

    def _make_watch(self, event_id: EventID, backend: EventDataStructure | None) -> Watch | None:
        if backend is None:
            return None
        names = self._names_of(event_id)
        known = self._variables_of(backend)
        named, positional = [], []
        for name in sorted(known) if names is None else names:
            expectation = self._expectation(backend, event_id, name) if name in known else None
            if expectation is None:
                continue
            index = name.removeprefix("var_")
            if index != name and index.isdecimal():
                positional.append((int(index), name, expectation))
            else:
                named.append((name, expectation))
        return Watch(tuple(named), tuple(positional)) if named or positional else None

    def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:
        """Compare the watched variables with what is expected of them."""
        watch = self._watch_of(input_["EventID"])
        if watch is None:
            return False
        named = self._named_of(input_)
        try:
            get = named.get
            for name, expected in watch.named:
                if get(name, MISSING) not in expected:
                    break
            else:
                if not watch.positional:
                    return False
                row = self._positional_of(input_)
                for index, _, expected in watch.positional:
                    if index < len(row) and row[index] not in expected:
                        break
                else:
                    return False
        except TypeError:  # a value that cannot be hashed: looked at below
            pass
        return self._explain(input_, watch, output_)

    def _explain(self, input_: Mapping[str, Any], watch: Watch, output: dict[str, Any]) -> bool:
        """Judge each watched variable on its own, and say in words what is wrong."""
        event_id = input_["EventID"]
        findings: dict[str, Finding] = {}
        time = event_time(input_)
        values = _watched_values(self._named_of(input_), self._positional_of(input_), watch)
        for name, value, expected in values:
            finding = expected.judge(value, time)
            if finding is not None and self._learns_always:
                expected.learn(value)
            if finding is None or self.is_allowed(event_id, name, value):
                continue
            findings[name] = finding
        if not findings:
            return False
        output["alertsObtain"] = {name: finding.words for name, finding in findings.items()}
        output["score"] = sum(finding.score for finding in findings.values())
        output["description"] = in_words(list(findings.values()))
        if len(output["description"]) > _LONGEST_READ:
            output["summary"] = in_brief(findings)
        return True

    def _judge_batch(self, events: Sequence[Mapping[str, Any]]) -> list[LogAlert]:
        """Compare whole columns with what is expected; only events with something odd are looked at."""
        if self._learns_always:
            return super()._judge_batch(events)
        places: dict[EventID, list[int]] = {}
        for place, event in enumerate(events):
            event_id = event["EventID"]
            if event_id in places:
                places[event_id].append(place)
            else:
                places[event_id] = [place]
        odd: set[int] = set()
        for event_id, at in places.items():
            watch = self._watch_of(event_id)
            if watch is not None:
                odd |= self._odd_places(events, at, watch)
        judged = self._record["judged"]
        alerts = [alert for place in sorted(odd) if (alert := self._judge(events[place])) is not None]
        self._record["judged"] = judged + len(events)
        return alerts

    def _odd_places(self, events: Sequence[Mapping[str, Any]], places: list[int], watch: Watch) -> set[int]:
        """Give the places of the events in which something is not as expected at first sight."""
        odd: set[int] = set()
        if watch.named:
            rows = [self._named_of(events[place]) for place in places]
            for name, expected in watch.named:
                odd |= _odd_rows([row.get(name, MISSING) for row in rows], places, expected)
        if watch.positional:
            lists = [self._positional_of(events[place]) for place in places]
            for index, _, expected in watch.positional:
                column = [row[index] if index < len(row) else MISSING for row in lists]
                odd |= _odd_rows(column, places, expected)
        return odd


def _with_positional(variables: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    return {**{f"var_{index}": value for index, value in enumerate(variables)}, **named}


def _watched_values(
    named: Mapping[str, Any], row: Sequence[Any], watch: Watch
) -> Iterable[tuple[str, Any, Expectation]]:
    for name, expected in watch.named:
        if name in named:
            yield name, named[name], expected
    for index, name, expected in watch.positional:
        if index < len(row):
            yield name, row[index], expected


def _odd_rows(column: list[Any], places: list[int], expected: Expectation) -> set[int]:
    try:
        values = expected.odd_values(column)
    except TypeError:  # a value that cannot be hashed
        values = None
    if values is None:
        return set(places)
    if not values:
        return set()
    return set(compress(places, map(values.__contains__, column)))
