"""A run that is killed between any two commits tells, after one more, the same as one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.runtime.events import kill_program
from tests.runtime.events.conftest import EventsWorkspace, event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.testing.channels import HttpReceiver

pytestmark = pytest.mark.fault


def killed_everywhere(project: Path, receiver: HttpReceiver) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, kill_program.__file__, str(project), receiver.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_run_with_events_that_is_killed_at_any_moment_is_made_good(
    tmp_path: Path, clock: SteppingClock, receiver: HttpReceiver
) -> None:
    project = EventsWorkspace(tmp_path / "project", clock)
    project.write("groups.yml", {"groups": [{"name": "office", "networks": "192.0.2.0/24"}]})
    project.events(source={"folder": "queue"})
    project.events("targets", alerting={"channels": ["boss"], "threshold": False, "min_severity": "critical"})
    days = [0, 1, 5, 6.5, 14, 40]
    severe: dict[str, Any] = {"_Tocsin": {"EventSeverity": "high"}}
    for number in range(2):
        some = days[3 * number : 3 * number + 3]
        project.drop(
            f"{number}.jsonl",
            [event(10 * number + n, day, **(severe if n == 1 else {})) for n, day in enumerate(some)],
        )

    answer = killed_everywhere(project.folder, receiver)

    assert answer["whole"]["exit_code"] == 0, answer["whole"]["output"]
    assert answer["moments"] > 10
    assert len(answer["ids"]) >= 4
    messages: dict[str, set[str]] = {}
    for request in receiver.requests:
        messages.setdefault(request.path, set()).add(request.json()["id"])
    for case in answer["cases"]:
        where = f"killed at moment {case['number']} of {answer['moments']}: {case['output']}"
        assert case["killed"], where
        assert case["exit_code"] == 0, where
        assert not case["differs"], f"{case['differs']} {where}"
        assert messages[f"/{case['number']}"] == messages["/0"] == set(answer["ids"]), where
