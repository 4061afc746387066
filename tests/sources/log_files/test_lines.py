"""Lines out of bytes: whatever the encoding, however they come, in bounded memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.log_files.conftest import NOW, FollowerFactory

from tocsin.errors import ConfigError
from tocsin.sources.log_files import LogFiles
from tocsin.sources.log_files.lines import MAX_LINE_BYTES, codec_for, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECES = [b"a", b"line", b"\n", b"\n", b"\r\n", b"\r", b"\0", "ä€😀".encode(), b"\xff", b"\x0a\x00", b"\x85"]


def _expected(content: bytes) -> list[str]:
    *lines, rest = content.split(b"\n")
    lines += [rest] if rest else []
    texts = [line.decode("utf-8", "backslashreplace").removesuffix("\r") for line in lines]
    texts = [text.strip("\0").removesuffix("\r") if "\0" in text else text for text in texts]
    return [text.replace("\0", "\\x00") for text in texts]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join), st.integers(1, 20))
@settings(max_examples=300, deadline=None)
def test_lines_do_not_depend_on_how_the_bytes_come(content: bytes, window: int) -> None:
    found = [*read_lines(io.BytesIO(content), codec_for("utf-8", b""), window=window)]
    assert [text for lines in found for text in lines.texts] == _expected(content)
    offsets = [offset for lines in found for offset in lines.offsets]
    ends = [end for lines in found for end in lines.ends]
    assert offsets == [0, *ends][: len(offsets)]
    if content:
        assert ends[-1] == len(content)
    for lines in found:
        before = content[: lines.ends[-1]]
        assert before.endswith(lines.raw) or lines.raw.endswith(before[-256:])


@given(
    st.lists(st.sampled_from(["a", "Ċ", "ऀ\u0a00", "\n", "\r\n", "😀", "\u0d0a"]), max_size=60).map("".join),
    st.integers(1, 20),
)
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_split_at_characters_not_at_bytes(encoding: str, text: str, window: int) -> None:
    content = text.encode(encoding)
    found = [*read_lines(io.BytesIO(content), codec_for(encoding, b""), window=window)]
    *lines, rest = text.split("\n")
    lines += [rest] if rest else []
    assert [text for lines in found for text in lines.texts] == [line.removesuffix("\r") for line in lines]
    for block in found:
        for start, end, line in zip(block.offsets, block.ends, block.texts, strict=True):
            assert content[start:end].decode(encoding).rstrip("\r\n") == line


@given(
    st.lists(st.sampled_from([*PIECES, b"x" * 700, b"\n"]), max_size=40).map(b"".join),
    st.integers(1, 900),
    st.integers(1, 5),
)
@settings(max_examples=150, deadline=None)
def test_a_restart_after_every_chunk_changes_nothing(content: bytes, max_bytes: int, max_lines: int) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a").write_bytes(b"# text\n" + content)  # or it may look like something else
        files = LogFiles(["a"], Path(folder))
        whole = list(files.read(None, now=NOW))
        position, read, numbers, offsets = None, [], [], []
        while chunk := next(files.read(position, now=NOW, max_bytes=max_bytes, max_lines=max_lines), None):
            assert chunk.lines.texts
            assert len(chunk.lines.texts) <= max_lines
            position = json.loads(json.dumps(chunk.position))
            read += chunk.lines.texts
            numbers += chunk.lines.numbers
            offsets += chunk.lines.offsets
    assert read == [text for chunk in whole for text in chunk.lines.texts]
    assert numbers == list(range(1, len(read) + 1))
    assert offsets == [offset for chunk in whole for offset in chunk.lines.offsets]


def test_bytes_of_another_encoding_are_written_out(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "a.log").write_bytes("grün".encode("latin-1") + b"\nfine\n")
    texts = follow().texts()
    assert texts == ["gr\\xfcn", "fine"]
    "".join(texts).encode()  # it can be written anywhere


@pytest.mark.parametrize(
    "encoding", ["latin-1", "cp1252", "utf-8", "utf-8-sig", "utf-16", "gbk", "shift_jis"]
)
def test_encodings_are_read(tmp_path: Path, follow: FollowerFactory, encoding: str) -> None:
    lines = ["grün", "日本語"] if encoding in {"gbk", "shift_jis"} else ["grün", "café"]
    lines = [line.replace("ü", "u") for line in lines] if encoding in {"gbk", "shift_jis"} else lines
    (tmp_path / "a.log").write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    follower = follow(encoding=encoding)
    assert follower.texts(max_lines=1) == lines
    with (tmp_path / "a.log").open("ab") as file:
        file.write("more\n".encode("utf-16-le" if encoding == "utf-16" else "ascii"))
    assert follower.texts() == ["more"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, follow: FollowerFactory, encoding: str) -> None:
    (tmp_path / "a.log").write_bytes("zwö\ndrei\n".encode(encoding))
    assert follow().texts() == ["zwö", "drei"]


@pytest.mark.parametrize("encoding", ["utf-32", "utf-7", "no-such", "hex", "iso2022_jp", "cp037"])
def test_an_encoding_that_cannot_be_split_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ConfigError, match="encoding"):
        LogFiles(["*.log"], tmp_path, encoding=encoding)


def test_a_line_is_cut_at_one_mebibyte(tmp_path: Path, follow: FollowerFactory) -> None:
    sizes = [10, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 5 * MAX_LINE_BYTES + 3, 20]
    (tmp_path / "a.log").write_text("".join("x" * size + "\n" for size in sizes))
    every: list[dict[str, Any]] = [{}, {"max_bytes": 1000}, {"max_lines": 1}]
    for limits in every:
        chunks = follow().chunks(**limits)
        assert [len(text) for chunk in chunks for text in chunk.lines.texts] == [
            min(size, MAX_LINE_BYTES) for size in sizes
        ]
        assert sum(chunk.cut_lines for chunk in chunks) == 2
        assert [number for chunk in chunks for number in chunk.lines.numbers] == [1, 2, 3, 4, 5]


def test_reading_goes_on_behind_a_line_that_was_cut(tmp_path: Path, follow: FollowerFactory) -> None:
    path = tmp_path / "a.log"
    path.write_text("x" * (5 * MAX_LINE_BYTES) + "y")
    follower = follow()
    assert [len(text) for text in follower.texts()] == [MAX_LINE_BYTES]
    with path.open("a") as file:
        file.write("\nnext\n" + "z" * (4 * MAX_LINE_BYTES) + "\n")
    [short, long] = follower.texts(max_lines=1)
    assert (short, len(long)) == ("next", MAX_LINE_BYTES)
    with path.open("a") as file:
        file.write("last\n")
    assert follower.texts() == ["last"]


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, follow: FollowerFactory) -> None:
    with (tmp_path / "a.log").open("wb") as file:
        for _ in range(64):
            file.write(b"x" * MAX_LINE_BYTES)
    tracemalloc.start()
    try:
        chunks = follow().chunks()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(chunk.cut_lines for chunk in chunks) == 1
    assert peak < 16 * MAX_LINE_BYTES


def test_the_nul_bytes_of_a_crash_are_left_out(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "a.log").write_bytes(b"one\n" + b"\0" * 5000 + b"two\nthr\0ee\n\0\0\n")
    assert follow().texts() == ["one", "two", "thr\\x00ee", ""]


def test_a_file_that_begins_with_a_hole_is_read(tmp_path: Path, follow: FollowerFactory) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.seek(6 * MAX_LINE_BYTES)  # a writer went on at its offset after copytruncate
        file.write(b"one\ntwo\n")
    follower = follow()
    chunks = follower.chunks(max_lines=1)
    assert [text for chunk in chunks for text in chunk.lines.texts] == ["one", "two"]
    assert sum(chunk.cut_lines for chunk in chunks) == 0
    with path.open("ab") as file:
        file.write(b"three\n")
    assert follower.texts() == ["three"]


class _Trickle(io.RawIOBase):
    """Gives what it is told to, one byte string after the other."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts: Iterator[bytes] = iter(parts)

    def read(self, size: int = -1, /) -> bytes:
        return next(self._parts, b"")[: size if size > 0 else None]


def test_a_line_may_come_in_pieces() -> None:
    stream = _Trickle([b"o", b"n", b"e\r", b"\ntwo\nth", b"ree"])
    found = [lines.texts for lines in read_lines(stream, codec_for("utf-8", b""), window=100)]
    assert found == [["one", "two"], ["three"]]
