from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.persistency.strategies import PLAIN, VALUES
from tocsin.persistency.stability import EventStabilityTracker, Stability, register_converter
from tocsin.persistency.stability import series as series_module
from tocsin.persistency.values import UnsupportedValueError, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def tracker_of(values: Sequence[Any], **kwargs: Any) -> EventStabilityTracker:
    tracker = EventStabilityTracker(**kwargs)
    for value in values:
        tracker.add_data({"x": value})
    return tracker


def kind_of(tracker: EventStabilityTracker) -> Stability:
    return tracker.get_data()["x"].classify().type


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ("aa", Stability.INSUFFICIENT_DATA),
        ("ab", Stability.INSUFFICIENT_DATA),
        ("aaa", Stability.STATIC),
        ("abc", Stability.RANDOM),
        ("ab" + "ab" * 10, Stability.STABLE),
        ("abcd" + "a" * 12, Stability.STABLE),  # means 1, 0, 0, 0
        ("abcd" + "aefa" + "a" * 8, Stability.UNSTABLE),  # second 0.5
        ("a" * 15 + "b", Stability.UNSTABLE),  # last 0.25
        ("abca", Stability.UNSTABLE),  # means 1, 1, 1, 0
    ],
)
def test_the_classification_is_checked_in_order(values: str, kind: Stability) -> None:
    result = tracker_of(values).get_data()["x"].classify()

    assert result.type == kind
    assert result.type == str(kind)
    assert result.reason
    assert not result.approximate


@pytest.mark.parametrize(
    ("thresholds_hit", "values"),
    [
        (1, [0, 0, 0] + [1] * 7 + [2, 3, 4] + [1] * 7 + [1] * 20),  # second segment exactly 0.3
        (2, [0] * 20 + [1] + [0] * 9 + [0] * 10),  # third exactly 0.1
    ],
)
def test_a_mean_at_its_threshold_is_not_below_it(thresholds_hit: int, values: list[int]) -> None:
    tracker = tracker_of(values)
    means = tracker.get_data()["x"].change_series.segment_means()

    assert means[thresholds_hit] in {0.3, 0.1}
    assert kind_of(tracker) == Stability.UNSTABLE


@given(st.lists(PLAIN, max_size=30))
def test_the_classification_follows_the_definition(values: list[Any]) -> None:
    if not values:
        return
    seen: set[Any] = set()
    bits = []
    for value in map(key_of, values):
        bits.append(int(value not in seen))
        seen.add(value)
    borders = [i * len(bits) // 4 for i in range(5)]
    parts = [bits[borders[i] : borders[i + 1]] for i in range(4)]
    means = [sum(part) / len(part) if part else 0.0 for part in parts]
    if len(values) < 3:
        expected = "INSUFFICIENT_DATA"
    elif len(seen) == 1:
        expected = "STATIC"
    elif all(bits):
        expected = "RANDOM"
    elif all(mean < limit for mean, limit in zip(means, (1.1, 0.3, 0.1, 0.01), strict=True)):
        expected = "STABLE"
    else:
        expected = "UNSTABLE"

    assert kind_of(tracker_of(values)) == expected


def timed(rows: Sequence[tuple[float | None, str]], **kwargs: Any) -> EventStabilityTracker:
    tracker = EventStabilityTracker(**kwargs)
    for time, value in rows:
        tracker.add_data({"x": value}, time)
    return tracker


def test_segments_by_time_differ_from_those_by_count() -> None:
    # The new values are all in the first second, and more than a quarter of all values.
    rows = [(number / 100, f"v{number}") for number in range(60)]
    rows += [(1.0 + number, "v1") for number in range(100)]
    kinds = {name: kind_of(timed(rows, segmentation=name)) for name in ("count", "time", "both")}
    assert kinds == {"count": "UNSTABLE", "time": "STABLE", "both": "UNSTABLE"}

    # News come late in time, early in count.
    rows = [(0.0, "a"), *[(90.0, f"v{number}") for number in range(8)], *[(100.0, "v1") for _ in range(400)]]
    kinds = {name: kind_of(timed(rows, segmentation=name)) for name in ("count", "time", "both")}
    assert kinds == {"count": "STABLE", "time": "UNSTABLE", "both": "UNSTABLE"}


def test_without_times_nothing_is_stable_by_time() -> None:
    tracker = tracker_of("ab" * 20, segmentation="time")
    result = tracker.get_data()["x"].classify()

    assert result.type == "UNSTABLE"
    assert "no timestamps" in result.reason


def test_an_empty_segment_of_time_has_mean_zero() -> None:
    rows = [(0.0, "a"), (0.1, "b"), (100.0, "a"), (100.0, "b")]
    tracker = timed(rows, segmentation="time")

    assert kind_of(tracker) == "STABLE"
    assert "1, 0, 0, 0" in tracker.get_data()["x"].classify().reason


def test_past_its_bounds_a_classification_says_that_it_is_approximate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(series_module, "MOST_RUNS", 8)
    tracker = tracker_of([value for number in range(20) for value in (number, "same")])
    result = tracker.get_data()["x"].classify()

    assert result.approximate
    assert "approximate" in result.reason
    assert tracker.get_data()["x"].change_series.approximate


def test_features_are_found_by_classification() -> None:
    tracker = EventStabilityTracker()
    for number in range(20):
        tracker.add_data({"static": "a", "random": number, "stable": number % 2})

    assert tracker.get_variables() == ["static", "random", "stable"]
    assert tracker.get_features_by_classification("STATIC") == ["static"]
    assert tracker.get_features_by_classification(Stability.RANDOM) == ["random"]
    assert tracker.get_features_by_classification("STABLE") == ["stable"]
    assert tracker.get_features_by_classification("UNSTABLE") == []


def test_values_of_different_types_never_mix() -> None:
    values = [1, True, 1.0, "1", b"1", (1,)]
    variable = tracker_of(values).get_data()["x"]

    assert variable.distinct_count == len(values)
    assert [(type(value), value) for value in variable.values()] == [(type(value), value) for value in values]
    assert all(variable.seen(value) for value in values)
    assert not any(variable.seen(value) for value in (0, False, "True", (True,), None))


def test_a_value_has_a_count_and_its_first_and_last_time_also_when_times_go_back() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    tracker = EventStabilityTracker()
    for minutes in (5, 9, 1, 3):
        tracker.add_data({"x": "a"}, moment + timedelta(minutes=minutes))
    tracker.add_data({"x": "a"})
    start = round(moment.timestamp()) * 1_000_000

    assert tracker.get_data()["x"].history("a") == (5, start + 60_000_000, start + 540_000_000)
    assert tracker.get_data()["x"].history("b") is None


def test_long_texts_are_told_apart_and_take_little_room() -> None:
    long = "x" * 2**20
    variable = tracker_of([long, long + "y", long]).get_data()["x"]

    assert variable.distinct_count == 2
    assert variable.seen(long + "y")
    assert not variable.seen(long + "z")
    assert all(len(value) < 1_024 for value in variable.values())


def test_a_forgotten_value_is_news_again() -> None:
    tracker = tracker_of("aaab")
    variable = tracker.get_data()["x"]

    assert variable.forget("b")
    assert not variable.forget("b")
    assert not variable.seen("b")
    tracker.add_data({"x": "b"})
    assert list(variable.change_series.runs()) == [(1, 1), (0, 2), (1, 2)]


def test_values_not_seen_for_long_are_news_again() -> None:
    rows = [(0.0, "gone"), (1.0, "here"), (8.0, "here"), (11.0, "here")]
    variable = timed(rows, forget_after=10).get_data()["x"]

    assert not variable.seen("gone")
    assert variable.seen("here")
    assert variable.distinct_count == 1
    assert variable.seen("here", now=21_000_000)
    assert not variable.seen("here", now=21_000_001)


def test_with_ageing_a_late_row_counts_as_seen_at_the_latest_time() -> None:
    rows = [(100.0, "a"), (1.0, "late"), (105.0, "a")]
    variable = timed(rows, forget_after=timedelta(seconds=10)).get_data()["x"]

    assert variable.seen("late")
    assert variable.seen("late", now=110_000_000)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 20).map(float), st.sampled_from("abc")), max_size=40), st.integers(1, 8)
)
def test_ageing_follows_its_definition(rows: list[tuple[float, str]], life: int) -> None:
    tracker = timed(rows, forget_after=life)
    last: dict[str, float] = {}
    now = 0.0
    bits = []
    for time, value in rows:
        now = max(now, time)
        bits.append(int(value not in last or now - last[value] > life))
        last[value] = now

    if rows:
        variable = tracker.get_data()["x"]
        assert [bit for bit, length in variable.change_series.runs() for _ in range(length)] == bits
        alive = {value for value, time in last.items() if now - time <= life}
        assert {value for value in "abc" if variable.seen(value)} == alive
        assert variable.distinct_count == len(alive)
        assert set(variable.values()) == alive


def test_many_distinct_values_are_hashed_then_filtered_and_still_known() -> None:
    tracker = EventStabilityTracker(max_distinct=100, false_positive_rate=0.01)
    names = ("x",)
    count = 1_000
    tracker.add_rows(names, [[f"v{number}" for number in range(count)]], None)
    variable = tracker.get_data()["x"]

    assert variable.stage == "hashes"
    assert variable.distinct_count == pytest.approx(count, rel=0.05)
    assert all(variable.seen(f"v{number}") for number in range(count))
    assert not variable.seen("w")
    assert list(variable.values()) == []
    assert variable.history("v1") is None
    assert variable.classify().type == "RANDOM"


def test_a_random_variable_stays_one_when_the_filter_makes_its_few_mistakes() -> None:
    tracker = EventStabilityTracker(max_distinct=10)
    small = replace(tracker.settings.distinct, max_hashes=100, max_filter_bytes=2**14)
    tracker.settings = replace(tracker.settings, distinct=small)
    for start in range(0, 20_000, 1_000):
        tracker.add_rows(("x",), [[f"v{number}" for number in range(start, start + 1_000)]], None)
    variable = tracker.get_data()["x"]
    result = variable.classify()

    assert variable.stage == "filter"
    assert 0 < variable.false_positive_rate <= 0.2
    assert variable.change_series.ones < variable.total
    assert result.type == "RANDOM"
    assert result.approximate


def test_what_is_left_after_forgetting_is_told_as_such() -> None:
    tracker = tracker_of("aab")
    tracker.get_data()["x"].forget("b")

    assert tracker.get_data()["x"].classify().reason == "one value is left, the others of 3 are forgotten"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"min_samples": 0},
        {"min_samples": True},
        {"segmentation": "space"},
        {"max_distinct": 0},
        {"false_positive_rate": 2},
        {"forget_after": 0},
        {"forget_after": float("nan")},
        {"forget_after": timedelta(0)},
        {"converter_function": "no such converter"},
        {"converter_function": len},
    ],
)
def test_wrong_parameters_are_refused(kwargs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".{10,}"):
        EventStabilityTracker(**kwargs)


def test_a_forget_after_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="duration"):
        EventStabilityTracker(forget_after="1 day")  # type: ignore[arg-type]


@pytest.mark.parametrize("samples", [1, 5])
def test_min_samples_says_when_there_is_enough(samples: int) -> None:
    assert kind_of(tracker_of("a" * (samples - 1) or "a", min_samples=samples)) == (
        "INSUFFICIENT_DATA" if samples > 1 else "STATIC"
    )
    assert kind_of(tracker_of("a" * samples, min_samples=samples)) == "STATIC"


def test_value_combinations_are_a_converter_with_parameters() -> None:
    tracker = EventStabilityTracker(
        converter_function="value_combinations",
        converter_parameters={"size": 2, "variables": ["host", "user", "none"]},
    )
    tracker.add_data({"user": "a", "port": 1, "host": "h"})
    tracker.add_data({"user": "b", "host": "h"})

    assert tracker.get_variables() == ["host+user"]
    assert list(tracker.get_data()["host+user"].values()) == [("h", "a"), ("h", "b")]


def lower(row: Mapping[str, Any], *, only: str | None = None) -> dict[str, Any]:
    return {name: str(value).lower() for name, value in row.items() if only in {None, name}}


def test_a_registered_converter_is_found_by_name_and_by_itself() -> None:
    register_converter("lower", lower)
    register_converter("lower", lower)
    by_name = EventStabilityTracker(converter_function="lower", converter_parameters={"only": "x"})
    by_itself = EventStabilityTracker(converter_function=lower, converter_parameters={"only": "x"})
    for tracker in (by_name, by_itself):
        tracker.add_data({"x": "A", "y": "B"})

    assert by_name.dump() == by_itself.dump()
    restored = EventStabilityTracker.load(
        by_name.dump(), converter_function="lower", converter_parameters={"only": "x"}
    )
    restored.add_data({"x": "a"})
    assert restored.get_data()["x"].history("a") == (2, None, None)
    with pytest.raises(ValueError, match="taken"):
        register_converter("lower", dict)
    with pytest.raises(ValueError, match="taken"):
        register_converter("value_combinations", lower)


def test_an_unsupported_value_leaves_nothing_of_its_row() -> None:
    tracker = tracker_of("a")
    with pytest.raises(UnsupportedValueError):
        tracker.add_data({"x": "b", "y": [1]})

    assert tracker.get_variables() == ["x"]
    assert tracker.get_data()["x"].total == 1


@settings(max_examples=60)
@given(
    st.lists(st.tuples(VALUES, VALUES, st.none() | st.integers(0, 9).map(float)), max_size=30),
    st.integers(1, 8),
)
def test_dump_and_load_change_nothing(rows: list[tuple[Any, Any, float | None]], most: int) -> None:
    kwargs = {"max_distinct": most, "segmentation": "both"}
    tracker = EventStabilityTracker(**kwargs)  # type: ignore[arg-type]
    for one, other, time in rows:
        tracker.add_data({"one": one, "\ud800": other}, time)
    again = EventStabilityTracker.load(tracker.dump(), **kwargs)

    assert again.dump() == tracker.dump()
    for name, variable in tracker.get_data().items():
        mine = again.get_data()[name]
        assert mine.classify() == variable.classify()
        assert mine.distinct_count == variable.distinct_count
        assert all(mine.seen(row[0 if name == "one" else 1]) for row in rows)


def small_dump() -> bytes:
    tracker = EventStabilityTracker(segmentation="both")
    for number in range(6):
        tracker.add_data({"x": f"v{number % 4}", "y": number}, float(number))
    return tracker.dump()


def test_every_flipped_byte_and_every_truncation_is_an_error() -> None:
    content = small_dump()
    for place in range(0, len(content), 7):
        broken = bytearray(content)
        broken[place] ^= 0x41
        with pytest.raises(ValueError, match=r".{10,}"):
            EventStabilityTracker.load(bytes(broken), segmentation="both")
    for length in [*range(0, len(content), 11), len(content) - 1]:
        with pytest.raises(ValueError, match=r".{10,}"):
            EventStabilityTracker.load(content[:length], segmentation="both")


def test_a_state_without_times_is_not_loaded_by_one_that_needs_them() -> None:
    content = tracker_of("abc").dump()

    with pytest.raises(ValueError, match="segmentation='count'"):
        EventStabilityTracker.load(content, segmentation="both")
    assert EventStabilityTracker.load(content, min_samples=5).get_data()["x"].total == 3
