"""What receivers got of a replay, held against what one quiet run tells."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FailingReceiver", "Outcome", "compare"]


class FailingReceiver:
    """An HTTP server that refuses a share of what it gets, and keeps the rest in order.

    Args:
        share: How much it refuses, 0 to 1.
        seed: Chooses what.

    Attributes:
        ids: The ids of the messages that it took, each time.
        refused: How many attempts it refused.
    """

    def __init__(self, share: float, seed: float) -> None:
        self.ids: list[str] = []
        self.refused = 0
        chance = random.Random(seed)  # noqa: S311 - failures need no secrecy
        lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    fails = chance.random() < share
                    if fails:
                        receiver.refused += 1
                    else:
                        receiver.ids.append(body["id"])
                self.send_response(503 if fails else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a comparison found; all but `messages` and `compared` should be 0."""

    messages: int
    compared: int
    undelivered: int
    lost: int
    extra: int
    doubled: int
    overtaken: int


def compare(watched: Path, quiet: Path, receivers: list[FailingReceiver]) -> Outcome:
    """Hold what was told against what one quiet run tells.

    Args:
        watched: The memory of the process that was killed.
        quiet: The memory of the quiet run.
        receivers: What its channels `c0`, `c1`, … told.
    """
    ours, theirs = _outbox(watched), _outbox(quiet)
    undelivered = overtaken = 0
    for number, receiver in enumerate(receivers):
        order = [one["message_id"] for one in ours if one["channel"] == f"c{number}"]
        first = {name: place for place, name in reversed(list(enumerate(receiver.ids)))}
        undelivered += sum(name not in first for name in order)
        places = [first[name] for name in order if name in first]
        overtaken += sum(after < before for before, after in pairwise(places))
    facts = [_facts(one) for one in ours]
    mine, others = {one["message_id"] for one in ours}, {one["message_id"] for one in theirs}
    return Outcome(
        messages=len(ours),
        compared=len(others),
        undelivered=undelivered,
        lost=len(others - mine),
        extra=len(mine - others),
        doubled=len(facts) - len(set(facts)),
        overtaken=overtaken,
    )


def _outbox(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as memory:
        memory.row_factory = sqlite3.Row
        query = "SELECT * FROM _tocsin_outbox ORDER BY created_at, event_at, sequence, message_id"
        return [dict(row) for row in memory.execute(query)]


def _facts(row: dict[str, Any]) -> tuple[Any, ...]:
    """Say what a message tells, without its id."""
    message = json.loads(row["payload"])
    event = (message.get("event") or {}).get("id")
    once = message["kind"] in {"first", "no_data", "recovered"} and event is None
    at = None if once else message["timestamp"]
    return (
        row["channel"],
        message["series"],
        row["rule"],
        message["kind"],
        message.get("opened_at"),
        event,
        at,
    )
