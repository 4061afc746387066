"""For how long what was told stays silent, by severity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from tocsin.errors import DataError
from tocsin.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_RULES", "Severity", "ThresholdRule", "rules_with"]

_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_NOT_AT_ALL = timedelta(0)
_NAMES = frozenset(severity.value for severity in Severity)


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """How events of a severity are reported.

    Attributes:
        period: How often reports are made: the length of the window whose events travel in one. It is for
            whoever collects events before they ask, with the end of the window as `now`; silence does not
            depend on it.
        silence: For how long after a report nothing of the same key and of no higher severity is told.
        relapse: The last part of the silence: what is held back in it is a sign that it is still going on,
            and all that was held back is told when the silence ends. Zero: never.

    Raises:
        DataError: A time is negative, or the relapse period is longer than the silence.
    """

    period: timedelta
    silence: timedelta
    relapse: timedelta

    def __post_init__(self) -> None:
        if not all(isinstance(one, timedelta) for one in (self.period, self.silence, self.relapse)):
            raise DataError("the times of a threshold rule are timedeltas", parameter="rules")
        if self.period < _NOT_AT_ALL or self.silence < _NOT_AT_ALL:
            raise DataError("a threshold rule has no negative times", parameter="rules")
        if not _NOT_AT_ALL <= self.relapse <= self.silence:
            raise DataError("the relapse period is a part of the silence", parameter="rules")


DEFAULT_RULES: Mapping[Severity, ThresholdRule] = MappingProxyType(
    {
        Severity.INFO: ThresholdRule(_DAY, 28 * _DAY, 7 * _DAY),
        Severity.LOW: ThresholdRule(_DAY, 6 * _DAY, 2 * _DAY),
        Severity.MEDIUM: ThresholdRule(2 * _HOUR, 6 * _DAY, 2 * _DAY),
        Severity.HIGH: ThresholdRule(10 * _MINUTE, _DAY, 12 * _HOUR),
        Severity.CRITICAL: ThresholdRule(10 * _MINUTE, 2 * _HOUR, _NOT_AT_ALL),
    }
)


def rules_with(
    changes: Mapping[str, ThresholdRule | tuple[timedelta, timedelta, timedelta]] | None,
) -> Mapping[Severity, ThresholdRule]:
    """Give the rule of each severity: what is given, and the default for the others.

    Args:
        changes: Severity → rule, or its period, silence and relapse period.

    Raises:
        DataError: A key is no severity, or a value no rule.
    """
    rules = dict(DEFAULT_RULES)
    for name, given in (changes or {}).items():
        rule = ThresholdRule(*given) if isinstance(given, tuple) and len(given) == 3 else given  # noqa: PLR2004
        if name not in _NAMES or not isinstance(rule, ThresholdRule):
            raise DataError(
                f"there is no threshold rule {name!r}",
                hint=f"{', '.join(Severity)}, each a ThresholdRule(period, silence, relapse)",
                parameter="rules",
            )
        rules[Severity(name)] = rule
    return MappingProxyType(rules)
