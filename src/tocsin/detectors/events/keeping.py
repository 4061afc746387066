"""What a detector keeps, and where: its memory, its state beside it, feedback of people."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tocsin.detectors.events.allowances import ANY, Allowances, Anything
from tocsin.detectors.events.backends import export_backend, forget_in
from tocsin.detectors.events.config import CoreDetectorConfig
from tocsin.detectors.events.settings import read_config
from tocsin.detectors.events.state import STATE_KEY, check_state, config_json, effective_config, new_state
from tocsin.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.persistency import EventPersistency, PersistencySaver
    from tocsin.persistency.cut import Cut, RestoredPart
    from tocsin.persistency.structure import EventDataStructure
    from tocsin.persistency.values import EventID

__all__ = ["KeepingDetector"]

_LOG = logging.getLogger("tocsin.detectors.events")
_MOST_WARNINGS = 200


class KeepingDetector:
    """The part of `CoreDetector` that keeps, restores and corrects what was learned.

    Args:
        name: What people call this detector; its type when left out.
        config: A `config_class`, or a mapping of its keys.

    Raises:
        DetectorError: The configuration is wrong.
    """

    type_name: ClassVar[str] = ""
    algorithm_version: ClassVar[int] = 1
    config_class: ClassVar[type[CoreDetectorConfig]] = CoreDetectorConfig
    shaping: ClassVar[tuple[str, ...]] = ()
    judges_at_once: ClassVar[bool] = False

    def __init__(
        self, name: str | None = None, config: CoreDetectorConfig | Mapping[str, Any] | None = None
    ) -> None:
        self._given = read_config(type(self).__name__, self.config_class, config)
        self.config = self._given
        self.name = name or self._type
        self.persistency: EventPersistency | None = None
        self.saver: PersistencySaver | None = None
        self._allowances = Allowances()
        lock = threading.RLock()
        self._exclusive: Any = lambda: lock
        self._memory: Any = SimpleNamespace(metadata={})
        self._metadata: Any = None
        self._state: dict[str, Any] = {}
        self._record: dict[str, Any] = {}
        self._learns_always = False
        self._adopt()

    # -- memory -----------------------------------------------------------------------------------------

    def _register_persistency(self, persistency: EventPersistency) -> None:
        """Make a persistency this detector's memory: its state goes where that goes.

        With `config.persist` a saver is started, and what is saved there is loaded as `auto_load` says.

        Raises:
            PersistencyLoadError: What is saved cannot be read, or is another detector's.
        """
        saver = None
        if self.config.persist is not None:
            from tocsin.persistency import PersistencySaver
            from tocsin.persistency.persist_config import PersistBlock

            block = PersistBlock.read(self.config.persist)
            saver = PersistencySaver(persistency, block.saver_config(self.name))
        self.persistency = self._memory = persistency
        self._exclusive = persistency.exclusive
        with self._exclusive():
            self._adopt()
        if saver is not None:  # not before: another detector's state must not be saved as this one's
            self.saver = saver.start()

    def _adopt(self) -> None:
        """Take phase, counters and allowances from the memory's metadata, or put new ones there."""
        metadata = self._memory.metadata
        if STATE_KEY not in metadata:
            metadata[STATE_KEY] = new_state(
                self._type, self.algorithm_version, self._given, judges_at_once=self.judges_at_once
            )
        self._check_state(metadata)
        state = metadata[STATE_KEY]
        self._metadata, self._state, self._record = metadata, state, state["life"]
        self._allowances.configure(self._given.allow)
        self._allowances.from_json(state["allowed"])
        self._configure_by_state()

    def _configure_by_state(self) -> None:
        self.config = effective_config(self._state, self._given)
        self._state["config"] = config_json(self.config)
        self._learns_always = self.config.learn == "always"
        self._state_changed()

    def _check_state(self, metadata: Mapping[str, Any]) -> None:
        ours = config_json(self._given)
        check_state(
            metadata,
            name=self.name,
            type_name=self._type,
            version=self.algorithm_version,
            shaping={key: ours[key] for key in self.shaping},
        )

    def _current(self) -> dict[str, Any]:
        """Give phase and counters; somebody may have loaded another state into the memory."""
        if self._memory.metadata is not self._metadata:
            self._adopt()
        return self._record

    @property
    def _type(self) -> str:
        return self.type_name or type(self).__name__

    def _state_changed(self) -> None:
        """Drop what was made from the state for speed: phase, memory, choices or allowances changed."""

    def cut(self) -> Cut:
        """Take the state as it is now, for a snapshot; see `EventPersistency.cut`."""
        with self._exclusive():
            self._current()
            return self._registered().cut()

    def uncut(self, cut: Cut) -> None:
        """Say that what `cut` gave was not saved."""
        self._registered().uncut(cut)

    def restore(self, part: RestoredPart) -> None:
        """Go on from a snapshot: model, phase, counters and allowances, all or nothing.

        Raises:
            PersistencyLoadError: It is not a state of this kind of detector, or of another shape.
        """
        memory = self._registered()
        with self._exclusive():
            self._check_state(part.metadata)
            memory.restore(part)
            self._adopt()

    def _registered(self) -> EventPersistency:
        if self.persistency is None:
            raise DetectorError(f"{self.name} has no memory", hint="call _register_persistency in __init__")
        return self.persistency

    def close(self) -> None:
        """Stop the saver, which saves a last time; a detector without one has nothing to close."""
        if self.saver is not None:
            self.saver.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what is chosen, allowed, forgotten -------------------------------------------------------------

    def choose(self, **chosen: Any) -> None:
        """Fill keys of the configuration that are `None`, for good: they are saved with the state.

        Args:
            **chosen: Keys of the configuration with JSON values.
        """
        self._state["chosen"].update(chosen)
        self._configure_by_state()

    def allow(
        self, event_id: EventID | Anything = ANY, variable: str | Anything = ANY, value: Any = ANY
    ) -> bool:
        """Never alert again about a value (`ANY`: every one); tell whether that is new.

        Allowances are saved with the state; `forget` does not touch them.

        Raises:
            UnsupportedValueError: No state can hold such a value.
        """
        with self._exclusive():
            self._current()
            is_new = self._allowances.add(event_id, variable, value)
            self._allowances_changed()
            return is_new

    def disallow(
        self, event_id: EventID | Anything = ANY, variable: str | Anything = ANY, value: Any = ANY
    ) -> bool:
        """Take back an `allow`; tell whether there was one."""
        with self._exclusive():
            self._current()
            was_there = self._allowances.remove(event_id, variable, value)
            self._allowances_changed()
            return was_there

    def _allowances_changed(self) -> None:
        self._state["allowed"] = self._allowances.to_json()
        self._state_changed()

    def is_allowed(self, event_id: EventID, variable: str, value: Any) -> bool:
        """Tell whether somebody said that a value is fine."""
        return self._allowances.covers(event_id, variable, value)

    def forget(
        self, event_id: EventID | Anything = ANY, variable: str | Anything = ANY, value: Any = ANY
    ) -> int:
        """Unlearn a value, a variable, an event or (`ANY`) all of them; tell how many things were known.

        What a detector watches it goes on watching: a forgotten value is news. A variable of which
        nothing is left is not judged until it is learned again.

        Raises:
            DetectorError: This kind of memory cannot unlearn that.
        """
        with self._exclusive():
            self._current()
            forgotten = 0
            for known, backend in self._registered().get_events_data().items():
                if event_id is ANY or (known == event_id and type(known) is type(event_id)):
                    forgotten += self._forget_in(known, backend, variable, value)
            self._state_changed()
            return forgotten

    def _forget_in(
        self,
        event_id: EventID,  # noqa: ARG002 - for those who need it
        backend: EventDataStructure,
        variable: str | Anything,
        value: Any,
    ) -> int:
        return forget_in(backend, variable, value)

    # -- what is shown ----------------------------------------------------------------------------------

    @property
    def warnings(self) -> list[str]:
        """What people should know about this detector's training, oldest first."""
        self._current()
        return list(self._state["warnings"])

    def warn(self, message: str) -> None:
        """Log a warning and keep it for `warnings`, once."""
        kept = self._state["warnings"]
        if message not in kept and len(kept) < _MOST_WARNINGS:
            kept.append(message)
            _LOG.warning("%s: %s", self.name, message)

    @property
    def counters(self) -> dict[str, int]:
        """How many events were configured by, learned and judged, and how many alerts there were."""
        record = self._current()
        return {name: record[name] for name in ("configured", "trained", "judged", "alerts")}

    def describe(self) -> dict[str, Any]:
        """Give what the detector is, where it stands and what it remembers, as JSON."""
        with self._exclusive():
            record = self._current()
            return {
                "name": self.name,
                "type": self._type,
                "detector_id": self.get_detector_id(),
                "phase": record["phase"],
                "counters": self.counters,
                "config": config_json(self.config),
                "allowed": self._allowances.describe(),
                "warnings": self.warnings,
            }

    def export(self) -> dict[str, Any]:
        """Give all that was learned as JSON: every event, variable and value."""
        with self._exclusive():
            self._current()
            memory = self._registered()
            templates = memory.get_event_templates()
            learned = [
                {
                    "event_id": event_id,
                    "template": templates.get(event_id, ""),
                    "learned": export_backend(backend),
                }
                for event_id, backend in memory.get_events_data().items()
            ]
            return {**self.describe(), "learned": learned}

    # -- identity ---------------------------------------------------------------------------------------

    def get_detector_id(self) -> str:
        """Give 16 hex digits made from type, algorithm version and parameters."""
        return self._identity

    def get_detector_params(self) -> str:
        """Give the parameters that are not defaults as JSON with sorted keys."""
        return self._params_text

    @cached_property
    def _identity(self) -> str:
        identity = f"{self._type}|{self.algorithm_version}|{self._params_text}"
        return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @cached_property
    def _params_text(self) -> str:
        given = self._given.model_dump(mode="json", exclude={"persist", "allow"}, exclude_defaults=True)
        return json.dumps(given, sort_keys=True)
