"""The configuration changes between runs: what goes on, what learns anew, and that it is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.logs.conftest import LogWorkspace, entry, quiet

if TYPE_CHECKING:
    from pathlib import Path

NEWS = [entry(200, "sudo"), entry(201, "login", "eve")]


@pytest.fixture
def trained(logs: LogWorkspace) -> LogWorkspace:
    logs.log()
    logs.lines(quiet(80))
    logs.run()
    logs.append(NEWS)
    return logs


def phases(logs: LogWorkspace) -> dict[str, str]:
    return {one["name"]: one["phase"] for one in logs.learned()["detectors"]}


def test_a_detector_that_is_added_learns_while_the_others_judge(trained: LogWorkspace) -> None:
    trained.log(detectors=[{"type": "new_event"}, {"type": "new_value"}, {"type": "character_set"}])

    report = trained.run_one()

    assert report.anomalies == 2
    assert report.notes == ["detector character_set is new: it learns from here on"]
    assert phases(trained) == {"new_event": "detect", "new_value": "detect", "character_set": "train"}


def test_a_detector_that_is_removed_is_forgotten(trained: LogWorkspace) -> None:
    trained.log(detectors=[{"type": "new_event"}])

    report = trained.run_one()

    assert (report.anomalies, report.notes) == (1, [])
    trained.log()
    trained.append(quiet(1, first=300))
    assert trained.run_one().notes == ["detector new_value is new: it learns from here on"]


def test_a_detector_that_is_renamed_goes_on(trained: LogWorkspace) -> None:
    trained.log(detectors=[{"type": "new_event", "name": "kinds"}, {"type": "new_value"}])

    report = trained.run_one()

    assert report.anomalies == 2
    assert report.notes == ["detector kinds goes on with what new_event has learned: only the name changed"]
    assert phases(trained) == {"kinds": "detect", "new_value": "detect"}
    trained.append(quiet(1, first=300))
    assert trained.run_one().notes == []


def test_a_detector_with_other_parameters_learns_anew(trained: LogWorkspace) -> None:
    trained.log(detectors=[{"type": "new_event"}, {"type": "new_value", "params": {"data_use_training": 2}}])

    report = trained.run_one()

    assert [line.line for line in report.lines] == [81]
    assert report.notes == [
        "the parameters of detector new_value changed: it learns anew, from here on",
        "new_value: no variable was static or stable in training, so none is watched",
    ]


def test_a_parser_that_changed_is_said_with_the_way_out(trained: LogWorkspace) -> None:
    trained.log(parser={"type": "json", "params": {"event_id": ["event", "user"]}})

    report = trained.run_one()

    (note,) = report.notes
    assert "the parser changed" in note
    assert "tocsin run --select app --full-refresh" in note
    assert trained.run_one(full_refresh=True).notes == []


def test_the_templates_of_a_parser_that_learns_are_kept(logs: LogWorkspace) -> None:
    logs.log(parser={"type": "drain"}, detectors=[{"type": "new_event"}])
    words = [f"worker {number} took {number % 7} ms" for number in range(80)]
    logs.lines(words)
    logs.run()
    before = logs.learned()["parser"]
    logs.append([f"worker {number} took 3 ms" for number in range(80, 90)])

    report = logs.run_one()

    assert report.anomalies == 0
    assert before is not None


def test_a_log_that_is_not_enabled_is_left_alone(trained: LogWorkspace) -> None:
    trained.log(enabled=False)

    assert trained.run_one().lines_read == 0


def test_what_is_taken_back_is_read_again_and_told_only_where_it_is_news(trained: LogWorkspace) -> None:
    trained.run()
    trained.append([entry(300, "mount")])
    trained.run()
    before = trained.found(), trained.learned()

    answer = trained.command_json("state", "revert", "app", "1")

    assert answer["generation"]["parent"] == 1
    assert trained.found() == []
    report = trained.run_one()
    assert (report.lines_read, report.anomalies) == (3, 3)
    assert trained.found() == before[0]
    for part in ("detectors", "values"):
        assert trained.learned()[part] == before[1][part]


def test_a_generation_that_is_taken_back_without_its_position_reads_nothing_again(
    trained: LogWorkspace,
) -> None:
    trained.run()
    before = trained.found()

    trained.command("state", "revert", "app", "1", "--keep-position")

    assert trained.run_one().lines_read == 0
    assert trained.found() == before


def test_what_is_allowed_after_a_revert_is_no_anomaly_any_more(trained: LogWorkspace) -> None:
    trained.run()
    trained.command("state", "revert", "app", "1")
    trained.command("state", "allow", "app", "--event", "sudo")

    report = trained.run_one()

    assert [line.event_id for line in report.lines] == ["login"]
    assert trained.anomalous() == [82]


HOSTILE = [
    '{"event": "lo\\u0000gin", "user": "\\ud800"}',
    '{"event": "\\u001b[31mred\\u001b[0m", "user": "\\u202eevil"}',
    "\x00\x00\x00",
    "\x1b[2J{}",
    "{" * 5000,
    json.dumps({"event": "e" * (1 << 20), "user": "u"}),
    json.dumps({"event": "login", "user": "u" * 300_000}),
    '{"event": 1e999, "user": NaN}',
    '{"event": "sudo", "time": "9999-12-31T23:59:59.999Z"}',
    '{"event": "sudo", "time": -1e300}',
    '{"event": "../../etc/x\\n", "user": "\U0001f642"}',
    '{"event": "<script>alert(1)</script>", "user": "{{ 7 * 7 }}"}',
]


def test_hostile_lines_stop_nothing_and_steer_no_terminal(logs: LogWorkspace) -> None:
    logs.log(alerting={"channels": []})
    path = logs.lines(quiet(70))
    path.write_bytes(path.read_bytes() + "\n".join([*HOSTILE, ""]).encode("utf-8", "surrogatepass"))

    said = logs.command("run")
    shown = logs.command("state", "show")
    logs.append([entry(300, "mount")])
    answer = logs.command_json("run")

    for text in (said.stdout, said.stderr, shown.stdout):
        assert all(character.isprintable() or character == "\n" for character in text)
    assert answer["totals"]["anomalies"] == 1
    assert logs.position()["lines"] == 70 + len(HOSTILE) + 1
    logs.command_json("state", "export")
    logs.command("report")
    page = (logs.folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_bytes_that_are_no_text_are_read(logs: LogWorkspace) -> None:
    logs.log(parser={"type": "drain"}, detectors=[{"type": "new_event"}])
    path: Path = logs.lines(["all is well"] * 70)
    path.write_bytes(path.read_bytes() + b"caf\xe9 \xff\xfe is closed\n")

    answer: dict[str, Any] = logs.command_json("run")

    assert answer["monitors"][0]["lines"][0]["log"] == "caf\\xe9 \\xff\\xfe is closed"
