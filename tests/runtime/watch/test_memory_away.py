"""What a watch does while its memory takes nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import yaml

from tests.runtime.watch.conftest import Watching, event, move_in, told, until
from tocsin.runtime.watch.telling import LEASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runtime.watch.conftest import WatchedProject
    from tocsin.testing.channels import HttpReceiver


TELLS = f"SELECT count(*) FROM _tocsin_leases WHERE name = '{LEASE}' AND owner <> ''"


@contextlib.contextmanager
def locked(project: WatchedProject) -> Iterator[None]:
    """Keep everybody else from writing into the memory."""
    with contextlib.closing(sqlite3.connect(project.folder / "tocsin.db", isolation_level=None)) as memory:
        memory.execute("PRAGMA busy_timeout = 20000")
        memory.execute("BEGIN IMMEDIATE")
        yield
        memory.execute("ROLLBACK")


def impatient(project: WatchedProject) -> None:
    """Have it wait for the memory for a moment only."""
    profiles = yaml.safe_load((project.folder / "profiles.yml").read_text())
    profiles["profiles"]["files"]["memory"] = {"busy_timeout_seconds": 0.2}
    project.write("profiles.yml", profiles)


def test_what_comes_while_the_memory_is_locked_is_told_when_it_is_free(
    project: WatchedProject, receiver: HttpReceiver
) -> None:
    project.channels(ops=receiver.url)
    impatient(project)
    folder = project.folder_of_events("ids")
    with Watching(project.folder) as watching:
        watching.wait_for("run", name="ids")
        with locked(project):
            move_in(folder, "1.json", event(1), event(2))
            watching.wait_for("run", name="ids", status="failed")
            watching.wait_for("error", "telling failed", part="telling")
            assert watching.get("/healthz")[0] == 200
        watching.wait_for("works", "telling works again", part="telling")
        until(lambda: len(told(receiver)) == 2, "both")
        assert watching.end() == 0


def test_it_ends_in_order_although_the_memory_is_locked(
    project: WatchedProject, receiver: HttpReceiver
) -> None:
    project.channels(ops=receiver.url)
    impatient(project)
    folder = project.folder_of_events("ids")
    with Watching(project.folder) as watching:
        watching.wait_for("run", name="ids")
        until(lambda: project.memory_says(TELLS), "the one that tells")
        with locked(project):
            move_in(folder, "1.json", event(1))
            assert watching.end() == 0
        assert watching.said("error", "stopping failed")
        assert watching.lines[-1]["what"] == "stopped"
    with Watching(project.folder) as watching:
        until(lambda: told(receiver), "what was left")
        assert watching.end() == 0
