"""A memory, and ways to fill it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.alerting.series import SEVERITY, START, STEP_MS, index_of
from tocsin.alerting.batches import send_batches
from tocsin.alerting.collect import take_candidates
from tocsin.alerting.evaluate import EvaluationResult, evaluate
from tocsin.alerting.plan import AlertingPlan, Answer, Asked
from tocsin.alerting.tell import tell_waiting
from tocsin.database.migrations import migrate
from tocsin.database.sqlite import SQLiteManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tocsin.abc import Clock, Transaction
    from tocsin.alerting.case import TellReport
    from tocsin.database.sql_manager import SqlManager
    from tocsin.model import AlertCandidate, AlertRule, FindingFacts

ORDER = "created_at, event_at, sequence"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Unasked:
    """A book of thresholds for rules without any."""

    def ask(self, questions: Sequence[Asked]) -> list[Answer]:
        raise AssertionError(f"nobody was to ask: {questions}")

    def due(self, now: datetime, *, limit: int = 1000) -> list[Answer]:  # noqa: ARG002
        return []

    def untell(self, answers: Sequence[Answer]) -> None:
        assert answers == []


class Memory:
    """A project's memory with verdicts written as text (see `tests.alerting.series`)."""

    def __init__(self, database: SqlManager) -> None:
        self.database = database
        self.now = NOW

    def evaluate(
        self,
        text: str,
        *rules: AlertRule,
        first: int = 0,
        detectors: Sequence[str] = ("d1",),
        again_from: int | None = None,
        series: str = "s",
        findings: Callable[[int], FindingFacts] | None = None,
        tell: bool = True,
        **context: Any,
    ) -> EvaluationResult:
        """Write the verdicts of all these detectors from a slot on, and evaluate, in one transaction.

        Then the stages tell in another one, unless `tell` is false.
        """
        with self.database.transaction() as tx:
            for detector in detectors:
                self.write(tx, text, first, detector, series)
            result = self.look(
                tx,
                *rules,
                detectors=detectors,
                again_from=again_from,
                series=series,
                findings=findings,
                **context,
            )
        if tell:
            self.tell()
        self.now += timedelta(seconds=1)
        return result

    def tell(self) -> TellReport:
        """Run the stages over what waits, without groups and thresholds, up to the outbox."""
        with self.database.transaction() as tx:
            report = tell_waiting(tx, plan=AlertingPlan(), book=Unasked(), now=self.now, limit=10_000)
            send_batches(tx, plan=AlertingPlan(), now=self.now, close_all=True)
        return report

    def look(
        self,
        tx: Transaction,
        *rules: AlertRule,
        detectors: Sequence[str] = ("d1",),
        again_from: int | None = None,
        series: str = "s",
        findings: Callable[[int], FindingFacts] | None = None,
        **context: Any,
    ) -> EvaluationResult:
        since = None if again_from is None else np.datetime64(START.replace(tzinfo=None), "ms")
        return evaluate(
            tx,
            monitor=series,
            series=series,
            rules=rules,
            detector_ids=detectors,
            interval_ms=STEP_MS,
            rejudged_from=None
            if since is None
            else since + np.timedelta64((again_from or 0) * STEP_MS, "ms"),
            now=self.now,
            context=context,
            findings=findings,
            tags=context.get("tags", ()),
        )

    @staticmethod
    def write(tx: Transaction, text: str, first: int = 0, detector: str = "d1", series: str = "s") -> None:
        """Write the verdicts of one detector."""
        n = len(text)
        if not n:
            return
        letters = np.array(list(text), dtype="<U1")
        high, low = np.isin(letters, ["u", "U"]), np.isin(letters, ["d", "D"])
        banded = ~np.isin(letters, ["-", "?"])
        start = np.datetime64(START.replace(tzinfo=None), "ms")
        metadata = [
            json.dumps({"direction": "up" if letter in "uU" else "down", "severity": SEVERITY[letter]})
            if letter in SEVERITY
            else "{}"
            for letter in text
        ]
        tx.insert_batch(
            "_tocsin_detections",
            {
                "metric_name": [series] * n,
                "detector_id": [detector] * n,
                "timestamp": start + (first + np.arange(n)) * np.timedelta64(STEP_MS, "ms"),
                "is_anomaly": high | low,
                "confidence_lower": np.where(banded, 10.0, np.nan),
                "confidence_upper": np.where(banded, 20.0, np.nan),
                "value": np.where(letters == "-", np.nan, np.where(high, 40.0, np.where(low, 1.5, 15.0))),
                "detector_params": ["{}"] * n,
                "detection_metadata": metadata,
                "created_at": [NOW] * n,
            },
            "replace",
        )

    def rows(self, table: str, order: str) -> list[dict[str, Any]]:
        name = self.database.get_full_table_name(table)
        return self.database.execute_query(f"SELECT * FROM {name} ORDER BY {order}")

    def incidents(self) -> list[dict[str, Any]]:
        return self.rows("_tocsin_incidents", "series, rule, opened_at, condition")

    def candidates(self) -> list[AlertCandidate]:
        """Give what waits to be told, in the order in which it is taken: after `tell=False`."""
        with self.database.transaction() as tx:
            return take_candidates(tx, 10_000)

    def messages(self) -> list[dict[str, Any]]:
        """Tell what waits, and give the payloads in the order in which they are sent."""
        self.tell()
        return [json.loads(row["payload"]) for row in self.rows("_tocsin_outbox", ORDER)]

    def untold(self, rule: str = "default", series: str = "s") -> str:
        """Write why points were not told, as the last word on each: `index: reason`, a line each."""
        rows = self.rows("_tocsin_decisions", "event_at, decided_at, opened_at")
        reasons = {
            (index_of(row["event_at"]), "recoveries" in row["reason"]): row["reason"]
            for row in rows
            if (row["candidate_id"], row["rule"], row["series"]) == ("", rule, series)
        }
        return "\n".join(f"{index}: {reason}" for (index, _), reason in reasons.items())

    def kinds(self) -> str:
        return " ".join(message["kind"] for message in self.messages())


@pytest.fixture
def new_memory(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Memory]]:
    """Make empty memories."""
    opened: list[SQLiteManager] = []

    def make() -> Memory:
        # What is written here need not survive a power cut.
        settings = {"synchronous": "OFF"}
        path = tmp_path / f"memory-{len(opened)}.db"
        opened.append(SQLiteManager(path, clock=clock, settings=settings))
        migrate(opened[-1])
        return Memory(opened[-1])

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def memory(new_memory: Callable[[], Memory]) -> Memory:
    return new_memory()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[SqlManager]:
    """Give an empty memory of either kind."""
    manager: SqlManager
    if request.param == "sqlite":
        manager = SQLiteManager(tmp_path / "store.db", clock=clock, settings={"synchronous": "OFF"})
    else:
        from tocsin.database.postgres import PostgresManager

        manager = PostgresManager(request.getfixturevalue("postgres_database"), clock=clock)
    with manager:
        migrate(manager)
        yield manager
