"""Kills processes that save; a program that answers requests, in our interpreter and in the peer's.

It is the warm parent: what it needs is imported once, each life is a fork. A life loads what is saved, then
learns the next step and saves, again and again, and says through a pipe when a save begins and ends; until it
is killed. Then another fork loads what is left. The state after each step is known from a memory that is
never interrupted, so what is left must be equal to it after the step that was saved last, or after the one
whose save was under way.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.lives import Lines, fork_and_wait, forked
from benchmarks.log_rows import make_rows
from benchmarks.serve import persistency_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.log_rows import Row

_ROWS_A_STEP = 200
_LIVES_A_FOLDER = 25
_NOTHING = "nothing"
_UNREADABLE = "unreadable"


def kill_savers(side: str, *, kills: int, seed: int) -> dict[str, Any]:
    """Kill a process so often, and tell what was left.

    Returns:
        `kills`, `while_saving`, `saves` (that had ended), `consistent`, `unreadable`, `mixed` (a state that
        never was), `lost` (one older than a save that had ended), and `steady`: whether a save and a load
        alone change nothing.
    """
    moments = random.Random(seed)  # noqa: S311 - moments need no secrecy
    tally = dict.fromkeys(("kills", "while_saving", "saves", "consistent", "unreadable", "mixed", "lost"), 0)
    reference = _Reference(side, seed)
    with tempfile.TemporaryDirectory() as scratch:
        _warm_up(side, reference, Path(scratch) / "warm")
        steady = _is_steady(side, reference, Path(scratch) / "steady")
        while tally["kills"] < kills:
            folder = Path(scratch) / str(tally["kills"])
            _lives(side, reference, folder, moments, min(_LIVES_A_FOLDER, kills - tally["kills"]), tally)
            shutil.rmtree(folder, ignore_errors=True)
    return tally | {"steady": steady}


@dataclass(slots=True)
class _Reference:
    """The state after each step of a life that is never interrupted."""

    side: str
    seed: int
    digests: dict[str, int] = field(default_factory=dict)
    _memory: Any = None
    _rows: Iterator[Row] | None = None

    def rows_of(self, step: int) -> list[Row]:
        """Give the rows of a step, the first of which is 1."""
        return list(itertools.islice(make_rows(_ROWS_A_STEP, self.seed * 100_000 + step), _ROWS_A_STEP))

    def step_of(self, digest: str, latest: int) -> int | None:
        """Give the step after which a state was like this, `None` when it never was up to the latest."""
        if self._memory is None:
            self._memory = new_memory(self.side)
            self.digests[digest_of(self._memory)] = 0
        while len(self.digests) <= latest:
            learn(self._memory, self.rows_of(len(self.digests)))
            self.digests[digest_of(self._memory)] = len(self.digests)
        return self.digests.get(digest)


def new_memory(side: str) -> Any:
    """Make an empty persistency."""
    package = persistency_of(side)
    return package.EventPersistency(event_data_class=package.EventStabilityTracker)


def learn(memory: Any, rows: list[Row]) -> None:
    """Ingest the rows of a step."""
    for event_id, template, values, second in rows:
        memory.ingest_event(event_id, template, values, timestamp=second)


def digest_of(memory: Any) -> str:
    """Give what tells two states apart, made from what both sides' public names tell about them."""
    facts = [sorted(map(repr, memory.get_events_seen())), sorted(memory.get_event_templates().items())]
    for event_id, held in sorted(memory.get_events_data().items()):
        facts.extend(
            [event_id, name, _facts_of(tracker)] for name, tracker in sorted(held.get_data().items())
        )
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def _facts_of(tracker: Any) -> list[Any]:
    if hasattr(tracker, "distinct_count"):
        kind = tracker.classify()
        return [list(tracker.change_series.runs()), tracker.distinct_count, str(kind.type), kind.reason]
    # the peer's: a dict of plain values, whose sets come in any order
    return [
        (name, sorted(map(repr, value)) if isinstance(value, list | set) else repr(value))
        for name, value in sorted(tracker.to_state().items())
    ]


def _warm_up(side: str, reference: _Reference, folder: Path) -> None:
    """Save and load once in this process, so that all that they import is there for the forks."""
    _live(side, reference, folder, 1, lambda _: None, steps=1)
    persistency_of(side).load(new_memory(side), str(folder))


def _is_steady(side: str, reference: _Reference, folder: Path) -> bool:
    """Save and load without any kill: the digest must be that of before."""
    if fork_and_wait(lambda tell: _live(side, reference, folder, 1, tell, steps=3)) is None:
        return False
    return reference.step_of(_left(side, folder), 3) == 3  # noqa: PLR2004 - the steps of the line above


def _lives(
    side: str,
    reference: _Reference,
    folder: Path,
    moments: random.Random,
    lives: int,
    tally: dict[str, int],
) -> None:
    """Kill some lives that go on from each other, until one left what nobody can go on from."""
    step = 0
    for _ in range(lives):
        begun, ended = _killed_life(side, reference, folder, step, moments)
        tally["kills"] += 1
        tally["while_saving"] += begun > ended
        tally["saves"] += ended - step
        digest = _left(side, folder)
        found = 0 if digest == _NOTHING else reference.step_of(digest, begun)
        outcome = "consistent"
        if digest == _UNREADABLE:
            outcome = "unreadable"
        elif found is None:
            outcome = "mixed"
        elif found < ended:
            outcome = "lost"
        tally[outcome] += 1
        if outcome != "consistent" or found is None:
            return
        step = found


def _killed_life(
    side: str, reference: _Reference, folder: Path, step: int, moments: random.Random
) -> tuple[int, int]:
    """Let a process live for a while; give the last step whose save began, and the last whose save ended."""
    with forked(lambda tell: _live(side, reference, folder, step + 1, tell)) as (pid, pipe):
        lines = Lines(pipe)
        first = lines.read_one()  # ready; it dies later, at any moment
        if first:
            time.sleep(moments.uniform(0.0, 0.25))
        os.kill(pid, signal.SIGKILL)
        reports = [first, *lines.read_rest()]
    begun = [int(line.split()[1]) for line in reports if line.startswith("begin ")]
    ended = [int(line.split()[1]) for line in reports if line.startswith("end ")]
    return max(begun, default=step), max(ended, default=step)


def _live(
    side: str,
    reference: _Reference,
    folder: Path,
    first: int,
    tell: Callable[[str], None],
    steps: int | None = None,
) -> None:
    """Load what is saved, then learn and save step after step."""
    memory = new_memory(side)
    saver = _saver(side, memory, folder, load=first > 1)
    tell("ready")
    for step in itertools.count(first):
        if steps is not None and step >= first + steps:
            saver.stop()
            return
        learn(memory, reference.rows_of(step))
        tell(f"begin {step}")
        saver.save()
        tell(f"end {step}")


def _saver(side: str, memory: Any, folder: Path, *, load: bool) -> Any:
    package = persistency_of(side)
    config = package.PersistencySaverConfig(path=str(folder), save_interval_seconds=3_600, auto_load=load)
    return package.PersistencySaver(memory, config)


def _left(side: str, folder: Path) -> str:
    """Give the digest of what is saved, read by a process of its own."""

    def look(tell: Callable[[str], None]) -> None:
        memory = new_memory(side)
        try:
            persistency_of(side).load(memory, str(folder))
        except persistency_of(side).PersistencyLoadError:
            anything = folder.exists() and any(path.is_file() for path in folder.rglob("*"))
            tell(_UNREADABLE if anything and _has_generation(side, folder) else _NOTHING)
        else:
            tell(digest_of(memory))

    return fork_and_wait(look) or _UNREADABLE


def _has_generation(side: str, folder: Path) -> bool:
    """Tell whether something was published: leftovers of a first save that never ended are nothing."""
    return any(folder.rglob("manifests/*.json" if side == "ours" else "metadata.json"))


if __name__ == "__main__":
    serve({"kill": kill_savers})
