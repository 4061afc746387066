"""Distinct values: what is known is what a memory without bounds would know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.persistency.distinct_model import Model, Row, add_all, add_each, state_of
from tocsin.persistency import hashed_values
from tocsin.persistency.distinct import DistinctSettings, DistinctState, DistinctValues
from tocsin.persistency.values import key_of

KEYS = st.integers(0, 12) | st.sampled_from(
    ["a", "b", "", "\ud800", key_of(None), key_of(1.5), key_of((1, "a"))]
)
MANY_KEYS = st.integers(0, 150)
ROWS = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 100)), max_size=80)
MANY_ROWS = st.lists(st.tuples(MANY_KEYS, st.none() | st.integers(0, 300)), max_size=200)
SIZES = st.sampled_from([1, 2, 7, 30, 1000])
NO_MISTAKES = 1e-9


@pytest.fixture(autouse=True, params=[1, 16])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the way of many values at once from the first value on, or from the sixteenth."""
    monkeypatch.setattr(hashed_values, "_FEW", request.param)


def small(**changes: Any) -> DistinctSettings:
    values: dict[str, Any] = {
        "max_distinct": 5, "max_hashes": 20, "false_positive_rate": NO_MISTAKES, "max_filter_bytes": 65_536,
    }  # fmt: skip
    return DistinctSettings(**values | changes)


@pytest.mark.parametrize("forget_after", [None, 1, 10, 37])
@given(rows=ROWS, size=SIZES, tells_earliest=st.booleans())
def test_the_exact_stage_knows_what_an_unbounded_memory_knows(
    forget_after: int | None,
    rows: list[Row],
    size: int,
    tells_earliest: bool,  # noqa: FBT001
) -> None:
    settings = DistinctSettings(forget_after=forget_after)
    values, model = DistinctValues(settings), Model(settings)

    verdicts = add_all(values, rows, size, tells_earliest=tells_earliest)

    assert verdicts == [model.add(key, time) for key, time in lifted_like(rows, forget_after)]
    assert list(values.items()) == model.items()
    assert values.count == len(model.items())
    for key in range(13):
        assert values.seen(key) == model.has(key)
        assert values.get(key) == (model.known[key] if model.has(key) else None)
    assert values.stage == "exact"
    assert values.false_positive_rate == 0


def lifted_like(rows: list[Row], forget_after: int | None) -> list[Row]:
    """Give the rows as a memory gets them: one that ages never sees times fall."""
    if forget_after is None:
        return rows
    clock, lifted = 0, []
    for key, time in rows:
        clock = max(clock, time or 0)
        lifted.append((key, None if time is None else clock))
    return lifted


@pytest.mark.parametrize("max_hashes", [20, 100_000])
@pytest.mark.parametrize("forget_after", [None, 40])
@given(rows=MANY_ROWS, size=SIZES)
def test_hashes_and_filter_judge_as_an_unbounded_memory_does(
    forget_after: int | None, max_hashes: int, rows: list[Row], size: int
) -> None:
    settings = small(forget_after=forget_after, max_hashes=max_hashes)
    values, model = DistinctValues(settings), Model(settings)
    ever: dict[Any, int] = {}

    verdicts = add_all(values, rows, size)

    for (key, time), is_new in zip(lifted_like(rows, forget_after), verdicts, strict=True):
        expected = model.add(key, time)
        if max_hashes == 20 and forget_after is not None and expected and key in ever and not is_new:
            # A filter may remember for up to a quarter longer.
            assert (model.clock or 0) - ever[key] <= 1.25 * forget_after + 1
        else:
            assert is_new == expected
        ever[key] = model.clock or 0


@pytest.mark.parametrize("max_distinct", [5, None])
@pytest.mark.parametrize("forget_after", [None, 3, 40])
@given(rows=MANY_ROWS, size=SIZES, other=SIZES)
def test_batches_leave_what_rows_one_by_one_leave(
    forget_after: int | None, max_distinct: int | None, rows: list[Row], size: int, other: int
) -> None:
    settings = small(forget_after=forget_after, max_distinct=max_distinct, false_positive_rate=0.3)
    one, many, mixed = DistinctValues(settings), DistinctValues(settings), DistinctValues(settings)
    half = len(rows) // 2

    expected = add_each(one, rows)
    clock = max((time for _, time in rows[:half] if time is not None), default=None)

    assert add_all(many, rows, size) == expected
    assert add_all(mixed, rows[:half], size) + add_all(mixed, rows[half:], other, clock) == expected
    assert state_of(many) == state_of(one) == state_of(mixed)
    assert one.count == many.count


@pytest.mark.parametrize("forget_after", [None, 40])
@given(before=MANY_ROWS, after=MANY_ROWS, size=SIZES)
def test_a_copy_and_a_restored_one_go_on_as_if_nothing_had_happened(
    forget_after: int | None, before: list[Row], after: list[Row], size: int
) -> None:
    settings = small(forget_after=forget_after, false_positive_rate=0.3)
    values = DistinctValues(settings)
    add_all(values, before, size)
    clock = max((time for _, time in before if time is not None), default=None)
    saved = state_of(values)

    copied, restored = values.copy(), DistinctValues.from_state(settings, values.state())
    verdicts = add_all(values, after, size, clock)

    assert state_of(copied) == state_of(restored) == saved
    assert add_all(copied, after, size, clock) == add_all(restored, after, size, clock) == verdicts
    assert state_of(copied) == state_of(restored) == state_of(values)
    assert restored.count == values.count


@given(rows=MANY_ROWS, forgotten=st.lists(MANY_KEYS, max_size=5), size=SIZES)
def test_a_forgotten_value_is_news_once_more(rows: list[Row], forgotten: list[int], size: int) -> None:
    values = DistinctValues(small())
    add_all(values, rows, size)

    for key in forgotten:
        was_known = values.seen(key)
        assert values.forget(key) == was_known
        assert not values.seen(key)
        assert not values.forget(key)
    again = DistinctValues.from_state(small(), values.state())

    for key in dict.fromkeys(forgotten):
        assert add_all(again, [(key, None)] * 2, size) == [True, False]
        assert again.seen(key)
    assert add_all(again, [(key, None) for key in forgotten], size) == [False] * len(forgotten)


@given(rows=MANY_ROWS, later=st.integers(0, 100))
def test_what_is_seen_at_a_later_instant_is_what_would_be_kept_until_then(
    rows: list[Row], later: int
) -> None:
    settings = small(forget_after=40, max_hashes=100_000)
    values, model = DistinctValues(settings), Model(settings)
    add_all(values, rows, 30)
    for key, time in lifted_like(rows, 40):
        model.add(key, time)
    now = (model.clock or 0) + later

    if model.clock is not None:
        before = state_of(values)
        answers = [values.seen(key, now) for key in range(150)]
        assert state_of(values) == before
        model.clock = now
        assert answers == [model.has(key) for key in range(150)]
        values.expire(now)
        assert values.count == len(model.items())


def test_a_value_is_remembered_for_exactly_as_long_as_is_asked() -> None:
    values = DistinctValues(DistinctSettings(forget_after=100))

    add_each(values, [("a", 0)])

    assert values.seen("a", 100)
    assert not values.seen("a", 101)
    assert add_each(values, [("b", 100), ("a", 100), ("c", 201)]) == [True, False, True]
    assert [key for key, *_ in values.items()] == ["c"]
    assert values.get("a") is None


def test_a_filter_remembers_at_least_as_long_as_is_asked_and_at_most_a_quarter_longer() -> None:
    settings = small(forget_after=100, max_hashes=1)
    for start in range(50):
        values = DistinctValues(settings)
        add_each(values, [(key, start) for key in range(40)])
        assert values.stage == "filter"
        ages = [age for age in range(200) if values.seen(3, start + age)]
        assert ages == list(range(len(ages)))
        assert 101 <= len(ages) <= 126


def test_the_stages_follow_each_other() -> None:
    values = DistinctValues(small())

    add_each(values, [(key, None) for key in range(5)])
    assert (values.stage, values.count) == ("exact", 5)
    add_each(values, [(5, None)])
    assert (values.stage, values.count, list(values.items())) == ("hashes", 6, [])
    add_each(values, [(key, None) for key in range(20)])
    assert (values.stage, values.count) == ("hashes", 20)
    add_each(values, [(20, None)])
    assert (values.stage, values.count) == ("filter", 21)
    assert 0 < values.false_positive_rate < NO_MISTAKES


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_distinct": 0}, {"max_distinct": 1.0}, {"max_hashes": 0}, {"false_positive_rate": 0.0},
        {"false_positive_rate": 0.6}, {"forget_after": 0}, {"forget_after": -1}, {"max_filter_bytes": 10},
        {"max_filter_bytes": 2**40}, {"max_hashes": True},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DistinctSettings(**wrong)


def test_settings_may_change_between_a_save_and_a_load() -> None:
    values = DistinctValues(small(forget_after=40))
    add_each(values, [(key, key) for key in range(30)])

    for other in (
        small(),
        small(forget_after=80),
        small(forget_after=7),
        small(max_distinct=1000, max_hashes=3),
    ):
        restored = DistinctValues.from_state(other, values.state())
        add_each(restored, [(key, 31) for key in range(100, 150)])
        assert restored.seen(29)
        assert restored.seen(120)
    plain = DistinctValues(small())
    add_each(plain, [(key, 5) for key in range(30)])
    ageing = DistinctValues.from_state(small(forget_after=40), plain.state())
    add_each(ageing, [("new", 31)])
    assert ageing.seen(3)


def hostile_states() -> list[DistinctState]:
    exact = DistinctState(
        {"clock": 5, "slot_width": 1, "stage": "exact"}, ["a", "b"], [1, 2], [1, None], [5, None], {}
    )
    values = DistinctValues(small(forget_after=40))
    add_each(values, [(key, key) for key in range(30)])
    filtered = values.state()

    def changed(state: DistinctState, **changes: Any) -> DistinctState:
        fields = {name: getattr(state, name) for name in state.__slots__}
        fields |= {name: value for name, value in changes.items() if name in fields}
        fields["attributes"] = fields["attributes"] | {k: v for k, v in changes.items() if k not in fields}
        return DistinctState(**fields)

    piece = filtered.attributes["slices"][0]["parts"][0]
    slices: list[Any] = [
        [{"slot": slot, "parts": parts}]
        for slot, parts in (
            ("0", [piece]),
            (2**70, [piece]),
            (0, []),
            (0, [piece] * 9),
            (0, [{**piece, "probes": 0}]),
            (0, [{**piece, "probes": 10**9}]),
            (0, [{**piece, "capacity": 0}]),
            (0, [{**piece, "count": -1}]),
            (0, [{}]),
        )
    ]
    return [
        changed(exact, keys=["a", "a"]),
        changed(exact, counts=[0, 1]),
        changed(exact, counts=[1]),
        changed(exact, firsts=[9, None]),
        changed(exact, lasts=[2**64, None]),
        changed(exact, clock="x"),
        changed(exact, clock=2**80),
        changed(exact, slot_width=0),
        changed(exact, stage="other"),
        DistinctState({}, [], [], [], [], {}),
        DistinctState([], [], [], [], [], {}),  # type: ignore[arg-type]
        changed(filtered, seed="00"),
        changed(filtered, seed="x"),
        changed(filtered, forgotten=[0]),
        changed(filtered, forgotten=["1"]),
        changed(filtered, forgotten=None),
        changed(filtered, stage=[]),
        changed(filtered, blobs={}),
        *(changed(filtered, slices=each) for each in slices),
        *(
            changed(filtered, blobs={**filtered.blobs, name: blob})
            for name, blob in (
                ("hashes", b"x"),
                ("hashes", bytes(8)),
                ("hashes", b"\2" + bytes(7) + b"\1" + bytes(7)),
                ("lasts", b""),
                ("sketch 0", b""),
                ("sketch 0", filtered.blobs["sketch 0"] + b"x"),
                ("sketch 0", filtered.blobs["sketch 0"][:-1]),
                ("sketch 0", b"\xff" * len(filtered.blobs["sketch 0"])),
                ("filter 0 0", b""),
            )
        ),
    ]


@pytest.mark.parametrize("state", hostile_states())
def test_a_damaged_state_is_an_error(state: DistinctState) -> None:
    with pytest.raises(ValueError, match=r".+"):
        DistinctValues.from_state(small(forget_after=40), state)
