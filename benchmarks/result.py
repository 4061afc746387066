"""What a benchmark found: figures, their ratios, and whether the goals were met."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "SCHEMA_VERSION",
    "Better",
    "Goal",
    "Measure",
    "Result",
    "at_least",
    "at_least_times_the_peer",
    "at_most",
    "document",
    "table",
]

SCHEMA_VERSION = 1


class Better(StrEnum):
    """Which way a figure is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Measure(StrEnum):
    """What a goal is about: our own figure, or how many times it is better than the peer's."""

    OURS = "ours"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached.

    Attributes:
        measure: Whether the bound is for our figure or for the ratio.
        bound: The value that is just good enough.
        better: Which side of the bound is good; a ratio is always better when higher.
    """

    measure: Measure
    bound: float
    better: Better = Better.HIGHER

    def is_met(self, ours: float | None, ratio: float | None) -> bool | None:
        """Judge; `None` when the figure is not there."""
        figure = ratio if self.measure is Measure.RATIO else ours
        if figure is None:
            return None
        return figure >= self.bound if self.better is Better.HIGHER else figure <= self.bound

    def text(self, unit: str) -> str:
        """Write the goal, e.g. `>= 100x` or `<= 0.6 s`."""
        sign = ">=" if self.better is Better.HIGHER else "<="
        return f"{sign} {_figure(self.bound)}" + ("x" if self.measure is Measure.RATIO else f" {unit}")


def at_least_times_the_peer(times: float) -> Goal:
    """Make the goal to be so many times better than the peer."""
    return Goal(Measure.RATIO, times)


def at_most(bound: float) -> Goal:
    """Make the goal that our figure does not exceed the bound."""
    return Goal(Measure.OURS, bound, Better.LOWER)


def at_least(bound: float) -> Goal:
    """Make the goal that our figure reaches the bound."""
    return Goal(Measure.OURS, bound)


@dataclass(frozen=True, slots=True)
class Result:
    """One line of a benchmark.

    Attributes:
        name: What was measured, with its sizes.
        unit: The unit of `ours` and `peer`.
        ours: Our figure; `None` when it could not be measured.
        peer: The peer's figure, of the same run; `None` when there is none.
        better: Which way the figures are better; `None` when neither is, and no ratio is made of them.
        goal: What is to be reached, or `None` for a line that only informs.
        note: How it was measured, when that is not plain.
        limit: What limits the figure, shown when the goal is missed.
        quoted: A figure of the peer from elsewhere, shown as such where it was not measured. No ratio is
            made of it: it is not of the same machine.
    """

    name: str
    unit: str
    ours: float | None
    peer: float | None = None
    better: Better | None = Better.LOWER
    goal: Goal | None = None
    note: str = ""
    limit: str = ""
    quoted: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than the peer's; `None` when one of them is missing or 0."""
        if self.better is None or self.ours is None or self.peer is None or self.ours <= 0 or self.peer <= 0:
            return None
        return self.ours / self.peer if self.better is Better.HIGHER else self.peer / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the goal was reached; `None` when there is no goal or it cannot be judged."""
        return None if self.goal is None else self.goal.is_met(self.ours, self.ratio)

    def to_dict(self) -> dict[str, Any]:
        """Give the line as it stands in the JSON document."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.quoted if self.peer is None else self.peer,
            "peer_quoted": self.peer is None and self.quoted is not None,
            "ratio": self.ratio,
            "goal": None if self.goal is None else self.goal.text(self.unit),
            "met": self.met,
        }


def document(benchmark: str, results: Iterable[Result]) -> str:
    """Write the one JSON object of a benchmark."""
    lines = [result.to_dict() for result in results]
    return json.dumps(
        {"schema_version": SCHEMA_VERSION, "benchmark": benchmark, "results": lines}, allow_nan=False
    )


def table(benchmark: str, results: Iterable[Result]) -> str:
    """Write a table for people, in Markdown, so that it can be pasted into the docs."""
    rows = [["figure", "unit", "ours", "peer", "ratio", "goal", "met"]]
    notes: list[str] = []
    for result in results:
        line = result.to_dict()
        rows.append(
            [
                result.name,
                result.unit,
                _figure(result.ours),
                _figure(line["peer"]) + (" (quoted)" if line["peer_quoted"] else ""),
                _figure(result.ratio) + ("x" if result.ratio is not None else ""),
                line["goal"] or "",
                {True: "yes", False: "MISSED", None: ""}[result.met],
            ]
        )
        notes.extend(f"- {result.name}: {text}" for text in _remarks(result))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([f"benchmark {benchmark}", "", *lines, *([""] if notes else []), *notes])


def _remarks(result: Result) -> list[str]:
    remarks = [result.note] if result.note else []
    if result.met is False:
        remarks.append(f"missed; {result.limit or 'what limits it is not known yet'}")
    return remarks


def _figure(value: float | None) -> str:
    """Write a figure with three digits that count, and thousands set apart."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.3g}"
