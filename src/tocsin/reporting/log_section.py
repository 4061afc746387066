"""The part of a report that is about a log, as values for its template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.reporting.words import ABSENT, clean, count, number, shorten, time_text

if TYPE_CHECKING:
    from datetime import timedelta

    from tocsin.reporting.log_view import LogView

__all__ = ["length_text", "log_section"]

_LONGEST_TEXT = 400
_LONGEST_REASON = 2000


def log_section(index: int, view: LogView) -> dict[str, Any]:
    """Give the values of a log's section; everything that comes from the data is text to be escaped."""
    anchor = f"log-{index + 1}"
    title = count(view.found, "anomalous line")
    return {
        "anchor": anchor,
        "name": clean(view.name),
        "description": clean(view.description),
        "status": clean(view.status),
        "error": None if view.error is None else clean(view.error),
        "timezone": view.timezone,
        "read": f"{view.read:,}",
        "rejected": f"{view.rejected:,}",
        "found": f"{view.found:,}",
        "last": ABSENT if view.last is None else time_text(view.last, view.zone),
        "title": title if len(view.lines) >= view.found else f"{title}, the last {len(view.lines):,}",
        "lines": [
            {
                "time": time_text(line.timestamp, view.zone),
                "place": clean(line.place),
                "event": shorten(clean(line.event), _LONGEST_TEXT),
                "severity": number(line.severity),
                "explanations": [
                    {"detector": clean(detector), "text": _reason(clean(text))}
                    for detector, text in line.explanations
                ],
                "text": shorten(clean(line.text), _LONGEST_TEXT),
            }
            for line in view.lines
        ],
        "incidents": _incident_rows(view, anchor),
    }


def _reason(text: str) -> str:
    """Cut the end off what is too long: without its middle a sentence gives a value the count of another."""
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


def _incident_rows(view: LogView, anchor: str) -> list[dict[str, Any]]:
    return [
        {
            "anchor": anchor,
            "series": clean(view.name),
            "number": index + 1,
            "opened_at": incident.opened_at,
            "state": str(incident.state),
            "start": time_text(incident.opened_at, view.zone),
            "end": time_text(incident.last_anomaly_at, view.zone),
            "timezone": view.timezone,
            "lasted": length_text(incident.last_anomaly_at - incident.opened_at) or ABSENT,
            "direction": "",
            "sign": "lines",
            "severity": number(incident.severity),
            "points": f"{incident.anomalies:,}",
        }
        for index, incident in enumerate(sorted(view.incidents, key=lambda incident: incident.opened_at))
    ]


def length_text(between: timedelta, last_seconds: int = 0) -> str:
    """Write how long something lasted, the last slot included; nothing for less than a second.

    >>> from datetime import timedelta
    >>> length_text(timedelta(hours=28, seconds=3)), length_text(timedelta(minutes=40), 600)
    ('1d 4h', '50min')
    """
    seconds = int(between.total_seconds()) + last_seconds
    words = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            words.append(f"{seconds // size}{unit}")
            seconds %= size
    return " ".join(words[:2])
