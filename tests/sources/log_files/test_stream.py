"""Standard input and other streams."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING

import pytest
from tests.sources.log_files.conftest import NOW

from tocsin.sources.log_files import LogFiles, LogStream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock


def test_a_stream_gives_the_chunks_that_a_file_gives(tmp_path: Path) -> None:
    content = "".join(f"line {number} ä\n" for number in range(5000)).encode() + b"last"
    (tmp_path / "a.log").write_bytes(content)
    from_file = list(LogFiles(["a.log"], tmp_path).read(None, now=NOW, max_lines=300))
    from_stream = list(LogStream(io.BytesIO(content)).read(now=NOW, max_lines=300))
    assert max(len(chunk.lines.texts) for chunk in from_stream) == 300
    for field in ("texts", "numbers", "offsets"):
        parts = [
            [value for chunk in chunks for value in getattr(chunk.lines, field)]
            for chunks in (from_file, from_stream)
        ]
        assert parts[0] == parts[1]
    assert {chunk.lines.file_id for chunk in from_file} == {chunk.lines.file_id for chunk in from_stream}
    assert from_stream[-1].position == {"version": 1, "stream": {"offset": len(content), "line": 5001}}
    assert from_stream[0].lines.source == "stdin"


def test_an_empty_stream_has_no_chunks() -> None:
    assert list(LogStream(io.BytesIO()).read(now=NOW)) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_stream_has_an_encoding(encoding: str) -> None:
    stream = LogStream(io.BytesIO("zwö\ndrei\n".encode(encoding)), encoding=encoding)
    assert [text for chunk in stream.read(now=NOW) for text in chunk.lines.texts] == ["zwö", "drei"]


def test_lines_are_given_as_they_come_and_not_held_back(clock: SteppingClock) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as writer:
        chunks = LogStream(stream, clock=clock).read(now=NOW)
        writer.write(b"one\ntwo\nthr")
        first = next(chunks)
        assert first.lines.texts == ["one", "two"]
        assert first.lines.reference == clock.now()
        writer.write(b"ee\n")
        assert next(chunks).lines.texts == ["three"]
        writer.write(b"four")
        writer.close()
        assert [chunk.lines.texts for chunk in chunks] == [["four"]]


def test_a_slow_writer_loses_nothing() -> None:
    reading, writing = os.pipe()
    lines = [f"line {number}" for number in range(3000)]

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as writer:
            content = "".join(f"{line}\n" for line in lines).encode()
            for start in range(0, len(content), 777):
                writer.write(content[start : start + 777])

    thread = threading.Thread(target=write)
    with os.fdopen(reading, "rb") as stream:
        thread.start()
        read = [text for chunk in LogStream(stream).read(now=NOW) for text in chunk.lines.texts]
    thread.join()
    assert read == lines


def test_the_position_of_a_stream_does_not_confuse_files(tmp_path: Path) -> None:
    [chunk] = LogStream(io.BytesIO(b"one\n")).read(now=NOW)
    (tmp_path / "a.log").write_text("two\n")
    [other] = LogFiles(["a.log"], tmp_path).read(chunk.position, now=NOW)
    assert other.lines.texts == ["two"]
    assert [chunk.lines.texts for chunk in LogStream(io.BytesIO(b"3\n")).read(other.position, now=NOW)] == [
        ["3"]
    ]
