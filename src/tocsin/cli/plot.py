"""`tocsin plot`: a picture of a series, its band and its anomalies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.console import ProfileOption, ProjectDir, parse_time
from tocsin.errors import ConfigError

__all__ = ["plot"]


def plot(
    metric: Annotated[str, typer.Argument(help="The metric, or one of its series: metric{dimension=value}.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The picture: .png, .svg or .html [METRIC.png].")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="The first time to show (UTC).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The end of what is shown (UTC).")] = None,
    detector: Annotated[
        str | None, typer.Option(help="Whose band is drawn, by type [the first detector's].")
    ] = None,
    width: Annotated[int, typer.Option(min=300, max=10_000, help="Pixels of a PNG.")] = 1600,
    height: Annotated[int, typer.Option(min=200, max=10_000, help="Pixels of a PNG.")] = 700,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
) -> None:
    """Draw a series with its band, anomalies and incidents."""
    target = output or Path(f"{metric.replace('/', '_')}.png")
    if target.suffix not in {".png", ".svg", ".html"}:
        raise ConfigError(f"cannot draw {target.name}", hint="end the name with .png, .svg or .html")

    from tocsin.reporting import plot_html, plot_png, plot_svg
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory
    from tocsin.runtime.example import read_labels
    from tocsin.runtime.views import find_series, series_view

    project = load_project(project_dir.resolve(), profile)
    with open_memory(project, SystemClock()) as memory:
        monitor, series = find_series(project, memory, metric)
        view = series_view(
            memory,
            monitor,
            series,
            start=parse_time(start, "--from"),
            end=parse_time(end, "--to"),
            labels=read_labels(project.folder).get(series, ()),
        )
    labels = [band.label for band in view.bands]
    if detector is not None and detector not in labels:
        raise ConfigError(
            f"{metric} has no detector {detector!r}", hint=f"it has {', '.join(labels) or 'none'}"
        )
    if not len(view.timestamp):
        typer.echo(f"note: {series} has no points in this range", err=True)
    try:
        if target.suffix == ".png":
            plot_png(view, target, width=width, height=height, band=detector)
        elif target.suffix == ".svg":
            plot_svg(view, target, band=detector)
        else:
            plot_html(view, target, band=detector)
    except OSError as error:
        raise ConfigError(f"{target} cannot be written ({error.strerror})") from error
    typer.echo(f"wrote {target}")
