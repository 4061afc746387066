"""The connections of a backend: opened, lent to sessions, kept for the next one, closed."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

from tocsin.errors import StorageConnectionException
from tocsin.eventstorage.sqlite.errors import DRIVER_ERRORS, is_busy, mapped_errors
from tocsin.eventstorage.sqlite.turns import Turn, Turns
from tocsin.eventstorage.sqlite.watching import RunningQueries

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.eventstorage.sqlite.settings import SQLiteSettings

__all__ = ["Connections", "Loan", "SharedFile"]

_MOST_IDLE = 4
_PAUSE = 0.01
_LONGEST_CLOSE = 10.0
_MIB = 2**20
_File: TypeAlias = "tuple[int, ...] | None"
_lost: list[sqlite3.Connection] = []  # of the process that forked this one: to close them would harm it


class SharedFile:
    """What all backends of this process on one file share: whose turn it is to write, and what runs."""

    _known: ClassVar[weakref.WeakValueDictionary[str, SharedFile]] = weakref.WeakValueDictionary()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.turns = Turns()
        self.running = RunningQueries()

    @classmethod
    def of(cls, path: Path) -> SharedFile:
        """Give the one of a file."""
        key = f"{os.getpid()} {os.path.realpath(path)}"  # which takes links in a circle as they are
        with cls._lock:
            shared = cls._known.get(key)
            if shared is None:
                shared = cls._known[key] = cls()
            return shared


class _Opened(NamedTuple):
    """A connection.

    Attributes:
        connection: The connection.
        file: Which file it was opened on; when it is read without locks, in which state.
        without_locks: Whether it is read without locks, as one that nobody writes.
    """

    connection: sqlite3.Connection
    file: _File
    without_locks: bool = False


class Loan:
    """A connection while a session has it.

    Args:
        opened: The connection, and what it was opened on.
        turn: The session's turn to write.
        owner: Who lent it.

    Attributes:
        lock: Held while the driver works on the connection: it must not be closed then.
        closing: Whether the session shall end what it does.
        gone: Whether the session has it no more.
    """

    def __init__(self, opened: _Opened, turn: Turn, owner: Connections) -> None:
        self.opened = opened
        self.connection = opened.connection
        self.turn = turn
        self.lock = threading.RLock()  # a stream that nobody read to its end is closed when it is collected
        self.closing = False
        self.gone = False
        self._owner = owner

    def is_stale(self) -> bool:
        """Tell whether the path leads to another file by now: what is written here nobody would find."""
        return not self._owner.is_current(self.opened)

    def check_unchanged(self) -> None:
        """Make sure that a file which is read without any lock was not written meanwhile.

        Raises:
            StorageConnectionException: It was.
        """
        if self.opened.without_locks and self.is_stale():
            raise StorageConnectionException(
                "the file was written while it was read", hint="try again", transient=True
            )

    def give_back(self, *, sound: bool = True) -> None:
        """Undo what is open and give the connection back; one that is not sound is closed."""
        self._owner.take_back(self, sound=sound)


class Connections:
    """Opens connections to one file and lends them.

    Args:
        path: The file.
        where: The file, for messages.
        settings: How it is opened.
    """

    def __init__(self, path: Path, where: str, settings: SQLiteSettings) -> None:
        self._path = path
        self._where = where
        self._settings = settings
        self._idle: list[_Opened] = []
        self._lent: set[Loan] = set()
        self._lock = threading.RLock()  # a session that nobody closed gives back when it is collected
        self._process = os.getpid()
        self._closed = False
        self.shared = SharedFile.of(path)

    def lend(self) -> Loan:
        """Give a connection of one's own.

        Raises:
            StorageConnectionException: The file cannot be opened, or the backend is closed.
        """
        if self._process != os.getpid():
            raise StorageConnectionException(
                f"{self._where} was opened by another process", hint="open it in each process"
            )
        with self._lock:
            self._refuse_closed()
            opened = self._idle.pop() if self._idle else None
        if opened is not None and not self.is_current(opened):
            opened.connection.close()
            opened = None
        if opened is None:
            opened = self._open()
        turn = Turn(self.shared.turns, self._settings.busy_timeout_seconds, self._where)
        loan = Loan(opened, turn, self)
        with self._lock:
            if self._closed:
                opened.connection.close()
            self._refuse_closed()
            self._lent.add(loan)
        return loan

    def is_current(self, opened: _Opened) -> bool:
        """Tell whether the path leads to the file of a connection."""
        return opened.file == self._current_file(state=opened.without_locks)

    def _current_file(self, *, state: bool = False) -> _File:
        """Tell which file the path leads to, and in which state it is; `None` when there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        if not state:
            return found.st_dev, found.st_ino
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, self._log_bytes()

    def _log_bytes(self) -> int:
        try:
            return self._path.with_name(f"{self._path.name}-wal").stat().st_size
        except OSError:
            return 0

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StorageConnectionException(f"{self._where} is closed", hint="open a new service")

    def take_back(self, loan: Loan, *, sound: bool) -> None:
        """Keep a connection for the next session, or close it."""
        if self._process != os.getpid():
            _lost.append(loan.connection)
            return
        with self._lock:
            if loan.gone:
                return
            loan.gone = True
            self._lent.discard(loan)
        try:
            if loan.connection.in_transaction:
                loan.connection.execute("ROLLBACK")
        except DRIVER_ERRORS:
            sound = False
        loan.turn.give()
        with self._lock:
            if sound and not self._closed and len(self._idle) < _MOST_IDLE:
                self._idle.append(loan.opened)
                return
        loan.connection.close()

    def close(self) -> None:
        """Close every connection; what runs on one is ended."""
        if self._process != os.getpid():
            _lost.extend(opened.connection for opened in self._idle)
            _lost.extend(loan.connection for loan in self._lent)
            return
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            lent, self._lent = self._lent, set()
        for opened in idle:
            opened.connection.close()
        for loan in lent:
            loan.closing = True
        for loan in lent:
            _call_in(loan)

    def _open(self) -> _Opened:
        """Open the file, for reading alone when it cannot be written."""
        try:
            connection = self._connect()
        except StorageConnectionException:
            if self._current_file() is None or self._can_be_written():
                raise
            return self._open_for_reading()
        return _Opened(connection, self._current_file())

    def _can_be_written(self) -> bool:
        return all(os.access(path, os.W_OK) for path in (self._path, self._path.parent))

    def _open_for_reading(self) -> _Opened:
        """Open a file that cannot be written, or is in such a folder.

        Even reading needs a file of SQLite's beside it. Where none can be made, and no log has anything to
        add, the file is read as it lies there; who may write it could do so at any time, so that its state is
        looked at with every use.
        """
        with suppress(StorageConnectionException):
            return _Opened(self._connect("?mode=ro"), self._current_file())
        state = self._current_file(state=True)
        if self._log_bytes():
            raise StorageConnectionException(
                f"{self._where} cannot be read: its write-ahead log has more, and its folder is read-only",
                hint="end the program that writes it, or copy it with its log to another folder",
            )
        return _Opened(self._connect("?immutable=1"), state, without_locks=True)

    def _connect(self, options: str = "") -> sqlite3.Connection:
        settings = self._settings
        with mapped_errors(self._where):
            connection = sqlite3.connect(
                self._path.as_uri() + options,
                uri=True,
                timeout=settings.busy_timeout_seconds,
                isolation_level=None,
                check_same_thread=False,  # close() closes the connections of all threads
                cached_statements=256,
            )
        try:
            with mapped_errors(self._where):
                connection.execute("PRAGMA temp_store = MEMORY")
                connection.execute(f"PRAGMA cache_size = {-int(settings.cache_mib * 1024)}")
                if options:
                    connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # whether it can be read
                else:
                    self._use_wal(connection)
                (page_size,) = connection.execute("PRAGMA page_size").fetchone()
                connection.execute(f"PRAGMA wal_autocheckpoint = {settings.wal_pages}")
                connection.execute(f"PRAGMA journal_size_limit = {settings.wal_pages * page_size}")
                connection.execute("PRAGMA secure_delete = FAST")
                connection.execute(f"PRAGMA synchronous = {settings.synchronous}")
                if settings.max_size_mib is not None:
                    connection.execute(
                        f"PRAGMA max_page_count = {int(settings.max_size_mib * _MIB) // page_size}"
                    )
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch to WAL once; SQLite does not wait by itself when two switch at the same time.

        A file that is still empty is made so that it can give space back when events are deleted.
        """
        deadline = time.monotonic() + self._settings.busy_timeout_seconds
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
                if mode != "wal":
                    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                    connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
            else:
                return


def _call_in(loan: Loan) -> None:
    """Close a connection that a session still has, when the driver has left it."""
    deadline = time.monotonic() + _LONGEST_CLOSE
    while not loan.lock.acquire(timeout=_PAUSE):
        with suppress(sqlite3.ProgrammingError):  # its session has closed it by now
            loan.connection.interrupt()
        if time.monotonic() > deadline:
            return  # it is closed when its session gives it back
    try:
        if not loan.gone:
            loan.gone = True
            loan.connection.close()
    finally:
        loan.lock.release()
    loan.turn.give()
