"""The picture of a series, as PNG or SVG."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tocsin.reporting import layers
from tocsin.reporting.limits import value_limits
from tocsin.reporting.look import COLOURS, drawing
from tocsin.reporting.words import clean, count, number, shorten, time_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tocsin.reporting.limits import Limits
    from tocsin.reporting.view import Band, SeriesView

__all__ = ["plot_png", "plot_svg", "summary_line", "svg_text"]

_DPI, _LEAST_DPI = 130, 60
_LEAST = (3.2, 2.4)  # inches
_LARGEST = 1e290  # numbers beyond it overflow in the drawing library
_POINT = 72.0  # points an inch
_HEADER, _TITLE, _FOOTER, _SIDE = 46.0, 22.0, 22.0, 10.0  # points around the axes; the title is in the header
_NARROW = 620.0  # points; below it the legend needs two rows


def plot_png(
    view: SeriesView,
    target: Path | str | IO[bytes],
    *,
    width: int = 1600,
    height: int = 700,
    dpi: int | None = None,
    band: str | None = None,
) -> None:
    """Write a PNG of a series. The same view gives the same bytes (with the same versions installed).

    Args:
        view: What to draw.
        target: A file or a binary stream.
        width: In pixels, at least 3.2 inches of them.
        height: In pixels, at least 2.4 inches of them.
        dpi: Pixels an inch: more of them make letters and lines larger. 130 unless given; fewer, down to
            60, where the picture is too small for that.
        band: The label of the detector whose band is filled; the first one unless given.

    Raises:
        ValueError: The picture is too small, or no band has that label.
        OSError: The file cannot be written.
    """
    if dpi is None:
        dpi = max(min(_DPI, int(width / _LEAST[0]), int(height / _LEAST[1])), _LEAST_DPI)
    with drawing():
        figure = _figure(view, width, height, dpi, band)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    _write(buffer.getvalue(), target)


def plot_svg(
    view: SeriesView,
    target: Path | str | IO[bytes],
    *,
    width: int = 1100,
    height: int = 440,
    band: str | None = None,
) -> None:
    """Write an SVG of a series, with text as text. The same view gives the same bytes.

    Args:
        view: What to draw.
        target: A file or a binary stream.
        width: In CSS pixels, at least 308.
        height: In CSS pixels, at least 231.
        band: The label of the detector whose band is filled; the first one unless given.

    Raises:
        ValueError: The picture is too small, or no band has that label.
        OSError: The file cannot be written.
    """
    _write(svg_text(view, width=width, height=height, band=band).encode(), target)


def svg_text(
    view: SeriesView, *, width: int = 1100, height: int = 440, band: str | None = None, heading: bool = True
) -> str:
    """Make the SVG document of a series; see `plot_svg`. Without `heading` its name is not written on top."""
    with drawing():
        figure = _figure(view, width, height, 96, band, heading=heading)
        buffer = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", metadata=metadata)
    text = buffer.getvalue()
    # Groups are numbered anew in each document, and a page holds many documents: they need no ids.
    text = re.sub(r'<g id="[a-zA-Z]+_\d+">', "<g>", text)
    return re.sub(r"\n\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)


def summary_line(view: SeriesView) -> str:
    """Say in one line what is in a series."""
    if view.timestamp.size == 0:
        return "no points"
    missing = int(np.count_nonzero(np.isnan(view.value)))
    found = int(np.count_nonzero(view.is_anomaly))
    parts = [
        count(view.timestamp.size, "slot") + f" of {view.interval}",
        *([f"{missing:,} missing"] if missing else []),
        count(found, "anomaly", "anomalies") if view.bands else "not judged",
        *([count(len(view.incidents), "incident")] if view.incidents else []),
        f"{time_text(view.timestamp[0], view.zone)} to {time_text(view.timestamp[-1], view.zone)}",
    ]
    return " · ".join(parts)


def _write(content: bytes, target: Path | str | IO[bytes]) -> None:
    if isinstance(target, (str, Path)):
        Path(target).write_bytes(content)
    else:
        target.write(content)


def _figure(
    view: SeriesView, width: int, height: int, dpi: int, band_label: str | None, *, heading: bool = True
) -> Figure:
    if width < _LEAST[0] * dpi or height < _LEAST[1] * dpi:
        least = " by ".join(f"{inches * dpi:.0f}" for inches in _LEAST)
        message = f"{width} by {height} pixels are too few at {dpi} dpi: make it {least} at least"
        raise ValueError(message)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    view = _drawable(view)
    band = _chosen_band(view, band_label)
    none = np.zeros(0)
    limits = value_limits(
        view.value, none if band is None else band.lower, none if band is None else band.upper
    )
    figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi)
    FigureCanvasAgg(figure)
    wide, tall = width / dpi * _POINT, height / dpi * _POINT
    rows = 1 if wide >= _NARROW else 2
    header = (_HEADER if heading else _HEADER - _TITLE) + (12.0 if view.incidents else 0.0)
    footer = _FOOTER + (rows - 1) * 14.0
    figure.set_layout_engine(
        "constrained",
        rect=(_SIDE / wide, footer / tall, 1 - 2 * _SIDE / wide, 1 - (header + footer) / tall),
        w_pad=0,
        h_pad=0,
        hspace=0.06,
    )
    if limits.whole is None:
        panels = [figure.subplots()]
    else:
        panels = list(figure.subplots(2, 1, sharex=True, height_ratios=[1, 4]))
    _draw_header(figure, view, wide, tall, heading=heading)
    _draw_panels(panels, view, band, limits, (wide, tall), width)
    _draw_legend(figure, panels, wide, rows)
    return figure


def _drawable(view: SeriesView) -> SeriesView:
    """Bring numbers to the largest that an axis can hold; leave out what lies beside the series in time."""

    def clip(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(values, -_LARGEST, _LARGEST)

    bands = tuple(replace(band, lower=clip(band.lower), upper=clip(band.upper)) for band in view.bands)
    incidents = view.incidents if view.timestamp.size else ()
    return replace(view, value=clip(view.value), bands=bands, incidents=incidents, labels=view.shown_labels)


def _chosen_band(view: SeriesView, label: str | None) -> Band | None:
    if label is None:
        return view.bands[0] if view.bands else None
    for band in view.bands:
        if band.label == label:
            return band
    message = f"{view.name} has no band {label!r}: choose one of {[band.label for band in view.bands]}"
    raise ValueError(message)


def _draw_header(figure: Figure, view: SeriesView, wide: float, tall: float, *, heading: bool) -> None:
    def write(text: str, size: float, below: float, **how: Any) -> None:
        room = int((wide - 2 * _SIDE) / (size * 0.6))
        figure.text(
            _SIDE / wide,
            1 - below / tall,
            shorten(clean(text), max(room, 8)),
            fontsize=size,
            va="top",
            in_layout=False,
            **how,
        )

    if heading:
        write(view.name, 13, 9, fontweight="bold", color=COLOURS["ink"])
    write(summary_line(view), 9, 28 if heading else 28 - _TITLE, color=COLOURS["soft"])


def _draw_panels(
    panels: list[Axes],
    view: SeriesView,
    band: Band | None,
    limits: Limits,
    size: tuple[float, float],
    columns: int,
) -> None:
    main = panels[-1]
    wide, tall = size
    start, end = layers.x_limits(view)
    for axes in panels:
        axes.set_xlim(start, end)
        axes.grid(visible=True, axis="y", color=COLOURS["grid"], linewidth=0.7, zorder=0)
        axes.set_axisbelow(True)
        axes.tick_params(length=3)
        layers.draw_gaps(axes, view, columns)
    foot = 0.07 * (limits.high - limits.low) if view.labels else 0.0
    main.set_ylim(limits.low - foot, limits.high)
    _label_axes(main, view, wide, tall)
    if band is not None:
        layers.draw_band(main, view, band, limits, columns)
    axes_width = wide - 2 * _SIDE - 40
    for axes in panels:
        layers.shade_incidents(axes, view)
    layers.number_incidents(panels[0], view, axes_width)
    layers.draw_line(main, view, columns)
    layers.draw_labels(main, view, axes_width)
    layers.draw_anomalies(main, view, limits, columns)
    if limits.whole is not None:
        _draw_whole(panels[0], view, limits.whole, columns)
    finite = np.count_nonzero(~np.isnan(view.value))
    if finite == 0:
        words = "no points" if view.timestamp.size == 0 else "no values: every slot is missing"
        main.text(
            0.5,
            0.5,
            words,
            transform=main.transAxes,
            ha="center",
            va="center",
            fontsize=12,
            color=COLOURS["soft"],
        )
        main.set_yticks([])


def _draw_whole(axes: Axes, view: SeriesView, whole: tuple[float, float], columns: int) -> None:
    """The small panel on top that shows all values, those beyond the main one's axis too."""
    from tocsin.reporting.limits import Limits

    axes.set_ylim(*whole)
    layers.draw_line(axes, view, columns)
    layers.draw_anomalies(axes, view, Limits(*whole), columns)
    axes.set_ylabel("all values", fontsize=8)
    _number_axis(axes, 3)


def _label_axes(axes: Axes, view: SeriesView, wide: float, tall: float) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.set_xlabel(f"time ({view.timezone})")
    axes.set_ylabel(shorten(clean(view.unit or view.name), min(max(int((tall - 90) / 5.5), 8), 60)))
    _number_axis(axes, 8)
    if view.timestamp.size == 0:
        axes.set_xticks([])
        return
    most = min(max(int(wide / 55), 4), 12)
    locator = AutoDateLocator(tz=view.zone, minticks=min(4, most), maxticks=most)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator,
            tz=view.zone,
            formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"],
            zero_formats=["", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M"],
            offset_formats=["", "%Y", "%Y", "%d %b %Y", "%d %b %Y", "%d %b %Y"],
        )
    )


def _number_axis(axes: Axes, ticks: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def text(value: float, _: int | None) -> str:
        places = axes.yaxis.get_majorticklocs()
        step = float(places[1] - places[0]) if len(places) > 1 else 0.0
        return number(0.0 if abs(value) < step * 1e-6 else value, step).replace("-", "\N{MINUS SIGN}")

    axes.yaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(text))


def _draw_legend(figure: Figure, panels: list[Axes], wide: float, rows: int) -> None:
    found = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    order = ("value", "band", "anomaly", "missing", "incident", "known")
    handles = {label: found[label] for first in order for label in found if label.startswith(first)}
    legend = figure.legend(
        handles.values(),
        handles.keys(),
        loc="lower left",
        bbox_to_anchor=((_SIDE - 4) / wide, 0),
        ncols=max(-(-len(handles) // rows), 1),
        frameon=False,
        fontsize=8,
        labelcolor=COLOURS["soft"],
        handlelength=1.6,
        columnspacing=1.4,
        borderpad=0.6,
    )
    legend.set_in_layout(False)
