"""How often an event comes, judged by a detector of series."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self, cast

import numpy as np
from pydantic import Field, field_validator, model_validator

from tocsin.detectors.events.alerts import complete_alert, digest_of
from tocsin.detectors.events.config import CoreDetectorConfig, Duration, PositiveDuration
from tocsin.detectors.events.life_cycle import Phase, event_time
from tocsin.detectors.events.memory import MemoryDetector
from tocsin.detectors.events.slot_counts import SlotCounts
from tocsin.detectors.events.words import moment, quoted
from tocsin.detectors.series import IQRDetector, MADDetector, ZScoreDetector
from tocsin.errors import DetectorError
from tocsin.model import Interval, SeriesData
from tocsin.persistency import EventPersistency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tocsin.detectors.series.window import WindowDetector
    from tocsin.model import Detections, LogAlert
    from tocsin.persistency.values import EventID

__all__ = ["RateConfig", "RateDetector"]

_METHODS: dict[str, type[WindowDetector]] = {"mad": MADDetector, "zscore": ZScoreDetector, "iqr": IQRDetector}
_MOST_SLOTS_AT_ONCE = 10_000
_MOST_PEAKS = 20


class RateConfig(CoreDetectorConfig):
    """The configuration of `RateDetector`.

    Attributes:
        interval: How long a slot is.
        grace: How long after its end a slot still takes late events; it is judged then.
        method: Which detector of series judges the counts.
        params: Its parameters; see `docs/detectors.md`.
        direction: Which anomalies count.
        max_events: How many EventIDs are counted.
    """

    interval: PositiveDuration = Field(default="5min", validate_default=True)
    grace: Duration = Field(default=0, validate_default=True)
    method: Literal["mad", "zscore", "iqr"] = "mad"
    params: dict[str, Any] = Field(default_factory=dict)
    direction: Literal["both", "up", "down"] = "both"
    max_events: int = Field(default=1_000, ge=1)

    @field_validator("interval")
    @classmethod
    def _at_least_a_second(cls, interval: timedelta) -> timedelta:
        if interval < timedelta(seconds=1):
            raise ValueError("a slot is at least a second long")
        return interval

    @model_validator(mode="after")
    def _the_method_takes_its_parameters(self) -> Self:
        try:
            _METHODS[self.method](**self.params)
        except DetectorError as error:
            raise ValueError(f"params: {error}") from error
        if self.params.get("seasonality_components"):
            raise ValueError("params: counts of events have no seasonality columns")
        return self


class _Closed(NamedTuple):
    """The event at a place completed the slots from first to last; the history begins after a slot."""

    place: int
    first: int
    last: int
    begin: int


class _Peak(NamedTuple):
    severity: float
    event_id: EventID
    slot: int
    words: str


class RateDetector(MemoryDetector):
    """Alerts when an event comes more, or less, often than it did.

    It counts each event that training saw in slots of `interval` (time of the events), and keeps the counts
    of as many slots as the detector of series looks back on. That window moves on while it judges. When an
    event is later than the end of a slot (and `grace`), the slot is complete and every count is judged;
    the alert comes with the event that completed it, and has the time of the slot. The first slot of all is
    incomplete and left out. Late events are left out and counted. A gap longer than the window begins anew;
    a single event from far ahead is left out, for its time is likely wrong.

    Args:
        name: What people call it.
        config: An `RateConfig`, or a mapping of its keys.

    >>> config = {"interval": "1min", "data_use_training": 300, "params": {"min_samples": 20}}
    >>> detector = RateDetector(config=config)
    >>> times = [60.0 * minute + second for minute in range(60) for second in range(5, 55, 5)]
    >>> burst = [3600.0 + second / 10 for second in range(500)]
    >>> alerts = []
    >>> for time in [*times, *burst, 3661.0]:
    ...     alert = detector.process({"EventID": "login", "parsedTimestamp": 1768903200.0 + time})
    ...     alerts += [alert] if alert else []
    >>> print(*(alert["description"] for alert in alerts))
    event 'login' came 500× in 1min from 2026-01-20 11:00 UTC; expected 7 to 13×, by the 59 slots before (mad)
    """

    type_name: ClassVar[str] = "rate"
    config_class: ClassVar[type[RateConfig]] = RateConfig
    config: RateConfig
    shaping: ClassVar[tuple[str, ...]] = ("interval",)

    def _make_memory(self) -> EventPersistency:
        return EventPersistency(SlotCounts, ())

    def _state_changed(self) -> None:
        super()._state_changed()
        for key, value in (
            ("slot", None),
            ("first_slot", None),
            ("ahead", None),
            ("late", 0),
            ("timeless", 0),
        ):
            self._record.setdefault(key, value)
        self._series = _METHODS[self.config.method](**self.config.params)
        self._length = self.config.interval.total_seconds()
        self._grace = self.config.grace.total_seconds()

    # -- counting ---------------------------------------------------------------------------------------

    def train(self, input_: Mapping[str, Any]) -> None:
        """Count the event; what `detect` has counted is not counted again."""
        if self._record["phase"] == Phase.DETECT:
            return
        closed = self._count(input_, 0)
        if closed is not None:
            self._drop_old_slots(closed)

    def post_train(self) -> None:
        """Warn when the events have no times."""
        if self._record["slot"] is None:
            self.warn("no event of the training has a time, so there is no rate")

    def _count(self, input_: Mapping[str, Any], place: int) -> _Closed | None:
        """Count an event; give the slots that it completed."""
        record = self._record
        time = event_time(input_)
        if time is None:
            record["timeless"] += 1
            return None
        slot = math.floor(time / self._length)
        open_slot = math.floor((time - self._grace) / self._length)  # all slots before are complete
        if record["slot"] is None:
            record["slot"], record["first_slot"] = open_slot, slot
        closed = None
        window = self._series.context_slots
        if open_slot > record["slot"] + window:
            if record["ahead"] is None:
                record["ahead"] = slot
                return None
            record["slot"], record["first_slot"] = open_slot, slot
        elif open_slot > record["slot"]:
            closed = _Closed(place, record["slot"], open_slot - 1, record["first_slot"])
            record["slot"] = open_slot
        record["ahead"] = None
        if slot < record["slot"]:
            record["late"] += 1
            return closed
        event_id = input_["EventID"]
        is_learning = record["phase"] != Phase.DETECT or self._learns_always
        if event_id in self._known_events or (is_learning and self._has_room_for(event_id)):
            template = str(input_.get("template") or "")
            self.memory.ingest_event(event_id, template, (), {"slot": slot}, time)
        return closed

    def _counts(self) -> dict[EventID, SlotCounts]:
        return cast("dict[EventID, SlotCounts]", self.memory.get_events_data())

    def _drop_old_slots(self, closed: _Closed) -> None:
        oldest = closed.last - self._series.context_slots
        for backend in self._counts().values():
            backend.drop_before(oldest)

    # -- judging ----------------------------------------------------------------------------------------

    def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:
        """Count the event, and judge the slots that it completed."""
        closed = self._count(input_, 0)
        if closed is None:
            return False
        found = self._judge_slots([closed]).get(0)
        self._drop_old_slots(closed)
        if not found:
            return False
        output_.update(self._output_of(found))
        return True

    def _judge_batch(self, events: Sequence[Mapping[str, Any]]) -> list[LogAlert]:
        """Count all events, and judge the slots that they completed together."""
        found: dict[int, list[_Peak]] = {}
        waiting: list[_Closed] = []
        closed = None
        for place, event in enumerate(events):
            one = self._count(event, place)
            if one is None:
                continue
            closed = one
            if waiting and (
                waiting[0].begin != one.begin or one.last - waiting[0].first > _MOST_SLOTS_AT_ONCE
            ):
                found |= self._judge_slots(waiting)
                waiting = []
            waiting.append(one)
        if closed is not None:
            found |= self._judge_slots(waiting)
            self._drop_old_slots(closed)
        self._record["judged"] += len(events)
        self._record["alerts"] += len(found)
        return [
            complete_alert(events[place], self._output_of(peaks), self._identity)
            for place, peaks in sorted(found.items())
        ]

    def _judge_slots(self, closed: Sequence[_Closed]) -> dict[int, list[_Peak]]:
        """Judge complete slots, one after the other; give for each place what was found there."""
        first, last, begin = closed[0].first, closed[-1].last, closed[0].begin
        start = max(begin + 1, first - self._series.context_slots)
        first = max(first, start)
        places = {slot: one.place for one in closed for slot in range(one.first, one.last + 1)}
        found: dict[int, list[_Peak]] = {}
        if first > last:
            return found
        for event_id, backend in self._counts().items():
            counts = backend.get_data()
            values = np.array([counts.get(slot, 0) for slot in range(start, last + 1)], dtype=np.float64)
            if not values.any():
                continue
            verdicts = self._series.detect_arrays(self._series_of(values, start))
            for index in np.flatnonzero(verdicts.is_anomaly[first - start :]).tolist():
                peak = self._peak_of(event_id, verdicts, first - start + index, first + index)
                if peak is not None:
                    found.setdefault(places[first + index], []).append(peak)
        return found

    def _series_of(self, values: NDArray[np.float64], start: int) -> SeriesData:
        step = np.timedelta64(round(self._length * 1000), "ms")
        slots = np.arange(start, start + len(values))
        return SeriesData(
            timestamp=np.datetime64(0, "ms") + slots * step,
            value=values,
            seasonality_data=np.full(len(values), "{}", dtype=object),
            seasonality_columns=[],
        )

    def _peak_of(self, event_id: EventID, verdicts: Detections, index: int, slot: int) -> _Peak | None:
        is_up = bool(verdicts.direction[index] > 0)
        count = int(verdicts.value[index])
        if self.config.direction not in {"both", "up" if is_up else "down"}:
            return None
        if self.is_allowed(event_id, "rate", count):
            return None
        lower = max(float(verdicts.confidence_lower[index]), 0.0)
        upper = float(verdicts.confidence_upper[index])
        words = (
            f"event {quoted(event_id)} came {count:,}× in {_length_in_words(self.config.interval)} from"
            f" {moment(slot * self._length)}; expected {lower:.4g} to {upper:.4g}×,"
            f" by the {min(index, self._series.params['window_size']):,} slots before ({self.config.method})"
        )
        return _Peak(float(verdicts.severity[index]), event_id, slot, words)

    def _output_of(self, peaks: list[_Peak]) -> dict[str, Any]:
        """Give one alert for all that was found when an event completed slots."""
        worst = max(peaks, key=lambda peak: (peak.severity, -peak.slot, repr(peak.event_id)))
        ranked = sorted(peaks, key=lambda peak: (peak.slot, repr(peak.event_id)))
        words = ". ".join(peak.words for peak in ranked[:_MOST_PEAKS])
        if len(ranked) > _MOST_PEAKS:
            words += f". And {len(ranked) - _MOST_PEAKS:,} more"
        return {
            "EventID": worst.event_id,
            "score": worst.severity,
            "alertsObtain": {"rate": words},
            "detectionTimestamp": worst.slot * self._length,
            "alertID": digest_of(self._identity, [[repr(peak.event_id), peak.slot] for peak in peaks]),
        }

    def learning_mark(self) -> Any:
        """Give how many EventIDs are counted."""
        return len(self._known_events)

    def describe(self) -> dict[str, Any]:
        """Give the counts that it looks back on."""
        with self._exclusive():
            events = [
                {
                    "event_id": event_id,
                    "slots": len(backend.get_data()),
                    "total": backend.span.rows,
                    "first": backend.span.first,
                    "last": backend.span.last,
                }
                for event_id, backend in self._counts().items()
            ]
            clock = {key: self._record[key] for key in ("slot", "first_slot", "late", "timeless")}
            return {**super().describe(), "events": events, "clock": clock}


def _length_in_words(length: timedelta) -> str:
    seconds = length.total_seconds()
    return str(Interval(int(seconds))) if seconds == int(seconds) else f"{seconds:g}s"
