"""An import stores every event once, says what became of each, and loses none when it is killed."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tocsin.errors import ConfigError, LoadError, StorageConnectionException
from tocsin.eventstorage.service import EventStorageService
from tocsin.runtime.config.event_mapping import load_mapping
from tocsin.runtime.events.importing import ImportReport, import_files, import_queue
from tocsin.runtime.events.store import open_event_store
from tocsin.sources.idea_files import EventFile, FolderQueue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import SteppingClock

_PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tocsin.runtime.events.importing import import_queue
from tocsin.runtime.events.store import open_event_store
from tocsin.sources.idea_files import FolderQueue

class Listener:
    def started(self, name, size):
        pass
    def progressed(self, bytes_read, report):
        print(report.new, flush=True)

with open_event_store(sys.argv[2], create=True) as service:
    import_queue(service, FolderQueue(Path(sys.argv[1])), listener=Listener(), batch_size=int(sys.argv[3]))
"""


def message(number: int, **more: Any) -> str:
    event = {
        "Format": "IDEA0",
        "ID": f"e{number}",
        "DetectTime": "2026-01-31T00:00:00Z",
        "Category": ["Test"],
    }
    return json.dumps({**event, **more})


def jsonl(path: Path, numbers: range, *more: str) -> str:
    path.write_text("".join(f"{line}\n" for line in [*map(message, numbers), *more]))
    return str(path)


@pytest.fixture
def service(tmp_path: Path, clock: SteppingClock) -> Iterator[EventStorageService]:
    with EventStorageService(path=str(tmp_path / "events.db"), clock=clock) as opened:
        opened.database_create()
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "queue"
    made.mkdir()
    return made


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.new, report.duplicate, report.rejected


def rejects(service: EventStorageService) -> int:
    rows: int = service.database_status(brief=True)["tables"]["event_rejects"]["rows"]
    return rows


def test_events_are_imported_once_however_often(service: EventStorageService, tmp_path: Path) -> None:
    files = [jsonl(tmp_path / "a", range(10)), jsonl(tmp_path / "b", range(5, 20))]

    first = import_files(service, files, batch_size=7)
    again = import_files(service, files, batch_size=100)

    assert counts(first) == (20, 5, 0)
    assert counts(again) == (0, 25, 0)
    assert first.files == 2
    assert service.count_events() == 20


def test_ntp_timestamps_are_read_when_asked_for(service: EventStorageService, tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"Format": "IDEA0", "ID": "x", "DetectTime": "0xbc71f4f5.0x80000000"}')

    import_files(service, [str(tmp_path / "a")], ntp_times=True)

    assert service.search_column_with("detecttime") == datetime(2000, 3, 9, 10, 1, 25, 500_000, tzinfo=UTC)


def test_what_is_stored_is_what_was_in_the_file_byte_by_byte(
    service: EventStorageService, tmp_path: Path
) -> None:
    line = '{ "Format":"IDEA0","ID" : "x", "Note": "\\u0000 ü" }'
    (tmp_path / "a").write_text(line, encoding="utf-8")

    import_files(service, [str(tmp_path / "a")])

    event = service.fetch_event("x")
    assert event is not None
    assert event.original == line.encode()


def test_what_is_no_event_is_rejected_with_its_place_and_kept(
    service: EventStorageService, tmp_path: Path
) -> None:
    lines = jsonl(tmp_path / "a", range(2), "{broken", '{"Format": "IDEA0"}')
    (tmp_path / "b").write_text(f"[{message(7)}, {{]")

    report = import_files(service, [lines, str(tmp_path / "b")])

    assert counts(report) == (3, 0, 3)
    assert [(one.file, one.number) for one in report.rejections] == [
        (lines, 3),
        (lines, 4),
        (str(tmp_path / "b"), 2),
    ]
    assert [one.place for one in report.rejections] == [
        f"{lines}:3",
        f"{lines}:4",
        f"{tmp_path / 'b'}, event 2",
    ]
    assert report.rejections[1].reason == "no usable ID"
    assert report.rejections[2].reason.startswith("not JSON")
    assert rejects(service) == 3


def test_one_file_that_cannot_be_read_does_not_stop_the_others(
    service: EventStorageService, tmp_path: Path
) -> None:
    whole = gzip.compress("".join(f"{message(number)}\n" for number in range(3000)).encode())
    (tmp_path / "cut.gz").write_bytes(whole[:-2000])
    (tmp_path / "text").write_text("hello\n")
    last = jsonl(tmp_path / "last", range(5000, 5010))

    report = import_files(service, [str(tmp_path / name) for name in ("gone", "cut.gz", "text", "last")])

    assert [type(one.error) for one in report.failed] == [LoadError, LoadError, ConfigError]
    assert 10 < report.new < 3010
    assert service.count_events({"ids": ["e0", "e5000", "e5009"]}) == 3
    assert report.to_dict()["failed"][0]["file"] == str(tmp_path / "gone")
    assert import_files(service, [last]).duplicate == 10


def test_large_messages_make_small_batches(service: EventStorageService, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("w") as file:
        for number in range(12):
            file.write(message(number, Note="x" * 3_000_000) + "\n")
    told: list[int] = []

    class Listener:
        def started(self, name: str, size: int | None) -> None:
            assert (name, size) == (str(path), path.stat().st_size)

        def progressed(self, bytes_read: int, report: ImportReport) -> None:
            assert 0 < bytes_read <= path.stat().st_size
            told.append(report.new)

    import_files(service, [str(path)], listener=Listener())

    assert told == [6, 12]


def test_a_queue_is_worked_through_and_each_file_ends_where_it_belongs(
    service: EventStorageService, folder: Path
) -> None:
    jsonl(folder / "a", range(3))
    jsonl(folder / "b", range(2, 5), "{broken")
    (folder / "b_array").write_text(f"[\n{message(2)},\n{{}}\n]")
    (folder / "c").write_text("")
    (folder / "d").write_bytes(gzip.compress(message(9).encode())[:-9])
    (folder / "e").write_text(message(10))

    report = import_queue(service, FolderQueue(folder), batch_size=2)

    assert counts(report) == (6, 2, 2)
    assert sorted(path.name for path in (folder / "done").iterdir()) == ["a", "e"]
    reasons = {path.stem: path.read_text() for path in (folder / "errors").glob("*.reason")}
    assert sorted(reasons) == ["b", "b_array", "c", "d"]
    assert reasons["b"].startswith("4: ")
    assert reasons["b_array"] == "event 2: no usable ID\n"
    assert reasons["c"] == "the file is empty\n"
    assert "d is damaged" in reasons["d"]
    assert [one.file for one in report.failed] == [str(folder / "d")]
    assert import_queue(service, FolderQueue(folder)).files == 0


def test_many_small_files_share_a_transaction(service: EventStorageService, folder: Path) -> None:
    for number in range(600):
        (folder / f"{number:04}.idea").write_text(message(number))
    told: list[int] = []

    class Listener:
        def started(self, name: str, size: int | None) -> None:
            pass

        def progressed(self, bytes_read: int, report: ImportReport) -> None:  # noqa: ARG002 - the protocol's
            told.append(report.new)

    import_queue(service, FolderQueue(folder, remove=True), listener=Listener())

    assert told == [256, 512, 600]
    assert list(folder.iterdir()) == []


def test_when_the_storage_fails_the_files_stay_and_are_released(
    service: EventStorageService, folder: Path, tmp_path: Path
) -> None:
    jsonl(folder / "a", range(10))
    full = EventStorageService(path=str(tmp_path / "full.db"), max_size_mib=0.2)
    with full:
        full.database_create()
        jsonl(folder / "b", range(10), *(message(number, Note="x" * 10_000) for number in range(100, 200)))
        with pytest.raises(Exception, match="full"):
            import_queue(full, FolderQueue(folder))

    assert FolderQueue(folder).names() == ["a", "b"]
    assert import_queue(service, FolderQueue(folder)).new == 110


def test_a_file_that_cannot_be_moved_away_does_not_keep_those_behind_it(
    service: EventStorageService, folder: Path
) -> None:
    (folder / "errors").write_text("in the way")
    (folder / "incoming").mkdir()
    jsonl(folder / "incoming/a", range(1), "{broken")
    jsonl(folder / "incoming/b", range(1, 3))

    report = import_queue(service, FolderQueue(folder), batch_size=1)

    assert report.new == 3
    assert [one.file for one in report.stuck] == [str(folder / "incoming/a")]
    assert FolderQueue(folder).names() == ["a"]
    assert "cannot be moved away" in report.to_dict()["failed"][0]["error"]


def test_a_file_that_another_importer_has_is_left_to_it(service: EventStorageService, folder: Path) -> None:
    jsonl(folder / "a", range(3))
    jsonl(folder / "b", range(3, 5))
    taken = FolderQueue(folder).claim("a")
    assert taken is not None

    with taken:
        assert import_queue(service, FolderQueue(folder)).new == 2
    assert import_queue(service, FolderQueue(folder)).new == 3


@pytest.mark.fault
def test_importers_that_are_killed_lose_nothing_and_store_nothing_twice(folder: Path, tmp_path: Path) -> None:
    for number in range(40):
        jsonl(folder / f"{number:02}", range(number * 50, number * 50 + 50))
    store = str(tmp_path / "store.db")
    with open_event_store(store, create=True):
        pass
    arguments = [sys.executable, "-c", _PROGRAM, str(folder), store, "120"]

    for batches in (1, 3, 2):
        importer = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        with importer:
            assert importer.stdout is not None
            for _ in range(batches):
                importer.stdout.readline()
            os.kill(importer.pid, signal.SIGKILL)
    together = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for importer in together:
        with importer:
            importer.communicate(timeout=60)
            assert importer.returncode == 0

    with open_event_store(store, create=False) as service:
        assert service.count_events() == 2000
    assert FolderQueue(folder).names() == []
    names = {path.name.partition(".")[0] for path in (folder / "done").iterdir()}
    assert len(names) == 40
    assert not (folder / "errors").exists()


def test_a_store_that_is_not_there_is_made_only_for_an_import(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no event storage at"):
        open_event_store(str(tmp_path / "typo.db"), create=False)
    with pytest.raises(ConfigError, match="there is no event storage at"):
        open_event_store(f"sqlite:///{tmp_path}/typo.db", create=False)
    with pytest.raises(ConfigError, match="there is no event storage at"):
        open_event_store(str(tmp_path / ("x" * 300)), create=False)
    assert not (tmp_path / "typo.db").exists()
    with open_event_store(f"sqlite:///{tmp_path}/made%20here.db", create=True) as service:
        assert service.count_events() == 0
    with open_event_store(f"sqlite:///{tmp_path}/made%20here.db", create=False) as service:
        assert service.count_events() == 0


def test_who_looks_for_events_in_the_file_of_another_program_makes_no_tables_there(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE visits (id)")
        with pytest.raises(ConfigError, match=r"there is no event storage at .*other\.db"):
            open_event_store(str(tmp_path / "other.db"), create=False)
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("visits",)]


def test_who_looks_for_events_on_a_server_makes_no_tables_there(postgres_database: str) -> None:
    with pytest.raises(ConfigError, match="there is no event storage at PostgreSQL"):
        open_event_store(postgres_database, create=False)

    with psycopg.connect(postgres_database) as server:
        assert server.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall() == []


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello, this is no database" * 100)

    with pytest.raises(Exception, match=r"notes\.txt") as error:
        open_event_store(str(tmp_path / "notes.txt"), create=True)
    assert not isinstance(error.value, StorageConnectionException) or not error.value.transient


MAPPING = """
columns:
  when: DetectTime
  rule: [Category, Description]
  from: {to: Source.IP, split: ";"}
constants:
  Node.Name: firewall
time_format: "%d.%m.%Y %H:%M"
timezone: Europe/Prague
delimiter: "|"
empty: ["-"]
id: [when, rule]
"""


def test_a_mapping_file_says_what_columns_are(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(MAPPING)
    (tmp_path / "a.csv").write_text("when|rule|from\n31.07.2026 12:00|Scan|10.0.0.1;10.0.0.2\n")

    with EventFile(str(tmp_path / "a.csv"), load_mapping(tmp_path / "m.yml")) as file:
        [(_, item)] = list(file)

    assert isinstance(item, bytes)
    event = json.loads(item)
    del event["ID"]
    assert event == {
        "Format": "IDEA0",
        "DetectTime": "2026-07-31T10:00:00Z",
        "Category": ["Scan"],
        "Description": "Scan",
        "Source": [{"IP4": ["10.0.0.1", "10.0.0.2"]}],
        "Node": [{"Name": "firewall"}],
    }


@pytest.mark.parametrize(
    ("more", "date", "time", "detected"),
    [
        ("", "2026-07-31", "12:00:01.5", "2026-07-31T12:00:01.500000Z"),
        ("timezone: Europe/Prague\n", " 2026-07-31 ", " 12:00", "2026-07-31T10:00:00Z"),
        ('time_format: "%d/%m/%y %Hh%M"\n', "31/07/26", "12h00", "2026-07-31T12:00:00Z"),
        ('empty: ["-"]\n', "2026-07-31", "-", "2026-07-31T00:00:00Z"),
        ("", "soon", "12:00", "soon 12:00"),
    ],
)
def test_a_date_and_a_time_in_two_columns_are_joined(
    tmp_path: Path, more: str, date: str, time: str, detected: str
) -> None:
    joined = "joined:\n  DetectTime: [date, time]\n  Description: [what, date]\n"
    (tmp_path / "m.yml").write_text(f"columns: {{what: Category}}\n{joined}{more}")
    (tmp_path / "a.csv").write_text(f"time,what,date\n{time},Scan,{date}\n,Only this,\n")

    with EventFile(str(tmp_path / "a.csv"), load_mapping(tmp_path / "m.yml")) as file:
        whole, part = (json.loads(item) for _, item in file if isinstance(item, bytes))

    assert whole["DetectTime"] == detected
    assert whole["Description"] == f"Scan {date.strip()}"
    assert "DetectTime" not in part
    assert part["Description"] == "Only this"


@pytest.mark.parametrize("tab", [r'"\t"', r"'\t'", r"\t"])
def test_a_tab_may_be_written_in_any_quotes(tmp_path: Path, tab: str) -> None:
    (tmp_path / "m.yml").write_text(f"columns: {{a: Category, b: DetectTime}}\ndelimiter: {tab}\n")

    assert load_mapping(tmp_path / "m.yml").delimiter == "\t"


def test_columns_that_are_joined_have_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text("columns: {a: Category}\njoined: {DetectTime: [date, time]}\n")
    (tmp_path / "a.csv").write_text("a,date\nx,2026-07-31\n")

    with (
        EventFile(str(tmp_path / "a.csv"), load_mapping(tmp_path / "m.yml")) as file,
        pytest.raises(ConfigError, match="no column 'time'"),
    ):
        list(file)


def test_constants_are_written_as_idea_has_them(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(
        "columns: {a: Category}\ntimezone: Europe/Prague\nconstants:\n  DetectTime: 2026-03-01 10:00\n"
        "  CreateTime: 2026-03-01\n  Target.Port: [22]\n  Source.Netname: [x, y]\n  _Rule: [1, two]\n"
    )
    (tmp_path / "a.csv").write_text("a\nTest\n")

    with EventFile(str(tmp_path / "a.csv"), load_mapping(tmp_path / "m.yml")) as file:
        [(_, item)] = list(file)

    assert isinstance(item, bytes)
    event = json.loads(item)
    assert event["DetectTime"] == "2026-03-01T09:00:00Z"
    assert event["CreateTime"] == "2026-02-28T23:00:00Z"
    assert event["Target"] == [{"Port": [22]}]
    assert event["Source"] == [{"Netname": ["x", "y"]}]
    assert event["_Rule"] == [1, "two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "columns:\n  a: DetectTime\n  b: Categry\n",
            r"m.yml:3: IDEA has no 'Categry': did you mean 'Category'",
        ),
        ("columns:\n  a: DetectTime\n", "m.yml:1: nothing gives Category"),
        ("colums: {}\n", "unknown key 'colums': did you mean 'columns'"),
        ("columns: {}\n", "m.yml:1: columns"),
        ("columns: {a: DetectTime, b: Category}\ndelimiter: ab\n", "m.yml:2: delimiter"),
        (
            "columns: {a: DetectTime, b: Category, c: DetectTime}\n",
            "DetectTime is filled twice: it can have one value; `joined: {DetectTime: [...]}` makes one",
        ),
        ("columns: {b: Category}\njoined: {DetectTime: [a]}\n", "m.yml:2: joined"),
        ("columns: {b: Category}\njoined: {DetectTime: a}\n", "m.yml:2: joined"),
        ("columns: {b: Category}\njoined: {Detecttime: [a, c]}\n", "m.yml:2: IDEA has no 'Detecttime'"),
        (
            "columns: {a: DetectTime, b: Category}\njoined: {ID: [a, c]}\n",
            "the ID cannot be joined: name its columns with `id: [...]`",
        ),
        ("columns: {a: DetectTime, b: Category}\ntimezone: Moon/Base\n", "m.yml:2: timezone"),
        ("columns: {a: DetectTime, b: Category}\nid: rows\n", "m.yml:2: id"),
        ("columns: {a: DetectTime, b: Category}\nid: []\n", "m.yml:2: id"),
        ("columns: {a: DetectTime, b: {to: Category, spilt: x}}\n", "unknown key 'columns.b.spilt'"),
        (
            "columns: {a: DetectTime, b: Category}\nconstants: {Nod.Name: x}\n",
            "m.yml:2: IDEA has no 'Nod.Name'",
        ),
        *(
            (
                f"columns: {{b: Category}}\nconstants:\n  DetectTime: 2026-03-01\n  {name}: {value}\n",
                f"m.yml:4: the constant {name} cannot be {shown}: it is {form}",
            )
            for name, value, shown, form in [
                ("Source.IP", "[10.0.0.7, 5]", "5", "a text"),
                ("Source.IP", "", "None", "a text"),
                ("Node.Name", "[a, b]", "['a', 'b']", "a text"),
                ("Description", "[]", "[]", "a text"),
                ("Source.Type", "4625", "4625", "a text; put numbers in quotes"),
                ("Target.Port", "[22, yes]", "True", "a number"),
                ("Target.Spoofed", "1", "1", "true or false"),
                ("CeaseTime", "soon", "'soon'", "a time"),
            ]
        ),
    ],
)
def test_a_wrong_mapping_file_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.yml").write_text(text)

    with pytest.raises(ConfigError) as error:
        load_mapping(tmp_path / "m.yml")

    assert message in str(error.value)


@pytest.mark.data
@pytest.mark.slow
def test_the_public_alerts_are_imported_whole_and_once(data_dir: Path, tmp_path: Path) -> None:
    source = data_dir / "alerts" / "russellmitchell_alerts.csv.gz"
    rows = gzip.decompress(source.read_bytes()).count(b"\n") - 1
    with open_event_store(str(tmp_path / "e.db"), create=True, text_index=False) as service:
        assert counts(import_files(service, [str(source)])) == (rows, 0, 0)
        assert counts(import_files(service, [str(source)])) == (0, rows, 0)
        assert service.count_events() == rows
