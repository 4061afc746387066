"""SQLite's errors as ours: one sentence with the file, and what to do."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.errors import (
    DatabaseError,
    StoreFullError,
    StoreLockedError,
    StoreReadOnlyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["map_error", "mapped_errors"]

# Writing failed in the file system: a full disk is SQLITE_FULL, a quota or a limit on file sizes is not.
_WRITE_FAILED = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}


@contextmanager
def mapped_errors(path: str) -> Iterator[None]:
    """Turn what SQLite raises in the block into a `DatabaseError` about the file `path`."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise map_error(error, path) from error
    except OverflowError as error:
        raise DatabaseError(f"{path}: a number does not fit in 64 bits") from error
    except UnicodeEncodeError as error:
        raise DatabaseError(f"{path}: a text holds half a surrogate pair and cannot be stored") from error


def map_error(error: sqlite3.Error | sqlite3.Warning, path: str) -> DatabaseError:
    """Give our error for one of SQLite."""
    code = getattr(error, "sqlite_errorcode", None)
    known = _known_error(code, path) if code is not None else None
    if known is not None:
        return known
    sentence = " ".join(str(error).split())
    return DatabaseError(f"{path}: SQLite refused: {sentence}")


def _known_error(code: int, path: str) -> DatabaseError | None:
    primary = code & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLockedError(
            f"{path} is locked by another program", hint="try again when it is done", transient=True
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreReadOnlyError(
            f"{path} cannot be written",
            hint="it or its folder is read-only: change the permissions, or the path",
        )
    if primary == sqlite3.SQLITE_FULL or code in _WRITE_FAILED:
        return StoreFullError(
            f"no space is left for {path}", hint="free some space or raise the quota; nothing was changed"
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DatabaseError(
            f"{path} is damaged, or is not an SQLite database",
            hint="check the path, or restore the file from a backup",
        )
    if primary == sqlite3.SQLITE_CANTOPEN:
        return _cannot_open(path)
    return None


def _cannot_open(path: str) -> DatabaseError:
    file = Path(path)
    folder = file.parent
    if not folder.is_dir():
        return DatabaseError(f"{path} cannot be opened", hint="its folder does not exist")
    if file.is_dir():
        return DatabaseError(f"{path} cannot be opened", hint="it is a folder")
    if not os.access(folder, os.W_OK):
        return StoreReadOnlyError(
            f"{path} cannot be opened for writing",
            hint="its folder is read-only: change the permissions, or the path",
        )
    if not file.exists():
        return DatabaseError(f"{path} cannot be opened", hint="the file does not exist")
    return DatabaseError(f"{path} cannot be opened", hint="check the permissions of the file and its folder")
