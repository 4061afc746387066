"""What tests of `tocsin init --from` share: files, and what the proposal for one of them loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.sources import LoadSpec, MetricLoader

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.abc import ColumnSource
    from tocsin.sources import LoadResult
    from tocsin.sources.inspect_files import FileProposal, MetricProposal

HOURS = [f"2026-11-30 {hour:02d}:00:00" for hour in range(24)]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def load(source: ColumnSource, metric: MetricProposal) -> LoadResult:
    spec = LoadSpec(
        name=metric.name,
        query=metric.query,
        interval=metric.interval,
        anchor=metric.anchor,
        align=metric.align,
        aggregate=metric.aggregate,
        dimension=metric.dimension,
    )
    return MetricLoader(source, spec).read(metric.loading_start_time, None)


def the_metric(proposal: FileProposal) -> MetricProposal:
    (metric,) = proposal.metrics
    return metric
