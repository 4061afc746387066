"""The saver: when it saves, what it says, and what it does when saving fails."""

from __future__ import annotations

import logging
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import ConfigError, PersistencyError, PersistencyLoadError, StateLockedError
from tocsin.persistency import (
    EventPersistency,
    EventStabilityTracker,
    PersistencySaver,
    PersistencySaverConfig,
    load,
    save,
)
from tocsin.persistency.snapshots import FsspecStore, Snapshots
from tocsin.persistency.structure import EventDataStructure
from tocsin.testing.faulty_files import FaultPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Self

    from tests.conftest import SteppingClock

WAIT = 30


def new_memory() -> EventPersistency:
    return EventPersistency(EventStabilityTracker)


def learn(memory: EventPersistency, *users: str, event_id: int | str = "4624") -> None:
    for user in users:
        memory.ingest_event(event_id, "<*> logged on", [user])


def users_of(memory: EventPersistency, event_id: int | str = "4624") -> int:
    backend = memory[event_id]
    return 0 if backend is None else int(backend.get_data()["var_0"].distinct_count)


class Noted(PersistencySaver):
    """A saver that tells when a save has ended."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.ended = threading.Semaphore(0)
        super().__init__(*arguments, **options)

    def _save_once(self) -> Any:
        try:
            return super()._save_once()
        finally:
            self.ended.release()


@pytest.fixture
def plan() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
def config(plan: FaultPlan) -> Callable[..., PersistencySaverConfig]:
    def make(**options: Any) -> PersistencySaverConfig:
        return PersistencySaverConfig("faulty://state", storage_options={"plan": plan}, **options)

    return make


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path, clock: SteppingClock) -> None:
    config = PersistencySaverConfig(tmp_path / "state", auto_load="if_present")
    memory = new_memory()
    with PersistencySaver(memory, config, clock=clock) as saver:
        learn(memory, "alice", "bob")
        memory.ingest_event(4624, "the number", ["x"])
        memory.ingest_event("seen only", "no variables")
        with memory.exclusive():
            memory.metadata["phase"] = "detect"
            saver.positions = {"audit.log": 17}

    restored = new_memory()
    with PersistencySaver(restored, config, clock=clock) as saver:
        assert restored.get_events_seen() == {"4624", 4624, "seen only"}
        assert users_of(restored) == 2
        assert restored.get_event_template(4624) == "the number"
        assert restored.metadata == {"phase": "detect"}
        assert saver.positions == {"audit.log": 17}
        assert saver.status().generation == 1


def test_enough_events_save(config: Callable[..., PersistencySaverConfig]) -> None:
    memory = new_memory()
    with Noted(memory, config(events_until_save=10)) as saver:
        for round_ in range(1, 4):
            learn(memory, *(f"user {round_} {number}" for number in range(10)))
            assert saver.ended.acquire(timeout=WAIT)
            assert saver.status().saves == round_
            assert saver.status().pending_events == 0


def test_events_of_a_batch_count(config: Callable[..., PersistencySaverConfig]) -> None:
    import pyarrow as pa

    memory = new_memory()
    with Noted(memory, config(events_until_save=10)) as saver:
        memory.ingest_batch(
            pa.table({"event_id": ["1"] * 10, "event_template": ["t"] * 10, "variables": [["x"]] * 10})
        )
        assert saver.ended.acquire(timeout=WAIT)


def test_time_saves(config: Callable[..., PersistencySaverConfig]) -> None:
    memory = new_memory()
    with Noted(memory, config(save_interval_seconds=0.01)) as saver:
        for user in ("alice", "bob"):
            learn(memory, user)
            while saver.status().pending_events:
                assert saver.ended.acquire(timeout=WAIT)

    assert saver.status().failures == 0


def test_a_saver_that_is_not_started_saves_when_asked(config: Callable[..., PersistencySaverConfig]) -> None:
    memory = new_memory()
    saver = PersistencySaver(memory, config(events_until_save=1))
    learn(memory, "alice")
    assert saver.status().saves == 0

    assert saver.save().generation == 1
    learn(memory, "bob")
    assert saver.save().generation == 2
    assert saver.save().generation == 2, "nothing changed"


def test_stopping_saves_a_last_time_and_once(config: Callable[..., PersistencySaverConfig]) -> None:
    memory = new_memory()
    saver = PersistencySaver(memory, config()).start()
    learn(memory, "alice")

    saver.stop()
    learn(memory, "bob")
    saver.stop()

    restored = new_memory()
    PersistencySaver(restored, config(auto_load=True))
    assert users_of(restored) == 1
    assert not saver.status().running


def test_a_saver_can_be_started_again(config: Callable[..., PersistencySaverConfig]) -> None:
    memory = new_memory()
    saver = PersistencySaver(memory, config())
    for user in ("alice", "bob"):
        with saver:
            learn(memory, user)

    restored = new_memory()
    load(restored, "faulty://state", dict(config().storage_options))
    assert users_of(restored) == 2


def test_status_tells_all_there_is(
    config: Callable[..., PersistencySaverConfig], clock: SteppingClock
) -> None:
    memory = new_memory()
    saver = PersistencySaver(memory, config(events_until_save=100, save_interval_seconds=60), clock=clock)
    before = saver.status()
    learn(memory, "alice", "bob")
    pending = saver.status().pending_events
    saver.save()
    learn(memory, "carol")
    after = saver.status()

    assert (before.generation, before.last_save_at, before.saves, pending) == (None, None, 0, 2)
    assert (after.path, after.events_until_save, after.save_interval_seconds) == ("faulty://state", 100, 60)
    assert (after.generation, after.last_save_at, after.saves, after.failures) == (1, clock.now(), 1, 0)
    assert (after.pending_events, after.last_error, after.running) == (1, None, False)
    assert after.last_save_bytes
    assert after.last_save_seconds is not None


# -- failures ------------------------------------------------------------------------------------------


def test_a_failed_save_is_logged_counted_and_tried_again(
    config: Callable[..., PersistencySaverConfig], plan: FaultPlan, caplog: pytest.LogCaptureFixture
) -> None:
    memory = new_memory()
    saver = PersistencySaver(memory, config())
    learn(memory, "alice")
    plan.arm("die", 1)

    with pytest.raises(PersistencyError, match="call 1: die"):
        saver.save()

    status = saver.status()
    assert (status.failures, status.pending_events, status.saves) == (1, 1, 0)
    assert status.last_error is not None
    assert "faulty://state" in status.last_error
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    plan.revive()
    saver.save()
    assert (saver.status().pending_events, saver.status().last_error) == (0, None)


def test_stopping_raises_what_the_last_save_raised(
    config: Callable[..., PersistencySaverConfig], plan: FaultPlan
) -> None:
    memory = new_memory()
    saver = PersistencySaver(memory, config()).start()
    learn(memory, "alice")
    plan.arm("die", 1)

    with pytest.raises(PersistencyError, match="die"):
        saver.stop()

    assert saver.status().pending_events == 1
    saver.stop()


def test_a_saver_tries_again_by_itself(
    config: Callable[..., PersistencySaverConfig], plan: FaultPlan
) -> None:
    memory = new_memory()
    with Noted(memory, config(events_until_save=2, save_interval_seconds=0.05)) as saver:
        plan.arm("die", 1)
        learn(memory, "alice", "bob")
        assert saver.ended.acquire(timeout=WAIT)
        assert saver.status().failures >= 1
        plan.revive()
        while saver.status().pending_events:
            assert saver.ended.acquire(timeout=WAIT)


def test_what_changes_during_a_failing_save_is_not_lost(
    config: Callable[..., PersistencySaverConfig], plan: FaultPlan
) -> None:
    memory = new_memory()
    saver = PersistencySaver(memory, config())
    learn(memory, "alice")
    saver.save()
    for at in range(1, 12):
        plan.arm("fail", at)
        learn(memory, f"user {at}")
        try:
            saver.save()
        except PersistencyError:
            learn(memory, f"after {at}", event_id=at)
    plan.revive()
    saver.save()

    restored = new_memory()
    load(restored, "faulty://state", dict(config().storage_options))
    assert users_of(restored) == users_of(memory) == 12
    assert restored.get_events_seen() == memory.get_events_seen()


class Stubborn(EventDataStructure):
    """A backend of a user, which cannot always be dumped."""

    broken = False

    def __init__(self) -> None:
        self.rows = 0

    def add_data(self, data: Mapping[str, Any], timestamp: object = None) -> None:  # noqa: ARG002
        self.rows += 1

    def get_data(self) -> int:
        return self.rows

    def dump(self) -> bytes:
        if type(self).broken:
            raise ZeroDivisionError("not today")
        return b"%d" % self.rows

    @classmethod
    def load(cls, content: bytes, **_: Any) -> Self:
        made = cls()
        made.rows = int(content)
        return made


def test_a_backend_that_cannot_be_dumped_fails_the_save_and_nothing_else(
    config: Callable[..., PersistencySaverConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = EventPersistency(Stubborn)
    saver = PersistencySaver(memory, config())
    learn(memory, "a")
    saver.save()
    learn(memory, "b")
    monkeypatch.setattr(Stubborn, "broken", True)
    with pytest.raises(ZeroDivisionError):
        saver.save()
    assert saver.status().last_error == "ZeroDivisionError: not today"

    monkeypatch.setattr(Stubborn, "broken", False)
    saver.save()

    restored = EventPersistency(Stubborn)
    load(restored, "faulty://state", dict(config().storage_options))
    backend = restored["4624"]
    assert backend is not None
    assert backend.get_data() == 2


# -- loading -------------------------------------------------------------------------------------------


def test_auto_load_without_a_state_fails_at_once(config: Callable[..., PersistencySaverConfig]) -> None:
    memory = new_memory()
    with pytest.raises(PersistencyLoadError, match=r"nothing is saved at faulty://state.*if_present"):
        PersistencySaver(memory, config(auto_load=True))

    assert PersistencySaver(memory, config(auto_load="if_present")).status().generation is None


@pytest.mark.parametrize("auto_load", [True, "if_present"])
def test_a_damaged_state_is_an_error_and_stays(
    config: Callable[..., PersistencySaverConfig], plan: FaultPlan, auto_load: Any
) -> None:
    memory = new_memory()
    learn(memory, "alice")
    PersistencySaver(memory, config()).stop()
    (manifest,) = [name for name in plan.files if "/manifests/" in name]
    plan.files[manifest] = plan.files[manifest][:-1]
    before = dict(plan.files)

    other = new_memory()
    learn(other, "bob")
    with pytest.raises(PersistencyLoadError, match="damaged"):
        PersistencySaver(other, config(auto_load=auto_load))
    with pytest.raises(PersistencyLoadError, match="damaged"):
        PersistencySaver(other, config()).save()
    with pytest.raises(PersistencyLoadError, match="damaged"):
        PersistencySaver(other, config()).start()

    assert plan.files == before
    assert users_of(other) == 1


@pytest.mark.parametrize("begin", [PersistencySaver.start, PersistencySaver.save])
def test_a_saver_that_may_not_write_keeps_nobody_out(
    tmp_path: Path, begin: Callable[[PersistencySaver], object]
) -> None:
    memory = new_memory()
    learn(memory, "alice")
    for name in ("bob", "carol"):
        save(memory, tmp_path)
        learn(memory, name)
    newest = tmp_path / "manifests" / "000000000002.json"
    newest.write_bytes(newest.read_bytes()[:-1])
    refused = PersistencySaver(new_memory(), PersistencySaverConfig(tmp_path))
    with pytest.raises(PersistencyLoadError, match="damaged"):
        begin(refused)

    other = new_memory()
    config = PersistencySaverConfig(tmp_path, auto_load=True, on_corruption="previous")
    with PersistencySaver(other, config):
        assert users_of(other) == 1


def test_a_state_of_another_backend_is_refused(config: Callable[..., PersistencySaverConfig]) -> None:
    memory = new_memory()
    learn(memory, "alice")
    PersistencySaver(memory, config()).stop()

    other = EventPersistency(Stubborn)
    with pytest.raises(PersistencyLoadError, match="kind"):
        PersistencySaver(other, config(auto_load=True))

    assert other.get_events_seen() == set()


def test_going_on_after_a_load_writes_only_what_changed(
    config: Callable[..., PersistencySaverConfig],
) -> None:
    memory = new_memory()
    learn(memory, *(f"user {number}" for number in range(1000)), event_id="large")
    learn(memory, "alice", event_id="small")
    PersistencySaver(memory, config()).stop()

    restored = new_memory()
    saver = PersistencySaver(restored, config(auto_load=True))
    learn(restored, "bob", event_id="small")
    info = saver.save()

    assert info.written_bytes < info.size_bytes / 2


def test_what_is_loaded_by_hand_is_saved_whole(config: Callable[..., PersistencySaverConfig]) -> None:
    memory = new_memory()
    learn(memory, "alice")
    saver = PersistencySaver(memory, config())
    saver.save()
    other = new_memory()
    learn(other, "bob", "carol")

    load(memory, save(other))
    saver.save()

    restored = new_memory()
    PersistencySaver(restored, config(auto_load=True))
    assert users_of(restored) == 2


def test_a_state_that_vanishes_while_we_run_is_saved_anew(tmp_path: Path) -> None:
    import shutil

    memory = new_memory()
    learn(memory, "alice", event_id="a")
    saver = PersistencySaver(memory, PersistencySaverConfig(tmp_path / "state"))
    saver.save()
    shutil.rmtree(tmp_path / "state")
    learn(memory, "bob", event_id="b")

    saver.save()

    restored = new_memory()
    load(restored, tmp_path / "state")
    assert restored.get_events_seen() == {"a", "b"}


# -- together ------------------------------------------------------------------------------------------


def test_many_threads_learn_and_save_and_nothing_is_lost(
    config: Callable[..., PersistencySaverConfig],
) -> None:
    memory = new_memory()

    def work(worker: int) -> None:
        for number in range(200):
            learn(memory, f"user {worker} {number}", event_id=number % 7)
            if number % 20 == 0:
                saver.save()

    with PersistencySaver(memory, config(events_until_save=50)) as saver, ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, worker) for worker in range(4)]:
            done.result(WAIT)

    restored = new_memory()
    load(restored, "faulty://state", dict(config().storage_options))
    assert sum(users_of(restored, number) for number in range(7)) == 800


def test_two_savers_of_one_persistency_each_save_all_of_it(
    config: Callable[..., PersistencySaverConfig], tmp_path: Path
) -> None:
    memory = new_memory()
    near = Noted(memory, PersistencySaverConfig(tmp_path, events_until_save=3))
    with PersistencySaver(memory, config(events_until_save=2)) as far, near:
        for number in range(1, 7):
            learn(memory, "alice", f"user {number}", event_id=number)
            learn(memory, f"user {number}")
            far.save()
            assert near.ended.acquire(timeout=WAIT)

    for place, options in ((str(tmp_path), {}), ("faulty://state", dict(config().storage_options))):
        restored = new_memory()
        load(restored, place, options)
        assert users_of(restored) == 6
        assert {number: users_of(restored, number) for number in range(1, 7)} == dict.fromkeys(range(1, 7), 2)


def test_what_a_restore_brought_is_saved_whole(config: Callable[..., PersistencySaverConfig]) -> None:
    memory, other = new_memory(), new_memory()
    learn(memory, "alice")
    learn(other, "bob", "carol")
    saver = PersistencySaver(memory, config())
    saver.save()
    PersistencySaver(other, PersistencySaverConfig("memory://another-state")).save()
    snapshot = Snapshots(FsspecStore("memory://another-state")).load()
    assert snapshot is not None

    memory.restore(snapshot.parts[""])
    saver.save()

    restored = new_memory()
    load(restored, "faulty://state", dict(config().storage_options))
    assert users_of(restored) == 2


def test_a_path_has_one_saver(tmp_path: Path) -> None:
    config = PersistencySaverConfig(tmp_path / "state")
    with PersistencySaver(new_memory(), config):
        other = PersistencySaver(new_memory(), config)
        with pytest.raises(StateLockedError, match="is being written by"):
            other.start()
        with pytest.raises(StateLockedError):
            other.save()
    with other:
        pass


def test_saving_once_does_not_disturb_the_saver(
    config: Callable[..., PersistencySaverConfig], tmp_path: Path
) -> None:
    memory = new_memory()
    saver = PersistencySaver(memory, config())
    learn(memory, "alice", event_id="a")
    saver.save()
    learn(memory, "bob", event_id="b")

    save(memory, tmp_path / "copy")
    saver.save()

    restored, copy = new_memory(), new_memory()
    load(restored, "faulty://state", dict(config().storage_options))
    load(copy, tmp_path / "copy")
    assert restored.get_events_seen() == copy.get_events_seen() == {"a", "b"}


# -- configuration -------------------------------------------------------------------------------------


def test_an_unknown_key_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="save_intervall"):
        PersistencySaverConfig(path="x", save_intervall=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": ""},
        {"path": 3},
        {"save_interval_seconds": 0},
        {"save_interval_seconds": float("nan")},
        {"save_interval_seconds": True},
        {"events_until_save": 0},
        {"events_until_save": 1.5},
        {"auto_load": "yes"},
        {"keep_generations": 0},
        {"keep_days": -1},
        {"on_corruption": "ignore"},
        {"storage_options": 5},
    ],
)
def test_a_value_that_is_not_possible_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        PersistencySaverConfig(**{"path": "x"} | wrong)


def test_a_kind_of_store_that_is_not_there_is_refused() -> None:
    with pytest.raises(PersistencyError, match="nosuch://place cannot be opened"):
        PersistencySaver(new_memory(), PersistencySaverConfig("nosuch://place"))


SECRET = "hunter2-and-more"


def test_secrets_appear_nowhere(plan: FaultPlan, caplog: pytest.LogCaptureFixture) -> None:
    options = {"plan": plan, "password": SECRET, "nested": {"token": [SECRET + "!"]}}
    config = PersistencySaverConfig(f"faulty://state?sig={SECRET}", storage_options=options)
    memory = new_memory()
    saver = PersistencySaver(memory, config)
    learn(memory, "alice")
    plan.arm("die", 1)
    plan.complaint = f"login failed: password={SECRET} token={SECRET}!"

    with pytest.raises(PersistencyError) as caught:
        saver.save()

    told = [
        repr(config),
        str(saver.status()),
        repr(caught.value),
        "".join(traceback.format_exception(caught.value)),
        caplog.text,
    ]
    assert "login failed" in told[2]
    assert not [text for text in told if SECRET in text]
