"""DuckDB: the default source over CSV, Parquet and JSON files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.database.duckdb.errors import mapped_errors
from tocsin.database.duckdb.session import DuckDBSession
from tocsin.database.manager import Capabilities
from tocsin.database.sql_manager import SqlManager
from tocsin.database.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    import duckdb

    from tocsin.abc import Clock

__all__ = ["DuckDBManager"]

_SETTINGS = ("memory_limit", "temp_directory", "threads")
_PATIENCE_SECONDS = 10.0


class DuckDBManager(SqlManager):
    """A DuckDB database in memory or in a file, over files.

    Nothing is fetched from the network: extensions are not installed. Python variables are not seen by
    queries. Other processes can not use a file while one writes it. Times are kept in milliseconds.

    Args:
        path: A DuckDB file, or `:memory:`.
        clock: Stamps tasks and leases; `None`: the database's own time.
        tables: Internal table name → the project's name for it.
        settings: `threads`, `memory_limit` (`2GB`), `temp_directory`.
        base_folder: Where relative paths of files in queries begin; `None`: the working directory.
        read_only: Open an existing file for reading only.

    Raises:
        DatabaseError: The file cannot be opened, or is no DuckDB database.
        ValueError: A setting or a table name is wrong.
    """

    now_query = "SELECT epoch_ms(get_current_timestamp()) AS ms"

    def __init__(
        self,
        path: str | PathLike[str] = ":memory:",
        *,
        clock: Clock | None = None,
        tables: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        base_folder: str | PathLike[str] | None = None,
        read_only: bool = False,
    ) -> None:
        super().__init__(clock=clock, tables=tables)
        unknown = sorted(set(settings or {}) - set(_SETTINGS))
        if unknown:
            raise ValueError(f"DuckDB has no setting {', '.join(unknown)}: there are {', '.join(_SETTINGS)}")
        self._location = "DuckDB" if str(path) == ":memory:" else str(path)
        self._base_folder = None if base_folder is None else str(Path(base_folder).absolute())
        self._writers = threading.Lock()
        self._root = self._open(str(path), dict(settings or {}), read_only=read_only)

    @property
    def capabilities(self) -> Capabilities:
        """It reads files; one process at a time can use it, so it is no memory."""
        return Capabilities(memory=False, transactions=True, processes=False, files=True)

    @property
    def internal_location(self) -> str:
        """The file, or `DuckDB` in memory."""
        return self._location

    @property
    def data_location(self) -> str:
        """The folder in which relative paths begin, or else the database."""
        return self._base_folder or self._location

    def _open(self, path: str, settings: dict[str, Any], *, read_only: bool) -> duckdb.DuckDBPyConnection:
        import duckdb

        config: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        }
        with mapped_errors(self._location):
            return duckdb.connect(path, read_only=read_only, config=config | settings)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._root.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        if self._base_folder is not None:
            cursor.execute("SET file_search_path = $folder", {"folder": self._base_folder})
        return cursor

    def _connect(self) -> DuckDBSession:
        with mapped_errors(self._location):
            turn = Turn(self._writers, _PATIENCE_SECONDS, self._location)
            return DuckDBSession(
                self._cursor, self._names, self._location, turn, base_folder=self._base_folder
            )

    def close(self) -> None:
        """Close every connection, of all threads; closing twice is fine."""
        super().close()
        self._root.close()
