"""A folder as a queue: programs move files into it, importers take each of them once."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from itertools import count
from typing import TYPE_CHECKING, Self

from tocsin.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

__all__ = ["ClaimedFile", "FolderQueue"]

_UNFINISHED = (".tmp", ".part", ".swp", "~")
_MOST_REASONS = 1000
# The file system has no second names; or the file is somebody else's, and Linux lets nobody give it one.
_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP})


class FolderQueue:
    """The files of a folder, or of its subfolder `incoming` when it has one.

    A file counts from the moment it is moved there under its name; names that begin with a dot, and names
    that end in `.tmp`, `.part`, `.swp` or `~`, are left alone. Who works on a file holds a lock on it, which
    ends with the process: a file whose importer was killed is still there, for the next one.

    Args:
        folder: The folder; `done` and `errors` are made in it.
        remove: Remove what is done, in place of moving it to `done`.

    Attributes:
        incoming: Where files wait.

    Raises:
        LoadError: There is no such folder, or it cannot be looked into.
    """

    def __init__(self, folder: Path, *, remove: bool = False) -> None:
        incoming = folder / "incoming"
        try:
            is_there, has_incoming = folder.is_dir(), incoming.is_dir()
        except OSError as error:
            raise LoadError(f"{folder} cannot be read: {error.strerror or error}") from error
        if not is_there:
            raise LoadError(f"{folder} is not a folder", hint="a queue is a folder that files are moved into")
        self.incoming = incoming if has_incoming else folder
        self._done = None if remove else folder / "done"
        self._errors = folder / "errors"

    def names(self) -> list[str]:
        """Give the names of the files that wait, or are being worked on, in order.

        Raises:
            LoadError: The folder cannot be read.
        """
        try:
            with os.scandir(self.incoming) as entries:
                found = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError as error:
            raise LoadError(f"{self.incoming} cannot be read: {error.strerror or error}") from error
        return sorted(name for name in found if not name.startswith(".") and not name.endswith(_UNFINISHED))

    def claim(self, name: str) -> ClaimedFile | None:
        """Take one file; `None` when somebody else has it, or it is gone.

        Raises:
            LoadError: It cannot be read.
        """
        path = self.incoming / name
        flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(path, os.O_RDONLY | flags)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LoadError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between opening and locking, somebody else may have done it and moved it away.
            there = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - with what fstat gives
            mine = os.fstat(descriptor)
            if stat.S_ISREG(mine.st_mode) and os.path.samestat(there, mine):
                return ClaimedFile(path, descriptor, self._done, self._errors)
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


class ClaimedFile:
    """A file that nobody else takes, until it is finished or released; also a context manager.

    Args:
        path: Where it is.
        descriptor: What holds its lock; it is closed at the end.
        done: Where to move it when it is done, `None` to remove it.
        errors: Where to move it when something in it was wrong.
    """

    def __init__(self, path: Path, descriptor: int, done: Path | None, errors: Path) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        self._done = done
        self._errors = errors

    def finish(self, reasons: Sequence[str] = ()) -> Path | None:
        """Move it away: all that is good in it is stored.

        When another file was moved over it meanwhile, that one is left where it is, for the next claim.

        Args:
            reasons: What was wrong with it; with any it goes to the errors, beside a file that tells them.

        Returns:
            Where it is now, `None` when it is removed, or was replaced.

        Raises:
            LoadError: It cannot be moved; it is still there, and released.
        """
        folder = self._errors if reasons else self._done
        try:
            if not self._is_at(self.path):
                return None
            if folder is not None:
                return self._move(folder, reasons)
            self.path.unlink()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not self._is_at(self.path):
                return None  # replaced, and that one was moved away
            too_long = error.errno == errno.ENAMETOOLONG
            raise LoadError(
                f"{self.path} is imported, but cannot be moved away: {error.strerror or error}",
                hint="give it a shorter name" if too_long else "make its folder writable",
            ) from error
        finally:
            self.release()
        return None

    def _move(self, folder: Path, reasons: Sequence[str]) -> Path | None:
        target = _second_name(self.path, folder)
        is_moved = self._is_at(target)
        if not is_moved and not self._is_at(self.path):  # what got the second name is what it was replaced by
            target.unlink()
            return None
        if reasons:
            text = "".join(f"{reason}\n" for reason in reasons[:_MOST_REASONS])
            target.with_name(f"{target.name}.reason").write_text(text, encoding="utf-8", errors="replace")
        if not is_moved:
            self.path.replace(target)
        elif self._is_at(self.path):
            self.path.unlink()
        return target

    def _is_at(self, path: Path) -> bool:
        """Say whether what was claimed has a name."""
        if self._descriptor is None:
            return True
        try:
            there = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - with what fstat gives
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._descriptor))

    def release(self) -> None:
        """Give it back as it is; releasing twice is fine."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def _second_name(path: Path, folder: Path) -> Path:
    """Give a file a second name in a folder, a free one; or only take that name, with an empty file."""
    folder.mkdir(exist_ok=True)
    for number in count(
        max(_first_free(path.name, folder) - 1, 0)
    ):  # the last one may be of a killed process
        target = _numbered(path.name, folder, number)
        try:
            os.link(path, target)  # unlike a rename, it never replaces what is there
        except FileExistsError:
            if os.path.samefile(path, target):  # noqa: PTH121 - killed between the two names
                return target
            continue
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            try:
                target.touch(exist_ok=False)
            except FileExistsError:
                continue
        return target
    raise AssertionError


def _first_free(name: str, folder: Path) -> int:
    """Find a number whose name is free, and the one before not: a name may come again for years."""
    taken, free = -1, 0
    while os.path.lexists(_numbered(name, folder, free)):
        taken, free = free, 2 * free + 1
    while free - taken > 1:
        middle = (taken + free) // 2
        if os.path.lexists(_numbered(name, folder, middle)):
            taken = middle
        else:
            free = middle
    return free


def _numbered(name: str, folder: Path, number: int) -> Path:
    return folder / (f"{name}.{number}" if number else name)
