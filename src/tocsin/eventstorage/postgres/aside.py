"""What retention does on a second connection, meanwhile: the server has a process for each."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tocsin.errors import EventStorageException
from tocsin.eventstorage.postgres.connections import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.postgres.session import PostgresSession

    Work = Callable[[Connection], Any]

__all__ = ["Aside"]

_AT_ONCE = 4
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
        self._thread = ThreadPoolExecutor(1, "tocsin-retention")
        self._given: deque[tuple[Work, Future[bool]]] = deque()
        self._connected: Future[bool] | None = None
        self._is_of_use = False

    def __enter__(self) -> Self:
        """Begin; without a connection yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for what is begun."""
        self._thread.shutdown(cancel_futures=True)

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
        self._is_of_use = self._connected.result()
        self._session.commit()

    def give(self, work: Work) -> None:
        """Let it do something that may as well be done twice."""
        with self.connecting():
            pass
        self._given.append((work, self._submit(work) if self._is_of_use else _failed()))

    def over(self) -> Iterator[Work | None]:
        """Hand back what is over, in its order: `None` for what is done, else what has to be done.

        Raises:
            Exception: An error that is none of the storage's.
        """
        while self._given and self._given[0][1].done():
            work, future = self._given.popleft()
            if future.result():
                yield None
            else:
                self._is_of_use = False
                yield work

    def unbegun(self) -> Work | None:
        """Hand back the last of what it has not begun; `None` when there is nothing."""
        if self._given and self._given[-1][1].cancel():
            return self._given.pop()[0]
        return None

    def wait(self, seconds: float) -> None:
        """Wait until something is over, or for so long."""
        if self._given:
            wait([self._given[0][1]], seconds)

    def _submit(self, work: Work) -> Future[bool]:
        try:
            return self._thread.submit(self._do, work)
        except RuntimeError:  # there are no threads any more: the program ends
            return _failed()

    def _do(self, work: Work) -> bool:
        try:
            self._other.begin()
            self._other.work(lambda connection: run(connection, _PATIENCE))
            self._other.work(work)
            self._other.commit()
        except EventStorageException:
            return False
        return True


def _failed() -> Future[bool]:
    future: Future[bool] = Future()
    future.set_result(False)
    return future
