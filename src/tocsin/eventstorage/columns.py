"""Names of tables and columns that are the same on every backend."""

from __future__ import annotations

__all__ = ["ARRAY_COLUMNS", "GHOST_COLUMNS", "RECORD_COLUMNS", "SCALAR_COLUMNS", "TABLES", "VALUE_COLUMNS"]

TABLES = {
    "events": ("detecttime", "storagetime"),
    "event_ip": (),
    "event_host": (),
    "event_port": (),
    "event_messages": (),
    "event_values": (),
    "event_rejects": ("storagetime",),
    "thresholds": ("thresholdtime", "relapsetime", "ttltime"),
    "events_thresholded": ("createtime",),
    "threshold_reports": ("reported_at", "until"),
}
"""Table → its time columns. What users may name; everything else is refused."""

SCALAR_COLUMNS = ("description", "eventclass", "eventseverity")
ARRAY_COLUMNS = (
    "category",
    "source_ip",
    "target_ip",
    "source_host",
    "target_host",
    "source_port",
    "target_port",
    "source_type",
    "target_type",
    "protocol",
    "node_name",
    "node_type",
    "resolvedabuses",
    "inspectionerrors",
)
VALUE_COLUMNS = (
    "category",
    "source_type",
    "target_type",
    "protocol",
    "node_name",
    "node_type",
    "resolvedabuses",
    "eventclass",
    "eventseverity",
    "inspectionerrors",
)
"""Columns whose distinct values are kept incrementally, in `event_values`."""

RECORD_COLUMNS = ("seq", "id", "storagetime", "detecttime", "message")
"""What a `select` query gives, in order."""

GHOST_COLUMNS = ("seq", "id", "storagetime", "detecttime", *SCALAR_COLUMNS, *ARRAY_COLUMNS)
"""What a `select_ghost` query gives, in order."""
