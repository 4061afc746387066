"""The values that flow between rooms: frozen, standard library and numpy only."""

from tocsin.model.alert import (
    AlertDecision,
    AlertRule,
    DecisionKind,
    DirectionRule,
    Incident,
    IncidentState,
    OutboxState,
    Subject,
)
from tocsin.model.interval import Interval, parse_duration
from tocsin.model.lease import Lease
from tocsin.model.log import LogAlert, ParsedBatch, ParsedLog, RawLines, RejectedLine
from tocsin.model.series import DetectionResult, Detections, Direction, Reason, SeriesData
from tocsin.model.table import ColumnDefinition, TableModel

__all__ = [
    "AlertDecision",
    "AlertRule",
    "ColumnDefinition",
    "DecisionKind",
    "DetectionResult",
    "Detections",
    "Direction",
    "DirectionRule",
    "Incident",
    "IncidentState",
    "Interval",
    "Lease",
    "LogAlert",
    "OutboxState",
    "ParsedBatch",
    "ParsedLog",
    "RawLines",
    "Reason",
    "RejectedLine",
    "SeriesData",
    "Subject",
    "TableModel",
    "parse_duration",
]
