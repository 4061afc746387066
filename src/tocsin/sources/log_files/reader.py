"""Reads what is new in log files, each line once."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError
from tocsin.sources.log_files.finding import find_paths, join
from tocsin.sources.log_files.lines import TAIL_BYTES, Codec, Lines, codec_for, known_encoding, read_lines
from tocsin.sources.log_files.matching import match_files
from tocsin.sources.log_files.opened import LogFile, OpenLog, digest, look_at
from tocsin.sources.log_files.position import FileEntry, display, read_position
from tocsin.sources.log_files.reading import Reading, in_order
from tocsin.sources.log_files.rotation import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from tocsin.sources.log_files.chunk import LogChunk

__all__ = ["LogFiles"]

_WINDOW_BYTES_PER_LINE = 256
_NOWHERE = {errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR}  # there is nothing where a link leads


class LogFiles:
    r"""Log files that are named by paths and patterns, read from where the last reading stood.

    Args:
        patterns: Paths and globs (`**` for any folders), relative to `base`.
        base: The folder of relative patterns.
        encoding: Of all files that do not begin with a byte order mark. Bytes that are not of the
            encoding become `\xNN`.
        ignore: Globs of names or paths that are not begun.
        unfinished_line_after: After how many seconds without a change a last line without line end
            counts as a line.
        forget_after: How long the position of a file that is gone is kept.

    Raises:
        ConfigError: There are no patterns, or an encoding that cannot be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from datetime import UTC, datetime
        >>> now = datetime(2030, 1, 1, tzinfo=UTC)
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "app.log").write_text("one\ntwo\n")
        >>> files = LogFiles(["*.log"], folder)
        >>> [chunk] = files.read(None, now=now)
        >>> chunk.lines.texts, chunk.lines.numbers, chunk.lines.offsets
        (['one', 'two'], [1, 2], [0, 4])
        >>> list(files.read(chunk.position, now=now))
        []
    """

    def __init__(
        self,
        patterns: Sequence[str],
        base: Path,
        *,
        encoding: str = "utf-8",
        ignore: Sequence[str] = (),
        unfinished_line_after: float = 5.0,
        forget_after: timedelta = timedelta(days=30),
    ) -> None:
        if not patterns or not all(patterns):
            raise ConfigError("no log files are named", hint="give at least one path or pattern")
        self._patterns = list(patterns)
        self._base = str(base.absolute())
        self._encoding = known_encoding(encoding)
        self._ignore = list(ignore)
        self._unfinished_line_after = unfinished_line_after
        self._forget_after = forget_after
        self._notes: list[str] = []
        self._unreadable: list[str] = []

    @property
    def notes(self) -> list[str]:
        """What the last reading met so far that somebody may want to know, in sentences."""
        return list(self._notes)

    @property
    def unreadable(self) -> list[str]:
        """Which files and folders the last reading should have read and could not so far, in sentences."""
        return list(self._unreadable)

    def read(
        self,
        position: Mapping[str, Any] | None,
        *,
        now: datetime,
        max_lines: int = 10_000,
        max_bytes: int = 8 << 20,
    ) -> Iterator[LogChunk]:
        """Give what is new since a position; look for it now, read it as the chunks are taken.

        Files come in order of their last change, what was rotated before the file it was rotated from;
        each from its beginning to its end. Lines that are added while this reads come the next time.

        Args:
            position: Where a chunk stood that was committed; `None` for the beginning of all files.
            now: The current instant, to tell whether a last line is finished.
            max_lines: How many lines a chunk has at most.
            max_bytes: How many bytes a chunk has at most; a single line may have more, up to 1 MiB.

        Raises:
            ConfigError: A path without wildcards is not there, and never was.
            PersistencyLoadError: The position is damaged, or of a newer version.
        """
        self._notes, self._unreadable = [], []
        entries = read_position(position)
        matched = match_files(self._look(entries), entries, self._notes)
        reading = Reading(entries, matched.known, now, self._forget_after)
        new = [file for file in matched.new if self._is_text(file)]
        window = max(1, min(max_bytes, max_lines * _WINDOW_BYTES_PER_LINE))
        jobs = in_order(
            [*((file, key) for key, file in matched.known.items()), *((file, None) for file in new)]
        )
        reading.total = sum(reading.left(file, key) for file, key in jobs)
        return self._chunks(reading, jobs, max(1, max_lines), window)

    def _chunks(
        self, reading: Reading, jobs: list[tuple[LogFile, str | None]], max_lines: int, window: int
    ) -> Iterator[LogChunk]:
        for file, key in jobs:
            left = reading.left(file, key)
            if left:
                yield from self._read_file(reading, file, key, max_lines, window)
            reading.consumed += left
        yield from reading.rest()

    def _read_file(
        self, reading: Reading, file: LogFile, key: str | None, max_lines: int, window: int
    ) -> Iterator[LogChunk]:
        codec = codec_for(self._encoding, file.head)
        old = reading.now.timestamp() - file.mtime_ns / 1e9 >= self._unfinished_line_after
        try:
            with OpenLog(file) as content:
                for lines, read in _new_lines(content, reading.entry(key), codec, window, takes_rest=old):
                    key = key or reading.begin(file, codec)
                    yield from reading.advance(key, file, lines, read, max_lines)
                if old and content.damage:
                    self._note(file, f"is damaged and ends early: {content.damage}")
                if file.compression and (old or not content.damage) and not content.changed():
                    reading.finish(key, file)
        except FileNotFoundError:
            return  # renamed since it was found: the next reading finds it again
        except OSError as error:
            self._unreadable.append(f"{display(file.path)} cannot be read: {error.strerror or error}")

    def _note(self, file: LogFile, what: str) -> None:
        self._notes.append(f"{display(file.path)} {what}")

    def _note_failure(self, path: str, error: OSError | ValueError) -> None:
        """Keep apart what cannot be read and what is not to be read: a pipe, a link that leads nowhere."""
        if isinstance(error, OSError) and error.errno is not None and error.errno not in _NOWHERE:
            self._unreadable.append(f"{display(path)} cannot be read: {error.strerror}")
        else:
            reason = getattr(error, "strerror", None) or error
            self._notes.append(f"{display(path)} is not read: {reason}")

    def _look(self, entries: Mapping[str, FileEntry]) -> list[LogFile]:
        found = find_paths(self._patterns, self._base, self._ignore)
        self._notes += [display(note) for note in found.notes]
        self._unreadable += [display(sentence) for sentence in found.unreadable]
        if found.missing:
            self._check_missing(found.missing, entries)
        files: dict[tuple[int, int], LogFile] = {}
        for path in found.paths:
            try:
                file = look_at(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                self._note_failure(path, error)
                continue
            if file is None and path in found.plain:
                raise ConfigError(f"{display(path)} is a folder", hint=f"write {display(path)}/*.log")
            if file is not None and file.size:
                files.setdefault((file.device, file.inode), file)
        return list(files.values())

    def _check_missing(self, missing: list[str], entries: Mapping[str, FileEntry]) -> None:
        names = [file_name(entry.path) for entry in entries.values()]
        known = {join(name.folder, name.live) for name in names}
        known |= {entry.path for entry in entries.values()}
        for path in missing:
            if path not in known:
                raise ConfigError(
                    f"there is no log file {display(path)}",
                    hint="correct the path, or write a pattern (app*.log) for a file that comes later",
                )
            self._notes.append(f"{display(path)} is not there now")

    def _is_text(self, file: LogFile) -> bool:
        codec = codec_for(self._encoding, file.head)
        head = file.head.strip(b"\0")
        if not file.head or codec.width > 1 or not _looks_binary(head):
            return True
        self._notes.append(f"{display(file.path)} is not read: it does not look like text in {codec.name}")
        return False


def _new_lines(
    content: OpenLog, entry: FileEntry | None, codec: Codec, window: int, *, takes_rest: bool
) -> Iterator[tuple[Lines, int]]:
    """Give the lines behind an entry, with how many bytes of the file on disk were read for them so far."""
    offset, line, unfinished = (entry.offset, entry.line, entry.unfinished) if entry else (0, 0, False)
    carry = content.skip_to(offset)
    if carry is None or (entry and digest(carry) != entry.tail):
        return  # it was truncated and written anew since it was looked at
    before = content.bytes_read
    for lines in read_lines(
        content,
        codec,
        start=offset,
        line=line,
        window=window,
        after_unfinished=unfinished,
        takes_rest=lambda: takes_rest and not content.grew(),
    ):
        if content.changed():
            return
        joined = replace(lines, raw=carry + lines.raw)
        yield joined, content.bytes_read - before
        carry = joined.raw[-TAIL_BYTES:]


def _looks_binary(head: bytes) -> bool:
    controls = head.translate(None, bytes(range(32, 256)) + b"\t\n\r\f\b\x1b")
    return b"\0" in head or len(controls) * 10 > len(head)
