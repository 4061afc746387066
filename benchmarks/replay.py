"""A day at 1,000 times its speed through `tocsin watch`: killed again and again, with channels that fail."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from benchmarks.process import CommandFailedError, run_process, tocsin_command
from benchmarks.public_data import data_folder, find_audit_log
from benchmarks.replay_outcome import FailingReceiver, compare
from benchmarks.result import Result, at_least, at_most
from benchmarks.sides import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peer import Peer

__all__ = ["run"]

_SPEED = 1_000
_DAY = 86_400
_TICK = 0.5
_KILL_AFTER = (2.0, 5.0)
_PATIENCE = 1_800.0
_WARM_UP = 10.0  # it has begun everything by then
_SERIES = 10
_POINTS_FED = 288
_MEMORY = "tocsin.db"


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Replay the busiest day of `fox`, the audit log and ten series; then compare with one quiet run.

    Args:
        peer: Not used: it has no long-running process.
        seed: Chooses the moments of kills and failures.
        quick: The quiet day before the attack, twenty minutes of it.

    Yields:
        The lines of the benchmark.

    Raises:
        CommandFailedError: There is no public data, or a command failed.
    """
    del peer
    moments = random.Random(seed)  # noqa: S311 - moments need no secrecy
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-replay-")))
        receivers = [stack.enter_context(FailingReceiver(0.5, moments.random())) for _ in range(2)]
        replay = _Replay(scratch / "watched", scratch / "quiet", quick=quick)
        replay.prepare([receiver.url for receiver in receivers])
        tell(f"feeding {replay.seconds:.0f} s, with kills ...")
        watched = replay.go(moments)
        tell("one run over the same ...")
        replay.reference()
        outcome = compare(scratch / "watched" / _MEMORY, scratch / "quiet" / _MEMORY, receivers)
    yield Result("events, lines and points fed", "", float(replay.fed), note=f"in {replay.seconds:.0f} s")
    yield Result("kills of the process", "", float(watched.kills))
    yield Result(
        "messages",
        "",
        float(outcome.messages),
        note=f"{sum(r.refused for r in receivers):,} refused attempts",
    )
    yield Result("messages not delivered", "", float(outcome.undelivered), goal=at_most(0))
    yield Result(
        "messages that one quiet run has, and the replay has not", "", float(outcome.lost), goal=at_most(0)
    )
    yield Result("messages that only the replay has", "", float(outcome.extra), goal=at_most(0))
    yield Result("things told with two ids", "", float(outcome.doubled), goal=at_most(0))
    yield Result(
        "messages that overtook another of their channel", "", float(outcome.overtaken), goal=at_most(0)
    )
    yield Result("seconds until all was told, after the last was fed", "s", watched.drained_after)
    yield Result(
        "memory at the end, against that after ten seconds without a kill",
        "x",
        watched.growth,
        goal=at_most(1.2),
    )
    yield Result("exit code after SIGTERM", "", float(watched.exit_code), goal=at_most(0))
    yield Result("messages compared", "", float(outcome.compared), goal=at_least(1))


@dataclass(slots=True)
class _Watched:
    """What was seen of the process."""

    kills: int = 0
    drained_after: float = 0.0
    growth: float = 0.0
    exit_code: int = -1


@dataclass(slots=True)
class _Feed:
    """Something that grows: a file that lines are appended to, from the first to the last second."""

    path: Path
    lines: list[str]
    done: int = 0

    def advance(self, share: float) -> int:
        """Append what is due when so much of the time is over."""
        due = min(len(self.lines), int(len(self.lines) * share))
        if due > self.done:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(self.lines[self.done : due]))
        added, self.done = due - self.done, max(due, self.done)
        return max(added, 0)


@dataclass(slots=True)
class _Replay:
    """Two projects that get the same: one watched as it comes, one run once at the end."""

    watched: Path
    quiet: Path
    quick: bool
    fed: int = 0
    seconds: float = 0.0
    _alerts: list[tuple[float, str]] = field(default_factory=list)
    _header: str = ""
    _feeds: list[_Feed] = field(default_factory=list)
    _last_start: int = 0

    @property
    def _log(self) -> Path:
        return self.watched / "watch.log"

    def prepare(self, urls: list[str]) -> None:
        """Make the projects from the whole data, then take back what is fed later."""
        folder, audit = data_folder(), find_audit_log()
        if folder is None or audit is None:
            raise CommandFailedError("the public data is not there: set TOCSIN_DATA")
        self._read_alerts(folder / "alerts" / "fox_alerts.csv.gz")
        data = self.watched.parent / "data"
        data.mkdir(parents=True)
        series = sorted(path for path in (folder / "nab" / "data").rglob("*.csv"))[:_SERIES]
        for path in (audit.log, *series):
            shutil.copy(path, data / path.name)
        names = [f"data/{path.name}" for path in (audit.log, *series)]
        for project in (self.watched, self.quiet):
            project.mkdir()
            shutil.copytree(data, project / "data")
            init = tocsin_command("init", "--from", *names, "--train", str(audit.training_lines))
            run_process(init, project)
            self._configure(project, urls if project == self.watched else [])
        for path in (audit.log, *series):
            self._take_back(
                self.watched / "data" / path.name, audit.training_lines if path == audit.log else None
            )

    def _read_alerts(self, path: Path) -> None:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            self._header = file.readline()
            rows = [(float(next(csv.reader([line]))[0]), line) for line in file]
        days = [second // _DAY for second, _ in rows]
        busiest = max(set(days), key=days.count)
        chosen = busiest - 1 if self.quick else busiest
        begin = chosen * _DAY
        length = _DAY / 5 if self.quick else _DAY
        self._alerts = sorted(
            ((second - begin, line) for second, line in rows if begin <= second < begin + length),
            key=lambda one: one[0],
        )
        self.seconds = length / _SPEED

    def _configure(self, project: Path, urls: list[str]) -> None:
        channels = (
            "".join(
                f"  c{number}: {{type: webhook, url: {url}, allow_private: true}}\n"
                for number, url in enumerate(urls)
            )
            or "  c0: {type: webhook, url: 'http://127.0.0.1:9', allow_private: true}\n"
            "  c1: {type: webhook, url: 'http://127.0.0.1:9', allow_private: true}\n"
        )
        profiles = project / "profiles.yml"
        text = profiles.read_text(encoding="utf-8")
        profiles.write_text(
            text.replace("alert_channels: {}\n", f"alert_channels:\n{channels}"), encoding="utf-8"
        )
        # The ids of what is told are made from the project's name, too: both have the same.
        named = project / "tocsin_project.yml"
        text = named.read_text(encoding="utf-8")
        named.write_text(text.replace(f"name: {project.name}\n", "name: replay\n"), encoding="utf-8")
        (project / "groups.yml").write_text(
            "groups:\n  - {name: operators, channels: [c0, c1]}\nfallback: operators\n", encoding="utf-8"
        )
        (project / "incoming").mkdir()
        (project / "events").mkdir(exist_ok=True)
        (project / "events" / "alerts.yml").write_text(
            "name: alerts\nsource: {folder: incoming}\nalerting: {side: target, severity: high}\n",
            encoding="utf-8",
        )

    def _take_back(self, path: Path, kept: int | None) -> None:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = len(lines) - _POINTS_FED if kept is None else kept
        path.write_text("".join(lines[:kept]), encoding="utf-8")
        self._feeds.append(_Feed(path, lines[kept:]))

    def go(self, moments: random.Random) -> _Watched:
        """Feed, kill and start again; then wait until all is told, and end the process in order."""
        seen = _Watched()
        log = self._log.open("wb")
        process = self._start(log)
        try:
            begun, position, number = time.monotonic(), 0, 0
            kill_at = begun + moments.uniform(*_KILL_AFTER)
            while (elapsed := time.monotonic() - begun) < self.seconds + _TICK:
                position = self._feed(elapsed, position, number)
                number += 1
                if time.monotonic() >= kill_at:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    seen.kills += 1
                    process = self._start(log)
                    kill_at = time.monotonic() + moments.uniform(*_KILL_AFTER)
                time.sleep(_TICK)
            self._feed(self.seconds + 1.0, position, number)
            # The interval of most series is longer than the replay: a start looks at all that was fed last.
            process.send_signal(signal.SIGKILL)
            process.wait()
            seen.kills += 1
            self._last_start = self._log.stat().st_size
            process = self._start(log)
            fed = time.monotonic()
            seen.growth = self._drain(process)
            seen.drained_after = time.monotonic() - fed
            process.send_signal(signal.SIGTERM)
            seen.exit_code = process.wait(60)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            log.close()
        return seen

    def _start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = tocsin_command("watch", "--no-listen", "--json")
        return subprocess.Popen(
            command, cwd=self.watched, stdout=log, stderr=log, env=os.environ | {"NO_COLOR": "1"}
        )

    def _feed(self, elapsed: float, position: int, number: int) -> int:
        until = position
        while until < len(self._alerts) and self._alerts[until][0] <= elapsed * _SPEED:
            until += 1
        if until > position:
            text = self._header + "".join(line for _, line in self._alerts[position:until])
            name = f"{number:06}.csv"
            (self.quiet / "incoming" / name).write_text(text, encoding="utf-8")
            waiting = self.watched / "incoming" / f".{name}"
            waiting.write_text(text, encoding="utf-8")
            waiting.rename(self.watched / "incoming" / name)
        self.fed += until - position + sum(feed.advance(elapsed / self.seconds) for feed in self._feeds)
        return until

    def _drain(self, process: subprocess.Popen[bytes]) -> float:
        """Wait until nothing is left to do; give how much the process has grown meanwhile."""
        deadline, first, last = time.monotonic() + _PATIENCE, 0.0, 0.0
        settled = 0
        begun = time.monotonic()
        while time.monotonic() < deadline and settled < 3:  # noqa: PLR2004 - three looks in a row
            time.sleep(2.0)
            if process.poll() is not None:
                raise CommandFailedError(f"watch ended: {self._log.read_text()[-500:]}")
            last = _resident_mb(process.pid)
            if not first and time.monotonic() - begun > _WARM_UP:
                first = last
            settled = settled + 1 if self._is_done() else 0
        return last / (first or last)

    def _is_done(self) -> bool:
        if any(path.is_file() for path in (self.watched / "incoming").iterdir()) or not self._have_all_run():
            return False
        with closing(sqlite3.connect(f"file:{self.watched / _MEMORY}?mode=ro", uri=True)) as memory:
            (pending,) = memory.execute(
                "SELECT (SELECT count(*) FROM _tocsin_outbox WHERE state = 'pending')"
                " + (SELECT count(*) FROM _tocsin_candidates WHERE state = 'waiting')"
                " + (SELECT count(*) FROM _tocsin_notices)"
            ).fetchone()
            (events,) = memory.execute("SELECT last_seq FROM event_store").fetchone()
            found = memory.execute(
                "SELECT position FROM _tocsin_positions WHERE name = 'events:alerts'"
            ).fetchone()
        read = json.loads(found[0]).get("cursor", 0) if found else 0
        return not pending and bool(read >= events)

    def _have_all_run(self) -> bool:
        """Say whether each monitor was run since the last start."""
        with self._log.open("rb") as log:
            log.seek(self._last_start)
            said = [json.loads(line) for line in log if line.startswith(b"{") and line.endswith(b"}\n")]
        ran = {one["name"] for one in said if one["what"] == "run" and one["status"] == "completed"}
        return len(ran) == len(self._feeds) + 1

    def reference(self) -> None:
        """Run once over all of it, as it is at the end."""
        run_process(tocsin_command("run", "--json"), self.quiet)


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
