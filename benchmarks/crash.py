"""Kills `tocsin run` at random moments and compares what is left with an uninterrupted run, bit for bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.data import make_timestamps, make_values, write_csv
from benchmarks.process import CommandFailedError, run_process, tocsin_command
from benchmarks.projects import DETECTION_LINES, MEMORY, MetricFile, forget, write_project
from benchmarks.result import Better, Result, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peer import Peer

__all__ = ["compare_rows", "run"]

_RUN = tocsin_command("run")
_MOST_RUNS = 3  # plain runs after the last kill before a memory counts as lost
# What may differ between two histories that are the same: when it was written.
_TABLES = {
    "_tocsin_datapoints": (("metric_name", "timestamp"), {"created_at"}),
    "_tocsin_detections": (("metric_name", "detector_id", "timestamp"), {"created_at"}),
    "_tocsin_incidents": (("rule", "series", "opened_at"), {"updated_at"}),
}
_ALERTING_LINES = "alerting: {consecutive_anomalies: 2}\n"
_SEASONAL_LINES = (
    "seasonality_columns: [hour]\ndetectors:\n"
    "  - type: mad\n    params: {window_size: 1008, seasonality_components: [hour]}\n"
    "  - type: zscore\n    params: {window_size: 144}\n"
)


@dataclass(slots=True)
class _Tally:
    """What happened in all cycles together."""

    kills: int = 0
    halfway: int = 0
    late: int = 0
    cycles: int = 0
    unequal_cycles: int = 0
    unequal_rows: int = 0
    duplicates: int = 0
    most_runs: int = 0
    recovery_seconds: list[float] = field(default_factory=list)


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Kill until enough kills have hit; every cycle begins with an empty memory and shorter files.

    In a cycle the files grow between the kills, so that positions matter; after the last one they are
    whole, one plain run follows, and the memory is compared with that of one run over the whole files.

    Args:
        peer: Not used: the peer makes no such promise.
        seed: Makes the series and the moments.
        quick: Fewer kills and shorter series.

    Yields:
        The lines of the benchmark.
    """
    del peer
    kills, metrics, points = (4, 2, 2_000) if quick else (30, 6, 20_000)
    moments = random.Random(seed)  # noqa: S311 - moments need no secrecy
    with tempfile.TemporaryDirectory() as scratch:
        reference, victim = Path(scratch) / "reference", Path(scratch) / "victim"
        for folder in (reference, victim):
            _write_files(folder, metrics, points, seed)
        run_process(_RUN, reference)
        forget(reference)
        whole = run_process(_RUN, reference).seconds
        start = run_process(_RUN, reference).seconds  # there is nothing left to do
        print(f"an uninterrupted run takes {whole:.1f} s, {start:.1f} s of it to start", file=sys.stderr)
        tally = _Tally()
        while tally.kills < kills and tally.late < 3 * kills:
            _cycle(reference, victim, (metrics, points, seed), moments, (start, whole), tally)
    yield from _results(tally, metrics, points)


def _results(tally: _Tally, metrics: int, points: int) -> Iterator[Result]:
    note = (
        f"{metrics} metrics x {points:,} points, {tally.cycles} cycles; datapoints, detections and incidents "
        "are compared, but for the time of writing"
    )
    yield Result("kills that hit a running process", "kills", tally.kills, better=Better.HIGHER, note=note)
    yield Result("of these, with a part of the verdicts stored", "kills", tally.halfway, better=Better.HIGHER)
    yield Result(
        "memories that differ from an uninterrupted run's", "memories", tally.unequal_cycles, goal=at_most(0)
    )
    yield Result("rows that differ, are missing or are extra", "rows", tally.unequal_rows, goal=at_most(0))
    yield Result("keys that stand twice", "keys", tally.duplicates, goal=at_most(0))
    yield Result("plain runs needed after the last kill, at most", "runs", tally.most_runs, goal=at_most(1))
    seconds = sorted(tally.recovery_seconds)
    yield Result("that plain run, at most", "s", seconds[-1] if seconds else None)


def _cycle(
    reference: Path,
    victim: Path,
    sizes: tuple[int, int, int],
    moments: random.Random,
    seconds: tuple[float, float],
    tally: _Tally,
) -> None:
    """Kill one to four runs, let one end, compare."""
    metrics, points, seed = sizes
    start, whole = seconds
    forget(victim)
    planned = moments.randint(1, 4)
    for number in range(1, planned + 1):
        _write_files(victim, metrics, points * number // planned, seed, of=points)
        if _kill_a_run(victim, moments.uniform(0.0, start + (whole - start) / planned)):
            tally.kills += 1
            tally.halfway += 0 < _count_verdicts(victim) < _count_verdicts(reference)
        else:
            tally.late += 1
    tally.cycles += 1
    rows = _recover_and_compare(reference, victim, tally)
    if rows:
        tally.unequal_cycles += 1
        tally.unequal_rows += rows
        kept = Path(tempfile.mkdtemp(prefix="tocsin-crash-"))
        for folder in (reference, victim):
            shutil.copytree(folder, kept / folder.name)
        print(f"cycle {tally.cycles}: {rows} rows differ; both projects are kept in {kept}", file=sys.stderr)
    print(f"cycle {tally.cycles}: {tally.kills} kills so far", file=sys.stderr)


def _recover_and_compare(reference: Path, victim: Path, tally: _Tally) -> int:
    """Run plainly until the memories are equal, a few times at most; give how many rows differ in the end."""
    rows = 0
    for runs in range(1, _MOST_RUNS + 1):
        try:
            tally.recovery_seconds.append(run_process(_RUN, victim).seconds)
        except CommandFailedError as error:  # a finding: it is seen in the rows, too
            print(error, file=sys.stderr)
        found = [compare_rows(reference / MEMORY, victim / MEMORY, table) for table in _TABLES]
        rows = sum(differing for differing, _ in found)
        tally.duplicates += sum(duplicates for _, duplicates in found)
        tally.most_runs = max(tally.most_runs, runs if rows == 0 else runs + 1)
        if rows == 0:
            break
    return rows


def _kill_a_run(folder: Path, after_seconds: float) -> bool:
    """Start a run, kill it and all it started after a while; say whether it was still running."""
    child = subprocess.Popen(
        _RUN, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        child.wait(timeout=after_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return True
    return False


def _count_verdicts(folder: Path) -> int:
    """Count the verdicts in a project's memory; in a copy, so that nobody but Tocsin repairs it."""
    with tempfile.TemporaryDirectory() as scratch:
        for part in folder.glob(f"{MEMORY}*"):
            shutil.copy(part, scratch)
        with closing(sqlite3.connect(Path(scratch) / MEMORY)) as memory:
            known = memory.execute("SELECT 1 FROM sqlite_master WHERE name = '_tocsin_detections'").fetchone()
            return (
                int(memory.execute("SELECT count(*) FROM _tocsin_detections").fetchone()[0]) if known else 0
            )


def compare_rows(reference: Path, victim: Path, table: str) -> tuple[int, int]:
    """Compare a table of two memories.

    Returns:
        How many rows stand in one of them only (a row that differs stands in both, and counts twice),
        and how many keys stand twice in the victim's.
    """
    key, ignored = _TABLES[table]
    with closing(sqlite3.connect(reference)) as ours, closing(sqlite3.connect(victim)) as theirs:
        columns = [row[1] for row in ours.execute(f"PRAGMA table_info({table})") if row[1] not in ignored]
        # repr tells -0.0 from 0.0 and gives every bit of a float
        query = f"SELECT {', '.join(columns)} FROM {table}"
        wanted, found = ({repr(row) for row in memory.execute(query)} for memory in (ours, theirs))
        keys = ", ".join(key)
        twice = f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {keys} HAVING count(*) > 1)"
        return len(wanted ^ found), int(theirs.execute(twice).fetchone()[0])


def _write_files(folder: Path, metrics: int, points: int, seed: int, *, of: int | None = None) -> None:
    """Write the project with the first `points` of series of `of` points."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(metrics):
        values = make_values(of or points, seed + number)[:points]
        timestamps = make_timestamps(points)
        there = np.arange(points) % 97 != 5  # noqa: PLR2004 - some rows are not there at all: gaps to fill
        write_csv(folder / "data" / f"m{number}.csv", timestamps[there], values[there])
        detection = _SEASONAL_LINES if number % 2 else DETECTION_LINES
        files.append(
            MetricFile(f"m{number}", f"read_csv('data/m{number}.csv')", more=detection + _ALERTING_LINES)
        )
    write_project(folder, files)
