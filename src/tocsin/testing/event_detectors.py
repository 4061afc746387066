"""The contract of detectors of log events, as a suite: subclass it and say how the detector is made."""

from __future__ import annotations

import copy
import json
import math
import random
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from tocsin.detectors.events import CoreDetector, Phase
from tocsin.errors import DetectorError, PersistencyLoadError
from tocsin.persistency.cut import RestoredPart
from tocsin.testing.event_streams import (
    BEGIN,
    make_different_events,
    make_stream,
    with_hostile_values,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.model import LogAlert, ParsedLog

__all__ = ["EventDetectorContract", "assert_explained", "contents_of", "part_of"]


def part_of(detector: CoreDetector) -> RestoredPart:
    """Give all of a detector's state as it would come back from a snapshot."""
    assert detector.persistency is not None
    cut = detector.persistency.cut(complete=True, leave_dirty=True)
    return RestoredPart(
        kind=cut.kind,
        seen=cut.seen,
        templates=dict(cut.templates),
        contents={event_id: give() for event_id, give in cut.changed.items()},
        metadata=json.loads(json.dumps(cut.metadata, allow_nan=False)),
    )


def contents_of(detector: CoreDetector) -> dict[Any, Any]:
    """Give all of a detector's state as something to compare."""
    part = part_of(detector)
    return {"seen": set(part.seen), "contents": dict(part.contents), "metadata": part.metadata}


class EventDetectorContract:
    """What every detector of log events promises.

    Subclass it in a test module and override `make`:

        class TestMine(EventDetectorContract):
            def make(self, **changes):
                return MyDetector(config={"data_use_training": self.training, **changes})

    Attributes:
        training: How many events of the stream are usual ones.
        needs_training: Whether the detector alerts only after training.
        limits: Configuration that makes its memory small.
        most_bytes: How large the state may be then.
    """

    training: ClassVar[int] = 300
    needs_training: ClassVar[bool] = True
    limits: ClassVar[Mapping[str, Any]] = {}
    most_bytes: ClassVar[int] = 200_000

    def make(self, **changes: Any) -> CoreDetector:
        """Make a new detector that has `training` events for everything before it judges.

        Args:
            **changes: Keys of the configuration.
        """
        pytest.fail(f"{type(self).__name__} does not override `make` ({changes})")

    def stream(self, *, seed: int = 0) -> list[ParsedLog]:
        """Make a stream in which the detector finds something."""
        return make_stream(self.training, seed=seed)

    def learned(self, detector: CoreDetector) -> Any:
        """Give what must not change while the detector judges."""
        return contents_of(detector)["contents"]

    # -- alerts -----------------------------------------------------------------------------------------

    def test_it_finds_something_and_nothing_in_training(self) -> None:
        events = self.stream()
        detector = self.make()

        alerts = [detector.process(event) for event in events]

        assert any(alerts)
        if self.needs_training:
            assert not any(alerts[: self.training])
        assert detector.phase is Phase.DETECT
        assert detector.counters["alerts"] == sum(map(bool, alerts))

    def test_every_alert_is_explained(self) -> None:
        events = self.stream()
        alerts = self.make().process_batch(events)

        for alert in alerts:
            assert_explained(alert)
        assert all(alert["logIDs"] for alert in alerts)
        ids = [alert["alertID"] for alert in alerts]
        assert len(set(ids)) == len(ids)

    def test_the_same_detector_gives_the_same_alerts_and_ids(self) -> None:
        one, other = self.make(), self.make()

        assert one.process_batch(self.stream()) == other.process_batch(self.stream())
        assert one.get_detector_id() == other.get_detector_id()
        assert re.fullmatch(r"[0-9a-f]{16}", one.get_detector_id())

    def test_equal_parameters_give_equal_ids(self) -> None:
        detector = self.make()
        again = type(detector)(config=json.loads(detector.get_detector_params()))

        assert again.get_detector_id() == detector.get_detector_id()
        assert again.get_detector_params() == detector.get_detector_params()

    def test_an_unknown_parameter_is_refused_by_its_name(self) -> None:
        with pytest.raises(DetectorError, match="no_such_parameter"):
            self.make(no_such_parameter=1)

    def test_what_comes_in_is_not_changed(self) -> None:
        events = self.stream()
        before = copy.deepcopy(events)
        detector = self.make()

        detector.process_batch(events)

        assert events == before

    # -- state ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("seed", range(4))
    def test_a_restart_anywhere_changes_no_verdict(self, seed: int) -> None:
        events = self.stream(seed=seed)
        whole = self.make()
        expected = [whole.process(event) for event in events]

        found: list[LogAlert | None] = []
        detector = self.make()
        for begin, end in _parts(seed, len(events)):
            found += [detector.process(event) for event in events[begin:end]]
            detector = self._restarted(detector)

        assert found == expected
        assert contents_of(detector) == contents_of(whole)

    @pytest.mark.parametrize("seed", range(4))
    def test_batches_equal_one_by_one(self, seed: int) -> None:
        events = self.stream(seed=seed)
        learn = "always" if seed % 2 else "training"
        single, batched = self.make(learn=learn), self.make(learn=learn)
        expected = [alert for event in events if (alert := single.process(event)) is not None]

        found = []
        for begin, end in _parts(seed, len(events)):
            found += batched.process_batch(events[begin:end])

        assert found == expected
        assert contents_of(batched) == contents_of(single)

    @pytest.mark.parametrize("seed", range(3))
    def test_times_in_any_order_change_nothing_of_this(self, seed: int) -> None:
        events = self.stream()
        order = random.Random(seed)  # noqa: S311 - no secret
        for event in events:
            if order.random() < 0.2:
                event["parsedTimestamp"] = order.choice([None, math.nan, math.inf, -5.0, 1e15, 0.0, BEGIN])
        single, batched = self.make(), self.make()

        expected = [alert for event in events if (alert := single.process(event)) is not None]

        assert batched.process_batch(events) == expected
        assert contents_of(batched) == contents_of(single)
        assert all(math.isfinite(alert["detectionTimestamp"]) for alert in expected)

    def test_judging_does_not_learn(self) -> None:
        events = self.stream()
        detector = self.make()
        detector.process_batch(events[: self.training])
        before = self.learned(detector)

        alerts = detector.process_batch(events[self.training :])

        assert alerts
        assert self.learned(detector) == before

    def test_the_state_of_another_detector_is_refused(self) -> None:
        detector = self.make()
        detector.process_batch(self.stream()[:50])
        part = part_of(detector)
        foreign = copy.deepcopy(dict(part.metadata))
        foreign["detector"]["type"] = "another"
        before = contents_of(detector)

        for metadata, words in ((foreign, "another"), ({}, "nothing that a detector kept")):
            wrong = RestoredPart(part.kind, part.seen, part.templates, part.contents, metadata)
            with pytest.raises(PersistencyLoadError, match=words):
                detector.restore(wrong)

        assert contents_of(detector) == before

    def test_memory_is_bounded(self) -> None:
        detector = self.make(learn="always", **self.limits)

        detector.process_batch(make_different_events(6_000))

        assert _size(detector) <= self.most_bytes

    # -- feedback ---------------------------------------------------------------------------------------

    def test_what_is_allowed_never_alerts_again(self) -> None:
        events = self.stream()
        detector = self.make()
        detector.process_batch(events[: self.training])
        trained = part_of(detector)
        allowed: set[tuple[Any, str]] = set()

        for _ in range(6):
            detector.restore(trained)
            for event_id, variable in allowed:
                detector.allow(event_id, variable)
            detector = self._restarted(detector)  # allowances are part of the state
            alerts = detector.process_batch(events[self.training :])
            if not alerts:
                break
            assert all(
                (alert["EventID"], name) not in allowed for alert in alerts for name in alert["alertsObtain"]
            )
            allowed |= {(alert["EventID"], name) for alert in alerts for name in alert["alertsObtain"]}

        assert allowed
        assert not alerts
        assert len(detector.describe()["allowed"]) == len(allowed)

    def test_the_configuration_allows_too(self) -> None:
        detector = self.make(allow=[{}])

        assert not detector.process_batch(self.stream())

    def test_everything_can_be_forgotten(self) -> None:
        detector = self.make()
        detector.process_batch(self.stream())
        empty = self.make().forget()

        assert detector.forget() >= empty == 0
        assert detector.forget() == 0
        detector.process_batch(self.stream()[self.training :])

    # -- what comes in ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("learn", ["training", "always"])
    def test_hostile_values_do_no_harm(self, learn: str) -> None:
        events = self.stream()
        odd = list(with_hostile_values(events[:100]))
        mixed = [*events[: self.training - 50], *odd[:50], *events[self.training :], *odd]
        detector, other = self.make(learn=learn), self.make(learn=learn)

        alerts = [alert for event in mixed if (alert := detector.process(event)) is not None]

        assert other.process_batch(mixed) == alerts
        assert contents_of(self._restarted(detector)) == contents_of(detector) == contents_of(other)
        for alert in alerts:
            assert_explained(alert)
        json.dumps(detector.describe(), allow_nan=False)
        json.dumps(detector.export(), allow_nan=False)

    def test_an_event_may_have_nothing_but_its_id(self) -> None:
        detector = self.make()

        for event in self.stream()[: self.training]:
            detector.process({"EventID": event["EventID"]})

        assert isinstance(detector.process_batch([{"EventID": "login"}, {"EventID": "new"}]), list)

    @pytest.mark.parametrize("event_id", [None, True, 1.0, ("a",), b"a"])
    def test_an_event_id_of_another_type_is_refused(self, event_id: Any) -> None:
        detector = self.make()

        with pytest.raises(DetectorError, match="EventID"):
            detector.process({"EventID": event_id})
        with pytest.raises(DetectorError, match="EventID"):
            detector.process_batch([{"EventID": event_id}])

    def test_what_is_shown_is_json(self) -> None:
        detector = self.make()
        detector.process_batch(self.stream())

        shown = json.loads(json.dumps(detector.describe(), allow_nan=False))
        exported = json.loads(json.dumps(detector.export(), allow_nan=False))

        assert shown["type"] == detector.describe()["type"]
        assert shown["counters"]["judged"] > 0
        assert exported["detector_id"] == detector.get_detector_id()

    def _restarted(self, detector: CoreDetector) -> CoreDetector:
        again = self.make(learn=detector.config.learn)
        again.restore(part_of(detector))
        return again


def assert_explained(alert: LogAlert) -> None:
    """Check that an alert says what was seen, in words of bounded length, with finite numbers."""
    assert alert["description"]
    assert alert["alertsObtain"]
    assert len(alert["description"]) < 20_000 * len(alert["alertsObtain"])
    alert["description"].encode("utf-8")
    assert alert["description"].isprintable()
    for name, reason in alert["alertsObtain"].items():
        assert reason
        assert name in alert["description"] or repr(alert["EventID"]) in alert["description"]
    assert 0.0 < alert["score"] < math.inf
    assert math.isfinite(alert["detectionTimestamp"])
    json.dumps(alert, allow_nan=False)


def _parts(seed: int, size: int) -> list[tuple[int, int]]:
    """Give begin and end of the parts of a stream; the cuts are anywhere, some right behind each other."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    cuts = {chance.randrange(size) for _ in range(chance.randrange(1, 6))}
    return list(pairwise(sorted({0, size, *cuts, *(cut + 1 for cut in cuts if cut % 2)})))


def _size(detector: CoreDetector) -> int:
    part = part_of(detector)
    return sum(map(len, part.contents.values())) + len(json.dumps(part.metadata)) + 10 * len(part.seen)
