"""One message about many things, the first of them one by one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tocsin.alerting.event_message import EVENTS, blank_message
from tocsin.alerting.render import local_time
from tocsin.model import DecisionKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.model import Severity

__all__ = ["DIGEST", "MOST_ITEMS", "digest_message"]

DIGEST = "digest"
"""The `kind` of a message about several things."""
MOST_ITEMS = 50
"""How many of them it names; of the others it says how many they are."""
_KEPT = (
    "id", "kind", "monitor", "series", "subject", "rule", "title", "reason", "severity", "severity_word",
    "timestamp", "opened_at", "held_count",
)  # fmt: skip
_KINDS = {
    DecisionKind.FIRST: "new",
    DecisionKind.NO_DATA: "without data",
    DecisionKind.ESCALATED: "worse",
    DecisionKind.RELAPSED: "again",
    DecisionKind.REPEAT: "still going on",
    DecisionKind.RECOVERED: "over",
}


def digest_message(
    messages: Sequence[Mapping[str, Any]],
    *,
    total: int,
    group: str,
    severity: Severity,
    project: str,
    now: datetime,
) -> dict[str, Any]:
    """Make the payload of one message about many, all but its `id`.

    Args:
        messages: Payloads of the first of them, with `id`, in order; at least one.
        total: How many there are.
        group: Who is told.
        severity: The worst of them.
        project: The project's name.
        now: For `queued_at`.
    """
    kinds = Counter(str(message["kind"]) for message in messages)
    words = [f"{kinds[kind]} {word}" for kind, word in _KINDS.items() if kinds[kind]]
    more = total - len(messages)
    # What the others are is not read: they are too many to be told apart in a title.
    parts = "" if more else f": {', '.join(words)}"
    zones = _common(messages, "timezone") or "UTC"
    return blank_message(project, now) | {
        "kind": DIGEST,
        "monitor": _common(messages, "monitor"),
        "series": _common(messages, "series"),
        "subject": _common(messages, "subject") or EVENTS,
        "rule": _common(messages, "rule"),
        "title": f"{total:,} messages for {group}{parts}",
        "text": "\n".join(_lines(messages, more, ZoneInfo(zones))),
        "reason": f"they came together for {group}",
        "timestamp": max(str(message["timestamp"]) for message in messages),
        "timezone": zones,
        "group": group,
        "groups": [group],
        "severity_word": severity.value,
        "kinds": dict(kinds),
        "items": [_item(message) for message in messages],
        "more": more,
    }


def _item(message: Mapping[str, Any]) -> dict[str, Any]:
    event = message.get("event") or {}
    return {**{key: message.get(key) for key in _KEPT}, "event_id": event.get("id")}


def _lines(messages: Sequence[Mapping[str, Any]], more: int, zone: ZoneInfo) -> list[str]:
    lines = [
        f"- {local_time(message['timestamp'], zone)} [{message['severity_word']}] {message['title']}"
        for message in messages
    ]
    return [*lines, f"and {more:,} more"] if more else lines


def _common(messages: Sequence[Mapping[str, Any]], key: str) -> str | None:
    """Give what all say alike, or `None`."""
    values = {message.get(key) for message in messages}
    return values.pop() if len(values) == 1 else None
