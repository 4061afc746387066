"""What a silence or a trouble elsewhere means for a case: it is held back, it was over before, or nothing.

An event, and that an incident still goes on, is decided about once. The opening of an incident is not, nor
is that it got worse: these are asked again until nothing mutes them, and told if the incident still goes on
then. So a trouble that is over when it is asked about decides as if it had been asked all the time: what it
muted is told as of its end.

The end of an incident is asked again, too: who was told of the opening hears of it when no silence holds it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tocsin.alerting.case import Case, Outcome, none
from tocsin.alerting.inhibit import Inhibitor, read_troubles
from tocsin.alerting.message import utc
from tocsin.alerting.record import Stage
from tocsin.alerting.records import incident_of
from tocsin.alerting.route import refusal
from tocsin.alerting.silence import Silences
from tocsin.alerting.silence_book import count_matches, read_silences
from tocsin.model import AlertDecision, DecisionKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.plan import AlertingPlan
    from tocsin.alerting.records import IncidentKey

__all__ = ["Mutes"]


class Mutes:
    """The stages of silences and inhibitions.

    Args:
        silences: Those that are active now.
        inhibitor: What mutes what.
        ends: Incident → the point that ended it, `None` while it goes on; without those that are not there.
        now: The present.
    """

    def __init__(
        self,
        silences: Silences,
        inhibitor: Inhibitor,
        ends: Mapping[IncidentKey, datetime | None],
        now: datetime,
    ) -> None:
        self._silences, self._inhibitor, self._ends, self._now = silences, inhibitor, ends, now
        self._matched: dict[str, set[str]] = {}  # silence (id) → the candidates (id) that it newly silenced

    @classmethod
    def read(
        cls,
        tx: Transaction,
        plan: AlertingPlan,
        *,
        since: datetime,
        ends: Mapping[IncidentKey, datetime | None],
        now: datetime,
    ) -> Mutes:
        """Read what mutes something now, or at an event time from `since` on."""
        inhibitor = Inhibitor(plan, read_troubles(tx, plan, since))
        return cls(Silences(read_silences(tx, active_at=now), now), inhibitor, ends, now)

    def count(self, tx: Transaction, only: Collection[str] | None = None) -> None:
        """Add to how many candidates each silence has silenced; `only` are those (ids) that count."""
        matched = {
            silence: len(found if only is None else found.intersection(only))
            for silence, found in self._matched.items()
        }
        count_matches(tx, {silence: number for silence, number in matched.items() if number}, self._now)

    def passed(self, case: Case) -> Outcome | Case:
        """Give what becomes of a beginning before thresholds, or the case that goes on to them."""
        why = refusal(case.candidate, case.group, case.channel)
        if why is not None:
            return none(case, Stage.ROUTE, why)
        return self.silenced(case) or self.inhibited(case)

    def silenced(self, case: Case) -> Outcome | None:
        """Hold back what people asked not to be told of; `None`: it passes."""
        if case.may_wait and DecisionKind.SILENCED in case.before and self._is_over(case, None):
            return none(case, Stage.SILENCE, "it was over before the silence was")
        silence = self._silences.match(case.candidate, *case.pair)
        if silence is None:
            return None
        if not any(f"({silence.id})" in reason for reason in case.mutes):
            self._matched.setdefault(silence.id, set()).add(case.candidate.id)
        comment = f": {silence.comment}" if silence.comment else ""
        reason = f"silenced by {silence.author} until {utc(silence.ends_at)} ({silence.id}){comment}"
        decision = AlertDecision(DecisionKind.SILENCED, reason)
        return Outcome(case, Stage.SILENCE, decision, until=silence.ends_at)

    def inhibited(self, case: Case) -> Outcome | Case:
        """Hold back what follows from something else, or give the case with the moment at which it passes."""
        hold = self._inhibitor.hold(case.candidate, case.moment)
        if hold is None:
            if DecisionKind.INHIBITED in case.before and self._is_over(case, None):
                return none(case, Stage.INHIBIT, "it was over before what muted it was")
            return case
        why = f"{hold.by.series}, which mutes it, has an incident since {utc(hold.by.opened_at)}"
        if case.may_wait and self._is_over(case, hold.until):
            return none(case, Stage.INHIBIT, f"it was over before what muted it was: {why}")
        if case.may_wait and hold.until is not None:
            return replace(case, moment=min(hold.until, self._now), mutes=(*case.mutes, why))
        return Outcome(case, Stage.INHIBIT, AlertDecision(DecisionKind.INHIBITED, why), until=hold.until)

    def _is_over(self, case: Case, at: datetime | None) -> bool:
        """Say whether a case's incident was over at an instant; `None`: as far as is known."""
        key = incident_of(case.candidate)
        if key is None:
            return False
        if key not in self._ends:
            return case.waited  # a later correction of the data took it away
        end = self._ends[key]
        return end is not None and (at is None or end <= at)
