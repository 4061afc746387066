"""Runs a project in children that are killed at their k-th commit, and tells what was kept each time.

    python kill_program.py PROJECT

The answer is one JSON object: the ids of the events of a run that nobody kills, and for each commit how many
events and anomalous verdicts were kept, and the ids of the events after one more run.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.runtime.crash_program import run, warm
from tocsin import eventstorage  # noqa: F401 - loaded once, not in every child
from tocsin.eventstorage import sqlite as event_tables  # noqa: F401
from tocsin.runtime.alerts import notify_step  # noqa: F401
from tocsin.runtime.logs import step as log_step  # noqa: F401
from tocsin.runtime.metrics import detect_step
from tocsin.sources import log_files, parsers  # noqa: F401

_COUNTS = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM _tocsin_detections WHERE is_anomaly)"


def kept(folder: Path) -> tuple[list[str], tuple[int, int]]:
    """Give the ids of the events, and how many events and anomalous verdicts there are."""
    with closing(sqlite3.connect(folder / "tocsin.db")) as memory:
        try:
            ids = [ident for (ident,) in memory.execute("SELECT id FROM events ORDER BY id")]
            return ids, memory.execute(_COUNTS).fetchone()
        except sqlite3.OperationalError:  # killed before there was a table
            return [], (0, 0)


def answer(project: Path) -> dict[str, Any]:
    """Kill at every commit."""
    warm()
    detect_step._BATCH_SLOTS = 60
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        shutil.copytree(project, whole)
        _, moments = run(whole, "")
        cases = []
        for number in range(1, moments + 1):
            folder = Path(place) / str(number)
            shutil.copytree(project, folder)
            run(folder, "", number)
            _, at_kill = kept(folder)
            run(folder, "")
            cases.append({"at_kill": at_kill, "after": kept(folder)[0]})
        return {"whole": kept(whole)[0], "cases": cases}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answer(Path(sys.argv[1]))))
