"""Deleting what is older than the project wants to keep, and nothing that is needed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.conftest import START, Workspace, noisy
from tocsin.alerting.record import Decision, Stage, write_decisions
from tocsin.alerting.records import Queued, queue_messages
from tocsin.database.tables import TABLE_DATAPOINTS, TABLE_DECISIONS, TABLE_DETECTIONS, TABLE_INCIDENTS
from tocsin.model import DecisionKind, Severity
from tocsin.runtime.databases import open_memory
from tocsin.runtime.events.store import open_project_events
from tocsin.runtime.retention import BATCH, prune

if TYPE_CHECKING:
    from tests.conftest import SteppingClock

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def keep(workspace: Workspace, **times: str) -> None:
    workspace.write("tocsin_project.yml", {"name": "test", "retention": times})


def pruned(workspace: Workspace, now: datetime = NOW) -> Counter[str]:
    project = workspace.load()
    with open_memory(project, workspace.clock) as memory:
        return sum(prune(project, memory, now), Counter())


def count(workspace: Workspace, table: str, where: str = "1 = 1") -> int:
    return int(workspace.query(f"SELECT count(*) AS n FROM {table} WHERE {where}")[0]["n"])


def test_without_a_word_series_are_kept_for_ever(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(300))
    workspace.metric("cpu")
    workspace.run()
    assert pruned(workspace, NOW + timedelta(days=3650)) == Counter()


def test_a_pruned_metric_goes_on_as_if_nothing_had_been_pruned(workspace: Workspace) -> None:
    rows = noisy(600, jumps=dict.fromkeys(range(580, 590), 80))
    other = Workspace(workspace.folder / "other", workspace.clock)
    for one in (workspace, other):
        one.csv("cpu", rows[:500])
        one.metric("cpu", alerting={"channels": []})
        one.run()
    keep(workspace, datapoints="1h", detections="1h")

    done = pruned(workspace, START + timedelta(days=30))

    assert done["datapoints"] == 500 - 102  # what the detector looks back to, and a little more
    assert done["detections"] > 450
    assert pruned(workspace, START + timedelta(days=30)) == Counter()
    for one in (workspace, other):
        one.csv("cpu", rows)
        assert one.run_one().error is None
    after = str(rows[500][0])
    assert [row for row in other.verdicts() if f"{row[2]:%Y-%m-%d %H:%M:%S}" >= after] == [
        row for row in workspace.verdicts() if f"{row[2]:%Y-%m-%d %H:%M:%S}" >= after
    ]
    incidents = f"SELECT opened_at, state, anomalies, told_at FROM {TABLE_INCIDENTS} ORDER BY opened_at"
    assert workspace.query(incidents)[-1] == other.query(incidents)[-1]


def test_the_verdicts_of_an_open_incident_stay(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(300, jumps=dict.fromkeys(range(290, 300), 80)))
    workspace.metric("cpu", alerting={"channels": [], "consecutive_anomalies": 3})
    workspace.run()
    keep(workspace, detections="1h")
    pruned(workspace)
    assert count(workspace, TABLE_DETECTIONS, "is_anomaly") >= 10
    assert count(workspace, TABLE_DETECTIONS) < 20


def test_a_detector_that_has_not_begun_finds_the_series_whole(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(300))
    workspace.metric("cpu")
    workspace.run()
    workspace.metric("cpu", detectors=[{"type": "zscore", "params": {"window_size": 20, "min_samples": 10}}])
    keep(workspace, datapoints="1h")
    assert pruned(workspace) == Counter()
    workspace.run()
    assert pruned(workspace)["datapoints"] > 100


def test_values_that_are_to_be_judged_again_stay(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(300))
    workspace.metric("cpu", lookback="1d")
    workspace.run()
    workspace.csv("cpu", noisy(300, jumps={280: 5}))
    workspace.run(steps=("load",))
    keep(workspace, datapoints="1h", detections="1h")
    assert pruned(workspace) == Counter()
    workspace.run()
    assert pruned(workspace)["datapoints"] > 0


def test_every_series_of_a_metric_is_pruned(workspace: Workspace) -> None:
    rows = [(*row, name) for name in ("a", "b") for row in noisy(200)]
    workspace.csv("cpu", rows, header="timestamp,value,host")
    query = "SELECT timestamp, value, host FROM read_csv('cpu.csv') WHERE timestamp >= "
    query += "'{{ tocsin_start_time }}' AND timestamp < '{{ tocsin_end_time }}'"
    workspace.metric("cpu", dimension="host", query=query)
    workspace.run()
    keep(workspace, datapoints="1h", detections="1h")
    assert pruned(workspace)["datapoints"] == 2 * (200 - 102)
    assert count(workspace, TABLE_DATAPOINTS, "metric_name = 'cpu{host=a}'") == 102


def test_many_rows_go_a_batch_at_a_time(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(2 * BATCH + 500))
    workspace.metric("cpu")
    workspace.run()
    keep(workspace, datapoints="1h")
    project = workspace.load()
    with open_memory(project, workspace.clock) as memory:
        steps = [step["datapoints"] for step in prune(project, memory, NOW) if step["datapoints"]]
    assert steps == [BATCH, BATCH, 500 - 102]


def test_old_decisions_go_unless_their_incident_is_open(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(300, jumps=dict.fromkeys(range(290, 300), 80)))
    workspace.metric("cpu", alerting={"channels": [], "consecutive_anomalies": 3})
    workspace.run()
    project = workspace.load()
    (incident,) = workspace.query(f"SELECT * FROM {TABLE_INCIDENTS}")
    with open_memory(project, workspace.clock) as memory, memory.transaction() as tx:
        tx.execute_query(f"DELETE FROM {tx.get_full_table_name(TABLE_DECISIONS)}")
        for number in range(2500):
            about = {"series": "cpu", "rule": "default", "condition": "anomaly", "opened_at": START}
            if number == 0:
                about = {key: incident[key] for key in about}
            write_decisions(tx, [decision(number, **about)], NOW - timedelta(days=number % 2 * 200))
        write_decisions(tx, [decision(9999, series="gone", rule="r", condition="event", opened_at=None)], NOW)

    assert pruned(workspace)["decisions"] == 1250
    assert pruned(workspace, NOW + timedelta(days=91))["decisions"] == 1250  # 1,249, and the one of an event
    assert count(workspace, TABLE_DECISIONS) == 1
    keep(workspace, decisions="forever")
    assert pruned(workspace, NOW + timedelta(days=3650)) == Counter()


def decision(number: int, **about: Any) -> Decision:
    return Decision(
        candidate_id=f"c{number}", event_id=None, monitor="cpu", group="g", channel="ops",
        kind=DecisionKind.NONE, stage=Stage.RULE, reason="", severity=Severity.LOW, event_at=START, **about,
    )  # fmt: skip


def test_messages_go_after_thirty_days_unless_they_wait(workspace: Workspace) -> None:
    with open_memory(workspace.load(), workspace.clock) as memory, memory.transaction() as tx:
        messages = [Queued(f"m{n}", "ops", "first", "r", "s", "{}", NOW) for n in range(3)]
        queue_messages(tx, messages, NOW)
        outbox = tx.get_full_table_name("_tocsin_outbox")
        for name, state in (("m0", "sent"), ("m1", "dead")):
            tx.execute_query(
                f"UPDATE {outbox} SET state = %(state)s, sent_at = %(now)s, next_attempt_at = %(now)s"
                " WHERE message_id = %(name)s",
                {"state": state, "now": NOW, "name": name},
            )
    assert pruned(workspace, NOW + timedelta(days=29)) == Counter()
    assert pruned(workspace, NOW + timedelta(days=31)) == Counter(outbox=2)
    assert count(workspace, "_tocsin_outbox") == 1


def test_old_events_go_by_when_they_were_stored(workspace: Workspace, clock: SteppingClock) -> None:
    keep(workspace, events="30d")
    project = workspace.load()
    with open_project_events(project) as service:
        service.insert_events(
            [b'{"Format": "IDEA0", "ID": "a", "DetectTime": "2020-01-01T00:00:00Z", "Category": ["Test"]}']
        )
    with open_memory(project, clock) as memory:
        stored = datetime.now(UTC)  # noqa: TID251 - events are stamped by the storage
        assert sum(prune(project, memory, stored + timedelta(days=29)), Counter()) == Counter()
        assert sum(prune(project, memory, stored + timedelta(days=31)), Counter()) == Counter(events=1)


@pytest.mark.parametrize(
    ("times", "said"),
    [({"outbox": "1s"}, "retention.outbox"), ({"points": "1d"}, "did you mean 'datapoints'")],
)
def test_a_retention_that_makes_no_sense_is_refused(
    workspace: Workspace, times: dict[str, str], said: str
) -> None:
    from tocsin.errors import ConfigError

    keep(workspace, **times)
    with pytest.raises(ConfigError, match=said):
        workspace.load()


def test_a_memory_on_a_server_is_pruned_alike(workspace: Workspace, postgres_database: str) -> None:
    workspace.csv("cpu", noisy(300, jumps=dict.fromkeys(range(290, 300), 80)))
    workspace.metric("cpu", alerting={"channels": [], "consecutive_anomalies": 3})
    keep(workspace, datapoints="1h", detections="1h", events="30d")
    in_file: Counter[str] | None = None
    for profiles in (
        {"files": {"type": "duckdb"}},
        {
            "files": {"type": "duckdb", "memory": {"profile": "store"}},
            "store": {"type": "postgres", "url": postgres_database, "internal_schema": "tocsin"},
        },
    ):
        workspace.write("profiles.yml", {"profiles": profiles, "default_profile": "files"})
        workspace.run()
        with open_memory(workspace.load(), workspace.clock) as memory, memory.transaction() as tx:
            write_decisions(
                tx,
                [decision(n, series="s", rule="r", condition="event", opened_at=None) for n in range(1500)],
                NOW - timedelta(days=91),
            )
            queue_messages(tx, [Queued("m", "ops", "first", "r", "s", "{}", NOW)], NOW)
            outbox = tx.get_full_table_name("_tocsin_outbox")
            tx.execute_query(f"UPDATE {outbox} SET state = 'dead', next_attempt_at = %(at)s", {"at": START})
        done = pruned(workspace)
        assert done["decisions"] >= 1500
        assert done["outbox"] == 1
        assert pruned(workspace) == Counter()
        in_file = in_file or done
    assert done == in_file
