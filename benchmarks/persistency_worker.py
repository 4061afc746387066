"""Times one side's persistency; a program that answers requests.

It runs in two interpreters: ours, and the peer's. The names are the same on both sides, so both run the
same lines: only the package that they come from differs. Where one thread works, seconds are processor
time of the whole process (threads that a library starts included), which a busy machine disturbs little.
"""

from __future__ import annotations

import gc
import importlib
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.log_rows import VARIABLES, make_rows
from benchmarks.serve import persistency_of, serve
from benchmarks.stall import measure_stalls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.log_rows import Row

_NAMES = tuple(f"var_{number}" for number in range(VARIABLES))
_DISTINCT_BATCH = 100_000
_rows: dict[tuple[Any, ...], Any] = {}


def _one_by_one(side: str, *, backend: str, rows: int, seed: int, named: bool = False) -> dict[str, Any]:
    """Ingest rows one by one, and ask for what was learned, within the time: rows may wait until then."""
    package = persistency_of(side)
    events = _made_rows(rows, seed, named=named)
    memory = package.EventPersistency(event_data_class=getattr(package, backend))
    begin = time.process_time()
    if named:
        for event_id, template, values, second in events:
            memory.ingest_event(event_id, template, named_variables=values, timestamp=second)
    else:
        for event_id, template, values, second in events:
            memory.ingest_event(event_id, template, values, timestamp=second)
    backends = memory.get_events_data().values()
    ingested = time.process_time() - begin
    learned = [held.get_data() for held in backends]
    seconds = time.process_time() - begin
    if backend == "EventStabilityTracker":
        return {"seconds": seconds, "kinds": _classify(memory)}
    return {"seconds": seconds, "ingest_seconds": ingested, "rows": sum(map(len, learned))}


def _classify(memory: Any) -> dict[str, str]:
    return {
        f"{event_id}.{name}": str(tracker.classify().type)
        for event_id, held in memory.get_events_data().items()
        for name, tracker in held.get_data().items()
    }


def _made_rows(count: int, seed: int, mix: str = "usual", *, named: bool = False) -> list[Any]:
    """Make rows once, and keep the collector from walking through them again and again."""
    key = (count, seed, mix, named)
    if key not in _rows:
        _rows.clear()
        made: Iterable[Any] = make_rows(count, seed, mix)
        if named:
            made = ((row[0], row[1], dict(zip(_NAMES, row[2], strict=True)), row[3]) for row in made)
        _rows[key] = list(made)
    gc.collect()
    gc.freeze()
    return list(_rows[key])


def _batch(side: str, *, mix: str, rows: int, seed: int, batch_rows: int) -> dict[str, Any]:
    """Ingest Arrow tables into trackers that keep every distinct value as it is."""
    package = persistency_of(side)
    events: list[Row] = _made_rows(rows, seed, mix)
    tables = [_table(events[start : start + batch_rows]) for start in range(0, rows, batch_rows)]
    memory = package.EventPersistency(event_data_class=package.EventStabilityTracker)
    begin = time.process_time()
    for table in tables:
        memory.ingest_batch(table)
    for held in memory.get_events_data().values():
        held.get_data()
    seconds = time.process_time() - begin
    counts = Counter(
        tracker.distinct_count
        for held in memory.get_events_data().values()
        for tracker in held.get_data().values()
    )
    return {"seconds": seconds, "most_distinct": max(counts)}


def _table(events: list[Row]) -> Any:
    arrow = importlib.import_module("pyarrow")
    ids, templates, values, seconds = zip(*events, strict=True)
    microseconds = arrow.array([round(second * 1e6) for second in seconds], arrow.timestamp("us", tz="UTC"))
    return arrow.table(
        {
            "event_id": arrow.array(ids),
            "event_template": arrow.array(templates),
            "timestamp": microseconds,
            "variables": arrow.array(values, arrow.list_(arrow.string())),
        }
    )


def _resident(side: str, *, backend: str, rows: int, seed: int) -> dict[str, Any]:
    """Give how much larger the process is for each row that it holds; asked once a process."""
    package = persistency_of(side)
    warm = package.EventPersistency(event_data_class=getattr(package, backend))
    for row in make_rows(500, seed):
        warm.ingest_event(*row[:3], timestamp=row[3])
    for held in warm.get_events_data().values():
        held.get_data()
    gc.collect()
    before = resident_bytes()
    memory = package.EventPersistency(event_data_class=getattr(package, backend))
    for row in make_rows(rows, seed):
        memory.ingest_event(*row[:3], timestamp=row[3])
    gc.collect()
    return {"bytes_a_row": (resident_bytes() - before) / rows, "events": len(memory.get_events_seen())}


def _stalls(side: str, *, rows: int, seed: int, seconds: float, rate: int) -> dict[str, Any]:
    """Ingest at a steady rate while another thread saves a large state without a pause."""
    package = persistency_of(side)
    memory = package.EventPersistency(event_data_class=package.EventStabilityTracker)
    for row in make_rows(rows, seed, "new"):
        memory.ingest_event(*row[:3], timestamp=row[3])
    events = list(make_rows(int(seconds * rate), seed + 1, "new"))
    with tempfile.TemporaryDirectory() as folder:
        config = package.PersistencySaverConfig(path=str(Path(folder) / "state"), save_interval_seconds=3_600)
        saver = package.PersistencySaver(memory, config)
        saver.save()  # the first one imports what it needs

        def ingest(position: int) -> None:
            event_id, template, values, second = events[position]
            memory.ingest_event(event_id, template, values, timestamp=second)

        found = measure_stalls(ingest, saver.save, len(events), rate)
        saver.stop()
    return found


def _distinct(side: str, *, values: int, probes: int) -> dict[str, Any]:
    """Ingest distinct values into one variable; tell the memory on the way, and how often it errs."""
    package = persistency_of(side)
    arrow = importlib.import_module("pyarrow")
    memory = package.EventPersistency(event_data_class=package.EventStabilityTracker)
    marks = {values // 10, values // 2, values}
    resident: list[list[float]] = []
    seconds = 0.0
    for start in range(0, values, _DISTINCT_BATCH):
        stop = min(start + _DISTINCT_BATCH, values)
        columns = {
            "event_id": arrow.array(["E"] * (stop - start)),
            "event_template": arrow.array(["value <*>"] * (stop - start)),
            "variables": arrow.array(
                [[f"v{number:09d}"] for number in range(start, stop)], arrow.list_(arrow.string())
            ),
        }
        begin = time.process_time()
        memory.ingest_batch(arrow.table(columns))
        seconds += time.process_time() - begin
        if stop in marks:
            gc.collect()
            resident.append([stop, resident_bytes() / 1e6])
    tracker = memory["E"].get_data()["var_0"]
    known = sum(tracker.seen(f"v{values * number // probes:09d}") for number in range(probes))
    mistaken = sum(tracker.seen(f"w{number:09d}") for number in range(probes))
    return {
        "resident_mb": resident,
        "seconds": seconds,
        "forgotten_share": 1 - known / probes,
        "mistaken_share": mistaken / probes,
        "counted": tracker.distinct_count,
    }


def resident_bytes() -> int:
    """Give the resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    serve(
        {
            "one_by_one": _one_by_one,
            "batch": _batch,
            "resident": _resident,
            "stalls": _stalls,
            "distinct": _distinct,
        }
    )
