"""Deleting old events in short steps, and giving the space back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tocsin.eventstorage.pace import Pace
from tocsin.eventstorage.sqlite.deleting import delete_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.eventstorage.sqlite.session import SQLiteSession

__all__ = ["retain"]

_AIM = 0.025  # seconds that a step should hold the lock
_FIRST_EVENTS, _LEAST_EVENTS = 100, 10
_FIRST_PAGES, _LEAST_PAGES, _MOST_PAGES = 100, 10, 10_000
_SPARE = 20  # one page in so many may stay free for the events to come
_CHECKPOINT_AIM = 0.04  # seconds that bringing the log into the file should take
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 2.0  # seconds between two times
_LONGEST_LOG = 8_000  # pages
_PATIENCE_MS = 20


def retain(session: SQLiteSession, before: int, batch: int) -> Iterator[int]:
    """Delete the events stored before an instant; yields how many each step removed, 0 after other work.

    Events are stored in the order of their numbers, so that the oldest are the first ones, and are found
    without an index. The first step takes few events, each other as many as can be deleted in 25 ms at the
    speed of the slowest of the last steps, at most `batch`. Others get their turn between two steps.

    Args:
        session: Of its own; not to be used for anything else afterwards.
        before: Microseconds since the epoch.
        batch: How many events at a time at most.
    """
    # What is deleted and lost again in a crash of the machine is deleted by the next run: nobody has to wait
    # for the disk while the lock is held. The log is brought into the file between the steps, without the
    # lock, and little at a time: others wait for the disk as well.
    session.execute("PRAGMA synchronous = NORMAL")
    session.execute("PRAGMA wal_autocheckpoint = 0")
    checkpoints = _Checkpoints(session)
    try:
        for removed in _delete(session, before, batch):
            yield removed
            if checkpoints.make_when_due():
                yield 0
        for _ in _give_space_back(session):
            yield 0
            if checkpoints.make_when_due():
                yield 0
    finally:
        checkpoints.make()


def _delete(session: SQLiteSession, before: int, batch: int) -> Iterator[int]:
    pace = Pace(_AIM, _FIRST_EVENTS, _LEAST_EVENTS, batch)
    while True:
        query = (
            "SELECT min(seq), max(seq) FROM (SELECT seq, storagetime FROM events ORDER BY seq LIMIT %s) "
            "WHERE storagetime < %s"
        )
        [(first, last)] = session.execute(query, (int(pace.amount), before))
        if first is None:
            return
        session.begin()
        began = time.monotonic()
        text_index = session.look_for_text_index()
        with session.raw() as connection:
            removed = delete_range(connection, first, last, text_index=text_index)
        session.commit()
        pace.took(time.monotonic() - began)
        yield removed


def _give_space_back(session: SQLiteSession) -> Iterator[None]:
    pace = Pace(_AIM, _FIRST_PAGES, _LEAST_PAGES, _MOST_PAGES)
    while (spare := _spare_pages(session)) > 0:
        session.begin()
        began = time.monotonic()
        for _ in range(
            min(int(pace.amount), spare)
        ):  # Python's driver stops after a page, however many it is asked for
            session.execute("PRAGMA incremental_vacuum(1)")
        session.commit()
        pace.took(time.monotonic() - began)
        yield


def _spare_pages(session: SQLiteSession) -> int:
    """Tell how many pages can be given back: none of a file that another program made."""
    free, total, kind = (
        session.execute(f"PRAGMA {name}")[0][0] for name in ("freelist_count", "page_count", "auto_vacuum")
    )
    return int(free - total // _SPARE) if kind else 0


class _Checkpoints:
    """Brings the log into the file now and then, without the lock."""

    def __init__(self, session: SQLiteSession) -> None:
        self._session = session
        self._last = time.monotonic()
        self._pause = Pace(_CHECKPOINT_AIM, _SHORTEST_PAUSE, _SHORTEST_PAUSE, _LONGEST_PAUSE)

    def make_when_due(self) -> bool:
        """Do it, if there is enough to do; tell whether it was done."""
        began = time.monotonic()
        if began - self._last < self._pause.amount:
            return False
        pages = self.make()
        if pages > _LONGEST_LOG:
            self._catch_up()
        self._begin_log_anew()
        self._last = time.monotonic()
        self._pause.took(self._last - began)
        return True

    def make(self) -> int:
        """Do it, as far as nobody reads what it would overwrite; give how many pages the log has."""
        if self._session.broken:
            return 0
        [(_, pages, _)] = self._session.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return int(pages)

    def _catch_up(self) -> None:
        """Stop the writers for a moment: while they go on, the log never ends, and grows without bounds.

        Whoever made it short again would wait for the disk, with the lock, the longer the longer it is.
        """
        self._session.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")  # until the next transaction
        self._session.execute("PRAGMA wal_checkpoint(RESTART)")

    def _begin_log_anew(self) -> None:
        """Write next to nothing: who writes first after a checkpoint waits for the disk with the lock."""
        self._session.begin()
        self._session.execute("UPDATE event_store SET last_seq = last_seq")
        self._session.commit()
