"""What is particular to each detector of log events."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.detectors.events import (
    BigramFrequencyDetector,
    CharacterSetDetector,
    EventSequenceDetector,
    NewEventDetector,
    NewValueCombinationDetector,
    NewValueDetector,
    RateDetector,
    RuleDetector,
    ValueRangeDetector,
)
from tocsin.detectors.events.value_range import number_of
from tocsin.errors import DetectorError
from tocsin.testing.event_detectors import part_of
from tocsin.testing.event_streams import make_event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.detectors.events import CoreDetector
    from tocsin.model import LogAlert

DAY = 86_400.0


def feed(
    detector: CoreDetector, values: Iterable[Any], name: str = "x", *, step: float = 1.0
) -> list[LogAlert | None]:
    return [
        detector.process(make_event(number, "e", {name: value}, time=step * number))
        for number, value in enumerate(values)
    ]


def judge(detector: CoreDetector, value: Any, *, time: float | None = None) -> LogAlert | None:
    return detector.process(make_event(10_000, "e", {"x": value}, time=time))


def trained(detector: CoreDetector, values: Iterable[Any]) -> CoreDetector:
    feed(detector, values)
    detector.finish_training()
    return detector


# -- new values -----------------------------------------------------------------------------------------


def test_values_of_different_types_are_different_values() -> None:
    detector = trained(NewValueDetector(config={"variables": ["x"]}), ["1", 2, None, 0.5, True])

    known = [judge(detector, value) is None for value in ("1", 2, None, 0.5, True)]
    new = [
        judge(detector, value) is None for value in (1, "2", 2.0, "None", "0.5", 1.0, "True", Decimal("0.5"))
    ]

    assert all(known)
    assert not any(new)


@given(
    values=st.lists(
        st.one_of(
            st.integers(0, 2), st.booleans(), st.sampled_from(["0", "1", "a"]), st.floats(0, 2), st.none()
        ),
        max_size=30,
    )
)
def test_batches_judge_mixed_types_as_one_by_one(values: list[Any]) -> None:
    detector = trained(NewValueDetector(config={"variables": ["x"]}), [0, True, "a", None, 1.5] * 2)
    events = [make_event(number, "e", {"x": value}) for number, value in enumerate(values)]

    assert detector.process_batch(events) == [alert for one in events if (alert := detector.process(one))]


def test_event_ids_of_different_types_are_different_events() -> None:
    detector = NewValueDetector(config={"variables": ["x"]})
    for event_id, value in ((1, "a"), ("1", "b")):
        detector.process(make_event(0, event_id, {"x": value}))
    detector.finish_training()

    verdicts = [detector.process(make_event(0, i, {"x": v})) is None for i in (1, "1") for v in "ab"]

    assert verdicts == [True, False, False, True]


def test_positional_variables_are_watched_by_number() -> None:
    detector = NewValueDetector(config={"variables": {"e": ["var_1"]}, "data_use_training": 1})
    detector.process(make_event(0, "e", variables=["a", "b"]))

    assert detector.process(make_event(1, "e", variables=["z", "b"])) is None
    assert detector.process(make_event(2, "e", variables=["a"])) is None
    alert = detector.process(make_event(3, "e", variables=["a", "z"]))
    assert alert is not None
    assert list(alert["alertsObtain"]) == ["var_1"]


def test_static_and_stable_variables_are_chosen_and_random_ones_are_not() -> None:
    detector = NewValueDetector(config={"data_use_training": 200})
    for number in range(200):
        named = {"static": "a", "stable": f"v{number % 3}", "random": number, "rising": number // 10}
        detector.process(make_event(number, "e", named))

    watched = detector.describe()["events"][0]["watched"]

    assert watched == ["stable", "static"]


def test_a_value_that_was_not_seen_for_long_is_news_again_also_after_a_restart() -> None:
    config = {"data_use_training": 10, "variables": ["x"], "learn": "always", "forget_after": "7d"}
    detector = NewValueDetector(config=config)
    for day in range(10):
        detector.process(make_event(day, "e", {"x": "ada" if day else "bob"}, time=day * DAY))
    again = NewValueDetector(config=config)
    again.restore(part_of(detector))

    for one in (detector, again):
        alert = one.process(make_event(11, "e", {"x": "bob"}, time=10 * DAY))
        assert alert is not None
        assert one.process(make_event(12, "e", {"x": "bob"}, time=10.5 * DAY)) is None
        assert one.process(make_event(13, "e", {"x": "ada"}, time=11 * DAY)) is None


def test_a_forgotten_value_is_news_and_an_allowed_one_never() -> None:
    detector = trained(NewValueDetector(config={"variables": ["x"]}), ["a", "b"] * 5)
    assert detector.forget("e", "x", "a") == 1
    assert detector.forget("e", "x", "a") == 0
    assert judge(detector, "a") is not None

    detector.allow("e", "x", "a")
    assert judge(detector, "a") is None
    assert detector.disallow("e", "x", "a")
    assert judge(detector, "a") is not None
    assert detector.forget("other") == 0


def test_more_values_than_are_kept_exactly_are_still_known() -> None:
    config = {"variables": ["x"], "max_distinct": 10}
    detector = trained(NewValueDetector(config=config), [f"v{number}" for number in range(500)])

    assert all(judge(detector, f"v{number}") is None for number in range(500))
    alert = judge(detector, "new")
    assert alert is not None
    assert "about" in alert["description"]
    assert detector.describe()["events"][0]["variables"]["x"]["kept_as"] != "exact"


def test_an_explanation_says_what_was_seen_and_expected_since_when_and_how_often() -> None:
    detector = NewValueDetector(config={"data_use_training": 236, "variables": ["terminal"]})
    for number in range(236):
        named = {"terminal": "a" if number < 200 else "b"}
        detector.process(make_event(number, "E", named, time=1_768_903_200.0 + number))

    alert = detector.process(make_event(999, "E", {"terminal": "x"}))

    assert alert is not None
    assert alert["description"] == (
        "terminal 'x' was never seen for event 'E' in 236 events since 2026-01-20 10:00 UTC;"
        " expected one of 'a' (200×), 'b' (36×)"
    )


def test_a_long_explanation_has_a_summary_of_what_tells_the_most() -> None:
    detector = NewValueDetector(config={"data_use_training": 60})
    names = [f"field_{number}" for number in range(9)]
    for number in range(60):
        named = {name: f"{name} is usually {number % (9 - place)}" for place, name in enumerate(names)}
        detector.process(make_event(number, "E", {**named, "ok": "yes"}))

    alert = detector.process(make_event(999, "E", {**dict.fromkeys(names, "x" * 200), "ok": "yes"}))

    assert alert is not None
    assert set(alert["alertsObtain"]) == set(names)
    assert all(f"{name}: " in alert["description"] for name in names)
    assert alert["summary"] == (
        f"field_8 '{'x' * 80}'… (200 characters), field_7 '{'x' * 80}'… (200 characters) and"
        f" field_6 '{'x' * 80}'… (200 characters) were never seen for event 'E' in 60 events;"
        f" expected field_8: 'field_8 is usually 0' (60×), field_7: one of 'field_7 is"
        f" usually 0' (30×), 'field_7 is usually 1' (30×), field_6: one of 'field_6 is usually 0' (20×),"
        f" 'field_6 is usually 1' (20×), 'field_6 is usually 2' (20×). Also odd: field_5, field_4, field_3,"
        f" field_2, field_1 and 1 more"
    )


def test_a_summary_shows_one_long_value_and_counts_the_rest() -> None:
    detector = NewValueDetector(config={"data_use_training": 100, "variables": ["x"]})
    feed(detector, (f"{number % 10}{'y' * 150}" for number in range(100)))

    alert = judge(detector, "new")

    assert alert is not None
    assert len(alert["description"]) > 500
    assert alert["summary"].endswith(f"expected one of '0{'y' * 79}'… (151 characters) (10×) and 9 more")


def test_a_short_explanation_needs_no_summary() -> None:
    detector = NewValueDetector(config={"data_use_training": 10, "variables": ["x"]})
    feed(detector, ["a"] * 10)

    alert = judge(detector, "b")

    assert alert is not None
    assert "summary" not in alert


# -- new events, combinations, sequences ----------------------------------------------------------------


def test_a_departed_event_is_news_again() -> None:
    config = {"data_use_training": 1, "learn": "always", "forget_after": "1d"}
    detector = NewEventDetector(config=config)
    detector.process(make_event(0, "a", time=0.0))

    assert detector.process(make_event(1, "a", time=0.5 * DAY)) is None
    alert = detector.process(make_event(2, "a", time=2 * DAY))
    assert alert is not None
    assert "was not seen since 1970-01-01 12:00 UTC, it came 2× before" in alert["description"]


def test_a_new_event_is_compared_with_what_is_known_at_that_moment() -> None:
    detector = NewEventDetector(config={"data_use_training": 1})
    detector.process({"EventID": "login"})
    words = []
    for step in (lambda: None, lambda: detector.forget("login"), lambda: detector.set_phase("train")):
        step()
        detector.process({"EventID": "logout"})
        detector.finish_training()
        alert = detector.process({"EventID": "sudo"})
        words.append(alert and alert["description"])

    assert words == [
        "event 'sudo' was never seen in 1 event; expected 'login' (1×)",
        "event 'sudo' was never seen in 0 events",
        "event 'sudo' was never seen in 1 event; expected 'logout' (1×)",
    ]


def test_a_new_event_with_a_made_up_id_is_told_with_its_template() -> None:
    detector = NewEventDetector(config={"data_use_training": 0})
    alert = detector.process({"EventID": "E1f", "template": "sshd: Failed password for <*>"})
    assert alert
    assert alert["description"].startswith("event 'E1f' ('sshd: Failed password for <*>') was never seen")


def test_too_many_event_ids_are_said_once() -> None:
    detector = NewEventDetector(config={"max_events": 3})
    for number in range(9):
        detector.process(make_event(number, f"event {number}"))

    assert len(detector.warnings) == 1
    assert "is the EventID a variable?" in detector.warnings[0]


def test_groups_are_chosen_from_stable_variables_and_kept_when_they_are_stable() -> None:
    detector = NewValueCombinationDetector(config={"data_use_configure": 100, "data_use_training": 100})
    for number in range(200):
        user = number % 3
        named = {"user": user, "host": f"pc-{user}", "pid": number, "static": 1}
        detector.process(make_event(number, "login", named))

    assert [group.label for group in detector.config.groups or ()] == ["host+user"]
    assert detector.process(make_event(1, "login", {"user": 0, "host": "pc-0"})) is None
    alert = detector.process(make_event(2, "login", {"user": 0, "host": "pc-1"}))
    assert alert is not None
    assert list(alert["alertsObtain"]) == ["host+user"]


def test_groups_that_training_never_saw_whole_are_warned_about() -> None:
    groups = [{"variables": ["a", "b"], "name": "both", "event_id": "e"}]
    detector = NewValueCombinationDetector(config={"groups": groups, "data_use_training": 1})
    detector.process(make_event(0, "e", {"a": 1}))

    assert detector.warnings == ["group 'both' of event 'e' is configured, but training never saw it whole"]


def test_combinations_without_groups_need_events_to_choose_from() -> None:
    with pytest.raises(DetectorError, match="data_use_configure"):
        NewValueCombinationDetector(config={"data_use_training": 5})


def sequence(detector: CoreDetector, session: Any, *event_ids: str) -> list[bool]:
    return [detector.process(make_event(0, name, {"s": session})) is not None for name in event_ids]


def test_sequences_are_judged_within_their_session_and_from_its_begin() -> None:
    detector = EventSequenceDetector(config={"session": ["s"], "length": 3})
    for number in range(5):
        sequence(detector, number, "in", "do", "out")
    detector.finish_training()

    assert sequence(detector, "x", "in", "do", "out") == [False] * 3
    assert sequence(detector, "y", "do") == [True]
    assert sequence(detector, "z", "in", "out") == [False, True]
    assert sequence(detector, "w", "in", "new", "do") == [False, False, False]


def test_the_oldest_session_is_given_up_when_there_are_too_many() -> None:
    detector = EventSequenceDetector(config={"session": ["s"], "length": 2, "max_sessions": 2})
    for number in range(9):
        sequence(detector, number, "in", "out")
    detector.finish_training()

    assert detector.describe()["sessions"] == {"open": 2, "given_up": 7}
    assert sequence(detector, "x", "out") == [False]  # the begin may be none
    assert sequence(detector, "x", "out") == [True]


def test_a_state_of_other_sequences_is_refused() -> None:
    detector = EventSequenceDetector(config={"length": 2})
    other = EventSequenceDetector(config={"length": 3})

    with pytest.raises(Exception, match="learned with length 2, the configuration has 3"):
        other.restore(part_of(detector))


# -- ranges, characters, transitions --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number"),
    [("5", 5.0), (" -1.5e3 ", -1500.0), (".5", 0.5), ("1_0", None), ("0x1f", None), ("inf", None), ("", None),
     ("٣", None), (True, None), (None, None), (10**400, None), (Decimal("0.1"), 0.1), ("9" * 65, None)],
)  # fmt: skip
def test_numbers_are_numbers_and_texts_that_are_written_as_such(value: Any, number: float | None) -> None:
    assert number_of(value) == number


def test_a_range_has_a_margin_and_both_sides() -> None:
    detector = trained(ValueRangeDetector(config={"variables": ["x"], "margin": 0.5}), ["10", 20, "15"])

    assert [judge(detector, value) is None for value in ("5", 25.0, "4.9", 25.1, "-")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    low, high, text = (judge(detector, value) for value in ("0", 1000, "-"))
    assert low is not None
    assert "below" in low["description"]
    assert high is not None
    assert "far above" in high["description"]
    assert high["score"] == pytest.approx(97.5)
    assert text is not None
    assert "is no number" in text["description"]


def test_texts_are_fine_where_training_had_some() -> None:
    detector = trained(ValueRangeDetector(config={"variables": ["x"]}), ["10", "-", "20"])

    assert judge(detector, "?") is None
    assert judge(detector, "99") is not None


def test_ranges_are_chosen_where_they_hardly_grew() -> None:
    detector = ValueRangeDetector(config={"data_use_training": 400})
    for number in range(400):
        named = {"size": str(number * 37 % 50), "counter": number, "user": f"u{number % 3}"}
        detector.process(make_event(number, "e", named))

    assert detector.describe()["events"][0]["watched"] == ["size"]


def test_an_allowed_text_brings_its_characters() -> None:
    detector = trained(CharacterSetDetector(config={"variables": ["x"]}), ["abc"] * 5)
    assert judge(detector, "a%c") is not None

    detector.allow("e", "x", "100%")

    assert judge(detector, "a%c") is None
    alert = judge(detector, "a;c")
    assert alert is not None
    assert "';'" in alert["description"]


def test_a_variable_of_all_characters_is_not_judged() -> None:
    config = {"variables": ["x"], "max_characters": 10}
    detector = trained(CharacterSetDetector(config=config), ["abcdefghijklmnop"])

    assert judge(detector, "\u4e00") is None
    assert detector.describe()["events"][0]["variables"]["x"]["kept_as"] == "too many characters"


def test_a_single_value_of_a_feature_cannot_be_forgotten_but_its_variable_can() -> None:
    detector = trained(CharacterSetDetector(config={"variables": ["x"]}), ["abc"] * 5)

    with pytest.raises(DetectorError, match="forget the variable"):
        detector.forget("e", "x", "abc")
    assert detector.forget("e", "x") == 1
    assert judge(detector, "%") is None


def test_random_looking_text_is_more_surprising_than_all_of_training() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "theta", "iota", "kappa", "lambda"]
    detector = trained(BigramFrequencyDetector(config={"variables": ["x"]}), words * 20)

    assert all(judge(detector, word) is None for word in words)
    alert = judge(detector, "qxvjzkwq")
    assert alert is not None
    assert "bits a character" in alert["description"]


# -- rate -----------------------------------------------------------------------------------------------


def rate(**config: Any) -> RateDetector:
    return RateDetector(
        config={"interval": "1min", "data_use_training": 600, "params": {"min_samples": 10}, **config}
    )


def steady(slots: int, *, begin: int = 0, per_slot: int = 10) -> list[float]:
    return [
        60.0 * slot + 60.0 / per_slot * place
        for slot in range(begin, begin + slots)
        for place in range(per_slot)
    ]


def run(detector: RateDetector, times: Iterable[float], event_id: str = "e") -> list[LogAlert]:
    events = [make_event(number, event_id, time=time) for number, time in enumerate(times)]
    return detector.process_batch(events)


def test_a_burst_and_a_silence_are_told_with_the_slot_that_they_are_in() -> None:
    burst = [60.0 * 70 + 0.5 * second for second in range(100)]
    silence = steady(5, begin=76)  # nothing in the slots 71 to 75
    alerts = run(rate(), [*steady(70), *burst, *silence])

    assert [alert["detectionTimestamp"] for alert in alerts] == [60.0 * 70]  # the worst slot
    assert "came 100× in 1min from 1970-01-01 01:10 UTC; expected 7 to 13×" in alerts[0]["description"]
    assert alerts[0]["description"].count("came 0×") == 5


def test_only_the_asked_direction_is_told() -> None:
    burst = [60.0 * 70 + 0.5 * second for second in range(100)]
    alerts = run(rate(direction="down"), [*steady(70), *burst, *steady(5, begin=76)])

    assert all("came 0×" in alert["description"] for alert in alerts)


def test_one_event_from_far_ahead_moves_no_clock() -> None:
    times = [*steady(70), 1e9, *steady(1, begin=70), *[60.0 * 71 + 0.5 * n for n in range(100)], 60.0 * 72]
    detector = rate()

    alerts = run(detector, times)

    assert [alert["detectionTimestamp"] for alert in alerts] == [60.0 * 71]


def test_after_a_long_gap_the_history_begins_anew() -> None:
    detector = rate()

    assert run(detector, [*steady(70), *steady(70, begin=5_000, per_slot=40)]) == []


def test_late_events_within_the_grace_count() -> None:
    late = [*steady(70), 60.0 * 71, *[60.0 * 70 + 0.5 * n for n in range(100)], 60.0 * 73]

    assert not any("came 100×" in alert["description"] for alert in run(rate(), late))
    assert any("came 100×" in alert["description"] for alert in run(rate(grace="90s"), late))


def test_events_without_time_have_no_rate_and_that_is_said() -> None:
    detector = rate(data_use_training=3)
    for number in range(5):
        detector.process(make_event(number, "e"))

    assert detector.warnings == ["no event of the training has a time, so there is no rate"]


def test_wrong_parameters_of_the_method_are_named() -> None:
    with pytest.raises(DetectorError, match="treshold"):
        RateDetector(config={"params": {"treshold": 3}})


# -- rules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "value", "yes", "no"),
    [
        ("equals", "a", ["a", b"a"], ["A", "b", None]),
        ("equals", 5, ["5", 5, 5.0, "5.0"], ["6", "a", None, True]),
        ("equals", True, [True], [1, "True"]),
        ("not_equals", "a", ["b", None, 5], ["a"]),
        ("in", ["a", 5], ["a", "5", 5], ["b"]),
        ("not_in", ["a", 5], ["b"], ["a", "5"]),
        ("contains", "fail", ["it failed"], ["ok", None]),
        ("not_contains", "fail", ["ok"], ["failed"]),
        ("starts_with", "/a", ["/ab"], ["b/a"]),
        ("ends_with", ".exe", ["x.exe"], [".exe.txt"]),
        ("regex", r"^\d+ms$", ["12ms"], ["12 ms", None]),
        ("above", 5, ["5.1", 6], ["5", "x", None]),
        ("at_least", 5, ["5"], ["4.9"]),
        ("below", 5, ["4.9"], ["5"]),
        ("at_most", 5, ["5"], ["5.1"]),
        ("level_at_least", "warning", ["WARN", "err", "Critical"], ["info", "x", None]),
        ("exists", None, ["x", None, 0], []),
    ],
)
def test_each_condition(op: str, value: Any, yes: list[Any], no: list[Any]) -> None:
    condition = {"field": "x", "op": op} | ({} if value is None else {"value": value})
    detector = RuleDetector(config={"rules": [{"name": "r", "conditions": [condition]}]})
    events = [make_event(number, "e", {"x": one}) for number, one in enumerate([*yes, *no])]

    verdicts = [detector.process(event) is not None for event in events]

    assert verdicts == [True] * len(yes) + [False] * len(no)
    assert len(detector.process_batch(events)) == len(yes)
    assert detector.process(make_event(0, "e")) is None  # the field is missing


def test_a_missing_field_and_all_conditions_together() -> None:
    conditions = [{"field": "user", "op": "missing"}, {"field": "EventID", "op": "equals", "value": "e"}]
    detector = RuleDetector(config={"rules": [{"name": "r", "conditions": conditions}]})

    assert detector.process(make_event(0, "e", {"user": "ada"})) is None
    assert detector.process(make_event(1, "f")) is None
    assert detector.process(make_event(2, "e")) is not None


def test_case_can_be_ignored() -> None:
    conditions = [
        {"field": "x", "op": "contains", "value": "FAIL", "ignore_case": True},
        {"field": "x", "op": "regex", "value": "now$", "ignore_case": True},
    ]
    detector = RuleDetector(config={"rules": [{"name": "r", "conditions": conditions}]})

    assert judge(detector, "failed NOW") is not None


def test_a_pattern_that_would_take_for_ever_elsewhere_is_quick() -> None:
    conditions = [{"field": "x", "op": "regex", "value": "^(a+)+$"}]
    detector = RuleDetector(config={"rules": [{"name": "r", "conditions": conditions}]})

    assert judge(detector, "a" * 60_000 + "!") is None


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"field": "x", "op": "regex", "value": "("}, "no regex of RE2"),
        ({"field": "x", "op": "regex", "value": "(?=a)"}, "no regex of RE2"),
        ({"field": "x", "op": "regex", "value": "a" * 2_000}, "at most 1,000 characters"),
        ({"field": "x", "op": "above", "value": "much"}, "needs a number"),
        ({"field": "x", "op": "in", "value": "a"}, "needs a list"),
        ({"field": "x", "op": "level_at_least", "value": "loud"}, "name of a level"),
        ({"field": "x", "op": "exists", "value": 1}, "needs no value"),
        ({"field": "x", "op": "like", "value": 1}, "op"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(condition: dict[str, Any], words: str) -> None:
    with pytest.raises(DetectorError, match=words):
        RuleDetector(config={"rules": [{"name": "r", "conditions": [condition]}]})


def test_a_rule_says_how_often_it_held() -> None:
    conditions = [{"field": "x", "op": "equals", "value": "bad"}]
    detector = RuleDetector(config={"rules": [{"name": "r", "conditions": conditions}]})
    alerts = feed(detector, ["bad", "good", "bad"], step=DAY)

    assert [alert and alert["description"].rpartition("; ")[2] for alert in alerts] == [
        "the first time",
        None,
        "2 times since 1970-01-01 00:00 UTC",
    ]
    assert detector.describe()["matches"] == {"r": 2}


def test_a_value_that_is_allowed_silences_the_rule() -> None:
    conditions = [{"field": "x", "op": "starts_with", "value": "bad"}]
    detector = RuleDetector(config={"rules": [{"name": "r", "conditions": conditions}]})
    detector.allow(variable="x", value="bad but known")

    assert judge(detector, "bad but known") is None
    assert judge(detector, "bad") is not None
