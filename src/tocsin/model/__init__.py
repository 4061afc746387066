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
from tocsin.model.notice import (
    AlertCandidate,
    FindingFacts,
    Group,
    Inhibition,
    MonitorKind,
    Schedule,
    Silence,
)
from tocsin.model.number import number_text
from tocsin.model.series import DetectionResult, Detections, Direction, Reason, SeriesData
from tocsin.model.severity import Severity
from tocsin.model.table import ColumnDefinition, TableModel

__all__ = [
    "AlertCandidate",
    "AlertDecision",
    "AlertRule",
    "ColumnDefinition",
    "DecisionKind",
    "DetectionResult",
    "Detections",
    "Direction",
    "DirectionRule",
    "FindingFacts",
    "Group",
    "Incident",
    "IncidentState",
    "Inhibition",
    "Interval",
    "Lease",
    "LogAlert",
    "MonitorKind",
    "OutboxState",
    "ParsedBatch",
    "ParsedLog",
    "RawLines",
    "Reason",
    "RejectedLine",
    "Schedule",
    "SeriesData",
    "Severity",
    "Silence",
    "Subject",
    "TableModel",
    "number_text",
    "parse_duration",
]
