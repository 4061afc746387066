"""Writers that are killed: a warm parent forks them one after the other, and looks at what they left.

    python writer_program.py FOLDER TIMES

Each child loads, goes on counting in every event of the state, and saves after each step. It is killed
with SIGKILL at some instant. The parent then loads: all events must have one count, and it must not be
less than what the child had been told was saved.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from tests.persistency.snapshots.states import Learner, after, contents_of
from tocsin.persistency.snapshots import FsspecStore, Snapshots

EVENTS = [f"event {number}" for number in range(20)]


def count(folder: Path, told: int) -> None:
    snapshots = Snapshots(FsspecStore(folder), keep_generations=2)
    number = count_in(snapshots)
    learner = Learner(dict.fromkeys(EVENTS, b"%d" % number))
    for step in range(number + 1, number + 100_000):
        learner.learn(**dict.fromkeys(EVENTS, b"%d" % step))
        snapshots.commit({"": learner.cut()}, now=after(seconds=step), positions=step)
        os.write(told, b"%d\n" % step)


def count_in(snapshots: Snapshots) -> int:
    """Give the count of a state; all of its events have the same."""
    loaded = snapshots.load()
    if loaded is None:
        return 0
    (content,) = set((contents_of(loaded) or {}).values())
    if int(content) != loaded.positions:
        message = f"a mixture: {content!r} with position {loaded.positions}"
        raise SystemExit(message)
    return int(content)


def kill_one(folder: Path, seconds: float, saves: int = 0) -> int:
    """Let a child write, for a number of saves and then a while; kill it, give the last count it was told."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            count(folder, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as lines:  # noqa: PTH123 - a descriptor
        told = [lines.readline() for _ in range(saves)]
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told += lines.read().split(b"\n")[:-1]
    return int(told[-1]) if told else 0


def main(folder: Path, times: int) -> None:
    chance = random.Random(20261122)  # noqa: S311 - no secret
    count_in(Snapshots(FsspecStore(folder)))  # everything is imported before the first fork
    begun = time.monotonic()
    last = kill_one(folder, 0, saves=5)
    seconds = (time.monotonic() - begun) / 5
    last = max(last, count_in(Snapshots(FsspecStore(folder))))
    for _ in range(times):
        told = kill_one(folder, chance.uniform(0, 2 * seconds), saves=chance.choice((0, 0, 1)))
        found = count_in(Snapshots(FsspecStore(folder)))
        if found < max(last, told) or found > max(last, told) + 1:
            message = f"{told} was saved, {found} is there, {last} was before"
            raise SystemExit(message)
        last = found
    sys.stdout.write(f"{times} of {times} at {last}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
