"""Events come from a folder into the store, each once, and no file is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.events.conftest import BEGIN, EventsWorkspace, event
from tocsin.runtime.databases import open_memory
from tocsin.runtime.events.store import open_project_events
from tocsin.runtime.run_report import RunStatus
from tocsin.runtime.status import project_status

if TYPE_CHECKING:
    from tests.conftest import SteppingClock

FOLDER: dict[str, Any] = {"source": {"folder": "queue"}}


def names(project: EventsWorkspace, folder: str) -> list[str]:
    return sorted(path.name for path in (project.folder / "queue" / folder).glob("*") if path.is_file())


def test_what_waits_in_the_folder_is_stored_and_the_files_are_moved_away(project: EventsWorkspace) -> None:
    project.events(**FOLDER)
    project.drop("1.jsonl", [event(1, 0), event(2, 0)])
    project.drop("2.jsonl", [event(2, 0), event(3, 0)])

    report = project.run_one()

    assert (report.status, report.kind) == (RunStatus.COMPLETED, "events")
    assert (report.events_new, report.events_duplicate, report.events_rejected) == (3, 1, 0)
    assert names(project, ".") == []
    assert names(project, "done") == ["1.jsonl", "2.jsonl"]
    again = project.run_one()
    assert (again.events_new, again.events_duplicate) == (0, 0)


def test_a_file_in_which_something_is_wrong_is_set_aside_and_what_is_right_in_it_is_stored(
    project: EventsWorkspace,
) -> None:
    project.events(**FOLDER)
    project.drop("1.jsonl", [event(1, 0), {"no": "event"}])

    report = project.run_one()

    assert (report.events_new, report.events_rejected) == (1, 1)
    assert names(project, "errors") == ["1.jsonl", "1.jsonl.reason"]
    assert any(note.endswith("1.jsonl:2: no usable ID") for note in report.notes)


def test_a_monitor_that_looks_at_nothing_says_so(project: EventsWorkspace) -> None:
    project.write("events/ids.yml", {"name": "ids"})
    assert any("no rule under `alerting`" in note for note in project.run_one().notes)
    project.events(alerting={"side": "target"})
    assert project.run_one().notes == []
    project.events(alerting={"enabled": False})
    assert project.run_one().notes == []


def test_a_file_that_has_to_stay_fails_the_monitor_after_all_others_were_taken(
    project: EventsWorkspace,
) -> None:
    project.events(**FOLDER)
    project.drop("1.jsonl", [event(1, 0), {"no": "event"}])
    project.drop("2.jsonl", [event(2, 0)])
    (project.folder / "queue" / "errors").symlink_to("nowhere")

    report = project.run_one()

    assert report.status is RunStatus.FAILED
    assert "1.jsonl is imported, but cannot be moved away" in (report.error or "")
    assert report.events_new == 2
    assert names(project, ".") == ["1.jsonl"]


def test_a_folder_that_is_not_there_fails_the_monitor_and_no_other(project: EventsWorkspace) -> None:
    project.events(**FOLDER)
    project.events("other")

    missing, other = project.run().monitors

    assert missing.status is RunStatus.FAILED
    assert "queue is not a folder" in (missing.error or "")
    assert other.status is RunStatus.COMPLETED


def test_columns_of_csv_files_are_read_as_the_mapping_beside_the_monitor_says(
    project: EventsWorkspace,
) -> None:
    columns = {"seen": "DetectTime", "rule": "Category", "who": "Source.IP"}
    project.write("events/ids.map.yml", {"columns": columns})
    project.events(source={"folder": "queue", "mapping": "ids.map.yml"})
    (project.folder / "queue").mkdir()
    (project.folder / "queue/1.csv").write_text("seen,rule,who\n2026-02-01 10:00,Scan,192.0.2.9\n")

    report = project.run_one()

    assert report.events_new == 1, report
    with open_project_events(project.load()) as events:
        assert events.count_events({"source_addrs": ["192.0.2.9"]}) == 1


def test_a_bounded_run_leaves_files_for_the_next_one(project: EventsWorkspace) -> None:
    project.events(**FOLDER)
    for number in range(4):
        project.drop(f"{number}.jsonl", [event(2 * number, 0), event(2 * number + 1, 0)])

    counts = [project.run_one(events_limit=3).events_new for _ in range(3)]

    assert counts == [4, 4, 0]


def test_a_metric_counts_the_events_that_came_in_the_same_run(
    project: EventsWorkspace, clock: SteppingClock
) -> None:
    clock.time = BEGIN + timedelta(hours=1)
    project.events(**FOLDER, alerting=[])
    project.write(
        "metrics/rate.yml", {"name": "rate", "source": "events", "interval": "10min", "detectors": []}
    )
    project.drop("1.jsonl", [event(n, n / 1440) for n in range(25)])

    rate, ids = project.run(threads=2).monitors

    assert (rate.name, rate.points_loaded, ids.events_new) == ("rate", 6, 25)
    rows = project.query("SELECT value FROM _tocsin_datapoints ORDER BY timestamp")
    assert [row["value"] for row in rows] == [10, 10, 5, 0, 0, 0]


def test_the_status_tells_what_waits(project: EventsWorkspace) -> None:
    project.events(**FOLDER)
    project.drop("1.jsonl", [event(1, 0)])
    project.run()
    project.drop("2.jsonl", [event(2, 0)])
    project.store([event(3, 0), event(4, 0)])

    loaded = project.load()
    with open_memory(loaded, project.clock) as memory:
        (row,) = project_status(loaded, memory)["monitors"]

        assert (row["kind"], row["status"], row["last_point"]) == ("events", "completed", "2026-02-01 00:00")
        assert (row["files_waiting"], row["events_waiting"]) == (1, 2)


@pytest.mark.parametrize("name", ["status", "ls", "validate", "report", "clean"])
def test_every_command_knows_events_monitors(project: EventsWorkspace, name: str) -> None:
    project.events(**FOLDER)
    project.drop("1.jsonl", [event(1, 0)])
    project.run()

    text = project.command(name).stdout

    assert "ids" in text or name in {"validate", "report", "clean"}


def test_what_is_left_of_a_monitor_that_is_gone_can_be_cleaned(project: EventsWorkspace) -> None:
    path = project.events()
    project.store([event(1, 0)])
    project.run()
    path.unlink()

    (leftover,) = project.command_json("clean", "--yes")["leftovers"]

    assert (leftover["series"], leftover["kind"]) == ("ids", "events")
    assert project.position("events:ids") is None
