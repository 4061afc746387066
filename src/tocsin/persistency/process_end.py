"""The last save of a process: when it is told to end (SIGTERM), and when the interpreter exits.

At the exit we save twice. First before the interpreter shuts its executors down, since drivers of object
stores need those. Then after the last thread has ended, if that one has learned something more.

A signal arrives between any two instructions of the main thread, perhaps in the middle of an ingest. So the
handler only passes it to a thread of ours, which saves and then sends the signal again; this time the
handler that was there before gets it. A second signal from outside is passed on at once, unless it is the
first one again, passed on by another way.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 - what ends first was registered last, and we need executors
import contextlib
import os
import signal
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.threads import Asked, EndRequests, start

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Flushable", "flush_at_end", "no_flush_at_end"]


class Flushable(Protocol):
    """What has something to save."""

    def save_before_end(self) -> None:
        """Save; raise nothing."""
        ...

    def stop_before_end(self) -> None:
        """Save and stop; raise nothing."""
        ...


class _ProcessEnd:
    """What ends with the process; one for all savers, so that they need not know each other's handlers."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pid = os.getpid()
        self.members: list[Flushable] = []
        self.signals: SimpleQueue[int | None] = SimpleQueue()  # its put may interrupt itself
        self.thread: threading.Thread | None = None
        self.installed = False
        self.previous: Any = None
        self.passing_on = False
        self.saved = False
        self.requests = EndRequests()

    def add(self, member: Flushable) -> None:
        with self.lock:
            if member not in self.members:
                self.members.append(member)
            if self.thread is None:
                self.thread = threading.Thread(target=self._watch, name="tocsin-saver-end", daemon=True)
                start(self.thread)
            self._install()

    def remove(self, member: Flushable) -> None:
        with self.lock:
            if member in self.members:
                self.members.remove(member)
            thread = None
            if not self.members and self.thread is not threading.current_thread():
                thread, self.thread = self.thread, None
                self._uninstall()
        if thread is not None:
            self.signals.put(None)
            thread.join()

    def _install(self) -> None:
        """Take SIGTERM, in the main thread; elsewhere Python does not let us."""
        previous = signal.getsignal(signal.SIGTERM)
        if self.installed or previous is None:  # None: somebody's handler that Python cannot call
            return
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, self.handle)
            self.previous, self.installed = previous, True

    def _uninstall(self) -> None:
        """Give SIGTERM back, unless somebody put a handler before ours since."""
        if self.installed and signal.getsignal(signal.SIGTERM) == self.handle:
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGTERM, self.previous)
                self.installed = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.thread is not None and self.pid == os.getpid():
            if not self.passing_on:
                self.requests, self.saved, self.passing_on = EndRequests(), False, True
                self.requests.take(number)
                self.signals.put(number)
                return
            if not self.saved and self.requests.take(number) is Asked.SAME:
                return
        self.passing_on = False
        if callable(self.previous):
            self.previous(number, frame)
        elif self.previous == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _watch(self) -> None:
        while (number := self.signals.get()) is not None:
            self.save()
            self.saved = True
            signal.pthread_kill(threading.main_thread().ident or 0, number)

    def save(self) -> None:
        for member in tuple(self.members):
            member.save_before_end()

    def stop(self) -> None:
        for member in tuple(self.members):
            member.stop_before_end()


_process = _ProcessEnd()


def _after_fork() -> None:
    """Leave the parent's savers to the parent; its threads are not here either."""
    global _process
    handler = signal.getsignal(signal.SIGTERM)
    inherited, _process = _process, _ProcessEnd()
    if inherited.installed and handler == inherited.handle:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, inherited.previous)


def _before_executors_end() -> None:
    _process.save()


def _after_threads_end() -> None:
    _process.stop()


os.register_at_fork(after_in_child=_after_fork)
# As concurrent.futures does it; without this, states on some object stores are not saved at the exit.
getattr(threading, "_register_atexit", atexit.register)(_before_executors_end)
atexit.register(_after_threads_end)


def flush_at_end(member: Flushable) -> None:
    """Save this one too when the process ends."""
    _process.add(member)


def no_flush_at_end(member: Flushable) -> None:
    """Do no longer; with the last one, SIGTERM is what it was before."""
    _process.remove(member)
