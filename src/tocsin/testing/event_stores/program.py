"""What contract tests run as processes of their own.

It says on stdout how far it is, a line of JSON at a time, and waits for a line where it says "ready".
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

from tocsin.eventstorage import EventStorageService
from tocsin.testing.event_stores.base import message

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Program", "main"]

_PATIENCE_SECONDS = 60


class Program:
    """A running process; leaving its block ends it.

    Args:
        conncfg: What `EventStorageService` takes; it is handed over as JSON.
        command: `create`, or `insert` with a prefix of ids, how many, and the size of a batch.
    """

    def __init__(self, conncfg: Mapping[str, Any], *command: object) -> None:
        code = f"import sys; from {__name__} import main; main(*sys.argv[1:])"
        self.process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-c", code, json.dumps(dict(conncfg), default=str), *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> Any:
        """Wait for the next thing that it says; `None` at its end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def go_on(self) -> None:
        """Let it go on."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> list[Any]:
        """End it at once, and give what it has said until then."""
        self.process.kill()
        said, _ = self.process.communicate()
        return [json.loads(line) for line in said.splitlines(keepends=True) if line.endswith("\n")]

    def finish(self) -> None:
        """Wait until it has ended well."""
        self.process.communicate(timeout=_PATIENCE_SECONDS)
        assert self.process.returncode == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def main(conncfg: str, command: str, *arguments: str) -> None:
    """Do what a test asks for."""
    _say("ready")
    sys.stdin.readline()
    with EventStorageService(**json.loads(conncfg)) as service:
        if command == "create":
            service.database_create()
        else:
            _insert(service, *arguments)


def _insert(service: EventStorageService, prefix: str, count: str, batch_size: str) -> None:
    """Insert batches, and say after each how many of it were new."""
    size = int(batch_size)
    for start in range(0, int(count), size):
        numbers = range(start, min(start + size, int(count)))
        results = service.insert_events([message(f"{prefix}-{number:06}", Note=prefix) for number in numbers])
        _say(sum(one.kind == "new" for one in results))


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
