"""What a Thresholder says about an event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.eventstorage.thresholds.keys import ThresholdKey
    from tocsin.eventstorage.thresholds.rules import Severity

__all__ = ["Verdict", "VerdictKind"]


class VerdictKind(StrEnum):
    """Whether to tell now, and why."""

    FIRST = "first"
    ESCALATED = "escalated"
    RELAPSED = "relapsed"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an event is told now, or held back.

    Attributes:
        kind: `FIRST`: it was not told before, or that is forgotten; `ESCALATED`: it is more severe than what
            was told; `RELAPSED`: the silence is over, and it was still going on near its end; `HELD`: it was
            told, and is silent.
        key: What is told, or silent.
        until: When the silence ends, or the one that begins with this report: aware, UTC.
        held_count: `HELD`: how many events were held back since the last report, this one included;
            `ESCALATED`, `RELAPSED`: how many were held back before this report, to be told with it;
            `FIRST`: 0.
        severity: `HELD`: the severity that was told; otherwise the one that is told now.
        held_under: Under which key the events of `held_count` are noted; see `Thresholder.held_events`.
        each: When the event has several entities: what is said about each, in the order of the event.
    """

    kind: VerdictKind
    key: ThresholdKey
    until: datetime
    held_count: int
    severity: Severity
    held_under: str
    each: tuple[Verdict, ...] = ()

    @property
    def is_told(self) -> bool:
        """Whether people are told now."""
        return self.kind is not VerdictKind.HELD
