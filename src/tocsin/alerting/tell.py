"""Runs the stages over candidates: who is told of what, who is not, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerting.case import MAY_WAIT, MUTED, OPENINGS, Case, Outcome, TellReport, none, told
from tocsin.alerting.collect import (
    drop_candidates,
    hold_candidates,
    mute_candidates,
    muted_candidates,
    take_candidates,
)
from tocsin.alerting.group import compile_owners
from tocsin.alerting.keep import keep
from tocsin.alerting.known import Known
from tocsin.alerting.message import TOLD_KINDS
from tocsin.alerting.mute import Mutes
from tocsin.alerting.record import Stage
from tocsin.alerting.records import incident_of
from tocsin.alerting.route import channels_for
from tocsin.alerting.rows import storable
from tocsin.alerting.threshold import question, threshold_decision
from tocsin.model import AlertDecision, DecisionKind, Group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.case import Pair
    from tocsin.alerting.plan import AlertingPlan, Answer, Asked, ThresholdBook
    from tocsin.model import AlertCandidate

__all__ = ["tell", "tell_pairs", "tell_waiting"]


def tell(
    tx: Transaction,
    candidates: Sequence[AlertCandidate],
    *,
    plan: AlertingPlan,
    book: ThresholdBook,
    now: datetime,
) -> TellReport:
    """Decide about candidates, keep each decision with its reason, and queue a notice of what is told.

    All of it belongs to the open transaction. What was decided before is not decided again, so candidates
    that come twice change nothing. An incident's opening that is silenced or inhibited is not final, nor is,
    for those that were told of its opening, that it got worse, or its end: they are to be asked again, see
    `tell_waiting`. What was decided about an event is final.

    Args:
        tx: Where decisions, notices, silences and incidents are.
        candidates: In the order in which they are to be decided about.
        plan: The project's groups and rules.
        book: What was told before.
        now: The present: silences go by it, and no event is later than it.

    Raises:
        ConfigError: A network of a group is none.
        DatabaseError: The memory failed; the transaction is to be given up.
    """
    work = _Telling(tx, plan, book, now)
    work.do(candidates)
    work.report.taken = len(candidates)
    return work.report


def tell_pairs(
    tx: Transaction,
    candidates: Sequence[tuple[AlertCandidate, Pair]],
    *,
    plan: AlertingPlan,
    book: ThresholdBook,
    now: datetime,
) -> TellReport:
    """Decide about openings of incidents, each for one group and channel, whoever owns it; see `tell`.

    They are asked again and again: only those about which something is decided anew count as taken.
    """
    if not candidates:
        return TellReport()
    work = _Telling(tx, plan, book, now, {candidate.id: pair for candidate, pair in candidates})
    work.do([candidate for candidate, _ in candidates])
    report = work.report
    report.taken = report.told + report.held + report.silenced + report.inhibited + report.silent
    return report


def tell_waiting(
    tx: Transaction, *, plan: AlertingPlan, book: ThresholdBook, now: datetime, limit: int = 1000
) -> TellReport:
    """Decide about the candidates that wait in the memory, oldest first, and about those that are muted.

    A muted opening is told when nothing mutes it any more and its incident still goes on, and forgotten when
    that is over; so is that an incident got worse; a muted end is told when its silence is over. See `tell`.
    An opening that the book holds back stays as well, for who tells of it later, and is not asked again.

    Args:
        tx: Where candidates are as well.
        plan: The project's groups and rules.
        book: What was told before.
        now: The present.
        limit: How many waiting candidates to take at most; call again until fewer are taken.
    """
    waiting = take_candidates(tx, limit)
    # While more wait, of the muted ones those alone are asked that something here may follow.
    muted = muted_candidates(tx, None if len(waiting) < limit else {one.series for one in waiting})
    # What nobody looks after goes on for all that is known: it stays muted until somebody does again.
    muted = [one for one in muted if one.kind not in MAY_WAIT or plan.looks_after(one.monitor, one.rule)]
    if not muted and not waiting:
        return TellReport()
    work = _Telling(tx, plan, book, now)
    work.do([*muted, *waiting], muted=len(muted))
    mute_candidates(tx, [one.id for one in waiting if one.id in work.muted])
    done = [one.id for one in (*muted, *waiting) if one.id not in work.muted]
    hold_candidates(tx, [one for one in done if one in work.held])
    drop_candidates(tx, [one for one in done if one not in work.held])
    work.report.taken = len(waiting)
    return work.report


class _Telling:
    """The stages, with what they need, over one batch of candidates."""

    _known: Known
    _mutes: Mutes

    def __init__(
        self,
        tx: Transaction,
        plan: AlertingPlan,
        book: ThresholdBook,
        now: datetime,
        only: Mapping[str, Pair] | None = None,
    ) -> None:
        self._only = only or {}  # candidate (id) → for whom alone it is decided
        self._tx, self._plan, self._book, self._now = tx, plan, book, now
        self._groups = {group.name: group for group in plan.groups}
        self._owners = compile_owners(plan.groups, plan.fallback)
        self._untold: dict[tuple[object, Pair], str] = {}
        self._begun: dict[tuple[object, Pair], datetime] = {}
        self.report = TellReport()
        self.muted: set[str] = set()
        self.held: set[str] = set()

    def do(self, candidates: Sequence[AlertCandidate], muted: int = 0) -> None:
        """Decide about candidates, of which the first `muted` have waited for what mutes them to end."""
        if not candidates:
            return
        first = {one.id: place for place, one in reversed(list(enumerate(candidates)))}
        distinct = [(place, one) for place, one in enumerate(candidates) if first[one.id] == place]
        self._prepare([one for _, one in distinct])
        asked = [(place, one, place < muted) for place, one in distinct]
        outcomes = self._begin([each for each in asked if each[1].kind in OPENINGS])
        outcomes += self._follow([each for each in asked if each[1].kind not in OPENINGS])
        self._keep(sorted(outcomes, key=lambda outcome: outcome.case.place))

    def _prepare(self, candidates: Sequence[AlertCandidate]) -> None:
        self._known = Known.read(self._tx, candidates)
        since = min(self._moment(one) for one in candidates)
        self._mutes = Mutes.read(self._tx, self._plan, since=since, ends=self._known.ends, now=self._now)

    def _moment(self, candidate: AlertCandidate) -> datetime:
        return min(candidate.at, self._now)

    def _begin(self, openings: Sequence[tuple[int, AlertCandidate, bool]]) -> list[Outcome]:
        """Decide about what begins: incidents and events. The book is asked once for all of them."""
        outcomes: list[Outcome] = []
        asking: list[Case] = []
        questions: list[Asked] = []
        for case in self._cases(openings):
            passed = self._mutes.passed(case)
            if isinstance(passed, Outcome):
                outcomes.append(passed)
                continue
            asked = question(passed.candidate, *passed.pair, moment=passed.moment, now=self._now)
            if asked is None:
                outcomes.append(told(passed))
            else:
                asking.append(passed)
                questions.append(asked)
        answers = list(zip(asking, self._book.ask(questions) if questions else (), strict=True))
        self._known.read_told_events(
            [case.candidate for case, answer in answers if answer.kind in TOLD_KINDS]
        )
        outcomes += [self._by_threshold(case, answer) for case, answer in answers]
        for outcome in outcomes:
            self._note_beginning(outcome)
        return outcomes

    def _by_threshold(self, case: Case, answer: Answer) -> Outcome:
        """Give what the book says; an event that several rules look for is told by the first of them."""
        decision = threshold_decision(answer, case.candidate)
        outcome = Outcome(case, Stage.THRESHOLD, decision, until=answer.until, answer=answer)
        if not outcome.is_told:
            return outcome
        by = self._known.told_event(case.candidate, case.pair)
        if by is None:
            return outcome
        decision = AlertDecision(DecisionKind.HELD, f"this very event was told by {by}")
        return Outcome(case, Stage.THRESHOLD, decision, until=answer.until)

    def _cases(self, openings: Sequence[tuple[int, AlertCandidate, bool]]) -> Iterator[Case]:
        for place, candidate, waited in openings:
            for group, channel in self._whom(candidate):
                case = self._case(place, candidate, group, channel, waited=waited)
                if not case.is_decided:
                    yield case
                elif candidate.opened_at is not None and DecisionKind.HELD in case.before:
                    self.held.add(candidate.id)

    def _whom(self, candidate: AlertCandidate) -> Iterator[tuple[Group, str]]:
        if candidate.id in self._only:
            for name, channel in sorted(self._reached(candidate, {self._only[candidate.id]})):
                yield self._groups.get(name) or Group(name), channel
            return
        for owner in self._owners.of(candidate):
            for channel in channels_for(candidate, owner.group) or ("",):
                yield owner.group, channel

    def _case(
        self, place: int, candidate: AlertCandidate, group: Group, channel: str, *, waited: bool = False
    ) -> Case:
        pair = group.name, channel
        key = incident_of(candidate)
        return Case(
            place,
            candidate,
            group,
            channel,
            self._moment(candidate),
            self._known.kinds(candidate, pair),
            waited,
            self._known.mutes(candidate, pair),
            None if key is None else self._known.standing.get(key),
        )

    def _note_beginning(self, outcome: Outcome) -> None:
        """Remember for what follows in this batch who was told."""
        case = outcome.case
        key = incident_of(case.candidate)
        if key is None:
            return
        if outcome.is_told:
            self._known.told.setdefault(key, set()).add(case.pair)
            self._begun[key, case.pair] = case.moment
            self._known.note_told(case, self._now)
        elif outcome.decision.kind in MUTED:
            self.muted.add(case.candidate.id)
        elif outcome.decision.kind is DecisionKind.HELD:
            self.held.add(case.candidate.id)
        self._untold[key, case.pair] = outcome.decision.reason

    def _follow(self, candidates: Sequence[tuple[int, AlertCandidate, bool]]) -> Iterator[Outcome]:
        """Decide about what an incident came to: told to those that were told that it began."""
        for place, candidate, waited in candidates:
            key = incident_of(candidate)
            told_before = self._known.told.get(key, set()) if key is not None else set()
            informed = self._reached(candidate, told_before)
            for group, channel in self._pairs(candidate, informed):
                case = self._case(place, candidate, group, channel, waited=waited)
                if case.is_decided:
                    continue
                outcome = self._follow_up(case, is_informed=case.pair in informed)
                is_held = outcome.decision.kind in MUTED and case.pair in informed
                if is_held and (case.is_end or case.is_worse):
                    self.muted.add(candidate.id)
                if outcome.is_told:
                    self._known.note_told(outcome.case, self._now)
                yield outcome

    def _reached(self, candidate: AlertCandidate, informed: set[Pair]) -> set[Pair]:
        """Give by what those that were told are told now: a channel that is gone gives way to the group's."""
        reached: set[Pair] = set()
        for name, channel in informed:
            others = () if self._plan.has_channel(channel) else self._channels_now(candidate, name)
            reached.update((name, one) for one in others or (channel,))
        return reached

    def _channels_now(self, candidate: AlertCandidate, name: str) -> list[str]:
        channels = channels_for(candidate, self._groups.get(name) or Group(name))
        return [one for one in channels if self._plan.has_channel(one)]

    def _pairs(self, candidate: AlertCandidate, informed: set[Pair]) -> Iterator[tuple[Group, str]]:
        for name, channel in sorted(informed):
            yield self._groups.get(name) or Group(name), channel
        for group, channel in self._whom(candidate):
            if (group.name, channel) not in informed:
                yield group, channel

    def _follow_up(self, case: Case, *, is_informed: bool) -> Outcome:
        if case.is_worse and (untold := self._nothing_new(case, is_informed=is_informed)) is not None:
            return untold
        if (silenced := self._mutes.silenced(case)) is not None:
            return silenced
        # The end of what people know about is told although something mutes it.
        if case.candidate.kind is not DecisionKind.RECOVERED:
            passed = self._mutes.inhibited(case)
            if isinstance(passed, Outcome):
                return passed
            case = passed
        if not is_informed:
            return none(case, Stage.ROUTE, f"its beginning was not told: {self._why_untold(case)}")
        return self._acknowledged(case) or self._told(case)

    def _nothing_new(self, case: Case, *, is_informed: bool) -> Outcome | None:
        """Say why that an incident got worse is no news, now or when what mutes it is over; `None`: it is."""
        if not is_informed:
            return none(case, Stage.ROUTE, f"its beginning was not told: {self._why_untold(case)}")
        begun = self._begun.get((incident_of(case.candidate), case.pair))
        if begun is not None and begun > case.moment:
            return none(case, Stage.ROUTE, "its beginning is told later than that, and says where it stands")
        severity, standing = case.candidate.message.get("severity"), case.standing
        if case.waited and severity is not None and standing is not None and standing.severity < severity:
            return none(case, Stage.RULE, "a later correction of the data took it away")
        return None

    def _told(self, case: Case) -> Outcome:
        """Tell what an incident came to; of a repetition also how long ago it was told before."""
        last = self._known.last_told(case)
        if case.candidate.kind is not DecisionKind.REPEAT or last is None or last >= case.moment:
            return told(case)
        reason = f"{case.candidate.reason}, last told {case.moment - last} before"
        return Outcome(case, Stage.RULE, AlertDecision(DecisionKind.REPEAT, reason))

    def _why_untold(self, case: Case) -> str:
        key = incident_of(case.candidate), case.pair
        if key not in self._untold:
            self._untold[key] = self._known.why_untold(case.candidate, case.pair)
        return self._untold[key]

    def _acknowledged(self, case: Case) -> Outcome | None:
        key = incident_of(case.candidate)
        by = self._known.acknowledged.get(key) if key is not None else None
        if by is None or case.candidate.kind is not DecisionKind.REPEAT:
            return None
        comment = f": {by.comment}" if by.comment else ""
        return none(case, Stage.SILENCE, f"acknowledged by {by.author}{comment}")

    def _keep(self, outcomes: Sequence[Outcome]) -> None:
        new = [outcome for outcome in outcomes if outcome.decision.kind not in outcome.case.before]
        for outcome in new:
            self.report.count(outcome.decision.kind)
        # A silence that was made longer, or another one: why it is told nobody is to be true at any time.
        muted = [one for one in outcomes if one.decision.kind in MUTED & one.case.before]
        new += [one for one in muted if not self._is_noted(one)]
        # Where each pair has a candidate of its own, those that share a channel are told by one message.
        subjects = [incident_of(one.case.candidate) for one in new] if self._only else None
        keep(self._tx, new, project=self._plan.project, now=self._now, subjects=subjects)
        self._mutes.count(self._tx)

    def _is_noted(self, outcome: Outcome) -> bool:
        """Say whether the last word on something is what mutes it now, as far as the clock tells the last."""
        reason, case = storable(outcome.decision.reason), outcome.case
        last = self._known.last_mute(case.candidate, case.pair)
        return case.mutes[-1] == reason or (reason in case.mutes and last is not None and last >= self._now)
