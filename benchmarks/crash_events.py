"""Kills writers of events and their server, and looks at what is left; ours and the peer's."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.eventstore import find_alerts
from benchmarks.idea_events import make_events
from benchmarks.postgres import PEER_EXTENSIONS, has_extensions, running_server
from benchmarks.result import Result, at_most
from benchmarks.sides import Sides, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tests.servers.postgres import PostgresServer

    from benchmarks.peer import Peer

__all__ = ["run", "verdict"]

_MODULE = "benchmarks.crash_events_worker"
_EVENTS = 60_000
_BATCHES = {"ours": 500, "peer": 100}
_PEER_ROUNDS = 25
_ROUNDS_A_STORE = 25
_ROUNDS_TOLD = 20
_MOST_BATCHES_BEFORE = 3
_FIRST_GUESS_SECONDS = 0.1

Request = dict[str, Any]


def run(peer: Peer | None, *, seed: int, quick: bool, rounds: int | None = None) -> Iterator[Result]:
    """Kill again and again: writers into SQLite, writers into PostgreSQL, and PostgreSQL itself.

    Args:
        peer: The installed peer, or `None`: then its columns stay empty.
        seed: Makes the events and the moments.
        quick: 5 kills of each kind.
        rounds: How many kills of each kind; 100 unless said. The peer gets at most 25.

    Yields:
        The lines of the benchmark.

    Raises:
        CommandFailedError: There is no PostgreSQL, or no public data.
    """
    rounds = rounds or (5 if quick else 100)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        server = stack.enter_context(running_server())
        sides = stack.enter_context(Sides(_MODULE, peer if peer and has_extensions(server) else None))
        path = folder / "events.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in make_events(find_alerts(), _EVENTS, seed))
        numbers = count()

        def new_file() -> Request:
            return {"path": str(folder / f"{next(numbers)}.db"), "text_index": False}

        def new_database() -> Request:
            return server.settings(server.create_database()) | {"text_index": False}

        def new_peer_database() -> Request:
            name = server.create_database()
            for extension in PEER_EXTENSIONS:
                server.execute(f"CREATE EXTENSION {extension}", dbname=name)
            return server.settings(name)

        for title, killed, ours in (
            ("SQLite, the writer killed", None, new_file),
            ("PostgreSQL, the writer killed", None, new_database),
            ("PostgreSQL, the server killed", server, new_database),
        ):
            random_numbers = random.Random(f"{seed} {title}")  # noqa: S311 - moments need no secrecy
            tallies = {"ours": _Kills(sides, "ours", path, killed, random_numbers).go(title, rounds, ours)}
            if sides.has_peer and ours is new_database:
                kills = _Kills(sides, "peer", path, killed, random_numbers)
                tallies["peer"] = kills.go(title, min(rounds, _PEER_ROUNDS), new_peer_database)
            yield from _results(title, tallies["ours"], tallies.get("peer", Counter()))


class _Kills:
    """Kills of one kind, of one side."""

    def __init__(
        self, sides: Sides, side: str, path: Path, server: PostgresServer | None, moments: random.Random
    ) -> None:
        self._sides, self._side, self._path = sides, side, path
        self._server, self._moments = server, moments
        self._batch, self._batch_seconds = _BATCHES[side], _FIRST_GUESS_SECONDS

    def go(self, title: str, rounds: int, new_store: Callable[[], Request]) -> Counter[str]:
        """Kill so often, with a new store from time to time, and tally what was left."""
        tally: Counter[str] = Counter()
        while tally["kills"] < rounds:
            store: Request = {"where": new_store(), "path": str(self._path)}
            if self._ask("create", **store) is None:
                return Counter()
            first = 0
            for _ in range(min(_ROUNDS_A_STORE, rounds - tally["kills"])):
                ended = self._round(store, first, tally)
                if ended is None:
                    return Counter()
                if tally["kills"] % _ROUNDS_TOLD == 0:
                    tell(f"{title}, {self._side}: {tally['kills']} kills, {tally['lost']} events lost")
                first = ended
                if first > _EVENTS // 2:
                    break
        return tally

    def _round(self, store: Request, first: int, tally: Counter[str]) -> int | None:
        """Live, kill, look; give the event to go on with, `None` when something could not be done.

        Ours goes on after the last batch that was acknowledged, so that one that was committed but not
        acknowledged is stored again; the peer's insert would fail then, so it goes on after what is there.
        """
        until = self._moments.randint(0, _MOST_BATCHES_BEFORE)
        begun = self._ask("begin", **store, first=first, batch=self._batch, until=until)
        if begun is None:
            return None
        self._batch_seconds = begun["seconds"] or self._batch_seconds
        time.sleep(self._moments.uniform(0, self._batch_seconds))
        if self._server is not None:
            self._server.kill()
            self._server.start()
        life = self._ask("end", first=first, more=self._server is not None)
        if life is None:
            return None
        looked = self._ask("look", **store, first=first, begun=life["begun"])
        if looked is None:
            return None
        batches = [range(start, start + self._batch) for start in range(first, life["begun"], self._batch)]
        found = verdict(looked["present"], batches, life["ended"], looked["count"] - first)
        tally.update(found)
        tally.update(
            kills=1,
            mid_batch=life["begun"] > life["ended"],
            acknowledged=life["ended"] - first,
            gone_on=life["gone_on"],
        )
        there = max((number + 1 for number in looked["present"]), default=first)
        return int(life["ended"] if self._side == "ours" else max(life["ended"], there))

    def _ask(self, task: str, **request: Any) -> Request | None:
        asked = {"task": task, **request}
        replies = self._sides.take_turns(1, *((asked, None) if self._side == "ours" else (None, asked)))
        kept = replies.ours or replies.peer
        return kept[0] if kept else None


def verdict(
    present: Collection[int], batches: Collection[range], acknowledged: int, stored: int
) -> dict[str, int]:
    """Judge what a kill left.

    Args:
        present: The numbers of the events found, of those that the life began to store.
        batches: The batches that it began to store.
        acknowledged: The number after the last event that was acknowledged.
        stored: How many events the store counts, without those from before.

    Returns:
        `lost`: events acknowledged and not there; `duplicates`: events that are there more than once, or
        that the store counts and nobody stored; `half`: batches of which a part is there.
    """
    there = set(present)
    numbers = {number for batch in batches for number in batch}
    return {
        "lost": sum(number < acknowledged and number not in there for number in numbers),
        "duplicates": max(len(present), stored) - len(there),
        "half": sum(0 < len(there.intersection(batch)) < len(batch) for batch in batches),
    }


def _results(title: str, ours: Counter[str], peer: Counter[str]) -> Iterator[Result]:
    def figures(name: str) -> tuple[float | None, float | None]:
        return (ours[name] if ours["kills"] else None), (peer[name] if peer["kills"] else None)

    yield Result(f"{title}: kills", "kills", *figures("kills"), None)
    yield Result(f"{title}: of these, in mid-batch", "kills", *figures("mid_batch"), None)
    if "server" in title:
        note = "the others ended with an error, as they may; they were started again"
        name = f"{title}: writers that went on by themselves"
        yield Result(name, "writers", *figures("gone_on"), None, note=note)
    yield Result(f"{title}: events acknowledged", "events", *figures("acknowledged"), None)
    yield Result(f"{title}: acknowledged events lost", "events", *figures("lost"), goal=at_most(0))
    yield Result(f"{title}: duplicates", "events", *figures("duplicates"), goal=at_most(0))
    yield Result(f"{title}: half batches", "batches", *figures("half"), goal=at_most(0))
