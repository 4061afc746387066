"""Which paths match patterns: in order, without a loop, whatever their names are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FoundPaths", "find_paths", "join", "names_in"]

_MAGIC = re.compile(r"[*?\[]")


@dataclass(slots=True)
class FoundPaths:
    """What patterns match.

    Attributes:
        paths: Each once, sorted within its pattern; folders may be among them.
        plain: Those of them that were named as they are.
        missing: Plain paths that are not there.
        notes: Patterns without a match.
        unreadable: Folders that cannot be read, and plain paths below such, in sentences.
    """

    paths: list[str] = field(default_factory=list)
    plain: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def find_paths(patterns: Sequence[str], base: str, ignore: Sequence[str]) -> FoundPaths:
    """Find what patterns match: `*`, `?`, `[…]`, and `**` for any folders below.

    `**` leaves out symbolic links to folders, which could lead in circles. As in a shell, a name that
    begins with a dot is only matched by a pattern that does. A path that exists as it is written is
    meant as it is written.
    """
    found = FoundPaths()
    seen: set[str] = set()
    for pattern in patterns:
        path = _below(base, pattern)
        if is_plain := _exists(path):
            found.plain.add(path)
        matches = [path] if is_plain else sorted(set(_expand(path, found.unreadable)))
        if not matches and _MAGIC.search(pattern):
            found.notes.append(f"no file matches {pattern}")
        elif not matches and (reason := _hidden(path)):
            found.unreadable.append(f"{path} cannot be read: {reason}")
        elif not matches:
            found.missing.append(path)
        for match in matches:
            if match not in seen and not _ignored(match, base, ignore):
                seen.add(match)
                found.paths.append(match)
    return found


def names_in(folder: str, unreadable: list[str]) -> list[os.DirEntry[str]]:
    """Give what is in a folder, sorted by name; a sentence more if it cannot be read."""
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        unreadable.append(f"the folder {folder} cannot be read: {error.strerror}")
        return []


def join(folder: str, name: str) -> str:
    """Join as text: a path of any bytes stays what it is, and thousands of them are cheap."""
    return os.path.join(folder, name)  # noqa: PTH118  for that reason


def _below(base: str, pattern: str) -> str:
    """Join, without going up from a base that is no link: people read the path with every anomalous line."""
    while pattern.startswith("../") and _is_plain_folder(base):
        base, pattern = str(Path(base).parent), pattern[3:].lstrip("/")
    return join(base, pattern)


def _is_plain_folder(path: str) -> bool:
    folder = Path(path)
    return folder.name not in ("", ".", "..") and not folder.is_symlink()


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL character
        return False


def _hidden(path: str) -> str | None:
    """Say why nobody can tell whether a path is there; `None` when it is not."""
    try:
        os.lstat(path)
    except PermissionError as error:
        return error.strerror
    except (OSError, ValueError):
        pass
    return None


def _ignored(path: str, base: str, ignore: Sequence[str]) -> bool:
    if not ignore:
        return False
    names = (path, os.path.relpath(path, base), Path(path).name)
    return any(fnmatchcase(name, pattern) for pattern in ignore for name in names)


def _expand(path: str, unreadable: list[str]) -> Iterator[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    folders = ["/"] if path.startswith("/") else [""]
    if parts and parts[-1] == "**":
        parts.append("*")
    while parts:
        part = parts.pop(0)
        if part == "**":
            folders = [deep for folder in folders for deep in _folders_below(folder, unreadable)]
        elif _MAGIC.search(part):
            folders = [match for folder in folders for match in _matches(folder, part, unreadable)]
        else:
            folders = [joined for folder in folders if _exists(joined := join(folder, part))]
    yield from folders


def _matches(folder: str, pattern: str, unreadable: list[str]) -> Iterator[str]:
    for entry in names_in(folder, unreadable):
        if fnmatchcase(entry.name, pattern) and (pattern[0] == "." or entry.name[0] != "."):
            yield join(folder, entry.name)


def _folders_below(folder: str, unreadable: list[str]) -> Iterator[str]:
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += [
            join(current, entry.name)
            for entry in names_in(current, unreadable)
            if entry.name[0] != "." and entry.is_dir(follow_symlinks=False)
        ]
