"""Runs `tocsin run` on logs in children that kill themselves at each moment; see `crash_program`.

    python kill_program.py PROJECT HOOK LINES

Beside what `crash_program` compares there is what each log has learned, and its dead letters. The log files
lie outside of the project, so that all cases read the same ones. A commit follows each LINES lines.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.runtime import crash_program
from tests.runtime.logs.conftest import LogWorkspace
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.logs import step as log_step


def kept(folder: Path) -> dict[str, Any]:
    """Read all that two ways to the same memory must agree in."""
    workspace = LogWorkspace.there(folder, SystemClock())
    letters = {
        path.name: [{**json.loads(line), "time": ""} for line in path.read_bytes().splitlines()]
        for path in sorted((folder / "dead_letters").glob("*"))
    }
    learned = {path.stem: workspace.learned(path.stem) for path in sorted((folder / "logs").glob("*.yml"))}
    memory = crash_program.memory_of(folder)
    for each in learned.values():  # what was rejected is counted in bytes, and the time of a run is in them
        each["positions"].pop("dead_letters", None)
    memory["_tocsin_positions"] = [
        json.dumps({**workspace.position(name), "dead_letters": None}, sort_keys=True) for name in learned
    ]
    return {**memory, "learned": learned, "letters": letters}


def case(project: Path, place: Path, hook: str, number: int) -> dict[str, Any]:
    """Kill at a moment, run once more, and give what happened."""
    folder = place / str(number)
    shutil.copytree(project, folder)
    fatal = number or 1_000_000
    killed, moments = crash_program.run(folder, f"{hook}/{number}", fatal)
    again = killed if number == 0 else crash_program.run(folder, f"{hook}/{number}")[0]
    found = {
        "number": number,
        "moments": moments,
        "killed": os.WIFSIGNALED(killed) and os.WTERMSIG(killed) == signal.SIGKILL,
        "exit_code": os.waitstatus_to_exitcode(again),
        "output": (folder / "output.txt").read_text(encoding="utf-8"),
        "memory": kept(folder),
    }
    shutil.rmtree(folder)
    return found


def warm() -> None:
    """Load what every child needs."""
    crash_program.warm()
    import tocsin.detectors.events
    import tocsin.persistency
    import tocsin.persistency.snapshots
    import tocsin.sources.log_files
    import tocsin.sources.parsers  # noqa: F401


def answer(project: Path, hook: str, lines: int) -> dict[str, Any]:
    """Try all cases, the one without a kill first; what differs from it is named."""
    warm()
    log_step._CHUNK_LINES, log_step._MOST_LINES = lines, 1
    with tempfile.TemporaryDirectory() as place:
        whole = case(project, Path(place), hook, 0)
        cases = []
        for number in range(1, whole["moments"] + 1):
            found = case(project, Path(place), hook, number)
            memory = found.pop("memory")
            found["differs"] = {
                name: [str(memory[name])[:2000], str(rows)[:2000]]
                for name, rows in whole["memory"].items()
                if rows != memory[name]
            }
            cases.append(found)
    return {"moments": whole["moments"], "ids": whole["memory"]["ids"], "whole": whole, "cases": cases}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answer(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])), default=str))
