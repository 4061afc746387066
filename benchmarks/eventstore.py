"""How fast events are stored, found, paged through and deleted, beside the peer on the same PostgreSQL."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import eventstore_reads, eventstore_writes
from benchmarks.eventstore_bench import Bench, Sizes
from benchmarks.idea_events import make_events, read_alerts
from benchmarks.postgres import has_extensions, machine_load, running_server
from benchmarks.process import CommandFailedError
from benchmarks.public_data import data_folder
from benchmarks.result import Result
from benchmarks.sides import Sides, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.idea_events import Alert
    from benchmarks.peer import Peer

__all__ = ["find_alerts", "run"]

_MODULE = "benchmarks.eventstore_worker"
_QUICK = Sizes(
    events=50_000, more=10_000, ours=5_000, peer=500, later=2_500, each=100, text=10_000, turns=1, queries=3,
    old=15_000, deep=200,
)  # fmt: skip
_STEPS: tuple[Callable[[Bench], Iterator[Result]], ...] = (
    eventstore_writes.inserts,
    eventstore_writes.sqlite_inserts,
    eventstore_writes.fills,
    eventstore_reads.address_searches,
    eventstore_reads.other_searches,
    eventstore_reads.pages,
    eventstore_reads.reads,
    eventstore_writes.inserts_into_full,
    eventstore_writes.duplicates,
    eventstore_writes.retention,
)


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Measure everything that has a figure in the specification, but for the crashes.

    Args:
        peer: The installed peer, or `None`: then its columns stay empty.
        seed: Makes the events and chooses what is searched.
        quick: 50,000 events; the figures then say little.

    Yields:
        The lines of the benchmark, as they are found.

    Raises:
        CommandFailedError: There is no PostgreSQL, or no public data.
    """
    sizes = _QUICK if quick else Sizes()
    alerts = find_alerts()
    load = machine_load()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        server = stack.enter_context(running_server())
        sides = stack.enter_context(Sides(_MODULE, peer if peer and has_extensions(server) else None))
        bench = Bench(sides, server, folder, sizes, seed)
        tell(f"making {sizes.events + sizes.more:,} events ...")
        with bench.path.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in make_events(alerts, sizes.events + sizes.more, seed))
        yield from chain.from_iterable(step(bench) for step in _STEPS)
    yield Result("machine load (processes that want to run), before", "", load)
    yield Result("machine load, after", "", machine_load())


def find_alerts() -> list[Alert]:
    """Read the public alerts.

    Raises:
        CommandFailedError: They are not there.
    """
    folder = data_folder()
    alerts = read_alerts(folder / "alerts") if folder else []
    if not alerts:
        raise CommandFailedError("the public alerts are not there: set TOCSIN_DATA to the folder of the data")
    return alerts
