"""Runs `tocsin run` in a child that kills itself at its k-th moment, for every k, and compares what is kept.

    python crash_program.py PROJECT HOOK

PROJECT is a project folder as the killed run finds it, HOOK the address that each case's messages go to
(with the case's number behind it). The answer is one JSON object. A moment is the end of a commit, or the
time before or after a message is sent. The children are forked, so that hundreds of runs take a minute.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.alerting.channels import webhook
from tocsin.cli.main import main
from tocsin.database.sqlite.session import SQLiteSession

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = {
    "_tocsin_datapoints": "metric_name, timestamp, value, seasonality_data, interval_seconds",
    "_tocsin_detections": "metric_name, detector_id, timestamp, is_anomaly, confidence_lower,"
    " confidence_upper, value, detector_params, detection_metadata",
    "_tocsin_incidents": "series, rule, condition, opened_at, state, last_anomaly_at, anomalies, direction,"
    " severity, told_at, told_severity, resolved_at, last_kind, last_reason",
    "_tocsin_outbox": "message_id, channel, kind, rule, series, state",
    "_tocsin_candidates": "candidate_id, state, payload",
    "_tocsin_decisions": "candidate_id, decision_id, event_id, monitor, series, rule, condition, opened_at,"
    " group_name, channel, kind, stage, reason, severity, event_at, until, notice_id, message_id",
    "_tocsin_notices": "notice_id",
    "events": "id, description, eventclass, eventseverity",
    "_tocsin_positions": "name, position",
}
_NEVER = 1_000_000


class Moments:
    """Counts moments, and ends this process at one of them."""

    def __init__(self, fatal: int, log: Path) -> None:
        self.count, self.fatal, self.log = 0, fatal, log

    def pass_one(self) -> None:
        self.count += 1
        self.log.write_text(str(self.count), encoding="utf-8")
        if self.count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if before:
                self.pass_one()
            result = function(*arguments, **options)
            self.pass_one()
            return result

        return call


def run(folder: Path, hook: str, fatal: int = _NEVER) -> tuple[int, int]:
    """Run in a child; give its wait status and how many moments it had."""
    log = folder / "moments"
    log.write_text("0", encoding="utf-8")
    child = os.fork()
    if not child:
        code = 70
        try:
            os.chdir(folder)
            os.environ |= {"HOOK": hook, "HOME": str(folder)}
            silent = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            moments = Moments(fatal, log)
            SQLiteSession.commit = moments.around(SQLiteSession.commit, before=False)  # type: ignore[method-assign]
            webhook.WebhookChannel.send = moments.around(  # type: ignore[method-assign]
                webhook.WebhookChannel.send, before=True
            )
            main(["run"])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return status, int(log.read_text(encoding="utf-8"))


def memory_of(folder: Path) -> dict[str, list[Any]]:
    """Read all that two ways to the same memory must agree in."""
    connection = sqlite3.connect(folder / "tocsin.db")
    try:
        kept = {
            table: sorted(map(repr, connection.execute(f"SELECT {columns} FROM {table}")))
            for table, columns in TABLES.items()
        }
        kept["leases"] = connection.execute("SELECT name FROM _tocsin_leases WHERE owner <> ''").fetchall()
        ids = connection.execute("SELECT message_id FROM _tocsin_outbox ORDER BY message_id")
        kept["ids"] = [identity for (identity,) in ids]
    finally:
        connection.close()
    return kept


def case(project: Path, place: Path, hook: str, number: int) -> dict[str, Any]:
    """Kill at a moment, run once more, and give what happened."""
    folder = place / str(number)
    shutil.copytree(project, folder)
    killed, moments = run(folder, f"{hook}/{number}", number or _NEVER)
    again = 0 if number == 0 else run(folder, f"{hook}/{number}")[0]
    found = {
        "number": number,
        "moments": moments,
        "killed": os.WIFSIGNALED(killed) and os.WTERMSIG(killed) == signal.SIGKILL,
        "exit_code": os.waitstatus_to_exitcode(again if number else killed),
        "output": (folder / "output.txt").read_text(encoding="utf-8"),
        "memory": memory_of(folder),
    }
    shutil.rmtree(folder)
    return found


def warm() -> None:
    """Load what every child needs, but nothing that has threads or connections."""
    import duckdb  # noqa: F401
    import jinja2.sandbox  # noqa: F401
    import numpy as np

    from tocsin import sandbox as _sandbox  # noqa: F401
    from tocsin.cli import run as _run  # noqa: F401
    from tocsin.database import duckdb as _duckdb  # noqa: F401
    from tocsin.database import migrations as _migrations  # noqa: F401
    from tocsin.detectors import IQRDetector, MADDetector, ZScoreDetector
    from tocsin.runtime import pipeline as _pipeline  # noqa: F401

    count = 64
    for detector in (MADDetector(), ZScoreDetector(), IQRDetector()):
        detector.detect_arrays(
            {
                "timestamp": np.arange(count).astype("datetime64[m]").astype("datetime64[ms]"),
                "value": np.arange(count, dtype=np.float64),
                "seasonality_data": np.full(count, "{}", dtype=object),
                "seasonality_columns": [],
            }
        )


def answer(project: Path, hook: str) -> dict[str, Any]:
    """Try all cases, the one without a kill first; what differs from it is named."""
    warm()
    with tempfile.TemporaryDirectory() as place:
        whole = case(project, Path(place), hook, 0)
        cases = []
        for number in range(1, whole["moments"] + 1):
            found = case(project, Path(place), hook, number)
            memory = found.pop("memory")
            found["differs"] = [name for name, rows in whole["memory"].items() if rows != memory[name]]
            cases.append(found)
    return {"moments": whole["moments"], "ids": whole["memory"]["ids"], "whole": whole, "cases": cases}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answer(Path(sys.argv[1]), sys.argv[2])))
