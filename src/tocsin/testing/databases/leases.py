"""Leases and tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.database.leases import LONGEST_LEASE_SECONDS, this_process
from tocsin.database.migrations import migrate
from tocsin.database.tables import TABLE_TASKS
from tocsin.errors import LeaseLostError
from tocsin.testing.databases.base import KEYED, DatabaseContract, FixedClock, examples

if TYPE_CHECKING:
    from tocsin.database import BaseDatabaseManager
    from tocsin.model import Lease

__all__ = ["LeaseContract"]

_ELSEWHERE = "other@host/boot/1/{}/77"
_A, _B = _ELSEWHERE.format(1), _ELSEWHERE.format(2)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from([_A, _B]),
        st.sampled_from(["acquire", "renew", "release"]),
        st.sampled_from([0, 1, 30, 61, -3600]),
    ),
    max_size=20,
)


class LeaseContract(DatabaseContract):
    """Leases have one holder, tokens only grow, and tasks keep their position."""

    @pytest.fixture
    def store(self, manager: BaseDatabaseManager) -> BaseDatabaseManager:
        migrate(manager)
        manager.create_table("t", KEYED)
        return manager

    def test_a_lease_has_one_holder(self, store: BaseDatabaseManager, clock: FixedClock) -> None:
        lease = store.acquire_lease("m", _A, 60)
        assert lease is not None
        assert (lease.name, lease.owner, lease.expires_at) == ("m", _A, clock.now() + timedelta(seconds=60))
        assert store.acquire_lease("m", _B, 60) is None
        assert store.acquire_lease("another", _B, 60) is not None

    def test_the_same_owner_may_take_it_again(self, store: BaseDatabaseManager) -> None:
        first, second = store.acquire_lease("m", _A, 60), store.acquire_lease("m", _A, 60)
        assert first is not None
        assert second is not None
        assert second.token > first.token
        with pytest.raises(LeaseLostError):
            store.renew(first, 60)

    def test_a_released_lease_is_free_and_its_next_token_is_larger(self, store: BaseDatabaseManager) -> None:
        first = store.acquire_lease("m", _A, 60)
        assert first is not None
        store.release(first)
        store.release(first)
        second = store.acquire_lease("m", _B, 60)
        assert second is not None
        assert second.token > first.token
        store.release(first)
        assert store.acquire_lease("m", _A, 60) is None

    def test_an_expired_lease_is_taken_over_unless_it_was_renewed(
        self, store: BaseDatabaseManager, clock: FixedClock
    ) -> None:
        lease = store.acquire_lease("m", _A, 60)
        assert lease is not None
        clock.advance(seconds=59)
        lease = store.renew(lease, 60)
        assert lease.expires_at == clock.now() + timedelta(seconds=60)
        clock.advance(seconds=59)
        assert store.acquire_lease("m", _B, 60) is None
        clock.advance(seconds=1)
        assert store.acquire_lease("m", _B, 60) is not None
        with pytest.raises(LeaseLostError, match=_B):
            store.renew(lease, 60)

    def test_the_lease_of_a_living_process_of_this_host_is_not_taken_over(
        self, store: BaseDatabaseManager
    ) -> None:
        assert store.acquire_lease("m", this_process(), 60) is not None
        assert store.acquire_lease("m", _A, 60) is None

    def test_the_lease_of_a_process_from_before_the_last_boot_is_taken_over_at_once(
        self, store: BaseDatabaseManager
    ) -> None:
        host, _, namespace, pid, start = this_process().split("/")
        dead = f"{host}/another-boot/{namespace}/{pid}/{start}"
        assert store.acquire_lease("m", dead, 60) is not None
        assert store.acquire_lease("m", _A, 60) is not None

    def test_a_clock_that_went_back_makes_nobody_wait_for_ever(
        self, store: BaseDatabaseManager, clock: FixedClock
    ) -> None:
        assert store.acquire_lease("m", _A, 60) is not None
        clock.advance(hours=-1)
        assert store.acquire_lease("m", _B, 60) is None
        clock.advance(minutes=61)
        assert store.acquire_lease("m", _B, 60) is not None
        clock.advance(seconds=-LONGEST_LEASE_SECONDS)
        assert store.acquire_lease("m", _A, 60) is not None

    def test_a_write_under_a_lost_lease_is_not_done(
        self, store: BaseDatabaseManager, clock: FixedClock
    ) -> None:
        batch: dict[str, Any] = {"name": ["a"], "at": [np.datetime64(0, "ms")]}
        lost = store.acquire_lease("m", _A, 60)
        clock.advance(seconds=61)
        held = store.acquire_lease("m", _B, 60)
        assert lost is not None
        assert held is not None
        with pytest.raises(LeaseLostError), store.transaction(lease=lost) as transaction:
            transaction.insert_batch("t", batch)
        assert store.execute_query("SELECT * FROM t") == []
        with store.transaction(lease=held) as transaction:
            transaction.insert_batch("t", batch)
        store.release(held)
        with pytest.raises(LeaseLostError, match="released"), store.transaction(lease=held):
            pass
        assert len(store.execute_query("SELECT * FROM t")) == 1

    def test_a_lease_that_expired_and_was_not_taken_over_still_writes(
        self, store: BaseDatabaseManager, clock: FixedClock
    ) -> None:
        lease = store.acquire_lease("m", _A, 60)
        clock.advance(hours=2)
        with store.transaction(lease=lease):
            store.upsert_task_status("m", "load", "load", "running")
        assert len(store.execute_query("SELECT * FROM _tocsin_tasks")) == 1

    @pytest.mark.parametrize("seconds", [0, -1, LONGEST_LEASE_SECONDS + 1, float("nan"), float("inf")])
    def test_a_lease_of_no_or_endless_time_is_refused(
        self, store: BaseDatabaseManager, seconds: float
    ) -> None:
        with pytest.raises(ValueError, match="lease"):
            store.acquire_lease("m", _A, seconds)

    @examples(25)
    @given(steps=_STEPS)
    def test_tokens_only_grow_and_only_the_last_grant_is_good(
        self, store: BaseDatabaseManager, clock: FixedClock, steps: list[tuple[str, str, int]]
    ) -> None:
        granted: dict[str, Lease | None] = {_A: None, _B: None}
        tokens = [0]
        for owner, action, seconds in steps:
            clock.advance(seconds=seconds)
            lease = granted[owner]
            if action == "acquire":
                lease = store.acquire_lease("m", owner, 60)
                if lease is not None:
                    assert lease.token > tokens[-1] or len(tokens) == 1
                    tokens.append(lease.token)
                    granted[owner] = lease
            elif lease is not None and action == "release":
                store.release(lease)
            elif lease is not None:
                try:
                    store.renew(lease, 60)
                except LeaseLostError:
                    continue
                assert lease.token == tokens[-1]

    def test_a_task_keeps_its_position_and_its_start(
        self, store: BaseDatabaseManager, clock: FixedClock
    ) -> None:
        def row() -> dict[str, Any]:
            [found] = store.execute_query(f"SELECT * FROM {store.get_full_table_name(TABLE_TASKS)}")
            return found

        began, position = clock.now(), datetime(2026, 2, 1, tzinfo=UTC)
        store.upsert_task_status("m", "load", "load", "running", timeout_seconds=60)
        assert row() == {
            "metric_name": "m", "detector_id": "load", "process_type": "load", "status": "running",
            "started_at": began, "updated_at": began, "last_processed_timestamp": None,
            "error_message": None, "timeout_seconds": 60,
        }  # fmt: skip
        clock.advance(minutes=1)
        store.upsert_task_status("m", "load", "load", "running", position)
        assert (row()["started_at"], row()["updated_at"]) == (began, clock.now())
        store.upsert_task_status("m", "load", "load", "failed", error_message="no such file")
        assert row()["last_processed_timestamp"] == position
        assert (row()["error_message"], row()["started_at"]) == ("no such file", began)
        clock.advance(minutes=1)
        store.upsert_task_status("m", "load", "load", "running", error_message="ignored")
        assert (row()["error_message"], row()["started_at"]) == (None, clock.now())
        store.upsert_task_status("m", "load", "load", "completed", position)
        assert row()["started_at"] == clock.now()

    def test_an_unknown_status_is_refused(self, store: BaseDatabaseManager) -> None:
        with pytest.raises(ValueError, match="status"):
            store.upsert_task_status("m", "load", "load", "done")
