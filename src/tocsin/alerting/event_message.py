"""What a notice says: the payload about an event, an incident, or a relapse, all but its `id`.

All payloads have the keys of `tocsin.alerting.message`, with `None` where one does not apply, and besides:

- `group`: whom it is for; `groups`: all for whom it is, as groups that share a channel share its message;
- `severity_word`: how bad it is, in words (`severity` is the number of an incident);
- `until`: until when it is silent now, where thresholds count;
- `held_count`: how many were held back before and are told with it;
- `event`: of a message about an event what it says of it; otherwise `None`;
- `items`: of a relapse and a digest what it is about, the first of them; `more`: how many there are besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tocsin.alerting.event_facts import event_categories, event_class, event_description, event_nodes
from tocsin.alerting.message import SCHEMA_VERSION, iso, of_telling, utc
from tocsin.alerting.render import local_time, render_title
from tocsin.alerting.rows import storable
from tocsin.model import DecisionKind, Subject, number_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tocsin.alerting.case import Standing
    from tocsin.alerting.plan import Answer
    from tocsin.model import AlertCandidate, AlertDecision

__all__ = [
    "EVENTS",
    "blank_message",
    "incident_lines",
    "late_lines",
    "message_about",
    "relapse_message",
    "when_lines",
]

EVENTS = "events"
"""The `subject` of messages about events."""
_MOST_ITEMS = 50
_MOST_NAMED = 100
_SHOWN = 5
_LONGEST = 2000
_TITLES = {
    DecisionKind.FIRST: "{what}",
    DecisionKind.ESCALATED: "{what}, now {severity}",
    DecisionKind.RELAPSED: "{what} again",
}


def message_about(
    candidate: AlertCandidate,
    decision: AlertDecision,
    *,
    group: str,
    project: str,
    now: datetime,
    answer: Answer | None = None,
) -> dict[str, Any]:
    """Make the payload about a candidate, all but its `id`.

    Args:
        candidate: What is told.
        decision: Why now.
        group: Who is told.
        project: The project's name.
        now: For `queued_at`.
        answer: What the book of thresholds said, if it was asked.
    """
    told = {
        "group": group,
        "severity_word": candidate.severity.value,
        "until": None if answer is None else iso(answer.until),
        "held_count": 0 if answer is None else answer.held_count,
    }
    if candidate.event is not None or not candidate.message:
        about = {**blank_message(project, now), **candidate.message, **told}
        return _event_message(about, candidate, decision, answer)
    message = {**candidate.message, **told, "event": None, "items": _items(answer), "more": _more(answer)}
    if decision.kind is not candidate.kind:
        message |= {"kind": decision.kind.value, "reason": storable(decision.reason)}
        message["title"] = render_title(message)
    elif decision.kind is DecisionKind.REPEAT:  # when it was told before is known here, and to no template
        message["reason"] = storable(decision.reason)
        message["text"] = str(message.get("text", "")).replace(candidate.reason, message["reason"], 1)
    message["text"] = "\n".join([str(message.get("text", "")), *_held_lines(message)])
    return message


def relapse_message(
    answer: Answer,
    decision: AlertDecision,
    *,
    candidate: AlertCandidate,
    project: str,
    now: datetime,
    about_held: Iterable[str] = (),
) -> dict[str, Any]:
    """Make the payload about a relapse that came due by itself, all but its `id`.

    Args:
        answer: What the book of thresholds said.
        decision: Why it is told.
        candidate: The one that stands for what was held back.
        project: The project's name.
        now: For `queued_at`.
        about_held: Lines about when what was held back was, and whether it goes on.
    """
    entity, classes = storable(answer.entity), [storable(one) for one in answer.classes]
    what = f"{', '.join(classes) or candidate.monitor} of {entity}" if entity else ", ".join(classes)
    if candidate.opened_at is not None:  # its class is made of the names of monitor and rule
        what = entity
    message = blank_message(project, now) | {
        "kind": decision.kind.value,
        "monitor": candidate.monitor,
        "series": candidate.series,
        "rule": candidate.rule,
        "title": _clip(_TITLES[DecisionKind.RELAPSED].format(what=what or candidate.monitor)),
        "reason": storable(decision.reason),
        "timestamp": iso(candidate.at),
        "group": answer.group,
        "severity_word": answer.severity.value,
        "until": iso(answer.until),
        "held_count": answer.held_count,
        "event": {
            **_EVENT,
            "id": answer.held_ids[0] if answer.held_ids else None,
            "categories": classes,
            "severity": answer.severity.value,
            "entity": entity,
        },
        "items": _items(answer),
        "more": _more(answer),
    }
    ids = [f"  {identity}" for identity in answer.held_ids[:_SHOWN]]
    if len(answer.held_ids) > 0 and answer.held_count > len(ids):
        ids.append(f"  and {answer.held_count - len(ids):,} more")
    lines = [f"Why: {message['reason']}. Severity {answer.severity}.", *_held_lines(message), *about_held]
    message["text"] = "\n".join([*lines, *(["The first of them:", *ids] if ids else [])])
    return message


def late_lines(message: Mapping[str, Any], why: str, standing: Standing | None) -> Iterable[str]:
    """Say of an incident that began, or got worse, why it is told late, and where it stands meanwhile.

    Args:
        message: The payload, which tells of the point at which it was decided.
        why: What muted it, in words.
        standing: Where the incident stands; `None`: that is not known.
    """
    yield f"It was held back until now: {why}."
    if standing is None or standing.anomalies <= (message.get("points") or 0):
        return
    is_log, is_empty = message.get("subject") == Subject.LINES, message.get("direction") is None
    what = "anomalous lines" if is_log else "slots without a value" if is_empty else "points"
    last = local_time(standing.last_anomaly_at, ZoneInfo(message.get("timezone") or "UTC"))
    bad = "" if is_log or is_empty else f", severity {number_text(standing.severity)}"
    yield f"By now there are {standing.anomalies:,} {what}, the last at {last}{bad}."


def incident_lines(candidate: AlertCandidate, standing: Standing, end: datetime | None) -> Iterable[str]:
    """Say of an incident that was held back whether it goes on: what nobody heard of nobody sees end.

    Args:
        candidate: Stands for it.
        standing: Where it stands.
        end: The point that ended it, or `None`.
    """
    began = utc(candidate.opened_at)
    if end is not None:
        yield f"The last one began at {began} and was over at {utc(end)}."
    else:
        yield f"The last one began at {began} and goes on, seen last at {utc(standing.last_anomaly_at)}."


def when_lines(times: Sequence[datetime], count: int) -> Iterable[str]:
    """Say when events were that were held back.

    Args:
        times: Event times of the first of them.
        count: How many there are.
    """
    if not times:
        return
    first, last = utc(min(times)), utc(max(times))
    when = f"from {first} on" if count > len(times) else f"from {first} to {last}"
    yield f"What was held back came {f'at {first}' if count == 1 else when}."


def blank_message(project: str, now: datetime) -> dict[str, Any]:
    """Give the keys of every payload, with what is said where one does not apply."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": None,
        "project": project,
        "monitor": None,
        "series": None,
        "subject": EVENTS,
        "rule": None,
        "title": None,
        "text": None,
        "reason": None,
        "direction": None,
        "severity": None,
        "value": None,
        "confidence_lower": None,
        "confidence_upper": None,
        "timestamp": None,
        "opened_at": None,
        "last_anomaly_at": None,
        "resolved_at": None,
        "points": None,
        "detectors": [],
        "explanation": None,
        "log": None,
        "description": None,
        "tags": [],
        "context": {},
        "timezone": "UTC",
        "queued_at": iso(now),
        **of_telling(),
    }


_EVENT: dict[str, Any] = {
    "id": None,
    "class": None,
    "categories": [],
    "severity": None,
    "description": None,
    "sources": [],
    "targets": [],
    "nodes": [],
    "entity": None,
}


def _event_message(
    message: dict[str, Any], candidate: AlertCandidate, decision: AlertDecision, answer: Answer | None
) -> dict[str, Any]:
    event = candidate.event
    categories, described = event_categories(event), event_description(event)
    sources, targets = ([storable(one) for one in side] for side in (candidate.sources, candidate.targets))
    about = {
        **_EVENT,
        "id": storable(candidate.event_ids[0]) if candidate.event_ids else None,
        "class": event_class(event),
        "categories": list(categories),
        "severity": candidate.severity.value,
        "description": None if described is None else _clip(described, _LONGEST),
        "sources": sources[:_MOST_NAMED],
        "targets": targets[:_MOST_NAMED],
        "nodes": list(event_nodes(event))[:_MOST_NAMED],
        "entity": None if answer is None else storable(answer.entity),
    }
    message |= {
        "kind": decision.kind.value,
        "monitor": candidate.monitor,
        "series": candidate.series,
        "rule": candidate.rule,
        "reason": storable(decision.reason),
        "timestamp": iso(candidate.at),
        "tags": list(candidate.tags),
        "event": about,
        "items": _items(answer),
        "more": _more(answer),
    }
    what = about["class"] or ", ".join(categories[:_SHOWN]) or candidate.monitor
    where = f" from {_some(sources, 1)}" if sources else f" on {_some(targets, 1)}" if targets else ""
    form = _TITLES.get(decision.kind, "{what}")
    message["title"] = _clip(form.format(what=what + where, severity=candidate.severity))
    message["text"] = "\n".join(_event_lines(message, about, len(sources), len(targets)))
    return message


def _event_lines(message: dict[str, Any], about: dict[str, Any], sources: int, targets: int) -> Iterable[str]:
    zone = ZoneInfo(message["timezone"] or "UTC")
    if about["description"]:
        yield about["description"]
    what = ", ".join(dict.fromkeys(filter(None, [about["class"], *about["categories"]])))
    at = local_time(message["timestamp"], zone)
    yield f"{what or 'An event'}, severity {message['severity_word']}, at {at}."
    if sources:
        yield f"From {_some(about['sources'], _SHOWN, sources)}."
    if targets:
        yield f"On {_some(about['targets'], _SHOWN, targets)}."
    if about["nodes"]:
        yield f"Seen by {_some(about['nodes'], _SHOWN)}."
    yield f"Why: {message['reason']}."
    yield from _held_lines(message)
    if about["id"]:
        yield f"Event {about['id']}"
    if message["description"]:
        yield str(message["description"])


def _held_lines(message: dict[str, Any]) -> Iterable[str]:
    """Say how many are told with it, and until when there is silence now."""
    if (count := message["held_count"]) == 1:
        yield "One was held back since it was last told."
    elif count:
        yield f"{count:,} were held back since it was last told."
    if message["until"]:
        zone = ZoneInfo(message.get("timezone") or "UTC")
        yield f"The same is not told again until {local_time(message['until'], zone)}."


def _items(answer: Answer | None) -> list[dict[str, Any]]:
    """Give what was held back and is told with it."""
    return [] if answer is None else [{"event_id": one} for one in answer.held_ids[:_MOST_ITEMS]]


def _more(answer: Answer | None) -> int:
    return 0 if answer is None else max(answer.held_count - len(answer.held_ids[:_MOST_ITEMS]), 0)


def _some(names: Sequence[str], shown: int, total: int | None = None) -> str:
    """Write the first few names, and how many there are besides."""
    more = (len(names) if total is None else total) - shown
    return ", ".join(names[:shown]) + (f" and {more:,} more" if more > 0 else "")


def _clip(text: str, length: int = 250) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
