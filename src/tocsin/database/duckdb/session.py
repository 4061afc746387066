"""One cursor of a DuckDB database."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.database.batches import Column, Constant
from tocsin.database.duckdb.errors import mapped_errors
from tocsin.database.duckdb.files import with_whole_paths
from tocsin.database.duckdb.values import to_array, to_cells, to_parameter, to_rows
from tocsin.database.names import quote
from tocsin.database.parameters import bind
from tocsin.database.session import Session
from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.abc import ConflictStrategy
    from tocsin.database.names import TableNames
    from tocsin.database.turns import Turn
    from tocsin.model import ColumnDefinition, TableModel

__all__ = ["DuckDBSession"]

_PLACEHOLDER = "${}"
_BATCH = "_tocsin_batch"
_PLACE = "_tocsin_place"
_ARROW_ROWS = 65_536
_TYPES = {
    "String": "VARCHAR", "Bytes": "BLOB",
    "Int8": "TINYINT", "Int16": "SMALLINT", "Int32": "INTEGER", "Int64": "BIGINT",
    "Float32": "FLOAT", "Float64": "DOUBLE", "Bool": "BOOLEAN", "Date": "DATE",
}  # fmt: skip


class DuckDBSession(Session):
    """A cursor, which to DuckDB is a connection of its own.

    Args:
        open_cursor: Opens one more.
        names: What the project calls the internal tables.
        location: The database, for messages.
        turn: What writing transactions take.
        base_folder: Where relative paths of files begin; `None`: the working directory.
    """

    def __init__(
        self,
        open_cursor: Callable[[], duckdb.DuckDBPyConnection],
        names: TableNames,
        location: str,
        turn: Turn,
        *,
        base_folder: str | None = None,
    ) -> None:
        self.names = names
        self._open_cursor = open_cursor
        self._cursor = open_cursor()
        self._location = location
        self._turn = turn
        self._base_folder = base_folder

    @property
    def driver_connection(self) -> duckdb.DuckDBPyConnection:
        """The cursor."""
        return self._cursor

    def begin(self) -> None:
        """Wait for the turn, and begin."""
        self._turn.take()
        try:
            with mapped_errors(self._location):
                self._cursor.execute("BEGIN TRANSACTION")
        except BaseException:
            self._turn.give()
            raise

    def commit(self) -> None:
        """Commit, and let the next one in."""
        with mapped_errors(self._location):
            self._cursor.execute("COMMIT")
        self._turn.give()

    def rollback(self) -> None:
        """Undo, and let the next one in."""
        import duckdb

        try:
            self._cursor.execute("ROLLBACK")
        except duckdb.TransactionException:
            pass  # DuckDB has undone and ended it already
        finally:
            self._turn.give()

    def execute_query(self, query: str, params: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Run any statement and give its rows."""
        with mapped_errors(self._location):
            gives_rows = self._run(self._cursor, query, params)
            return to_rows(self._cursor.fetchnumpy()) if gives_rows else []

    def read_columns(self, query: str, params: Mapping[str, Any] | None) -> dict[str, NDArray[Any]]:
        """Run a query and give its columns."""
        with mapped_errors(self._location):
            if not self._run(self._cursor, query, params, reading=True):
                raise _no_columns()
            columns = self._cursor.fetchnumpy()
        return {name: to_array(column) for name, column in columns.items()}

    def read_arrow(self, query: str, params: Mapping[str, Any] | None) -> pa.RecordBatchReader:
        """Run a query and stream its result, on a cursor of its own; within a transaction read it whole."""
        import pyarrow as pa

        with mapped_errors(self._location):
            text, values = self._bound(query, params)
            parameters = {name: to_parameter(value) for name, value in values.items()}
            cursor = self._cursor if self._turn.is_ours else self._open_cursor()
            relation = cursor.sql(text, params=parameters or None)
            if relation is None:
                raise _no_columns()
            if self._turn.is_ours:
                table: pa.Table = relation.to_arrow_table()
                return table.to_reader(_ARROW_ROWS)
            reader: pa.RecordBatchReader = relation.to_arrow_reader(_ARROW_ROWS)
        return pa.RecordBatchReader.from_batches(reader.schema, self._batches(cursor, reader))

    def _batches(
        self, cursor: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        try:
            with mapped_errors(self._location):
                yield from reader
        except (pa.ArrowException, OSError) as error:
            raise DatabaseError(str(error).splitlines()[0]) from error
        finally:
            cursor.close()

    def _bound(self, query: str, params: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        text, values = bind(query, params, _PLACEHOLDER)
        if self._base_folder is not None:
            text = with_whole_paths(text, self._base_folder, self._serialized)
        return text, values

    def _serialized(self, statement: str) -> str:
        [(parsed,)] = self._cursor.execute("SELECT json_serialize_sql($text)", {"text": statement}).fetchall()
        return str(parsed)

    def _run(
        self,
        cursor: duckdb.DuckDBPyConnection,
        query: str,
        params: Mapping[str, Any] | None,
        *,
        reading: bool = False,
    ) -> bool:
        """Run one statement and say whether it gives rows; one that gives none is not run to read."""
        import duckdb

        text, values = self._bound(query, params)
        statements = cursor.extract_statements(text)
        if len(statements) != 1:
            raise DatabaseError(f"one statement at a time, not {len(statements)}")
        kinds = set(statements[0].expected_result_type)
        gives_none = (
            duckdb.ExpectedResultType.QUERY_RESULT not in kinds
            or duckdb.ExpectedResultType.NOTHING in kinds
            or statements[0].type == duckdb.StatementType.COPY  # it gives what it wrote
        )
        if reading and gives_none:
            raise _no_columns()
        parameters = {name: to_parameter(value) for name, value in values.items()}
        cursor.execute(statements[0], parameters or None)
        if gives_none:
            return False
        description = cursor.description
        if len(kinds) > 1:  # a change gives the number of rows, unless it is told to return the rows
            return [column[0] for column in description] != ["Count"]
        self._avoid_enums(cursor, text, parameters)
        return True

    @staticmethod
    def _avoid_enums(cursor: duckdb.DuckDBPyConnection, text: str, parameters: dict[str, Any]) -> None:
        """Run a query again with its enumerations as text: as arrays they need pandas."""
        enums = [str(name) for name, type_, *_ in cursor.description if str(type_).startswith("ENUM")]
        if enums:
            quoted = ['"' + name.replace('"', '""') + '"' for name in enums]
            casts = ", ".join(f"{name}::VARCHAR AS {name}" for name in quoted)
            cursor.execute(
                f"SELECT * REPLACE ({casts}) FROM ({text.rstrip().rstrip(';')}\n)", parameters or None
            )

    def insert_columns(self, table: str, columns: Mapping[str, Column], strategy: ConflictStrategy) -> int:
        """Insert checked columns within the open transaction."""
        import duckdb

        arrays = {
            name: to_cells(column) for name, column in columns.items() if not isinstance(column, Constant)
        }
        constants = {
            name: to_parameter(column.value)
            for name, column in columns.items()
            if isinstance(column, Constant)
        }
        arrays[_PLACE] = np.arange(len(next(iter(columns.values()))))
        with mapped_errors(self._location):
            statement = self._insert_sql(table, columns, arrays, strategy)
            self._cursor.register(_BATCH, arrays)
            try:
                row = self._cursor.execute(statement, constants or None).fetchone()
            except BaseException:
                with suppress(duckdb.Error):  # "transaction is aborted": it would hide why
                    self._cursor.unregister(_BATCH)
                raise
            self._cursor.unregister(_BATCH)
        return int(row[0]) if row else 0

    def _insert_sql(
        self,
        table: str,
        columns: Mapping[str, Column],
        arrays: dict[str, NDArray[Any]],
        strategy: ConflictStrategy,
    ) -> str:
        names = ", ".join(map(quote, columns))
        values = ", ".join(_value_sql(name, arrays.get(name)) for name in columns)
        statement = f"INSERT INTO {table} ({names}) SELECT {values} FROM {_BATCH}"
        key = [] if strategy == "fail" else self._key(table)
        if not key:
            return statement
        # DuckDB changes a row once a statement: of rows with one key the batch's last one is taken, or first.
        order = "DESC" if strategy == "replace" else "ASC"
        parts = ", ".join(_value_sql(name, arrays.get(name)) for name in key if name in columns)
        if parts:
            statement += f" QUALIFY row_number() OVER (PARTITION BY {parts} ORDER BY {_PLACE} {order}) = 1"
        updates = [f"{quote(name)} = excluded.{quote(name)}" for name in columns if name not in key]
        if strategy == "ignore" or not updates:
            return f"{statement} ON CONFLICT DO NOTHING"
        return f"{statement} ON CONFLICT ({', '.join(map(quote, key))}) DO UPDATE SET {', '.join(updates)}"

    def _key(self, table: str) -> list[str]:
        rows = self._cursor.execute("SELECT name FROM pragma_table_info($table) WHERE pk", {"table": table})
        return [str(name) for (name,) in rows.fetchall()]

    def create_table(self, name: str, model: TableModel, *, if_not_exists: bool) -> None:
        """Create a table by its quoted name."""
        lines = [_column_sql(column) for column in model.columns]
        if model.primary_key:
            lines.append(f"PRIMARY KEY ({', '.join(map(quote, model.primary_key))})")
        condition = "IF NOT EXISTS " if if_not_exists else ""
        with mapped_errors(self._location):
            self._cursor.execute(f"CREATE TABLE {condition}{name} ({', '.join(lines)})")

    def table_exists(self, name: str, schema: str | None) -> bool:
        """Say whether there is a table or view."""
        query = (
            "SELECT 1 FROM information_schema.tables WHERE lower(table_name) = lower($name)"
            " AND table_schema = $schema AND table_catalog = current_database()"
        )
        with mapped_errors(self._location):
            found = self._cursor.execute(query, {"name": name, "schema": schema or "main"}).fetchone()
        return found is not None

    def close(self) -> None:
        """Close the cursor."""
        self._cursor.close()


def _value_sql(name: str, array: NDArray[Any] | None) -> str:
    if array is None:
        return f"${name}"
    if array.dtype.kind == "f":
        return f"nullif({quote(name)}, 'NaN'::DOUBLE)"
    return quote(name)


def _column_sql(column: ColumnDefinition) -> str:
    type_ = _TYPES.get(column.type, "TIMESTAMPTZ")
    return f"{quote(column.name)} {type_}" + ("" if column.nullable else " NOT NULL")


def _no_columns() -> DatabaseError:
    return DatabaseError("this statement gives no columns", hint="write a SELECT")
