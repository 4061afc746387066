"""Which file is which: what was begun is known again by its content, wherever it went."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.sources.log_files.finding import join, names_in
from tocsin.sources.log_files.opened import HEAD_BYTES, LogFile, OpenLog, digest, look_at
from tocsin.sources.log_files.rotation import could_become, file_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tocsin.sources.log_files.position import FileEntry

__all__ = ["Matched", "continues", "match_files"]


@dataclass(slots=True)
class Matched:
    """Files, and the entries of those that were begun.

    Attributes:
        known: File id to file.
        new: Files that were not begun.
    """

    known: dict[str, LogFile] = field(default_factory=dict)
    new: list[LogFile] = field(default_factory=list)


def match_files(files: list[LogFile], entries: Mapping[str, FileEntry], notes: list[str]) -> Matched:
    """Find the file of each entry: among the files, else among the siblings of where it was.

    A file continues an entry if its content begins with what was read (digests of the first and of the
    last bytes of that tell). Among those the same inode wins, then the same path, then a name that
    rotation could have given. What is a copy of a file that is still followed is left out.
    """
    search = _Search(entries)
    search.offer(files)
    search.assign()
    if search.missing:
        search.offer(list(_siblings(search, notes)))
        search.assign()
    copies = _Copies(files, search.known)
    new = [file for file in files if search.is_free(file) and not copies.has(file)]
    return Matched(search.known, new)


def continues(entry: FileEntry, file: LogFile) -> bool:
    """Say whether the content of a file begins with what was read of an entry."""
    length = min(HEAD_BYTES, entry.offset)
    if len(file.head) < length or digest(file.head[:length]) != entry.head:
        return False
    if entry.stamp == (file.size, file.mtime_ns) and (entry.device, entry.inode) == (file.device, file.inode):
        return True
    tail = file.tail_at(entry.offset)
    return tail is not None and digest(tail) == entry.tail


class _Search:
    """Gives each entry the file that continues it, and no file to two."""

    def __init__(self, entries: Mapping[str, FileEntry]) -> None:
        # The longest first: what was read of one file can be how another one begins.
        self.missing = dict(sorted(entries.items(), key=lambda item: -item[1].offset))
        self.known: dict[str, LogFile] = {}
        self.paths: dict[str, LogFile] = {}
        self._inodes: dict[tuple[int, int], LogFile] = {}
        self._taken: set[tuple[int, int]] = set()

    def offer(self, files: Iterable[LogFile]) -> None:
        for file in files:
            self.paths[file.path] = file
            self._inodes.setdefault((file.device, file.inode), file)

    def is_free(self, file: LogFile) -> bool:
        return (file.device, file.inode) not in self._taken

    def assign(self) -> None:
        """Give files to the entries that miss one; the longest first.

        What was read of a small file can be how another one begins, and its inode is used again soon:
        there, the longest beginning tells more than the inode.
        """
        for key, entry in [*self.missing.items()]:
            if entry.offset >= HEAD_BYTES:
                self._try(key, entry, [self._inodes.get((entry.device, entry.inode))])
        if not self.missing:
            return
        families, heads = self._by_family(), self._by_head()
        for key, entry in [*self.missing.items()]:
            name = file_name(entry.path)
            same = [self._inodes.get((entry.device, entry.inode)), self.paths.get(entry.path)]
            self._try(key, entry, [*same, *families[name.folder, name.live], *heads[entry.head]])

    def _by_family(self) -> dict[tuple[str, str], list[LogFile]]:
        families = defaultdict(list)
        for file in filter(self.is_free, self._inodes.values()):
            name = file_name(file.path)
            if name.rotated:
                families[name.folder, name.live].append(file)
        return families

    def _by_head(self) -> dict[str, list[LogFile]]:
        heads = defaultdict(list)
        for file in filter(self.is_free, self._inodes.values()):
            if len(file.head) == HEAD_BYTES:
                heads[digest(file.head)].append(file)
        return heads

    def _try(self, key: str, entry: FileEntry, candidates: Iterable[LogFile | None]) -> None:
        for file in candidates:
            if (
                file is not None
                and self.is_free(file)
                and could_become(file_name(entry.path), file_name(file.path))
                and continues(entry, file)
            ):
                self.known[key] = file
                self._taken.add((file.device, file.inode))
                del self.missing[key]
                return


class _Copies:
    """Tells what is a copy, on its way to be put away, of a file that is still there."""

    def __init__(self, files: Iterable[LogFile], known: Mapping[str, LogFile]) -> None:
        self._paths = {file.path: file for file in [*files, *known.values()]}
        self._live = {}
        for file in known.values():
            name = file_name(file.path)
            if not name.rotated:
                self._live[name.folder, name.live] = file

    def has(self, file: LogFile) -> bool:
        if file.compression:  # app.log.1.gz, and app.log.1 is not yet removed
            original = self._paths.get(os.path.splitext(file.path)[0])  # noqa: PTH122  as join does
            return original is not None and original is not file and _is_packed(original, file)
        name = file_name(file.path)
        original = self._live.get((name.folder, name.live)) if name.rotated else None
        return original is not None and _is_copied(original, file)


def _is_packed(original: LogFile, packed: LogFile) -> bool:
    """Say whether a compressed file holds the original, or as much of it as was written so far."""
    length = min(len(original.head), len(packed.head))
    if original.head[:length] != packed.head[:length]:
        return False
    try:
        with OpenLog(packed) as content:
            tail = content.skip_to(original.size)
            return bool(content.damage) if tail is None else tail == original.tail_at(original.size)
    except OSError:
        return True


def _is_copied(original: LogFile, copy: LogFile) -> bool:
    """Say whether a copy is how the original begins, or was until just now.

    An original that is shorter than what looks like its copy was written anew, with the same beginning.
    """
    if not _begin_alike(original, copy):
        return False
    if copy.size <= original.size:
        return True
    try:
        now = look_at(original.path)
    except OSError:
        return True
    if now is None or now.size < original.size or not _begin_alike(now, original):
        return True  # it was truncated since it was looked at: the next reading knows the copy by it
    return now.size >= copy.size and _begin_alike(now, copy)


def _begin_alike(one: LogFile, other: LogFile) -> bool:
    """Say whether one is how the other begins."""
    length, end = min(len(one.head), len(other.head)), min(one.size, other.size)
    return one.head[:length] == other.head[:length] and one.tail_at(end) == other.tail_at(end)


def _siblings(search: _Search, notes: list[str]) -> Iterator[LogFile]:
    """Look at what could be a missing file under another name: in its folder, by inode or by name.

    A file that is where it was, and not put away, is missing because nobody asks for it any more.
    """
    folders: dict[str, tuple[set[int], set[str]]] = defaultdict(lambda: (set(), set()))
    given_up = {entry.path for entry in search.missing.values() if not file_name(entry.path).rotated}
    for entry in search.missing.values():
        name = file_name(entry.path)
        inodes, stems = folders[name.folder]
        inodes.add(entry.inode)
        stems.add(name.stem)
    for folder, (inodes, stems) in folders.items():
        beginnings = tuple(stems)
        for sibling in names_in(folder, notes):
            path = join(folder, sibling.name)
            akin = sibling.name.startswith(beginnings) or sibling.inode() in inodes
            if path in search.paths or path in given_up or not akin:
                continue
            try:
                file = look_at(path)
            except OSError:
                continue
            if file is not None and file.head:
                yield file
