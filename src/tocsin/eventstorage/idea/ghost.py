"""An event rebuilt from the columns of the storage, without its message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.idea.message import Idea
from tocsin.eventstorage.idea.times import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IdeaGhost", "ghost_document"]


class IdeaGhost(Idea):
    """What the columns tell of an event, in the form of a message: enough for lists and statistics.

    Which source had which address and port is lost, as is everything that is not searched for.
    """

    __slots__ = ()


def ghost_document(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Make a message of the columns of an event; times are microseconds, arrays lists."""
    source = _endpoint(columns, "source")
    target = _endpoint(columns, "target")
    if columns["protocol"]:
        (source or target)["Proto"] = columns["protocol"]
    nodes: list[dict[str, Any]] = [{"Name": name} for name in columns["node_name"]]
    if columns["node_type"]:
        nodes = nodes or [{}]
        nodes[0]["Type"] = columns["node_type"]
    enrichment = {
        "ResolvedAbuses": columns["resolvedabuses"],
        "EventClass": columns["eventclass"],
        "EventSeverity": columns["eventseverity"],
        "StorageTime": format_time(columns["storagetime"]),
        "InspectionErrors": columns["inspectionerrors"],
    }
    document = {
        "Format": "IDEA0",
        "ID": columns["id"],
        "DetectTime": format_time(columns["detecttime"]),
        "Category": columns["category"],
        "Description": columns["description"],
        "Source": [source] if source else [],
        "Target": [target] if target else [],
        "Node": nodes,
        "_Tocsin": _filled(enrichment),
    }
    return _filled(document)


def _endpoint(columns: Mapping[str, Any], role: str) -> dict[str, Any]:
    addresses = columns[f"{role}_ip"]
    return _filled(
        {
            "Type": columns[f"{role}_type"],
            "Hostname": columns[f"{role}_host"],
            "IP4": [text for text in addresses if ":" not in text],
            "IP6": [text for text in addresses if ":" in text],
            "Port": columns[f"{role}_port"],
        }
    )


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, [], ())}
