"""How many messages people get for how many alerts, and whether each step of an attack is told."""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.process import CommandFailedError, run_process, tocsin_command
from benchmarks.public_data import data_folder
from benchmarks.result import Result, at_most
from benchmarks.sides import tell
from tocsin.runtime.receiver import Receiver
from tocsin.sources.idea_files import EventFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peer import Peer

__all__ = ["run", "steps_of"]

_SCENARIOS = ("fox", "russellmitchell", "santos")
_SEVERITIES = ("medium", "high")
_HEARTBEAT = "heartbeat"
_LATER = 8 * 86_400
_QUICK_ROWS = 5_000
_NO_STEP = "-"


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Import each scenario into a project, run it, and look at what a receiver got.

    Args:
        peer: Not used.
        seed: Not used: the alerts are what they are.
        quick: The first 5,000 alerts of each scenario.

    Yields:
        The lines of the benchmark.

    Raises:
        CommandFailedError: There is no public data, or a command failed.
    """
    del peer, seed
    folder = data_folder()
    if folder is None:
        raise CommandFailedError("the public alerts are not there: set TOCSIN_DATA")
    for severity in _SEVERITIES[1:] if quick else _SEVERITIES:
        messages = alerts = 0
        untold: list[str] = []
        for scenario in _SCENARIOS:
            tell(f"{scenario}, severity {severity} ...")
            path = folder / "alerts" / f"{scenario}_alerts.csv.gz"
            found = _Scenario(path, _QUICK_ROWS if quick else None).told(severity)
            messages, alerts = messages + found["messages"], alerts + found["alerts"]
            untold += [f"{scenario}: {step}" for step in found["untold"]]
            title = f"{scenario}, severity {severity}"
            note = f"{found['seconds']:.0f} s to decide; {found['held']:,} named in no message"
            what = f"{title}: messages for {found['alerts']:,} alerts"
            yield Result(what, "", float(found["messages"]), note=note)
            yield Result(f"{title}: alerts a message", "", found["alerts"] / max(found["messages"], 1))
        goal = at_most(0) if severity == "high" else None
        note = ", ".join(untold) or "every labelled step was told"
        what = f"severity {severity}: steps of attacks not told"
        yield Result(what, "", float(len(untold)), goal=goal, note=note)
        yield Result(f"severity {severity}: alerts a message, all", "", alerts / max(messages, 1))


class _Scenario:
    """One file of alerts, each with the step of the attack that it belongs to."""

    def __init__(self, path: Path, rows: int | None) -> None:
        self._path = path
        self._rows = rows

    def told(self, severity: str) -> dict[str, Any]:
        """Let a project decide about all of it, and count what a receiver got."""
        with tempfile.TemporaryDirectory() as scratch, Receiver() as receiver:
            folder = Path(scratch)
            file = folder / "alerts.csv"
            file.write_text(self._text(), encoding="utf-8")
            step_of = steps_of(file)
            _write(folder, receiver.url, severity)
            imported = run_process(tocsin_command("events", "import", str(file), "--json"), folder)
            ran = run_process(tocsin_command("run", "--json"), folder)
            self._let_silences_end(folder, file)
            told: set[str] = set()
            for message in receiver.messages:
                told.update(_events_of(message))
            steps = Counter(step_of.values())
            reached = {step_of[event] for event in told if event in step_of}
            return {
                "alerts": json.loads(imported.stdout)["new"],
                "messages": len(receiver.messages) - 1,  # without the one event of a week later
                "held": len(step_of) - len(told),
                "seconds": ran.seconds,
                "untold": sorted(step for step in steps if step != _NO_STEP and step not in reached),
            }

    def _let_silences_end(self, folder: Path, file: Path) -> None:
        """Go on to a week later, when what went on near the end of a silence has been told again."""
        with file.open(encoding="utf-8", newline="") as rows:
            last = max(float(row["time"]) for row in csv.DictReader(rows))
        event = {
            "Format": "IDEA0",
            "ID": _HEARTBEAT,
            "DetectTime": last + _LATER,
            "Category": ["Test"],
            "Target": [{"Hostname": [_HEARTBEAT]}],
        }
        path = folder / "later.json"
        path.write_text(json.dumps(event), encoding="utf-8")
        run_process(tocsin_command("events", "import", str(path), "--json"), folder)
        run_process(tocsin_command("run", "--json"), folder)

    def _text(self) -> str:
        """Give the alerts in order of time: the files have those of one detector behind those of another."""
        with gzip.open(self._path, "rt", encoding="utf-8", newline="") as file:
            header, *lines = file.readlines()
        lines.sort(key=lambda line: float(line.partition(",")[0]))
        return "".join([header, *lines[: self._rows]])


def steps_of(file: Path) -> dict[str, str]:
    """Give the step of the attack of each event: ID → label, `-` for none."""
    with file.open(encoding="utf-8", newline="") as rows:
        labels = [row["event_label"] for row in csv.DictReader(rows)]
    with EventFile(str(file), None) as events:
        ids = [json.loads(item)["ID"] for _, item in events if isinstance(item, bytes)]
    return dict(zip(ids, labels, strict=True))


def _events_of(message: dict[str, Any]) -> Iterator[str]:
    """Give the IDs of the events that a message tells of: its own, and those held back before."""
    for part in (message, *(message.get("items") or ())):
        event = part.get("event") or {}
        yield from (str(one) for one in (event.get("id"), part.get("event_id")) if one)


def _write(folder: Path, url: str, severity: str) -> None:
    files = {
        "tocsin_project.yml": "name: noise\n",
        "profiles.yml": f"alert_channels:\n  receiver: {{type: webhook, url: {url}, allow_private: true}}\n",
        "groups.yml": "groups:\n  - name: operators\n    channels: [receiver]\nfallback: operators\n",
        "events/alerts.yml": f"name: alerts\nalerting: {{side: target, severity: {severity}}}\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
