"""What the parts of the contract share: a manager, a clock, a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tocsin.database.tables import TABLE_DATAPOINTS
from tocsin.model import ColumnDefinition, TableModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tocsin.database import BaseDatabaseManager

__all__ = [
    "ALL_TYPES",
    "KEYED",
    "DatabaseContract",
    "FixedClock",
    "examples",
    "never_without",
    "series_names",
]

_TIME = "DateTime64(3, 'UTC')"

KEYED = TableModel(
    (
        ColumnDefinition("name", "String"),
        ColumnDefinition("at", _TIME),
        ColumnDefinition("value", "Nullable(Float64)"),
        ColumnDefinition("note", "String", nullable=True),
    ),
    primary_key=("name", "at"),
)
ALL_TYPES = TableModel(
    (
        ColumnDefinition("place", "Int32"),
        ColumnDefinition("whole", "Int64"),
        ColumnDefinition("real", "Nullable(Float64)"),
        ColumnDefinition("flag", "Bool"),
        ColumnDefinition("text", "Nullable(String)"),
        ColumnDefinition("raw", "Nullable(Bytes)"),
        ColumnDefinition("instant", f"Nullable({_TIME})"),
        ColumnDefinition("maybe_whole", "Nullable(Int64)"),
        ColumnDefinition("maybe_flag", "Nullable(Bool)"),
    ),
    primary_key=("place",),
)


def examples(most: int) -> settings:
    """Say how many examples a property gets.

    They share one store (opening one an example would test the file system), and a property is one
    method that several backends inherit: both is on purpose.
    """
    return settings(
        max_examples=most,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )


class FixedClock:
    """Tells the time that it was set to."""

    def __init__(self, time: datetime | None = None) -> None:
        self.time = time or datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Give the current instant, aware, UTC."""
        return self.time

    def advance(self, **step: float) -> None:
        """Let time pass (or go back), in the units of `timedelta`."""
        self.time += timedelta(**step)


class DatabaseContract(ABC):
    """The part that a backend fills in."""

    @abstractmethod
    def open(self, folder: Path, clock: FixedClock, **options: Any) -> BaseDatabaseManager:
        """Open a manager over a store in a folder; a second call opens the same store again."""

    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock()

    @pytest.fixture
    def manager(self, tmp_path: Path, clock: FixedClock) -> Iterator[BaseDatabaseManager]:
        with self.open(tmp_path, clock) as manager:
            yield manager


def never_without(manager: BaseDatabaseManager, name: str) -> None:
    """Skip a test of what a database can never do, by its own word."""
    if not getattr(manager.capabilities, name):
        pytest.skip(f"never({type(manager).__name__}): the capability {name!r} is not there")


def series_names(manager: BaseDatabaseManager) -> list[str]:
    """Give the series that have slots in a memory, in order of their names."""
    table = manager.get_full_table_name(TABLE_DATAPOINTS)
    rows = manager.execute_query(f"SELECT DISTINCT metric_name FROM {table} ORDER BY metric_name")
    return [row["metric_name"] for row in rows]
