"""`tocsin alerts why`: what was found, who was told or not, and why."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.alerts_history import decision_facts
from tocsin.cli.alerts_places import acknowledgement_facts, reading, silence_facts
from tocsin.cli.console import JsonOption, ProfileOption, ProjectDir, print_json, print_line
from tocsin.cli.event_filter import instant

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.runtime.why.facts import Answer, IncidentStory, RuleStory, Why
    from tocsin.runtime.why.found import Found

__all__ = ["why"]


def why(
    asked: Annotated[
        str,
        typer.Argument(
            help="The ID of an event (or its beginning), a monitor or a series.",
            metavar="EVENT|MONITOR|SERIES",
        ),
    ],
    *,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="Of a monitor or a series: what it found last at this time or before [last of all].",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who was told or not, why, and when again.

    Also what was found, what was held back with it, and what became of the messages.
    """
    from tocsin.runtime.why.explain import explain

    moment = instant(at, "--at")
    with reading(project_dir, profile) as (project, memory, clock):
        now = clock.now()
        told = explain(project, memory, asked, at=moment, now=now)
    if as_json:
        print_json({"schema_version": 1, **_facts(told, now)})
        return
    from tocsin.cli.alerts_words import lines_of

    for line in lines_of(told, now):
        print_line(line)


def _facts(told: Why, now: datetime) -> dict[str, Any]:
    return {
        "asked": told.asked,
        "found": _found(told.found),
        "rules": [_story(story) for story in told.rules],
        "silences": [silence_facts(one, now) for one in told.silences],
        "watchers": [_plain(one) for one in told.watchers],
    }


def _found(found: Found) -> dict[str, Any]:
    facts = _plain(found)
    event = facts.pop("event")
    return {**facts, "stored": event is not None}


def _story(story: RuleStory) -> dict[str, Any]:
    return {
        "monitor": story.monitor,
        "kind": story.kind,
        "rule": story.rule,
        "point": None if story.point is None else decision_facts(story.point),
        "incident": None if story.incident is None else _incident(story.incident),
        "waits": story.waits,
        "answers": [_answer(answer) for answer in story.answers],
    }


def _incident(story: IncidentStory) -> dict[str, Any]:
    incident = story.incident
    return {
        "id": story.id,
        "series": incident.series,
        "state": incident.state.value,
        "opened_at": incident.opened_at.isoformat(),
        "resolved_at": incident.resolved_at and incident.resolved_at.isoformat(),
        "direction": incident.direction,
        "spreads": incident.severity,
        "points": _plain(story.points),
        "acknowledged": acknowledgement_facts(story.acknowledged),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    holding = _plain(answer.holding)
    if holding is not None:
        key = holding.pop("key")
        holding |= {"classes": key[4], "entity": key[6]}
    return {
        "group": answer.group,
        "channel": answer.channel,
        "told": bool(answer.told),
        "decisions": [decision_facts(row) for row in answer.decisions],
        "messages": _plain(answer.messages),
        "relapse": None if answer.relapse is None else decision_facts(answer.relapse),
        "relapse_message": _plain(answer.relapse_message),
        "threshold": holding,
        "again": _plain(answer.again),
    }


def _plain(value: Any) -> Any:
    """Give a value as JSON has it: times in ISO 8601, names of kinds as texts."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.value if hasattr(value, "value") else value
