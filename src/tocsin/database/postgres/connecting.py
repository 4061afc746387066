"""From what users configure to a connection of psycopg."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tocsin.database.postgres.errors import map_connect_error, mapped_errors
from tocsin.errors import StoreConnectionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["connect", "describe", "parse_options"]

_SECRETS = ("password", "sslpassword")
# A server whose machine is gone is noticed within a minute, not after the hours that systems wait.
_DEFAULTS = {
    "application_name": "tocsin",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SESSION = {
    "timezone": "UTC",
    "datestyle": "ISO",  # the only one that the driver reads
    "client_encoding": "UTF8",
    "idle_in_transaction_session_timeout": "0",  # a detector may think for long between two statements
    # The server notices as soon that our machine is gone, and gives back what we have locked.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_OLDEST = 15


def parse_options(conninfo: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Read how to connect.

    Args:
        conninfo: A URL `postgresql://…`, or libpq's `key=value …`; may be empty.
        options: What is named one by one and wins; `None` is left out.

    Raises:
        ValueError: It is not understood. What was written is not repeated: it may hold a password.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        parsed = conninfo_to_dict(conninfo, **given)
    except (psycopg.Error, UnicodeError):
        raise ValueError(
            "this is no PostgreSQL connection: write postgresql://user:password@host:port/database, with"
            " special characters of the password as %40 and the like, and no unknown options"
        ) from None
    host, port, name = (str(parsed.get(key) or "") for key in ("host", "port", "dbname"))
    if "@" in host + name or not re.fullmatch(r"[0-9,]*", port):  # libpq would repeat it in an error
        raise ValueError("the PostgreSQL URL is torn by its password: write @ as %40 and / as %2F in it")
    return {**_DEFAULTS, **parsed}


def describe(options: Mapping[str, Any]) -> str:
    """Name a database for people, without secrets."""
    host = options.get("host") or options.get("hostaddr") or ""
    name = options.get("dbname") or options.get("user") or "the default database"
    where = f" on {host}" if host else ""
    port = f":{options['port']}" if host and options.get("port") else ""
    return f"PostgreSQL {name}{where}{port}"


def connect(
    options: Mapping[str, Any], session: Mapping[str, str], location: str, *, schemas: tuple[str, ...] = ()
) -> psycopg.Connection[Any]:
    """Connect, each statement by itself a transaction, in UTC.

    Args:
        options: Those of `parse_options`.
        session: The server's settings for this session.
        location: The database, for messages.
        schemas: Where names are looked for before everything else.

    Raises:
        StoreConnectionError: It cannot be reached, or is older than we support.
    """
    try:
        connection = psycopg.connect(**options, autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        secrets = tuple(str(options[name]) for name in _SECRETS if options.get(name))
        # The driver's error is not chained: it may repeat what must not be told.
        raise map_connect_error(error, location, secrets) from None
    try:
        with mapped_errors(location):
            _require_version(connection, location)
            settings = sql.SQL("; ").join(
                sql.SQL("SET {} TO {}").format(sql.Identifier(name), sql.Literal(value))
                for name, value in {**_SESSION, **session}.items()
            )
            connection.execute(settings)
            if schemas:
                path = ", ".join(sql.Identifier(name).as_string() for name in schemas)
                connection.execute(
                    "SELECT set_config('search_path', %s || current_setting('search_path'), false)",
                    (f"{path}, ",),
                )
    except BaseException:
        connection.close()
        raise
    return connection


def _require_version(connection: psycopg.Connection[Any], location: str) -> None:
    version = connection.info.server_version // 10_000
    if version < _OLDEST:
        raise StoreConnectionError(
            f"{location} has version {version}", hint=f"PostgreSQL {_OLDEST} or newer is needed"
        )
