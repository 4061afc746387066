"""Rules of thresholds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tocsin.errors import DataError
from tocsin.eventstorage.thresholds import DEFAULT_RULES, Severity, ThresholdRule
from tocsin.eventstorage.thresholds.rules import rules_with

HOUR = timedelta(hours=1)


def test_rules_that_are_not_given_are_the_default() -> None:
    rules = rules_with({"high": ThresholdRule(HOUR, HOUR, HOUR), "low": (HOUR, 2 * HOUR, HOUR)})
    assert rules[Severity.HIGH] == ThresholdRule(HOUR, HOUR, HOUR)
    assert rules[Severity.LOW].silence == 2 * HOUR
    assert rules[Severity.INFO] == DEFAULT_RULES[Severity.INFO]


@pytest.mark.parametrize(
    "times",
    [(HOUR, HOUR, 2 * HOUR), (-HOUR, HOUR, HOUR), (HOUR, -HOUR, -HOUR), (HOUR, HOUR, -HOUR), (1, 2, 3)],
)
def test_impossible_times_are_refused(times: Any) -> None:
    with pytest.raises(DataError):
        ThresholdRule(*times)


@pytest.mark.parametrize("changes", [{"severe": DEFAULT_RULES[Severity.LOW]}, {"low": 5}, {"low": (HOUR,)}])
def test_what_is_no_rule_is_refused(changes: Any) -> None:
    with pytest.raises(DataError, match="threshold rule"):
        rules_with(changes)


def test_severities_are_in_order() -> None:
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3, 4]
    assert list(Severity) == ["info", "low", "medium", "high", "critical"]
