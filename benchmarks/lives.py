"""Processes that live until they are killed: forks of a warm one that say through a pipe how far they are."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Lines", "fork_and_wait", "forked"]

_LONGEST_WAIT_SECONDS = 60


@contextmanager
def forked(work: Callable[[Callable[[str], None]], None]) -> Iterator[tuple[int, int]]:
    """Run work in a fork that can write lines to a pipe; give its pid and the pipe's other end.

    It does not outlive the block.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads: there are none of ours
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            work(lambda text: _write_line(writing, text))
            status = 0
        except BaseException as error:  # noqa: BLE001 - nothing may go on in the fork
            sys.stderr.write(f"a life ended by itself: {type(error).__name__}: {error}\n")
        finally:
            os._exit(status)
    os.close(writing)
    try:
        yield pid, reading
    finally:
        os.kill(pid, signal.SIGKILL)  # one that has ended keeps its pid until it is waited for
        os.waitpid(pid, 0)
        os.close(reading)


def _write_line(writing: int, text: str) -> None:
    os.write(writing, f"{text}\n".encode())


def fork_and_wait(work: Callable[[Callable[[str], None]], None]) -> str | None:
    """Run work in a fork, and give the last line it wrote; `None` when it wrote none or takes too long."""
    with forked(work) as (_, pipe):
        lines = Lines(pipe).read_rest()
        return lines[-1] if lines else None


class Lines:
    """Reads lines from a pipe."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._buffer = b""

    def read_one(self) -> str:
        """Give the next line, "" when there is none within a long time."""
        limit = time.monotonic() + _LONGEST_WAIT_SECONDS
        while b"\n" not in self._buffer and self._more(limit):
            pass
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def read_rest(self) -> list[str]:
        """Give all lines up to the end of the pipe, or of a long time."""
        limit = time.monotonic() + _LONGEST_WAIT_SECONDS
        while self._more(limit):
            pass
        return self._buffer.decode().splitlines()

    def read_ready(self) -> list[str]:
        """Give the lines that are there already."""
        while self._more(time.monotonic()):
            pass
        lines, _, self._buffer = self._buffer.rpartition(b"\n")
        return lines.decode().splitlines()

    def _more(self, limit: float) -> bool:
        ready, _, _ = select.select([self._pipe], [], [], max(0.0, limit - time.monotonic()))
        content = os.read(self._pipe, 65_536) if ready else b""
        self._buffer += content
        return bool(content)
