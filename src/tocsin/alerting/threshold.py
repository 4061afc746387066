"""The stage that tells once and is silent for a while: questions to the book of thresholds, and its answers.

Only what begins something is asked about, an incident's opening or an event, and only where its rule says so;
what an incident comes to (that it gets worse, goes on, or ends) follows its opening.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerting.message import utc
from tocsin.alerting.plan import Answer, Asked
from tocsin.model import AlertDecision, DecisionKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.model import AlertCandidate

__all__ = ["alike", "held_as", "question", "relapse_decision", "threshold_decision"]

_SILENT = " and is silent until "


def question(
    candidate: AlertCandidate, group: str, channel: str, *, moment: datetime, now: datetime
) -> Asked | None:
    """Give what the book is asked about a candidate, or `None` when it is told without asking.

    Args:
        candidate: What begins.
        group: Who would be told.
        channel: By what.
        moment: Event time at which it would be told.
        now: The present; a time after it is one of a wrong clock, and counts as the present.
    """
    return Asked(candidate, group, channel, min(moment, now)) if candidate.threshold else None


def threshold_decision(answer: Answer, candidate: AlertCandidate) -> AlertDecision:
    """Say what an answer of the book means for a candidate."""
    match answer.kind:
        case DecisionKind.HELD:
            reason = (
                f"{held_as(answer.classes, answer.entity)}{_SILENT}{utc(answer.until)};"
                f" {answer.held_count:,} {_were(answer.held_count)} held back since then"
            )
            return AlertDecision(DecisionKind.HELD, reason)
        case DecisionKind.ESCALATED:
            reason = f"{candidate.reason}; it is worse than what was told of {_about(answer)}"
            return AlertDecision(DecisionKind.ESCALATED, reason + _before(answer))
        case DecisionKind.RELAPSED:
            reason = f"{candidate.reason}; {_about(answer)} went on near the end of its silence"
            return AlertDecision(DecisionKind.RELAPSED, reason + _before(answer))
        case _:
            return AlertDecision(candidate.kind, candidate.reason)


def relapse_decision(answer: Answer) -> AlertDecision:
    """Say why a relapse that is due is told."""
    reason = f"{_about(answer)} went on near the end of its silence"
    return AlertDecision(DecisionKind.RELAPSED, reason + _before(answer))


def held_as(classes: Sequence[str], entity: str) -> str:
    """Give what the reason begins with of all that is held back because the same was told.

    >>> held_as(("Recon.Scanning",), "192.0.2.7")
    'Recon.Scanning of 192.0.2.7 was told before'
    """
    return f"{_named(classes, entity)} was told before"


def alike(reason: str) -> str:
    """Give of the reason of something held back what begins that of all that was held back as the same.

    >>> alike("a scan of 192.0.2.7 was told before and is silent until noon; 3 were held back since then")
    'a scan of 192.0.2.7 was told before'
    """
    return reason.rpartition(_SILENT)[0]


def _about(answer: Answer) -> str:
    return _named(answer.classes, answer.entity)


def _named(classes: Sequence[str], entity: str) -> str:
    what = ", ".join(classes) or "it"
    return f"{what} of {entity}" if entity else what


def _before(answer: Answer) -> str:
    if not answer.held_count:
        return ""
    return f"; {answer.held_count:,} {_were(answer.held_count)} held back before"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
