"""A watch over a small project, as a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.runtime.conftest import Workspace
from tocsin.runtime.clock import SystemClock
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

_PATIENCE = 40.0  # on a busy machine


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until a condition gives something true, and give that."""
    deadline = time.monotonic() + _PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"in vain waited for {what}"
        time.sleep(0.02)  # between two looks, not in place of one
    return found


def insist(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Ask a process to end, again and again, until it has ended."""

    def has_ended() -> bool:
        process.send_signal(number)
        return process.poll() is not None

    until(has_ended, "its end")


class Watching:
    """`tocsin watch --json`, and what it has said so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tocsin", "watch", "--json", "--listen", "127.0.0.1:0", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": str(folder)},
        )
        self.lines: list[dict[str, Any]] = []
        self.err = ""
        self._readers = [
            threading.Thread(target=self._read_lines), threading.Thread(target=self._read_errors)
        ]  # fmt: skip
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.err += line

    def said(self, what: str, text: str = "", **facts: Any) -> list[dict[str, Any]]:
        return [
            line
            for line in list(self.lines)
            if line["what"] == what
            and text in line.get("text", "")
            and all(line.get(name) == value for name, value in facts.items())
        ]

    def wait_for(self, what: str, text: str = "", times: int = 1, **facts: Any) -> dict[str, Any]:
        """Wait until it has said something so often, and give the last of it."""

        def found() -> list[dict[str, Any]]:
            lines = self.said(what, text, **facts)
            assert len(lines) >= times or self.process.poll() is None, self.err
            return lines if len(lines) >= times else []

        try:
            last: dict[str, Any] = until(found, f"{what} {text} {facts}")[-1]
        except AssertionError as error:
            shown = "\n".join(json.dumps(line) for line in self.lines[-30:])
            message = f"{error}\n{shown}\n{self.err}"
            raise AssertionError(message) from None
        return last

    def get(self, path: str, accept: str = "") -> tuple[int, str]:
        host = self.wait_for("listening")["url"].removeprefix("http://")
        with contextlib.closing(http.client.HTTPConnection(host, timeout=30)) as connection:
            connection.request("GET", path, headers={"Accept": accept})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def figures(self) -> dict[str, float]:
        """Give the metrics page, parsed."""
        from prometheus_client.parser import text_string_to_metric_families

        return {
            sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in text_string_to_metric_families(self.get("/metrics")[1])
            for sample in family.samples
        }

    def wait_for_figures(self, expected: Mapping[str, float]) -> None:
        """Wait until these are on the metrics page: what has happened is counted a moment later."""
        found: dict[str, float] = {}

        def are_there() -> bool:
            found.update(self.figures())
            return all(found.get(name) == value for name, value in expected.items())

        try:
            until(are_there, f"{expected}")
        except AssertionError as error:
            shown = {name: found.get(name) for name in expected}
            message = f"{error}; last: {shown}"
            raise AssertionError(message) from None

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Have it end, and give its exit code."""
        self.send(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(_PATIENCE)
        for reader in self._readers:
            reader.join(_PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._readers[0].is_alive() or self.process.returncode is None:
            self.process.kill()
        self.wait()


class WatchedProject(Workspace):
    """A project that goes by the real time: a metric of one second, a log, a folder of events."""

    def channels(self, **urls: str) -> None:
        channels = {
            name: {"type": "webhook", "url": url, "allow_private": True, "timeout": 30}
            for name, url in urls.items()
        }
        self.write(
            "profiles.yml",
            {
                "profiles": {"files": {"type": "duckdb"}},
                "default_profile": "files",
                "alert_channels": channels,
            },
        )

    def steady_metric(self, name: str, channel: str = "ops", **keys: Any) -> None:
        """Make a metric that is quiet: a point a second, up to a moment ago."""
        now = SystemClock().now().replace(microsecond=0)
        rows = [(f"{now - timedelta(seconds=60 - n):%Y-%m-%d %H:%M:%S}", 100 + n % 3) for n in range(60)]
        self.csv(name, rows)
        self.metric(
            name,
            interval="1s",
            detectors=[{"type": "manual_bounds", "params": {"upper_bound": 200}}],
            alerting={"channels": [channel], "consecutive_anomalies": 2},
            **keys,
        )

    def append(self, name: str, value: float, points: int = 3) -> None:
        """Append points after the last one: what was read already is not read again, however soon this is."""
        path = self.folder / f"{name}.csv"
        last = datetime.fromisoformat(path.read_text(encoding="utf-8").splitlines()[-1].split(",")[0])
        with path.open("a", encoding="utf-8") as file:
            for n in range(points):
                file.write(f"{last + timedelta(seconds=1 + n):%Y-%m-%d %H:%M:%S},{value}\n")

    def memory_says(self, query: str) -> Any:
        """Give the first value of a query, `None` as long as there is no memory."""
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(
            sqlite3.connect(f"file:{self.folder / 'tocsin.db'}?mode=ro", uri=True)
        ) as memory:  # fmt: skip
            return memory.execute(query).fetchone()[0]
        return None

    def log(self, name: str, channel: str = "ops") -> Path:
        """Make a log that has learned its events, and give its file."""
        (self.folder / "logs").mkdir(exist_ok=True)
        path = self.folder / f"{name}.log"
        path.write_text("".join(f'{{"time": {1_760_000_000 + n}, "event": "login"}}\n' for n in range(20)))
        self.write(
            f"logs/{name}.yml",
            {
                "name": name,
                "source": {"files": [f"{name}.log"]},
                "parser": {"type": "json"},
                "train": {"events": 10},
                "detectors": [{"type": "new_event"}],
                "alerting": {"channels": [channel]},
            },
        )
        return path

    def folder_of_events(self, name: str, channel: str = "ops") -> Path:
        """Make a monitor of events that arrive in a folder, and give the folder."""
        (self.folder / "events").mkdir(exist_ok=True)
        incoming = self.folder / "incoming" / name
        incoming.mkdir(parents=True)
        self.write(
            f"events/{name}.yml",
            {
                "name": name,
                "source": {"folder": f"incoming/{name}"},
                "alerting": {"channels": [channel]},
            },
        )
        return incoming


def event(number: int, category: str = "Recon.Scanning") -> dict[str, Any]:
    """Make an event of its own source, so that no other is a reason to be silent about it."""
    return {
        "Format": "IDEA0",
        "ID": str(uuid.UUID(int=number)),
        "DetectTime": f"{SystemClock().now() - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}",
        "Category": [category],
        "Source": [{"IP4": [str(ipaddress.IPv4Address(0x0A000000 + number))]}],
    }


def move_in(folder: Path, name: str, *events: dict[str, Any]) -> None:
    """Move a file into a folder, whole, as a program should."""
    part = folder / f".{name}.part"
    part.write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
    part.rename(folder / name)


@pytest.fixture
def project(tmp_path: Path) -> WatchedProject:
    return WatchedProject(tmp_path, SystemClock())


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


def told(receiver: HttpReceiver) -> list[dict[str, Any]]:
    """Give the messages that came, each id once, in order."""
    found = {message["id"]: message for message in (request.json() for request in list(receiver.requests))}
    return list(found.values())
