"""A cut is one instant of a persistency; what is restored from it goes on as it would have."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.persistency.strategies import events, observed
from tests.persistency.test_event_persistency import OwnBackend
from tocsin.errors import PersistencyLoadError
from tocsin.persistency import EventPersistency, EventStabilityTracker
from tocsin.persistency.cut import RestoredPart

if TYPE_CHECKING:
    from tocsin.persistency.cut import Cut

KWARGS: list[dict[str, Any]] = [
    {},
    {"segmentation": "both", "max_distinct": 2},
    {"forget_after": 3},
    {"forget_after": 5, "max_distinct": 2, "segmentation": "time"},
    {"converter_function": "value_combinations"},
]


def tracked(**kwargs: Any) -> EventPersistency:
    return EventPersistency(EventStabilityTracker, event_data_kwargs=kwargs)


def part_of(cut: Cut) -> RestoredPart:
    contents = {event_id: give() for event_id, give in cut.changed.items()}
    return RestoredPart(cut.kind, cut.seen, cut.templates, contents, cut.metadata)


def reloaded(ep: EventPersistency, **kwargs: Any) -> EventPersistency:
    other = tracked(**kwargs)
    other.restore(part_of(ep.cut(complete=True)))
    return other


@settings(max_examples=80)
@given(st.sampled_from(KWARGS), events(), events())
def test_a_restored_persistency_is_what_it_was_and_goes_on_as_if_never_interrupted(
    kwargs: dict[str, Any], before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]
) -> None:
    ep = tracked(**kwargs)
    for row in before:
        ep.ingest_event(*row)
    other = reloaded(ep, **kwargs)

    assert observed(other) == observed(ep)

    for row in after:
        ep.ingest_event(*row)
        other.ingest_event(*row)

    assert observed(other) == observed(ep)
    assert {key: data.dump() for key, data in other.get_events_data().items()} == {
        key: data.dump() for key, data in ep.get_events_data().items()
    }


@settings(max_examples=60)
@given(events(), events(), st.data())
def test_a_cut_is_the_state_of_its_instant_whenever_it_is_read(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    ep = tracked()
    for row in before:
        ep.ingest_event(*row)
    expected = observed(ep)
    cut = ep.cut()
    contents: dict[Any, bytes] = {}
    reads_now = st.booleans()
    for row in after:
        if data.draw(reads_now):
            left = sorted(set(cut.changed) - set(contents), key=str)
            for event_id in left[:1]:
                contents[event_id] = cut.changed[event_id]()
        ep.ingest_event(*row)
    for event_id in set(cut.changed) - set(contents):
        contents[event_id] = cut.changed[event_id]()

    other = tracked()
    other.restore(RestoredPart(cut.kind, cut.seen, cut.templates, contents, cut.metadata))

    assert observed(other) == expected


@settings(max_examples=60)
@given(st.lists(st.tuples(events(), st.booleans()), max_size=5))
def test_what_cuts_hold_together_is_the_whole_state_also_when_some_fail(
    steps: list[tuple[list[tuple[Any, ...]], bool]],
) -> None:
    ep = tracked()
    saved: dict[Any, bytes] = {}
    for rows, fails in [*steps, ([], False)]:
        for row in rows:
            ep.ingest_event(*row)
        cut = ep.cut()
        if fails:
            ep.uncut(cut)
        else:
            saved |= {event_id: give() for event_id, give in cut.changed.items()}

    assert set(saved) == cut.keys
    assert saved == {event_id: data.dump() for event_id, data in ep.get_events_data().items()}


def test_only_what_changed_since_the_last_cut_is_in_a_cut() -> None:
    ep = tracked()
    for event_id in range(5):
        ep.ingest_event(event_id, "t", ["a"])
    first = ep.cut()
    ep.ingest_event(3, "t", ["b"])
    second = ep.cut()
    third = ep.cut()

    assert [set(cut.changed) for cut in (first, second, third)] == [{0, 1, 2, 3, 4}, {3}, set()]
    assert all(cut.keys == {0, 1, 2, 3, 4} for cut in (first, second, third))


def test_a_complete_cut_for_somewhere_else_leaves_what_is_dirty() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", ["a"])
    ep.cut()
    ep.ingest_event(2, "t", ["a"])

    copy = ep.cut(complete=True, leave_dirty=True)
    ep.ingest_event(2, "t", ["b"])
    mine = ep.cut()

    assert set(copy.changed) == {1, 2}
    assert set(mine.changed) == {2}
    totals = []
    for cut in (copy, mine):
        tracker = EventStabilityTracker.load(cut.changed[2]())
        totals.append(tracker.get_data()["var_0"].total)
    assert totals == [1, 2]


def test_the_content_of_a_cut_can_be_taken_once() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", ["a"])
    cut = ep.cut()
    cut.changed[1]()

    with pytest.raises(RuntimeError, match="taken from this cut before"):
        cut.changed[1]()


def test_metadata_is_cut_with_the_events_and_restored_with_them() -> None:
    ep = tracked()
    ep.metadata["phase"] = {"name": "train"}
    with ep.exclusive():
        ep.ingest_event(1, "t", ["a"])
        ep.metadata["phase"]["name"] = "detect"
    cut = ep.cut()
    ep.metadata["phase"]["name"] = "later"

    assert cut.metadata == {"phase": {"name": "detect"}}
    other = tracked()
    other.restore(part_of(cut))
    assert other.metadata == {"phase": {"name": "detect"}}


def test_a_read_does_not_make_an_event_dirty_and_a_direct_change_does() -> None:
    ep = tracked()
    ep.ingest_event(1, "t", ["a"])
    ep.cut()
    backend = ep[1]
    assert isinstance(backend, EventStabilityTracker)
    variable = backend.get_data()["var_0"]
    variable.classify()
    variable.seen("a")
    backend.dump()
    assert not ep.cut().changed

    backend.add_data({"var_0": "b"})
    added = ep.cut()
    variable.forget("a")
    forgotten = ep.cut()

    assert EventStabilityTracker.load(added.changed[1]()).get_data()["var_0"].seen("a")
    assert not EventStabilityTracker.load(forgotten.changed[1]()).get_data()["var_0"].seen("a")


def test_a_backend_of_ones_own_is_dumped_at_the_cut() -> None:
    ep = EventPersistency(OwnBackend)
    ep.ingest_event(1, "t", ["a"])
    cut = ep.cut()
    backend = ep[1]
    assert isinstance(backend, OwnBackend)
    expected = repr(backend.rows).encode()
    backend.rows.clear()

    assert cut.changed[1]() == expected


def test_restoring_replaces_everything() -> None:
    saved = tracked()
    saved.ingest_event("1", "one", ["a"])
    ep = tracked()
    ep.ingest_event(1, "other", ["b"])
    old = ep[1]
    pending = ep.cut()
    ep.restore(part_of(saved.cut()))
    assert isinstance(old, EventStabilityTracker)
    old.add_data({"var_0": "c"})

    assert ep.get_events_seen() == {"1"}
    assert ep.get_event_templates() == {"1": "one"}
    assert ep[1] is None
    assert not ep.cut().changed
    assert EventStabilityTracker.load(pending.changed[1]()).get_data()["var_0"].total == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "pandas_frame"}, "of kind 'pandas_frame'"),
        ({"contents": {1: b"", 2: b"rubbish"}}, "state of event 1 cannot be read"),
        ({"contents": {1: b"x" * 100}}, "state of event 1 cannot be read"),
        ({"templates": {}}, "template"),
        ({"contents": {True: b""}}, "EventID"),
    ],
)
def test_a_part_that_cannot_be_restored_leaves_everything_as_it_is(
    change: dict[str, Any], words: str
) -> None:
    saved = tracked()
    saved.ingest_event(1, "t", ["a"])
    part = part_of(saved.cut())
    fields = {name: getattr(part, name) for name in ("kind", "seen", "templates", "contents", "metadata")}
    ep = tracked()
    ep.ingest_event(2, "u", ["b"])
    before = observed(ep)

    with pytest.raises(PersistencyLoadError, match=words):
        ep.restore(RestoredPart(**(fields | change)))

    assert observed(ep) == before
    assert set(ep.cut().changed) == {2}


def test_threads_that_ingest_while_others_cut_lose_nothing_and_every_cut_is_whole() -> None:
    ep = tracked()
    threads, rows = 4, 1_500
    done = threading.Event()

    def learn(thread: int) -> None:
        for number in range(rows):
            with ep.exclusive():  # these two are one step for a cut
                ep.ingest_event(1, "t", [number % 50, thread], {"only": f"{thread}-{number}"}, float(number))
                ep.ingest_event("1", "t", [f"{thread}-{number}"])

    def watch() -> list[tuple[int, int]]:
        saved: dict[Any, bytes] = {}
        sums = []
        while not done.is_set():
            cut = ep.cut()
            saved |= {event_id: give() for event_id, give in cut.changed.items()}
            pair = [EventStabilityTracker.load(saved[key]).get_data() for key in (1, "1") if key in saved]
            if len(pair) == len((1, "1")):
                sums.append((pair[0]["only"].total, pair[1]["var_0"].distinct_count))
        return sums

    with ThreadPoolExecutor(threads + 2) as pool:
        watchers = [pool.submit(watch) for _ in range(1)]
        learners = [pool.submit(learn, thread) for thread in range(threads)]
        for learner in learners:
            learner.result()
        done.set()
        sums = watchers[0].result()

    assert all(one == other for one, other in sums)
    data = ep[1].get_data()  # type: ignore[union-attr]
    assert data["only"].total == data["only"].distinct_count == threads * rows
    assert data["var_1"].distinct_count == threads
    assert ep.events_ingested == 2 * threads * rows


def test_readers_in_other_threads_are_not_disturbed() -> None:
    ep = tracked(segmentation="both")
    ep.ingest_event(1, "t", ["start"], timestamp=0.0)
    done = threading.Event()

    def read() -> int:
        looks = 0
        while not done.is_set():
            data = ep[1].get_data()  # type: ignore[union-attr]
            assert data["var_0"].classify().reason
            assert data["var_0"].seen("start")
            assert len(list(data["var_0"].values())) >= 1
            observed(ep)
            looks += 1
        return looks

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for number in range(3_000):
            ep.ingest_event(1, "t", [f"{number % 700}"], timestamp=float(number % 97))
        done.set()
        assert all(reader.result() > 0 for reader in readers)

    assert ep[1].get_data()["var_0"].total == 3_001  # type: ignore[union-attr]
