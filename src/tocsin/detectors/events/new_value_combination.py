"""Values that are known each, but never came together in training."""

from __future__ import annotations

from itertools import combinations, islice
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import Field, model_validator

from tocsin.detectors.events.config import Settings
from tocsin.detectors.events.expected_values import stable_variables
from tocsin.detectors.events.tracked_values import TrackedValuesConfig, TrackedValuesDetector
from tocsin.detectors.events.words import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.persistency import EventStabilityTracker
    from tocsin.persistency.values import EventID

__all__ = ["NewValueCombinationConfig", "NewValueCombinationDetector", "VariableGroup"]


class VariableGroup(Settings):
    """Variables that are looked at together.

    Attributes:
        variables: At least two; `var_0` is the first positional one.
        name: What alerts and allowances call the group; the variables joined by `+` when left out.
        event_id: The event; every one when left out.
    """

    variables: list[str] = Field(min_length=2)
    name: str | None = None
    event_id: int | str | None = None

    @property
    def label(self) -> str:
        """What the group is called."""
        return self.name or "+".join(self.variables)


class NewValueCombinationConfig(TrackedValuesConfig):
    """The configuration of `NewValueCombinationDetector`.

    Attributes:
        groups: What is looked at together. `None`: chosen from the events of `data_use_configure`: each
            `size` of the variables that were stable there and had at least two values.
        variables: With `groups: null`, which variables may be combined.
        size: How many variables a chosen group has.
        max_groups: How many groups are chosen for an event.
    """

    groups: list[VariableGroup] | None = None
    size: int = Field(default=2, ge=2, le=4)
    max_groups: int = Field(default=20, ge=1)

    @model_validator(mode="after")
    def _groups_come_from_somewhere(self) -> Self:
        if self.groups is None and not self.data_use_configure:
            raise ValueError("give groups, or data_use_configure: events from which groups are chosen")
        labels = [(group.event_id, group.label) for group in self.groups or ()]
        if len(set(labels)) < len(labels):
            raise ValueError("two groups of one event have one name")
        return self


class NewValueCombinationDetector(TrackedValuesDetector):
    """Alerts when the values of a group of variables never came together for this event.

    It remembers, in an `EventStabilityTracker`, the combinations of each group of each event with count,
    first and last time. Chosen groups whose combinations went on changing in training are not watched.

    Args:
        name: What people call it.
        config: A `NewValueCombinationConfig`, or a mapping of its keys.

    >>> groups = [{"variables": ["user", "host"]}]
    >>> detector = NewValueCombinationDetector(config={"data_use_training": 4, "groups": groups})
    >>> for user, host in [("ada", "mars"), ("bob", "venus")] * 2:
    ...     _ = detector.process({"EventID": "login", "logFormatVariables": {"user": user, "host": host}})
    >>> event = {"EventID": "login", "logFormatVariables": {"user": "ada", "host": "venus"}}
    >>> for part in detector.process(event)["description"].split("; "):
    ...     print(part)
    user+host ('ada', 'venus') was never seen for event 'login' in 4 events
    expected one of ('ada', 'mars') (2×), ('bob', 'venus') (2×)
    """

    type_name: ClassVar[str] = "new_value_combination"
    config_class: ClassVar[type[NewValueCombinationConfig]] = NewValueCombinationConfig
    config: NewValueCombinationConfig

    def _state_changed(self) -> None:
        super()._state_changed()
        self._groups: dict[EventID, list[tuple[str, list[str]]]] = {}

    def _groups_of(self, event_id: EventID) -> list[tuple[str, list[str]]]:
        """Give name and variables of each group of an event."""
        groups = self._groups.get(event_id)
        if groups is None:
            groups = [
                (group.label, group.variables)
                for group in self.config.groups or ()
                if group.event_id is None
                or (group.event_id == event_id and type(group.event_id) is type(event_id))
            ]
            if len(self._groups) < self.config.max_events:
                self._groups[event_id] = groups
        return groups

    def _trackers(self) -> dict[EventID, EventStabilityTracker]:
        return cast("dict[EventID, EventStabilityTracker]", self.memory.get_events_data())

    def _names_of(self, event_id: EventID) -> Sequence[str] | None:
        if self._is_choosing:
            return super()._names_of(event_id)
        return [name for name, _ in self._groups_of(event_id)]

    @property
    def _is_choosing(self) -> bool:
        return self.config.groups is None

    def _named_of(self, input_: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the combinations of the event: name → values."""
        named = super()._named_of(input_)
        if self._is_choosing:
            return named
        row = super()._positional_of(input_)
        if row:
            named = {**{f"var_{index}": value for index, value in enumerate(row)}, **named}
        return {
            label: tuple(map(named.__getitem__, variables))
            for label, variables in self._groups_of(input_["EventID"])
            if all(map(named.__contains__, variables))
        }

    def _positional_of(self, input_: Mapping[str, Any]) -> Sequence[Any]:
        return super()._positional_of(input_) if self._is_choosing else ()

    def set_configuration(self) -> None:
        """Choose the groups from what the variables were like so far."""
        if not self._is_choosing:
            return
        chosen = []
        for event_id, backend in self._trackers().items():
            names = self._combinable(event_id, backend)
            groups = islice(combinations(names, self.config.size), self.config.max_groups)
            chosen += [{"event_id": event_id, "variables": list(group)} for group in groups]
        self.choose(groups=chosen)

    def _combinable(self, event_id: EventID, backend: EventStabilityTracker) -> list[str]:
        """Give the stable variables of several values, those of few values first."""
        allowed = self._names_of(event_id)
        variables = backend.get_data()
        names = [name for name in stable_variables(backend) if allowed is None or name in allowed]
        several = [(variables[name].distinct_count, name) for name in names]
        return [name for count, name in sorted(several) if count > 1]

    def post_train(self) -> None:
        """Keep the chosen groups that were stable, and warn about what training never saw."""
        if self._given.groups is None:  # type: ignore[attr-defined]  # of config_class
            stable = {
                (event_id, label)
                for event_id, backend in self._trackers().items()
                for label in stable_variables(backend)
            }
            groups = [group for group in self.config.groups or () if (group.event_id, group.label) in stable]
            self.choose(groups=[group.model_dump() for group in groups])
            if not groups:
                self.warn("no combination of variables was stable in training, so none is watched")
            return
        known = {
            (event_id, label)
            for event_id, backend in self._trackers().items()
            for label in backend.get_variables()
        }
        for group in self.config.groups or ():
            if not any(label == group.label and group.event_id in (None, event) for event, label in known):
                where = "" if group.event_id is None else f" of event {quoted(group.event_id)}"
                self.warn(f"group {group.label!r}{where} is configured, but training never saw it whole")
