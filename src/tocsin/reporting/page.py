"""Pages that need nothing else: one series, or a whole project, as one HTML file."""

from __future__ import annotations

import re
from math import isfinite, isnan, nan
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from tocsin.model import IncidentState, number_text
from tocsin.reporting.events_section import events_section
from tocsin.reporting.events_view import EventsView
from tocsin.reporting.log_section import length_text, log_section
from tocsin.reporting.look import COLOURS
from tocsin.reporting.plot import svg_text
from tocsin.reporting.words import ABSENT, clean, count, direction_sign, number, time_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from markupsafe import Markup

    from tocsin.model import Incident
    from tocsin.reporting.log_view import LogView
    from tocsin.reporting.view import SeriesView

__all__ = ["plot_html", "report_html"]

_MOST_ROWS = 200  # anomalies listed a series: a page of millions of rows helps nobody

_NO_EVENTS: Final = EventsView()

_LIGHT: Final = {**COLOURS, "page": "#f2f4f6", "edge": "#d5dae0", "link": "#0b5cad"}
_LIGHT["up"] = "#b84a00"  # as text it needs more contrast than as a triangle; so it does as both
_DARK: Final = {
    "page": "#10151a",
    "paper": "#182028",
    "edge": "#33404c",
    "ink": "#e8edf2",
    "soft": "#a7b3bf",
    "grid": "#2a343e",
    "line": "#7fb8ea",
    "band": "#2b4d69",
    "up": "#ff9552",
    "down": "#d99be0",
    "incident": "#b9852a",
    "gap": "#55626e",
    "label": "#4cc9a8",
    "link": "#82bdf5",
}


def plot_html(view: SeriesView, target: Path | str | IO[bytes], *, band: str | None = None) -> None:
    """Write one page with the chart of a series and its anomalies; it needs no other file and no script.

    Args:
        view: What to show.
        target: A file or a binary stream.
        band: The label of the detector whose band is filled; the first one unless given.

    Raises:
        ValueError: No band has that label.
        OSError: The file cannot be written.
    """
    series = _series(0, view, band)
    _write(_render("plot.html", title=clean(view.name), series=series), target)


def report_html(
    views: Sequence[SeriesView],
    target: Path | str | IO[bytes],
    *,
    project: str,
    generated_at: datetime,
    timezone: str = "UTC",
    logs: Sequence[LogView] = (),
    events: EventsView = _NO_EVENTS,
) -> None:
    """Write the report of a project as one page; it needs no other file and no script.

    Args:
        views: The series, in the order in which they are shown, with their incidents.
        target: A file or a binary stream.
        project: The project's name.
        generated_at: When the report is made, aware.
        timezone: IANA zone in which `generated_at` is shown; each series has its own.
        logs: The logs, likewise.
        events: The events monitors, if there are any.

    Raises:
        OSError: The file cannot be written.
    """
    all_series = [_series(index, view, None) for index, view in enumerate(views)]
    all_logs = [log_section(index, view) for index, view in enumerate(logs)]
    incidents = [row for part in (*all_series, *all_logs) for row in part["incidents"]]
    incidents.sort(key=lambda row: row["opened_at"], reverse=True)
    still_open = sum(row["state"] != IncidentState.RESOLVED for row in incidents)
    statuses = [*(view.status for view in views), *(log.status for log in logs)]
    statuses += [one.status for one in events.monitors]
    series_totals = [
        ("Series", f"{len(views):,}"),
        ("Slots", f"{sum(view.timestamp.size for view in views):,}"),
        ("Anomalies", f"{sum(int(np.count_nonzero(view.is_anomaly)) for view in views):,}"),
    ]
    log_totals = [
        ("Logs", f"{len(logs):,}"),
        ("Lines", f"{sum(log.read for log in logs):,}"),
        ("Anomalous lines", f"{sum(log.found for log in logs):,}"),
    ]
    event_totals = [("Events", f"{sum(one.found for one in events.monitors):,}")]
    totals = [
        *(series_totals if views or not (logs or events.monitors) else []),
        *(log_totals if logs else []),
        *(event_totals if events.monitors else []),
        ("Incidents", f"{len(incidents):,}"),
        ("Not resolved", f"{still_open:,}"),
        *([("Failed", f"{failed:,}")] if (failed := sum(status != "ok" for status in statuses)) else []),
    ]
    page = _render(
        "report.html",
        title=f"{clean(project)} · Tocsin report",
        project=clean(project),
        generated_at=time_text(generated_at, ZoneInfo(timezone)),
        timezone=timezone,
        totals=totals,
        all_series=all_series,
        logs=all_logs,
        events=events_section(events),
        incidents=incidents,
    )
    _write(page, target)


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("tocsin.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    light, dark = (
        " ".join(f"--{name}: {code};" for name, code in shades.items()) for shades in (_LIGHT, _DARK)
    )
    colours = f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    # Made of the fixed colours above, nothing else.
    return environment.get_template(template).render(colours=Markup(colours), **values)  # noqa: S704


def _write(page: str, target: Path | str | IO[bytes]) -> None:
    content = page.encode("utf-8", errors="replace")
    if isinstance(target, (str, Path)):
        Path(target).write_bytes(content)
    else:
        target.write(content)


def _series(index: int, view: SeriesView, band: str | None) -> dict[str, Any]:
    anchor = f"series-{index + 1}"
    found = int(np.count_nonzero(view.is_anomaly))
    shown = min(found, _MOST_ROWS)
    title = count(found, "anomaly", "anomalies")
    return {
        "anchor": anchor,
        "name": clean(view.name),
        "description": clean(view.description),
        "status": clean(view.status),
        "error": None if view.error is None else clean(view.error),
        "timezone": view.timezone,
        "svg": _inline_svg(view, anchor, band),
        "slots": f"{view.timestamp.size:,}",
        "missing": f"{np.count_nonzero(np.isnan(view.value)):,}",
        "found": f"{found:,}",
        "last": time_text(view.timestamp[-1], view.zone) if view.timestamp.size else ABSENT,
        "anomalies": _anomaly_rows(view),
        "anomalies_title": title if shown == found else f"{title}, the {shown:,} most severe",
        "incidents": _incident_rows(view, anchor),
        "labels": [
            f"{time_text(label.start, view.zone)} to {time_text(label.end, view.zone)}: "
            + clean(label.kind.replace("_", " "))
            + (f", {clean(label.note)}" if label.note else "")
            for label in view.shown_labels
        ],
    }


def _inline_svg(view: SeriesView, anchor: str, band: str | None) -> Markup:
    """Make a picture that is part of a page: named, in the page's colours, with ids of its own."""
    from markupsafe import Markup, escape

    svg = svg_text(view, height=410, band=band, heading=False)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style type=\"text/css\">.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{anchor}-", svg)
    for name, code in COLOURS.items():
        svg = re.sub(rf"(fill|stroke): {code}\b", rf"\1: var(--{name})", svg)
    label = escape(f"Chart of {clean(view.name)}")
    # The drawing library escapes every text of a series.
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S704


def _anomaly_rows(view: SeriesView) -> list[dict[str, str]]:
    severity, direction = view.severity, view.direction
    at = np.flatnonzero(view.is_anomaly)
    if at.size > _MOST_ROWS:
        at = np.sort(at[np.argsort(-severity[at], kind="stable")[:_MOST_ROWS]])
    return [
        {
            "time": time_text(view.timestamp[i], view.zone),
            **_value_and_band(view, i),
            "direction": "down" if direction[i] < 0 else "up",
            "sign": direction_sign("down" if direction[i] < 0 else "up"),
            "severity": number(float(severity[i])),
            "detectors": ", ".join(clean(band.label) for band in view.bands if band.is_anomaly[i]),
        }
        for i in at.tolist()
    ]


def _value_and_band(view: SeriesView, i: int) -> dict[str, str]:
    """The value, and the band of the first detector that found it, with digits enough to tell them apart."""
    value = float(view.value[i])
    lower, upper = next(
        ((float(band.lower[i]), float(band.upper[i])) for band in view.bands if band.is_anomaly[i]),
        (nan, nan),
    )
    bounds = f"{_digits(lower, value, upper)} to {_digits(upper, value, lower)}"
    return {
        "value": _digits(value, lower, upper),
        "band": ABSENT if isnan(lower) and isnan(upper) else bounds,
    }


def _digits(value: float, *beside: float) -> str:
    return number_text(value, *filter(isfinite, beside)) if isfinite(value) else ABSENT


def _incident_rows(view: SeriesView, anchor: str) -> list[dict[str, Any]]:
    incidents: list[Incident] = sorted(view.incidents, key=lambda incident: incident.opened_at)
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
            "lasted": length_text(incident.last_anomaly_at - incident.opened_at, view.interval.seconds),
            "direction": incident.direction or "",
            "sign": direction_sign(incident.direction),
            "severity": number(incident.severity) if incident.direction else ABSENT,
            "points": f"{incident.anomalies:,}",
        }
        for index, incident in enumerate(incidents)
    ]
