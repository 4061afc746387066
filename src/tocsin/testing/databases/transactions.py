"""Transactions: all or nothing, in their own thread."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tocsin.errors import DatabaseError
from tocsin.testing.databases.base import KEYED, DatabaseContract, FixedClock, never_without

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.database import BaseDatabaseManager

__all__ = ["TransactionContract"]


def _batch(name: str) -> dict[str, Any]:
    return {"name": [name], "at": [np.datetime64(0, "ms")], "value": [1.0]}


def _names(manager: BaseDatabaseManager) -> list[str]:
    names: list[str] = manager.read_columns("SELECT name FROM t ORDER BY name")["name"].tolist()
    return names


class _StopError(Exception):
    pass


class TransactionContract(DatabaseContract):
    """A transaction is kept whole or not at all, in its own thread."""

    def test_a_transaction_is_kept_when_its_block_ends(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        with manager.transaction() as transaction:
            transaction.insert_batch("t", _batch("a"))
            transaction.execute_query(
                f'INSERT INTO {transaction.get_full_table_name("t")} (name, "at") VALUES (%(name)s, %(at)s)',
                {"name": "b", "at": np.datetime64(0, "ms")},
            )
            assert transaction.read_columns("SELECT count(*) AS n FROM t")["n"].tolist() == [2]
        assert _names(manager) == ["a", "b"]

    def test_a_transaction_is_undone_when_its_block_raises(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        with suppress(_StopError), manager.transaction() as transaction:
            transaction.insert_batch("t", _batch("a"))
            raise _StopError
        assert _names(manager) == []
        with manager.transaction() as transaction:
            transaction.insert_batch("t", _batch("b"))
        assert _names(manager) == ["b"]

    def test_the_methods_of_the_manager_take_part(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        with suppress(_StopError), manager.transaction():
            manager.insert_batch("t", _batch("a"))
            manager.create_table("made_within", KEYED)
            assert manager.table_exists("made_within")
            assert _names(manager) == ["a"]
            assert manager.read_arrow("SELECT name FROM t").read_all().num_rows == 1
            raise _StopError
        assert _names(manager) == []
        assert not manager.table_exists("made_within")

    def test_an_open_transaction_is_not_seen_by_others(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        seen: list[list[str]] = []
        with manager.transaction() as transaction:
            transaction.insert_batch("t", _batch("a"))
            reader = threading.Thread(target=lambda: seen.append(_names(manager)))
            reader.start()
            reader.join()
        assert seen == [[]]

    def test_a_transaction_within_a_transaction_is_refused(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        with manager.transaction() as transaction:
            transaction.insert_batch("t", _batch("a"))
            with pytest.raises(DatabaseError, match="already"), manager.transaction():
                pass
        assert _names(manager) == ["a"]

    def test_after_a_failed_statement_nothing_is_kept_even_if_the_error_was_caught(
        self, manager: BaseDatabaseManager
    ) -> None:
        manager.create_table("t", KEYED)

        def write_on_after_an_error() -> None:
            with manager.transaction() as transaction:
                transaction.insert_batch("t", _batch("a"))
                with pytest.raises(DatabaseError):
                    transaction.insert_batch("t", _batch("a"), "fail")
                with pytest.raises(DatabaseError, match="failed"):
                    transaction.insert_batch("t", _batch("b"))
                with pytest.raises(DatabaseError, match="failed"):
                    manager.insert_batch("t", _batch("c"))

        with pytest.raises(DatabaseError, match="nothing of it was kept"):
            write_on_after_an_error()
        assert _names(manager) == []

    def test_an_ended_transaction_is_refused(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        with manager.transaction() as transaction:
            pass
        with pytest.raises(DatabaseError, match="ended"):
            transaction.insert_batch("t", _batch("a"))
        assert _names(manager) == []

    def test_a_transaction_is_refused_in_another_thread(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        errors: list[DatabaseError] = []

        def use(transaction: Any) -> None:
            with pytest.raises(DatabaseError) as caught:
                transaction.insert_batch("t", _batch("a"))
            errors.append(caught.value)

        with manager.transaction() as transaction:
            other = threading.Thread(target=use, args=(transaction,))
            other.start()
            other.join()
        assert "thread" in str(errors[0])
        assert _names(manager) == []

    def test_a_name_is_locked_within_a_transaction_only(self, manager: BaseDatabaseManager) -> None:
        with pytest.raises(DatabaseError, match="open transaction"):
            manager.lock("x")
        for _ in range(2):
            with manager.transaction() as transaction:
                transaction.lock("x")
                transaction.lock("x")
                manager.lock("it's ü %s")

    def test_a_memory_has_transactions_and_serves_several_processes(
        self, manager: BaseDatabaseManager
    ) -> None:
        never_without(manager, "memory")
        assert manager.capabilities.transactions
        assert manager.capabilities.processes

    def test_two_managers_write_to_one_store(self, tmp_path: Path, clock: FixedClock) -> None:
        with self.open(tmp_path, clock) as one:
            never_without(one, "processes")
            one.create_table("t", KEYED)
            with self.open(tmp_path, clock) as two:
                one.insert_batch("t", _batch("a"))
                two.insert_batch("t", _batch("b"))
                assert _names(one) == _names(two) == ["a", "b"]

    def test_a_closed_manager_is_refused_and_may_be_closed_again(self, manager: BaseDatabaseManager) -> None:
        manager.close()
        manager.close()
        with pytest.raises(DatabaseError, match="closed"):
            manager.execute_query("SELECT 1")

    def test_closing_closes_the_connections_of_all_threads(self, tmp_path: Path, clock: FixedClock) -> None:
        with self.open(tmp_path, clock) as manager:
            used, closed = threading.Event(), threading.Event()
            errors: list[DatabaseError] = []

            def use() -> None:
                manager.execute_query("SELECT 1")
                used.set()
                closed.wait()
                with pytest.raises(DatabaseError) as caught:
                    manager.execute_query("SELECT 1")
                errors.append(caught.value)

            thread = threading.Thread(target=use)
            thread.start()
            used.wait()
            manager.close()
            closed.set()
            thread.join()
            assert len(errors) == 1
