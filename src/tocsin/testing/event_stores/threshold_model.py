"""A plain model of what is told and what is held back: the specification, with everything kept in lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

__all__ = ["SEVERITIES", "Said", "ThresholdModel"]

Key: TypeAlias = tuple[Any, ...]
Times: TypeAlias = "Mapping[str, tuple[timedelta, timedelta]]"
"""Severity → silence, relapse period."""

SEVERITIES = ("info", "low", "medium", "high", "critical")


class Said(NamedTuple):
    """What a verdict says."""

    kind: str
    severity: str
    until: datetime
    held_count: int


@dataclass
class _Told:
    """One report, and what came after it."""

    kind: str
    severity: str
    at: datetime
    because_of: str | None
    held: list[tuple[datetime, str, str]] = field(default_factory=list)  # when, event, severity


class ThresholdModel:
    """What was told and held back of each key.

    Args:
        times: Severity → silence, relapse period.
    """

    def __init__(self, times: Times) -> None:
        self.times = times
        self.told: dict[Key, list[_Told]] = {}

    def hear(self, key: Key, event: str, severity: str, now: datetime) -> Said:
        """Say what becomes of an event that is about one key."""
        reports = self.told.setdefault(key, [])
        for place, report in enumerate(reports):
            if report.because_of == event:
                return self._telling(key, place)
            if event in [held for _, held, _ in report.held]:
                return Said("held", report.severity, self._end(report), len(report.held))
        if reports and self._is_silent(reports[-1], now):
            last = reports[-1]
            if SEVERITIES.index(severity) > SEVERITIES.index(last.severity):
                return self._tell(key, "escalated", severity, now, event)
            last.held.append((max(now, last.at), event, severity))
            return Said("held", last.severity, self._end(last), len(last.held))
        if reports and self._relapses(reports[-1]):
            held = [one for _, _, one in reports[-1].held]
            return self._tell(key, "relapsed", _worst([severity, *held]), now, event)
        return self._tell(key, "first", severity, now, event)

    def due(self, now: datetime) -> dict[Key, Said]:
        """Say what relapses without an event."""
        said = {}
        for key, reports in self.told.items():
            if reports and self._end(reports[-1]) <= now and self._relapses(reports[-1]):
                worst = _worst([one for _, _, one in reports[-1].held])
                said[key] = self._tell(key, "relapsed", worst, now, None)
        return said

    def silences(self, now: datetime) -> dict[Key, Said]:
        """Say what is silent."""
        return {
            key: Said("held", reports[-1].severity, self._end(reports[-1]), len(reports[-1].held))
            for key, reports in self.told.items()
            if reports and self._is_silent(reports[-1], now)
        }

    def clean(self, now: datetime) -> None:
        """Forget what is over and does not relapse."""
        for key, reports in list(self.told.items()):
            if reports and self._end(reports[-1]) < now and not self._relapses(reports[-1]):
                del self.told[key]

    def held_with(self, key: Key) -> list[str]:
        """Give the events that the last report of a key tells of, in order."""
        before = self.told[key][-2:-1]
        return [event for report in before for _, event, _ in sorted(report.held)]

    def remembered(self) -> int:
        """Count what was held back after the last two reports of each key."""
        return sum(len(report.held) for reports in self.told.values() for report in reports[-2:])

    def _is_silent(self, report: _Told, now: datetime) -> bool:
        silence, _ = self.times[report.severity]
        return report.at - silence <= now <= report.at + silence

    def _relapses(self, report: _Told) -> bool:
        silence, relapse = self.times[report.severity]
        start, end = report.at + silence - relapse, report.at + silence
        return start < end and any(when >= start for when, _, _ in report.held)

    def _end(self, report: _Told) -> datetime:
        return report.at + self.times[report.severity][0]

    def _tell(self, key: Key, kind: str, severity: str, now: datetime, event: str | None) -> Said:
        self.told[key].append(_Told(kind, severity, now, event))
        return self._telling(key, len(self.told[key]) - 1)

    def _telling(self, key: Key, place: int) -> Said:
        report = self.told[key][place]
        before = self.told[key][place - 1].held if place and report.kind != "first" else []
        return Said(report.kind, report.severity, self._end(report), len(before))


def _worst(severities: list[str]) -> str:
    return max(severities, key=SEVERITIES.index)
