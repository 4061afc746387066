"""Kills `tocsin run` as `tests.runtime.crash_program` does, at every moment before the first message is sent.

    python kill_program.py PROJECT HOOK

Besides the commits of the memory, the commits of the event storage and the moving of files are moments.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.runtime import crash_program
from tocsin.eventstorage.sqlite.transactions import OwnTransaction
from tocsin.runtime.alerts import notify_step as _notify_step  # noqa: F401 - so that children need not load it
from tocsin.sources.idea_files.folder_queue import ClaimedFile

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = {
    "_tocsin_positions": "name, position",
    "_tocsin_outbox": "message_id, channel, kind, rule, series, state",
    "_tocsin_decisions": "decision_id, candidate_id, event_id, group_name, channel, kind, stage, reason,"
    " severity, event_at, until, notice_id, message_id",
    "_tocsin_notices": "notice_id",
    "_tocsin_candidates": "candidate_id",
    "events": "seq, id",
    "threshold_reports": "id, number, severity, reported_at, until, held_count, last_held_after",
    "events_thresholded": "keyid, eventid",
}


class Moments(crash_program.Moments):
    """Counts what happens to events too, and tells when the first message was about to be sent."""

    def __init__(self, fatal: int, log: Path) -> None:
        super().__init__(fatal, log)
        commit: Callable[..., None] = OwnTransaction.commit
        finish: Callable[..., Path | None] = ClaimedFile.finish
        OwnTransaction.commit = self.around(commit, before=False)  # type: ignore[method-assign]
        ClaimedFile.finish = super().around(finish, before=True)  # type: ignore[method-assign]

    def around(self, function: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
        if not before:
            return super().around(function, before=False)

        def send(*arguments: Any, **options: Any) -> Any:
            with Path("first_send").open("a", encoding="utf-8") as told:
                told.write(f"{self.count}\n")
            return function(*arguments, **options)

        return send


def answer(project: Path, hook: str) -> dict[str, Any]:
    """Try all cases; what differs from the one without a kill is named."""
    crash_program.warm()
    with tempfile.TemporaryDirectory() as place:
        probe = Path(place) / "probe"
        shutil.copytree(project, probe)
        crash_program.run(probe, f"{hook}/probe")
        moments = int((probe / "first_send").read_text(encoding="utf-8").split()[0])
        whole = crash_program.case(project, Path(place), hook, 0)
        cases = []
        for number in range(1, moments + 1):
            found = crash_program.case(project, Path(place), hook, number)
            memory = found.pop("memory")
            found["differs"] = [name for name, rows in whole["memory"].items() if rows != memory[name]]
            cases.append(found)
    return {"moments": moments, "ids": whole["memory"]["ids"], "whole": whole, "cases": cases}


if __name__ == "__main__":
    crash_program.TABLES.clear()
    crash_program.TABLES.update(TABLES)
    crash_program.Moments = Moments  # type: ignore[misc]
    sys.stdout.write(json.dumps(answer(Path(sys.argv[1]), sys.argv[2])))
