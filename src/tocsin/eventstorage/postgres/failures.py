"""What the driver raises, as errors of ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from tocsin.errors import (
    DataError,
    EventStorageException,
    QueryCanceledException,
    StorageConnectionException,
    StorageContentionError,
    StorageFullError,
    StorageIntegrityError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DRIVER_ERRORS", "error_of", "failures", "is_lost", "lacks_column"]

DRIVER_ERRORS = (psycopg.Error, UnicodeError)
"""What a call of the driver may raise; the second for a text that is no Unicode."""

# 26000: the server has forgotten a statement that was prepared. The driver takes it for known, so that
# nothing but another connection helps.
_LOST = ("08", "57P", "25P03", "25P04", "53300", "26000")


class _Meaning(NamedTuple):
    """What states of SQL mean: those that begin so, the first in the list counts."""

    states: tuple[str, ...]
    kind: type[EventStorageException]
    what: str
    hint: str | None = None
    transient: bool = False


# 23514: there is no partition for a row, as somebody dropped it or made the tables anew.
_MEANINGS = (
    _Meaning(("57014",), QueryCanceledException, "a query in {} was ended"),
    _Meaning(
        ("40", "55P03", "55006"), StorageContentionError, "others were using {}", "try again", transient=True
    ),
    _Meaning(("23514",), StorageContentionError, "{} was changed meanwhile", "try again", transient=True),
    _Meaning(("53100",), StorageFullError, "no space is left for {}", "make room", transient=True),
    _Meaning(
        ("42P01", "42703", "3F000"), StorageIntegrityError, "tables are missing in {}", "database_create()"
    ),
    _Meaning(("23", "42P07", "2BP"), StorageIntegrityError, "{} refused"),
    _Meaning(("42501",), EventStorageException, "{} refused", "give the role the right to it"),
    _Meaning(
        ("25006",),
        StorageConnectionException,
        "{} can only be read",
        "connect to the primary server, as a role that may write",
    ),
    _Meaning(("22", "54"), DataError, "{} cannot take a value"),
)


def is_lost(error: BaseException) -> bool:
    """Tell whether an error means that the connection is gone."""
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:  # not the server's word: it was never reached, or is gone
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_LOST)


def lacks_column(error: BaseException) -> bool:
    """Tell whether a statement named a column that is not there, or gave none that has to have a value."""
    return isinstance(error, psycopg.errors.UndefinedColumn | psycopg.errors.NotNullViolation)


def error_of(error: Exception, where: str) -> EventStorageException:
    """Give the error of ours for one of the driver.

    Args:
        error: What the driver raised.
        where: The database, for people, without secrets.
    """
    if not isinstance(error, psycopg.Error):
        return DataError("a value is not text that a database can keep", hint="no lone surrogates")
    said = _said(error)
    if is_lost(error):
        return StorageConnectionException(f"the connection to {where} is lost: {said}", transient=True)
    if error.sqlstate is None and isinstance(error, psycopg.DataError):
        return DataError(f"a value cannot be sent to {where}: {said}")
    for meaning in _MEANINGS:
        if (error.sqlstate or "").startswith(meaning.states):
            message = f"{meaning.what.format(where)}: {said}"
            return meaning.kind(message, hint=meaning.hint, transient=meaning.transient)
    return EventStorageException(f"{where} failed: {said}")


def _said(error: psycopg.Error) -> str:
    """Give what the server said, in one line; its details could quote what is stored."""
    said = error.diag.message_primary or _without_advice(str(error)) or type(error).__name__
    return " ".join(said.split())


def _without_advice(said: str) -> str:
    """Leave out what the driver asks back ("Is the server running …?"), which it indents."""
    return "\n".join(line for line in said.splitlines() if not line.startswith("\t"))


@contextmanager
def failures(where: str) -> Iterator[None]:
    """Turn what the driver raises in a block into errors of ours."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise error_of(error, where) from error
