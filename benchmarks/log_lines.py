"""Writes seeded synthetic logs; every program, user, host and address in them is invented."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["make_access_lines", "make_lines", "write_log"]

_START = datetime(2026, 1, 5, tzinfo=UTC)
_LINES_A_SECOND = 20
_STRANGE_EVERY = 10_000
_TEMPLATES = (
    ("gated", "session {session} of {user} opened from {address} port {port}"),
    ("gated", "session {session} of {user} closed after {number} seconds"),
    ("gated", "refused {user} from {address} port {port}: wrong key"),
    ("ledger", "posted {number} entries to book {book} in {small} ms"),
    ("ledger", "book {book} balanced"),
    ("ledger", "warning: book {book} waits for {user} since {small} minutes"),
    ("courier", "parcel {hash} accepted by {host} for {user}"),
    ("courier", "parcel {hash} delivered to {address} after {small} tries"),
    ("courier", "parcel {hash} came back: no such door"),
    ("timer", "started task {task}"),
    ("timer", "task {task} ended with status {status}"),
    ("depot", "wrote segment {hash} of {number} bytes to disk {disk}"),
    ("depot", "disk {disk} is {small} % full"),
    ("depot", "compacted {small} segments on disk {disk} in {number} ms"),
    ("front", '{address} "GET /{page}" {code} {number}'),
    ("front", '{address} "POST /{page}" {code} {number}'),
    ("front", "worker {small} restarted"),
    ("clockwork", "offset {small} us, frequency {number} ppb"),
)
_WEIGHTS = (6, 6, 1, 9, 3, 1, 8, 8, 1, 5, 5, 9, 2, 1, 20, 9, 1, 3)
_TASKS = ("rotate", "backup", "report", "index", "sweep")
_PAGES = ("", "books", "parcels", "parcels/open", "login", "status", "help")


def make_lines(count: int, seed: int, strange_from: int = 0) -> Iterator[str]:
    """Make lines like those of a syslog with full timestamps.

    One line in 10,000 is strange: it is of a program that else says nothing.

    Args:
        count: How many.
        seed: Equal seeds give equal lines.
        strange_from: How many lines come before the first that may be strange.
    """
    source = random.Random(seed)  # noqa: S311 - data needs no secrecy
    pick = source.random
    fillers = _fillers(source)
    programs = source.choices(range(len(_TEMPLATES)), _WEIGHTS, k=65_536)
    for position in range(count):
        time = (_START + timedelta(seconds=position / _LINES_A_SECOND)).isoformat(timespec="milliseconds")
        head = f"{time} node{int(pick() * 8):02d} "
        if position >= strange_from and position % _STRANGE_EVERY == _STRANGE_EVERY - 1:
            yield f"{head}intruder[{int(pick() * 9_000)}]: opened vault {int(pick() * 90)}"
            continue
        program, text = _TEMPLATES[programs[int(pick() * 65_536)]]
        words = {name: make() for name, make in fillers.items() if f"{{{name}}}" in text}
        yield f"{head}{program}[{300 + len(program)}]: {text.format_map(words)}"


def make_access_lines(count: int, seed: int) -> Iterator[str]:
    """Make lines like those of a web server's access log, combined format."""
    source = random.Random(seed)  # noqa: S311 - data needs no secrecy
    pick, fillers = source.random, _fillers(source)
    for position in range(count):
        words = {name: make() for name, make in fillers.items()}
        time = f"{_START + timedelta(seconds=position / _LINES_A_SECOND):%d/%b/%Y:%H:%M:%S} +0000"
        user, query = words["user"] if pick() < 0.1 else "-", f"?q={words['number']}" if pick() < 0.3 else ""  # noqa: PLR2004
        yield (
            f'{words["address"]} - {user} [{time}] "GET /{words["page"]}{query} HTTP/1.1" {words["code"]} '
            f'{words["port"]} "-" "synthetic/{words["small"]}.0 (made; for a benchmark)"'
        )


def _fillers(source: random.Random) -> dict[str, Callable[[], object]]:
    pick, bits = source.random, source.getrandbits
    return {
        "session": lambda: int(pick() * 100_000),
        "user": lambda: f"user{int(pick() ** 3 * 40):02d}",
        "address": lambda: f"10.{int(pick() * 4)}.{int(pick() * 250)}.{int(pick() * 250)}",
        "port": lambda: 1_024 + int(pick() * 60_000),
        "number": lambda: int(pick() * 10_000),
        "small": lambda: int(pick() * 90),
        "book": lambda: f"B{int(pick() * 12)}",
        "hash": lambda: f"{bits(48):012x}",
        "host": lambda: f"node{int(pick() * 8):02d}",
        "task": lambda: _TASKS[int(pick() * len(_TASKS))],
        "status": lambda: int(pick() > 0.98),  # noqa: PLR2004
        "disk": lambda: f"d{int(pick() * 4)}",
        "page": lambda: _PAGES[int(pick() * len(_PAGES))],
        "code": lambda: 200 if pick() < 0.97 else 404,  # noqa: PLR2004
    }


def write_log(path: Path, count: int, seed: int, strange_from: int = 0) -> None:
    """Write a log of so many lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in make_lines(count, seed, strange_from))
