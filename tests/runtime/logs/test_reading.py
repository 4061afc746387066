"""Lines are read once, whatever happens to the files between runs, and give what one run gives."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.logs.conftest import START, TRAIN, LogWorkspace, entry, quiet, write_lines

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = [
    *quiet(80),
    entry(80, "sudo", "ann"),
    *quiet(20, first=81),
    entry(101, "login", "eve"),
    *quiet(20, first=102),
]
ANOMALOUS = [81, 102]


def same(left: LogWorkspace, right: LogWorkspace) -> None:
    """Check that two projects that read the same lines agree in what was made of them."""
    assert left.found() == right.found()
    mine, theirs = left.learned(), right.learned()
    for part in ("detectors", "values", "parser"):
        assert mine[part] == theirs[part], part


def test_what_training_never_saw_is_said_once_by_the_run_that_finds_it(logs: LogWorkspace) -> None:
    names = [f"v{number}" for number in range(5)]
    logs.log(detectors=[{"type": "new_value", "params": {"variables": ["usr", *names]}}])
    logs.lines(quiet(TRAIN - 1))
    assert logs.run_one().notes == []

    logs.append(quiet(2, first=TRAIN))

    assert logs.run_one().notes == [
        *(
            f"new_value: variable '{name}' is configured, but training never saw it"
            for name in ["usr", *names[:2]]
        ),
        "and 3 more: `tocsin state show` has all of them",
    ]
    logs.append(quiet(1, first=TRAIN + 5))
    assert logs.run_one().notes == []


def test_lines_without_time_cannot_end_a_training_by_time_and_that_is_said(logs: LogWorkspace) -> None:
    logs.log(parser={"type": "drain"}, train={"duration": "1d"}, detectors=[{"type": "new_event"}])
    logs.lines(["user ann read a page"] * 150)

    (note,) = logs.run_one().notes
    assert note.startswith("new_event: none of the first 100 events has a time, by which training is to end")


def test_the_anomalous_lines_of_a_log_are_found_and_explained(logs: LogWorkspace) -> None:
    logs.log()
    logs.lines(LINES)

    report = logs.run_one()

    assert (report.lines_read, report.lines_rejected, report.anomalies) == (len(LINES), 0, 2)
    first, second = report.to_dict()["lines"]
    assert (first["line"], first["EventID"], first["timestamp"]) == (81, "sudo", "2026-02-01T00:01:20.000Z")
    assert first["explanations"].keys() == {"new_event"}
    assert "'sudo' was never seen in 60 events" in first["explanations"]["new_event"]
    assert (second["line"], second["EventID"]) == (102, "login")
    assert "user 'eve' was never seen" in second["explanations"]["new_value"]
    assert second["log"] == LINES[101]
    assert logs.anomalous() == ANOMALOUS


def test_a_second_run_has_nothing_to_do(logs: LogWorkspace) -> None:
    logs.log()
    logs.lines(LINES)
    logs.run()
    before = logs.learned(), logs.verdicts(), logs.position()

    report = logs.run_one()

    assert (report.lines_read, report.anomalies, report.notes) == (0, 0, [])
    assert (logs.learned(), logs.verdicts(), logs.position()) == before


@pytest.mark.parametrize("pieces", [2, 7, 61])
def test_lines_that_are_added_between_runs_give_what_one_run_gives(
    logs: LogWorkspace, other: LogWorkspace, pieces: int
) -> None:
    for workspace in (logs, other):
        workspace.log()
    logs.lines([])
    size = -(-len(LINES) // pieces)
    for first in range(0, len(LINES), size):
        logs.append(LINES[first : first + size])
        logs.run()
    other.lines(LINES)
    other.run()

    same(logs, other)
    assert logs.position()["lines"] == len(LINES)


@pytest.mark.usefixtures("small_commits")
def test_many_commits_give_what_one_gives(
    logs: LogWorkspace, other: LogWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for workspace in (logs, other):
        workspace.log()
        workspace.lines(LINES)
    logs.run()
    monkeypatch.undo()
    other.run()

    same(logs, other)
    assert len(logs.query("SELECT name FROM _tocsin_state WHERE name LIKE 'manifests/%%'", x=1)) == 1


def _rename(logs: LogWorkspace) -> None:
    (logs.folder / "app.log").rename(logs.folder / "app.log.1")


def _rename_and_compress(logs: LogWorkspace) -> None:
    content = (logs.folder / "app.log").read_bytes()
    packed = logs.folder / "app.log.1.gz"
    packed.write_bytes(gzip.compress(content))
    os.utime(packed, (START.timestamp(), START.timestamp()))
    (logs.folder / "app.log").unlink()


def _copy_and_truncate(logs: LogWorkspace) -> None:
    (logs.folder / "app.log.1").write_bytes((logs.folder / "app.log").read_bytes())
    os.truncate(logs.folder / "app.log", 0)


@pytest.mark.parametrize("rotate", [_rename, _rename_and_compress, _copy_and_truncate])
def test_what_a_rotation_does_between_runs_loses_and_repeats_nothing(
    logs: LogWorkspace, rotate: Callable[[LogWorkspace], None]
) -> None:
    logs.log(source={"files": ["app.log*"]})
    logs.lines(LINES[:70])
    logs.run()
    logs.append(LINES[70:90])  # not read before the rotation
    rotate(logs)
    write_lines(logs.folder / "app.log", LINES[90:], append=True)

    logs.run()

    assert logs.position()["lines"] == len(LINES)
    assert [(line, event) for _, line, event, _ in logs.found()] == [(81, "sudo"), (12, "login")]
    assert logs.run_one().lines_read == 0


def test_a_truncated_file_is_read_from_its_new_beginning(logs: LogWorkspace) -> None:
    logs.log()
    logs.lines(LINES)
    logs.run()
    logs.lines([entry(500, "mount", "ann"), *quiet(3, first=501)])

    report = logs.run_one()

    assert (report.lines_read, report.anomalies) == (4, 1)
    assert logs.found()[-1] == ("app.log", 1, "mount", "new_event")


def test_lines_that_fail_are_dead_letters_once(logs: LogWorkspace) -> None:
    logs.log()
    logs.lines([*quiet(30), "no JSON", *quiet(30, first=30), "{also none"])
    letters = logs.folder / "dead_letters" / "app.jsonl"

    reports = [logs.run_one(), logs.run_one()]
    before = letters.read_text(encoding="utf-8").splitlines()
    logs.append(["still none"])
    reports.append(logs.run_one())

    assert [report.lines_rejected for report in reports] == [2, 0, 1]
    assert len(before) == 2
    after = letters.read_text(encoding="utf-8").splitlines()
    assert after[:2] == before
    assert len(after) == 3
    assert logs.position()["rejected"] == 3


@pytest.mark.usefixtures("small_commits")
def test_stack_traces_are_no_dead_letters_however_they_are_cut_into_runs(
    logs: LogWorkspace, other: LogWorkspace
) -> None:
    trace = ["java.lang.IllegalStateException: closed", *["\tat shop.Pool.take(Pool.java:7)"] * 12]
    records = [f"{entry(number)[10:29]} user ann read page {number}" for number in range(80)]
    records.append(f"{entry(80)[10:29]} the disk is full")
    lines = [line for record in records for line in (record, *trace)]
    for project in (logs, other):
        project.log(parser={"type": "drain", "params": {"header": "%{ISOTIME:time} (?P<content>.*)"}})
    logs.lines(lines)
    other.lines(lines[:5])

    report = logs.run_one()
    others = [other.run_one()]
    for begin in range(5, len(lines), 211):
        other.append(lines[begin : begin + 211])
        others.append(other.run_one())

    assert (report.lines_read, report.lines_rejected, report.anomalies) == (len(lines), 0, 1)
    assert "lines that continue the one before (stack traces), not judged: 1,053" in report.notes
    assert sum(one.lines_read for one in others) == len(lines)
    assert sum(one.lines_rejected for one in others) == 0
    same(logs, other)
    assert not (logs.folder / "dead_letters").exists()


def test_a_run_that_cannot_commit_counts_nothing_and_the_next_one_rejects_once(
    logs: LogWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tocsin.errors import StoreFullError
    from tocsin.runtime.logs.memory import LogMemory

    def full(*_: Any) -> None:
        raise StoreFullError("no space is left")

    logs.log()
    logs.lines(["no JSON", *LINES])
    with monkeypatch.context() as broken:
        broken.setattr(LogMemory, "write", full)
        failed = logs.run_one()

    whole = logs.run_one()

    assert (failed.status, failed.lines_read, failed.lines_rejected, failed.anomalies) == ("failed", 0, 0, 0)
    assert failed.lines == []
    assert (whole.lines_read, whole.lines_rejected, whole.anomalies) == (len(LINES) + 1, 1, 2)
    letters = logs.folder / "dead_letters" / "app.jsonl"
    assert len(letters.read_text(encoding="utf-8").splitlines()) == 1


def test_a_failure_is_forgotten_by_the_run_that_goes_well(logs: LogWorkspace) -> None:
    logs.log()
    assert "there is no log file" in str(logs.run_one().error)
    assert logs.command_json("status")["monitors"][0]["status"] == "failed"
    logs.lines([])

    logs.run()

    assert logs.command_json("status")["monitors"][0]["status"] == "completed"


def test_standard_input_is_read_to_its_end(logs: LogWorkspace) -> None:
    logs.log(source={"stdin": True})

    def pipe(lines: list[str]) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tocsin", "run", "--json"],
            cwd=logs.folder,
            input="\n".join(lines),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert '"anomalies": 1,' in pipe(LINES[:81])
    assert '"file": "stdin"' in pipe(LINES[101:102])
    assert logs.learned()["detectors"][0]["counters"]["judged"] == 81 + 1 - TRAIN


def test_a_log_that_changes_from_standard_input_to_files_goes_on(logs: LogWorkspace) -> None:
    logs.log(source={"stdin": True})
    subprocess.run(
        [sys.executable, "-m", "tocsin", "run"],
        cwd=logs.folder, input="\n".join(quiet(80)), capture_output=True, text=True, check=True,
    )  # fmt: skip
    logs.log()
    logs.lines([entry(90, "sudo")])

    assert logs.run_one().anomalies == 1


def test_several_files_are_one_log(logs: LogWorkspace) -> None:
    logs.log(source={"files": ["a.log", "b*.log"]})
    logs.lines(quiet(70), "a.log")
    logs.lines([entry(3, "sudo")], "b1.log")
    logs.lines([entry(2, "mount")], "b2.log")

    report = logs.run_one()

    assert report.lines_read == 72
    assert sorted(logs.found()) == [
        ("b1.log", 1, "sudo", "new_event"), ("b2.log", 1, "mount", "new_event"),
    ]  # fmt: skip


def test_a_log_file_that_never_was_is_an_error_with_a_way_out(logs: LogWorkspace) -> None:
    logs.log()

    report = logs.run_one()

    assert report.status == "failed"
    assert "app.log" in str(report.error)
    assert "pattern" in str(report.error)


def test_from_and_to_are_said_to_be_for_metrics(logs: LogWorkspace) -> None:
    logs.log()
    logs.lines(LINES)

    report = logs.run_one(start=START)

    assert report.lines_read == len(LINES)
    assert any("--from and --to" in note for note in report.notes)
