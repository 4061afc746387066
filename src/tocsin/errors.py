"""Every error that Tocsin raises, as one tree.

    TocsinError
    ├── ConfigError              a file or an option is wrong (file, line, suggestion)
    ├── DatabaseError            a database refused or failed (transient or not)
    │   ├── StoreLockedError     somebody else holds the write lock (transient)
    │   ├── StoreReadOnlyError   the store cannot be written
    │   ├── StoreFullError       no space is left for the store
    │   ├── StoreConnectionError the server of the store cannot be reached, or went away (transient or not)
    │   ├── StoreVersionError    the store was written by a newer Tocsin
    │   └── LeaseLostError       the lease of a write was taken over
    ├── LoadError                a source gave something that is not a series
    ├── ParseError               a line is not what its parser reads
    ├── PersistencyError         learned state could not be kept
    │   ├── PersistencyLoadError restoring failed (nothing there, damaged, of another kind)
    │   │   └── StateVersionError  the state was written by a newer Tocsin
    │   └── StateLockedError     somebody else writes to this state
    ├── DetectorError            a detector got wrong parameters or wrong data
    ├── EventStorageException    the event storage refused or failed
    │   ├── DataError            an event or a search parameter is wrong (names it)
    │   ├── StorageIntegrityError       the event is there already, or tables are not as they should be
    │   ├── StorageConnectionException  the database cannot be reached, or went away (transient)
    │   ├── StorageContentionError      deadlock, serialization, lock (transient)
    │   ├── StorageFullError     no space is left for the events
    │   └── QueryCanceledException      somebody, or its time limit, ended the query
    └── ChannelError             a message could not be delivered (transient or not)

Each error says what, where and what to do; `hint` is the last part; `transient` says whether trying
again can help. Errors carry their data as attributes and survive pickling, so that they cross process
borders whole.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ChannelError",
    "ConfigError",
    "DataError",
    "DatabaseError",
    "DetectorError",
    "EventStorageException",
    "LeaseLostError",
    "LoadError",
    "ParseError",
    "PersistencyError",
    "PersistencyLoadError",
    "QueryCanceledException",
    "StateLockedError",
    "StateVersionError",
    "StorageConnectionException",
    "StorageContentionError",
    "StorageFullError",
    "StorageIntegrityError",
    "StoreConnectionError",
    "StoreFullError",
    "StoreLockedError",
    "StoreReadOnlyError",
    "StoreVersionError",
    "TocsinError",
]


def _rebuild(cls: type[TocsinError], message: str, data: dict[str, Any]) -> TocsinError:
    return cls(message, **data)


class TocsinError(Exception):
    """The root of all errors of Tocsin.

    Args:
        message: One sentence: what went wrong, and where.
        hint: What to do about it, or `None`.
        transient: Whether the same call may succeed later.
    """

    def __init__(self, message: str, *, hint: str | None = None, transient: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.transient = transient

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}: {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        data = {key: value for key, value in self.__dict__.items() if key != "message"}
        return _rebuild, (type(self), self.message, data)


class ConfigError(TocsinError):
    """A configuration file, an option or a selector is wrong.

    Args:
        message: What is wrong.
        hint: What to write instead.
        path: The file, or `None` when the error is in an option.
        line: The 1-based line in the file.
        transient: Always false in practice; kept so that the tree has one signature.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        path: str | None = None,
        line: int | None = None,
        transient: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, transient=transient)
        self.path = path
        self.line = line

    def __str__(self) -> str:
        where = "" if self.path is None else f"{self.path}:{self.line}: " if self.line else f"{self.path}: "
        return where + super().__str__()


class DatabaseError(TocsinError):
    """A database refused or failed; the driver's error is chained as `__cause__`."""


class StoreLockedError(DatabaseError):
    """Another process held the write lock of the store for longer than we wait."""


class StoreReadOnlyError(DatabaseError):
    """The store cannot be written: file, folder or connection is read-only."""


class StoreFullError(DatabaseError):
    """The disk (or quota) under the store is full; nothing of the transaction was kept."""


class StoreConnectionError(DatabaseError):
    """The server of a database cannot be reached, refuses us, or the connection was lost."""


class StoreVersionError(DatabaseError):
    """The store was written by a newer Tocsin and is not touched."""


class LeaseLostError(DatabaseError):
    """The lease under which a write ran expired and was taken over; the write was not done."""


class LoadError(TocsinError):
    """A source gave an error, or something that is not a series."""


class ParseError(TocsinError, ValueError):
    """A line is not what its parser reads; `message` is the reason that the dead-letter file keeps."""


class PersistencyError(TocsinError):
    """Learned state could not be kept; the state in memory is untouched."""


class PersistencyLoadError(PersistencyError):
    """Restoring learned state failed: nothing is there, it is damaged, or it is of another kind.

    Args:
        message: What is wrong, and in which file or row.
        hint: What to do.
        path: The state's path or URI, without secrets.
        transient: Whether the same call may succeed later.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, path: str | None = None, transient: bool = False
    ) -> None:
        super().__init__(message, hint=hint, transient=transient)
        self.path = path


class StateVersionError(PersistencyLoadError):
    """The state was written by a newer Tocsin, and is not touched."""


class StateLockedError(PersistencyError):
    """Another process writes to this state."""


class DetectorError(TocsinError, ValueError):
    """A detector got parameters or data that it cannot work with."""


class EventStorageException(TocsinError):  # noqa: N818 - its name is a promise of the specification
    """The event storage refused or failed; the driver's error is chained as `__cause__`."""


class DataError(EventStorageException, ValueError):
    """An event cannot be stored, or a search parameter is wrong.

    Args:
        message: What is wrong.
        hint: The accepted form.
        parameter: The name of the search parameter, or `None`.
        transient: Always false in practice; kept so that the tree has one signature.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        parameter: str | None = None,
        transient: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, transient=transient)
        self.parameter = parameter


class StorageIntegrityError(EventStorageException):
    """The event's id is there already, or the tables are not those of this storage."""


class StorageConnectionException(EventStorageException):
    """The database cannot be reached, or the connection was lost."""


class StorageContentionError(EventStorageException):
    """Somebody else was writing: deadlock, serialization failure or a lock that was not given in time."""


class StorageFullError(EventStorageException):
    """The disk (or quota) under the events is full; nothing of the transaction was kept."""


class QueryCanceledException(EventStorageException):
    """The query was cancelled, or ran longer than its time limit."""


class ChannelError(TocsinError):
    """A message could not be delivered.

    Args:
        message: What the channel said, without secrets.
        hint: What to do.
        transient: Whether sending again may succeed.
        retry_after: Seconds that the receiver asked us to wait, or `None`.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        transient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, transient=transient)
        self.retry_after = retry_after
