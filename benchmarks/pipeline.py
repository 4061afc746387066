"""How long whole runs take: `tocsin run` as a process, against the peer's where it has the same."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.data import START, make_timestamps, make_values, write_csv, write_parquet
from benchmarks.process import CommandFailedError, ProcessRun, run_process, tocsin_command
from benchmarks.projects import MetricFile, count_rows, forget, write_peer_project, write_project
from benchmarks.result import Result, at_least_times_the_peer, at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.peer import Peer

__all__ = ["run"]

_RUN = tocsin_command("run")
_START_LIMIT = "most of it is imports: pydantic and typer, numpy, DuckDB (python -X importtime -m tocsin run)"


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How much of everything."""

    metrics: int = 50
    queries: int = 50
    dimensions: int = 100
    files: int = 5_000
    load_points: int = 1_000_000
    turns: int = 3
    starts: int = 9


_QUICK = _Sizes(metrics=2, queries=2, dimensions=5, files=50, load_points=20_000, turns=1, starts=3)


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Measure all; a part that fails leaves its figures empty and the others go on.

    Args:
        peer: The installed peer, or `None`.
        seed: Makes the series.
        quick: Small sizes; the figures then say little.

    Yields:
        The lines of the benchmark, as they are found.
    """
    bench = _Bench(peer, seed, _QUICK if quick else _Sizes())
    parts: tuple[Callable[[Path], Iterator[Result]], ...] = (
        bench.start, bench.idle, bench.load, bench.new_points, bench.many_files, bench.empty_store,
    )  # fmt: skip
    for part in parts:
        print(f"{(part.__doc__ or '').splitlines()[0]} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                yield from part(Path(scratch))
            except (CommandFailedError, OSError) as error:
                print(error, file=sys.stderr)
                yield Result(f"{part.__name__}: could not be measured", "", None, note=str(error)[:200])


@dataclass(frozen=True, slots=True)
class _Bench:
    peer: Peer | None
    seed: int
    sizes: _Sizes

    def start(self, folder: Path) -> Iterator[Result]:
        """Starting: help, and the import over a bare interpreter."""
        run_process(tocsin_command("--help"), folder)  # bytecode is written, files are in the cache
        our_runs, peer_runs = self._in_turns(
            (tocsin_command("--help"), folder), (self._peer_command("--help"), folder)
        )
        yield Result("tocsin --help", "s", _seconds(our_runs), _seconds(peer_runs), goal=at_most(0.3))
        python = sys.executable
        over = _import_cost(python, "tocsin", folder, self.sizes.starts)
        peer_over = None
        if self.peer is not None:
            peer_over = _import_cost(str(self.peer.python), "detectkit", folder, self.sizes.starts)
        yield Result("import, over a bare interpreter", "ms", over, peer_over, goal=at_most(60))

    def idle(self, folder: Path) -> Iterator[Result]:
        """A run with nothing to do, one metric."""
        ours, theirs = self._write_pair(folder, 1, 600)
        peer_command = self._peer_command("run", "--select", "*", "--to", _end_of(600))
        run_process(_RUN, ours)
        if peer_command is not None:
            run_process(peer_command, theirs)
        our_runs, peer_runs = self._in_turns((_RUN, ours), (peer_command, theirs))
        title = "a run with nothing to do, 1 metric"
        yield Result(
            title, "s", _seconds(our_runs), _seconds(peer_runs), goal=at_most(0.6), limit=_START_LIMIT
        )
        yield Result(f"{title}, peak memory", "MB", _peak(our_runs), _peak(peer_runs), goal=at_most(130))

    def load(self, folder: Path) -> Iterator[Result]:
        """Loading one long series from Parquet into the store."""
        points = self.sizes.load_points
        (folder / "data").mkdir()
        columns = {
            "timestamp": make_timestamps(points, 60),
            "value": make_values(points, self.seed, interval_seconds=60),
        }
        write_parquet(folder / "data" / "long.parquet", columns)
        write_project(folder, [MetricFile("long", "read_parquet('data/long.parquet')", interval="1min")])
        runs = []
        for _ in range(self.sizes.turns):
            forget(folder)
            runs.append(run_process(tocsin_command("run", "--steps", "load"), folder))
        _require(count_rows(folder)[0], points, "points")
        yield Result(
            f"{points:,} points from Parquet into the store", "s", _seconds(runs), goal=at_most(10),
            note=f"whole process, load step only, peak memory {runs[0].peak_mb:,.0f} MB",
        )  # fmt: skip

    def new_points(self, folder: Path) -> Iterator[Result]:
        """Ten new points for each of many series: queries times dimensions."""
        queries, dimensions, history = self.sizes.queries, self.sizes.dimensions, 120
        write_project(
            folder,
            [
                MetricFile(f"q{query}", f"read_parquet('data/q{query}.parquet')", dimension="host")
                for query in range(queries)
            ],
        )
        self._write_hosts(folder / "data", history)
        first = run_process(_RUN, folder)
        runs = []
        for turn in range(1, self.sizes.turns + 1):
            self._write_hosts(folder / "data", history + 10 * turn)
            runs.append(run_process(_RUN, folder))
            _require(count_rows(folder)[1], queries * dimensions * (history + 10 * turn), "verdicts")
        yield Result(
            f"{queries} queries x {dimensions} dimensions, 10 new points each", "s", _seconds(runs),
            goal=at_most(20),
            note=f"{os.cpu_count()} processors; loading and judging the first {history} of each took "
            f"{first.seconds:.1f} s",
        )  # fmt: skip

    def many_files(self, folder: Path) -> Iterator[Result]:
        """Many metric files of 40 points each, then again with nothing to do."""
        files, points, a_group = self.sizes.files, 40, 50
        (folder / "data").mkdir()
        metrics: list[MetricFile] = []
        for first in range(0, files, a_group):
            names = [f"m{number:05}" for number in range(first, min(first + a_group, files))]
            path = f"data/g{first // a_group:03}.parquet"
            columns = {
                "timestamp": np.tile(make_timestamps(points), len(names)),
                "metric": np.repeat(np.array(names), points),
                "value": make_values(points * len(names), self.seed + first, missing_share=0),
            }
            write_parquet(folder / path, columns)
            metrics.extend(
                MetricFile(name, f"read_parquet('{path}')", f"metric = '{name}'") for name in names
            )
        write_project(folder, metrics)
        runs = [run_process(_RUN, folder)]
        _require(count_rows(folder)[1], files * points, "verdicts")
        yield Result(
            f"{files:,} metric files of {points} points, empty store", "s", _seconds(runs), goal=at_most(60),
            note=f"one run; peak memory {runs[0].peak_mb:,.0f} MB",
        )  # fmt: skip
        again = [run_process(_RUN, folder) for _ in range(self.sizes.turns)]
        yield Result(f"{files:,} metric files with nothing to do", "s", _seconds(again))

    def empty_store(self, folder: Path) -> Iterator[Result]:
        """Metrics into an empty store, against the peer."""
        metrics, points = self.sizes.metrics, 600
        wanted = (metrics * points, metrics * points)
        ours, theirs = self._write_pair(folder, metrics, points)
        peer_command = self._peer_command("run", "--select", "*", "--to", _end_of(points))
        run_process(_RUN, ours)  # compiled kernels are cached from here on, as they are for a user
        our_runs, peer_runs, note = [], [], ""
        for turn in range(self.sizes.turns):
            forget(ours)
            our_runs.append(run_process(_RUN, ours))
            if peer_command is not None and turn == 0:
                print(f"the peer's run over {metrics} metrics takes minutes ...", file=sys.stderr)
                peer_runs.append(run_process(peer_command, theirs))
        _require(count_rows(ours)[:2], wanted, "points and verdicts")
        if self.peer is not None:
            peer_rows = _count_peer_rows(self.peer, theirs)
            _require(peer_rows[:2], wanted, "points and verdicts of the peer")
            note = (
                "the peer ran once, on DuckDB, its store without a server; "
                f"anomalies: ours {count_rows(ours)[2]:,}, peer {peer_rows[2]:,}"
            )
        yield Result(
            f"{metrics} metrics x {points} points into an empty store",
            "s",
            _seconds(our_runs),
            _seconds(peer_runs),
            goal=at_least_times_the_peer(100),
            note=note,
            limit="DuckDB finds out the format of each CSV file anew, over 20 ms a file",
        )

    def _in_turns(
        self, ours: tuple[list[str], Path], peer: tuple[list[str] | None, Path]
    ) -> tuple[list[ProcessRun], list[ProcessRun]]:
        """Run both commands, each in its folder, in turns."""
        our_runs, peer_runs = [], []
        for _ in range(self.sizes.starts):
            our_runs.append(run_process(*ours))
            if peer[0] is not None:
                peer_runs.append(run_process(peer[0], peer[1]))
        return our_runs, peer_runs

    def _write_pair(self, folder: Path, metrics: int, points: int) -> tuple[Path, Path]:
        """Write the same metrics over the same data as our project and as the peer's."""
        ours, theirs = folder / "ours", folder / "peer"
        write_project(ours, _write_series(ours / "data", metrics, points, self.seed))
        write_peer_project(theirs, _write_series(theirs / "data", metrics, points, self.seed))
        return ours, theirs

    def _peer_command(self, *arguments: str) -> list[str] | None:
        return None if self.peer is None else [str(self.peer.command), *arguments]

    def _write_hosts(self, folder: Path, points: int) -> None:
        """Write one file a query; a longer file begins with the shorter one's values."""
        folder.mkdir(exist_ok=True)
        longest = 1_000
        for query in range(self.sizes.queries):
            hosts = range(self.sizes.dimensions)
            values = make_values(longest * len(hosts), self.seed + query, missing_share=0)
            columns = {
                "timestamp": np.tile(make_timestamps(points), len(hosts)),
                "host": np.repeat(np.array([f"host{host:03}" for host in hosts]), points),
                "value": values.reshape(len(hosts), longest)[:, :points].ravel(),
            }
            write_parquet(folder / f"q{query}.parquet", columns)


def _write_series(folder: Path, metrics: int, points: int, seed: int) -> list[MetricFile]:
    """Write a CSV file a metric."""
    folder.mkdir(parents=True)
    for number in range(metrics):
        values = make_values(points, seed + number, missing_share=0)
        write_csv(folder / f"m{number}.csv", make_timestamps(points), values)
    return [MetricFile(f"m{number}", f"read_csv('data/m{number}.csv')") for number in range(metrics)]


def _end_of(points: int) -> str:
    """Give the end of a series of 10 minutes a point, as the peer's option wants it."""
    end = (START + points * np.timedelta64(600, "s")).astype("datetime64[s]")
    return str(end).replace("T", " ")


def _import_cost(python: str, package: str, folder: Path, turns: int) -> float:
    """Give the milliseconds that an import adds to an interpreter that does nothing else."""
    run_process([python, "-c", f"import {package}"], folder)
    with_it, without = [], []
    for _ in range(turns):
        without.append(run_process([python, "-c", "pass"], folder))
        with_it.append(run_process([python, "-c", f"import {package}"], folder))
    return 1000 * (median(r.seconds for r in with_it) - median(r.seconds for r in without))


def _count_peer_rows(peer: Peer, folder: Path) -> tuple[int, int, int]:
    code = (
        "import duckdb, json; c = duckdb.connect('memory.duckdb', read_only=True); "
        "a = c.execute('SELECT count(*) FROM detectkit._dtk_datapoints').fetchone(); "
        "b = c.execute('SELECT count(*), count(*) FILTER (is_anomaly) "
        "FROM detectkit._dtk_detections').fetchone(); "
        "print(*a, *b)"
    )
    done = subprocess.run(
        [str(peer.python), "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CommandFailedError(f"the peer's store cannot be read: {done.stderr.strip()[-500:]}")
    points, verdicts, anomalies = (int(word) for word in done.stdout.split())
    return points, verdicts, anomalies


def _require(found: object, wanted: object, what: str) -> None:
    """Refuse a figure of a run that did not do the work."""
    if found != wanted:
        raise CommandFailedError(
            f"the run left {found} {what} in the store, not {wanted}: its time means nothing"
        )


def _seconds(runs: list[ProcessRun]) -> float | None:
    return median(run.seconds for run in runs) if runs else None


def _peak(runs: list[ProcessRun]) -> float | None:
    return median(run.peak_mb for run in runs) if runs else None
