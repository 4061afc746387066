"""Which generations are kept, and how much is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.persistency.snapshots.states import NOW, Learner, after, contents_of, cut_of
from tocsin.errors import PersistencyError
from tocsin.persistency.snapshots import MemoryStore, Snapshots
from tocsin.persistency.snapshots.manifest import SegmentEntry
from tocsin.persistency.snapshots.retention import MOST_SEGMENTS, kept_generations, segments_to_rewrite


def test_the_last_generation_of_each_past_day_is_kept() -> None:
    store = MemoryStore()
    snapshots = Snapshots(store, keep_generations=2, keep_days=3)
    for hour in range(0, 6 * 24, 6):
        snapshots.commit({"": cut_of({"a": b"%d" % hour})}, now=after(hours=hour))

    made = {info.generation: info.created_at for info in snapshots.generations()}
    last = after(hours=5 * 24 + 18)
    assert [one for one in made.values() if one] == [
        datetime(2026, 3, 4, 18, tzinfo=UTC),
        datetime(2026, 3, 5, 18, tzinfo=UTC),
        datetime(2026, 3, 6, 18, tzinfo=UTC),
        last - timedelta(hours=6),
        last,
    ]
    for generation, created_at in made.items():
        assert created_at is not None
        assert contents_of(Snapshots(store).load(generation)) == {
            "a": b"%d" % ((created_at - NOW).total_seconds() // 3600)
        }


@given(
    st.dictionaries(
        st.integers(1, 50), st.integers(0, 500).map(lambda hours: after(hours=hours)), min_size=1
    ),
    st.integers(1, 5),
    st.integers(0, 10),
)
def test_the_newest_is_always_kept_and_never_more_than_asked_for(
    created: dict[int, datetime], generations: int, days: int
) -> None:
    kept = kept_generations(created, generations, days, after(hours=501))

    assert max(created) in kept
    assert min(len(created), generations) <= len(kept) <= generations + days


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=200))
def test_after_rewriting_at_least_half_of_all_bytes_are_live(sizes: list[tuple[int, int]]) -> None:
    live = {SegmentEntry(str(number), length + used, ""): used for number, (length, used) in enumerate(sizes)}

    rewritten = segments_to_rewrite(live)

    stay = live.keys() - rewritten
    moved = sum(live[one] for one in rewritten)
    assert 2 * (sum(live[one] for one in stay) + moved) >= sum(one.length for one in stay) + moved
    assert len(stay) <= MOST_SEGMENTS


def test_many_small_saves_do_not_make_many_files() -> None:
    store = MemoryStore()
    snapshots = Snapshots(store)
    learner = Learner()
    written = 0
    for number in range(300):
        learner.learn(**{f"event {number}": b"x" * 100})
        written += snapshots.commit({"": learner.cut()}, now=after(seconds=number)).written_bytes

    assert len([name for name in store.files if name.startswith("segments/")]) < 2 * MOST_SEGMENTS
    assert contents_of(Snapshots(store).load()) == learner.contents
    assert written < 10 * 300 * 100


def test_large_states_are_cut_into_several_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.persistency.snapshots.segments.SEGMENT_BYTES", 1000)
    store = MemoryStore()
    contents = {number: bytes([number]) * 300 for number in range(20)}

    Snapshots(store).commit({"": cut_of(contents)}, now=NOW)

    assert len([name for name in store.files if name.startswith("segments/")]) == 7
    assert contents_of(Snapshots(store).load()) == contents


def test_numbers_of_generations_are_not_used_up_unnoticed() -> None:
    store = MemoryStore({"quarantine/999999999999.json": b""})

    with pytest.raises(PersistencyError, match="used up"):
        Snapshots(store).commit({"": cut_of({"a": b"1"})}, now=NOW)
