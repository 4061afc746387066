"""What `tocsin init --from` finds in files, friendly and odd; read back through DuckDB."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.sources.proposed import HOURS, load, the_metric, write

from tocsin.errors import ConfigError, LoadError
from tocsin.model import Interval
from tocsin.sources import LoadSpec, MetricLoader
from tocsin.sources.file_format import recognise_file
from tocsin.sources.inspect_files import inspect_file, inspect_files

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.abc import ColumnSource

PLAIN = "timestamp,value\n" + "".join(f"{time},{place}\n" for place, time in enumerate(HOURS))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", PLAIN),
        ("crlf.csv", PLAIN.replace("\n", "\r\n")),
        ("bom.csv", "\ufeff" + PLAIN),
        ("semicolons.csv", PLAIN.replace(",", ";")),
        ("pipes.txt", PLAIN.replace(",", "|")),
        ("tabs.tsv", PLAIN.replace(",", "\t")),
        ("spaces.csv", PLAIN.replace(",", " , ")),
        ("quoted.csv", "".join('"' + line.replace(",", '","') + '"\n' for line in PLAIN.splitlines())),
        ("headerless.csv", PLAIN.partition("\n")[2]),
        ("comments.csv", "# made by hand\n\n" + PLAIN),
        ("commented.csv", "# made by hand, or not\n# a, b, c\n#" + PLAIN),
        (
            "quoted_comment.csv",
            "#" + "".join('"' + line.replace(",", '","') + '"\n' for line in PLAIN.splitlines()),
        ),
        ("utf16.csv", PLAIN.encode("utf-16")),
        ("latin1.csv", PLAIN.replace("value", "größe").encode("latin-1")),
        ("packed.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)),
        ("zulu.csv", PLAIN.replace(":00,", ":00Z,")),
        ("index.csv", ",timestamp,value\n" + "".join(f"{i},{t},{i % 5}\n" for i, t in enumerate(HOURS))),
        ("text.csv", "timestamp,note,value\n" + "".join(f'{t},"a, b",{i}\n' for i, t in enumerate(HOURS))),
        ("german.csv", "Datum;Wert\n" + "".join(f"30.11.2026 {i:02d}:00;{i}\n" for i in range(24))),
        ("american.csv", "When,v\n" + "".join(f"11/30/2026 {i:02d}:00:00,{i}\n" for i in range(24))),
        ("seconds.csv", "time,v\n" + "".join(f"{1_796_000_400 + i * 3600},{i}\n" for i in range(24))),
        ("millis.csv", "t,v\n" + "".join(f"{(1_796_000_400 + i * 3600) * 1000},{i}\n" for i in range(24))),
        (
            "lines.jsonl",
            "".join(f'{{"ts": "{t}", "v": {i}, "x": {{"a": 1}}}}\n' for i, t in enumerate(HOURS)),
        ),
        ("array.json", "[" + ",".join(f'{{"ts": "{t}", "v": {i}}}' for i, t in enumerate(HOURS)) + "]"),
    ],
)
def test_an_hourly_file_is_understood(
    tmp_path: Path, duckdb_source: ColumnSource, name: str, content: str | bytes
) -> None:
    proposal = inspect_file(write(tmp_path, name, content), duckdb_source)

    metric = the_metric(proposal)
    assert (str(metric.interval), metric.anchor.timestamp(), metric.align) == ("1h", 0, "floor")
    assert (metric.aggregate, metric.dimension) == ("last", None)
    assert (proposal.rows, proposal.rows_without_time, proposal.notes) == (24, 0, ())
    result = load(duckdb_source, metric)
    assert (result.rows_read, result.rows_stored, len(result.series[0].rows)) == (24, 24, 24)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("it's.csv", "it_s"),
        ("Größe*[a]?.csv", "Gro_e_a"),
        ("{{ x }}{% y %}{#.csv", "x_y"),
        ("a%sb;--.csv", "a_sb"),
        ("new\nline.csv", "new_line"),
        ("*.csv", "metric"),
        ("数.csv", "metric"),
        ("a.b-c_d.csv", "a.b-c_d"),
        ('"q".csv', "q"),
        ("back\\slash.csv", "back_slash"),
    ],
)
def test_a_hostile_file_name_reads_that_file_only(
    tmp_path: Path, duckdb_source: ColumnSource, name: str, metric: str
) -> None:
    path = write(tmp_path, name, PLAIN)
    write(tmp_path, "another.csv", PLAIN)

    found = the_metric(inspect_file(path, duckdb_source))

    assert found.name == metric
    assert load(duckdb_source, found).rows_read == 24


def test_hostile_column_names_are_quoted(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    names = ["time stamp", "it's", 'a ""q""', "{{ x }}", "select", "{%", "Value", "value"]
    header = ",".join(f'"{name}"' for name in names)
    rows = "".join(f"{time},1,2,3,4,5,6,{place}\n" for place, time in enumerate(HOURS))

    proposal = inspect_file(write(tmp_path, "f.csv", header + "\n" + rows), duckdb_source)

    names = ["f_it_s", "f_a_q", "f_x", "f_select", "f_value", "f_Value_2", "f_value_2_2"]
    assert [metric.name for metric in proposal.metrics] == names
    for place, metric in enumerate(proposal.metrics):
        values = load(duckdb_source, metric).series[0].data["value"]
        assert values[3] == (place + 1 if place < 6 else 3)


def test_bad_cells_are_counted_and_never_stop_the_query(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    bad = "soon,1\n2026-12-01 00:00:00,x\n,\n2026-12-01 01:00:00\n"
    bad += '2026-12-01 02:00:00,"4\n2026-12-01 03:00:00,5,6\n'

    proposal = inspect_file(write(tmp_path, "bad.csv", PLAIN + bad + "\n"), duckdb_source)
    result = load(duckdb_source, the_metric(proposal))

    assert (proposal.rows, proposal.rows_without_time) == (30, 2)
    assert "2 of 30 rows have no time" in proposal.notes[0]
    assert [(row.number, row.reason, row.value) for row in result.rejected] == [
        (25, "no timestamp", "NULL, value 1"),
        (26, "not a number", "x"),
        (27, "no timestamp", "NULL, value NULL"),
        (29, "not a number", '"4'),
    ]
    assert (result.rows_read, result.rows_stored, result.rows_rejected) == (30, 26, 4)
    assert result.series[0].data["value"][[-3, -1]].tolist()[1] == 5


def test_rows_that_come_later_cannot_change_how_a_file_is_read(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    path = write(tmp_path, "grows.csv", PLAIN)
    metric = the_metric(inspect_file(path, duckdb_source))

    with path.open("a") as file:
        file.write('later,later\n2026-12-01 00:00:00,7,8,9\n"\n2026-12-01 01:00:00,8\n')
    result = load(duckdb_source, metric)

    assert (result.rows_read, result.rows_stored, result.rows_rejected) == (28, 26, 2)


def test_a_line_that_is_not_json_is_a_rejected_row(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    lines = "".join(f'{{"ts": "{time}", "v": {place}}}\n' for place, time in enumerate(HOURS))
    path = write(
        tmp_path, "a.jsonl", lines + 'not json\n{"ts": 5, "v": "x"}\n{"ts": "2026-12-01", "v": "x"}\n'
    )

    result = load(duckdb_source, the_metric(inspect_file(path, duckdb_source)))

    assert (result.rows_read, result.rows_stored, result.rows_rejected) == (27, 24, 3)


def test_a_repeated_time_with_a_text_beside_it_is_a_dimension(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    rows = "".join(
        f"{time},h{host},r{host % 2},{place + host}\n"
        for host in range(5)
        for place, time in enumerate(HOURS)
    )
    path = write(tmp_path, "cpu.csv", "time,host,region,load\n" + rows)

    proposal = inspect_file(path, duckdb_source)

    metric = the_metric(proposal)
    assert (metric.dimension, proposal.series, str(metric.interval)) == ("host", 5, "1h")
    result = load(duckdb_source, metric)
    assert [one.name for one in result.series] == [f"cpu{{host=h{host}}}" for host in range(5)]
    assert (result.rows_stored, result.rows_merged) == (120, 0)


def test_a_dimension_may_be_a_number_and_have_an_awkward_name(
    tmp_path: Path, duckdb_source: ColumnSource
) -> None:
    rows = "".join(f"{time},{key},{place}\n" for key in (7, 8) for place, time in enumerate(HOURS))
    by_number = write(tmp_path, "n.csv", "time,station_id,v\n" + rows)
    by_value = write(tmp_path, "v.csv", "time,value,v\n" + rows.replace(",7,", ",a,").replace(",8,", ",b,"))

    first, second = inspect_files([by_number, by_value], duckdb_source)

    assert the_metric(first).dimension == "station_id"
    assert the_metric(second).dimension == "value_"
    assert [one.name for one in load(duckdb_source, the_metric(second)).series] == [
        "v{value_=a}",
        "v{value_=b}",
    ]


def test_each_column_of_values_is_a_metric(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    rows = "".join(f"{time},{place},{place * 2},x\n" for place, time in enumerate(HOURS))
    path = write(tmp_path, "host.csv", "time,cpu %,mem,note\n" + rows)

    proposal = inspect_file(path, duckdb_source)

    assert [metric.name for metric in proposal.metrics] == ["host_cpu", "host_mem"]
    assert load(duckdb_source, proposal.metrics[1]).series[0].data["value"][3] == 6


def test_names_are_unique_whatever_their_case(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    paths = []
    for folder, name in (("a", "x.csv"), ("b", "X.csv"), ("c", "x.csv.gz")):
        (tmp_path / folder).mkdir()
        content = gzip.compress(PLAIN.encode(), mtime=0) if name.endswith(".gz") else PLAIN
        paths.append(write(tmp_path / folder, name, content))

    names = [the_metric(proposal).name for proposal in inspect_files(paths, duckdb_source)]

    assert names == ["x", "X_2", "x_3"]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_parquet_is_read_by_its_types(tmp_path: Path, duckdb_source: ColumnSource, unit: str) -> None:
    minutes = np.datetime64("2026-11-30T00:00:30", "us") + np.arange(90).astype("timedelta64[m]")
    table = pa.table(
        {
            "when": pa.array(minutes).cast(pa.timestamp(unit, tz="Europe/Berlin")),
            "v": pa.array(range(90)).cast(pa.decimal128(25, 2)),
            "ok": pa.array([place % 2 == 0 for place in range(90)]),
            "tags": pa.array([["a"]] * 90),
        }
    )
    pq.write_table(table, tmp_path / "p.parquet")

    proposal = inspect_file(tmp_path / "p.parquet", duckdb_source)

    metric = the_metric(proposal)
    assert (proposal.first, str(metric.interval)) == (datetime(2026, 11, 30, 0, 0, 30, tzinfo=UTC), "1min")
    assert metric.anchor == datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
    assert load(duckdb_source, metric).series[0].data["value"][:3].tolist() == [0, 1, 2]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_window_without_ends_can_be_compared_with_nanoseconds(
    tmp_path: Path, duckdb_source: ColumnSource, zone: str | None
) -> None:
    minutes = np.datetime64("2026-11-30T00:00:00", "ns") + np.arange(90).astype("timedelta64[m]")
    table = pa.table({"t": pa.array(minutes).cast(pa.timestamp("ns", tz=zone)), "v": range(90)})
    pq.write_table(table, tmp_path / "p.parquet")
    query = (
        f"SELECT t AS timestamp, v AS value FROM read_parquet('{tmp_path / 'p.parquet'}')"
        " WHERE t >= '{{ tocsin_start_time }}' AND t < '{{ tocsin_end_time }}'"
    )

    result = MetricLoader(duckdb_source, LoadSpec("p", query, Interval.parse("1min"))).read(None, None)

    assert result.rows_stored == 90


def test_points_before_1970_are_read(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    days = np.datetime64("1969-12-01") + np.arange(60)
    path = write(tmp_path, "old.csv", "day,v\n" + "".join(f"{day},1\n" for day in days))

    metric = the_metric(inspect_file(path, duckdb_source))

    assert metric.loading_start_time == datetime(1969, 12, 1, tzinfo=UTC)
    assert load(duckdb_source, metric).rows_stored == 60


def test_jitter_goes_to_the_nearest_slot(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    rng = np.random.default_rng(7)
    seconds = 1_796_000_430 + 60 * np.arange(500) + rng.integers(-4, 5, 500)
    path = write(tmp_path, "j.csv", "time,v\n" + "".join(f"{second},1\n" for second in seconds))

    metric = the_metric(inspect_file(path, duckdb_source))

    assert (str(metric.interval), metric.align) == ("1min", "nearest")
    assert load(duckdb_source, metric).rows_merged == 0


def test_points_closer_than_a_second_are_averaged(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    rows = "".join(f"2026-11-30 00:00:{s:02d}.{q * 25:02d}0,{s}\n" for s in range(60) for q in range(4))

    metric = the_metric(inspect_file(write(tmp_path, "s.csv", "time,v\n" + rows), duckdb_source))

    assert (str(metric.interval), metric.aggregate) == ("1s", "mean")


@pytest.mark.parametrize(
    ("before", "names"),
    [
        ("#time,v\n", "'time': 'VARCHAR', 'v': 'VARCHAR'"),
        ("# written at 10:00, by hand, twice\n#time,v\n", "'time': 'VARCHAR', 'v': 'VARCHAR'"),
        ("# a, b\ntime,v\n", "'time': 'VARCHAR', 'v': 'VARCHAR'"),  # names of its own come first
        ("# a\n", "'column0': 'VARCHAR', 'column1': 'VARCHAR'"),
        ("# a, b\n\n", "'column0': 'VARCHAR', 'column1': 'VARCHAR'"),
        ('#,"never closed\n', "'column0': 'VARCHAR', 'column1': 'VARCHAR'"),
        ('#"time","#v"\n', "'time': 'VARCHAR', '#v': 'VARCHAR'"),
    ],
)
def test_a_comment_right_above_the_values_may_name_the_columns(
    tmp_path: Path, before: str, names: str
) -> None:
    values = "".join(f"{time},{number}\n" for number, time in enumerate(HOURS))

    assert recognise_file(write(tmp_path, "c.csv", before + values)).options[-1] == f"columns = {{{names}}}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "is empty"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("blank.csv", "\n\n", "has no rows"),
        ("header.csv", "timestamp,value\n", "has no rows"),
        ("one.csv", "timestamp,value\n2026-11-30,1\n", "no two different times"),
        ("cut.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)[:-12], "cannot be read"),
        ("damaged.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)[:40] + b"\xff" * 40, "cannot be read"),
        ("windows.csv", PLAIN.replace("value", "€").encode("cp1252"), "neither UTF-8 nor UTF-16 nor Latin-1"),
        ("japanese.csv", PLAIN.replace("value", "値").encode("shift_jis"), "neither UTF-8"),
        ("binary.csv", b"\0\1\2" * 99, "not a text file"),
        (
            "words.csv",
            "timestamp,name\n2026-11-30,a\n2026-12-01,b\n",
            "no column of numbers, only timestamp, name",
        ),
        ("numbers.csv", "a,b\n1,2\n3,4\n", "no column of times, only a, b"),
        ("broken.json", "{broken", "cannot be read as json"),
        ("scalars.json", "[1, 2]", "no column of times"),
        ("fake.parquet", "x" * 99, "cannot be read as parquet"),
        ("broken.csv", PLAIN + 'x,"a"\nx,"b\nx,c\n', "cannot be read as csv"),
    ],
)
def test_a_file_without_a_series_is_refused_in_one_sentence(
    tmp_path: Path, duckdb_source: ColumnSource, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(LoadError, match=message) as error:
        inspect_file(write(tmp_path, name, content), duckdb_source)

    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "message"), [("gone.csv", "does not exist"), (".", "is not a file")])
def test_a_file_that_is_not_there_is_a_matter_of_configuration(
    tmp_path: Path, duckdb_source: ColumnSource, name: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        inspect_file(tmp_path / name, duckdb_source)


def test_an_unknown_ending_is_refused(tmp_path: Path, duckdb_source: ColumnSource) -> None:
    with pytest.raises(ConfigError, match=r"files end in \.csv"):
        inspect_file(write(tmp_path, "book.xlsx", "x"), duckdb_source)
