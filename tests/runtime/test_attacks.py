"""Data, files and options that nobody hopes for: right counts, clear sentences, nothing lost."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SteppingClock
from tests.runtime.conftest import START, Workspace, at, noisy
from tocsin.runtime.clean import delete_leftovers, find_leftovers
from tocsin.runtime.databases import open_memory

if TYPE_CHECKING:
    from pathlib import Path

_TEXTS = "SELECT * FROM read_csv('cpu.csv', all_varchar=true, header=true)"
_WINDOW = {"window_size": 50, "min_samples": 10}
_ALL = [
    *({"type": kind, "params": _WINDOW} for kind in ("mad", "zscore", "iqr")),
    {"type": "manual_bounds", "params": {"upper_bound": 150}},
]


def test_values_that_are_no_common_numbers_do_no_harm(workspace: Workspace) -> None:
    rows: list[tuple[object, object]] = list(noisy(120))
    odd = ["1e308", "-1e308", "inf", "-inf", "nan", "", "1e-320", "1e400", "x", "0x10"]
    for place, value in enumerate(odd):
        rows[60 + 5 * place] = (rows[60 + 5 * place][0], value)
    workspace.csv("cpu", rows)
    workspace.metric("cpu", query=_TEXTS, detectors=_ALL, alerting={"consecutive_anomalies": 1})

    report = workspace.run_one()

    assert (report.error, report.points_loaded, report.rows_rejected) == (None, 120, 2)
    assert report.points_detected == 4 * 120
    stored = {row[1]: row[2] for row in workspace.slots()}
    missing = {
        START + timedelta(minutes=10) * (60 + 5 * odd.index(value)) for value in ("inf", "-inf", "nan", "")
    }
    assert all(stored[time] is None for time in missing)


def test_rows_that_come_twice_and_in_disorder_are_merged(workspace: Workspace) -> None:
    rows = noisy(100)
    workspace.csv("cpu", [*rows[50:], *rows, *rows[:50][::-1]])
    workspace.metric("cpu")

    report = workspace.run_one()

    assert (report.points_loaded, report.rows_merged) == (100, 100)
    assert sum(workspace.run().totals.values()) == 0


_HOSTILE = [
    "a'b", 'a"b', "{}", "}{", "a;DROP TABLE _tocsin_tasks", "new\nline", "😀", "x" * 3000, "", "%(name)s",
    "a|b", "{{ x }}", "\\", "null", "\t", " lead", "a=b", "[red]x[/red]", "\x1b[31m",
]  # fmt: skip


def test_hostile_names_are_only_names(workspace: Workspace) -> None:
    with (workspace.folder / "cpu.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "value", "host"])
        rows = noisy(60, jumps={50: 90, 51: 90})
        writer.writerows([*row, host] for row in rows for host in _HOSTILE)
    workspace.metric("cpu", query=_TEXTS, dimension="host", alerting={"consecutive_anomalies": 1})

    done = workspace.command("run")

    assert f"{60 * len(_HOSTILE):,} points loaded" in done.stderr
    assert "\x1b[31m" not in done.stdout
    assert len({row[0] for row in workspace.slots()}) == len(_HOSTILE)
    assert workspace.command_json("run")["totals"]["points_loaded"] == 0
    assert workspace.command_json("status")["monitors"][0]["series"] == len(_HOSTILE)
    workspace.command("report", "-o", "report.html")
    page = (workspace.folder / "report.html").read_text(encoding="utf-8")
    assert "[red]x[/red]" in page


def test_a_source_that_has_never_had_a_row_says_so(workspace: Workspace) -> None:
    workspace.csv("cpu", [])
    workspace.metric("cpu", query=_TEXTS)

    for _ in range(2):
        report = workspace.run()
        assert report.exit_code == 0
        assert report.monitors[0].notes == ["the query gave no rows"]
    done = workspace.command("run", "--json")
    assert done.stderr == "note: cpu: the query gave no rows\n"

    workspace.csv("cpu", noisy(50))
    assert workspace.run_one().notes == []
    assert workspace.run_one().notes == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, -1000),
        (None, 30),
        (50, None),
        (-100, None),
        (200, None),
        (3.3, None),
        (None, 100_000),
        (20, 60),
        (-5, 5),
    ],
)
def test_from_and_to_in_any_order_lead_to_the_same(
    tmp_path: Path, clock: SteppingClock, start: float | None, end: float | None
) -> None:
    often, once = (Workspace(tmp_path / name, clock) for name in ("often", "once"))
    for workspace in (often, once):
        workspace.csv("cpu", noisy(100))
        workspace.metric("cpu")

    def instant(slot: float | None) -> datetime | None:
        return None if slot is None else START + slot * timedelta(minutes=10)

    often.run(end=instant(40))
    assert often.run(start=instant(start), end=instant(end)).exit_code == 0
    often.run()
    assert often.run(start=instant(start), end=instant(end)).exit_code == 0
    once.run()

    assert often.slots() == once.slots()
    assert often.verdicts() == once.verdicts()
    assert sum(often.run().totals.values()) == 0


def test_the_extremes_of_time_as_options_are_no_crash(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(100))
    workspace.metric("cpu", lookback="1h")
    workspace.run()

    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
        for options in ({"start": moment}, {"end": moment}):
            error = workspace.run_one(**options).error
            assert error is None or "unexpected" not in error
    assert len(workspace.slots()) == len(workspace.verdicts()) == 100
    assert (
        "is not before"
        in workspace.command("run", "--from", "2026-01-02", "--to", "2026-01-01", check=2).stderr
    )


def test_the_interval_under_way_is_loaded_when_it_is_over(tmp_path: Path) -> None:
    clock = SteppingClock(START + timedelta(minutes=95))
    workspace = Workspace(tmp_path, clock)
    workspace.csv("cpu", [(at(slot / 2), 1) for slot in range(19)])  # the last one at 90 min
    workspace.metric("cpu", aggregate="sum")

    first = workspace.run_one()
    assert (first.points_loaded, first.rows_merged) == (9, 9)
    assert workspace.run_one().points_loaded == 0
    clock.advance(timedelta(minutes=5))
    assert workspace.run_one().points_loaded == 1
    assert workspace.run_one().points_loaded == 0


def test_times_ahead_of_the_clock_are_an_end_of_their_own(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, SteppingClock(START + timedelta(minutes=95)))
    workspace.csv("cpu", noisy(100))
    workspace.metric("cpu")

    assert workspace.run_one().points_loaded == 100
    assert workspace.run_one().points_loaded == 0


def test_a_file_that_shrinks_or_is_older_takes_nothing_away(workspace: Workspace) -> None:
    workspace.metric("cpu")
    workspace.csv("cpu", noisy(100))
    workspace.run()
    before = workspace.slots(), workspace.verdicts()

    for rows in (noisy(50), []):
        workspace.csv("cpu", rows)
        workspace.metric("cpu", query=_TEXTS)
        assert sum(workspace.run().totals.values()) == 0

    assert (workspace.slots(), workspace.verdicts()) == before


def test_a_late_row_before_the_first_one_is_not_lost(workspace: Workspace) -> None:
    workspace.metric("cpu", lookback="2h", query="SELECT * FROM read_csv('cpu.csv')", dimension="host")
    rows = [(time, value, "a") for time, value in noisy(20)]
    workspace.csv("cpu", [*rows, (at(18), 5, "b")], "timestamp,value,host")
    workspace.run()
    workspace.csv("cpu", [*rows, (at(18), 5, "b"), (at(14), 6, "b")], "timestamp,value,host")

    report = workspace.run_one()

    assert report.points_loaded == 4
    assert [row[2] for row in workspace.slots() if row[0] == "cpu{host=b}"] == [6, None, None, None, 5, None]


def test_a_new_detector_judges_everything_and_old_verdicts_stay(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(100))
    workspace.metric("cpu", detectors=_ALL[:1])
    workspace.run()
    before = workspace.verdicts()
    workspace.metric("cpu", detectors=_ALL[1:2])

    assert workspace.run_one().points_detected == 100
    assert set(before) < set(workspace.verdicts())


def test_a_detector_that_was_away_while_a_value_changed_judges_anew(
    tmp_path: Path, clock: SteppingClock
) -> None:
    workspace, fresh = (Workspace(tmp_path / name, clock) for name in ("often", "fresh"))
    rows = noisy(100)
    workspace.csv("cpu", rows)
    workspace.metric("cpu", lookback="1d", detectors=_ALL)
    workspace.run()
    workspace.metric("cpu", lookback="1d", detectors=_ALL[1:])
    rows[60] = (rows[60][0], 400.0)
    workspace.csv("cpu", rows)
    workspace.run()
    workspace.metric("cpu", lookback="1d", detectors=_ALL)
    workspace.run()
    fresh.csv("cpu", rows)
    fresh.metric("cpu", lookback="1d", detectors=_ALL)
    fresh.run()

    assert workspace.verdicts() == fresh.verdicts()


@pytest.mark.parametrize(
    "change",
    [
        {"seasonality_columns": ["hour"]},
        {"dimension": "host"},
        {"interval": "20min"},
        {"anchor": "2026-01-01 00:01"},
    ],
)
def test_a_change_that_old_slots_do_not_fit_is_refused_with_what_to_do(
    workspace: Workspace, change: dict[str, Any]
) -> None:
    query = "SELECT *, 'a' AS host FROM read_csv('cpu.csv')"
    workspace.csv("cpu", noisy(50))
    workspace.metric("cpu", query=query)
    workspace.run()
    workspace.metric("cpu", query=query, **change)

    report = workspace.run()

    assert report.exit_code == 2
    assert "changed since cpu was loaded" in (report.monitors[0].error or "")
    assert "--full-refresh" in (report.monitors[0].error or "")
    assert "wrote report.html" in workspace.command("report").stdout
    assert workspace.run(full_refresh=True).exit_code == 0
    assert sum(workspace.run().totals.values()) == 0


def test_a_full_refresh_forgets_nothing_before_the_source_has_answered(workspace: Workspace) -> None:
    path = workspace.csv("cpu", noisy(50))
    workspace.metric("cpu")
    workspace.run()
    before = workspace.slots(), workspace.verdicts()
    path.unlink()

    assert workspace.run(full_refresh=True).exit_code == 1

    assert (workspace.slots(), workspace.verdicts()) == before
    assert workspace.run_one(full_refresh=True, steps=("detect",)).points_detected == 50


def test_a_renamed_metric_is_left_over_until_it_is_cleaned(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(50))
    workspace.metric("cpu").unlink()
    workspace.metric("cpu", dimension="host", query="SELECT *, 'a' AS host FROM read_csv('cpu.csv')")
    workspace.run()
    (workspace.folder / "metrics" / "cpu.yml").unlink()
    workspace.metric("cpu2", query="SELECT * FROM read_csv('cpu.csv')")
    workspace.run()

    with open_memory(workspace.load(), workspace.clock) as memory:
        (leftover,) = leftovers = find_leftovers(workspace.load(), memory)
        delete_leftovers(memory, leftovers)
        assert find_leftovers(workspace.load(), memory) == []

    assert (leftover.series, leftover.points, leftover.verdicts) == ("cpu{host=a}", 50, 50)
    assert {row[0] for row in workspace.slots()} == {"cpu2"}
    assert not workspace.query(
        "SELECT * FROM _tocsin_positions WHERE name LIKE '%%cpu:%%' OR name = 'load:cpu'"
    )


_BILLIONS = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
_MERGED = "a: &a {k: v}\n" + "".join(
    f"{name}: &{name} {{<<: [{','.join(['*' + before] * 12)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (_BILLIONS, "aliases"),
        ("name: x\nvariables: &v\n  a: *v\n", "aliases"),
        ("a: " + "[" * 50_000, "nested too deeply"),
        ("a: " + "{a: " * 900 + "1" + "}" * 900, "nested too deeply"),
        (_MERGED, "aliases"),
        ("name: 0x" + "f" * 20_000, "the number is too large"),
        ("name: !!int ''", "not what its tag says"),
        ("name: !!bool maybe", "not what its tag says"),
        ("name: !!timestamp noon", "not what its tag says"),
        ("name: !!set [a]", "not what its tag says"),
    ],
    ids=[
        "billions", "endless", "deep", "deep and closed", "merged", "long number", "int", "bool", "time",
        "set",
    ],
)  # fmt: skip
def test_a_file_made_to_exhaust_is_refused_and_others_run(
    workspace: Workspace, text: str, sentence: str
) -> None:
    workspace.csv("cpu", noisy(50))
    workspace.metric("cpu")
    (workspace.folder / "metrics" / "bad.yml").write_text(text, encoding="utf-8")

    bad, cpu = workspace.run().monitors

    assert sentence in (bad.error or "")
    assert cpu.points_loaded == 50


def test_a_run_is_clean_under_strict_warnings_and_a_narrow_terminal(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(60, jumps={50: 90}))
    workspace.metric("cpu", tags=["é😀"], alerting={"consecutive_anomalies": 1})
    for arguments in (("run", "--threads", "2"), ("run", "--json"), ("ls",), ("ls", "--json"), ("status",)):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tocsin", *arguments],
            cwd=workspace.folder,
            capture_output=True,
            check=False,
            env={"PYTHONIOENCODING": "ascii", "HOME": str(workspace.folder), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == 0, done.stderr
        assert b"Warning" not in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_traceback(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(60, jumps={50: 90}))
    workspace.metric("cpu")
    running = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "run"],
        cwd=workspace.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    errors = running.stderr.read()
    running.stderr.close()
    running.wait(timeout=120)

    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    assert len(workspace.verdicts()) == 60


def test_a_secret_from_the_environment_is_in_no_output(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "hunter2")
    workspace.csv("cpu", noisy(60, jumps={50: 90}))
    workspace.metric("cpu", alerting={"channels": ["ops"], "consecutive_anomalies": 1})
    hook = {"type": "webhook", "url": "http://127.0.0.1:9/${HOOK_TOKEN}", "allow_private": True}
    hook["secret"] = "${HOOK_TOKEN}"
    profiles = {"profiles": {"files": {"type": "duckdb", "password": "${HOOK_TOKEN}"}}}
    wrong = {**profiles, "profiles": {"files": {"type": "duckdb", "port": "${HOOK_TOKEN}"}}}

    said = ""
    for content in (profiles, wrong):
        workspace.write("profiles.yml", {**content, "alert_channels": {"ops": hook}})
        for command in (("run",), ("run", "--json"), ("validate",), ("test-alert", "cpu"), ("status",)):
            done = workspace.command(*command, check=None)
            said += done.stdout + done.stderr

    assert "wait to be sent again" in said
    assert "port" in said
    assert "hunter2" not in said
