"""PostgreSQL's errors as ours: one sentence with the database, what to do, and no secrets."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from tocsin.errors import (
    DatabaseError,
    StoreConnectionError,
    StoreFullError,
    StoreLockedError,
    StoreReadOnlyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["map_connect_error", "map_error", "mapped_errors"]

_LONGEST = 300
_CONTENTION = {
    "40001": "another transaction changed what this one read",
    "40P01": "two transactions waited for each other",
    "55P03": "another transaction holds a lock",
}
_GRANT = "grant it to the role, or use another role"
_NO_FUNCTION = "42883"
_READ_ONLY = "25006"
_NO_PRIVILEGE = "42501"
_DISK_FULL = "53100"
_CANCELED = "57014"
_DROPPED = "57P04"
_LOST = ("08", "57P", "25P03")  # connection exceptions, what the operator did, and idling for too long
_TOO_MANY = "53300"
# The server tells why it refuses a connection in words alone.
_REFUSED_FOR_GOOD = ("authentication", "pg_hba.conf", "password", "does not exist", "certificate", "SSL")


@contextmanager
def mapped_errors(location: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what psycopg raises in the block into a `DatabaseError` about the database `location`.

    Args:
        location: The database, for messages.
        writing: Whether a missing privilege means that the database cannot be written.
    """
    try:
        yield
    except psycopg.Error as error:
        raise map_error(error, location, writing=writing) from error
    except OverflowError as error:
        raise DatabaseError(f"{location}: a number or a time is out of range: {error}") from error
    except UnicodeEncodeError as error:
        raise DatabaseError(f"{location}: a text holds half a surrogate pair and cannot be stored") from error
    except TypeError as error:
        raise DatabaseError(f"{location} cannot take a value: {error}") from error


def map_error(error: psycopg.Error, location: str, *, writing: bool = False) -> DatabaseError:
    """Give our error for one of psycopg; the server's details, which quote rows, are left out."""
    state = error.sqlstate or ""
    sentence = _sentence(error.diag.message_primary or str(error))
    if state in _CONTENTION:
        return StoreLockedError(
            f"{location}: {_CONTENTION[state]}", hint="try again when it is done", transient=True
        )
    if state == _READ_ONLY or (state == _NO_PRIVILEGE and writing):
        return StoreReadOnlyError(f"{location} cannot be written: {sentence}", hint=_GRANT)
    if state == _DISK_FULL:
        return StoreFullError(
            f"no space is left for {location}", hint="free some space on the server; nothing was changed"
        )
    if state == _CANCELED:
        return DatabaseError(f"{location}: the statement was ended: {sentence}")
    if state == _TOO_MANY or state.startswith(_LOST) or (not state and _is_lost(error)):
        return StoreConnectionError(
            f"the connection to {location} was lost: {sentence}", transient=state != _DROPPED
        )
    return DatabaseError(f"{location}: PostgreSQL refused: {sentence}", hint=_hint(error))


def map_connect_error(error: psycopg.Error, location: str, secrets: tuple[str, ...]) -> DatabaseError:
    """Give our error for a connection that was not made.

    Args:
        error: What psycopg raised.
        location: The database, for messages.
        secrets: What must not be told, should the driver repeat it.
    """
    # The first line names the address and the last one, when there are several, the reason.
    sentence = _sentence(str(error).partition(" failed: ")[2] or str(error))
    for secret in secrets:
        sentence = sentence.replace(secret, "…")
    for_good = any(word in sentence for word in _REFUSED_FOR_GOOD)
    hint = "check user, password and database" if for_good else "check host and port, and that it runs"
    return StoreConnectionError(
        f"{location} cannot be reached: {sentence}", hint=hint, transient=not for_good
    )


def _is_lost(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.OperationalError)


def _sentence(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = lines[0] if lines else "no reason was given"
    first = " ".join(first.removeprefix("FATAL:").split()).rstrip(".")
    return first if len(first) <= _LONGEST else first[: _LONGEST - 1] + "…"


def _hint(error: psycopg.Error) -> str | None:
    if error.sqlstate == _NO_PRIVILEGE:
        return _GRANT
    # A metric over files that was written before the project had a server, most often.
    if error.sqlstate == _NO_FUNCTION and "function read_" in str(error.diag.message_primary):
        return "PostgreSQL reads no files: let the metric name a profile that does, `profile: files`"
    hint = error.diag.message_hint
    return None if hint is None else _sentence(hint)
