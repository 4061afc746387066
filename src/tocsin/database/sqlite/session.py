"""One connection to an SQLite file."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from tocsin.database.names import quote
from tocsin.database.parameters import bind, translate
from tocsin.database.session import Session
from tocsin.database.sqlite.dialect import create_table_sql, declared_types
from tocsin.database.sqlite.errors import mapped_errors
from tocsin.database.sqlite.values import ColumnReader, to_cell, to_cells, to_python
from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.abc import ConflictStrategy
    from tocsin.database.batches import Column
    from tocsin.database.names import TableNames
    from tocsin.database.turns import Turn
    from tocsin.model import TableModel

__all__ = ["SQLiteSession"]

_PLACEHOLDER = ":{}"
_CHUNK = 20_000  # rows at a time on their way into arrays: tuples are five times as large
_MOST_QUERIES = 1000


class SQLiteSession(Session):
    """A connection in autocommit mode; transactions are opened and ended by words.

    Args:
        connection: With `isolation_level=None`.
        names: What the project calls the internal tables.
        path: The file, for messages.
        turn: What writing transactions take.
        read_only: Whether transactions are for reading.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: TableNames,
        path: str,
        turn: Turn,
        *,
        read_only: bool = False,
    ) -> None:
        self.names = names
        self._connection = connection
        self._path = path
        self._turn = turn
        self._begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
        self._types: dict[str, tuple[str, ...]] = {}
        self._keys: dict[str, frozenset[str]] = {}

    @property
    def driver_connection(self) -> sqlite3.Connection:
        """The connection."""
        return self._connection

    def begin(self) -> None:
        """Take the write lock, waiting for it as long as the busy timeout says."""
        self._turn.take()
        try:
            with mapped_errors(self._path):
                self._connection.execute(self._begin)
        except BaseException:
            self._turn.give()
            raise

    def commit(self) -> None:
        """Commit."""
        with mapped_errors(self._path):
            if not self._connection.in_transaction:
                raise DatabaseError(f"{self._path}: the transaction was ended from within")
            self._connection.execute("COMMIT")
        self._turn.give()

    def rollback(self) -> None:
        """Undo; SQLite has done so already after a full disk or an I/O error."""
        try:
            with mapped_errors(self._path):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        finally:
            self._turn.give()

    def execute_query(self, query: str, params: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Run any statement and give its rows."""
        with mapped_errors(self._path):
            cursor, declared = self._run(query, params)
            if cursor.description is None:
                return []
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
            if not any(declared):
                return [dict(zip(names, row, strict=True)) for row in rows]
            return [dict(zip(names, map(to_python, row, declared), strict=True)) for row in rows]

    def read_columns(self, query: str, params: Mapping[str, Any] | None) -> dict[str, NDArray[Any]]:
        """Run a query and give its columns."""
        with mapped_errors(self._path):
            cursor, declared = self._run(query, params)
            names = _names(cursor)
            readers = [ColumnReader(type_) for type_ in declared]
            while rows := cursor.fetchmany(_CHUNK):
                for reader, values in zip(readers, zip(*rows, strict=True), strict=True):
                    reader.add(values)
        return {name: reader.result() for name, reader in zip(names, readers, strict=True)}

    def read_arrow(self, query: str, params: Mapping[str, Any] | None) -> pa.RecordBatchReader:
        """Run a query and stream its result."""
        from tocsin.database.sqlite.arrow import stream

        with mapped_errors(self._path):
            cursor, declared = self._run(query, params)
            return stream(cursor, _names(cursor), declared, self._path)

    def insert_columns(self, table: str, columns: Mapping[str, Column], strategy: ConflictStrategy) -> int:
        """Insert checked columns within the open transaction."""
        with mapped_errors(self._path):
            statement = self._insert_sql(table, tuple(columns), strategy)
            cells = [to_cells(column) for column in columns.values()]
            cursor = self._connection.executemany(statement, zip(*cells, strict=False))
            try:
                return cursor.rowcount
            finally:
                cursor.close()

    def _insert_sql(self, table: str, names: tuple[str, ...], strategy: ConflictStrategy) -> str:
        columns = ", ".join(map(quote, names))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"
        if strategy == "fail":
            return statement
        # Not INSERT OR IGNORE or OR REPLACE: the one drops rows for any reason, the other drops columns.
        key = self._key(table) if strategy == "replace" else frozenset()
        updates = [f"{quote(name)} = excluded.{quote(name)}" for name in names if name not in key]
        if not key or not updates:
            return f"{statement} ON CONFLICT DO NOTHING" if strategy == "ignore" or key else statement
        keys = ", ".join(map(quote, sorted(key)))
        return f"{statement} ON CONFLICT ({keys}) DO UPDATE SET {', '.join(updates)}"

    def _key(self, table: str) -> frozenset[str]:
        if table not in self._keys:
            rows = self._connection.execute(f"SELECT name FROM pragma_table_info({table}) WHERE pk > 0")
            self._keys[table] = frozenset(name for (name,) in rows)
        return self._keys[table]

    def create_table(self, name: str, model: TableModel, *, if_not_exists: bool) -> None:
        """Create a table by its quoted name."""
        with mapped_errors(self._path):
            self._connection.execute(create_table_sql(name, model, if_not_exists=if_not_exists))
        self._types.clear()
        self._keys.clear()

    def table_exists(self, name: str, schema: str | None) -> bool:
        """Say whether there is a table or view; SQLite's schemas are `main` and `temp`."""
        if schema is not None:
            with mapped_errors(self._path):
                schemas = {row[1].lower() for row in self._connection.execute("PRAGMA database_list")}
            if schema.lower() not in schemas | {"temp"}:
                return False
        master = f"{quote(schema or 'main')}.sqlite_master"
        query = f"SELECT 1 FROM {master} WHERE type IN ('table', 'view') AND lower(name) = ?"
        with mapped_errors(self._path):
            return self._connection.execute(query, (name.lower(),)).fetchone() is not None

    def close(self) -> None:
        """Close the connection."""
        with mapped_errors(self._path):
            self._connection.close()

    def _run(self, query: str, params: Mapping[str, Any] | None) -> tuple[sqlite3.Cursor, tuple[str, ...]]:
        """Run a statement and give its cursor with the declared type of each column."""
        statement, values = bind(query, params, _PLACEHOLDER)
        declared = self._types.get(statement)
        known = declared is not None
        if declared is None:
            untyped = query if params is None else translate(query, "NULL")[0]
            declared = declared_types(self._connection, untyped)
        cursor = self._connection.execute(statement, {name: to_cell(value) for name, value in values.items()})
        width = len(cursor.description or ())
        if len(declared) != width:
            declared = ("",) * width
        if not known:  # only now: a query that fails today may mean something tomorrow
            for oldest in islice(list(self._types), max(0, len(self._types) - _MOST_QUERIES)):
                del self._types[oldest]
            self._types[statement] = declared
        return cursor, declared


def _names(cursor: sqlite3.Cursor) -> list[str]:
    if cursor.description is None:
        raise DatabaseError("this statement gives no columns", hint="write a SELECT")
    return [column[0] for column in cursor.description]
