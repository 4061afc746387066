"""Search parameters, read and checked, and the statements that they become."""

from __future__ import annotations

from tocsin.eventstorage.query.aggregates import (
    Aggregate,
    Timeline,
    TimelineBucket,
    ValueCount,
    compile_aggregate,
    compile_timeline,
)
from tocsin.eventstorage.query.parameters import ANY, EMPTY, PARAMETERS
from tocsin.eventstorage.query.statements import build_query, compile_query
from tocsin.eventstorage.query.values import check_qname

__all__ = [
    "ANY",
    "EMPTY",
    "PARAMETERS",
    "Aggregate",
    "Timeline",
    "TimelineBucket",
    "ValueCount",
    "build_query",
    "check_qname",
    "compile_aggregate",
    "compile_query",
    "compile_timeline",
]
