"""The systems of loghub: how Drain was set up for each in the literature, and how well it did."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SYSTEMS", "System", "read_contents", "read_lines", "read_truth"]

_ADDRESS = r"(\d+\.){3}\d+"
_HOST = r"([\w-]+\.){2,}[\w-]+"


@dataclass(frozen=True, slots=True)
class System:
    """A log that Drain was judged on.

    Attributes:
        header: The format of its lines.
        masks: What was masked.
        similarity: The threshold.
        depth: Of the tree.
        published: The grouping accuracy.
    """

    header: str
    masks: tuple[str, ...]
    similarity: float
    depth: int
    published: float

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the parser `drain`, with the paper's measure of similarity."""
        return {
            "header": self.header,
            "masks": list(self.masks),
            "similarity": self.similarity,
            "depth": self.depth,
            "count_masked": True,
        }


# Settings and figures of logpai/logparser, which reproduces Zhu et al., "Tools and Benchmarks for Automated
# Log Parsing", ICSE SEIP 2019 (the figures there have three digits).
SYSTEMS = {
    "Android": System(
        "<Date> <Time>  <Pid>  <Tid> <Level> <Component>: <Content>",
        (r"(/[\w-]+)+", _HOST, r"\b(\-?\+?\d+)\b|\b0[Xx][a-fA-F\d]+\b|\b[a-fA-F\d]{4,}\b"),
        0.2,
        6,
        0.911,
    ),
    "Apache": System(r"\[<Time>\] \[<Level>\] <Content>", (_ADDRESS,), 0.5, 4, 1.0),
    "BGL": System(
        "<Label> <Timestamp> <Date> <Node> <Time> <NodeRepeat> <Type> <Component> <Level> <Content>",
        (r"core\.\d+",),
        0.5,
        4,
        0.9625,
    ),
    "HDFS": System(
        "<Date> <Time> <Pid> <Level> <Component>: <Content>",
        (r"blk_-?\d+", _ADDRESS + r"(:\d+)?"),
        0.5,
        4,
        0.9975,
    ),
    "HPC": System("<LogId> <Node> <Component> <State> <Time> <Flag> <Content>", (r"=\d+",), 0.5, 4, 0.887),
    "Hadoop": System(
        r"<Date> <Time> <Level> \[<Process>\] <Component>: <Content>", (_ADDRESS,), 0.5, 4, 0.9475
    ),
    "HealthApp": System(r"<Time>\|<Component>\|<Pid>\|<Content>", (), 0.2, 4, 0.78),
    "Linux": System(
        r"<Month> <Date> <Time> <Level> <Component>(\[<PID>\])?: <Content>",
        (_ADDRESS, r"\d{2}:\d{2}:\d{2}"),
        0.39,
        6,
        0.69,
    ),
    "Mac": System(
        r"<Month>  <Date> <Time> <User> <Component>\[<PID>\]( \(<Address>\))?: <Content>",
        (_HOST,),
        0.7,
        6,
        0.7865,
    ),
    "OpenSSH": System(
        r"<Date> <Day> <Time> <Component> sshd\[<Pid>\]: <Content>", (_ADDRESS, _HOST), 0.6, 5, 0.7875
    ),
    "OpenStack": System(
        r"<Logrecord> <Date> <Time> <Pid> <Level> <Component> \[<ADDR>\] <Content>",
        (r"((\d+\.){3}\d+,?)+", r"/.+?\s", r"\d+"),
        0.5,
        5,
        0.7325,
    ),
    "Proxifier": System(
        r"\[<Time>\] <Program> - <Content>",
        (r"<\d+\ssec", r"([\w-]+\.)+[\w-]+(:\d+)?", r"\d{2}:\d{2}(:\d{2})*", "[KGTM]B"),
        0.6,
        3,
        0.5265,
    ),
    "Spark": System(
        "<Date> <Time> <Level> <Component>: <Content>", (_ADDRESS, r"\b[KGTM]?B\b", _HOST), 0.5, 4, 0.92
    ),
    "Thunderbird": System(
        "<Label> <Timestamp> <Date> <User> <Month> <Day> <Time> <Location> "
        r"<Component>(\[<PID>\])?: <Content>",
        (_ADDRESS,),
        0.5,
        4,
        0.955,
    ),
    "Windows": System(
        "<Date> <Time>, <Level>                  <Component>    <Content>", (r"0x.*?\s",), 0.7, 5, 0.997
    ),
    "Zookeeper": System(
        r"<Date> <Time> - <Level>  \[<Node>:<Component>@<Id>\] - <Content>",
        (r"(/|)(\d+\.){3}\d+(:\d+)?",),
        0.5,
        4,
        0.9665,
    ),
}


def read_lines(folder: Path, system: str) -> list[str]:
    """Read the 2,000 lines of a system; some hold carriage returns of their own."""
    text = (folder / system / f"{system}_2k.log").read_bytes().decode("utf-8", "surrogateescape")
    return [line.removesuffix("\r") for line in text.split("\n") if line.strip()]


def read_truth(folder: Path, system: str) -> list[str]:
    """Read the true group of each line."""
    return _read_column(folder, system, "EventId")


def read_contents(folder: Path, system: str) -> list[str]:
    """Read the message of each line, without its header."""
    return _read_column(folder, system, "Content")


def _read_column(folder: Path, system: str, name: str) -> list[str]:
    path = folder / system / f"{system}_2k.log_structured.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]
