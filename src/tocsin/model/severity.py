"""How bad something is, in words."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Severity"]


class Severity(StrEnum):
    """How bad it is, from the least to the worst."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """How many severities are below it."""
        return _RANKS[self]

    @classmethod
    def of(cls, name: str | None) -> Severity:
        """Give the severity with a name, in any letters; none, or one that is unknown, is `MEDIUM`.

        >>> Severity.of("High"), Severity.of(None)
        (<Severity.HIGH: 'high'>, <Severity.MEDIUM: 'medium'>)
        """
        return _BY_NAME.get((name or "").strip().lower(), Severity.MEDIUM)


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}
_BY_NAME = {severity.value: severity for severity in Severity}
