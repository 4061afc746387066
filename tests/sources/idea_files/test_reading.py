"""Events come out of files byte by byte as they are written, whatever form the file has."""

from __future__ import annotations

import gzip
import io
import json
import lzma
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import ConfigError, LoadError
from tocsin.model import RejectedLine
from tocsin.sources.idea_files import ColumnMapping, CsvMapping, EventFile
from tocsin.sources.idea_files.content import LONGEST, numbered_lines
from tocsin.sources.idea_files.documents import documents
from tocsin.sources.idea_files.mixed_lines import mixed_lines

if TYPE_CHECKING:
    from pathlib import Path

ONE = b'{"Format": "IDEA0", "ID": "a", "Note": "\xc3\xa9  \\u0000 [{"}'
TWO = b'{"ID":"b"}'


def read(
    path: Path | str, content: bytes | None = None, **more: Any
) -> list[tuple[int, bytes | RejectedLine]]:
    if content is not None:
        assert not isinstance(path, str)
        path.write_bytes(content)
    with EventFile(str(path), **more) as file:
        return list(file)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (ONE, [(1, ONE)]),
        (ONE + b"\n", [(1, ONE)]),
        (ONE + b"\n" + TWO + b"\n", [(1, ONE), (2, TWO)]),
        (ONE + b"\r\n\r\n" + TWO + b"\r\n", [(1, ONE), (3, TWO)]),
        (b"\xef\xbb\xbf" + TWO + b"\n" + ONE, [(1, TWO), (2, ONE)]),
        (b"\n\n" + TWO, [(3, TWO)]),
        (b"[" + ONE + b"," + TWO + b"]", [(1, ONE), (2, TWO)]),
        (b" [\n  " + ONE + b"\n,\n  " + TWO + b"\n]\n", [(1, ONE), (2, TWO)]),
        (b"[]", []),
        (b"[ ]\n", []),
        (b'{\n  "ID": "a"\n}\n', [(1, b'{\n  "ID": "a"\n}')]),
        (b'{\n  "ID": "a"\n}\n{\n  "ID": "b"\n}\n', [(1, b'{\n  "ID": "a"\n}'), (2, b'{\n  "ID": "b"\n}')]),
        (b'{\n  "ID": "a"\n}\n' + TWO + b"\n", [(1, b'{\n  "ID": "a"\n}'), (2, TWO)]),
        (b"", []),
        (b" \n\n", []),
    ],
)
def test_the_events_of_a_file_are_its_bytes(path: Path, content: bytes, expected: list[Any]) -> None:
    assert read(path, content) == expected


def test_a_line_that_is_no_json_is_given_as_it_is_for_the_store_to_reject(path: Path) -> None:
    assert read(path, TWO + b"\n{broken\n" + ONE) == [(1, TWO), (2, b"{broken"), (3, ONE)]
    assert read(path, b"{broken\n" + TWO) == [(1, b"{broken"), (2, TWO)]


@pytest.mark.parametrize("first", [b'ry": ["Test"]}', b'"Test"]}', b"# from the probe", b"0]}"])
def test_a_file_of_lines_that_begins_with_a_part_of_one_loses_this_part_only(
    path: Path, first: bytes
) -> None:
    assert read(path, first + b"\n" + ONE + b"\n" + TWO) == [(1, first), (2, ONE), (3, TWO)]


INDENTED = json.dumps(
    {"ID": "c", "Source": [{"IP4": ["192.0.2.1"], "Note": '}{[\\"'}, {}], "N": [1.5, None]}, indent=2
).encode()


@pytest.mark.parametrize("indented", [INDENTED, b"  " + INDENTED.replace(b"\n", b"\n  "), INDENTED + b" "])
def test_objects_over_several_lines_may_come_behind_lines(path: Path, indented: bytes) -> None:
    content = b"\n".join([ONE, indented, TWO, b"", indented, indented, ONE])
    length = indented.count(b"\n") + 1

    got = read(path, content)

    assert [message for _, message in got] == [ONE, indented, TWO, indented, indented, ONE]
    assert [number for number, _ in got][:3] == [1, 2, 2 + length]


@pytest.mark.parametrize(
    "broken",
    [
        b'{\n  "ID": "a"\n  "Note": {\n  }\n}',  # no comma
        b'{\n  "ID": "a",\n  "Note": "not closed\n}',
        b'{\n  "Source": [\n    {"IP4": ["192.0.2.1"]\n    }\n}',
        b'{\n  "Source": [\n    {"IP4": ["192.0.2.1"]',  # cut off
        b'{"Note":\n' + b"[" * 200 + b"]" * 200 + b"\n}",
    ],
)
def test_a_broken_object_over_several_lines_is_rejected_alone(path: Path, broken: bytes) -> None:
    for rest in ([TWO], [INDENTED, TWO], [broken, INDENTED]):
        got = read(path, b"\n".join([ONE, broken, *rest]))

        assert len(got) == 2 + len(rest)
        rejected = got[1][1]
        assert isinstance(rejected, RejectedLine)
        assert rejected.text == broken.decode()
        assert (rejected.number, got[1][0]) == (2, 2)
        assert rejected.reason.startswith("not JSON: it breaks off, or is wrong, in line ")
        whole = [message for _, message in got if isinstance(message, bytes)]
        assert whole == [ONE, *(one for one in rest if one != broken)]


@pytest.mark.parametrize(
    "cut",
    [b'{"ID": "x", "Note": "c', b'{"ID": "x", "Source": [', b'{"ID": "x", "Source": [{"IP4"', b'{"ID":'],
)
def test_a_line_that_was_cut_loses_itself_only(path: Path, cut: bytes) -> None:
    for behind in ([ONE, TWO], [INDENTED, TWO], []):
        got = read(path, b"\n".join([TWO, cut, *behind]))

        assert [message for _, message in got][2:] == behind
        assert len(got) == 2 + len(behind)


def test_an_object_over_too_many_lines_is_rejected_and_the_next_one_is_read(path: Path) -> None:
    huge = b'{\n  "Note": [\n' + b'"' + b"x" * 1000 + b'",\n'
    content = b"\n".join([ONE, huge + huge[13:] * 5000 + b'    ""\n  ]\n}', INDENTED, TWO])

    first, rejected, *rest = [message for _, message in read(path, content)]

    assert [first, *rest] == [ONE, INDENTED, TWO]
    assert isinstance(rejected, RejectedLine)
    assert rejected.reason == "it is longer than 4,194,304 bytes"
    assert len(rejected.text) <= 1 << 16


@given(
    st.lists(
        st.dictionaries(st.text(), st.text() | st.lists(st.none() | st.dictionaries(st.text(), st.text())))
    ),
    st.lists(st.sampled_from([None, 0, 1, 4]), min_size=1),
)
@settings(max_examples=200)
def test_objects_are_whole_however_each_is_indented(
    events: list[dict[str, Any]], indents: list[int | None]
) -> None:
    written = [
        json.dumps(event, indent=indents[place % len(indents)], ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
        for place, event in enumerate(events)
    ]
    got = [message for _, message in mixed_lines("it", numbered_lines(Blocks(b"\n".join(written), [])))]

    assert got == written


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_compressed_files_are_read_as_if_they_were_not(path: Path, compress: Any) -> None:
    assert read(path, compress(ONE + b"\n" + TWO)) == [(1, ONE), (2, TWO)]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_recognised_by_its_mark(path: Path, encoding: str) -> None:
    content = "\ufeff" + ONE.decode() + "\r\n" + TWO.decode()

    assert read(path, content.encode(encoding)) == [(1, ONE), (2, TWO)]


def test_standard_input_is_read_to_its_end() -> None:
    assert read("-", stdin=io.BytesIO(TWO + b"\n" + ONE)) == [(1, TWO), (2, ONE)]
    assert read("-", stdin=io.BytesIO(b"")) == []


def test_a_compressed_standard_input_is_refused_with_the_way_out() -> None:
    with pytest.raises(LoadError, match="pipe it through `zcat`"):
        read("-", stdin=io.BytesIO(gzip.compress(ONE)))


def test_of_a_damaged_file_what_is_whole_is_given_before_the_error(path: Path) -> None:
    lines = [
        json.dumps({"ID": str(number), "Note": "x" * (number % 97)}).encode() for number in range(20_000)
    ]
    whole = gzip.compress(b"\n".join(lines))
    path.write_bytes(whole[: len(whole) // 2])
    got: list[tuple[int, bytes | RejectedLine]] = []

    with EventFile(str(path)) as file, pytest.raises(LoadError, match=r"events is damaged after \d") as error:
        got.extend(file)

    assert 100 < len(got) < 20_000
    assert [message for _, message in got] == lines[: len(got)]
    assert f"{len(got):,}" in error.value.message


def test_a_file_that_ends_within_its_compression_header_is_an_error(path: Path) -> None:
    path.write_bytes(gzip.compress(ONE)[:6])

    with EventFile(str(path)) as file, pytest.raises(LoadError, match="is damaged at its beginning"):
        list(file)


@pytest.mark.parametrize(
    "content", [b"time;name\n1;2\n", b"hello\n", b"\x00\x01\x02", b"\xff\xfd\xfc\n", b'"text"']
)
def test_what_is_neither_json_nor_known_csv_is_an_error_with_a_hint(path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"neither IDEA.*--mapping FILE"):
        read(path, content)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04\x14\0[Content_Types].xml", "a ZIP archive or an Excel workbook"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504), "an Excel workbook"),
        (bytes.fromhex("28b52ffd2400"), "compressed with Zstandard"),
    ],
)
@pytest.mark.parametrize(
    "columns", [None, CsvMapping(columns=(ColumnMapping("when", ("DetectTime", "Category")),))]
)
def test_archives_and_workbooks_are_called_what_they_are(
    path: Path, content: bytes, what: str, columns: CsvMapping | None
) -> None:
    path.write_bytes(content)

    with EventFile(str(path), columns) as file, pytest.raises(ConfigError) as caught:
        list(file)

    assert caught.value.message == f"{path} is {what}, which cannot be read"


def test_a_missing_file_a_folder_and_a_pipe_are_errors(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LoadError, match="gone cannot be read: No such file"):
        EventFile(str(tmp_path / "gone"))
    with pytest.raises(LoadError, match="is a folder"):
        EventFile(str(tmp_path))
    with pytest.raises(LoadError, match=r"it is a pipe, a socket or a device.*pipe what it gives into"):
        EventFile(str(tmp_path / "pipe"))


def test_a_huge_line_is_cut_for_the_store_to_reject_and_the_next_one_is_read(path: Path) -> None:
    huge = b'{"ID":"' + b"x" * (3 * LONGEST) + b'"}'

    got = read(path, TWO + b"\n" + huge + b"\n" + ONE)

    assert [number for number, _ in got] == [1, 2, 3]
    assert got[1][1] == huge[: LONGEST + 1]
    assert got[2][1] == ONE


@pytest.mark.parametrize(
    ("content", "whole", "reason"),
    [
        (b"[" + TWO + b",{broken}]", 1, "not JSON: Expecting property name"),
        (b"[" + TWO + b"," + ONE, 2, "not JSON: the array is not closed"),
        (b"[" + TWO + b" " + ONE + b"]", 1, "not JSON: the array is not closed"),
        (b"[" + TWO + b"," + b"[" * 200_000, 1, "it is nested too deeply"),
        (b'{\n"ID": "a"\n}\nrest', 1, "not JSON: Expecting value"),
    ],
)
def test_of_a_broken_document_the_rest_is_rejected(
    path: Path, content: bytes, whole: int, reason: str
) -> None:
    got = read(path, content)

    assert all(isinstance(message, bytes) for _, message in got[:whole])
    assert len(got) in (whole, whole + 1)
    (number, last) = got[-1]
    assert number == whole + 1
    assert isinstance(last, RejectedLine)
    assert last.reason.startswith(reason)
    assert last.number == whole + 1


def test_a_document_that_is_too_large_is_an_error_that_says_how_to_write_it() -> None:
    class Stream:
        damage = ""
        bytes_read = 0

        def read(self, size: int, /) -> bytes:
            return b" " * size

    with pytest.raises(LoadError, match=r"one event a line, as `jq -c"):
        list(documents("big", Stream(), b"[", largest=5_000_000))


class Blocks:
    """A stream whose blocks are cut anywhere."""

    def __init__(self, content: bytes, sizes: list[int], damage: str = "") -> None:
        self._content, self._sizes, self._end = content, sizes, damage
        self.damage = ""
        self.bytes_read = 0

    def read(self, size: int, /) -> bytes:
        step = self._sizes.pop() if self._sizes else size
        block, self._content = self._content[:step], self._content[step:]
        if not block:
            self.damage = self._end
        return block


LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")))


@given(lines=LINES, sizes=st.lists(st.integers(1, 9)), ended=st.booleans())
@settings(max_examples=200)
def test_lines_are_the_same_however_a_content_is_cut_into_blocks(
    lines: list[bytes], sizes: list[int], *, ended: bool
) -> None:
    content = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    expected = content.split(b"\n")
    if expected[-1] == b"":
        expected.pop()

    got = list(numbered_lines(Blocks(content, sizes)))

    assert got == list(enumerate(expected, 1))


@given(lines=LINES, sizes=st.lists(st.integers(1, 9)))
@settings(max_examples=100)
def test_of_a_damaged_content_only_lines_with_an_end_are_given(lines: list[bytes], sizes: list[int]) -> None:
    content = b"\n".join(lines)

    got = [line for _, line in numbered_lines(Blocks(content, sizes, "broken"))]

    assert got == content.split(b"\n")[:-1]


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text()))), st.booleans())
@settings(max_examples=100)
def test_a_document_is_cut_where_its_events_end(events: list[dict[str, Any]], indented: bool) -> None:  # noqa: FBT001
    text = json.dumps(events, indent=2 if indented else None, ensure_ascii=False)
    content = text.encode("utf-8", "surrogatepass")

    got = [message for _, message in documents("it", Blocks(content, []))]

    assert [json.loads(message) for message in got if isinstance(message, bytes)] == events
