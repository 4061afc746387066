"""Events written to files."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import weakref
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow.parquet as pq
import pytest
from tests.eventstorage.idea.messages import message, raw

from tocsin.eventstorage.columns import ARRAY_COLUMNS, GHOST_COLUMNS
from tocsin.eventstorage.export import write_csv, write_jsonl, write_parquet
from tocsin.eventstorage.idea import Idea, IdeaGhost, record_to_idea, record_to_idea_ghost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Writer = Callable[[Any, BinaryIO], int]

WRITERS = [write_csv, write_jsonl, write_parquet]
STORED = datetime(2026, 3, 1, 12, 0, 1, 5, tzinfo=UTC)
HOSTILE = [
    "",
    " ",
    "\r",
    "\n",
    "\r\n",
    '"',
    '""',
    ",",
    ";",
    "\\",
    "=1+1",
    "žluť",
    "\U0001f600",
    "NULL",
    "\u2028",
]


def stored(content: bytes, seq: int = 1) -> Idea:
    event = Idea(content)
    return record_to_idea((seq, event.id, STORED, event.detecttime or STORED, content))


def written(writer: Writer, events: list[Idea]) -> bytes:
    stream = io.BytesIO()
    assert writer(iter(events), stream) == len(events)
    assert not stream.closed
    return stream.getvalue()


def test_json_lines_have_the_messages_as_they_came() -> None:
    contents = [
        b'{"ID":"a","x":1.50,"x":2,"Note":"\\u0000\\ud800"}',
        b'\xef\xbb\xbf\n{\r\n "ID": "b",\n "Note": "\\n"\n}\n',
        '{"ID":"c","Note":"\u2028ž"}'.encode(),
    ]

    lines = written(write_jsonl, [stored(content) for content in contents]).split(b"\n")

    assert lines.pop() == b""
    assert lines[0] == contents[0]
    assert lines[2] == contents[2]
    for line, content in zip(lines, contents, strict=True):
        assert Idea.from_json(line) == Idea.from_json(content)


def test_csv_has_the_columns_of_a_ghost() -> None:
    events = [stored(raw(Source=[{"IP4": ["10.0.0.1"], "Port": [80, 443]}])), Idea(raw(DetectTime="never"))]

    rows = list(csv.reader(io.StringIO(written(write_csv, events).decode(), newline="")))

    assert tuple(rows[0]) == GHOST_COLUMNS
    first, second = (dict(zip(GHOST_COLUMNS, row, strict=True)) for row in rows[1:])
    assert (first["seq"], first["id"]) == ("1", message()["ID"])
    assert first["storagetime"] == "2026-03-01T12:00:01.000005Z"
    assert first["detecttime"] == "2026-03-01T12:00:00Z"
    assert (first["source_ip"], first["source_port"]) == ('["10.0.0.1"]', "[80,443]")
    assert (first["target_ip"], first["description"]) == ("[]", "")
    assert (second["seq"], second["storagetime"], second["detecttime"]) == ("", "", "")


def test_any_text_comes_through_a_csv_file() -> None:
    events = [Idea(message(ID=f"id {text!r}", Description=text, Category=[text, "x"])) for text in HOSTILE]

    table = written(write_csv, events).decode()

    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert [row["description"] for row in rows] == HOSTILE
    assert [json.loads(row["category"]) for row in rows] == [[text, "x"] for text in HOSTILE]


def test_parquet_has_typed_columns() -> None:
    events = [
        stored(raw(Source=[{"IP4": ["10.0.0.1"], "Port": [80, 443]}], Description="žluť")),
        Idea(raw(DetectTime="never")),
    ]

    table = pq.read_table(io.BytesIO(written(write_parquet, events)))

    assert tuple(table.column_names) == GHOST_COLUMNS
    first, second = table.to_pylist()
    assert (first["seq"], first["storagetime"]) == (1, STORED)
    assert first["detecttime"] == STORED - timedelta(seconds=1, microseconds=5)
    assert (first["source_ip"], first["source_port"]) == (["10.0.0.1"], [80, 443])
    assert (first["description"], first["eventclass"]) == ("žluť", None)
    assert all(second[name] is None for name in ("seq", "storagetime", "detecttime"))
    assert all(isinstance(second[name], list) for name in ARRAY_COLUMNS)


def test_any_text_comes_through_a_parquet_file() -> None:
    events = [Idea(message(Description=text, Category=[text])) for text in HOSTILE]

    table = pq.read_table(io.BytesIO(written(write_parquet, events)))

    assert table.column("description").to_pylist() == HOSTILE
    assert table.column("category").to_pylist() == [[text] for text in HOSTILE]


@pytest.mark.parametrize("writer", [write_csv, write_parquet])
def test_a_ghost_is_written_like_its_event(writer: Writer) -> None:
    event = stored(raw(Target=[{"IP6": ["::1"], "Port": [80]}], Node=[{"Name": "n", "Type": ["Relay"]}]))
    columns = {**event.row._asdict(), "seq": event.seq, "storagetime": STORED, "detecttime": event.detecttime}
    ghost = record_to_idea_ghost({name: columns[name] for name in GHOST_COLUMNS})

    assert isinstance(ghost, IdeaGhost)
    assert written(writer, [ghost]) == written(writer, [event])


@pytest.mark.parametrize("writer", WRITERS)
def test_no_events_make_a_table_without_rows(writer: Writer) -> None:
    content = written(writer, [])

    if writer is write_parquet:
        assert pq.read_table(io.BytesIO(content)).num_rows == 0
    else:
        assert content.count(b"\n") == (1 if writer is write_csv else 0)


@pytest.mark.parametrize("writer", WRITERS)
def test_memory_does_not_grow_with_the_number_of_events(writer: Writer) -> None:
    class Nowhere(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            return len(memoryview(data).cast("B"))

    alive: weakref.WeakSet[Idea] = weakref.WeakSet()

    class Tracked(Idea):
        __slots__ = ("__weakref__",)

    most = 0

    def events() -> Iterator[Idea]:
        nonlocal most
        for number in range(12_000):
            event = Tracked.of_record(raw(ID=str(number)), str(number), number, 0, 0)
            alive.add(event)
            if number % 1000 == 0:
                most = max(most, len(alive))
            yield event

    assert writer(events(), Nowhere()) == 12_000  # type: ignore[arg-type]
    assert most < 100


def test_an_error_of_the_events_leaves_the_stream_to_its_owner() -> None:
    def events() -> Iterator[Idea]:
        yield Idea(raw())
        raise ConnectionError

    for writer in WRITERS:
        stream = io.BytesIO()
        with pytest.raises(ConnectionError):
            writer(events(), stream)
        assert not stream.closed


def test_pyarrow_is_loaded_when_it_is_used() -> None:
    program = "import sys, tocsin.eventstorage.export; sys.exit('pyarrow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
