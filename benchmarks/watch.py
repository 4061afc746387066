"""Whether one `tocsin watch` keeps up: a thousand metrics a minute, and events, beside a million stored."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.eventstore import find_alerts
from benchmarks.idea_events import make_events
from benchmarks.process import CommandFailedError, run_process, tocsin_command
from benchmarks.result import Better, Result, at_most
from benchmarks.sides import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peer import Peer

__all__ = ["run"]

_MINUTE = 60
_HISTORY = 600
_PATIENCE = 900.0
_LATE_SECONDS = 60.0
_EVENTS_A_SECOND = 20
_MEMORY = "tocsin.db"


@dataclass(frozen=True, slots=True)
class _Sizes:
    metrics: int = 1_000
    events: int = 1_000_000
    minutes: int = 5


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Watch metrics of one minute that get a point each minute, and a folder that gets events.

    Args:
        peer: Not used: it has no long-running process.
        seed: Makes series and events.
        quick: 50 metrics, 20,000 events, two minutes.

    Yields:
        The lines of the benchmark.

    Raises:
        CommandFailedError: There is no public data, or `tocsin watch` ended.
    """
    del peer
    sizes = _Sizes(50, 20_000, 2) if quick else _Sizes()
    with tempfile.TemporaryDirectory(prefix="tocsin-watch-") as scratch:
        bench = _Bench(Path(scratch), sizes, seed)
        tell(f"storing {sizes.events:,} events ...")
        bench.store_events()
        bench.write_project()
        yield from bench.watch()


class _Bench:
    def __init__(self, folder: Path, sizes: _Sizes, seed: int) -> None:
        self._folder, self._sizes, self._seed = folder, sizes, seed
        self._values = np.random.default_rng(seed)
        self._names = [f"m{number:04}" for number in range(sizes.metrics)]
        self._fed: dict[str, float] = {}

    def store_events(self) -> None:
        """Fill the store, before anything watches it."""
        _write(self._folder / "tocsin_project.yml", "name: watch\n")
        path = self._folder / "events.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(
                f"{line}\n" for line in make_events(find_alerts(), self._sizes.events, self._seed)
            )
        run_process(tocsin_command("events", "import", str(path), "--json"), self._folder)
        path.unlink()

    def write_project(self) -> None:
        """Write metrics with ten hours of history, and a monitor of events with a folder."""
        end = int(time.time()) // _MINUTE * _MINUTE
        for name in self._names:
            rows = "".join(self._row(second) for second in range(end - _HISTORY * _MINUTE, end, _MINUTE))
            _write(self._folder / "data" / f"{name}.csv", "timestamp,value\n" + rows)
            _write(self._folder / "metrics" / f"{name}.yml", _METRIC.format(name=name))
        _write(self._folder / "events" / "probe.yml", _EVENTS)
        (self._folder / "incoming").mkdir()

    def _row(self, second: int) -> str:
        at = datetime.fromtimestamp(second, UTC)
        return f"{at:%Y-%m-%d %H:%M:%S},{self._values.normal(100, 5):.3f}\n"

    def watch(self) -> Iterator[Result]:
        """Start it, wait until it has caught up, feed it for some minutes, and look at what it did when."""
        with (self._folder / "watch.log").open("wb") as log:
            process = subprocess.Popen(
                tocsin_command("watch", "--no-listen"), cwd=self._folder, stdout=log, stderr=log
            )
            try:
                begun = time.monotonic()
                self._until_all_ran(process)
                yield Result("until all metrics were judged once", "s", time.monotonic() - begun)
                used, since = _cpu_seconds(process.pid), time.monotonic()
                self._feed(process)
                share = (_cpu_seconds(process.pid) - used) / (time.monotonic() - since)
                resident = _resident_mb(process.pid)
                process.send_signal(signal.SIGTERM)
                code = process.wait(120)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        yield from self._lags()
        yield Result("processors used meanwhile", "", share, better=Better.LOWER)
        yield Result("memory at the end", "MB", resident)
        yield Result("exit code after SIGTERM", "", float(code), goal=at_most(0))

    def _until_all_ran(self, process: subprocess.Popen[bytes]) -> None:
        query = "SELECT count(*) FROM _tocsin_tasks WHERE process_type = 'detect' AND status = 'completed'"
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise CommandFailedError((self._folder / "watch.log").read_text(encoding="utf-8")[-500:])
            with suppress(sqlite3.OperationalError):  # its tables are made when it starts
                ((done,),) = self._ask(query)
                if done >= self._sizes.metrics:
                    return
            time.sleep(1.0)
        raise CommandFailedError("the first round did not end")

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Append a point to every file at each full minute, the minute that is over; and send events."""
        now = time.time()
        first = int(now) // _MINUTE * _MINUTE + _MINUTE
        self._catch_up(int(now) // _MINUTE * _MINUTE)
        self._first_minute, number = first, 0
        for minute in range(self._sizes.minutes):
            slot = first + minute * _MINUTE
            tell(f"minute {minute + 1} of {self._sizes.minutes} ...")
            while time.time() < slot + _MINUTE:
                self._send_events(number)
                number += 1
                time.sleep(1.0)
                if process.poll() is not None:
                    raise CommandFailedError("watch ended")
            for name in self._names:
                self._append(name, slot)
        end = time.time() + _LATE_SECONDS
        while time.time() < end:
            time.sleep(1.0)

    def _catch_up(self, until: int) -> None:
        """Append what has passed since the files were written."""
        for name in self._names:
            path = self._folder / "data" / f"{name}.csv"
            last = datetime.fromisoformat(path.read_text(encoding="utf-8").rsplit("\n", 2)[1].split(",")[0])
            begin = int(last.replace(tzinfo=UTC).timestamp()) + _MINUTE
            for second in range(begin, until + _MINUTE, _MINUTE):
                self._append(name, second)

    def _append(self, name: str, second: int) -> None:
        with (self._folder / "data" / f"{name}.csv").open("a", encoding="utf-8") as file:
            file.write(self._row(second))

    def _send_events(self, number: int) -> None:
        now = time.time()
        lines = []
        for place in range(_EVENTS_A_SECOND):
            name = str(uuid.uuid4())
            self._fed[name] = now
            event = {
                "Format": "IDEA0",
                "ID": name,
                "DetectTime": datetime.fromtimestamp(now, UTC).isoformat(),
                "Category": ["Recon.Scanning"],
                "Source": [{"IP4": [f"198.51.100.{(number + place) % 250}"]}],
                "Node": [{"Name": "probe"}],
            }
            lines.append(json.dumps(event))
        waiting = self._folder / "incoming" / f".{number:06}.jsonl"
        waiting.write_text("\n".join(lines) + "\n", encoding="utf-8")
        waiting.rename(self._folder / "incoming" / f"{number:06}.jsonl")

    def _lags(self) -> Iterator[Result]:
        first, last = self._first_minute, self._first_minute + (self._sizes.minutes - 1) * _MINUTE
        rows = self._ask(
            "SELECT timestamp, created_at FROM _tocsin_datapoints WHERE timestamp BETWEEN ? AND ?",
            first * 1000, last * 1000,
        )  # fmt: skip
        lags = np.array([created / 1000 - (slot / 1000 + _MINUTE) for slot, created in rows])
        expected = self._sizes.metrics * self._sizes.minutes
        title = f"{self._sizes.metrics:,} metrics of one minute"
        yield Result(
            f"{title}: points not there within a minute",
            "",
            float(expected - int((lags <= _LATE_SECONDS).sum())),
            goal=at_most(0),
        )
        for share in (50, 95, 100):
            yield Result(
                f"{title}: from the end of the minute to the point, {share} %",
                "s",
                float(np.percentile(lags, share)),
            )
        decided: dict[str, int] = dict(
            self._ask(
                "SELECT event_id, min(decided_at) FROM _tocsin_decisions"
                " WHERE monitor = 'probe' GROUP BY event_id"
            )
        )
        waits = np.array([decided[name] / 1000 - at for name, at in self._fed.items() if name in decided])
        title = f"{_EVENTS_A_SECOND} events a second beside {self._sizes.events:,}"
        yield Result(f"{title}: not decided about", "", float(len(self._fed) - len(waits)), goal=at_most(0))
        for share in (50, 95, 100):
            yield Result(
                f"{title}: from the folder to the decision, {share} %",
                "s",
                float(np.percentile(waits, share)),
            )

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        path = self._folder / _MEMORY
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as memory:
            return memory.execute(query, values).fetchall()


# A minute's rows are appended within about a second after its end, as whoever measures needs a moment, too:
# `loading_delay` is for that. Without it what is due first is read before its row is there, and has it a
# minute later; how much there is to do in a minute stays the same.
_METRIC = """\
name: {name}
query: |
  SELECT timestamp, value
  FROM read_csv('data/{name}.csv', header=true, columns={{'timestamp': 'TIMESTAMP', 'value': 'DOUBLE'}})
  WHERE timestamp >= '{{{{ tocsin_start_time }}}}' AND timestamp < '{{{{ tocsin_end_time }}}}'
interval: 1min
loading_delay: 2s
detectors:
  - type: mad
    params: {{threshold: 5.0, window_size: 300}}
alerting: {{consecutive_anomalies: 3}}
"""
_EVENTS = """\
name: probe
source: {folder: incoming}
filter: {detectors: [probe]}
alerting: {}
"""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
