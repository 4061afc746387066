"""`tocsin init --from x.log`: what is proposed runs, and says why it looks as it does."""

from __future__ import annotations

import gzip
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.runtime.logs.conftest import entry, quiet, write_lines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

LOGHUB = [
    "Apache", "BGL", "HDFS", "Linux", "OpenSSH", "OpenStack", "Windows", "Zookeeper",
]  # fmt: skip
ATTACK = list(range(1860, 1869))


def monitor(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "logs" / f"{name}.yml").read_text(encoding="utf-8"))
    return found


def test_a_log_becomes_a_monitor_that_runs(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "app.log", quiet(200))

    said = cli("init", "shop", "--from", "app.log").out

    assert "app.yml: JSON objects: event names the kind of event" in said
    assert "learns from the first 100 lines" in said
    assert said.endswith("created shop. Next: cd shop && tocsin run\n")
    config = monitor(tmp_path / "shop", "app")
    assert config["train"] == 100
    assert config["source"] == {"files": ["../app.log"]}
    assert [one["type"] for one in config["detectors"]] == ["new_event", "new_value"]
    text = (tmp_path / "shop" / "logs" / "app.yml").read_text(encoding="utf-8")
    assert "# new_event: tried on 30 lines after 70 to learn from, it called 0 of them anomalies" in text
    assert cli("validate", "-p", "shop").out == "1 of 1 monitor valid\n"
    write_lines(tmp_path / "app.log", [entry(500, "sudo")], append=True)
    answer = cli("run", "-p", "shop", "--json").json
    assert [line["line"] for line in answer["monitors"][0]["lines"]] == [201]


def test_train_says_from_how_many_lines_to_learn(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "app.log", quiet(200))

    answer = cli("init", "shop", "--from", "app.log", "--train", "150", "--json").json

    assert monitor(tmp_path / "shop", "app")["train"] == 150
    assert [log["path"] for log in answer["logs"]] == [str(tmp_path / "shop" / "logs" / "app.yml")]
    assert "learns from the first 150 lines" in answer["logs"][0]["found"]


def test_a_long_log_learns_from_ten_thousand_lines(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "app.log", quiet(30_000, step=0.1))

    cli("init", "shop", "--from", "app.log")

    assert monitor(tmp_path / "shop", "app")["train"] == 10_000


def test_what_a_rotation_left_belongs_to_its_log(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "app.log.1", quiet(50))
    write_lines(tmp_path / "app.log", quiet(50, first=50))
    (tmp_path / "app.log.2.gz").write_bytes(
        gzip.compress(b"".join(b"%s\n" % line.encode() for line in quiet(9)))
    )
    write_lines(tmp_path / "web.log", quiet(50))

    cli("init", "shop", "--from", "app.log", "app.log.1", "app.log.2.gz", "web.log")

    assert sorted(path.name for path in (tmp_path / "shop" / "logs").iterdir()) == ["app.yml", "web.yml"]
    assert len(monitor(tmp_path / "shop", "app")["source"]["files"]) == 3
    assert cli("run", "-p", "shop", "--json").json["totals"]["lines_read"] == 159


def test_a_pattern_is_kept_as_a_pattern(cli: Cli, tmp_path: Path) -> None:
    for number in range(3):
        write_lines(tmp_path / f"app-{number}.log", quiet(40, first=40 * number))

    cli("init", "shop", "--from", f"{tmp_path}/app-*.log")

    (path,) = (tmp_path / "shop" / "logs").iterdir()
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert config["source"]["files"] == [f"{tmp_path}/app-*.log"]
    assert cli("run", "-p", "shop", "--json").json["totals"]["lines_read"] == 120


def test_a_pattern_over_logs_of_several_formats_is_said(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "app.log", quiet(50))
    write_lines(tmp_path / "words.log", [f"the number {number % 7} has come" for number in range(50)])
    write_lines(tmp_path / "other.log", [f"number {number % 7} has gone" for number in range(50)])

    mixed = cli("init", "shop", "--from", f"{tmp_path}/*.log").err
    alike = cli("init", "words", "--from", f"{tmp_path}/[ow]*.log").err

    assert "note: log.yml: app.log has a format that others of its files do not have" in mixed
    assert "name the files one by one" in mixed
    assert alike == ""


@pytest.mark.parametrize(
    ("line", "notes"),
    [
        ("2026-03-02 10:{n};{n},5;shop", 1),
        ("2026-03-02 10:{n}\t{n}\tup", 1),
        ("2026-03-02 10:{n}:00,250 INFO cart has {n} items", 0),
        ("2026-03-02 10:{n}:00 INFO cart has {n} items", 0),
        ("cart | {n} items | 5 euros", 0),
    ],
)
def test_a_table_that_is_taken_for_a_log_is_said(cli: Cli, tmp_path: Path, line: str, notes: int) -> None:
    write_lines(tmp_path / "sales.txt", ["a heading", *(line.format(n=n) for n in range(10, 60))])

    said = cli("init", "shop", "--from", "sales.txt").err

    assert said.count("note: sales.txt.yml: the lines look like the rows of a table") == notes


def test_a_log_of_two_lines_learns_from_the_first_line(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "app.log", quiet(2))

    assert "; learns from the first line" in cli("init", "shop", "--from", "app.log").out


def test_tables_become_metrics_and_logs_logs(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "app.log", quiet(50))
    write_lines(tmp_path / "events.jsonl", quiet(50))
    (tmp_path / "events.json.gz").write_bytes(gzip.compress("\n".join(quiet(50)).encode()))
    rows = [json.dumps({"time": f"2026-02-01T00:{n:02}:00Z", "load": n % 7}) for n in range(60)]
    write_lines(tmp_path / "load.jsonl", rows)

    answer = cli(
        "init",
        "shop",
        "--from",
        "app.log",
        "events.jsonl",
        "events.json.gz",
        "load.jsonl",
        "--json",
        code=None,
    ).json

    assert len(answer["metrics"]) == 1
    names = [log["path"].rpartition("/")[2] for log in answer["logs"]]
    assert names[0] == "app.yml"
    assert all(name.startswith("events") for name in names[1:])
    assert cli("run", "-p", "shop", "--json").json["exit_code"] == 0


def test_what_brings_news_all_the_time_is_left_out(cli: Cli, tmp_path: Path) -> None:
    lines = [entry(n, "login", "ann", shift=f"s{n // 40}", token="t" * (1 + n % 3)) for n in range(1000)]
    write_lines(tmp_path / "app.log", lines)

    said = cli("init", "shop", "--from", "app.log").out

    _, values = monitor(tmp_path / "shop", "app")["detectors"]
    allowed = values.get("params", {}).get("allow", [])
    assert {one["variable"] for one in allowed} <= {"shift"}
    assert "called" not in said
    cli("run", "-p", "shop")


@pytest.mark.parametrize(
    ("make", "arguments", "error"),
    [
        (lambda _: None, (), "app.log is not a file"),
        (lambda path: path.write_text(""), (), "app.log has no lines"),
        (lambda path: path.write_bytes(bytes(range(256)) * 40), (), "does not look like text"),
        (lambda path: path.mkdir(), (), "app.log is not a file"),
        (lambda path: path.write_text("a\n"), ("--train", "0"), "--train"),
        (lambda path: path.write_text("a\n"), ("--example",), "--from and --example exclude each other"),
    ],
)
def test_what_cannot_be_used_leaves_no_half_a_project(
    cli: Cli, tmp_path: Path, make: Any, arguments: tuple[str, ...], error: str
) -> None:
    make(tmp_path / "app.log")

    answer = cli("init", "shop", "--from", "app.log", *arguments, code=2)

    assert error in answer.err
    assert not (tmp_path / "shop").exists()


def test_train_needs_a_log(cli: Cli, tmp_path: Path) -> None:
    assert "--train is for --from" in cli("init", "shop", "--train", "9", code=2).error
    (tmp_path / "cpu.csv").write_text("timestamp,value\n2026-01-01,1\n2026-01-02,2\n")
    assert "--train is for logs" in cli("init", "shop", "--from", "cpu.csv", "--train", "9", code=2).error


def test_a_monitor_that_is_there_is_not_written_over(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "app.log", quiet(50))
    cli("init", "shop", "--from", "app.log")

    assert "app.yml is there already" in cli("init", "shop", "--from", "app.log", code=2).error


def test_hostile_names_and_lines_make_a_monitor_that_runs(cli: Cli, tmp_path: Path) -> None:
    name = "a b\u202e'{{ x }}#.log"
    write_lines(tmp_path / name, [f"\x1b[31m{{{{ 7 * 7 }}}} ${{HOME}} %{{X}} <*> {n % 3}" for n in range(60)])

    said = cli("init", "shop", "--from", name)

    assert all(character.isprintable() or character == "\n" for character in said.out)
    answer = cli("run", "-p", "shop", "--json").json
    assert (answer["exit_code"], answer["totals"]["lines_read"]) == (0, 60)


@pytest.mark.data
@pytest.mark.parametrize("name", LOGHUB)
def test_public_logs_are_read_as_they_are(cli: Cli, data_dir: Path, name: str) -> None:
    path = data_dir / "logs" / "loghub" / name / f"{name}_2k.log"

    answer = cli("init", "project", "--from", str(path), "--json").json
    ran = cli("run", "-p", "project", "--json").json["totals"]

    assert "1,000 of 1,000 lines of the sample are read" in answer["logs"][0]["found"]
    assert "without a time" not in answer["logs"][0]["found"]
    assert (ran["lines_read"], ran["lines_rejected"]) == (2000, 0)
    assert ran["anomalies"] < 1000


@pytest.mark.data
def test_the_attack_in_the_audit_log_is_found_and_nothing_else(
    cli: Cli, data_dir: Path, tmp_path: Path
) -> None:
    source = (data_dir / "logs" / "audit" / "audit.log").read_text(encoding="utf-8").splitlines()
    path = write_lines(tmp_path / "audit.log", source)
    cli("init", "audit", "--from", str(path), "--train", "1800")
    cli("init", "pieces", "--from", str(path), "--train", "1800")

    (report,) = cli("run", "-p", "audit", "--json").json["monitors"]

    assert report["anomalies"] == 9
    assert [line["line"] for line in report["lines"]] == ATTACK
    assert all(len(text) > 40 for line in report["lines"] for text in line["explanations"].values())
    found = []
    for end in (500, 1799, 1862, len(source)):
        write_lines(path, source[:end])
        (report,) = cli("run", "-p", "pieces", "--json").json["monitors"]
        found += [line["line"] for line in report["lines"]]
    assert found == ATTACK


@pytest.mark.data
def test_windows_events_have_state_an_event_id_with_counts(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    for archive in sorted((data_dir / "logs" / "windows").glob("*.zip")):
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(tmp_path / archive.stem)
    files = sorted(str(path) for path in tmp_path.rglob("*.json"))
    assert files

    for number, file in enumerate(files):
        cli("init", f"p{number}", "--from", file)
        report = cli("run", "-p", f"p{number}", "--json").json["monitors"][0]
        assert report["lines_rejected"] == 0
        kinds, values = cli("state", "show", "-p", f"p{number}", "--json").json["detectors"]
        assert all(type(event["event_id"]) in (int, str) and event["count"] > 0 for event in kinds["events"])
        assert sum(event["count"] for event in kinds["events"]) == kinds["counters"]["trained"]
        assert values["events"]
        assert cli("state", "show", "-p", f"p{number}").out
        assert all(line["explanations"] for line in report["lines"])


def test_a_pattern_is_written_without_the_way_back(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w").mkdir()
    write_lines(tmp_path / "app.log", quiet(200))
    monkeypatch.chdir(tmp_path / "w")

    cli("init", "shop", "--from", "../app*.log")
    monkeypatch.chdir("/")

    assert monitor(tmp_path / "w" / "shop", "app")["source"] == {"files": [f"{tmp_path}/app*.log"]}
    assert cli("run", "-p", str(tmp_path / "w" / "shop"), "--json").json["totals"]["lines_read"] == 200
