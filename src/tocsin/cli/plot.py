"""`tocsin plot`: a picture of a series, its band and its anomalies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.console import (
    FromOption,
    JsonOption,
    ProfileOption,
    ProjectDir,
    ToOption,
    check_window,
    parse_time,
    print_written,
    unwritable,
    warn,
)
from tocsin.errors import ConfigError

__all__ = ["plot"]


def plot(
    metric: Annotated[
        str,
        typer.Argument(help="The metric, or one of its series: metric{dimension=value}.", metavar="METRIC"),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The picture: .png, .svg or .html [METRIC.png].", metavar="FILE"),
    ] = None,
    start: FromOption = None,
    end: ToOption = None,
    detector: Annotated[
        str | None,
        typer.Option("--detector", help="Whose band is drawn, by type [the first one's].", metavar="TYPE"),
    ] = None,
    width: Annotated[
        int, typer.Option("--width", min=300, max=10_000, help="Pixels of a PNG.", metavar="NUMBER")
    ] = 1600,
    height: Annotated[
        int, typer.Option("--height", min=200, max=10_000, help="Pixels of a PNG.", metavar="NUMBER")
    ] = 700,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a series with its band, anomalies and incidents."""
    target = output or Path(f"{metric.replace('/', '_')}.png")
    if target.suffix not in {".png", ".svg", ".html"}:
        raise ConfigError(f"cannot draw {target.name}", hint="end the name with .png, .svg or .html")

    first, until = parse_time(start, "--from"), parse_time(end, "--to")
    check_window(first, until)

    from tocsin.reporting import plot_html, plot_png, plot_svg
    from tocsin.runtime.alerts.memory import memory_to_read
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.example import read_labels
    from tocsin.runtime.views import find_series, series_view

    project = load_project(project_dir.resolve(), profile, tells=False)
    with memory_to_read(project, SystemClock()) as memory:
        monitor, series = find_series(project, memory, metric)
        view = series_view(
            memory,
            monitor,
            series,
            start=first,
            end=until,
            labels=read_labels(project.folder).get(series, ()),
        )
    labels = [band.label for band in view.bands]
    if detector is not None and detector not in labels:
        raise ConfigError(
            f"{metric} has no detector {detector!r}", hint=f"it has {', '.join(labels) or 'none'}"
        )
    if not len(view.timestamp):
        warn(f"{series} has no points in this range")
    try:
        if target.suffix == ".png":
            plot_png(view, target, width=width, height=height, band=detector)
        elif target.suffix == ".svg":
            plot_svg(view, target, band=detector)
        else:
            plot_html(view, target, band=detector)
    except OSError as error:
        raise unwritable(target, error) from error
    print_written([target], as_json=as_json)
