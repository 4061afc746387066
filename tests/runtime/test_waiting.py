"""Whether a notify step is needed at all."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.runtime.conftest import noisy
from tocsin.alerting.silence_book import add_silence, close_expired, new_silence
from tocsin.runtime.alerts.waiting import anything_waits
from tocsin.runtime.databases import open_memory

if TYPE_CHECKING:
    from tests.runtime.conftest import Workspace
    from tocsin.abc import Clock

RUN = """
import sys
from tocsin.cli.main import main
try:
    main(["run"])
finally:
    loaded = [name for name in sys.modules if name.startswith("tocsin.eventstorage.")]
    print("loaded", len(loaded), file=sys.stderr)
"""


@pytest.fixture
def quiet(workspace: Workspace) -> Workspace:
    """A project in which everything was decided."""
    workspace.csv("cpu", noisy(200, jumps={150: 60.0, 151: 60.0, 152: 60.0}))
    workspace.metric("cpu", alerting={"consecutive_anomalies": 3})
    workspace.run()
    return workspace


def waits(project: Workspace) -> bool:
    loaded = project.load()
    with open_memory(loaded, project.clock) as memory:
        return anything_waits(loaded, memory)


def test_nothing_waits_when_everything_was_decided(quiet: Workspace) -> None:
    assert not waits(quiet)


def test_events_that_a_rule_watches_may_always_have_come(quiet: Workspace) -> None:
    (quiet.folder / "events").mkdir()
    quiet.write("events/ids.yml", {"name": "ids"})
    assert not waits(quiet)

    quiet.write("events/ids.yml", {"name": "ids", "alerting": {"severity": "high"}})
    assert waits(quiet)


def test_a_silence_waits_for_its_end_to_be_noted(quiet: Workspace, clock: Clock) -> None:
    now = clock.now()
    silence = new_silence(
        ["monitor=cpu"], starts_at=now, ends_at=now + timedelta(hours=1), author="ada", comment="", now=now
    )
    with open_memory(quiet.load(), clock) as memory, memory.transaction() as tx:
        add_silence(tx, silence, timedelta(days=1))
    assert waits(quiet)

    with open_memory(quiet.load(), clock) as memory, memory.transaction() as tx:
        close_expired(tx, now + timedelta(hours=2))
    assert not waits(quiet)


def test_a_candidate_waits(quiet: Workspace) -> None:
    quiet.csv("cpu", noisy(260, jumps={150: 60.0, 151: 60.0, 152: 60.0, 250: 60.0, 251: 60.0, 252: 60.0}))
    with pytest.raises(RuntimeError, match="power cut"):
        _run_until_the_notify_step(quiet)

    assert waits(quiet)
    quiet.run()
    assert not waits(quiet)


def _run_until_the_notify_step(project: Workspace) -> None:
    def cut(*_: object, **__: object) -> None:
        message = "power cut"
        raise RuntimeError(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tocsin.runtime.pipeline.anything_waits", cut)
        project.run()


def test_a_run_with_nothing_new_does_not_load_the_event_storage(quiet: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=quiet.folder, capture_output=True, text=True, check=True,
        env={"HOME": str(quiet.folder), "PATH": ""},
    )  # fmt: skip

    assert done.stderr.splitlines()[-1] == "loaded 0"
