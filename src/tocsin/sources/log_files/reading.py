"""One pass over log files: in which order, and what is read so far."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.model import RawLines
from tocsin.sources.log_files.chunk import LogChunk
from tocsin.sources.log_files.lines import TAIL_BYTES, Codec, Lines
from tocsin.sources.log_files.opened import HEAD_BYTES, LogFile, digest
from tocsin.sources.log_files.position import FileEntry, display, position_from_entries
from tocsin.sources.log_files.rotation import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

__all__ = ["Reading", "file_id_of", "in_order"]

_MAX_MISSING = 10_000


class Reading:
    """One pass over the files: what is read so far."""

    def __init__(
        self,
        entries: Mapping[str, FileEntry],
        known: Mapping[str, LogFile],
        now: datetime,
        forget_after: timedelta,
    ) -> None:
        self.now = now
        self.total = 0
        self.consumed = 0
        self._begun: dict[str, int] = {}  # first file id to how many begin alike
        self._entries: dict[str, FileEntry] = {}
        missing = []
        oldest = now.timestamp() - forget_after.total_seconds()
        for key, entry in entries.items():
            if (file := known.get(key)) is not None:
                self._entries[key] = entry.seen_at(file.path, file.device, file.inode)
            elif entry.missing_since is None:
                missing.append((now.timestamp(), key, replace(entry, missing_since=now.timestamp())))
            elif entry.missing_since >= oldest:
                missing.append((entry.missing_since, key, entry))
        missing.sort(key=lambda item: item[0])
        self._entries.update({key: entry for _, key, entry in missing[-_MAX_MISSING:]})
        self._json = {key: entry.to_json() for key, entry in self._entries.items()}
        self._stale = self._entries != dict(entries)

    def entry(self, key: str | None) -> FileEntry | None:
        """Give how far a file was read, `None` if it was not begun."""
        return None if key is None else self._entries.get(key)

    def left(self, file: LogFile, key: str | None) -> int:
        """Give how many bytes of a file there are to read."""
        entry = self.entry(key)
        if entry is None:
            return file.size
        if file.compression:
            return 0 if entry.stamp == (file.size, file.mtime_ns) else file.size
        return file.size - entry.offset

    def begin(self, file: LogFile, codec: Codec) -> str:
        """Give a new file its id."""
        first = file_id_of(file.head, codec)
        while True:
            count = self._begun.get(first, 0)
            self._begun[first] = count + 1
            key = digest(f"{first} {count}".encode()) if count else first
            if key not in self._entries:
                return key

    def advance(self, key: str, file: LogFile, lines: Lines, read: int, max_lines: int) -> Iterator[LogChunk]:
        """Give lines as chunks, and move the file's entry with each."""
        count = len(lines.texts)
        reference = min(self.now, _instant(file.mtime_ns))
        for start in range(0, count, max_lines):
            end = min(count, start + max_lines)
            offset = lines.ends[end - 1]
            upto = len(lines.raw) - (lines.ends[-1] - offset)
            self._set(
                key,
                FileEntry(
                    path=file.path,
                    device=file.device,
                    inode=file.inode,
                    offset=offset,
                    line=lines.numbers[end - 1],
                    head=digest(file.head[: min(HEAD_BYTES, offset)]),
                    tail=digest(lines.raw[max(0, upto - TAIL_BYTES) : upto]),
                    unfinished=lines.unfinished,
                ),
            )
            part = lines.part(start, end, source=display(file.path), file_id=key, reference=reference)
            yield self._chunk(part, self.consumed + read, lines.cut_in(start, end))

    def finish(self, key: str | None, file: LogFile) -> None:
        """Note that a compressed file was read to its end, so that it is not decompressed again."""
        if key is not None and (entry := self._entries.get(key)) is not None:
            self._set(key, replace(entry, stamp=(file.size, file.mtime_ns)))
            self._stale = True

    def rest(self) -> Iterator[LogChunk]:
        """Give a chunk without lines if only bookkeeping changed since the last one."""
        if self._stale:
            yield self._chunk(RawLines("", "", [], [], [], self.now), self.total, 0)

    def _set(self, key: str, entry: FileEntry) -> None:
        self._entries[key] = entry
        self._json[key] = entry.to_json()

    def _chunk(self, lines: RawLines, consumed: int, cut: int) -> LogChunk:
        self._stale = False
        return LogChunk(lines, position_from_entries(self._json), min(consumed, self.total), self.total, cut)


def file_id_of(head: bytes, codec: Codec) -> str:
    """Give the id of a file whose content begins so: made from its first line that is no comment.

    It stays when the file grows, is renamed or compressed. (Once a file is begun its id is kept in the
    position; a second file that begins with the same line gets one made from this and a number.)
    """
    start, sharp = 0, "#".encode(codec.name)
    while (end := codec.find(head, start)) and head.startswith(sharp, start):
        start = end
    return digest(head[: end or len(head)])


def in_order(jobs: list[tuple[LogFile, str | None]]) -> list[tuple[LogFile, str | None]]:
    """Sort files by their last change; a file that is written to comes after those rotated from it."""
    names = {file.path: file_name(file.path) for file, _ in jobs}
    latest: dict[tuple[str, str], int] = {}
    for file, _ in jobs:
        family = names[file.path][:2]
        latest[family] = max(latest.get(family, 0), file.mtime_ns)

    def age(job: tuple[LogFile, str | None]) -> tuple[int, bool, int, str]:
        name = names[job[0].path]
        changed = job[0].mtime_ns if name.rotated else latest[name[:2]]
        return changed, not name.rotated, -name.number, job[0].path

    return sorted(jobs, key=age)


def _instant(mtime_ns: int) -> datetime:
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)
