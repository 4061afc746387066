"""What all steps of the benchmark of the event storage share: its stores, its sizes, its sums."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.idea_events import read_lines
from benchmarks.postgres import PEER_EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.servers.postgres import PostgresServer

    from benchmarks.sides import Replies, Sides

__all__ = ["Bench", "Sizes", "milliseconds", "most_of", "share_of_equal_answers"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything.

    Attributes:
        events: In the store that is searched.
        more: Further events, to be inserted.
        ours, peer: Events a turn of inserting.
        later: Our events a turn of inserting into the full store.
        each: Events a turn of inserting one by one.
        text: Events in the store with a text index.
        turns: How often each figure is taken.
        queries: How many of each kind of search.
        old: How many events retention deletes.
        deep: How many pages come before the deep one.
    """

    events: int = 500_000
    more: int = 50_000
    ours: int = 20_000
    peer: int = 2_500
    later: int = 10_000
    each: int = 500
    text: int = 100_000
    turns: int = 3
    queries: int = 15
    old: int = 155_000
    deep: int = 2_000


_COPY = "copy"


class Bench:
    """The stores of both sides, by name, and who is asked."""

    def __init__(self, sides: Sides, server: PostgresServer, folder: Path, sizes: Sizes, seed: int) -> None:
        self.sides, self.server, self.folder, self.sizes, self.seed = sides, server, folder, sizes, seed
        self.path = folder / "events.jsonl"
        self._databases: dict[str, str] = {}

    def store(self, name: str, *, text_index: bool = False) -> dict[str, Any]:
        """Give the part of a request that names a store of ours, made when it is first named."""
        kind, _, _ = name.partition(" ")
        where: dict[str, Any] = {"path": str(self.folder / f"{name}.db")}
        if kind == "postgresql":
            where = self._database(name)
        return self._named(name, where | {"text_index": text_index})

    def peer_store(self, name: str) -> dict[str, Any] | None:
        """Give the same for the peer, `None` without one."""
        if not self.sides.has_peer:
            return None
        new = f"peer {name}" not in self._databases
        where = self._database(f"peer {name}")
        if new:
            for extension in PEER_EXTENSIONS:
                self.server.execute(f"CREATE EXTENSION {extension}", dbname=where["dbname"])
        return self._named(name, where)

    def create(
        self, ours: dict[str, Any], peer: dict[str, Any] | None = None, *, indexes: bool = True
    ) -> None:
        """Make tables, and indexes unless a `fill` is to come that makes them afterwards."""
        request = {"task": "create", "indexes": indexes}
        self.sides.take_turns(1, ours | request, peer and peer | request)

    def copies(self, name: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Give copies of both sides' stores of a name, in place of the copies that were given before.

        The workers end for it; the server's memory is written to the disk, so that both sides find the same.
        """
        self.sides.close()
        if not name.startswith("postgresql"):
            for end in ("", "-wal"):
                source, target = self.folder / f"{name}.db{end}", self.folder / f"{_COPY}.db{end}"
                target.unlink(missing_ok=True)
                if source.exists():
                    shutil.copyfile(source, target)
            os.sync()  # nobody is to wait for the copy to be written
            return self.store(_COPY), None
        copied = {}
        for owner in (name, f"peer {name}"):
            if owner in self._databases:
                copied[owner] = f"{self._databases[owner]}_copy"
                self.server.execute(f"DROP DATABASE IF EXISTS {copied[owner]}")
                self.server.execute(f"CREATE DATABASE {copied[owner]} TEMPLATE {self._databases[owner]}")
        self.server.execute("CHECKPOINT")
        ours, *peer = (self._named(_COPY, self.server.settings(database)) for database in copied.values())
        return ours | {"where": ours["where"] | {"text_index": False}}, peer[0] if peer else None

    def settle(self, name: str) -> None:
        """Do what autovacuum would do later, so that both sides' statistics are fresh."""
        for database in (self._databases.get(name), self._databases.get(f"peer {name}")):
            if database:
                self.server.execute("VACUUM ANALYZE", dbname=database)

    def bytes_an_event(self, name: str) -> float | None:
        """Give the size of a database by its events."""
        if name not in self._databases:
            return None
        [(size,)] = self.server.execute("SELECT pg_database_size(%s)", (self._databases[name],))
        return float(size) / self.sizes.events

    def share_of_equal_rows(self, inserted: str, copied: str, count: int) -> float | None:
        """Give the share of the first events that two stores of the peer hold in equal rows."""
        ids = [json.loads(line)["ID"] for line in read_lines(self.path, 0, count)]
        query = "SELECT e::text, j::text FROM events e JOIN events_json j USING (id) WHERE id = ANY(%s)"
        found = [
            set(self.server.execute(query, (ids,), dbname=self._databases[f"peer {name}"]))
            for name in (inserted, copied)
        ]
        return len(found[0] & found[1]) / count if found[0] else None

    def _database(self, name: str) -> dict[str, Any]:
        if name not in self._databases:
            self._databases[name] = self.server.create_database()
        return self.server.settings(self._databases[name])

    def _named(self, name: str, where: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "where": where, "total": self.sizes.events}


def milliseconds(replies: Replies, share: float) -> tuple[float | None, float | None]:
    """Give the time that a share of all searches of a side stayed within."""
    both = []
    for kept in (replies.ours, replies.peer):
        times = [seconds * 1e3 for reply in kept for seconds in reply["times"]]
        both.append(most_of(times, share) if times else None)
    return both[0], both[1]


def most_of(values: Sequence[float], share: float) -> float:
    """Give the smallest value that at least so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def share_of_equal_answers(replies: Replies) -> float:
    """Give the share of queries that both sides answer alike: they must have had the same work."""
    ours, peer = replies.ours[0]["found"], replies.peer[0]["found"]
    equal = sum(mine == theirs for mine, theirs in zip(ours, peer, strict=True))
    return float(equal / len(ours))
