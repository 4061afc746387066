"""How the variables of an event behave: derived features in bounded memory."""

from tocsin.persistency.stability.classification import Classification, Stability
from tocsin.persistency.stability.converters import register_converter
from tocsin.persistency.stability.series import ChangeSeries
from tocsin.persistency.stability.tracker import EventStabilityTracker
from tocsin.persistency.stability.variable import VariableTracker

__all__ = [
    "ChangeSeries",
    "Classification",
    "EventStabilityTracker",
    "Stability",
    "VariableTracker",
    "register_converter",
]
