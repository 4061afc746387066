"""What inserting gives back, event by event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DUPLICATE", "NEW", "InsertKind", "InsertResult"]


class InsertKind(StrEnum):
    """What became of an event."""

    NEW = "new"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class InsertResult:
    """What became of one event, and why when it was rejected.

    Attributes:
        kind: New, a duplicate of one that is there, or rejected.
        reason: Why it was rejected.
        inspection_errors: What is wrong with a new one, which is stored all the same.
    """

    kind: InsertKind
    reason: str | None = None
    inspection_errors: tuple[str, ...] = ()


NEW = InsertResult(InsertKind.NEW)
DUPLICATE = InsertResult(InsertKind.DUPLICATE)
