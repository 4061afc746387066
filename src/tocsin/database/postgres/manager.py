"""PostgreSQL: a memory that several machines share, and a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.database.manager import Capabilities
from tocsin.database.names import quote
from tocsin.database.postgres.settings import PostgresSettings
from tocsin.database.sql_manager import SqlManager
from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from tocsin.abc import Clock
    from tocsin.database.postgres.session import PostgresSession

__all__ = ["PostgresManager"]


class PostgresManager(SqlManager):
    """A PostgreSQL database (15 or newer) on a server.

    Times are kept in milliseconds; a `Date` is its midnight. A text cannot hold the character NUL: it is
    refused. Texts of tables that Tocsin makes compare by code point. The session's time zone is UTC. A
    connection that was lost raises once (`StoreConnectionError`); the next call has a new one.

    Args:
        conninfo: A URL `postgresql://…` or libpq's `key=value …`; may be empty.
        clock: Stamps tasks and leases; `None`: the database's own time.
        tables: Internal table name → the project's name for it.
        settings: See `PostgresSettings`.
        internal_schema: Where the internal tables are, made when it is not there; `None`: the role's default.
        data_schema: Where the user's tables are looked for first.
        read_only: Refuse to write.
        options: What libpq takes (`host`, `port`, `dbname`, `user`, `password`, `sslmode`, …); it wins over
            `conninfo`, and `None` is left out.

    Raises:
        StoreConnectionError: The server cannot be reached, or refuses us.
        DatabaseError: The driver is not installed.
        ValueError: A setting, a name or the connection's form is wrong.
    """

    now_query = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms"

    def __init__(
        self,
        conninfo: str = "",
        *,
        clock: Clock | None = None,
        tables: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        internal_schema: str | None = None,
        data_schema: str | None = None,
        read_only: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(clock=clock, tables=tables, internal_schema=internal_schema, data_schema=data_schema)
        _require_driver()
        from tocsin.database.postgres.connecting import describe, parse_options

        parsed = PostgresSettings.parse(settings)
        self._options = {
            "connect_timeout": max(2, round(parsed.connect_timeout_seconds)),
            **parse_options(conninfo, options),
        }
        self._session_values = parsed.session_values()
        self._read_only = read_only
        if read_only:
            self._session_values["default_transaction_read_only"] = "on"
        self._location = describe(self._options)
        self._session()
        if internal_schema is not None and not read_only:
            self._ensure_schema(internal_schema)

    @property
    def capabilities(self) -> Capabilities:
        """It can be a project's memory; it does not read files."""
        return Capabilities(memory=True, transactions=True, processes=True, files=False, any_text=False)

    @property
    def internal_location(self) -> str:
        """The database, its server and the schema."""
        return self._with_schema(self._names.internal_schema)

    @property
    def data_location(self) -> str:
        """The database, its server and the schema of the user's tables."""
        return self._with_schema(self._names.data_schema)

    def _with_schema(self, schema: str | None) -> str:
        return self._location if schema is None else f"{self._location}, schema {schema}"

    def _connect(self) -> PostgresSession:
        from tocsin.database.postgres.session import PostgresSession

        return PostgresSession(self._open, self._names, self._location, read_only=self._read_only)

    def _open(self) -> psycopg.Connection[Any]:
        from tocsin.database.postgres.connecting import connect

        schemas = tuple(filter(None, (self._names.data_schema, self._names.internal_schema)))
        return connect(self._options, self._session_values, self._location, schemas=schemas)

    def _ensure_schema(self, schema: str) -> None:
        try:
            if not self.execute_query(
                "SELECT 1 FROM pg_namespace WHERE nspname = %(name)s", {"name": schema}
            ):
                with self.transaction() as transaction:
                    transaction.lock("schema")
                    transaction.execute_query(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
        except BaseException:
            self.close()
            raise


def _require_driver() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise DatabaseError("PostgreSQL needs psycopg", hint="pip install 'tocsin[postgres]'") from error
