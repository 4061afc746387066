"""`tocsin init`: every form of it, what it refuses, and that what it makes runs at once."""

from __future__ import annotations

import gzip
import json
import lzma
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
import yaml

from tests.runtime.conftest import Workspace, noisy
from tocsin.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.cli.conftest import Cli


def write_csv(path: Path, rows: Sequence[tuple[object, ...]], header: str = "timestamp,value") -> str:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return str(path)


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_an_empty_project_runs_at_once_and_finds_its_jump(cli: Cli) -> None:
    assert cli("init", "shop").out == "created shop. Next: cd shop && tocsin run\n"

    report = cli("run", "-p", "shop", "--json").json

    assert report["totals"] == {
        "points_loaded": 1008, "points_detected": 1008, "rows_merged": 0, "rows_rejected": 0, "anomalies": 6,
        "lines_read": 0, "lines_rejected": 0, "events_new": 0, "events_duplicate": 0, "events_rejected": 0,
        "alerts_sent": 0,
    }  # fmt: skip
    assert set(cli("run", "-p", "shop", "--json").json["totals"].values()) == {0}
    assert cli("validate", "-p", "shop").code == 0


def test_an_empty_project_has_the_documented_files(cli: Cli, tmp_path: Path) -> None:
    cli("init", "shop")

    assert everything_in(tmp_path / "shop") == {
        "tocsin_project.yml", "profiles.yml", ".gitignore", "metrics", "metrics/example.yml", "logs", "sql",
        "data", "data/example.csv",
    }  # fmt: skip


def test_without_a_name_the_current_folder_becomes_a_project(cli: Cli, tmp_path: Path) -> None:
    answer = cli("init")

    assert answer.out == f"created {tmp_path.name}. Next: tocsin run\n"
    assert yaml.safe_load((tmp_path / "tocsin_project.yml").read_text())["name"] == tmp_path.name
    assert cli("run").code == 0


@pytest.mark.parametrize("name", ["a b", "naïve", "yes", "1.0", "{x}", "it's: #1"])
def test_a_folder_may_have_any_name(cli: Cli, name: str) -> None:
    cli("init", name)

    assert cli("run", "-p", name, "--json").json["totals"]["anomalies"] == 6


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz"])
def test_security_events_are_no_series_and_it_is_said_where_they_belong(
    cli: Cli, tmp_path: Path, name: str
) -> None:
    event = {"Format": "IDEA0", "ID": "e", "DetectTime": "2026-03-02T08:00:00Z", "ConnCount": 3}
    text = json.dumps([event]) if name == "a.json" else f"{json.dumps(event)}\n" * 20
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())

    error = cli("init", "shop", "--from", name, code=2).error

    assert error == (
        f"{name} holds security events (IDEA), and no series: leave it out; `tocsin events import` keeps"
        " them, see docs/events.md"
    )
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_damaged_json_file_is_an_error_of_the_file(
    cli: Cli, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    rows = b"".join(b'{"time": "2026-03-02T08:%02d:00Z", "value": %d}\n' % (n, n * n) for n in range(60))
    name = "a.json.gz" if pack is gzip.compress else "a.json.xz"
    packed = pack(rows)
    (tmp_path / name).write_bytes(packed[:40] + b"\xff" * 60 + packed[100:])

    error = cli("init", "shop", "--from", name, code=2).error

    assert name in error
    assert "unexpected" not in error


def test_a_project_is_not_overwritten(cli: Cli, tmp_path: Path) -> None:
    cli("init", "shop")
    before = (tmp_path / "shop" / "tocsin_project.yml").read_bytes()

    answer = cli("init", "shop", code=2)

    assert "is a Tocsin project already" in answer.error
    assert "is a Tocsin project already" in cli("init", "shop", "--example", code=2).error
    assert (tmp_path / "shop" / "tocsin_project.yml").read_bytes() == before


def test_files_that_are_there_already_stay(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / ".gitignore").write_text("mine\n")

    cli("init", "shop")

    assert (tmp_path / "shop" / ".gitignore").read_text() == "mine\n"


def test_from_takes_files_up_to_the_next_option(cli: Cli, tmp_path: Path) -> None:
    files = [write_csv(tmp_path / f"{name}.csv", noisy(50)) for name in ("a", "b", "c")]

    answer = cli("init", "shop", "--from", *files, "--json")

    assert answer.json["created"] is True
    assert [Path(metric["path"]).name for metric in answer.json["metrics"]] == ["a.yml", "b.yml", "c.yml"]
    report = cli("run", "-p", "shop", "--json").json
    assert report["totals"]["points_loaded"] == 150


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "a.csv", "--from", "b.csv"],
        ["--from=a.csv", "b.csv"],
        ["--from", "a.csv", "b.csv"],
    ],
)
def test_from_can_be_written_in_several_ways(cli: Cli, tmp_path: Path, arguments: list[str]) -> None:
    for name in ("a", "b"):
        write_csv(tmp_path / f"{name}.csv", noisy(5))

    assert "created shop" in cli("init", "shop", *arguments).out
    assert everything_in(tmp_path / "shop" / "metrics") == {"a.yml", "b.yml"}


def test_from_without_a_name_makes_the_current_folder_a_project(cli: Cli, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", noisy(5))

    cli("init", "--from", "a.csv")

    assert cli("run", "--json").json["totals"]["points_loaded"] == 5


def test_from_adds_to_a_project(cli: Cli, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_csv(tmp_path / f"{name}.csv", noisy(20))
    cli("init", "shop", "--from", "a.csv")
    cli("run", "-p", "shop")

    answer = cli("init", "shop", "--from", "b.csv")

    assert answer.out.endswith("added to shop. Next: cd shop && tocsin run\n")
    totals = cli("run", "-p", "shop", "--json").json["totals"]
    assert totals["points_loaded"] == 20


def test_from_adds_where_the_project_keeps_its_metrics_and_names_a_profile_for_files(
    cli: Cli, tmp_path: Path
) -> None:
    write_csv(tmp_path / "a.csv", noisy(20))
    project = Workspace(tmp_path / "shop", SystemClock())
    project.write("tocsin_project.yml", {"name": "shop", "paths": {"metrics": "monitors"}})
    warehouse = {"warehouse": {"type": "sqlite", "path": "warehouse.db"}}
    project.write("profiles.yml", {"profiles": warehouse, "default_profile": "warehouse"})

    cli("init", "shop", "--from", "a.csv")

    assert yaml.safe_load((tmp_path / "shop" / "monitors" / "a.yml").read_text())["profile"] == "files"
    assert cli("run", "-p", "shop", "--json").json["totals"]["points_loaded"] == 20


def test_from_does_not_overwrite_a_metric(cli: Cli, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_csv(tmp_path / f"{name}.csv", noisy(5))
    cli("init", "shop", "--from", "a.csv")
    before = everything_in(tmp_path / "shop")

    answer = cli("init", "shop", "--from", "b.csv", "a.csv", code=2)

    assert "a.yml is there already" in answer.error
    assert everything_in(tmp_path / "shop") == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("header.csv", b"timestamp,value\n"),
        ("words.csv", b"a,b\nx,y\nz,w\n"),
        ("binary.parquet", b"PAR1 and then nothing of the kind"),
        ("broken.json", b'[{"timestamp": '),
        ("page.html", b"<html>"),
        ("nul.csv", b"timestamp,value\n\0\0\0,1\n"),
    ],
)
def test_a_file_that_cannot_be_used_leaves_nothing_behind(
    cli: Cli, tmp_path: Path, name: str, content: bytes
) -> None:
    write_csv(tmp_path / "good.csv", noisy(5))
    (tmp_path / name).write_bytes(content)

    answer = cli("init", "shop", "--from", "good.csv", name, code=2)

    assert name in answer.error
    assert not (tmp_path / "shop").exists()


def test_what_should_be_checked_is_said_once_a_file(cli: Cli, tmp_path: Path) -> None:
    days = [(f"{day:02}/{month:02}/2026", day, month) for month in range(1, 13) for day in range(1, 13)]
    write_csv(tmp_path / "visits.csv", days, header="Day,visits,sales")

    done = cli("init", "shop", "--from", "visits.csv", "--json")

    assert len(done.json["metrics"]) == 2
    first, second = done.err.splitlines()
    assert first == "note: visits.csv: day and month in Day may be the other way round: check the query"
    assert second.startswith("note: visits.csv: only 42% of the slots have a point")


@pytest.mark.parametrize(
    ("times", "is_said"),
    [
        ("%Y-%m-%d %H:%M:%S", True),
        ("%d.%m.%Y %H:%M", True),
        ("%Y-%m-%d %H:%M:%S+02:00", False),
        ("%Y-%m-%dT%H:%M:%SZ", False),
        ("%Y%m%dT%H%M%SZ", False),
        ("%s", False),
    ],
)
def test_times_without_a_zone_are_said_to_be_taken_as_utc(
    cli: Cli, tmp_path: Path, times: str, *, is_said: bool
) -> None:
    said = "times without a zone are taken as UTC"
    rows = [(f"{datetime.fromisoformat(f'{time}+00:00'):{times}}", value) for time, value in noisy(300)]
    write_csv(tmp_path / "cpu.csv", rows)

    answer = cli("init", "shop", "--from", "cpu.csv")

    assert answer.err == (f"note: cpu.csv: {said}\n" if is_said else "")
    text = (tmp_path / "shop" / "metrics" / "cpu.yml").read_text(encoding="utf-8")
    assert (f"# {said}\nquery: |" in text) == is_said
    assert cli("run", "-p", "shop", "--json").json["totals"]["points_loaded"] == 300


def test_what_stands_for_a_missing_time_is_no_zone(cli: Cli, tmp_path: Path) -> None:
    rows = [("n/a" if place % 2 else time, value) for place, (time, value) in enumerate(noisy(300))]
    write_csv(tmp_path / "cpu.csv", rows)

    few, zone = cli("init", "shop", "--from", "cpu.csv").err.splitlines()

    assert few.startswith("note: cpu.csv: 150 of 300 rows have no time that can be read")
    assert zone == "note: cpu.csv: times without a zone are taken as UTC"


def test_what_stands_for_a_missing_value_is_a_gap_of_the_run_too(cli: Cli, tmp_path: Path) -> None:
    rows = [(f"{time}Z", "n/a" if place % 5 else value) for place, (time, value) in enumerate(noisy(300))]
    write_csv(tmp_path / "cpu.csv", rows)

    answer = cli("init", "shop", "--from", "cpu.csv")
    totals = cli("run", "-p", "shop", "--json").json["totals"]

    assert answer.err == "note: cpu.csv: value: 'n/a' is read as a missing value\n"
    assert (totals["points_loaded"], totals["rows_rejected"]) == (300, 0)


def test_a_missing_file_is_named(cli: Cli, tmp_path: Path) -> None:
    answer = cli("init", "shop", "--from", "nope.csv", code=2)

    assert answer.error.startswith("nope.csv is not a file")
    assert not (tmp_path / "shop").exists()


def test_from_without_files_and_from_with_example_are_refused(cli: Cli, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", noisy(5))

    assert "'--from' requires an argument" in cli("init", "shop", "--from", code=2).err
    answer = cli("init", "shop", "--from", "a.csv", "--example", code=2)
    assert "exclude each other" in answer.error


def test_several_columns_of_values_are_several_metrics(cli: Cli, tmp_path: Path) -> None:
    rows = [(time, value, value * 2) for time, value in noisy(20)]
    write_csv(tmp_path / "room.csv", rows, "time,temperature,humidity")

    cli("init", "shop", "--from", "room.csv")

    assert everything_in(tmp_path / "shop" / "metrics") == {"room_temperature.yml", "room_humidity.yml"}
    assert cli("run", "-p", "shop", "--json").json["totals"]["points_loaded"] == 40


def test_a_column_of_names_is_a_dimension(cli: Cli, tmp_path: Path) -> None:
    rows = [(time, host, value) for time, value in noisy(20) for host in ("web", "db")]
    write_csv(tmp_path / "cpu.csv", rows, "time,host,value")

    answer = cli("init", "shop", "--from", "cpu.csv")
    cli("run", "-p", "shop")

    assert "2 series" in answer.out
    assert cli("status", "-p", "shop", "--json").json["monitors"][0]["series"] == 2


@pytest.mark.parametrize("ending", ["parquet", "json", "jsonl"])
def test_parquet_and_json_can_be_read(cli: Cli, tmp_path: Path, ending: str) -> None:
    rows = noisy(20)
    path = tmp_path / f"cpu.{ending}"
    if ending == "parquet":
        write_csv(tmp_path / "source.csv", rows)
        with duckdb.connect() as database:
            database.execute(f"COPY (FROM '{tmp_path}/source.csv') TO '{path}'")
    else:
        objects = [json.dumps({"timestamp": time, "value": value}) for time, value in rows]
        path.write_text(f"[{','.join(objects)}]" if ending == "json" else "\n".join(objects) + "\n")

    cli("init", "shop", "--from", str(path))

    assert cli("run", "-p", "shop", "--json").json["totals"]["points_loaded"] == 20


def test_the_example_has_six_series_a_log_and_events(cli: Cli) -> None:
    cli("init", "shop", "--example")

    assert len(cli("ls", "-p", "shop", "--json").json["monitors"]) == 8
    assert cli("validate", "-p", "shop").out == "8 of 8 monitors valid\n"


def test_a_folder_that_cannot_be_made_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "cannot be written" in cli("init", "file/shop", code=2).error


@pytest.mark.parametrize(
    ("named", "written"),
    [
        ("{shop}/data/a.csv", "data/a.csv"),
        ("../w/shop/data/../data/a.csv", "data/a.csv"),
        ("b.csv", "../b.csv"),
        ("../w/link/../b.csv", "{root}/b.csv"),
        ("{root}/w/../w/b.csv", "{root}/w/b.csv"),
        ("../b.csv", "{root}/b.csv"),
    ],
)
def test_from_names_files_so_that_they_are_found_from_everywhere(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, written: str
) -> None:
    shop = tmp_path / "w" / "shop"
    for folder in (shop / "data", tmp_path / "w", tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("a.csv", "b.csv"):
            write_csv(folder / name, noisy(50))
    (tmp_path / "w" / "link").symlink_to(shop.parent)
    monkeypatch.chdir(tmp_path / "w")
    path = named.format(shop=shop, root=tmp_path)

    cli("init", "shop", "--from", path)
    monkeypatch.chdir("/")

    (metric,) = (shop / "metrics").iterdir()
    query = yaml.safe_load(metric.read_text(encoding="utf-8"))["query"]
    assert f"read_csv('{written.format(root=tmp_path)}'," in query
    assert cli("run", "-p", str(shop), "--json").json["totals"]["points_loaded"] == 50


@pytest.mark.parametrize("name", ["shop", "this,that"])
def test_a_project_reads_its_own_files_though_another_one_has_some_of_the_same_name(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    cli("init", name)
    cli("init", "other")
    write_csv(tmp_path / "other" / "data" / "example.csv", noisy(50))
    monkeypatch.chdir("other")

    assert cli("run", "-p", f"../{name}", "--json").json["totals"]["points_loaded"] == 1008


def test_what_was_made_of_odd_columns_is_said_once_and_stands_in_the_file(cli: Cli, tmp_path: Path) -> None:
    rows = [(time, '"1,250.50 €"', "7" if place % 2 else "on") for place, (time, _) in enumerate(noisy(50))]
    write_csv(tmp_path / "sales.csv", rows, header="timestamp,net,state")

    answer = cli("init", "shop", "--from", "sales.csv")

    zone, first, second = answer.err.splitlines()
    assert zone == "note: sales.csv: times without a zone are taken as UTC"
    assert first == "note: sales.csv: net: '1,250.50 €' is read as 1250.50"
    assert second == (
        "note: sales.csv: state is left out: 25 of its 50 cells are numbers, others are as 'on'"
    )
    text = (tmp_path / "shop" / "metrics" / "sales.yml").read_text(encoding="utf-8")
    read = "# times without a zone are taken as UTC; '1,250.50 €' is read as 1250.50"
    assert f"{read}\nquery: |" in text
    assert cli("run", "-p", "shop", "--json").json["totals"]["points_loaded"] == 50
