"""What a run found, on the screen: incidents, anomalous lines, the worst points."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import typer

from tocsin.cli.console import print_table, visible
from tocsin.model import number_text

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.logs.detections import AnomalousLine
    from tocsin.runtime.run_report import RunReport

__all__ = ["print_findings"]

_MOST_SHOWN = 15
_LONGEST_LINE = 160


def print_findings(memory: BaseDatabaseManager, ran: tuple[datetime, datetime], report: RunReport) -> None:
    """Show what was found: incidents where there are rules, and the worst anomalies."""
    from tocsin.runtime.run_findings import changed_incidents, worst_anomalies

    if not (report.totals["points_detected"] or report.totals["lines_read"]):
        return
    logs = {monitor.name for monitor in report.monitors if monitor.kind == "log"}
    incidents = changed_incidents(memory, *ran)
    if incidents:
        print_table(
            f"Incidents: {len(incidents)}"
            + (f", the last {_MOST_SHOWN}" if len(incidents) > _MOST_SHOWN else ""),
            ["series", "from (UTC)", "to (UTC)", "", "#points", "#severity", "state"],
            [
                (
                    incident.series,
                    f"{incident.opened_at:%Y-%m-%d %H:%M}",
                    f"{incident.last_anomaly_at:%Y-%m-%d %H:%M}",
                    "lines" if incident.series in logs else incident.direction or "no data",
                    incident.anomalies,
                    f"{incident.severity:.1f}",
                    incident.state,
                )
                for incident in incidents[-_MOST_SHOWN:]
            ],
        )
        typer.echo()
    _print_lines(report)
    total = sum(monitor.anomalies for monitor in report.monitors if monitor.kind == "metric")
    if not total:  # a recovery, or missing data
        return
    found = (anomaly for monitor in report.monitors for anomaly in monitor.worst)
    anomalies = worst_anomalies(found, _MOST_SHOWN)
    print_table(
        f"Anomalies: {total:,}" + (", the worst few of each series" if total > len(anomalies) else ""),
        ["series", "time (UTC)", "", "#value", "#expected", "#severity"],
        [
            (
                anomaly.series,
                f"{anomaly.timestamp:%Y-%m-%d %H:%M}",
                anomaly.direction,
                number_text(anomaly.value, anomaly.lower, anomaly.upper),
                _band(anomaly.value, anomaly.lower, anomaly.upper),
                f"{anomaly.severity:.1f}",
            )
            for anomaly in anomalies
        ],
    )
    typer.echo()


def _print_lines(report: RunReport) -> None:
    """Show the anomalous lines of logs, each with why."""
    found = [(monitor.name, line) for monitor in report.monitors for line in monitor.lines]
    if not found:
        return
    total = sum(monitor.anomalies for monitor in report.monitors if monitor.kind == "log")
    several = len({name for name, _ in found}) > 1
    like_it: Counter[tuple[object, ...]] = Counter()
    if total > _MOST_SHOWN:  # of each kind the worst
        found, like_it = _worst_of_each_kind(found)
    typer.echo(f"Anomalous lines: {total:,}" + (", the worst of each kind" if like_it else ""))
    for name, line in found[:_MOST_SHOWN]:
        where = f"{name}: " if several else ""
        at = f"{line.timestamp:%Y-%m-%d %H:%M:%S}"
        typer.echo(f"  {where}{visible(line.source)}:{line.line}  {at}  {visible(str(line.event_id))}")
        for explanation in line.summaries.values():
            typer.echo(f"      {visible(explanation)}")
        typer.echo(f"      | {visible(line.log[:_LONGEST_LINE])}")
        if like_it[_kind(name, line)] > 1:
            typer.echo(f"      and {like_it[_kind(name, line)] - 1:,} more like it")
    if len(found) > _MOST_SHOWN:
        typer.echo(f"  … and {len(found) - _MOST_SHOWN:,} further kinds (`--json` has them)")
    typer.echo()


def _kind(name: str, line: AnomalousLine) -> tuple[object, ...]:
    return name, line.event_id, *((detector, *said) for detector, said in line.variables.items())


def _worst_of_each_kind(
    found: list[tuple[str, AnomalousLine]],
) -> tuple[list[tuple[str, AnomalousLine]], Counter[tuple[object, ...]]]:
    """Give of the lines whose same variables are wrong the most severe one, the worst kind first."""
    worst: dict[tuple[object, ...], tuple[str, AnomalousLine]] = {}
    for name, line in sorted(found, key=lambda item: (-item[1].severity, item[1].timestamp)):
        worst.setdefault(_kind(name, line), (name, line))
    return list(worst.values()), Counter(_kind(name, line) for name, line in found)


def _band(value: float, lower: float | None, upper: float | None) -> str:
    low = "" if lower is None else number_text(lower, value, upper)
    high = "" if upper is None else number_text(upper, value, lower)
    if lower is None:
        return f"up to {high}"
    return f"from {low}" if upper is None else f"{low} to {high}"
