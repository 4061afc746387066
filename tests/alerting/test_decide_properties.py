"""What holds for every series, rule and way to cut: a plain model, splitting, evaluating again."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.alerting.series import SEVERITY, STEP, STEP_MS, at, index_of, points
from tocsin.alerting.decide import TakenDecision, decide, history_needed, is_escalation
from tocsin.model import AlertRule, DecisionKind, DirectionRule, Incident
from tocsin.model.alert import IncidentState

TEXTS = st.text(alphabet=st.sampled_from("....uuuuddU-?"), max_size=60)
STEPS = st.none() | st.integers(1, 6).map(lambda n: n * STEP)


@st.composite
def rules(draw: st.DrawFn) -> AlertRule:
    window = draw(st.none() | st.integers(1, 6))
    return AlertRule(
        direction=draw(st.sampled_from(DirectionRule)),
        consecutive_anomalies=draw(st.integers(1, 4)),
        anomaly_window=window,
        min_anomaly_share=None if window is None else draw(st.sampled_from([0.3, 0.5, 0.75, 1.0])),
        keep_firing_for=draw(STEPS),
        renotify_every=draw(STEPS),
        recovery=draw(st.booleans()),
        no_data_for=draw(STEPS),
    )


def fact(taken: TakenDecision) -> tuple[object, ...]:
    incident = taken.incident
    return (
        taken.decision.kind,
        index_of(taken.at),
        index_of(incident.opened_at),
        incident.anomalies,
        incident.severity,
        incident.direction,
    )


@dataclass
class Model:
    """The rules of alerting, one point after the other, with no cleverness."""

    text: str
    rule: AlertRule
    missing: bool
    taken: list[tuple[object, ...]] = field(default_factory=list)
    open: dict[str, int | float | str | None] | None = None
    floor: int = -1

    def match(self, index: int, direction: str | None) -> bool:
        letter = self.text[index].lower()
        if self.missing:
            return letter == "-"
        allowed = {DirectionRule.UP: "u", DirectionRule.DOWN: "d"}.get(self.rule.direction, "ud")
        if letter not in allowed or letter in ".-?":
            return False
        return self.rule.direction is DirectionRule.ANY or {"up": "u", "down": "d"}[str(direction)] == letter

    def window(self) -> tuple[int, int]:
        rule = self.rule
        if self.missing:
            assert rule.no_data_for is not None
            return rule.no_data_for // STEP, rule.no_data_for // STEP
        if rule.anomaly_window is None or rule.min_anomaly_share is None:
            return rule.consecutive_anomalies, rule.consecutive_anomalies
        need = next(n for n in range(1, 99) if n / rule.anomaly_window >= rule.min_anomaly_share - 1e-9)
        return rule.anomaly_window, need

    def counted(self, index: int, direction: str | None, floor: int) -> list[int]:
        first = max(index - self.window()[0] + 1, floor + 1, 0)
        return [place for place in range(first, index + 1) if self.match(place, direction)]

    def severity(self, index: int) -> float:
        return 0.0 if self.missing else SEVERITY[self.text[index]]

    def tell(self, kind: DecisionKind, index: int) -> None:
        assert self.open is not None
        state = self.open
        self.taken.append(
            (kind, index, state["opened"], state["anomalies"], state["severity"], state["direction"])
        )

    def run(self) -> list[tuple[object, ...]]:
        for index in range(len(self.text)):
            if self.open is not None:
                self.go_on(index)
            if self.open is None:
                self.begin(index)
        return self.taken

    def begin(self, index: int) -> None:
        direction = None if self.missing else {"u": "up", "d": "down"}.get(self.text[index].lower())
        if not self.match(index, direction) or (direction is None and not self.missing):
            return
        counted = self.counted(index, direction, self.floor)
        if len(counted) < self.window()[1]:
            return
        severity = max(self.severity(place) for place in counted)
        self.open = {
            "opened": counted[0],
            "anomalies": len(counted),
            "severity": severity,
            "direction": direction,
            "last": index,
            "told": index,
            "told_severity": severity,
        }
        self.tell(DecisionKind.NO_DATA if self.missing else DecisionKind.FIRST, index)

    def go_on(self, index: int) -> None:
        state, rule = self.open, self.rule
        assert state is not None
        direction = state["direction"]
        assert direction is None or isinstance(direction, str)
        if self.match(index, direction):
            state["anomalies"] += 1  # type: ignore[operator]
            state["last"] = index
            state["severity"] = max(state["severity"], self.severity(index))  # type: ignore[type-var]
            due = rule.renotify_every is not None and (index - state["told"]) * STEP >= rule.renotify_every  # type: ignore[operator]
            escalated = is_escalation(state["severity"], state["told_severity"])  # type: ignore[arg-type]
            if escalated or due:
                state["told"], state["told_severity"] = index, state["severity"]
                self.tell(DecisionKind.ESCALATED if escalated else DecisionKind.REPEAT, index)
            return
        judged = self.text[index] != "-" if self.missing else self.text[index] not in "-?"
        keep = 0 if self.missing or rule.keep_firing_for is None else rule.keep_firing_for // STEP
        holds = len(self.counted(index, direction, -1)) >= self.window()[1]
        if judged and not holds and index - state["last"] >= keep:  # type: ignore[operator]
            self.tell(DecisionKind.RECOVERED if rule.recovery else DecisionKind.NONE, index)
            self.floor, self.open = state["last"], None  # type: ignore[assignment]


@settings(max_examples=400)
@given(TEXTS, rules())
def test_the_decisions_are_those_of_the_plain_model(text: str, rule: AlertRule) -> None:
    expected = Model(text, rule, missing=False).run()
    if rule.no_data_for is not None:
        expected += Model(text, rule, missing=True).run()
    outcome = decide(points(text), rule, series="s", interval_ms=STEP_MS)
    assert [fact(taken) for taken in outcome.decisions] == sorted(
        expected, key=lambda fact: int(str(fact[1]))
    )


class Memory:
    """Keeps incidents and a position between evaluations, as `evaluate` does in the store."""

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.incidents: dict[tuple[object, ...], Incident] = {}
        self.position = 0
        self.taken: list[TakenDecision] = []

    def told(self) -> list[Incident]:
        return [incident for incident in self.incidents.values() if incident.told_at is not None]

    def evaluate(self, text: str, again_from: int | None = None) -> list[TakenDecision]:
        start = self.position if again_from is None else min(again_from, self.position)
        first = max(0, start - history_needed(self.rule, STEP_MS))
        if start < self.position:
            history = history_needed(self.rule, STEP_MS)
            opened = [index_of(i.opened_at) - history for i in self.told() if i.resolved_at is None]
            first = max(0, min([first, *opened]))
        told = [i for i in self.told() if i.resolved_at is None or i.resolved_at >= at(first)]
        outcome = decide(
            points(text[first:], first),
            self.rule,
            series="s",
            interval_ms=STEP_MS,
            told=told,
            start=start - first,
            evaluated=self.position - first,
        )
        kept = {key: value for key, value in self.incidents.items() if value.told_at is not None}
        self.incidents = kept | {self.key(incident): incident for incident in outcome.incidents}
        self.position = len(text)
        self.taken += outcome.decisions
        return outcome.decisions

    @staticmethod
    def key(incident: Incident) -> tuple[object, ...]:
        return incident.direction is None, incident.opened_at


@settings(max_examples=400)
@given(TEXTS, rules(), st.lists(st.integers(0, 60)))
@example("???Ud?", AlertRule(anomaly_window=2, min_anomaly_share=0.3, recovery=False), [5])
@example("u.u..u", AlertRule(anomaly_window=4, min_anomaly_share=0.5), [5])
def test_a_series_that_is_cut_anywhere_is_decided_as_in_one_piece(
    text: str, rule: AlertRule, cuts: list[int]
) -> None:
    whole, cut = Memory(rule), Memory(rule)
    whole.evaluate(text)
    for end in sorted({min(cut, len(text)) for cut in cuts} | {len(text)}):
        if end:
            cut.evaluate(text[:end])
    assert [fact(taken) for taken in cut.taken] == [fact(taken) for taken in whole.taken]
    assert cut.incidents == whole.incidents


@settings(max_examples=400)
@given(TEXTS, rules(), st.integers(0, 60), st.integers(0, 60))
def test_evaluating_again_from_anywhere_decides_nothing_and_changes_nothing(
    text: str, rule: AlertRule, middle: int, again_from: int
) -> None:
    memory = Memory(rule)
    memory.evaluate(text[:middle])
    memory.evaluate(text)
    before = dict(memory.incidents)
    assert memory.evaluate(text, again_from) == []
    assert memory.incidents == before


@settings(max_examples=400)
@given(
    TEXTS,
    rules(),
    st.lists(st.tuples(st.integers(0, 59), st.sampled_from(".ud-")), min_size=1, max_size=8),
    st.integers(0, 60),
    TEXTS,
)
def test_after_a_correction_nothing_is_told_twice(
    text: str, rule: AlertRule, corrections: list[tuple[int, str]], again_from: int, more: str
) -> None:
    memory = Memory(rule)
    memory.evaluate(text)
    periods = [(i.direction is None, i.opened_at, i.resolved_at or at(len(text) - 1)) for i in memory.told()]
    letters = list(text)
    for place, letter in corrections:
        if place < len(letters):
            letters[place] = letter
    changed = "".join(letters) + more
    first = min((place for place, _ in corrections), default=0)
    late = memory.evaluate(changed, first)

    once = [
        (fact.decision.kind, *memory.key(fact.incident))
        for fact in memory.taken
        if fact.decision.kind in {DecisionKind.FIRST, DecisionKind.NO_DATA, DecisionKind.RECOVERED}
    ]
    assert len(once) == len(set(once))
    points_told = [(*memory.key(taken.incident), taken.decision.kind, taken.at) for taken in memory.taken]
    assert len(points_told) == len(set(points_told))
    for taken in late:  # no incident opens at a point of one that was told before
        if taken.decision.kind in {DecisionKind.FIRST, DecisionKind.NO_DATA}:
            missing = taken.incident.direction is None
            assert not [p for p in periods if p[0] is missing and p[1] <= taken.at <= p[2]]
    assert memory.evaluate(changed, again_from) == []


def test_a_late_anomaly_is_told() -> None:
    memory = Memory(AlertRule(consecutive_anomalies=2))
    memory.evaluate("." * 20)
    (first, recovered) = memory.evaluate("." * 10 + "uu" + "." * 8, 10)
    assert (first.decision.kind, recovered.decision.kind) == (DecisionKind.FIRST, DecisionKind.RECOVERED)
    assert index_of(first.incident.opened_at) == 10


def test_a_run_that_leads_into_a_told_incident_is_not_told() -> None:
    memory = Memory(AlertRule(consecutive_anomalies=1))
    memory.evaluate("....uu..")
    assert memory.evaluate("..uuuu..", 2) == []
    assert len(memory.incidents) == 1


def test_an_anomaly_that_was_corrected_away_recovers_at_the_next_point() -> None:
    memory = Memory(AlertRule(consecutive_anomalies=2))
    memory.evaluate("...uu")
    assert memory.evaluate(".....", 3) == []
    (incident,) = memory.incidents.values()
    assert (incident.state, incident.anomalies) == (IncidentState.RECOVERING, 0)
    (recovered,) = memory.evaluate("......")
    assert recovered.decision.kind is DecisionKind.RECOVERED


def test_a_resolved_incident_stands_although_its_values_were_corrected() -> None:
    memory = Memory(AlertRule(consecutive_anomalies=1))
    memory.evaluate("..uu...")
    before = dict(memory.incidents)
    assert memory.evaluate(".......", 2) == []
    assert memory.incidents == before


def test_a_point_that_resolved_a_told_incident_opens_no_other() -> None:
    memory = Memory(AlertRule(consecutive_anomalies=1))
    memory.evaluate("u..")
    assert memory.evaluate("uu.", 1) == []
