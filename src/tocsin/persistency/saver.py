"""Saves a persistency again and again: by time, by count, at the end, and when asked."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from tocsin.errors import PersistencyLoadError
from tocsin.persistency.clock import WallClock
from tocsin.persistency.process_end import flush_at_end, no_flush_at_end
from tocsin.persistency.snapshots import FsspecStore, KeysMissingError, Snapshots
from tocsin.persistency.turns import Turns
from tocsin.threads import Bell, start

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.abc import Clock
    from tocsin.persistency.event_persistency import EventPersistency
    from tocsin.persistency.saver_config import PersistencySaverConfig
    from tocsin.persistency.snapshots import GenerationInfo, Snapshot

__all__ = ["ONLY_PART", "PersistencySaver", "SaverStatus", "restore_only_part"]

_LOG = logging.getLogger("tocsin.persistency")

ONLY_PART = ""
"""What the one persistency of a saver is called in its snapshots."""

_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class SaverStatus:
    """How saving goes.

    Attributes:
        path: Where, without secrets.
        save_interval_seconds: The trigger by time.
        events_until_save: The trigger by count, if any.
        running: Whether it saves by itself.
        generation: The newest one that was saved or loaded.
        last_save_at: When saving succeeded last; `None`: not yet.
        last_save_seconds: How long that took.
        last_save_bytes: What it wrote.
        saves: How many succeeded.
        failures: How many failed.
        pending_events: Events since the last save that succeeded.
        last_error: What went wrong the last time, `None` when it went well.
    """

    path: str
    save_interval_seconds: float
    events_until_save: int | None
    running: bool = False
    generation: int | None = None
    last_save_at: datetime | None = None
    last_save_seconds: float | None = None
    last_save_bytes: int | None = None
    saves: int = 0
    failures: int = 0
    pending_events: int = 0
    last_error: str | None = None


class PersistencySaver:
    """Keeps a persistency on disk, or wherever fsspec reaches.

    It saves after a time or a number of events, whichever comes first, when the process is told to end,
    and when it is stopped. Saves never overlap. Only what changed is written. Learning waits for the
    moment in which that is noted down, not for the writing. A failed save is logged, counted, and tried
    again; what it held counts as unsaved.

    Args:
        persistency: What to save.
        config: Where and when.
        clock: Tells the time that snapshots bear; the machine's when left out.

    Attributes:
        positions: Where reading of sources goes on, saved and loaded with the rest; JSON. Set it within
            `persistency.exclusive()`, together with what was read until there.

    Raises:
        PersistencyLoadError: `auto_load` is on and nothing, or nothing whole, is there.
        PersistencyError: The path cannot be used.

    >>> from tocsin.persistency import EventPersistency, EventStabilityTracker
    >>> from tocsin.persistency import PersistencySaver, PersistencySaverConfig
    >>> def remember():
    ...     ep = EventPersistency(EventStabilityTracker)
    ...     config = PersistencySaverConfig("memory://saver-example", auto_load="if_present")
    ...     return ep, PersistencySaver(ep, config)
    >>> ep, saver = remember()
    >>> with saver:
    ...     ep.ingest_event("4624", "<*> logged on", ["alice"])
    >>> ep, saver = remember()
    >>> ep.get_events_seen()
    {'4624'}
    """

    def __init__(
        self, persistency: EventPersistency, config: PersistencySaverConfig, *, clock: Clock | None = None
    ) -> None:
        self._persistency = persistency
        self._config = config
        self._clock = clock or WallClock()
        store = FsspecStore(config.path, config.storage_options)
        self._snapshots = Snapshots(
            store,
            keep_generations=config.keep_generations,
            keep_days=config.keep_days,
            on_corruption=config.on_corruption,
        )
        self._where = store.where
        self.positions: Any = None
        self._turns: Turns[GenerationInfo] = Turns(self._save_once)
        self._life = threading.RLock()
        self._wake = Bell()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._stopped = False
        self._lineage: int | None = None  # that of the persistency when we took or gave it all
        self._saved_events = persistency.events_ingested
        self._due = 0.0
        self._failed_in_a_row = 0
        self._status = SaverStatus(self._where, config.save_interval_seconds, config.events_until_save)
        if config.auto_load:
            self._load()

    # -- life -------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Save from now on by time and by count; nothing happens when it does already.

        Raises:
            StateLockedError: Another process saves there.
            PersistencyLoadError: What is there is damaged: it is not written over.
            PersistencyError: The path cannot be used.
        """
        with self._life:
            if self._thread is None:
                try:
                    self._snapshots.claim()
                except BaseException:
                    self._snapshots.close()
                    raise
                self._ending = self._stopped = False
                self._schedule()
                self._thread = threading.Thread(target=self._work, name="tocsin-saver", daemon=True)
                start(self._thread)
                flush_at_end(self)
        return self

    def stop(self) -> None:
        """Save a last time and let go of the path; nothing happens the second time.

        Raises:
            PersistencyError: The last save failed.
        """
        self._stop(at_exit=False)

    def _stop(self, *, at_exit: bool) -> None:
        with self._life:
            if self._stopped:
                return
            self._stopped = True
            thread, self._thread = self._thread, None
            if thread is not None:
                no_flush_at_end(self)
                self._ending = True
                self._wake.ring()
                thread.join()
            try:
                if not (at_exit and self._all_saved()):
                    self._turns.take()
            finally:
                self._persistency.wake_at(None, self._wake)
                self._snapshots.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def save(self) -> GenerationInfo:
        """Save now; whoever calls this while a save is under way shares the next one.

        Raises:
            StateLockedError: Another process saves there.
            PersistencyError: It failed; what was to be saved counts as unsaved.
        """
        try:
            return self._turns.take()
        finally:
            if self._thread is None:
                with self._life:
                    if self._thread is None:
                        self._snapshots.close()

    def status(self) -> SaverStatus:
        """Tell how saving goes."""
        pending = self._persistency.events_ingested - self._saved_events
        return replace(self._status, running=self._thread is not None, pending_events=pending)

    def save_before_end(self) -> None:
        """Save because the process was told to end; a failure is logged."""
        with suppress(Exception):  # _save_once has logged it
            self._turns.take()

    def stop_before_end(self) -> None:
        """Save and stop because the interpreter exits; a failure is logged."""
        with suppress(Exception):
            self._stop(at_exit=True)

    def _all_saved(self) -> bool:
        status = self.status()
        return status.saves > 0 and status.pending_events == 0 and status.last_error is None

    # -- the thread -------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            counted = self._wake.wait(max(0.0, self._due - time.monotonic()))
            if self._ending:
                return
            if counted or time.monotonic() >= self._due:
                with suppress(Exception):  # _save_once has logged it
                    self._turns.take()

    def _schedule(self) -> None:
        """Set both triggers after a save; after one that failed, only a time."""
        wait = self._config.save_interval_seconds
        count = self._config.events_until_save
        if self._failed_in_a_row:
            count = None
            backoff = _FIRST_RETRY_SECONDS * 2.0 ** min(self._failed_in_a_row - 1, 20)
            wait = min(wait, backoff, _LAST_RETRY_SECONDS)
        self._due = time.monotonic() + wait
        self._persistency.wake_at(None if count is None else self._saved_events + count, self._wake)

    # -- one save ---------------------------------------------------------------------------------------

    def _save_once(self) -> GenerationInfo:
        begun = time.monotonic()
        try:
            info, events = self._commit()
        except Exception as error:
            self._failed_in_a_row += 1
            self._status = replace(
                self._status,
                failures=self._status.failures + 1,
                last_error=f"{type(error).__name__}: {error}",
            )
            _LOG.error("saving to %s failed: %s", self._where, self._status.last_error)
            raise
        else:
            self._failed_in_a_row = 0
            self._saved_events = events
            self._status = replace(
                self._status,
                generation=info.generation,
                last_save_at=self._clock.now(),
                last_save_seconds=time.monotonic() - begun,
                last_save_bytes=info.written_bytes,
                saves=self._status.saves + 1,
                last_error=None,
            )
            return info
        finally:
            if self._thread is not None:
                self._schedule()

    def _commit(self) -> tuple[GenerationInfo, int]:
        try:
            return self._commit_cut()
        except KeysMissingError:  # what we saved before is no longer there
            self._lineage = None
            return self._commit_cut()

    def _commit_cut(self) -> tuple[GenerationInfo, int]:
        """Save what changed; all of it when somebody else took changes, or restored something."""
        memory = self._persistency
        with memory.exclusive():
            events, positions = memory.events_ingested, self.positions
            cut = memory.cut(complete=memory.lineage != self._lineage)
            self._lineage = memory.lineage
        try:
            info = self._snapshots.commit({ONLY_PART: cut}, now=self._clock.now(), positions=positions)
        except BaseException:
            memory.uncut(cut)
            raise
        return info, events

    # -- what is there already --------------------------------------------------------------------------

    def _load(self) -> None:
        snapshot = self._snapshots.load()
        if snapshot is not None:
            with self._persistency.exclusive():
                restore_only_part(self._persistency, snapshot, self._where)
                self._lineage = self._persistency.lineage
            for note in snapshot.notes:
                _LOG.warning("%s: %s", self._where, note)
            self.positions = snapshot.positions
            self._status = replace(self._status, generation=snapshot.generation)
        elif self._config.auto_load != "if_present":
            message = f"nothing is saved at {self._where}"
            hint = 'auto_load="if_present" begins empty then'
            raise PersistencyLoadError(message, hint=hint, path=self._where)


def restore_only_part(persistency: EventPersistency, snapshot: Snapshot, where: str) -> None:
    """Bring a snapshot of one persistency back.

    Raises:
        PersistencyLoadError: It is a snapshot of several, or of another kind, or cannot be read.
    """
    if set(snapshot.parts) != {ONLY_PART}:
        found = ", ".join(map(repr, sorted(snapshot.parts))) or "nothing"
        message = f"{where} does not hold one persistency, but {found}"
        raise PersistencyLoadError(message, hint="a monitor's state is loaded by its monitor", path=where)
    persistency.restore(snapshot.parts[ONLY_PART])
