"""A lock file: one live writer a folder, and never a stale lock.

The lock is the kernel's (`flock`), not the file's existence: it goes with its process, however that ends.
The file says who holds it, for people. Over NFS the lock holds between machines only where the server and
the mount support it; there a second writer is still refused by the generations it does not know.
"""

from __future__ import annotations

import json
import os
import weakref
from typing import TYPE_CHECKING

from tocsin.errors import StateLockedError

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.persistency.snapshots.manifest import Writer

__all__ = ["LocalLock"]

_LONGEST = 4096


class LocalLock:
    """A lock that one process holds.

    Args:
        path: The file; its folder must be there when the lock is taken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        _locks.add(self)

    def acquire(self, writer: Writer) -> None:
        """Take the lock; nothing happens when we hold it.

        Raises:
            StateLockedError: Somebody else holds it.
        """
        import fcntl

        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            about = {"owner": writer.owner, "host": writer.host, "pid": writer.pid, "id": writer.id}
            os.write(descriptor, json.dumps(about).encode())
        except BlockingIOError:
            holder = _holder(os.pread(descriptor, _LONGEST, 0))
            os.close(descriptor)
            message = f"{self._path.parent} is being written by {holder}"
            raise StateLockedError(message, hint="stop that one first, or use another path") from None
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would let two in."""
        import fcntl

        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # for a child just forked, which shares it, too
            self.forget()

    def forget(self) -> None:
        """Close the file of a lock that may be another process's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _holder(content: bytes) -> str:
    try:
        about = json.loads(content)
        return f"{about['owner']} on {about['host']}, pid {about['pid']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "somebody else"


def _forget_all() -> None:
    for lock in _locks:
        lock.forget()


_locks: weakref.WeakSet[LocalLock] = weakref.WeakSet()
# A child shares the open file, and with it the lock: it would outlive its owner.
os.register_at_fork(after_in_child=_forget_all)
