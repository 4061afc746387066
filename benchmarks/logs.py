"""How long whole runs over a log take: `tocsin init --from x.log`, then `tocsin run`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.log_lines import make_lines, write_log
from benchmarks.process import CommandFailedError, run_process, tocsin_command
from benchmarks.result import Better, Result
from benchmarks.sides import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peer import Peer
    from benchmarks.process import ProcessRun

__all__ = ["run"]

_RUN = tocsin_command("run", "--json")
_IDLE_RUNS = 5


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Measure a project that was made from the log, with what it proposed.

    Args:
        peer: Not used: the peer is a library and runs nothing.
        seed: Makes the log.
        quick: A small log.

    Yields:
        The lines of the benchmark.
    """
    del peer
    lines, training, more = (20_000, 5_000, 1_000) if quick else (1_000_000, 50_000, 10_000)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        log = folder / "synthetic.log"
        tell(f"writing {lines:,} lines ...")
        write_log(log, lines, seed, training)
        tell("init ...")
        init = tocsin_command("init", "bench", "--from", str(log), "--train", str(training))
        yield Result(f"init --from a log of {lines:,} lines", "s", run_process(init, folder).seconds)
        project = folder / "bench"

        tell("the first run ...")
        first = run_process(_RUN, project)
        report = _report(first, lines)
        title = f"a first run over {lines:,} lines"
        megabytes = log.stat().st_size / 1e6
        seconds = f"{first.seconds:.1f} s in all, {first.cpu_seconds:.1f} s of processor time"
        note = f"{megabytes:.0f} MB; parser and detectors as init proposed them; {seconds}"
        yield Result(title, "lines/s", lines / first.seconds, None, Better.HIGHER, note=note)
        yield Result(f"{title}, peak memory", "MB", first.peak_mb)
        yield from _findings(report, lines, training, seed)

        idle = [run_process(_RUN, project) for _ in range(1 if quick else _IDLE_RUNS)]
        for nothing in idle:
            _report(nothing, 0)
        yield Result("a run with nothing new", "s", median(one.seconds for one in idle))
        yield Result("a run with nothing new, peak memory", "MB", median(one.peak_mb for one in idle))

        with log.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in make_lines(more, seed + 1))
        tell("a run over what was appended ...")
        appended = run_process(_RUN, project)
        _report(appended, more)
        yield Result(f"a run over {more:,} lines that were appended", "s", appended.seconds)


def _report(done: ProcessRun, lines: int) -> dict[str, Any]:
    """Give the one monitor's report; a run that did not read what there was is refused."""
    (report,) = json.loads(done.stdout)["monitors"]
    if report["lines_read"] != lines or report["lines_rejected"]:
        raise CommandFailedError(
            f"of {lines:,} lines, {report['lines_read']:,} were read, {report['lines_rejected']:,} rejected"
        )
    return dict(report)


def _findings(report: dict[str, Any], lines: int, training: int, seed: int) -> Iterator[Result]:
    """Tell what was found: a run that is fast because it finds nothing would be no run."""
    numbered = enumerate(make_lines(lines, seed, training), start=1)
    strange = {number for number, line in numbered if " intruder[" in line}
    found = {line["line"] for line in report["lines"]}
    title = f"of {len(strange)} strange lines after training, found"
    yield Result(title, "lines", len(strange & found), None, Better.HIGHER)
    yield Result(
        "other lines that were called anomalous", "lines", report["anomalies"] - len(strange & found)
    )
