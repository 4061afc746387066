"""Shows learned state as tables and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from tocsin.cli.console import count, print_table, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.detectors.events import CoreDetector
    from tocsin.persistency.snapshots import GenerationInfo

__all__ = ["generation_facts", "show_detector"]

_COLUMNS = ("event", "variable", "watched", "type", "#values", "#total", "kept as")
_MOST_EVENTS = 40
_LONGEST_TEMPLATE = 120


def generation_facts(info: GenerationInfo) -> dict[str, Any]:
    """Give the documented fields of a generation."""
    return {
        "generation": info.generation,
        "parent": info.parent,
        "created_at": None if info.created_at is None else info.created_at.isoformat(),
        "events": info.events,
        "bytes": info.size_bytes,
        "writer": info.writer,
        "damage": info.damage,
    }


def _templates(detector: CoreDetector) -> dict[Any, str]:
    """Give the templates of events whose EventID does not say by itself what they are."""
    if detector.persistency is None:
        return {}
    found = detector.persistency.get_event_templates()
    return {event: template for event, template in found.items() if str(event) not in template}


def show_detector(described: dict[str, Any], detector: CoreDetector) -> None:
    """Print what a detector has learned.

    Args:
        described: What its `describe` gives.
        detector: The detector.
    """
    templates = _templates(detector)
    counters = described["counters"]
    typer.echo()
    typer.echo(
        f"{described['name']} ({described['type']}): {described['phase']}; "
        f"{counters['trained']:,} learned, {counters['judged']:,} judged, "
        f"{count(counters['alerts'], 'alert')}"
    )
    for warning in described["warnings"]:
        typer.echo(f"  note: {visible(warning)}")
    for allowed in described["allowed"]:
        typer.echo(f"  allowed: {visible(str(allowed))}")
    events = described.get("events", [])
    limit = described["config"].get("false_positive_rate")
    rows = [row for event in events[:_MOST_EVENTS] for row in _rows_of(event, limit)]
    # A detector of kinds of events has no variables; columns without anything in them are left out.
    used = [place for place in range(len(_COLUMNS)) if any(row[place] != "" for row in rows)]
    if rows:
        print_table(None, [_COLUMNS[at] for at in used], [[row[at] for at in used] for row in rows])
    named = [event["event_id"] for event in events[:_MOST_EVENTS] if event["event_id"] in templates]
    for event in named:
        typer.echo(f"  {_event(event)} is {visible(templates[event][:_LONGEST_TEMPLATE])}")
    if len(events) > _MOST_EVENTS:
        typer.echo(f"  … and {len(events) - _MOST_EVENTS:,} further events (`--json` has all)")


def _event(event_id: int | str) -> str:
    """Write an EventID so that text is told from numbers."""
    return str(event_id) if isinstance(event_id, int) else repr(event_id)


def _share(rate: float) -> str:
    """Write a share that may be very small.

    >>> _share(0.001), _share(1e-32)
    ('0.1%', '0%')
    """
    return f"{float(f'{100 * rate:.2g}'):.6f}".rstrip("0").rstrip(".") + "%"


def _rows_of(event: dict[str, Any], limit: float | None) -> Iterator[tuple[object, ...]]:
    name = _event(event["event_id"])
    if "variables" not in event:
        yield name, "", "", "", "", f"{event.get('count', 0):,}", ""
        return
    for variable, facts in event["variables"].items():
        rate = facts.get("false_positive_rate")
        kept = str(facts.get("kept_as", ""))
        most = "" if limit is None else f", at most {_share(limit)}"
        yield (
            name,
            variable,
            "yes" if variable in event["watched"] else "",
            facts.get("type", ""),
            f"{facts.get('values', 0):,}",
            f"{facts.get('total', 0):,}",
            kept if not rate else f"{kept}; new values taken for known ones: {_share(rate)}{most}",
        )
