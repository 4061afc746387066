"""Compiles kernels with numba, which is loaded when the first one is."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled", "is_loaded"]

_lock = threading.Lock()


def is_loaded() -> bool:
    """Say whether numba is in the process already, so that kernels cost no import."""
    return "numba" in sys.modules


@cache
def compiled(function: Callable[..., None], helpers: tuple[Callable[..., Any], ...]) -> Callable[..., None]:
    """Compile a function and the functions that it calls.

    The machine code is kept in the user's cache folder (`NUMBA_CACHE_DIR`, if set), or for the life of
    the process where that cannot be written. No fast maths: the bits are those of the plain function.
    """
    import numba
    from numba.extending import register_jitable

    for helper in helpers:
        register_jitable(helper)
    config: Any = numba.config
    with _lock:
        given = config.CACHE_DIR
        folder = given or _cache_folder()
        config.CACHE_DIR = folder  # it is read while a function is being wrapped
        try:
            wrapped: Callable[..., None] = numba.njit(cache=bool(folder), nogil=True)(function)
        finally:
            config.CACHE_DIR = given
    return wrapped


@cache
def _cache_folder() -> str:
    """Give a folder that can be written and is kept, or an empty text."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(base) / "tocsin" / "numba"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return str(folder)
    except (OSError, RuntimeError):  # no home, read-only, no space
        return ""
