"""Who is told what, when, and why."""

from tocsin.alerting.decide import decide
from tocsin.alerting.evaluate import EvaluationResult, evaluate
from tocsin.alerting.fold import Outcome, TakenDecision
from tocsin.alerting.message import test_message
from tocsin.alerting.outbox import DeliveryReport, deliver
from tocsin.alerting.render import validate_template
from tocsin.alerting.verdicts import Points

__all__ = [
    "DeliveryReport",
    "EvaluationResult",
    "Outcome",
    "Points",
    "TakenDecision",
    "decide",
    "deliver",
    "evaluate",
    "test_message",
    "validate_template",
]
