"""What flows from a log to its detectors: raw lines, parsed lines, alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["LogAlert", "ParsedBatch", "ParsedLog", "RawLines", "RejectedLine"]


class ParsedLog(TypedDict):
    """One log event, as parsers give it and event detectors take it.

    `EventID` keeps its type: `"4624"` and `4624` are two events. `template` is the text with `<*>` for
    variables, or what the format calls the kind of event. `variables` are the positional ones,
    `logFormatVariables` the named ones. `logID` is made from file and offset, so that it is the same each
    time the line is read. Times are Unix seconds; `parsedTimestamp` is `None` when the line has none.
    """

    EventID: int | str
    template: str
    variables: list[Any]
    logFormatVariables: dict[str, Any]
    log: str
    logID: str
    receivedTimestamp: float
    parsedTimestamp: float | None


class LogAlert(TypedDict):
    """What an event detector says about one log event (spec: the filled `output_`).

    `score` is the number of reasons, or a distance, ≥ 0. `description` is a sentence with what was seen,
    what was expected, since when and how often. `alertsObtain` gives a reason for each variable.
    `detectionTimestamp` is the time of the event in Unix seconds. `alertID` is a digest of detector and
    log ids. `EventID` is that of the event. `summary` says of a long description what tells the most.
    """

    score: float
    description: str
    summary: NotRequired[str]
    alertsObtain: dict[str, str]
    detectionTimestamp: float
    detectorID: str
    alertID: str
    logIDs: list[str]
    EventID: int | str


@dataclass(frozen=True, slots=True)
class RawLines:
    """Consecutive lines of one file, without their line ends.

    Attributes:
        source: The file's path, or `stdin`.
        file_id: What the file is known by when it is renamed: made from its content's beginning.
        texts: The lines.
        numbers: The 1-based number of each line in its file.
        offsets: The byte at which each line begins.
        reference: When the lines were read at the latest (the file's last change): their received
            time, and the year of timestamps that have none. UTC.
    """

    source: str
    file_id: str
    texts: list[str]
    numbers: list[int]
    offsets: list[int]
    reference: datetime


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that its parser could not read.

    Attributes:
        source: The file.
        number: Its 1-based number there.
        text: The line, cut at 64 KiB.
        reason: Why, in one sentence.
    """

    source: str
    number: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """What a parser made of some lines.

    Attributes:
        events: The events in order.
        indexes: For each event the index of its line in the batch.
        rejected: The lines that failed.
        continued: How many lines continue the record before them (stack traces), and are no events.
    """

    events: list[ParsedLog]
    indexes: list[int]
    rejected: list[RejectedLine]
    continued: int = 0
