"""A logger, a rotating program and a reader that crashes, in any order: every line is given once."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tocsin.sources.log_files import LogFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.sources.log_files import LogChunk

_HOT = datetime(2000, 1, 1, tzinfo=UTC)  # before every change: no last line is old enough
_LATER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class Written:
    """What was written to a file, as the model knows it."""

    lines: list[str] = field(default_factory=list)
    half: str = ""
    given: int = 0


class LoggingMachine(RuleBasedStateMachine):
    """`files` maps each path to what is in it; the reader must give the same, and nothing twice."""

    pattern = "app.log*"
    header = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tocsin-logs-"))
        self.count = 0
        self.files: dict[str, Written] = {}
        self.all: list[Written] = []
        self.position: dict[str, Any] | None = None
        self.reader = LogFiles([self.pattern], self.folder)

    def teardown(self) -> None:
        try:
            for name, written in self.files.items():
                if written.half and not name.endswith(".gz"):
                    self._write(name, "\n")
            self._read_all(_LATER)
            self._check_complete()
        finally:
            shutil.rmtree(self.folder)

    def _check_complete(self) -> None:
        for written in self.files.values():
            if written.given or self.pattern != "app.log":
                assert written.given == len(written.lines)

    @initialize()
    def begin(self) -> None:
        self._create()

    def _create(self) -> None:
        self.files["app.log"] = Written()
        self.all.append(self.files["app.log"])
        self._path("app.log").touch()
        if self.header:
            self._write("app.log", "# a log\n")

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _write(self, name: str, text: str) -> None:
        with self._path(name).open("a") as file:
            file.write(text)
        written = self.files[name]
        *lines, written.half = (written.half + text).split("\n")
        written.lines += lines

    def _next(self) -> str:
        self.count += 1
        return f"line {self.count} ä" + "." * (self.count * 37 % 200)

    @rule(count=st.integers(1, 30))
    def append(self, count: int) -> None:
        self._write("app.log", "".join(self._next() + "\n" for _ in range(count)))

    @rule()
    def append_half_a_line(self) -> None:
        self._write("app.log", self._next()[:7])

    @precondition(lambda self: "app.log.1" in self.files)
    @rule()
    def append_to_the_file_that_was_renamed(self) -> None:
        self._write("app.log.1", self._next() + "\n")

    def _make_room(self) -> None:
        names = [name for number in (3, 2, 1) for name in (f"app.log.{number}", f"app.log.{number}.gz")]
        for name in names:
            if name not in self.files:
                continue
            number = int(name.split(".")[2])
            if number == 3:
                self._path(name).unlink()
                del self.files[name]
            else:
                new = name.replace(f".{number}", f".{number + 1}")
                self._path(name).rename(self._path(new))
                self.files[new] = self.files.pop(name)

    @rule()
    def rotate_by_rename(self) -> None:
        self._make_room()
        self._path("app.log").rename(self._path("app.log.1"))
        self.files["app.log.1"] = self.files.pop("app.log")
        self._create()

    @rule()
    def rotate_by_copy_and_truncation(self) -> None:
        self._make_room()
        shutil.copy(self._path("app.log"), self._path("app.log.1"))
        os.truncate(self._path("app.log"), 0)
        self.files["app.log.1"] = self.files.pop("app.log")
        self._create()

    @rule(number=st.integers(1, 3))
    def pack(self, number: int) -> None:
        name = f"app.log.{number}"
        if name in self.files and not self.files[name].half:
            content = self._path(name).read_bytes()
            status = self._path(name).stat()
            packed = self._path(f"{name}.gz")
            packed.write_bytes(gzip.compress(content))
            os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
            self._path(name).unlink()
            self.files[f"{name}.gz"] = self.files.pop(name)

    @rule(number=st.integers(1, 3))
    def delete(self, number: int) -> None:
        for name in (f"app.log.{number}", f"app.log.{number}.gz"):
            if name in self.files:
                self._path(name).unlink()
                del self.files[name]

    def _chunks(self, now: datetime, max_lines: int) -> Iterator[LogChunk]:
        return self.reader.read(self.position, now=now, max_lines=max_lines, max_bytes=max_lines * 300)

    def _commit(self, chunk: LogChunk, given: dict[int, int]) -> None:
        self.position = json.loads(json.dumps(chunk.position))
        for written in self.all:
            written.given = given.get(id(written), written.given)

    def _check(self, chunk: LogChunk, given: dict[int, int], files: dict[str, Written] | None = None) -> None:
        if not chunk.lines.texts:
            return
        written = (files or self.files)[Path(chunk.lines.source).name]
        start = given.setdefault(id(written), written.given)
        end = start + len(chunk.lines.texts)
        assert chunk.lines.texts == written.lines[start:end]
        assert chunk.lines.numbers == list(range(start + 1, end + 1))
        given[id(written)] = end

    @rule(chunks=st.integers(1, 6), max_lines=st.integers(1, 25))
    def read_and_commit(self, chunks: int, max_lines: int) -> None:
        given: dict[int, int] = {}
        for chunk, _ in zip(self._chunks(_HOT, max_lines), range(chunks), strict=False):
            self._check(chunk, given)
            self._commit(chunk, given)

    @rule(chunks=st.integers(1, 6), max_lines=st.integers(1, 25))
    def read_and_crash(self, chunks: int, max_lines: int) -> None:
        given: dict[int, int] = {}
        for chunk, _ in zip(self._chunks(_HOT, max_lines), range(chunks), strict=False):
            self._check(chunk, given)

    @rule(
        chunks=st.integers(1, 6),
        max_lines=st.integers(1, 25),
        rotation=st.sampled_from(["rotate_by_rename", "rotate_by_copy_and_truncation", "append_half_a_line"]),
    )
    def read_while_files_are_rotated(self, chunks: int, max_lines: int, rotation: str) -> None:
        given: dict[int, int] = {}
        names = dict(self.files)  # what is read is called as it was when reading began
        for number, chunk in enumerate(self._chunks(_HOT, max_lines)):
            self._check(chunk, given, names)
            self._commit(chunk, given)
            if number == chunks:
                getattr(self, rotation)()

    def _read_all(self, now: datetime) -> None:
        given: dict[int, int] = {}
        for chunk in self._chunks(now, 1000):
            self._check(chunk, given)
            self._commit(chunk, given)

    @rule()
    def read_everything(self) -> None:
        self._read_all(_HOT)
        self._check_complete()

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert all(written.given <= len(written.lines) for written in self.all)


class FollowingMachine(LoggingMachine):
    """Only the live file is named; what is put away is followed to its end."""

    pattern = "app.log"


class SameBeginningMachine(LoggingMachine):
    """All files begin with the same line: what tells them apart comes after it."""

    header = True

    def __init__(self) -> None:
        super().__init__()
        self.given: Counter[str] = Counter()

    def _check(self, chunk: LogChunk, given: dict[int, int], files: dict[str, Written] | None = None) -> None:
        pass

    def _commit(self, chunk: LogChunk, given: dict[int, int]) -> None:
        super()._commit(chunk, given)
        self.given.update(text for text in chunk.lines.texts if text[0] != "#")

    def _check_complete(self) -> None:
        lines = [line for written in self.files.values() for line in written.lines if line[0] != "#"]
        assert [line for line in lines if not self.given[line]] == []

    @invariant()
    def nothing_comes_twice(self) -> None:
        assert [line for line, count in self.given.items() if count > 1] == []


_SETTINGS = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestEveryFileIsNamed = LoggingMachine.TestCase
TestEveryFileIsNamed.settings = _SETTINGS
TestOnlyTheLiveFileIsNamed = FollowingMachine.TestCase
TestOnlyTheLiveFileIsNamed.settings = _SETTINGS
TestAllFilesBeginAlike = SameBeginningMachine.TestCase
TestAllFilesBeginAlike.settings = _SETTINGS
