"""Gives back memory that nobody uses any more: a process that lives for months shall not keep its peaks."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import TYPE_CHECKING

from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from tocsin.database import BaseDatabaseManager

__all__ = ["free_cache", "trim_heap"]

# The C library's own; not every one has it.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


def free_cache(memory: BaseDatabaseManager) -> None:
    """Free the pages that this thread's connection to an SQLite file keeps; a server keeps none here.

    Whatever another thread writes makes all of them stale, so that they are hardly ever read again.
    """
    from tocsin.database.sqlite import SQLiteManager

    if isinstance(memory, SQLiteManager):
        with suppress(TocsinError):  # what is wrong with the file, the next piece of work tells
            memory.execute_query("PRAGMA shrink_memory")


def trim_heap() -> None:
    """Give the system what was freed: the C library keeps it, apart for almost every thread."""
    if _trim is not None:
        _trim(0)
