"""SQLite's errors as ours: one sentence with the file, and what to do."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

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

__all__ = ["DRIVER_ERRORS", "is_busy", "map_error", "mapped_errors"]

DRIVER_ERRORS = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError)
"""All that the driver raises: numbers over 64 bits and half surrogate pairs are not `sqlite3.Error`."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# Writing failed in the file system: a full disk is SQLITE_FULL, a quota or a limit on file sizes is not.
_WRITE_FAILED = (
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)


@contextmanager
def mapped_errors(where: str) -> Iterator[None]:
    """Turn what the driver raises in a block into an `EventStorageException` about the file."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise map_error(error, where) from error


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else has the lock, so that waiting helps."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in _BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT


def map_error(error: Exception, where: str) -> EventStorageException:
    """Give our error for one of `DRIVER_ERRORS`."""
    if isinstance(error, OverflowError):
        return DataError("a number does not fit in 64 bits")
    if isinstance(error, UnicodeError):
        return DataError("a text has half a surrogate pair, which is no character")
    code = getattr(error, "sqlite_errorcode", None)
    sentence = " ".join(str(error).split())
    if code is None:
        return _driver_error(sentence, where)
    return (
        _contention(code, where)
        or _refused(code, where)
        or _unusable(code, sentence, where)
        or EventStorageException(f"{where}: SQLite refused: {sentence}")
    )


def _driver_error(sentence: str, where: str) -> EventStorageException:
    if "closed" in sentence:
        return StorageConnectionException(f"{where} is closed", hint="open a new service")
    if "binding" in sentence or "too large" in sentence or "too big" in sentence:
        return DataError(f"a value cannot be stored: {sentence}")
    return EventStorageException(f"{where}: {sentence}")


def _contention(code: int, where: str) -> EventStorageException | None:
    """Give the error for a lock that somebody else has."""
    if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return StorageContentionError(
            f"{where} was written by others since this connection began to read",
            hint="read to the end, or close what reads, before writing",
        )
    if code & 0xFF in (*_BUSY, sqlite3.SQLITE_SCHEMA):
        return StorageContentionError(
            f"{where} is locked by another writer", hint="try again when it is done", transient=True
        )
    return None


def _refused(code: int, where: str) -> EventStorageException | None:
    """Give the error for a statement that was not done while the file is well."""
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_INTERRUPT:
        return QueryCanceledException("the query was cancelled")
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return StorageIntegrityError(f"{where}: a row is there already, or lacks a value")
    if primary in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE):
        return DataError("a value is too big, or of the wrong kind")
    if primary == sqlite3.SQLITE_FULL or code in _WRITE_FAILED:
        return StorageFullError(
            f"no space is left for {where}", hint="free some space or raise the quota; nothing was changed"
        )
    return None


def _unusable(code: int, sentence: str, where: str) -> EventStorageException | None:
    """Give the error for a file that cannot be used as it is."""
    primary = code & 0xFF
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StorageIntegrityError(
            f"{where} is damaged, or is not an SQLite database",
            hint="check the path, or restore the file from a backup",
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StorageConnectionException(
            f"{where} cannot be written",
            hint="it or its folder is read-only: change the permissions, or the path",
        )
    if primary == sqlite3.SQLITE_CANTOPEN:
        return StorageConnectionException(f"{where} cannot be opened", hint=_why_not_opened(where))
    if primary == sqlite3.SQLITE_IOERR:
        return StorageConnectionException(
            f"{where} cannot be read: {sentence}", hint="look at the disk, and whether the file was moved"
        )
    if "no such table" in sentence or "no such column" in sentence:
        return StorageIntegrityError(
            f"{where}: {sentence}", hint="database_create() makes the tables of the event storage"
        )
    return None


def _why_not_opened(where: str) -> str:
    file = Path(where)
    with suppress(OSError):  # of a name that is too long, or in a folder that must not be searched
        if not file.parent.is_dir():
            return "its folder does not exist"
        if file.is_dir():
            return "it is a folder"
        if not os.access(file.parent, os.W_OK):
            return "its folder is read-only: change the permissions, or the path"
    return "check the permissions of the file and its folder"
