"""Report once, be silent for a while, report again when it relapses."""

from tocsin.eventstorage.thresholds.judge import Candidate
from tocsin.eventstorage.thresholds.keys import ThresholdKey
from tocsin.eventstorage.thresholds.methods import Threshold, ThresholdMethods
from tocsin.eventstorage.thresholds.rules import DEFAULT_RULES, Severity, ThresholdRule
from tocsin.eventstorage.thresholds.thresholder import Thresholder
from tocsin.eventstorage.thresholds.verdicts import Verdict, VerdictKind

__all__ = [
    "DEFAULT_RULES",
    "Candidate",
    "Severity",
    "Threshold",
    "ThresholdKey",
    "ThresholdMethods",
    "ThresholdRule",
    "Thresholder",
    "Verdict",
    "VerdictKind",
]
