"""Looks whether there is anything new for a log, or in a folder of events, without opening a file."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Protocol

from tocsin.errors import LoadError
from tocsin.runtime.run_report import RunStatus
from tocsin.sources.idea_files import FolderQueue
from tocsin.sources.log_files.finding import find_paths

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.runtime.config.events import EventsSourceConfig
    from tocsin.runtime.config.log import LogSourceConfig

__all__ = ["FolderLook", "LogLook", "Look"]

_TAKEN_ELSEWHERE = 5.0
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 300.0
_MARGIN = 0.5


class Look(Protocol):
    """Says whether a monitor is to be run; asked every second or so, by one thread at a time."""

    def is_due(self, now: float) -> bool:
        """Say whether there is something new, or something that failed is to be tried again."""
        ...

    def ran(self, status: RunStatus, now: float) -> None:
        """Hear how the run ended."""
        ...


class _Retry:
    """When to try again what failed, or what another process had; with waits that grow."""

    def __init__(self) -> None:
        self._failures = 0
        self.at: float | None = None

    @property
    def waits(self) -> bool:
        return self.at is not None

    def is_due(self, now: float) -> bool:
        return self.at is not None and now >= self.at

    def ran(self, status: RunStatus, now: float) -> None:
        if status is RunStatus.COMPLETED:
            self._failures, self.at = 0, None
        elif status is RunStatus.SKIPPED:
            self.at = now + _TAKEN_ELSEWHERE
        else:
            self.at = now + min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._failures, 16))
            self._failures += 1


class LogLook:
    """Compares names, sizes and times of the files of a log with those of the last run.

    A last line without its end counts once its file has not changed for a while: then there is one more run.
    What failed is tried again after waits that grow; a file that may not be read keeps no others waiting.

    Args:
        source: Which files.
        folder: Where relative paths begin.
    """

    def __init__(self, source: LogSourceConfig, folder: Path) -> None:
        self._patterns, self._base = list(source.files), str(folder.absolute())
        self._settles_after = source.unfinished_line_after.total_seconds() + _MARGIN
        self._seen: object = None
        self._settled_at: float | None = None
        self._retry = _Retry()
        self._others_at = 0.0

    def is_due(self, now: float) -> bool:
        """See `Look`; what changes while a run goes on is seen the next time."""
        if self._retry.waits and not self._retry.is_due(now) and now < self._others_at:
            return False  # a file that grows all the time does not make what failed be tried all the time
        there = self._look()
        if there != self._seen:
            self._seen, self._settled_at = there, now + self._settles_after
            return True
        if self._settled_at is not None and now >= self._settled_at:
            self._settled_at = None
            return True
        return self._retry.is_due(now)

    def ran(self, status: RunStatus, now: float) -> None:
        """See `Look`."""
        self._retry.ran(status, now)
        if self._retry.waits:
            self._others_at = now + (_FIRST_WAIT if self._is_partly_readable() else math.inf)

    def _is_partly_readable(self) -> bool:
        """Tell whether some of the files cannot be read, so that the run did what it could."""
        found = find_paths(self._patterns, self._base, ())
        return bool(found.unreadable) or not all(os.access(path, os.R_OK) for path in found.paths)

    def _look(self) -> tuple[tuple[str, int, int, int], ...]:
        found = []
        for path in find_paths(self._patterns, self._base, ()).paths:
            try:
                about = os.stat(path)  # noqa: PTH116 - a path of any bytes, a thousand times a second
            except OSError:
                continue
            found.append((path, about.st_ino, about.st_size, about.st_mtime_ns))
        return tuple(found)


class FolderLook:
    """Looks whether files wait in a folder.

    A file that cannot be taken is tried again after waits that grow; others that come are not kept waiting.

    Args:
        source: Which folder.
        folder: Where a relative path begins.
    """

    def __init__(self, source: EventsSourceConfig, folder: Path) -> None:
        self._folder = folder / source.folder
        self._retry = _Retry()
        self._is_new = True
        self._left: frozenset[str] = frozenset()
        self._others_at = 0.0

    def is_due(self, now: float) -> bool:
        """See `Look`."""
        if self._retry.waits:
            return self._retry.is_due(now) or (
                now >= self._others_at and not self._left.issuperset(self._names() or ())
            )
        if self._is_new:  # a failure of an earlier process may be on record
            self._is_new = False
            return True
        names = self._names()
        return names is None or bool(names)  # without a folder the run says what is wrong

    def ran(self, status: RunStatus, now: float) -> None:
        """See `Look`."""
        self._retry.ran(status, now)
        if self._retry.waits:
            self._left, self._others_at = frozenset(self._names() or ()), now + _FIRST_WAIT

    def _names(self) -> list[str] | None:
        try:
            return FolderQueue(self._folder).names()
        except LoadError:
            return None
