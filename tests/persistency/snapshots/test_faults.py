"""Stores that fail, tear, delay and reorder: the old generation or the new one, never a mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.persistency.snapshots.states import Learner, after, contents_of
from tocsin.errors import PersistencyError, StateLockedError
from tocsin.persistency.snapshots import FsspecStore, KeysMissingError, Snapshots
from tocsin.testing.faulty_files import FAULTS, Fault, FaultPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tocsin.persistency.snapshots import GenerationInfo, SnapshotStore
    from tocsin.persistency.values import EventID

    State = Mapping[EventID, bytes] | None

KEYS = ("a", "b", "c", "d")
COMMITS = 6


def open_store(plan: FaultPlan) -> SnapshotStore:
    return FsspecStore("faulty://state", {"plan": plan})


def steps(learner: Learner) -> Iterator[int]:
    """Learn a step at a time: one event each, all of them at the beginning, so that segments are shared."""
    for number in range(COMMITS):
        changed = KEYS if number == 0 else (KEYS[number % len(KEYS)],)
        learner.learn(**dict.fromkeys(changed, b"%d" % number * 50))
        yield number


def save(snapshots: Snapshots, learner: Learner, number: int) -> GenerationInfo:
    """Save as a saver does."""
    for complete in (False, True):
        cut = learner.cut(complete=complete)
        try:
            return snapshots.commit({"": cut}, now=after(minutes=number))
        except KeysMissingError:
            learner.uncut(cut)
            if complete:
                raise
        except PersistencyError:
            learner.uncut(cut)
            raise
    raise AssertionError


def committed(plan: FaultPlan) -> State:
    """Give what another process finds now, without faults."""
    kind, plan.kind = plan.kind, None
    try:
        return contents_of(Snapshots(open_store(plan)).load())
    finally:
        plan.kind = kind


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_at_any_call_gives_the_old_generation_or_the_new_one(kind: Fault) -> None:
    at = 0
    while run_with_fault(kind, at := at + 1):
        assert at < 500
    assert at > 20


def run_with_fault(kind: Fault, at: int) -> bool:
    """Save some steps with a fault at one call; tell whether it struck."""
    plan = FaultPlan()
    plan.arm(kind, at)
    learner = Learner()
    snapshots = Snapshots(open_store(plan), keep_generations=2)
    kept: State = None
    for number in steps(learner):
        live = dict(learner.contents)
        try:
            save(snapshots, learner, number)
        except PersistencyError:
            assert learner.contents == live
            found = committed(plan)
            assert found in (kept, live)
            kept = found
        else:
            plan.settle() if kind == "reorder" else None
            assert committed(plan) == live
            kept = live
    struck = plan.struck
    plan.revive()
    assert committed(plan) in (kept, learner.contents)
    save(snapshots, learner, COMMITS)  # when the store works again, so does saving
    assert committed(plan) == learner.contents
    return struck


@pytest.mark.parametrize("kind", FAULTS)
def test_a_process_that_dies_at_a_fault_leaves_a_state_to_go_on_from(kind: Fault) -> None:
    at = 0
    struck = True
    while struck:
        at += 1
        plan = FaultPlan()
        plan.arm(kind, at)
        learner = Learner()
        snapshots = Snapshots(open_store(plan), keep_generations=2)
        kept: State = None
        attempted: State = None
        try:
            for number in steps(learner):
                attempted = dict(learner.contents)
                save(snapshots, learner, number)
                kept = attempted
        except PersistencyError:
            plan.kind = None
        struck = plan.kind is None
        plan.revive()
        heir = Snapshots(open_store(plan), keep_generations=2)
        found = contents_of(heir.load())
        assert found in (kept, attempted)
        successor = Learner(found or {})
        successor.learn(e=b"learned by the next process")
        save(heir, successor, COMMITS)
        assert committed(plan) == successor.contents


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_while_loading_is_an_error_or_the_state(kind: Fault) -> None:
    plan = FaultPlan()
    learner = Learner()
    snapshots = Snapshots(open_store(plan))
    for number in steps(learner):
        save(snapshots, learner, number)
    before = dict(plan.files)

    for mode in ("raise", "previous"):
        for at in range(1, 20):
            plan.arm(kind, at)
            try:
                loaded = Snapshots(open_store(plan), on_corruption=mode).load()
            except PersistencyError as error:
                assert "faulty://state" in str(error)  # noqa: PT017 - it need not fail
            else:
                assert contents_of(loaded) == learner.contents
            plan.revive()

    assert plan.files == before


def test_a_save_that_failed_before_its_manifest_leaves_nothing_behind() -> None:
    plan = FaultPlan()
    learner = Learner({"a": b"1"})
    snapshots = Snapshots(open_store(plan))
    save(snapshots, learner, 0)
    before = dict(plan.files)

    def refuse(content: bytes) -> bytes:
        raise PersistencyError("the backend cannot be dumped") from ValueError(content)

    cut = learner.cut(complete=True)
    broken = type(cut)(cut.kind, cut.seen, cut.templates, cut.keys, {"a": lambda: refuse(b"")}, {})
    with pytest.raises(PersistencyError, match="cannot be dumped"):
        snapshots.commit({"": broken}, now=after(hours=1))

    assert plan.files == before


def test_two_writers_on_an_object_store_never_mix() -> None:
    """Let two writers save by turns in every order of their storage calls' beginnings."""
    plan = FaultPlan()
    one, two = Snapshots(open_store(plan)), Snapshots(open_store(plan))
    first, second = Learner({"who": b"one"}), Learner({"who": b"two"})

    save(one, first, 0)
    save(two, second, 1)  # it starts anew, knowing of the first
    first.learn(who=b"one again")
    with pytest.raises(StateLockedError, match="was taken over by"):
        save(one, first, 2)

    assert committed(plan) == {"who": b"two"}


def test_two_writers_that_make_the_same_generation_leave_one() -> None:
    plan = FaultPlan()
    learner = Learner({"who": b"one"})
    one = Snapshots(open_store(plan))
    save(one, learner, 0)
    two = Snapshots(open_store(plan))
    two.load()

    def overtake() -> bytes:
        other = Learner({"who": b"two"})
        save(two, other, 1)
        return b"one again"

    cut = learner.cut(complete=True)
    slow = type(cut)(cut.kind, cut.seen, cut.templates, cut.keys, {"who": overtake}, {})
    with pytest.raises(StateLockedError, match="is there already"):
        one.commit({"": slow}, now=after(hours=1))

    assert committed(plan) == {"who": b"two"}
