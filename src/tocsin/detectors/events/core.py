"""What every event detector has in common: its life, from the first event to the last alert."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from tocsin.detectors.events.alerts import complete_alert
from tocsin.detectors.events.keeping import KeepingDetector
from tocsin.detectors.events.life_cycle import Phase, event_time, time_is_up
from tocsin.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.model import LogAlert

__all__ = ["CoreDetector"]

_DETECT = Phase.DETECT.value
_EVENT_ID_TYPES = frozenset({int, str})
_MANY_WITHOUT_TIME = 100


class CoreDetector(KeepingDetector, ABC):
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
        name: What people call this detector; its type when left out.
        config: A `config_class`, or a mapping of its keys.

    Attributes:
        type_name: What configuration and saved state call this kind of detector; the class's name when
            empty.
        algorithm_version: Raise it when verdicts change; part of the id.
        config_class: The class of its configuration.
        shaping: Keys of the configuration that the saved state depends on: a state that was learned with
            other values is refused.
        judges_at_once: Whether it needs no training.
        saver: Saves what was learned when the configuration has `persist`; else `None`.

    Raises:
        DetectorError: The configuration is wrong.
    """

    @property
    def phase(self) -> Phase:
        """Where the detector stands in its life."""
        return Phase(self._current()["phase"])

    def set_phase(self, phase: Phase | str) -> None:
        """Go to a phase; what lies between is finished on the way (`set_configuration`, `post_train`).

        Back in training, `data_use_training` and the other rules count from there.
        """
        wanted = Phase(phase)
        with self._exclusive():
            record = self._current()
            before = Phase(record["phase"])
            if before is wanted:
                return
            record["phase"] = wanted.value
            if before is Phase.CONFIGURE:
                self.set_configuration()
            if wanted is Phase.DETECT:
                self.post_train()
            else:
                record["trained_before"] = record["trained"]
                record["first"] = record["latest"] = record["quiet"] = None
            self._state_changed()

    def finish_training(self) -> None:
        """Judge from now on."""
        self.set_phase(Phase.DETECT)

    def process(self, input_: Mapping[str, Any]) -> LogAlert | None:
        """Learn from an event or judge it, as the life cycle says; give the alert if there is one.

        Args:
            input_: See `tocsin.model.ParsedLog`; only `EventID` must be there. It is not changed.
        """
        _check_event_id(input_["EventID"])
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
        if not {type(event["EventID"]) for event in events} <= _EVENT_ID_TYPES:
            for event in events:
                _check_event_id(event["EventID"])
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
        if time is None:
            self._warn_of_no_time(record)
        elif time_is_up(record, config, time, self.learning_mark):
            self.finish_training()

    def _warn_of_no_time(self, record: dict[str, Any]) -> None:
        learned = record["trained"] - record["trained_before"]
        if (
            learned == _MANY_WITHOUT_TIME
            and record["first"] is None
            and self.config.data_use_training is None
        ):
            self.warn(
                f"none of the first {learned:,} events has a time, by which training is to end: say how many"
                " events to learn from, or how times are read"
            )

    def _learn(self, input_: Mapping[str, Any]) -> None:
        record = self._record
        if record["phase"] == Phase.CONFIGURE:
            self.configure(input_)
            record["configured"] += 1
            if record["configured"] >= (self.config.data_use_configure or 0):
                self.set_phase(_DETECT if self.config.data_use_training == 0 else Phase.TRAIN)
            return
        self.train(input_)
        record["trained"] += 1
        limit = self.config.data_use_training
        if limit is not None and record["trained"] - record["trained_before"] >= limit:
            self.finish_training()

    def _judge(self, input_: Mapping[str, Any]) -> LogAlert | None:
        self._record["judged"] += 1
        output: dict[str, Any] = {}
        alert = None
        if self.detect(input_, output):
            alert = complete_alert(input_, output, self._identity)
            self._record["alerts"] += 1
        if self._learns_always:
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

    @abstractmethod
    def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:
        """Judge an event without learning from it; tell whether it is an anomaly.

        Args:
            input_: The event.
            output_: To be filled as `LogAlert`: `alertsObtain` (variable → reason), `description`,
                `score`. What is left out is filled in.
        """

    def learning_mark(self) -> Any:
        """Give a JSON value that changes when something new has been learned, for `training_quiet`."""
        return self._record["trained"]


def _check_event_id(event_id: Any) -> None:
    if type(event_id) not in _EVENT_ID_TYPES:
        raise DetectorError(
            f"the EventID {event_id!r:.60} is a {type(event_id).__name__}",
            hint="parsers give an int or a str; anything else could be mistaken for another event",
        )
