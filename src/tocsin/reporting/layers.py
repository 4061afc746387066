"""What a chart is made of, each drawn onto axes: line, band, anomalies, gaps, incidents, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.reporting.decimate import envelope, pixel_columns, shown
from tocsin.reporting.look import COLOURS
from tocsin.reporting.words import clean, direction_sign, number, shorten, to_datetime

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from tocsin.reporting.limits import Limits
    from tocsin.reporting.view import Band, SeriesView

__all__ = [
    "draw_anomalies",
    "draw_band",
    "draw_gaps",
    "draw_labels",
    "draw_line",
    "number_incidents",
    "shade_incidents",
    "x_limits",
]

_MANY_ANOMALIES = 150
_CHARACTER = 0.58  # the mean width of a character, in font sizes


def _days(time: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Make the numbers by which the time axis counts: days since 1970."""
    return np.asarray(time.astype("datetime64[ms]").astype(np.int64) / 86_400_000)


def _day(instant: datetime) -> float:
    """Make the number of one instant."""
    return to_datetime(instant).timestamp() / 86_400


def x_limits(view: SeriesView) -> tuple[float, float]:
    """Give the ends of the time axis: a little more than the series."""
    interval = view.interval.seconds / 86_400
    if view.timestamp.size == 0:
        return 0.0, 1.0
    start, end = _days(view.timestamp[[0, -1]])
    margin = max((end - start) * 0.01, interval * 0.5)
    if view.timestamp.size == 1:
        margin = interval * 5
    return float(start - margin), float(end + margin)


def draw_line(axes: Axes, view: SeriesView, columns: int) -> None:
    """Draw the values; missing ones break the line, and a value between two gaps is a dot."""
    keep = shown(view.value, pixel_columns(view.timestamp, columns))
    value = view.value[keep]
    thin = 0.75 if keep.size > columns else 1.0
    axes.plot(
        _days(view.timestamp[keep]),
        value,
        color=COLOURS["line"],
        linewidth=thin,
        label="value",
        zorder=3,
        solid_joinstyle="round",
    )
    alone = (
        np.isnan(np.append(np.nan, value[:-1])) & np.isnan(np.append(value[1:], np.nan)) & ~np.isnan(value)
    )
    if alone.any():
        axes.plot(
            _days(view.timestamp[keep][alone]),
            value[alone],
            linestyle="none",
            marker="o",
            markersize=2.5 if np.count_nonzero(alone) > _MANY_ANOMALIES else 4.0,
            color=COLOURS["line"],
            markeredgewidth=0,
            zorder=3,
        )


def draw_band(axes: Axes, view: SeriesView, band: Band, limits: Limits, columns: int) -> None:
    """Fill the band as far as the axis goes; a band with one end reaches to the edge of the picture."""
    some = ~(np.isnan(band.lower) & np.isnan(band.upper))
    if not some.any():
        return
    at, lower, upper = envelope(band.lower, band.upper, pixel_columns(view.timestamp, columns))
    where = ~(np.isnan(lower) & np.isnan(upper))
    outside = limits.high - limits.low
    lower = np.clip(np.where(np.isnan(lower), -np.inf, lower), limits.low - outside, limits.high + outside)
    upper = np.clip(np.where(np.isnan(upper), np.inf, upper), limits.low - outside, limits.high + outside)
    axes.fill_between(
        _days(view.timestamp[at]),
        lower,
        upper,
        where=where.tolist(),
        color=COLOURS["band"],
        linewidth=0.6,
        alpha=0.75,
        label=f"band ({shorten(clean(band.label), 24)})",
        zorder=1,
    )


def draw_anomalies(axes: Axes, view: SeriesView, limits: Limits, columns: int) -> None:
    """Mark every anomaly with a triangle that points where it went; those beyond the axis sit on its edge."""
    found = view.is_anomaly & ~np.isnan(view.value)
    direction = view.direction
    column = pixel_columns(view.timestamp, columns)
    size = 5.0 if np.count_nonzero(found) > _MANY_ANOMALIES else 7.0
    for sign, name, marker, where in ((1, "up", "^", "above"), (-1, "down", "v", "below")):
        at = np.flatnonzero(found & (direction == sign if sign < 0 else direction >= 0))
        if at.size == 0:
            continue
        keep = at[shown(view.value[at], column[at])]
        value = np.clip(view.value[keep], limits.low, limits.high)
        axes.plot(
            _days(view.timestamp[keep]),
            value,
            linestyle="none",
            marker=marker,
            markersize=size,
            color=COLOURS[name],
            markeredgecolor=COLOURS["paper"],
            markeredgewidth=0.6,
            zorder=5,
            clip_on=False,
            label=f"anomaly, {where} the band",
        )


def draw_gaps(axes: Axes, view: SeriesView, columns: int) -> None:
    """Shade where values are missing; gaps that a pixel cannot tell apart are one."""
    missing = np.isnan(view.value)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    if edges.size == 0:
        return
    time = _days(view.timestamp)
    interval = view.interval.seconds / 86_400
    starts, ends = time[edges[0::2]], time[edges[1::2] - 1] + interval
    pixel = (time[-1] - time[0]) / columns
    apart = np.flatnonzero(starts[1:] - ends[:-1] > pixel)
    starts, ends = starts[np.append(0, apart + 1)], ends[np.append(apart, ends.size - 1)]
    half = interval / 2  # a slot is drawn around its start, as the points are
    spans = np.column_stack([starts - half, np.maximum(ends - starts, 0.7 * pixel)])
    axes.broken_barh(
        spans.tolist(),
        (0, 1),
        transform=axes.get_xaxis_transform(),
        facecolor="none",
        edgecolor=COLOURS["gap"],
        hatch="////",
        linewidth=0.0,
        label="missing",
        zorder=0,
    )


def shade_incidents(axes: Axes, view: SeriesView) -> None:
    """Shade where incidents are."""
    half = view.interval.seconds / 86_400 / 2
    for index, incident in enumerate(view.incidents):
        start, end = _day(incident.opened_at), _day(incident.last_anomaly_at)
        axes.axvspan(
            start - half,
            end + half,
            facecolor=COLOURS["incident"],
            alpha=0.28,
            linewidth=0,
            zorder=0.5,
            label="" if index else "incident (number, direction, severity)",
        )


def number_incidents(axes: Axes, view: SeriesView, width: float, font_size: float = 8.0) -> None:
    """Cap the incidents and number them above the axes, the worst first when there is no room for all.

    Args:
        axes: Where to draw; the limits of x are set.
        view: The series.
        width: The width of the axes in points.
        font_size: Of the texts, in points.
    """
    low, high = axes.get_xlim()
    half_slot = view.interval.seconds / 86_400 / 2
    taken: list[tuple[float, float]] = []
    numbered = enumerate(sorted(view.incidents, key=lambda incident: incident.opened_at), start=1)
    for place, incident in sorted(numbered, key=lambda pair: -pair[1].severity):
        start, end = _day(incident.opened_at), _day(incident.last_anomaly_at)
        axes.plot(
            [start - half_slot, end + half_slot],
            [1, 1],
            color=COLOURS["incident"],
            linewidth=3,
            zorder=6,
            clip_on=False,
            solid_capstyle="butt",
            transform=axes.get_xaxis_transform(),
        )
        at = ((start + end) / 2 - low) / (high - low) * width
        severity = f" {number(round(incident.severity, 1))}" if incident.direction else ""
        for text in (f"{place} {direction_sign(incident.direction)}{severity}", str(place)):
            half = len(text) * font_size * _CHARACTER / 2 + 2
            middle = min(max(at, half), width - half)
            if all(middle + half < left or middle - half > right for left, right in taken):
                taken.append((middle - half, middle + half))
                _write_above(axes, middle / width, text, font_size)
                break


def _write_above(axes: Axes, share: float, text: str, font_size: float) -> None:
    written = axes.annotate(
        text,
        (share, 1),
        (0, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=font_size,
        color=COLOURS["ink"],
        annotation_clip=False,
    )
    written.set_in_layout(False)


def draw_labels(axes: Axes, view: SeriesView, width: float, font_size: float = 7.5) -> None:
    """Draw what is known to have happened as brackets at the foot of the axes."""
    low, high = axes.get_xlim()
    right = -np.inf
    for index, label in enumerate(sorted(view.labels, key=lambda label: label.start)):
        start, end = _day(label.start), _day(label.end)
        axes.plot(
            [start, end],
            [0.012, 0.012],
            color=COLOURS["label"],
            linewidth=3.5,
            zorder=4,
            solid_capstyle="butt",
            transform=axes.get_xaxis_transform(),
            label="" if index else "known to have happened",
        )
        text = shorten(clean(label.kind.replace("_", " ")), 24)
        half = len(text) * font_size * _CHARACTER / 2 + 2
        at = min(max(((start + end) / 2 - low) / (high - low) * width, half), width - half)
        if at - half > right:
            right = at + half
            written = axes.annotate(
                text,
                (at / width, 0.012),
                (0, 4),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=font_size,
                color=COLOURS["label"],
                zorder=6,
            )
            written.set_in_layout(False)
