"""What alerting reads in an event: an IDEA message as it came, whose fields may be anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.alerting.rows import storable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["event_categories", "event_class", "event_description", "event_nodes"]

_ENRICHMENTS = ("_Tocsin", "_Mentat", "_CESNET")


def event_categories(event: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Give the categories of an event.

    >>> event_categories({"Category": "Recon.Scanning"})
    ('Recon.Scanning',)
    """
    return _texts((event or {}).get("Category"))


def event_class(event: Mapping[str, Any] | None) -> str | None:
    """Give the class of an event, as it was found when the event came."""
    for key in _ENRICHMENTS:
        enrichment = (event or {}).get(key)
        found = enrichment.get("EventClass") if isinstance(enrichment, dict) else None
        if isinstance(found, str) and found:
            return storable(found)
    return None


def event_description(event: Mapping[str, Any] | None) -> str | None:
    """Give what an event says about itself."""
    found = (event or {}).get("Description")
    return storable(found) if isinstance(found, str) and found.strip() else None


def event_nodes(event: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Give the names of the nodes that sent an event."""
    nodes = (event or {}).get("Node")
    listed = nodes if isinstance(nodes, list) else [nodes]
    return tuple(name for node in listed if isinstance(node, dict) for name in _texts(node.get("Name")))


def _texts(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list | tuple) else [value]
    return tuple(storable(one) for one in listed if isinstance(one, str) and one)
