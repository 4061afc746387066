"""Configure, train, detect: when one follows the other, and that a restart does not change it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from tocsin import persistency
from tocsin.detectors import CoreDetector, CoreDetectorConfig
from tocsin.detectors.events import NewEventDetector, NewValueDetector, Phase
from tocsin.errors import DetectorError, PersistencyLoadError
from tocsin.testing.event_detectors import contents_of, part_of
from tocsin.testing.event_streams import make_event, make_stream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tocsin.model import ParsedLog


class LongestConfig(CoreDetectorConfig):
    margin: int = 0


class LongestDetector(CoreDetector):
    """Alerts when a log is longer than all in training; written as the specification shows."""

    def __init__(self, name: str = "Longest", config: LongestConfig = LongestConfig()) -> None:  # noqa: B008
        super().__init__(name=name, config=config)
        self.persistency = persistency.EventPersistency(event_data_class=persistency.EventStabilityTracker)
        self._register_persistency(self.persistency)
        self.calls: list[str] = []

    def configure(self, input_: Mapping[str, Any]) -> None:  # noqa: ARG002
        self.calls.append("configure")

    def set_configuration(self) -> None:
        self.calls.append("set_configuration")

    def post_train(self) -> None:
        self.calls.append("post_train")

    def train(self, input_: Mapping[str, Any]) -> None:
        assert self.persistency is not None
        self.persistency.ingest_event("log", "", (), {"length": len(input_["log"])})
        self.calls.append("train")

    def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:
        assert self.persistency is not None
        tracker = self.persistency["log"]
        known = tracker.get_data()["length"].values() if tracker else ()
        if len(input_["log"]) <= max(known, default=0):
            return False
        output_["alertsObtain"] = {"log": f"{len(input_['log'])} characters are more than ever"}
        return True


def event(length: int, number: int = 0, time: float | None = None) -> ParsedLog:
    return {**make_event(number, "x", time=time), "log": "a" * length}


def test_counts_drive_the_phases_and_each_hook_is_called_once_at_its_time() -> None:
    detector = LongestDetector(config=LongestConfig(data_use_configure=2, data_use_training=1))

    phases = []
    for number in range(4):
        phases.append(detector.phase)
        detector.process(event(3, number))

    assert phases == [Phase.CONFIGURE, Phase.CONFIGURE, Phase.TRAIN, Phase.DETECT]
    assert detector.calls == ["configure", "configure", "set_configuration", "train", "post_train"]
    assert detector.counters == {"configured": 2, "trained": 1, "judged": 1, "alerts": 0}


def test_without_rules_training_lasts_until_it_is_finished() -> None:
    detector = LongestDetector()

    assert all(detector.process(event(length)) is None for length in (1, 5, 3))
    detector.finish_training()
    detector.finish_training()

    assert detector.calls.count("post_train") == 1
    assert detector.process(event(5)) is None
    assert detector.process(event(6)) is not None


def test_going_straight_from_configuration_to_detection_finishes_both() -> None:
    detector = LongestDetector(config=LongestConfig(data_use_configure=9))

    detector.set_phase("detect")

    assert detector.calls == ["set_configuration", "post_train"]


def test_no_training_at_all_judges_from_the_first_event() -> None:
    detector = LongestDetector(config=LongestConfig(data_use_training=0))

    assert detector.process(event(1)) is not None


def test_back_in_training_the_rules_count_from_there() -> None:
    detector = LongestDetector(config=LongestConfig(data_use_training=2))
    for length in (1, 2):
        detector.process(event(length))
    detector.set_phase(Phase.TRAIN)

    assert detector.process(event(9)) is None
    assert detector.phase == "train"
    detector.process(event(8))

    assert detector.phase == "detect"
    assert detector.process(event(9)) is None


def test_always_learning_judges_first_and_learns_then() -> None:
    detector = LongestDetector(config=LongestConfig(data_use_training=1, learn="always"))
    alerts = [detector.process(event(length)) is not None for length in (1, 5, 5, 6)]

    assert alerts == [False, True, False, True]


def test_an_alert_is_completed_with_what_detect_left_out() -> None:
    detector = LongestDetector(config=LongestConfig(data_use_training=0))
    alert = detector.process(event(4, 7, 1_768_903_200.0))

    assert alert is not None
    assert alert["description"] == "4 characters are more than ever"
    assert alert["score"] == 1.0
    assert alert["EventID"] == "x"
    assert alert["logIDs"] == ["log:7"]
    assert alert["detectionTimestamp"] == 1_768_903_200.0
    assert alert["detectorID"] == detector.get_detector_id()
    assert len(alert["alertID"]) == 32


def test_training_ends_after_a_duration_by_the_time_of_events() -> None:
    detector = LongestDetector(config=LongestConfig(training_duration="1h"))  # type: ignore[arg-type]

    for time in (0.0, 3_599.0, None, 10.0):
        assert detector.process(event(1, time=time)) is None
    assert detector.phase is Phase.TRAIN

    assert detector.process(event(2, time=3_600.0)) is not None


@pytest.mark.parametrize("wrong", [5.0, 8_078_000_000.0], ids=["1970", "2226"])
@pytest.mark.parametrize("place", [0, 3, 10])
@pytest.mark.parametrize("rule", ["training_duration", "training_quiet"])
def test_a_line_whose_clock_is_years_away_neither_ends_training_nor_prolongs_it(
    rule: str, place: int, wrong: float
) -> None:
    times = [1_772_000_000.0 + 60 * minute for minute in range(100)]
    plain, odd = (NewEventDetector(config={rule: "1h"}) for _ in range(2))

    phases = [
        [(detector.process(event(1, time=time)), detector.phase)[1] for time in seen]
        for detector, seen in ((plain, times), (odd, [*times[:place], wrong, *times[place:]]))
    ]

    del phases[1][place]
    ends = [seen.index(Phase.DETECT) for seen in phases]
    assert all(60 <= end <= 70 for end in ends), ends  # the quiet rule looks every 7.5 minutes


def test_training_ends_when_nothing_new_was_learned_for_a_while() -> None:
    detector = NewEventDetector(config={"training_quiet": "80s"})
    ids = ["a", "b", "a", "c", *["a"] * 40]

    phases = [
        (detector.process(make_event(n, name, time=10.0 * n)), detector.phase)[1]
        for n, name in enumerate(ids)
    ]

    quiet = phases.index(Phase.DETECT)
    assert 11 <= quiet <= 13  # "c" came with the fourth event; the rule looks every ten seconds
    assert detector.process(make_event(99, "d", time=1e4)) is not None


def test_a_quiet_rule_of_new_values_ignores_what_is_random() -> None:
    detector = NewValueDetector(config={"training_quiet": "400s"})
    for number in range(100):
        named = {"user": "ada" if number % 3 else "bob", "pid": number}
        detector.process(make_event(number, "login", named, time=10.0 * number))

    assert detector.phase is Phase.DETECT
    assert detector.process(make_event(100, "login", {"user": "eve", "pid": 1}, time=1e4)) is not None


def test_the_first_rule_that_holds_ends_training() -> None:
    config = LongestConfig(data_use_training=3, training_duration="1d")  # type: ignore[arg-type]
    detector = LongestDetector(config=config)
    for number in range(3):
        detector.process(event(1, time=float(number)))

    assert detector.phase is Phase.DETECT


def test_a_restart_resumes_in_the_same_phase_with_the_same_counters() -> None:
    config = LongestConfig(data_use_configure=2, data_use_training=3)
    whole = LongestDetector(config=config)
    for number in range(7):
        whole.process(event(number, number))
        again = LongestDetector(config=config)
        again.restore(part_of(whole))

        assert again.phase is whole.phase
        assert again.counters == whole.counters


def test_persist_keeps_model_phase_and_choices_across_restarts(tmp_path: Path) -> None:
    block = {"path": str(tmp_path), "auto_load": "if_present"}
    config = {"data_use_training": 300, "persist": block}
    events = make_stream(300)
    expected = NewValueDetector(config={"data_use_training": 300}).process_batch(events)

    found = []
    for begin in range(0, len(events), 120):
        with NewValueDetector(config=config) as detector:
            assert detector.saver is not None
            found += detector.process_batch(events[begin : begin + 120])

    assert expected
    assert found == expected


def test_the_saved_state_of_another_detector_is_refused_and_left_alone(tmp_path: Path) -> None:
    block = {"path": str(tmp_path), "auto_load": "if_present"}
    with NewValueDetector("mine", config={"persist": block}) as detector:
        detector.process_batch(make_stream(20, 0))
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("*.json"))

    class AnotherDetector(NewValueDetector):
        type_name = "another"

    with pytest.raises(PersistencyLoadError, match="new_value detector"):
        AnotherDetector("mine", config={"persist": block})

    assert sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("*.json")) == before


def test_without_persist_there_is_no_saver() -> None:
    with LongestDetector() as detector:
        assert detector.saver is None


def test_a_detector_without_memory_works_but_cannot_be_cut() -> None:
    class Simple(CoreDetector):
        def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:  # noqa: ARG002
            return bool(input_["EventID"] == "bad")

    detector = Simple(config={"data_use_training": 0})

    assert detector.process({"EventID": "good"}) is None
    alert = detector.process({"EventID": "bad"})
    assert alert is not None
    assert "bad" in alert["description"]
    with pytest.raises(DetectorError, match="no memory"):
        detector.cut()


def test_a_state_loaded_by_other_means_is_taken_over(tmp_path: Path) -> None:
    trained = NewEventDetector(config={"data_use_training": 1})
    trained.process(make_event(0, "a"))
    persistency.save(trained.memory, str(tmp_path))

    fresh = NewEventDetector(config={"data_use_training": 1})
    persistency.load(fresh.memory, str(tmp_path))

    assert fresh.phase is Phase.DETECT
    assert fresh.process(make_event(1, "a")) is None
    assert fresh.process(make_event(2, "b")) is not None


def test_what_is_written_in_the_configuration_wins_over_what_was_chosen() -> None:
    trained = NewValueDetector(config={"data_use_training": 300})
    trained.process_batch(make_stream(300, 0))
    written = NewValueDetector(config={"data_use_training": 300, "variables": ["host"]})
    written.restore(part_of(trained))

    alert = written.process(make_event(1, "login", {"user": "eve", "host": "pc-eve"}))

    assert alert is not None
    assert list(alert["alertsObtain"]) == ["host"]
    assert contents_of(written)["metadata"]["detector"]["config"]["variables"] == ["host"]


def test_configured_events_and_variables_that_training_never_saw_are_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    variables = {"login": ["user", "shoe_size"], 4624: ["user"], "4624": ["user"]}
    detector = NewValueDetector(config={"data_use_training": 1, "variables": variables})

    detector.process(make_event(0, "login", {"user": "ada"}))

    assert detector.warnings == [
        "variable 'shoe_size' of event 'login' is configured, but training never saw it",
        "event 4624 is configured, but training never saw it",
        "event '4624' is configured, but training never saw it",
    ]
    assert all(warning in caplog.text for warning in detector.warnings)


def test_credentials_are_no_part_of_the_state(tmp_path: Path) -> None:
    block = {"path": f"file://{tmp_path}", "storage_options": {"auto_mkdir": True}}
    with NewEventDetector(config={"persist": block}) as detector:
        assert "auto_mkdir" not in json.dumps(contents_of(detector)["metadata"])
        assert "auto_mkdir" not in json.dumps(detector.describe())
        assert "auto_mkdir" not in repr(detector.config)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"data_use_trainning": 3}, "did you mean data_use_training"),
        ({"data_use_training": -1}, "data_use_training"),
        ({"data_use_training": "3"}, "data_use_training"),
        ({"training_quiet": "soon"}, "training_quiet"),
        ({"training_duration": 0}, "more than 0"),
        ({"learn": "never"}, "learn"),
        ({"forget_after": "1d"}, "forget_after needs learn: always"),
        ({"persist": {"pathh": "x"}}, "persist.pathh: did you mean path?"),
        ({"allow": [{"event": 1}]}, "allow.0.event"),
        ({"variables": {"a": "b"}}, "variables"),
        ({"variables": "user"}, "NewValueDetector: variables: this must be a list"),
        ({"allow": [3]}, "NewValueDetector: allow.0: this must hold keys and values"),
    ],
)
def test_a_wrong_configuration_names_the_key(config: dict[str, Any], words: str) -> None:
    with pytest.raises(DetectorError, match=words):
        NewValueDetector(config=config)
    with pytest.raises(ValidationError):
        NewValueDetector.config_class.model_validate(config)


def test_a_detector_that_cannot_judge_is_refused_when_it_is_made_not_after_its_training() -> None:
    class Forgetful(CoreDetector):
        """Has no `detect`."""

    with pytest.raises(TypeError, match="detect"):
        Forgetful()  # type: ignore[abstract]
