"""A source that answers every query with the same columns, and DuckDB over files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tocsin.database.duckdb import DuckDBManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from tocsin.abc import Clock, ColumnSource


class FixedSource:
    """Gives the same columns whatever is asked, and keeps what was asked."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = {
            name: column if isinstance(column, np.ndarray) else _objects(column)
            for name, column in columns.items()
        }
        self.queries: list[str] = []

    def read_columns(self, query: str, params: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:
        assert params is None
        self.queries.append(query)
        return dict(self.columns)


def _objects(values: list[Any]) -> NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


@pytest.fixture(scope="session")
def source_of() -> Callable[..., ColumnSource]:
    """Make a source from columns: `source_of(timestamp=[…], value=[…])`."""
    return lambda **columns: FixedSource(columns)


@pytest.fixture
def duckdb_source(clock: Clock) -> Iterator[ColumnSource]:
    with DuckDBManager(clock=clock) as source:
        yield source
