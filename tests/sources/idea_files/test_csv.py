"""CSV rows become events as a mapping says, with ids that are the same each time."""

from __future__ import annotations

import csv
import gzip
import io
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import ConfigError, LoadError
from tocsin.model import RejectedLine
from tocsin.sources.idea_files import ColumnMapping, CsvMapping, EventFile
from tocsin.sources.idea_files.content import LONGEST
from tocsin.sources.idea_files.csv_records import csv_records
from tocsin.sources.idea_files.idea_paths import parse_path
from tocsin.sources.idea_files.row_ids import NAMESPACE, RowIds

if TYPE_CHECKING:
    from pathlib import Path

BASE = {"when": ("DetectTime",), "what": ("Category",)}


def mapping(columns: dict[str, Any] | None = None, **more: Any) -> CsvMapping:
    chosen = BASE if columns is None else columns
    made = [
        one if isinstance(one, ColumnMapping) else ColumnMapping(name, tuple(one))
        for name, one in chosen.items()
    ]
    return CsvMapping(columns=tuple(made), **more)


def events(path: Path, content: str | bytes, how: CsvMapping | None = None) -> list[Any]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with EventFile(str(path), how) as file:
        items = [item for _, item in file]
    return [item if isinstance(item, RejectedLine) else json.loads(item) for item in items]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts.csv"


def test_values_go_where_the_mapping_says_in_the_form_that_idea_has(path: Path) -> None:
    how = mapping(
        {
            **BASE,
            "text": ("Description", "Note"),
            "from": ColumnMapping("from", ("Source.IP",), split=" "),
            "port": ("Target.Port",),
            "host": ("Target[1].Hostname", "Node.Name"),
            "sure": ("Confidence",),
            "faked": ("Source.Spoofed",),
            "level": ("_Tocsin.EventSeverity",),
            "own": ("_Rule",),
        },
        constants={"Category": ["Recon.Scanning"], "Node.Type": "Network", "Target[1].Proto": ["tcp", "ssh"]},
    )

    (event,) = events(
        path,
        "when,what,text,from,port,host,sure,faked,level,own,unused\n"
        "2026-01-31 12:00:00,Attempt,Ä scan,10.0.0.1 2001:db8::1  10.0.0.1,22,www,0.5,yes,high,7,x\n",
        how,
    )

    del event["ID"]
    assert event == {
        "Format": "IDEA0",
        "DetectTime": "2026-01-31T12:00:00Z",
        "Category": ["Recon.Scanning", "Attempt"],
        "Description": "Ä scan",
        "Note": "Ä scan",
        "Source": [{"IP4": ["10.0.0.1"], "IP6": ["2001:db8::1"], "Spoofed": True}],
        "Target": [{"Proto": ["tcp", "ssh"], "Hostname": ["www"]}, {"Port": [22]}],
        "Node": [{"Type": ["Network"], "Name": "www"}],
        "Confidence": 0.5,
        "_Tocsin": {"EventSeverity": "high"},
        "_Rule": "7",
    }


def test_what_is_empty_is_left_out(path: Path) -> None:
    how = mapping({**BASE, "ip": ("Source.IP",), "port": ("Source.Port",)}, empty=frozenset({"", "-"}))

    first, second = events(path, "when,what,ip,port\n1000000000,a,-,\n1000000000,a,,7\n", how)

    assert "Source" not in first
    assert second["Source"] == [{"Port": [7]}]


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("1642213952", {}, "2022-01-15T02:32:32Z"),
        ("1642213952.25", {}, "2022-01-15T02:32:32.250000Z"),
        ("2026-07-01T12:00:00+02:00", {}, "2026-07-01T10:00:00Z"),
        ("2026-07-01 12:00:00", {"timezone": "Europe/Prague"}, "2026-07-01T10:00:00Z"),
        ("01/07/26 12h", {"time_format": "%d/%m/%y %Hh"}, "2026-07-01T12:00:00Z"),
        ("some day", {}, "some day"),  # the store says what is wrong with it
    ],
)
def test_times_are_read_in_any_form(path: Path, text: str, more: dict[str, Any], expected: str) -> None:
    (event,) = events(path, f"when,what\n{text},x\n", mapping(**more))

    assert event["DetectTime"] == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22", 22),
        ("-3", -3),
        ("0.5", 0.5),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("1e400", "1e400"),
        ("٣", "٣"),
    ],
)
def test_a_number_is_read_or_left_as_it_is(path: Path, text: str, value: object) -> None:
    (event,) = events(path, f"when,what,n\n1000000000,x,{text}\n", mapping({**BASE, "n": ("Confidence",)}))

    assert event["Confidence"] == value


def test_the_header_of_ait_ads_is_recognised(path: Path) -> None:
    row = "1642213952,Wazuh: ClamAV database update,172.17.131.81,mail,W-Sys-Cav,false_positive,-"
    content = f"time,name,ip,host,short,time_label,event_label\n{row}\n{row}\n".encode()

    first, second = events(path, gzip.compress(content))

    assert first["ID"] == str(uuid.uuid5(NAMESPACE, f"{row}\n0"))
    assert second["ID"] == str(uuid.uuid5(NAMESPACE, f"{row}\n1"))
    del first["ID"]
    assert first == {
        "Format": "IDEA0",
        "DetectTime": "2022-01-15T02:32:32Z",
        "Category": ["Wazuh: ClamAV database update"],
        "Description": "Wazuh: ClamAV database update",
        "Target": [{"IP4": ["172.17.131.81"], "Hostname": ["mail"]}],
        "Node": [{"Name": "mail"}],
    }


@given(st.lists(st.binary(max_size=3)))
@settings(max_examples=100)
def test_every_row_has_an_id_of_its_own_that_does_not_depend_on_other_rows(rows: list[bytes]) -> None:
    ids = RowIds()

    got = [ids.next_id(row) for row in rows]

    assert len(set(got)) == len(rows)
    assert all(uuid.UUID(one).version == 5 and uuid.UUID(one).variant == uuid.RFC_4122 for one in got)
    alone = RowIds()
    assert [alone.next_id(rows[0]) for row in rows if row == rows[0]] == [
        one for one, row in zip(got, rows, strict=True) if row == rows[0]
    ]


def test_an_id_can_come_from_a_column_or_be_made_of_some(path: Path) -> None:
    content = "when,what,a,b\n1000000000,x,1,2\n1000000001,y,1,2\n"
    own = events(path, content, mapping({**BASE, "a": ("ID",)}))
    made = events(path, content, mapping(id_columns=("a", "b")))
    rows = events(path, content, mapping())

    assert [one["ID"] for one in own] == ["1", "1"]
    assert made[0]["ID"] == made[1]["ID"]
    assert rows[0]["ID"] != rows[1]["ID"]


def test_line_ends_and_a_mark_do_not_change_ids(path: Path) -> None:
    unix = events(path, "when,what\n1,x\n2,y\n", mapping())
    windows = events(path, "\ufeffwhen,what\r\n1,x\r\n2,y", mapping())

    assert unix == windows


@pytest.mark.parametrize("how", [{"id_columns": ("a", "b")}, {"columns": {**BASE, "a": ("ID",)}}])
def test_a_row_whose_id_means_nothing_has_none(path: Path, how: dict[str, Any]) -> None:
    content = "when,what,a,b\n1,x,-,\n2,y,-,-\n3,z,,-\n4,z,a,-\n"

    found = events(path, content, mapping(**how, empty=frozenset({"", "-"})))

    assert [bool(event["ID"]) for event in found] == [False, False, False, True]


def test_columns_without_a_header_and_other_delimiters(path: Path) -> None:
    how = mapping(header=("when", "what"), delimiter=";")

    (event,) = events(path, "1000000000;a,b\n", how)

    assert event["Category"] == ["a,b"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le"])
def test_a_file_has_the_encoding_that_its_mapping_says(path: Path, encoding: str) -> None:
    content = "when,what\n1000000000,für\n".encode(encoding)

    (event,) = events(path, content, mapping(encoding=encoding))

    assert event["Category"] == ["für"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_file_of_another_encoding_than_utf_16_is_an_error(path: Path, encoding: str) -> None:
    with pytest.raises(LoadError, match=r"alerts\.csv is not utf-16: .*give its encoding in the mapping"):
        events(path, "when,what\n1000000000,x\n".encode(encoding), mapping(encoding="utf-16"))


def test_an_unknown_encoding_is_an_error(path: Path) -> None:
    for name in ("klingon", "base64"):
        with pytest.raises(ConfigError, match=f"there is no text encoding '{name}'"):
            events(path, "when,what\n1,x\n", mapping(encoding=name))


def test_a_row_that_is_not_utf_8_is_rejected_and_the_others_are_read(path: Path) -> None:
    first, bad, last = events(path, b"when,what\n1,x\n1,f\xfcr\n1,y\n", mapping())

    assert (first["Category"], last["Category"]) == (["x"], ["y"])
    assert isinstance(bad, RejectedLine)
    assert (bad.number, bad.text, bad.source) == (3, "1,f\\xfcr", str(path))
    assert "it is not UTF-8" in bad.reason


def test_rows_with_too_few_or_too_many_values_are_rejected(path: Path) -> None:
    few, fine, many = events(path, "when,what\n1\n\n1,x\n1,x,y\n", mapping())

    assert few.reason == "it has 1 value in place of 2: is ',' what separates them?"
    assert many.reason == "it has 3 values in place of 2"
    assert fine["Category"] == ["x"]


def test_headers_of_files_that_were_put_behind_each_other_are_no_rows(path: Path) -> None:
    assert len(events(path, "when,what\n1,x\nwhen,what\n2,y\n", mapping())) == 2


@pytest.mark.parametrize("content", ["", "\n\n", "when,what\n", "when,what"])
def test_a_file_without_rows_has_no_events(path: Path, content: str) -> None:
    assert events(path, content, mapping()) == []


def test_a_missing_or_ambiguous_column_is_an_error_that_names_it(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"alerts.csv has no column 'what': it has when, where"):
        events(path, "when,where\n", mapping())
    with pytest.raises(ConfigError, match="has two columns 'what'"):
        events(path, "when,what,what\n", mapping())
    with pytest.raises(ConfigError, match=r"the header of .* cannot be read: not CSV"):
        events(path, 'when,"what\n', mapping())


def test_a_huge_row_is_rejected_and_the_next_one_is_read(path: Path) -> None:
    huge, fine = events(path, b"when,what\n1," + b"x" * (LONGEST + 7) + b"\n1,y\n", mapping())

    assert huge.reason == "the line is longer than 4,194,304 bytes"
    assert len(huge.text) == 65_536
    assert fine["Category"] == ["y"]


@pytest.mark.parametrize("tail", ["", '2,"never closed\n', '2,"never' + "x" * 200_000 + "\n"])
def test_a_quote_that_is_not_closed_costs_its_line_only(path: Path, tail: str) -> None:
    got = events(path, f'when,what\n1,"a ""b""\n and c"\n{tail}3,d\n', mapping())

    assert got[0]["Category"] == ['a "b"\n and c']
    assert got[-1]["Category"] == ["d"]
    assert len(got) == (3 if tail else 2)
    if tail:
        assert got[1].reason.startswith("not CSV: ")
        assert got[1].number == 4


@pytest.mark.parametrize(
    ("delimiter", "written", "advice"),
    [(",", ";", ";"), (",", "\t", "\\t"), (";", ",", ","), (",", "|", "|")],
)
def test_a_wrong_delimiter_is_told_from_a_missing_column(
    path: Path, delimiter: str, written: str, advice: str
) -> None:
    for line, what in (
        (f"when{written} what", f"{path} has no column 'when'"),
        (f'"when"{written}"what"', f"the header of {path} cannot be read"),
    ):
        with pytest.raises(ConfigError) as caught:
            events(path, f"{line}\n1{written}2\n", mapping(delimiter=delimiter))
        hint = f'its first line is {line!r}: write `delimiter: "{advice}"` in the mapping'
        assert str(caught.value) == f"{what}: {hint}"
    with pytest.raises(ConfigError, match="has no column 'when': it has when;something"):
        events(path, "when;something\n1;2\n", mapping())


@pytest.mark.parametrize(
    ("encoding", "advice"),
    [
        ("cp1252", "its first line is not UTF-8: give the `encoding` in the mapping, for example cp1252"),
        ("utf-16-le", "its first line is UTF-16 without a mark: write `encoding: utf-16-le` in the mapping"),
    ],
)
def test_a_wrong_encoding_is_told_from_a_missing_column(path: Path, encoding: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        events(path, "when,what,Größe\n1,x,2\n".encode(encoding), mapping({"Größe": ("ByteCount",), **BASE}))

    assert str(caught.value) == f"{path} has no column 'Größe': {advice}"


def test_rows_of_one_value_ask_for_the_delimiter(path: Path) -> None:
    [rejected] = events(path, "1;2\n", mapping(header=("when", "what")))
    assert rejected.reason == "it has 1 value in place of 2: is ',' what separates them?"


def test_a_value_may_be_as_large_as_an_event(path: Path) -> None:
    limit = csv.field_size_limit()
    large = 'a ""b""\n' * 100_000
    assert len(large) < LONGEST

    got = events(path, f'when,what\n1,"{large}"\n2,c\n', mapping())

    assert [event["Category"] for event in got] == [[large.replace('""', '"')], ["c"]]
    assert csv.field_size_limit() == limit


def test_a_row_that_is_larger_than_an_event_is_rejected_and_the_next_one_is_read(path: Path) -> None:
    line = "x" * 1_000_000

    got = events(path, f'when,what\n1,"{line}\n{line}\n{line}\n{line}\n{line}"\n2,c\n', mapping())

    assert got[0].reason == "not CSV: the row is longer than 4,194,304 bytes"
    assert got[-1]["Category"] == ["c"]


@pytest.mark.parametrize("end", ['"', 'x"', '"x'])
def test_a_large_row_that_is_broken_is_rejected_alone(path: Path, end: str) -> None:
    large = "x" * 200_000

    got = events(path, f'when,what\n1,"{large}{end}"\n2,c\n', mapping())

    assert got[-1]["Category"] == ["c"]
    assert got[0].reason.startswith("not CSV: ")


VALUES = st.text(st.sampled_from('ab",; \n\r\té'), max_size=6).filter(lambda text: "\r" not in text)


@given(st.lists(st.lists(VALUES, min_size=2, max_size=4), max_size=6), st.booleans())
@settings(max_examples=200)
def test_what_python_writes_as_csv_is_read_the_same(rows: list[list[str]], quoted: bool) -> None:  # noqa: FBT001
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerows(
        rows
    )
    content = out.getvalue().encode()
    lines = list(enumerate(content.split(b"\n"), 1))

    got = list(csv_records("it", lines, ","))

    assert [values for _, _, values in got] == rows
    assert b"".join(text + b"\n" for _, text, _ in got) == content


@given(st.lists(st.lists(VALUES, min_size=2, max_size=4), min_size=1, max_size=3), st.booleans())
@settings(max_examples=20)
def test_large_rows_are_read_as_small_ones(rows: list[list[str]], quoted: bool) -> None:  # noqa: FBT001
    large = [[*row[:1], '"' + "x\n" * 70_000, *row[1:]] for row in rows]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerows(
        large
    )

    got = list(csv_records("it", enumerate(out.getvalue().encode().split(b"\n"), 1), ","))

    assert [values for _, _, values in got] == large


@pytest.mark.parametrize(
    "text", ["DetectTime", "Source.IP4", "Target[12].Port", "_Tocsin.EventClass", "_Mine", "Node[1].Name"]
)
def test_a_place_is_read_back(text: str) -> None:
    assert str(parse_path(text)) == text


def test_rows_without_any_value_are_no_events(path: Path) -> None:
    row = "2026-01-31T00:00:00Z,Scan"

    found = events(path, f'when,what\n{row}\n,\n"",""\n,,,\n{row}\n', mapping(constants={"Note": "x"}))

    assert [event["Category"] for event in found] == [["Scan"], ["Scan"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Detecttime",
        "Source",
        "Source.",
        "Source.IP5",
        "Source[x].IP4",
        "_Tocsin[1].EventClass",
        "[1].ID",
        "Format",
        "a b",
    ],
)
def test_a_place_that_idea_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="IDEA has no"):
        parse_path(text)


def test_a_misspelt_place_comes_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'DetectTime'"):
        parse_path("Detecttime")


@pytest.mark.parametrize(
    ("columns", "more", "message"),
    [
        ({"what": ("Category",)}, {}, "nothing gives DetectTime"),
        ({"when": ("DetectTime",)}, {}, "nothing gives Category"),
        ({**BASE, "x": ("DetectTime",)}, {}, "DetectTime is filled twice"),
        ({**BASE, "x": ("Note",)}, {"constants": {"Note": "y"}}, "Note is filled twice"),
        ({**BASE, "x": ("ID",)}, {"id_columns": ("when",)}, "the ID comes from one place"),
        (BASE, {"id_columns": ()}, "the ID comes from one place"),
        (BASE, {"constants": {"ID": "y"}}, "the ID cannot be a constant"),
        ({**BASE, "x": ColumnMapping("x", ("Note",), split=" ")}, {}, "Note can have one value"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(
    columns: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        mapping(columns, **more)


@pytest.mark.data
def test_every_row_of_the_public_alerts_is_an_event_with_an_id_of_its_own(data_dir: Path) -> None:
    source = data_dir / "alerts" / "russellmitchell_alerts.csv.gz"
    rows = gzip.decompress(source.read_bytes()).decode().splitlines()[1:]

    with EventFile(str(source)) as file:
        got = [json.loads(item) for _, item in file if isinstance(item, bytes)]

    assert len(got) == len(rows)
    assert len({event["ID"] for event in got}) == len(rows)
    assert [event["Description"] for event in got] == [row.split(",")[1] for row in rows]
