"""One connection to a PostgreSQL database."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from psycopg.pq import TransactionStatus

from tocsin.database.batches import Constant, constant_value
from tocsin.database.parameters import bind
from tocsin.database.postgres.cells import WireArray, WireArrayDumper, encode
from tocsin.database.postgres.dialect import TABLE_COLUMNS, TableColumn, create_table_sql, insert_sql
from tocsin.database.postgres.errors import mapped_errors
from tocsin.database.postgres.types import TypeReaders
from tocsin.database.session import Session
from tocsin.database.times import from_milliseconds, to_milliseconds
from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray
    from psycopg.pq.abc import PGresult

    from tocsin.abc import ConflictStrategy
    from tocsin.database.batches import Column
    from tocsin.database.names import TableNames
    from tocsin.model import TableModel

__all__ = ["PostgresSession"]

_PLACEHOLDER = "${number}"
_MOST_ROWS = 20_000  # of a statement: larger ones are not faster, and need the memory


class PostgresSession(Session):
    """A connection.

    Args:
        open_connection: Opens one more: streams have one of their own.
        names: What the project calls the internal tables.
        location: The database, for messages.
        read_only: Whether transactions are for reading.
    """

    def __init__(
        self,
        open_connection: Callable[[], psycopg.Connection[Any]],
        names: TableNames,
        location: str,
        *,
        read_only: bool = False,
    ) -> None:
        self.names = names
        self._open_connection = open_connection
        self._connection = open_connection()
        self._connection.adapters.register_dumper(WireArray, WireArrayDumper)
        self._location = location
        self._begin = "BEGIN ISOLATION LEVEL READ COMMITTED" + (" READ ONLY" if read_only else "")
        self._readers = TypeReaders(self._connection)
        self._tables: dict[str, dict[str, TableColumn]] = {}
        self._streams: list[psycopg.Connection[Any]] = []

    @property
    def broken(self) -> bool:
        """Whether the connection is lost."""
        return self._connection.closed

    @property
    def driver_connection(self) -> psycopg.Connection[Any]:
        """The connection; it is in autocommit mode, and within a transaction by a BEGIN of ours."""
        return self._connection

    def begin(self) -> None:
        """Begin."""
        with mapped_errors(self._location):
            self._connection.execute(self._begin)

    def commit(self) -> None:
        """Commit."""
        status = self._connection.info.transaction_status
        if status == TransactionStatus.INERROR:  # the server would undo it and call that a success
            raise DatabaseError(
                f"{self._location}: a statement failed, so nothing of the transaction was kept"
            )
        if status == TransactionStatus.IDLE:
            raise DatabaseError(f"{self._location}: the transaction was ended from within")
        with mapped_errors(self._location):
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo; when the connection is lost, the server does so by itself."""
        self._tables.clear()
        if not self.broken and self._connection.info.transaction_status != TransactionStatus.IDLE:
            with suppress(psycopg.OperationalError), mapped_errors(self._location):
                self._connection.execute("ROLLBACK")

    def lock(self, name: str) -> None:
        """Take a lock of the database's that ends with the transaction."""
        key = f"tocsin {self.names.internal_schema or ''} {name}"
        with mapped_errors(self._location):
            self._connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))

    def execute_query(self, query: str, params: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Run any statement and give its rows."""
        with mapped_errors(self._location):
            result = self._run(self._connection, query, params)
            if result is None:
                return []
            columns = {name: self._readers.values(*column) for name, column in _cells(result).items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def read_columns(self, query: str, params: Mapping[str, Any] | None) -> dict[str, NDArray[Any]]:
        """Run a query and give its columns."""
        with mapped_errors(self._location):
            result = self._run(self._connection, query, params)
            if result is None or not result.nfields:
                raise DatabaseError("this statement gives no columns", hint="write a SELECT")
            return {name: self._readers.array(*column) for name, column in _cells(result).items()}

    def read_arrow(self, query: str, params: Mapping[str, Any] | None) -> pa.RecordBatchReader:
        """Run a query and stream its result, from a connection of its own; in a transaction read it whole."""
        from tocsin.database.postgres.arrow import CURSOR, read_whole, stream

        if self.current is not None:
            with mapped_errors(self._location):
                result = self._run(self._connection, query, params)
                return read_whole(result, self._readers)
        connection = self._open_connection()
        self._streams = [stream for stream in self._streams if not stream.closed] + [connection]
        try:
            with mapped_errors(self._location):
                connection.execute("BEGIN READ ONLY")
                self._run(connection, CURSOR + query, params)
                return stream(connection, self._location)
        except BaseException:
            connection.close()
            raise

    def insert_columns(self, table: str, columns: Mapping[str, Column], strategy: ConflictStrategy) -> int:
        """Insert checked columns within the open transaction."""
        count = len(next(iter(columns.values())))
        with mapped_errors(self._location, writing=True):
            known = self._table(table)
            unknown = [name for name in columns if name not in known]
            if unknown:
                raise DatabaseError(f"{self._location}: {table} has no column {', '.join(unknown)}")
            if all(isinstance(column, Constant) for column in columns.values()):
                columns = {name: list(column) for name, column in columns.items()}
            distinct = count == 1 or _keys_rise(known, columns)
            done = 0
            for start in range(0, count, _MOST_ROWS):
                part = {name: column[start : start + _MOST_ROWS] for name, column in columns.items()}
                arrays = {name: encode(column, known[name].type) for name, column in part.items()}
                statement = insert_sql(table, known, part, arrays, strategy, distinct=distinct)
                with psycopg.RawCursor(self._connection) as cursor:
                    cursor.execute(statement.encode(), list(arrays.values()), prepare=True)
                    done += cursor.rowcount
            return done

    def _table(self, table: str) -> dict[str, TableColumn]:
        if table not in self._tables:
            rows = self._connection.execute(TABLE_COLUMNS, (table,)).fetchall()
            self._tables[table] = {row[0]: TableColumn(*row) for row in rows}
        return self._tables[table]

    def create_table(self, name: str, model: TableModel, *, if_not_exists: bool) -> None:
        """Create a table by its quoted name."""
        self._tables.clear()
        with mapped_errors(self._location, writing=True):
            self._connection.execute(create_table_sql(name, model, if_not_exists=if_not_exists).encode())

    def table_exists(self, name: str, schema: str | None) -> bool:
        """Say whether there is a table or view, of the internal schema or one that is found by its name."""
        query = (
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE lower(c.relname) = lower(%(name)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
            " AND CASE WHEN %(schema)s::text IS NULL THEN pg_table_is_visible(c.oid)"
            " ELSE n.nspname = %(schema)s END LIMIT 1"
        )
        parameters = {"name": name, "schema": schema or self.names.internal_schema}
        with mapped_errors(self._location):
            return self._connection.execute(query, parameters).fetchone() is not None

    def close(self) -> None:
        """Close the connection, and those of streams that were not read to their end."""
        for connection in (*self._streams, self._connection):
            connection.close()

    def _run(
        self, connection: psycopg.Connection[Any], query: str, params: Mapping[str, Any] | None
    ) -> PGresult | None:
        """Run one statement, and give its result in binary form, `None` when it has none."""
        text, values = bind(query, params, _PLACEHOLDER)
        parameters = [_to_parameter(value) for value in values.values()]
        with psycopg.RawCursor(connection) as cursor:
            cursor.execute(text.encode(), parameters or None, binary=True)
            return None if cursor.description is None else cursor.pgresult


def _cells(result: PGresult) -> dict[str, tuple[int, list[bytes | None]]]:
    """Give the cells of each column with the number of its type."""
    count, get = result.ntuples, result.get_value
    return {
        (result.fname(place) or b"").decode(): (
            result.ftype(place),
            [get(row, place) for row in range(count)],
        )
        for place in range(result.nfields)
    }


def _to_parameter(value: Any) -> Any:
    """Give a parameter in a form that psycopg takes; NaN and NaT are NULL, times whole milliseconds."""
    if isinstance(value, datetime | np.datetime64):
        milliseconds = to_milliseconds(value)
        return None if milliseconds is None else from_milliseconds(milliseconds)
    value = constant_value(value)
    return str(value) if isinstance(value, str) else value


def _keys_rise(known: Mapping[str, TableColumn], columns: Mapping[str, Column]) -> bool:
    """Say whether a part of the key rises from row to row, so that no key can be there twice."""
    for name, column in columns.items():
        if known[name].in_key and isinstance(column, np.ndarray) and column.dtype.kind in "iM":
            whole = column.astype("datetime64[ms]") if column.dtype.kind == "M" else column
            if bool(np.all(whole[1:] > whole[:-1])):
                return True
    return False
