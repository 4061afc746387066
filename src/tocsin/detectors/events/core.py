"""What every event detector has in common: its life, its memory, its identity, its alerts."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tocsin.detectors.events.alerts import complete_alert
from tocsin.detectors.events.allowances import ANY, Allowances, Anything
from tocsin.detectors.events.config import CoreDetectorConfig
from tocsin.detectors.events.life_cycle import Phase, event_time, time_is_up
from tocsin.detectors.events.settings import read_config
from tocsin.detectors.events.state import STATE_KEY, check_state, config_json, effective_config, new_state
from tocsin.errors import DetectorError, PersistencyLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from tocsin.model import LogAlert
    from tocsin.persistency import EventPersistency, PersistencySaver
    from tocsin.persistency.cut import Cut, RestoredPart
    from tocsin.persistency.values import EventID

__all__ = ["CoreDetector"]

_LOG = logging.getLogger("tocsin.detectors.events")
_MOST_WARNINGS = 200
_DETECT = Phase.DETECT.value


class CoreDetector:
    """A detector of anomalies in log events; subclass it.

    A subclass writes `train(input_)` and `detect(input_, output_)`, and where it needs them `configure`,
    `set_configuration` and `post_train`. What it learns goes into a persistency that it registers:

        class MyDetector(CoreDetector):
            def __init__(self, name="MyDetector", config=MyDetectorConfig()):
                super().__init__(name=name, config=config)
                self.persistency = persistency.EventPersistency(persistency.EventStabilityTracker)
                self._register_persistency(self.persistency)

    Phase, counters, effective configuration and allowances are kept in `persistency.metadata`, so that they
    are saved and restored with what was learned. One thread at a time is in `process`; a save waits for it.

    Args:
        name: What people call this detector; `type` when left out.
        config: A `config_class`, or a mapping of its keys.

    Attributes:
        type: What configuration and saved state call this kind of detector; the class's name when empty.
        algorithm_version: Raise it when verdicts change; part of the id.
        config_class: The class of its configuration.
        shaping: Keys of the configuration that the saved state depends on: a state that was learned with
            other values is refused.
        saver: Saves what was learned when the configuration has `persist`; else `None`.

    Raises:
        DetectorError: The configuration is wrong.
    """

    type: ClassVar[str] = ""
    algorithm_version: ClassVar[int] = 1
    config_class: ClassVar[type[CoreDetectorConfig]] = CoreDetectorConfig
    shaping: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, name: str | None = None, config: CoreDetectorConfig | Mapping[str, Any] | None = None
    ) -> None:
        self._given = read_config(type(self).__name__, self.config_class, config)
        self.config = self._given
        self.name = name or self.type or type(self).__name__
        self.persistency: EventPersistency | None = None
        self.saver: PersistencySaver | None = None
        self._allowances = Allowances()
        self._lock = threading.RLock()
        self._exclusive: Any = lambda: self._lock
        self._memory: Any = SimpleNamespace(metadata={})
        self._metadata: Any = None
        self._record: dict[str, Any] = {}
        self._adopt()

    # -- memory -----------------------------------------------------------------------------------------

    def _register_persistency(self, persistency: EventPersistency) -> None:
        """Make a persistency this detector's memory: its state goes where that goes.

        With `config.persist` a saver is started, and what is saved there is loaded as `auto_load` says.

        Raises:
            PersistencyLoadError: What is saved cannot be read, or is another detector's.
        """
        self.persistency = persistency
        self._memory = persistency
        self._exclusive = persistency.exclusive
        if self.config.persist is not None:
            from tocsin.persistency import init_persistency

            self.saver = init_persistency(persistency, self.config.persist, self.name)
        try:
            with self._exclusive():
                self._adopt()
        except PersistencyLoadError:
            if self.saver is not None:
                self.saver.stop()
            raise

    def _adopt(self) -> None:
        """Take phase, counters and allowances from the memory's metadata, or put new ones there."""
        metadata = self._memory.metadata
        state = metadata.get(STATE_KEY)
        if state is None:
            state = new_state(self._type_name, self.algorithm_version, self._given)
            metadata[STATE_KEY] = state
        else:
            self._check_state(metadata)
        self._metadata, self._state, self._record = metadata, state, state["life"]
        self.config = effective_config(state, self._given)
        self._allowances.configure(self._given.allow)
        self._allowances.from_json(state["allowed"])
        state["config"] = config_json(self.config)
        self._state_changed()

    def _check_state(self, metadata: Mapping[str, Any]) -> None:
        ours = config_json(self.config)
        check_state(
            metadata,
            name=self.name,
            type_name=self._type_name,
            version=self.algorithm_version,
            shaping={key: ours[key] for key in self.shaping},
        )

    @property
    def _type_name(self) -> str:
        return self.type or type(self).__name__

    def choose(self, **chosen: Any) -> None:
        """Fill keys of the configuration that are `None`, for good: they are saved with the state.

        Args:
            **chosen: Keys of the configuration with JSON values.
        """
        self._state["chosen"].update(chosen)
        self.config = effective_config(self._state, self._given)
        self._state["config"] = config_json(self.config)
        self._state_changed()

    def _state_changed(self) -> None:
        """Drop what was made from the state for speed; phase, memory or allowances changed."""

    def cut(self) -> Cut:
        """Take the state as it is now, for a snapshot; see `EventPersistency.cut`."""
        return self._registered().cut()

    def uncut(self, cut: Cut) -> None:
        """Say that what `cut` gave was not saved."""
        self._registered().uncut(cut)

    def restore(self, part: RestoredPart) -> None:
        """Go on from a snapshot: model, phase, counters and allowances, all or nothing.

        Raises:
            PersistencyLoadError: It is not a state of this kind of detector.
        """
        memory = self._registered()
        with self._exclusive():
            self._check_state(part.metadata)
            memory.restore(part)
            self._adopt()

    def _registered(self) -> EventPersistency:
        if self.persistency is None:
            raise DetectorError(
                f"{self.name} has no memory", hint="call _register_persistency in its __init__"
            )
        return self.persistency

    def close(self) -> None:
        """Stop the saver, which saves a last time; a detector without one has nothing to close."""
        if self.saver is not None:
            self.saver.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- life cycle -------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where the detector stands in its life."""
        return Phase(self._current()["phase"])

    @property
    def warnings(self) -> list[str]:
        """What people should know about this detector's training, oldest first."""
        self._current()
        return list(self._state["warnings"])

    @property
    def counters(self) -> dict[str, int]:
        """How many events were used to configure, to train and were judged, and how many alerts there were."""
        record = self._current()
        return {name: record[name] for name in ("configured", "trained", "judged", "alerts")}

    def set_phase(self, phase: Phase | str) -> None:
        """Go to a phase; what lies between is finished on the way (`set_configuration`, `post_train`)."""
        wanted = Phase(phase)
        with self._exclusive():
            record = self._current()
            if record["phase"] == Phase.CONFIGURE and wanted is not Phase.CONFIGURE:
                self._finish_configuration(wanted)
            if record["phase"] == Phase.TRAIN and wanted is Phase.DETECT:
                record["phase"] = _DETECT
                self.post_train()
            record["phase"] = wanted.value
            self._state_changed()

    def finish_training(self) -> None:
        """Judge from now on."""
        self.set_phase(Phase.DETECT)

    def _finish_configuration(self, wanted: Phase) -> None:
        record = self._record
        straight_on = wanted is Phase.DETECT and self.config.data_use_training == 0
        record["phase"] = _DETECT if straight_on else Phase.TRAIN.value
        self.set_configuration()
        self._state_changed()

    def _current(self) -> dict[str, Any]:
        """Give the record; somebody may have loaded another state into the memory."""
        if self._memory.metadata is not self._metadata:
            self._adopt()
        return self._record

    def process(self, input_: Mapping[str, Any]) -> LogAlert | None:
        """Learn from an event or judge it, as the life cycle says; give the alert if there is one.

        Args:
            input_: See `tocsin.model.ParsedLog`; only `EventID` must be there. It is not changed.
        """
        with self._exclusive():
            record = self._current()
            if record["phase"] != _DETECT:
                self._end_by_time(input_)
                if record["phase"] != _DETECT:
                    self._learn(input_)
                    return None
            return self._judge(input_)

    def process_batch(self, events: Sequence[Mapping[str, Any]]) -> list[LogAlert]:
        """Do what `process` does for events in order: the same alerts, the same state afterwards."""
        with self._exclusive():
            record = self._current()
            begin = 0
            alerts = []
            while begin < len(events) and record["phase"] != _DETECT:
                alert = self.process(events[begin])  # the event that ends training by its time is judged
                if alert is not None:
                    alerts.append(alert)
                begin += 1
            if begin < len(events):
                alerts += self._judge_batch(events[begin:] if begin else events)
            return alerts

    def _judge_batch(self, events: Sequence[Mapping[str, Any]]) -> list[LogAlert]:
        """Judge events in order; a subclass may have a faster way to the same alerts and state."""
        return [alert for event in events if (alert := self._judge(event)) is not None]

    def _end_by_time(self, input_: Mapping[str, Any]) -> None:
        config = self.config
        record = self._record
        timed = config.training_duration is not None or config.training_quiet is not None
        if not timed or record["phase"] != Phase.TRAIN:
            return
        time = event_time(input_)
        if time is not None and time_is_up(record, config, time, self.learning_mark):
            self.finish_training()

    def _learn(self, input_: Mapping[str, Any]) -> None:
        record = self._record
        if record["phase"] == Phase.CONFIGURE:
            self.configure(input_)
            record["configured"] += 1
            if record["configured"] >= (self.config.data_use_configure or 0):
                self._finish_configuration(Phase.DETECT)
            return
        self.train(input_)
        record["trained"] += 1
        limit = self.config.data_use_training
        if limit is not None and record["trained"] >= limit:
            self.finish_training()

    def _judge(self, input_: Mapping[str, Any]) -> LogAlert | None:
        self._record["judged"] += 1
        output: dict[str, Any] = {}
        alert = None
        if self.detect(input_, output):
            alert = complete_alert(input_, output, self._identity)
            self._record["alerts"] += 1
        if self.config.learn == "always":
            self.train(input_)
        return alert

    # -- what a subclass writes -------------------------------------------------------------------------

    def configure(self, input_: Mapping[str, Any]) -> None:
        """See an event before training, to choose what to watch."""

    def set_configuration(self) -> None:
        """Choose what to watch; called once, after the last `configure`."""

    def train(self, input_: Mapping[str, Any]) -> None:
        """Learn from an event."""

    def post_train(self) -> None:
        """Finish training; called once, after the last `train` of the training phase."""

    def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:
        """Judge an event without learning from it; tell whether it is an anomaly.

        Args:
            input_: The event.
            output_: To be filled as `LogAlert`: `alertsObtain` (variable → reason), `description`,
                `score`. What is left out is filled in.
        """
        raise NotImplementedError

    def learning_mark(self) -> Any:
        """Give a JSON value that changes when something new has been learned, for `training_quiet`."""
        return self._record["trained"]

    # -- feedback ---------------------------------------------------------------------------------------

    def allow(
        self,
        event_id: EventID | Anything = ANY,
        variable: str | Anything = ANY,
        value: Any = ANY,
    ) -> bool:
        """Never alert again about a value (`ANY`: every one); tell whether that is new.

        Allowances are saved with the state; `forget` does not touch them.
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

    def warn(self, message: str) -> None:
        """Log a warning and keep it for `warnings`, once."""
        kept = self._state["warnings"]
        if message not in kept and len(kept) < _MOST_WARNINGS:
            kept.append(message)
            _LOG.warning("%s: %s", self.name, message)

    def describe(self) -> dict[str, Any]:
        """Give what the detector is, where it stands and what it remembers, as JSON."""
        with self._exclusive():
            record = self._current()
            return {
                "name": self.name,
                "type": self._type_name,
                "detector_id": self.get_detector_id(),
                "phase": record["phase"],
                "counters": self.counters,
                "config": config_json(self.config),
                "allowed": self._allowances.describe(),
                "warnings": self.warnings,
            }

    # -- identity ---------------------------------------------------------------------------------------

    def get_detector_id(self) -> str:
        """Give 16 hex digits made from type, algorithm version and parameters."""
        return self._identity

    def get_detector_params(self) -> str:
        """Give the parameters that are not defaults as JSON with sorted keys."""
        return self._params_text

    @cached_property
    def _identity(self) -> str:
        identity = f"{self._type_name}|{self.algorithm_version}|{self._params_text}"
        return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @cached_property
    def _params_text(self) -> str:
        given = self._given.model_dump(mode="json", exclude={"persist", "allow"}, exclude_defaults=True)
        return json.dumps(given, sort_keys=True)
