"""What retention does on a second connection, meanwhile: the server has a process for each."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from tocsin.errors import EventStorageException
from tocsin.eventstorage.postgres.connections import run
from tocsin.threads import LATEST, Bell, signals_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.postgres.session import PostgresSession

    Work = Callable[[Connection], Any]

__all__ = ["Aside"]

_AT_ONCE = 4
_LOOK, _END = "look what there is to do", "end"
# Longer than it takes the server to call off its own housekeeping, which may be in the way.
_PATIENCE = "SET LOCAL lock_timeout = '1500ms'"


class Aside:
    """Does things on a connection of its own, one after the other, each once and in a transaction.

    A thread waits for them. It never has more than a few to do; at the end of the block it finishes what is
    begun, and leaves the rest. What fails is handed back: there may be no second connection, or somebody may
    be in the way. Who gave it does it then, and sees the error if there is one.

    Args:
        session: That of who gives it something to do.
        other: For it alone.
    """

    def __init__(self, session: PostgresSession, other: PostgresSession) -> None:
        self._session = session
        self._other = other
        self._thread: Thread | None = None
        self._orders: SimpleQueue[str] = SimpleQueue()
        self._unbegun: deque[_Given] = deque()
        self._ended = Bell()  # for each that is over, and for the thread
        self._has_ended = False
        self._given: deque[_Given] = deque()
        self._connected: _Given | None = None
        self._is_of_use = False

    def __enter__(self) -> Self:
        """Begin; without a connection yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for what is begun."""
        if self._thread is not None:
            self._unbegun.clear()
            self._orders.put(_END)
            while not self._has_ended:
                self._ended.wait(LATEST)
            self._thread.join()

    @property
    def has_room(self) -> bool:
        """Whether it takes more."""
        return (self._connected is None or self._is_of_use) and len(self._given) < _AT_ONCE

    @property
    def is_busy(self) -> bool:
        """Whether it was given something that was not handed back."""
        return bool(self._given)

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Let it connect during a block, if it has not yet."""
        if self._connected is not None:
            yield
            return
        self._session.begin()  # so that we hold our connection: there may be no other one
        self._connected = self._submit(lambda _: None)
        yield
        while self._connected.outcome is None:
            self._ended.wait(LATEST)
        self._is_of_use = self._connected.is_done()
        self._session.commit()

    def give(self, work: Work) -> None:
        """Let it do something that may as well be done twice."""
        with self.connecting():
            pass
        self._given.append(self._submit(work) if self._is_of_use else _Given(work, outcome=False))

    def over(self) -> Iterator[Work | None]:
        """Hand back what is over, in its order: `None` for what is done, else what has to be done.

        Raises:
            Exception: An error that is none of the storage's.
        """
        while self._given and self._given[0].outcome is not None:
            given = self._given.popleft()
            if given.is_done():
                yield None
            else:
                self._is_of_use = False
                yield given.work

    def unbegun(self) -> Work | None:
        """Hand back the last of what it has not begun; `None` when there is nothing."""
        with suppress(IndexError):
            self._unbegun.pop()  # what was given last waits last
            return self._given.pop().work
        return None

    def wait(self, seconds: float) -> None:
        """Wait until something is over, or for so long at most."""
        if self._given and self._given[0].outcome is None:
            self._ended.wait(seconds)

    def _submit(self, work: Work) -> _Given:
        if self._thread is None:
            thread = Thread(target=self._run, name="tocsin-retention")
            try:
                with signals_wait():
                    thread.start()
                    self._thread = thread
            except RuntimeError:  # there are no threads any more: the program ends
                return _Given(work, outcome=False)
        given = _Given(work)
        self._unbegun.append(given)
        self._orders.put(_LOOK)
        return given

    def _run(self) -> None:
        while self._orders.get() == _LOOK:
            try:
                given = self._unbegun.popleft()
            except IndexError:  # it was taken back
                continue
            given.outcome = self._do(given.work)
            self._ended.ring()
        self._has_ended = True
        self._ended.ring()

    def _do(self, work: Work) -> bool | BaseException:
        try:
            self._other.begin()
            self._other.work(lambda connection: run(connection, _PATIENCE))
            self._other.work(work)
            self._other.commit()
        except EventStorageException:
            return False
        except BaseException as error:  # noqa: BLE001  # raised where it is handed back
            return error
        return True


class _Given:
    """Something to do, and what has come of it: whether it is done, or an error of another kind."""

    def __init__(self, work: Work, *, outcome: bool | BaseException | None = None) -> None:
        self.work = work
        self.outcome = outcome

    def is_done(self) -> bool:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome is True
