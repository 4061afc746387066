"""What is decided, as a table of cases."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import numpy as np
import pytest

from tests.alerting.series import STEP, STEP_MS, at, outcome_of, points, told
from tocsin.alerting.decide import Points, decide, history_needed, is_escalation
from tocsin.model import AlertRule, DecisionKind, DirectionRule
from tocsin.model.alert import IncidentState

ONE = AlertRule(consecutive_anomalies=1)
THREE = AlertRule(consecutive_anomalies=3)
SHARE = AlertRule(anomaly_window=4, min_anomaly_share=0.5)


def with_(rule: AlertRule, **changes: object) -> AlertRule:
    return dataclasses.replace(rule, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        # nothing, or not long enough
        ("......", THREE, ""),
        ("..uu..uu", THREE, ""),
        # a run opens, its end recovers
        ("..uuu...", THREE, "first@4 recovered@5"),
        ("u.", ONE, "first@0 recovered@1"),
        ("uuuuuuuu", THREE, "first@2"),
        # a gap, or a point without a verdict, breaks a run and is no recovery
        ("uu-u..", THREE, ""),
        ("uu?u..", THREE, ""),
        ("uuu--.", THREE, "first@2 recovered@5"),
        ("uuu-u.", THREE, "first@2 recovered@5"),
        ("uuu???", THREE, "first@2"),
        # a run lies on one side
        ("uudd..", THREE, ""),
        ("uuuddd.", THREE, "first@2 recovered@3 first@5 recovered@6"),
        ("uud.", with_(THREE, direction=DirectionRule.ANY), "first@2 recovered@3"),
        ("ddd.", with_(THREE, direction=DirectionRule.UP), ""),
        ("ddd.uuu", with_(THREE, direction=DirectionRule.UP), "first@6"),
        ("ddd.uuu", with_(THREE, direction=DirectionRule.DOWN), "first@2 recovered@3"),
        # it fires on for a while
        ("u...u....", with_(ONE, keep_firing_for=4 * STEP), "first@0 recovered@8"),
        ("u...", with_(ONE, keep_firing_for=3 * STEP), "first@0 recovered@3"),
        ("u..", with_(ONE, keep_firing_for=3 * STEP), "first@0"),
        ("u--.", with_(ONE, keep_firing_for=3 * STEP), "first@0 recovered@3"),
        ("uuudddddd", with_(THREE, keep_firing_for=4 * STEP), "first@2 recovered@6 first@6"),
        # a share of a window
        ("u.u...", SHARE, "first@2 recovered@4"),
        ("u..u....", SHARE, "first@3 recovered@4"),
        ("u...u...u", SHARE, ""),
        ("u.u.u.u.u....", SHARE, "first@2 recovered@10"),
        ("u.u..u", SHARE, "first@2 recovered@4"),
        ("u.d.u", SHARE, ""),
        # repeated, and escalated
        ("uuuuuuu", with_(ONE, renotify_every=3 * STEP), "first@0 repeat@3 repeat@6"),
        ("u.u.u", with_(ONE, renotify_every=STEP), "first@0 recovered@1 first@2 recovered@3 first@4"),
        ("uuUUU", ONE, "first@0 escalated@2"),
        ("uuUUUU", with_(ONE, renotify_every=3 * STEP), "first@0 escalated@2 repeat@5"),
        ("uuuU", with_(ONE, renotify_every=3 * STEP), "first@0 escalated@3"),
        ("UUuu", ONE, "first@0"),
        # recovery need not be told
        ("u.u", with_(ONE, recovery=False), "first@0 none@1 first@2"),
        # missing data
        ("..--..", with_(THREE, no_data_for=2 * STEP), "no_data@3 recovered@4"),
        ("..-.-.", with_(THREE, no_data_for=2 * STEP), ""),
        ("---", with_(THREE, no_data_for=timedelta(seconds=90)), "no_data@1"),
        ("-----", with_(THREE, no_data_for=2 * STEP, renotify_every=2 * STEP), "no_data@1 repeat@3"),
        ("u--.", with_(ONE, no_data_for=2 * STEP), "first@0 no_data@2 recovered@3 recovered@3"),
        ("??????", with_(ONE, no_data_for=STEP), ""),
    ],
)
def test_the_table_of_cases(text: str, rule: AlertRule, expected: str) -> None:
    assert told(text, rule) == expected


def test_an_incident_keeps_what_happened_in_it() -> None:
    (incident,) = outcome_of("..uuU.", with_(THREE)).incidents
    assert incident.opened_at == at(2)
    assert incident.last_anomaly_at == at(4)
    assert incident.resolved_at == at(5)
    assert incident.anomalies == 3
    assert incident.severity == 10.0
    assert incident.direction == "up"
    assert incident.state is IncidentState.RESOLVED


@pytest.mark.parametrize(
    ("text", "rule", "state", "anomalies"),
    [
        (".uu", THREE, IncidentState.PENDING, 2),
        (".uuu", THREE, IncidentState.FIRING, 3),
        ("u.", with_(ONE, keep_firing_for=5 * STEP), IncidentState.RECOVERING, 1),
        ("u.u", with_(ONE, keep_firing_for=5 * STEP), IncidentState.FIRING, 2),
        ("u..", SHARE, IncidentState.PENDING, 1),
        (".-", with_(ONE, no_data_for=3 * STEP), IncidentState.PENDING, 1),
    ],
)
def test_the_state_at_the_end_is_told(
    text: str, rule: AlertRule, state: IncidentState, anomalies: int
) -> None:
    (incident,) = outcome_of(text, rule).incidents
    assert incident.state is state
    assert incident.anomalies == anomalies


def test_a_pending_incident_is_forgotten_when_its_run_breaks() -> None:
    assert outcome_of(".uu.", THREE).incidents == []
    assert outcome_of("u...", SHARE).incidents == []


@pytest.mark.parametrize(
    ("above", "below", "severity_above", "severity_below", "least", "direction", "expected"),
    [
        (2, 1, 1.0, 9.0, 1, DirectionRule.SAME, "up"),
        (1, 2, 9.0, 1.0, 1, DirectionRule.SAME, "down"),
        (1, 1, 1.0, 2.0, 1, DirectionRule.SAME, "down"),  # a tie goes to the larger severity
        (1, 1, 2.0, 2.0, 1, DirectionRule.SAME, "up"),
        (1, 1, 1.0, 2.0, 2, DirectionRule.SAME, None),  # two detectors, but not on one side
        (1, 1, 1.0, 2.0, 2, DirectionRule.ANY, "down"),
        (2, 1, 1.0, 2.0, 2, DirectionRule.SAME, "up"),
        (1, 2, 1.0, 2.0, 1, DirectionRule.UP, "up"),
        (1, 2, 1.0, 2.0, 2, DirectionRule.UP, None),
        (2, 1, 1.0, 2.0, 2, DirectionRule.DOWN, None),
        (0, 1, 0.0, 2.0, 1, DirectionRule.DOWN, "down"),
    ],
)
def test_the_detectors_of_a_point_vote(
    above: int,
    below: int,
    severity_above: float,
    severity_below: float,
    least: int,
    direction: DirectionRule,
    expected: str | None,
) -> None:
    point = dataclasses.replace(
        points("."),
        above=np.array([above]),
        below=np.array([below]),
        severity_above=np.array([severity_above]),
        severity_below=np.array([severity_below]),
    )
    rule = with_(ONE, min_detectors=least, direction=direction)
    outcome = decide(point, rule, series="s", interval_ms=STEP_MS)
    assert [incident.direction for incident in outcome.incidents] == ([expected] if expected else [])


def test_every_decision_says_why() -> None:
    rule = with_(THREE, renotify_every=2 * STEP, no_data_for=2 * STEP)
    reasons = {
        taken.decision.kind: taken.decision.reason for taken in outcome_of("uuuuuU--.", rule).decisions
    }
    assert reasons[DecisionKind.FIRST] == "3 points in a row lie above the band"
    assert reasons[DecisionKind.REPEAT] == "still above the band after 0:04:00"
    assert reasons[DecisionKind.ESCALATED] == "severity 10 is at least twice the 2 that was told"
    assert reasons[DecisionKind.NO_DATA] == "no value in 2 slots in a row, which is 2min or longer"
    assert "values arrive again" in reasons[DecisionKind.RECOVERED]
    (share, _) = outcome_of("u.u...", SHARE).decisions
    assert share.decision.reason == "2 of the last 4 points lie above the band, the rule asks for 2"


@pytest.mark.parametrize(
    ("severity", "before", "expected"),
    [
        (4.0, 2.0, True),
        (3.9, 2.0, False),
        (1.0, 0.2, False),
        (1.2, 0.2, True),
        (1.0, None, True),
        (0.0, 0.0, False),
    ],
)
def test_an_escalation_is_twice_as_much_and_a_spread_more(
    severity: float,
    before: float | None,
    expected: bool,  # noqa: FBT001
) -> None:
    assert is_escalation(severity, before) is expected


def test_an_incident_on_a_side_that_a_changed_rule_ignores_ends_at_the_next_point() -> None:
    (before,) = outcome_of("ddd", THREE).incidents
    up_only = with_(THREE, direction=DirectionRule.UP)
    after = decide(
        points("dddd"), up_only, series="s", interval_ms=STEP_MS, told=[before], start=3, evaluated=3
    )
    assert [taken.decision.kind for taken in after.decisions] == [DecisionKind.RECOVERED]


def test_the_history_covers_the_longest_look_back() -> None:
    assert history_needed(THREE, STEP_MS) == 2
    assert history_needed(SHARE, STEP_MS) == 3
    assert history_needed(with_(THREE, no_data_for=10 * STEP), STEP_MS) == 9
    assert history_needed(ONE, STEP_MS) == 0


def test_no_points_decide_nothing() -> None:
    empty = Points(*(column[:0] for column in (getattr(points("."), name) for name in Points.__slots__)))
    outcome = decide(empty, with_(THREE, no_data_for=STEP), series="s", interval_ms=STEP_MS)
    assert (outcome.decisions, outcome.incidents) == ([], [])
