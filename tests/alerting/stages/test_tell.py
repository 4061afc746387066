"""The stages over candidates, in a real memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.alerting.stages.builders import World, at, event, incident, worse
from tocsin.alerting.acknowledgements import acknowledge
from tocsin.alerting.case import TellReport
from tocsin.alerting.plan import AlertingPlan
from tocsin.model import DecisionKind, Group, Inhibition, Schedule, Severity
from tocsin.testing.alerting import MemoryThresholds

FIRST, REPEAT, ESCALATED, RECOVERED = (
    DecisionKind.FIRST, DecisionKind.REPEAT, DecisionKind.ESCALATED, DecisionKind.RECOVERED,
)  # fmt: skip
OPENING = incident("web", minutes=2)
LIFE = (
    OPENING,
    incident("web", REPEAT, 20),
    incident("web", ESCALATED, 25),
    incident("web", RECOVERED, 30),
)
HOST_MUTES_WEB = AlertingPlan(project="p", inhibitions=(Inhibition(("host",), ("web",)),))


class TestWhoIsTold:
    def test_each_owner_by_each_of_its_channels(self, world: World) -> None:
        world.groups(
            Group("a", networks=("192.0.2.1",), channels=("mail", "ops")),
            Group("b", networks=("192.0.2.2",), channels=("ops",)),
        )
        report = world.tell(event(sources=("192.0.2.1", "192.0.2.2")))
        assert report == TellReport(taken=1, told=3)
        world.send()
        (shared,) = world.messages("ops")
        assert (shared["group"], shared["groups"], shared["kind"]) == ("a", ["a", "b"], "first")
        assert shared["text"].endswith("\nFor a and b.")
        assert [(one["group"], one["groups"]) for one in world.messages("mail")] == [("a", ["a"])]
        of_ops = [row for row in world.decisions() if row["channel"] == "ops"]
        assert [(row["kind"], row["message_id"]) for row in of_ops] == [("first", shared["id"])] * 2

    def test_groups_that_share_a_channel_wait_for_none_of_them_when_one_is_told_at_once(
        self, world: World
    ) -> None:
        never = Schedule(days=frozenset({6}))  # it is a Monday
        world.groups(
            Group("a", monitors=("web",), channels=("ops",), group_wait=timedelta(minutes=5)),
            Group("b", monitors=("web",), channels=("ops",), schedule=never),
            Group("c", monitors=("web",), channels=("ops",)),
        )
        opening, *_, ended = (replace(one, channels=()) for one in LIFE)
        world.tell(opening)
        world.later(10)
        world.tell(ended)
        world.send()
        assert [(one["kind"], one["group"], one["groups"]) for one in world.messages()] == [
            ("first", "c", ["a", "b", "c"]),
            ("recovered", "c", ["a", "b", "c"]),
        ]
        assert "waits for the hours" not in " ".join(world.reasons())

    def test_where_all_groups_of_a_channel_wait_each_waits_for_its_own(self, world: World) -> None:
        wait: dict[str, Any] = {"channels": ("ops",), "monitors": ("web",)}
        wait["group_wait"] = timedelta(minutes=5)
        world.groups(Group("a", **wait), Group("b", **wait))
        world.tell(replace(OPENING, channels=()))
        world.send()
        assert [one["groups"] for one in world.messages()] == [["a"], ["b"]]

    def test_a_relapse_of_what_several_groups_own_is_told_once_a_channel(self, world: World) -> None:
        world.book = MemoryThresholds(TestRelapses.TIMES)
        own: dict[str, Any] = {"monitors": ("ids",), "channels": ("ops",)}
        world.groups(Group("a", **own), Group("b", **own))
        world.now = at(40)
        world.tell(event("e1", sources=("host",)), event("e2", 35, sources=("host",)))
        world.now = at(90)
        assert world.tell_relapses() == TellReport(taken=2, told=2)
        world.send()
        assert [(one["kind"], one["groups"]) for one in world.messages()] == [
            ("first", ["a", "b"]),
            ("relapsed", ["a", "b"]),
        ]
        linked = {row["message_id"] for row in world.decisions() if row["event_id"] == "e2"}
        assert linked == {world.messages()[-1]["id"]}

    def test_nobody_when_there_are_no_channels(self, world: World) -> None:
        world.groups()
        assert world.tell(event()) == TellReport(taken=1, silent=1)
        (row,) = world.decisions()
        assert (row["kind"], row["stage"], row["group_name"], row["channel"]) == (
            "none",
            "route",
            "everyone",
            "",
        )
        assert row["reason"] == "nobody is told: neither the rule nor the group everyone names channels"

    def test_not_of_what_is_less_bad_than_they_want(self, world: World) -> None:
        world.groups(Group("everyone", channels=("ops",), min_severity=Severity.HIGH))
        assert world.tell(event()) == TellReport(taken=1, silent=1)
        # Nobody heard of it, so it is no worse than what was told.
        assert world.tell(worse(event("e2"), Severity.HIGH)) == TellReport(taken=1, told=1)
        assert world.kinds() == ["none", "first"]

    def test_a_decision_says_all_about_itself(self, world: World) -> None:
        world.tell(event())
        (row,) = world.decisions()
        row.pop("decision_id")
        notice = row.pop("notice_id")
        assert notice
        assert row == {
            "candidate_id": "candidate-e1", "event_id": "e1", "monitor": "ids", "series": "ids",
            "rule": "default", "condition": "event", "opened_at": None, "group_name": "everyone",
            "channel": "ops", "kind": "first", "stage": "threshold", "reason": "the filter selects it",
            "severity": "medium", "event_at": at(0), "decided_at": world.now,
            "until": at(0) + timedelta(days=6), "message_id": None,
        }  # fmt: skip


class TestOnce:
    def test_the_same_again_changes_nothing(self, world: World) -> None:
        candidates = [event("e1"), event("e2", 1), *LIFE]
        world.tell(*candidates)
        world.send()
        before = world.decisions(), world.messages()
        world.later(5)
        assert world.tell(*candidates) == TellReport(taken=6)
        world.send()
        assert (world.decisions(), world.messages()) == before

    def test_twice_in_one_batch_is_once(self, world: World) -> None:
        assert world.tell(event(), event(), OPENING, OPENING) == TellReport(taken=4, told=2)

    def test_nothing_is_nothing(self, world: World) -> None:
        assert world.tell() == TellReport()
        assert world.tell_waiting() == TellReport()
        assert world.tell_relapses() == TellReport()


class TestThresholds:
    def test_the_same_soon_after_is_held_back(self, world: World) -> None:
        report = world.tell(event("e1"), event("e2", 1), event("e3", 2, sources=("192.0.2.2",)))
        assert report == TellReport(taken=3, told=2, held=1)
        assert world.kinds(event("e2")) == ["held"]

    def test_who_wants_none_is_told_of_each(self, world: World) -> None:
        report = world.tell(event("e1", threshold=False), event("e2", 1, threshold=False))
        assert report.told == 2

    def test_an_opening_that_is_held_back_keeps_its_incident_silent(self, world: World) -> None:
        world.tell(incident("web", threshold=True))
        later = [incident("web", kind, 60, opened=50, threshold=True) for kind in (FIRST, REPEAT, RECOVERED)]
        world.later(60)
        assert world.tell(*later) == TellReport(taken=3, held=1, silent=2)
        assert world.reasons()[-1].startswith(
            "its beginning was not told: web, default of web was told before"
        )

    def test_what_was_held_back_points_to_what_tells_it_again(self, world: World) -> None:
        book = {Severity.MEDIUM: (timedelta(minutes=60), timedelta(minutes=30))}
        world.book = MemoryThresholds(book)
        world.now = at(200)
        world.tell(event("e1"), event("e2", 40), event("e3", 50))
        world.tell(event("e4", 61))
        rows = {row["event_id"]: row for row in world.decisions()}
        assert [rows[name]["kind"] for name in ("e1", "e2", "e3", "e4")] == [
            "first", "held", "held", "relapsed",
        ]  # fmt: skip
        assert rows["e2"]["notice_id"] == rows["e3"]["notice_id"] == rows["e4"]["notice_id"]


class TestSilences:
    def test_an_event_is_silenced_for_good(self, world: World) -> None:
        name = world.silence("source=192.0.2.0/24", comment="we scan")
        assert world.tell(event()) == TellReport(taken=1, silenced=1)
        world.later(120)
        assert world.tell(event()) == TellReport(taken=1)
        (row,) = world.decisions()
        assert (row["kind"], row["stage"]) == ("silenced", "silence")
        assert row["reason"] == f"silenced by ada until 2026-03-02 14:00:00 UTC ({name}): we scan"
        assert [one["matched"] for one in world.rows("silences", "silence_id")] == [1]

    def test_one_group_may_be_silent_alone(self, world: World) -> None:
        world.groups(
            Group("a", monitors=("ids",), channels=("ops",)), Group("b", monitors=("ids",), channels=("ops",))
        )
        world.silence("group=a")
        assert world.tell(event(sources=())) == TellReport(taken=1, told=1, silenced=1)

    def test_a_silent_opening_is_told_when_the_silence_is_over(self, world: World) -> None:
        world.silence("monitor=web")
        world.open_incident(OPENING)
        world.queue(OPENING)
        assert world.tell_waiting() == TellReport(taken=1, silenced=1)
        world.later(30)
        assert world.tell_waiting() == TellReport()
        world.later(30)
        assert world.tell_waiting() == TellReport(told=1)
        assert world.kinds() == ["silenced", "first"]
        assert world.rows("candidates", "candidate_id") == []
        assert [one["matched"] for one in world.rows("silences", "silence_id")] == [1]

    def test_told_late_it_says_why_and_where_the_incident_stands(self, world: World) -> None:
        name = world.silence("monitor=web", comment="we move")
        world.open_incident(OPENING)
        world.queue(OPENING)
        world.tell_waiting()
        world.later(60)
        grown = replace(OPENING, at=at(110))
        world.open_incident(grown, anomalies=12, severity=9.25)
        world.tell_waiting()
        world.later(5)
        world.send()
        (message,) = world.messages()
        assert message["text"].splitlines() == [
            "web has been above its band.",
            f"It was held back until now: silenced by ada until 2026-03-02 14:00:00 UTC ({name}): we move.",
            "By now there are 12 points, the last at 2026-03-02 13:50 UTC, severity 9.25.",
        ]
        # What is queued late was not queued when it was found.
        assert message["queued_at"] == "2026-03-02T14:05:00Z"

    def test_the_silence_that_holds_it_now_is_the_reason_and_counts(self, world: World) -> None:
        world.silence("monitor=web", comment="the first")
        world.open_incident(OPENING)
        world.queue(OPENING)
        world.tell_waiting()
        world.later(30)
        second = world.silence("series=web", minutes=120, comment="the second")
        world.later(31)
        assert world.tell_waiting() == TellReport()
        assert world.tell_waiting() == TellReport()
        reason = f"silenced by ada until 2026-03-02 15:30:00 UTC ({second}): the second"
        assert world.kinds() == ["silenced", "silenced"]
        assert world.reasons()[-1] == reason
        assert world.decisions()[-1]["until"] == at(210)
        assert [one["matched"] for one in world.rows("silences", "created_at")] == [1, 1]

    def test_a_silence_that_was_made_longer_holds_it_until_its_new_end(self, world: World) -> None:
        name = world.silence("monitor=web")
        world.open_incident(OPENING)
        world.queue(OPENING)
        world.tell_waiting()
        world.later(30)
        world.silence("monitor=web")  # the same again: until half an hour later
        world.tell_waiting()
        assert world.reasons()[-1] == f"silenced by ada until 2026-03-02 14:30:00 UTC ({name})"
        assert [one["matched"] for one in world.rows("silences", "created_at")] == [1]
        world.later(60)
        assert world.tell_waiting() == TellReport(told=1)

    def test_one_whose_incident_ends_before_is_never_told(self, world: World) -> None:
        world.silence("monitor=web")
        world.open_incident(OPENING)
        world.queue(OPENING)
        world.tell_waiting()
        world.open_incident(OPENING, resolved=30)
        world.queue(LIFE[3])
        assert world.tell_waiting() == TellReport(taken=1, silenced=1, silent=1)
        assert "it was over before the silence was" in world.reasons()
        world.later(120)
        assert world.tell_waiting() == TellReport()

    def test_one_whose_incident_was_corrected_away_is_never_told(self, world: World) -> None:
        world.silence("monitor=web")
        world.queue(OPENING)
        world.tell_waiting()
        world.later(120)
        assert world.tell_waiting() == TellReport(silent=1)

    def test_what_follows_a_silent_opening_is_not_told(self, world: World) -> None:
        world.silence("monitor=web", "severity=medium")
        world.open_incident(OPENING)
        world.tell(OPENING)
        loud = worse(incident("web", REPEAT, 10), Severity.HIGH)
        assert world.tell(loud) == TellReport(taken=1, silent=1)
        assert world.reasons()[-1].startswith("its beginning was not told: silenced by ada")

    def test_the_end_of_what_was_told_is_told_when_the_silence_is_over(self, world: World) -> None:
        world.open_incident(OPENING)
        world.tell(OPENING)
        world.silence("monitor=web")
        world.open_incident(OPENING, resolved=30)
        world.queue(LIFE[1], LIFE[3])
        assert world.tell_waiting() == TellReport(taken=2, silenced=2)
        world.later(30)
        assert world.tell_waiting() == TellReport()
        world.later(30)
        assert world.tell_waiting() == TellReport(told=1)
        assert world.tell_waiting() == TellReport()
        world.send()
        assert [one["kind"] for one in world.messages()] == ["first", "recovered"]
        assert world.kinds(LIFE[1]) == ["silenced"]  # that it went on is no news any more
        assert world.kinds(LIFE[3]) == ["silenced", "recovered"]
        assert world.rows("candidates", "candidate_id") == []
        assert [one["matched"] for one in world.rows("silences", "silence_id")] == [2]

    def test_a_silenced_end_is_told_although_its_monitor_is_gone(self, world: World) -> None:
        world.tell(OPENING)
        world.silence("monitor=web")
        world.queue(LIFE[3])
        world.tell_waiting()
        world.later(60)
        world.plan = replace(world.plan, monitor_tags={"other": ()})
        assert world.tell_waiting() == TellReport(told=1)

    def test_a_silenced_end_is_told_to_those_alone_that_were_told_of_the_opening(self, world: World) -> None:
        world.tell(OPENING)
        world.silence("monitor=web")
        world.queue(replace(LIFE[3], channels=("ops", "mail")))
        assert world.tell_waiting() == TellReport(taken=1, silenced=2)
        world.later(60)
        assert world.tell_waiting() == TellReport(told=1, silent=1)
        world.send()
        assert [one["kind"] for one in world.messages("mail")] == []

    def test_what_follows_is_told_to_whom_the_opening_was_told_at_last(self, world: World) -> None:
        world.silence("monitor=web", minutes=10)
        world.open_incident(OPENING)
        world.queue(OPENING)
        world.tell_waiting()
        world.later(20)
        world.queue(LIFE[3])
        assert world.tell_waiting() == TellReport(taken=1, told=2)
        world.send()
        assert [one["kind"] for one in world.messages()] == ["first", "recovered"]


class TestWhatFollows:
    def test_it_goes_to_those_that_were_told_of_the_beginning(self, world: World) -> None:
        world.tell(OPENING)
        other = [replace(one, channels=("mail",)) for one in LIFE[1:]]
        assert world.tell(*other) == TellReport(taken=3, told=3, silent=3)
        world.send()
        assert [one["kind"] for one in world.messages("ops")] == ["first", "repeat", "escalated", "recovered"]
        assert world.messages("mail") == []

    def test_a_group_that_is_no_more_hears_of_the_end(self, world: World) -> None:
        world.groups(Group("web", monitors=("web",)))
        world.tell(OPENING)
        world.groups(Group("shop", monitors=("web",)))
        assert world.tell(LIFE[3]) == TellReport(taken=1, told=1, silent=1)
        rows = [row for row in world.decisions() if row["kind"] == "recovered"]
        assert [row["group_name"] for row in rows] == ["web"]

    def test_for_a_channel_that_is_gone_it_goes_to_what_the_group_has_now(self, world: World) -> None:
        world.groups(Group("web", monitors=("web",), channels=("old", "mail")))
        opening, repeated, _, ended = (replace(one, channels=()) for one in LIFE)
        world.tell(opening)
        world.groups(
            Group("web", monitors=("web",), channels=("new", "mail")), channels=frozenset({"new", "mail"})
        )
        assert world.tell(repeated) == TellReport(taken=1, told=2)
        assert world.tell(ended) == TellReport(taken=1, told=2)
        world.send()
        assert [one["kind"] for one in world.messages("old")] == ["first"]
        assert [one["kind"] for one in world.messages("new")] == ["repeat", "recovered"]
        assert [one["kind"] for one in world.messages("mail")] == ["first", "repeat", "recovered"]

    def test_without_another_channel_it_waits_for_the_one_that_is_gone(self, world: World) -> None:
        world.tell(OPENING)
        world.groups(channels=frozenset({"mail"}))
        assert world.tell(LIFE[3]) == TellReport(taken=1, told=1)
        world.send()
        assert [one["kind"] for one in world.messages("ops")] == ["first", "recovered"]

    def test_it_is_told_in_the_batch_of_the_beginning(self, world: World) -> None:
        assert world.tell(*LIFE) == TellReport(taken=4, told=4)

    def test_an_incident_that_somebody_works_on_is_not_repeated(self, world: World) -> None:
        world.tell(OPENING)
        key = ("web", "default", "anomaly", at(0))
        with world.database.transaction() as tx:
            acknowledge(tx, key, "ada", "disk ordered", world.now)
        assert world.tell(*LIFE[1:]) == TellReport(taken=3, told=2, silent=1)
        assert world.kinds(LIFE[1]) == ["none"]
        assert "acknowledged by ada: disk ordered" in world.reasons()

    def test_without_a_beginning_nothing_is_told(self, world: World) -> None:
        assert world.tell(LIFE[3]) == TellReport(taken=1, silent=1)
        assert world.reasons() == ["its beginning was not told: nothing is known of it"]


class TestInhibitions:
    @pytest.fixture
    def world(self, world: World) -> World:
        world.plan = HOST_MUTES_WEB
        return world

    def test_an_event_is_inhibited_for_good(self, world: World) -> None:
        world.plan = replace(HOST_MUTES_WEB, inhibitions=(Inhibition(("host",), ("ids",)),), groups=(
            Group("everyone", channels=("ops",)),
        ))  # fmt: skip
        world.open_incident(incident("host"), resolved=30)
        assert world.tell(event("e1", 10)) == TellReport(taken=1, inhibited=1)
        assert world.tell(event("e1", 10)) == TellReport(taken=1)
        assert world.tell(event("e2", 30)) == TellReport(taken=1, told=1)
        assert world.reasons()[0] == "host, which mutes it, has an incident since 2026-03-02 12:00:00 UTC"

    def test_an_opening_is_told_when_the_trouble_is_over(self, world: World) -> None:
        world.open_incident(incident("host"))
        world.open_incident(OPENING)
        world.queue(OPENING)
        assert world.tell_waiting() == TellReport(taken=1, inhibited=1)
        world.later(1)
        assert world.tell_waiting() == TellReport()
        world.open_incident(incident("host"), resolved=30)
        assert world.tell_waiting() == TellReport(told=1)
        assert world.kinds() == ["inhibited", "first"]
        world.send()
        (message,) = world.messages()
        why = "host, which mutes it, has an incident since 2026-03-02 12:00:00 UTC"
        assert f"\nIt was held back until now: {why}." in message["text"]

    @pytest.mark.parametrize(
        ("resolved", "kind"), [(29, "none"), (30, "none"), (31, "first"), (None, "first")]
    )
    def test_a_trouble_that_is_over_decides_as_if_it_had_been_watched(
        self, world: World, resolved: float | None, kind: str
    ) -> None:
        world.open_incident(incident("host"), resolved=30)
        world.open_incident(OPENING, resolved=resolved)
        world.queue(OPENING)
        world.tell_waiting()
        assert world.kinds() == [kind]
        world.send()
        order = [row["event_at"] for row in world.rows("outbox", "event_at")]
        assert order == ([] if kind == "none" else [at(30)])

    def test_the_end_of_what_was_told_is_told_all_the_same(self, world: World) -> None:
        world.tell(OPENING)
        world.open_incident(incident("host", minutes=10, opened=10))
        assert world.tell(*LIFE[1:]) == TellReport(taken=3, told=1, inhibited=2)

    def test_two_that_mute_each_other_tell_one(self, world: World) -> None:
        world.plan = AlertingPlan(
            inhibitions=(Inhibition(("host",), ("web",)), Inhibition(("web",), ("host",)))
        )
        host = incident("host", minutes=4, opened=1)
        for one in (OPENING, host):
            world.open_incident(one)
        assert world.tell(OPENING, host) == TellReport(taken=2, told=1, inhibited=1)
        assert world.kinds(OPENING) == ["first"]

    def test_a_silent_trouble_mutes_all_the_same(self, world: World) -> None:
        world.silence("monitor=host")
        host = incident("host")
        world.open_incident(host)
        assert world.tell(host, OPENING) == TellReport(taken=2, silenced=1, inhibited=1)


class TestWaiting:
    def test_the_oldest_are_taken_first(self, world: World) -> None:
        world.queue(*(incident(f"m{number}", minutes=number) for number in range(5)))
        assert world.tell_waiting(limit=3) == TellReport(taken=3, told=3)
        assert [row["monitor"] for row in world.rows("candidates", "event_at")] == ["m3", "m4"]
        assert world.tell_waiting(limit=3) == TellReport(taken=2, told=2)
        assert world.tell_waiting(limit=3) == TellReport()

    def test_at_one_instant_what_begins_leaves_before_what_follows(self, world: World) -> None:
        world.plan = HOST_MUTES_WEB
        host = incident("host")
        world.open_incident(host, resolved=20)
        world.open_incident(OPENING)
        world.queue(incident("db", minutes=1, opened=1), OPENING, incident("web", REPEAT, 20))
        while world.tell_waiting(limit=2).taken:
            pass
        world.send()
        times = {row["event_at"] for row in world.rows("outbox", "sequence") if row["series"] == "web"}
        assert times == {at(20)}
        kinds = [one["kind"] for one in world.messages() if one["series"] == "web"]
        assert kinds == ["first", "repeat"]

    def test_at_one_instant_what_was_found_first_leaves_first(self, world: World) -> None:
        world.tell(event("e1"), event("e2", threshold=False), event("e3", sources=("192.0.2.3",)))
        world.send()
        assert [one["event"]["id"] for one in world.messages()] == ["e1", "e2", "e3"]

    def test_what_follows_a_muted_opening_is_told_after_it_while_more_wait(self, world: World) -> None:
        world.silence("monitor=web", minutes=10)
        world.open_incident(OPENING)
        world.queue(OPENING)
        world.tell_waiting()
        world.later(20)
        world.queue(LIFE[1], incident("other", minutes=90))
        assert world.tell_waiting(limit=1) == TellReport(taken=1, told=2)

    def test_a_wrong_book_is_an_error_and_nothing_is_kept(self, world: World) -> None:
        class Silent(MemoryThresholds):
            def ask(self, questions: object) -> list[object]:  # type: ignore[override]
                del questions
                return []

        world.book = Silent()
        with pytest.raises(ValueError, match="shorter"):
            world.tell(event())
        assert world.decisions() == []


class TestRelapses:
    TIMES = {Severity.MEDIUM: (timedelta(minutes=60), timedelta(minutes=30))}  # noqa: RUF012 - a table

    @pytest.fixture
    def world(self, world: World) -> World:
        world.book = MemoryThresholds(self.TIMES)
        world.now = at(0)
        world.tell(event("e1"))
        world.now = at(40)
        world.tell(event("e2", 35), event("e3", 40))
        world.now = at(90)
        return world

    def test_it_is_told_with_what_was_held_back(self, world: World) -> None:
        assert world.tell_relapses() == TellReport(taken=1, told=1)
        assert world.tell_relapses() == TellReport()
        world.send()
        message = world.messages()[-1]
        assert (message["kind"], message["monitor"], message["rule"]) == ("relapsed", "ids", "default")
        assert (message["held_count"], message["timestamp"]) == (2, "2026-03-02T13:00:00Z")
        when = "What was held back came from 2026-03-02 12:35:00 UTC to 2026-03-02 12:40:00 UTC."
        assert when in message["text"].splitlines()
        rows = {row["event_id"]: row for row in world.decisions() if row["kind"] != "relapsed"}
        assert rows["e2"]["message_id"] == rows["e3"]["message_id"] == message["id"]
        (relapse,) = [row for row in world.decisions() if row["kind"] == "relapsed"]
        assert (relapse["event_id"], relapse["stage"], relapse["message_id"]) == (
            "e2",
            "threshold",
            message["id"],
        )

    @pytest.mark.parametrize(
        "matcher",
        ["source=192.0.2.1", "monitor=ids", "category=Recon.*", "group=everyone", "severity=medium"],
    )
    def test_a_silence_counts_for_it_too(self, world: World, matcher: str) -> None:
        world.silence(matcher)
        assert world.tell_relapses() == TellReport(taken=1, silenced=1)
        assert world.tell_relapses() == TellReport()

    def test_what_comes_after_a_silence_in_which_it_was_due_is_told(self, world: World) -> None:
        world.silence("source=192.0.2.1", minutes=60)
        world.tell_relapses()
        world.tell(during := event("e4", 100))
        world.now = at(160)
        world.tell(after := event("e5", 155), again := event("e6", 156))
        assert [*world.kinds(during), *world.kinds(after), *world.kinds(again)] == [
            "silenced",
            "first",
            "held",
        ]

    def test_a_group_that_wants_less_is_not_told(self, world: World) -> None:
        world.groups(Group("everyone", channels=("ops",), min_severity=Severity.HIGH))
        assert world.tell_relapses() == TellReport(taken=1, silent=1)

    def test_the_end_of_an_incident_that_relapsed_is_told(self, world: World) -> None:
        world.now = at(1000)
        held = incident("web", opened=45, minutes=45, threshold=True)
        world.tell(incident("web", threshold=True), held)
        assert world.kinds(held) == ["held"]
        assert world.tell_relapses().told == 2
        ended = incident("web", RECOVERED, 70, opened=45)
        assert world.tell(ended) == TellReport(taken=1, told=1)

    @pytest.mark.parametrize(
        ("resolved", "said"),
        [
            (70, "and was over at 2026-03-02 13:10:00 UTC."),
            (None, "and goes on, seen last at 2026-03-02 12:45:00 UTC."),
        ],
    )
    def test_of_an_incident_it_says_whether_it_goes_on(
        self, world: World, resolved: float | None, said: str
    ) -> None:
        world.now = at(1000)
        held = incident("web", opened=40, minutes=45, threshold=True)
        world.open_incident(held, resolved=resolved)
        world.tell(incident("web", threshold=True), held)
        world.tell_relapses()
        world.send()
        (message,) = (one for one in world.messages() if one["kind"] == "relapsed" and one["series"] == "web")
        assert message["title"] == "web again"
        assert f"\nThe last one began at 2026-03-02 12:40:00 UTC {said}\n" in message["text"]
