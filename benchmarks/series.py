"""How fast series are judged: our MAD detector against the peer's, on one core each, in turns."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.data import make_timestamps, make_values, seasonality_json
from benchmarks.result import Better, Result, at_least, at_least_times_the_peer
from benchmarks.worker import Worker, WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peer import Peer

__all__ = ["run", "share_that_agrees"]

_UNIT = "points/s"
_CALLS_A_TURN = 3  # our calls are short: the median of a few a turn keeps the scheduler out


@dataclass(frozen=True, slots=True)
class _Case:
    """One window, with or without seasonal groups; the peer judges a part only."""

    window: int
    groups: tuple[str, ...]
    peer_points: int

    @property
    def title(self) -> str:
        seasons = f", groups {' + '.join(self.groups)}" if self.groups else ""
        return f"MAD, window {self.window:,}{seasons}"


_WARM_UP_POINTS = 200

# The peer judges the first window and some points after it, so that a benchmark ends in minutes.
_CASES = (
    _Case(8_640, (), 4_000),
    _Case(1_000, (), 4_000),
    _Case(100, (), 8_000),
    _Case(100, ("minute", "day_of_week"), 2_000),  # hours would have fewer than 10 points a group
    _Case(1_000, ("hour", "day_of_week"), 2_000),
    _Case(8_640, ("hour", "day_of_week"), 2_000),
)
_QUICK_CASES = (_Case(100, (), 500), _Case(1_000, ("hour", "day_of_week"), 200))


@dataclass(slots=True)
class _Figures:
    """What was measured in the turns of one case: points a second, and shares."""

    arrays: list[float] = field(default_factory=list)
    lists: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    agreement: list[float] = field(default_factory=list)


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Measure all cases.

    Args:
        peer: The installed peer, or `None`.
        seed: Makes the series.
        quick: Small sizes; the figures then say little.

    Yields:
        The lines of the benchmark, as they are found.
    """
    points, turns = (20_000, 1) if quick else (100_000, 3)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        _write_arrays(folder, points, seed)
        ours = stack.enter_context(Worker(sys.executable))
        theirs = None if peer is None else stack.enter_context(Worker(peer.python))
        bench = _Bench(folder, points, turns, ours, theirs)
        bench.warm_up(_CASES[0])
        for case in _QUICK_CASES if quick else _CASES:
            yield from bench.measure(case)


def share_that_agrees(points: int, ours: list[int], peer: list[int]) -> float:
    """Give the share of `points` on which both sides say the same, from the positions they flag.

    >>> share_that_agrees(10, [1, 2], [2, 3])
    0.8
    """
    return 1 - len(set(ours) ^ set(peer)) / points


def _write_arrays(folder: Path, points: int, seed: int) -> None:
    timestamps = make_timestamps(points)
    np.save(folder / "timestamp.npy", timestamps)
    np.save(folder / "value.npy", make_values(points, seed))
    np.save(folder / "seasonality.npy", seasonality_json(timestamps))


@dataclass(frozen=True, slots=True)
class _Bench:
    """The two workers and the series that both are given."""

    folder: Path
    points: int
    turns: int
    ours: Worker
    peer: Worker | None

    def warm_up(self, longest: _Case) -> None:
        """Let our side load its compiler: it does so only when there is enough work for it to pay."""
        with suppress(WorkerError):  # it will be told where it matters
            self._ask_ours(longest, "detect_arrays")

    def measure(self, case: _Case) -> Iterator[Result]:
        print(f"{case.title} ...", file=sys.stderr)
        figures = _Figures()
        try:
            self._take_turns(case, figures)
        except WorkerError as error:
            print(f"{case.title}: {error}", file=sys.stderr)
        return self._results(case, figures)

    def _take_turns(self, case: _Case, figures: _Figures) -> None:
        # Neither side's first calls count: imports, kernels that are compiled once and then cached on disk.
        for call in ("detect_arrays", "detect"):
            self._ask_ours(case, call)
        if self.peer is not None:
            self._ask(self.peer, case, side="peer", call="detect", points=_WARM_UP_POINTS)
        for _ in range(self.turns):
            figures.arrays.append(self._our_rate(case, "detect_arrays"))
            figures.lists.append(self._our_rate(case, "detect"))
            if self.peer is not None:
                part = min(case.window + case.peer_points, self.points)
                theirs = self._ask(self.peer, case, side="peer", call="detect", points=part)
                figures.peer.append(part / theirs["seconds"])
                # Both sides must have had the same work: what they say about the same points is compared.
                own = self._ask(self.ours, case, side="ours", call="detect_arrays", points=part)
                figures.agreement.append(share_that_agrees(part, own["anomalies"], theirs["anomalies"]))

    def _our_rate(self, case: _Case, call: str) -> float:
        """Give points a second; with groups, those of the slower seasonality mode."""
        modes = ("additive", "multiplicative") if case.groups else ("additive",)
        return min(
            self.points / median(self._ask_ours(case, call, mode) for _ in range(_CALLS_A_TURN))
            for mode in modes
        )

    def _ask_ours(self, case: _Case, call: str, mode: str = "additive") -> float:
        seconds: float = self._ask(
            self.ours, case, side="ours", call=call, points=self.points, seasonality_mode=mode
        )["seconds"]
        return seconds

    def _ask(
        self,
        worker: Worker,
        case: _Case,
        *,
        side: str,
        call: str,
        points: int,
        seasonality_mode: str = "multiplicative",  # the peer's only one
    ) -> dict[str, Any]:
        params: dict[str, Any] = {"threshold": 3.0, "window_size": case.window}
        if case.groups:
            params["seasonality_components"] = list(case.groups)
            if side == "ours":
                params["seasonality_mode"] = seasonality_mode
        return worker.ask(
            side=side,
            call=call,
            points=points,
            params=params,
            seasonality_columns=list(case.groups),
            folder=str(self.folder),
        )

    def _results(self, case: _Case, figures: _Figures) -> Iterator[Result]:
        arrays, lists, peer = (
            median(rates) if rates else None for rates in (figures.arrays, figures.lists, figures.peer)
        )
        part = min(case.window + case.peer_points, self.points)
        note = f"the peer judged the first {part:,} points, the cheap ones before the window is full included"
        title = f"{case.title}, detect_arrays, {self.points:,} points"
        yield Result(
            title,
            _UNIT,
            arrays,
            peer,
            Better.HIGHER,
            at_least_times_the_peer(100),
            note="" if peer is None else note,
            limit="an exact rolling MAD of the window, and one of each group, for every point",
        )
        if not case.groups:
            title = f"{case.title}, detect, {self.points:,} points"
            limit = "it makes a DetectionResult with a dict of metadata for each point, in Python"
            yield Result(title, _UNIT, lists, peer, Better.HIGHER, at_least_times_the_peer(20), limit=limit)
        if case is _CASES[0]:
            title = f"{case.title}, detect_arrays on one core (stretch)"
            limit = "the exact rolling MAD of the window"
            yield Result(title, _UNIT, arrays, None, Better.HIGHER, at_least(1_000_000), limit=limit)
        if figures.agreement:
            title = f"{case.title}, verdicts that agree with the peer's"
            yield Result(title, "share", median(figures.agreement), None, Better.HIGHER)
