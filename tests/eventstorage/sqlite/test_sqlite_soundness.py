"""Whatever is done in whatever order: the tables fit each other, and have what plain Python says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import StorageIntegrityError
from tocsin.eventstorage import EventStorageService
from tocsin.testing.event_stores import FixedClock, message
from tocsin.testing.event_stores.base import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NUMBERS = st.integers(0, 15)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.lists(_NUMBERS, max_size=8)),
        st.tuples(st.just("insert one"), _NUMBERS),
        st.tuples(st.just("undone"), st.lists(_NUMBERS, max_size=8)),
        st.tuples(st.just("delete"), _NUMBERS),
        st.tuples(st.just("delete category"), _NUMBERS),
        st.tuples(st.just("retain"), st.integers(0, 30)),
        st.tuples(st.just("indexes"), st.booleans()),
    ),
    max_size=20,
)


def _message(number: int) -> dict[str, Any]:
    side = {"IP4": [f"10.0.0.{number}"], "Port": [number], "Hostname": [f"h{number % 4}.example"]}
    return message(f"id-{number}", Category=_categories(number), Source=[side], Note=f"note{number % 3}")


def _categories(number: int) -> list[str]:
    return [f"c{number % 3}"] + [f"d{number % 5}"] * (number % 2)


@examples(25)
@given(steps=_STEPS)
def test_the_tables_fit_each_other_after_anything(
    tmp_path_factory: Any, assert_sound: Callable[[Path], None], steps: list[tuple[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("sound") / "events.db"
    clock = FixedClock()
    there: dict[int, Any] = {}
    with EventStorageService(path=path, clock=clock, synchronous="OFF") as store:
        store.database_create()
        for kind, value in steps:
            clock.advance(seconds=1)
            _do(store, clock, there, kind, value)
        assert {event.id for event in store.stream_events()} == {f"id-{number}" for number in there}
        expected = sorted({category for number in there for category in _categories(number)})
        assert store.distinct_values("category") == expected
        for note in range(3):
            assert store.count_events({"text": f"note{note}"}) == sum(n % 3 == note for n in there)
    assert_sound(path)


def _do(  # noqa: C901 - one branch a kind of step
    store: EventStorageService, clock: FixedClock, there: dict[int, Any], kind: str, value: Any
) -> None:
    if kind == "insert":
        store.insert_events([_message(number) for number in value], batch_size=3)
        for number in value:
            there.setdefault(number, clock.now())
    elif kind == "insert one":
        try:
            store.insert_event(_message(value))
        except StorageIntegrityError:
            assert value in there
        there.setdefault(value, clock.now())
    elif kind == "undone":
        with store.cursor_new() as cursor:
            cursor.insert_events([_message(number) for number in value])
            cursor.delete_events(all=True)
    elif kind == "delete":
        assert store.delete_event(f"id-{value}") == (there.pop(value, None) is not None)
    elif kind == "delete category":
        gone = [number for number in there if f"c{value % 3}" in _categories(number)]
        assert store.delete_events({"categories": f"c{value % 3}"}) == len(gone)
        for number in gone:
            del there[number]
    elif kind == "retain":
        clock.advance(seconds=-value)
        edge = clock.now()
        clock.advance(seconds=value)
        gone = [number for number, stored in there.items() if stored < edge]
        assert sum(store.retain(edge, batch=2)) == len(gone)
        for number in gone:
            del there[number]
    elif value:
        store.index_create()
    else:
        store.index_drop()
