"""The internal tables: what a project remembers, as table models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.model import ColumnDefinition, TableModel

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "INTERNAL_TABLES",
    "TABLE_ACKNOWLEDGEMENTS",
    "TABLE_BATCHES",
    "TABLE_CANDIDATES",
    "TABLE_DATAPOINTS",
    "TABLE_DECISIONS",
    "TABLE_DETECTIONS",
    "TABLE_INCIDENTS",
    "TABLE_LEASES",
    "TABLE_MIGRATIONS",
    "TABLE_NOTICES",
    "TABLE_OUTBOX",
    "TABLE_POSITIONS",
    "TABLE_SILENCES",
    "TABLE_STATE",
    "TABLE_TASKS",
    "get_acknowledgements_table_model",
    "get_batches_table_model",
    "get_candidates_table_model",
    "get_datapoints_table_model",
    "get_decisions_table_model",
    "get_detections_table_model",
    "get_incidents_table_model",
    "get_leases_table_model",
    "get_migrations_table_model",
    "get_notices_table_model",
    "get_outbox_table_model",
    "get_positions_table_model",
    "get_silences_table_model",
    "get_state_table_model",
    "get_tasks_table_model",
]

TABLE_DATAPOINTS = "_tocsin_datapoints"
TABLE_DETECTIONS = "_tocsin_detections"
TABLE_TASKS = "_tocsin_tasks"
TABLE_LEASES = "_tocsin_leases"
TABLE_INCIDENTS = "_tocsin_incidents"
TABLE_OUTBOX = "_tocsin_outbox"
TABLE_POSITIONS = "_tocsin_positions"
TABLE_STATE = "_tocsin_state"
TABLE_CANDIDATES = "_tocsin_candidates"
TABLE_DECISIONS = "_tocsin_decisions"
TABLE_NOTICES = "_tocsin_notices"
TABLE_BATCHES = "_tocsin_batches"
TABLE_SILENCES = "_tocsin_silences"
TABLE_ACKNOWLEDGEMENTS = "_tocsin_acknowledgements"
TABLE_MIGRATIONS = "_tocsin_migrations"

_TIME = "DateTime64(3, 'UTC')"


def _columns(**types: str) -> tuple[ColumnDefinition, ...]:
    return tuple(ColumnDefinition(name, type_) for name, type_ in types.items())


def get_datapoints_table_model() -> TableModel:
    """The gap-filled series, one row a slot."""
    return TableModel(
        columns=_columns(
            metric_name="String",
            timestamp=_TIME,
            value="Nullable(Float64)",
            seasonality_data="String",
            interval_seconds="Int32",
            seasonality_columns="String",
            created_at=_TIME,
        ),
        primary_key=("metric_name", "timestamp"),
        engine="ReplacingMergeTree(created_at)",
        order_by=("metric_name", "timestamp"),
    )


def get_detections_table_model() -> TableModel:
    """The verdicts, one row a slot and detector."""
    return TableModel(
        columns=_columns(
            metric_name="String",
            detector_id="String",
            timestamp=_TIME,
            is_anomaly="Bool",
            confidence_lower="Nullable(Float64)",
            confidence_upper="Nullable(Float64)",
            value="Nullable(Float64)",
            detector_params="String",
            detection_metadata="String",
            created_at=_TIME,
        ),
        primary_key=("metric_name", "detector_id", "timestamp"),
        engine="ReplacingMergeTree(created_at)",
        order_by=("metric_name", "detector_id", "timestamp"),
    )


def get_tasks_table_model() -> TableModel:
    """How far each step of each series has come."""
    return TableModel(
        columns=_columns(
            metric_name="String",
            detector_id="String",
            process_type="String",
            status="String",
            started_at=_TIME,
            updated_at=_TIME,
            last_processed_timestamp=f"Nullable({_TIME})",
            error_message="Nullable(String)",
            timeout_seconds="Int32",
        ),
        primary_key=("metric_name", "detector_id", "process_type"),
        engine="MergeTree",
        order_by=("metric_name", "detector_id", "process_type"),
    )


def get_leases_table_model() -> TableModel:
    """Who works on what; a released lease keeps its row, so that tokens only grow."""
    return TableModel(
        columns=_columns(name="String", owner="String", token="Int64", expires_at=_TIME),  # noqa: S106
        primary_key=("name",),
    )


def get_incidents_table_model() -> TableModel:
    """Past and present problems, one row each."""
    return TableModel(
        columns=_columns(
            series="String",
            rule="String",
            condition="String",
            opened_at=_TIME,
            state="String",
            last_anomaly_at=_TIME,
            anomalies="Int64",
            direction="Nullable(String)",
            severity="Float64",
            told_at=f"Nullable({_TIME})",
            told_severity="Nullable(Float64)",
            resolved_at=f"Nullable({_TIME})",
            last_kind="String",
            last_reason="String",
            updated_at=_TIME,
        ),
        primary_key=("series", "rule", "condition", "opened_at"),
    )


def get_outbox_table_model() -> TableModel:
    """Messages to deliver, and those that were."""
    return TableModel(
        columns=_columns(
            message_id="String",
            channel="String",
            kind="String",
            rule="String",
            series="String",
            payload="String",
            state="String",
            attempts="Int32",
            next_attempt_at=_TIME,
            last_error="Nullable(String)",
            created_at=_TIME,
            event_at=_TIME,
            sequence="Int32",
            sent_at=f"Nullable({_TIME})",
        ),
        primary_key=("message_id",),
        indexes=(
            ("state", "channel", "created_at", "event_at", "sequence", "message_id"),
            ("state", "sent_at"),
        ),
    )


def get_positions_table_model() -> TableModel:
    """Where reading of a source goes on, as JSON that its reader understands."""
    return TableModel(
        columns=_columns(name="String", position="String", updated_at=_TIME),
        primary_key=("name",),
    )


def get_state_table_model() -> TableModel:
    """What detectors have learned: the files of snapshots as rows (`store://`)."""
    return TableModel(
        columns=_columns(owner="String", name="String", content="Bytes", created_at=_TIME),
        primary_key=("owner", "name"),
    )


def get_candidates_table_model() -> TableModel:
    """What rules want told, on its way to a decision; what is muted stays until that ends."""
    return TableModel(
        columns=_columns(
            candidate_id="String",
            state="String",
            monitor="String",
            series="String",
            rule="String",
            condition="String",
            opened_at=f"Nullable({_TIME})",
            event_at=_TIME,
            sequence="Int32",
            payload="String",
            created_at=_TIME,
        ),
        primary_key=("candidate_id",),
        indexes=(("state", "created_at"), ("series", "rule")),
    )


def get_decisions_table_model() -> TableModel:
    """Every decision with its reason: about a finding or an event, for a group and a channel."""
    return TableModel(
        columns=_columns(
            decision_id="String",
            candidate_id="String",
            event_id="Nullable(String)",
            monitor="String",
            series="String",
            rule="String",
            condition="String",
            opened_at=f"Nullable({_TIME})",
            group_name="String",
            channel="String",
            kind="String",
            stage="String",
            reason="String",
            severity="String",
            event_at=_TIME,
            decided_at=_TIME,
            until=f"Nullable({_TIME})",
            notice_id="Nullable(String)",
            message_id="Nullable(String)",
        ),
        primary_key=("candidate_id", "decision_id"),  # the second alone is unique; the first is asked for
        indexes=(("event_id",), ("series", "rule", "opened_at"), ("decided_at",), ("notice_id",)),
    )


def get_notices_table_model() -> TableModel:
    """What will be told, until the message that it travels in is made."""
    return TableModel(
        columns=_columns(
            notice_id="String",
            group_name="String",
            channel="String",
            batch="String",
            severity="String",
            event_at=_TIME,
            sequence="Int32",
            due_at=_TIME,
            payload="String",
            created_at=_TIME,
        ),
        primary_key=("notice_id",),
        indexes=(("due_at",),),
    )


def get_batches_table_model() -> TableModel:
    """When the last message of each batch left, as the next one waits for its interval."""
    return TableModel(
        columns=_columns(group_name="String", channel="String", batch="String", left_at=_TIME),
        primary_key=("group_name", "channel", "batch"),
    )


def get_silences_table_model() -> TableModel:
    """What people asked not to be told of, from when to when."""
    return TableModel(
        columns=_columns(
            silence_id="String",
            matchers="String",
            starts_at=_TIME,
            ends_at=_TIME,
            author="String",
            comment="String",
            created_at=_TIME,
            matched="Int64",
            last_matched_at=f"Nullable({_TIME})",
            closed_at=f"Nullable({_TIME})",
        ),
        primary_key=("silence_id",),
    )


def get_acknowledgements_table_model() -> TableModel:
    """Incidents that somebody works on: they are not told again unless they get worse, or end."""
    return TableModel(
        columns=_columns(
            series="String",
            rule="String",
            condition="String",
            opened_at=_TIME,
            author="String",
            comment="String",
            created_at=_TIME,
        ),
        primary_key=("series", "rule", "condition", "opened_at"),
    )


def get_migrations_table_model() -> TableModel:
    """Which versions of this schema were applied, and when."""
    return TableModel(
        columns=_columns(version="Int32", name="String", applied_at=_TIME),
        primary_key=("version",),
    )


INTERNAL_TABLES: dict[str, Callable[[], TableModel]] = {
    TABLE_DATAPOINTS: get_datapoints_table_model,
    TABLE_DETECTIONS: get_detections_table_model,
    TABLE_TASKS: get_tasks_table_model,
    TABLE_LEASES: get_leases_table_model,
    TABLE_INCIDENTS: get_incidents_table_model,
    TABLE_OUTBOX: get_outbox_table_model,
    TABLE_POSITIONS: get_positions_table_model,
    TABLE_STATE: get_state_table_model,
    TABLE_CANDIDATES: get_candidates_table_model,
    TABLE_DECISIONS: get_decisions_table_model,
    TABLE_NOTICES: get_notices_table_model,
    TABLE_BATCHES: get_batches_table_model,
    TABLE_SILENCES: get_silences_table_model,
    TABLE_ACKNOWLEDGEMENTS: get_acknowledgements_table_model,
    TABLE_MIGRATIONS: get_migrations_table_model,
}
