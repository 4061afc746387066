"""Why anomalous points were not told, as a table of cases and in a memory."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.alerting.conftest import NOW
from tests.alerting.series import STEP, at, index_of
from tests.alerting.test_decide_properties import TEXTS, rules
from tocsin.alerting.evaluate import evaluate
from tocsin.alerting.log_reading import read_anomalous_lines
from tocsin.model import AlertRule, DecisionKind, DirectionRule, FindingFacts, Severity, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.alerting.conftest import Memory
    from tocsin.alerting.log_reading import AnomalousLines

ONE = AlertRule(consecutive_anomalies=1)
THREE = AlertRule(consecutive_anomalies=3)
SHARE = AlertRule(anomaly_window=4, min_anomaly_share=0.5)
SHORT = "anomalous, but not yet as long as the rule asks for: 3 points in a row"


def of(opened: int, reported: int) -> str:
    began, told = (f"2026-01-01 00:{index:02}:00 UTC" for index in (opened, reported))
    return f"belongs to the incident of {began}, which the rule reported at {told}"


def lines(*said: tuple[int, str]) -> str:
    return "\n".join(f"{index}: {reason}" for index, reason in said)


WHILE_UP = "came while the incident of 2026-01-01 00:00:00 UTC above the band was open"


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        ("....", ONE, []),
        ("u.", ONE, []),
        ("..uu..", THREE, [(2, SHORT), (3, SHORT)]),
        ("..uu", THREE, [(2, SHORT), (3, SHORT)]),
        (".uuuu.", THREE, [(1, of(1, 3)), (2, of(1, 3)), (4, of(1, 3))]),
        ("uUUu.", ONE, [(2, of(0, 1)), (3, of(0, 1))]),
        ("uuudd.", THREE, [(0, of(0, 2)), (1, of(0, 2)), (3, SHORT), (4, SHORT)]),
        (
            "ud..d....",
            dataclasses.replace(ONE, keep_firing_for=4 * STEP),
            [(1, WHILE_UP)],
        ),
        ("d.", dataclasses.replace(ONE, direction=DirectionRule.UP),
         [(0, "it lies below the band, and the rule looks at the other side only")]),
        ("u.", dataclasses.replace(ONE, direction=DirectionRule.DOWN),
         [(0, "it lies above the band, and the rule looks at the other side only")]),
        ("u.", dataclasses.replace(ONE, min_detectors=2),
         [(0, "1 detector finds it anomalous, the rule asks for 2")]),
        ("u...", SHARE, [(0, "anomalous, but not yet as long as the rule asks for: 2 of 4 points")]),
        ("u.u.", SHARE, [(0, of(0, 2))]),
        ("u.", dataclasses.replace(ONE, recovery=False),
         [(1, "no longer above the band, after 1 point (this rule does not tell recoveries)")]),
        ("--", dataclasses.replace(ONE, no_data_for=2 * STEP), []),
    ],
)  # fmt: skip
def test_every_anomalous_point_that_is_not_told_has_a_reason(
    memory: Memory, text: str, rule: AlertRule, expected: list[tuple[int, str]]
) -> None:
    memory.evaluate(text, rule)
    assert memory.untold() == lines(*expected)


def test_a_reason_is_kept_as_a_decision_of_the_rule_about_the_event(memory: Memory) -> None:
    rule = dataclasses.replace(ONE, severity=Severity.HIGH)
    memory.evaluate(
        ".uu", rule, findings=lambda point: FindingFacts((f"of {point}", "of another detector")), tell=False
    )
    (row,) = memory.rows("_tocsin_decisions", "event_at")
    assert row["event_id"] == f"of {int(at(2).timestamp() * 1000)}"
    assert (row["kind"], row["stage"], row["severity"]) == ("none", "rule", "high")
    assert (row["opened_at"], row["event_at"], row["condition"]) == (at(1), at(2), "anomaly")
    assert (row["candidate_id"], row["group_name"], row["channel"]) == ("", "", "")


def test_a_point_that_one_detector_never_judged_has_a_reason(memory: Memory) -> None:
    with memory.database.transaction() as tx:
        memory.write(tx, "u.", detector="d1")
        memory.write(tx, ".", first=1, detector="d2")
        memory.look(tx, ONE, detectors=("d1", "d2"))
    assert memory.untold() == "0: not every detector of the monitor has judged this point"


def test_detectors_that_disagree_are_not_added_up(memory: Memory) -> None:
    rule = dataclasses.replace(ONE, min_detectors=2)
    with memory.database.transaction() as tx:
        memory.write(tx, "u", detector="d1")
        memory.write(tx, "d", detector="d2")
        memory.look(tx, rule, detectors=("d1", "d2"))
    assert memory.untold() == "0: 1 detector finds it anomalous on one side, the rule asks for 2"


def test_a_run_that_was_too_short_so_far_is_told_of_again_when_it_grows(memory: Memory) -> None:
    memory.evaluate("..uu", THREE)
    assert memory.untold() == lines((2, SHORT), (3, SHORT))
    memory.evaluate("u", THREE, first=4)
    assert memory.untold() == lines((2, of(2, 4)), (3, of(2, 4)))


def test_a_run_that_leads_into_a_told_incident_belongs_to_it(memory: Memory) -> None:
    memory.evaluate("...uuu.", THREE)
    memory.evaluate("uu", THREE, first=1, again_from=1)
    assert memory.untold().splitlines()[:2] == [f"1: {of(3, 5)}", f"2: {of(3, 5)}"]


def test_a_correction_says_nothing_twice_and_nothing_about_what_was_told(memory: Memory) -> None:
    rule = dataclasses.replace(ONE, renotify_every=2 * STEP)
    memory.evaluate("..uuuuU.uu.", rule, tell=False)
    before = memory.rows("_tocsin_decisions", "decision_id")
    memory.evaluate("", rule, again_from=0, tell=False)
    assert memory.rows("_tocsin_decisions", "decision_id") == before
    # The same when the candidates were decided about meanwhile.
    memory.tell()
    before = memory.rows("_tocsin_decisions", "decision_id")
    memory.evaluate("", rule, again_from=0)
    assert memory.rows("_tocsin_decisions", "decision_id") == before


def test_the_lines_of_a_log_have_reasons_in_words_of_a_log(memory: Memory) -> None:
    rule = AlertRule(consecutive_anomalies=1, subject=Subject.LINES, keep_firing_for=timedelta(seconds=2))

    def read(until: int) -> Callable[[int | None], AnomalousLines]:
        return lambda since: read_anomalous_lines(
            tx, "log", ["d1"], since=since, until=until, quiet_ms=[2000]
        )

    begin = int(at(0).timestamp() * 1000)
    for offset in (0, 1, 120):
        with memory.database.transaction() as tx:
            tx.insert_batch(
                "_tocsin_detections",
                {
                    "metric_name": ["log"],
                    "detector_id": ["d1"],
                    "timestamp": [at(0) + timedelta(seconds=offset)],
                    "is_anomaly": [True],
                    "confidence_lower": [None],
                    "confidence_upper": [None],
                    "value": [None],
                    "detector_params": ["{}"],
                    "detection_metadata": ['{"explanation": "never seen", "log": "a line"}'],
                    "created_at": [NOW],
                },
            )
            evaluate(
                tx,
                monitor="log",
                series="log",
                rules=[rule, dataclasses.replace(rule, name="three", consecutive_anomalies=3)],
                detector_ids=["d1"],
                interval_ms=1,
                rejudged_from=None,
                now=NOW,
                context={},
                read=read(begin + offset * 1000 + 1),
                findings=lambda point: FindingFacts((f"e{point - begin}",)),
            )
    assert [(one.rule, one.kind, one.source, one.event_ids) for one in memory.candidates()] == [
        ("default", "first", "log", ("e0",)),
        ("default", "recovered", "log", ("e1000",)),
        ("default", "first", "log", ("e120000",)),
    ]
    assert memory.untold("default", "log") == f"0: {of(0, 0)}"
    assert memory.untold("three", "log").splitlines() == [
        f"{minute}: anomalous, but not yet as long as the rule asks for: 3 lines in a row"
        for minute in (0, 2)
    ]


def test_rules_say_each_for_itself_why(memory: Memory) -> None:
    memory.evaluate("uu.", dataclasses.replace(ONE, name="quick"), dataclasses.replace(THREE, name="slow"))
    assert memory.untold("quick") == f"1: {of(0, 0)}"
    assert memory.untold("slow") == lines((0, SHORT), (1, SHORT))


_names = (f"series-{number}" for number in itertools.count())
CONTRACT = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@CONTRACT
@given(TEXTS, rules(), st.lists(st.integers(0, 60), max_size=5))
def test_every_anomaly_is_told_or_has_a_reason_wherever_runs_are_cut(
    memory: Memory, text: str, rule: AlertRule, cuts: list[int]
) -> None:
    series, done = next(_names), 0
    for end in [*sorted({min(cut, len(text)) for cut in cuts}), len(text)]:
        memory.evaluate(text[done:end], rule, first=done, series=series, tell=False)
        done = end
    told = {
        index_of(candidate.at)
        for candidate in memory.candidates()
        if candidate.series == series
        and candidate.condition == "anomaly"
        and candidate.kind is not DecisionKind.RECOVERED
    }
    memory.tell()
    said = {
        int(line.partition(":")[0])
        for line in memory.untold(rule.name, series).splitlines()
        if "does not tell recoveries" not in line
    }
    assert told | said == {index for index, letter in enumerate(text) if letter in "uUdD"}
    assert not told & said


@CONTRACT
@given(TEXTS, rules(), st.integers(0, 60), st.integers(0, 60))
def test_what_is_evaluated_again_says_nothing_new(
    memory: Memory, text: str, rule: AlertRule, cut: int, again_from: int
) -> None:
    series = next(_names)
    memory.evaluate(text[:cut], rule, series=series)
    memory.evaluate(text[cut:], rule, first=len(text[:cut]), series=series)
    before = memory.untold(rule.name, series)
    memory.evaluate("", rule, again_from=again_from, series=series)
    assert memory.untold(rule.name, series) == before
