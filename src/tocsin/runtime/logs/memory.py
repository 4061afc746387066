"""What a log monitor has learned, kept in the project's memory with its read position.

State, position and detections are written in one transaction: killed at any instant, every line counts
once. All parts of a monitor (its parser and each detector) make one generation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tocsin.database import series_store as store
from tocsin.database.tables import TABLE_DETECTIONS, TABLE_STATE, TABLE_TASKS
from tocsin.errors import PersistencyLoadError, StateVersionError
from tocsin.persistency.cut import Cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tocsin.abc import LogParser, Transaction
    from tocsin.database import BaseDatabaseManager
    from tocsin.detectors.events import CoreDetector
    from tocsin.persistency.cut import RestoredPart
    from tocsin.persistency.snapshots import Snapshot, Snapshots
    from tocsin.persistency.values import EventID
    from tocsin.runtime.config.log import ParserConfig, StateConfig
    from tocsin.runtime.config.monitors import LogMonitor

__all__ = ["LogMemory", "forget_log", "forget_log_state", "log_position_name", "open_snapshots"]

PARSER_PART = "parser"
_DETECTOR_PREFIX = "detector:"
_PARSER_KEY = "tree"


def log_position_name(monitor: str) -> str:
    """Name the read position of a log."""
    return f"log:{monitor}"


def forget_log(tx: Transaction, monitor: str) -> None:
    """Delete position, learned state and detections of a log; what was told stays known."""
    forget_log_state(tx, monitor)
    for table in (TABLE_DETECTIONS, TABLE_TASKS):
        tx.execute_query(
            f"DELETE FROM {tx.get_full_table_name(table)} WHERE metric_name = %(monitor)s",
            {"monitor": monitor},
        )


def forget_log_state(tx: Transaction, monitor: str) -> None:
    """Delete position and learned state of a log."""
    store.delete_position(tx, log_position_name(monitor))
    tx.execute_query(
        f"DELETE FROM {tx.get_full_table_name(TABLE_STATE)} WHERE owner = %(monitor)s", {"monitor": monitor}
    )


def open_snapshots(memory: BaseDatabaseManager | Transaction, monitor: str, config: StateConfig) -> Snapshots:
    """Give the generations of what a log monitor has learned (`store://`).

    Args:
        memory: The project's memory; what is done within its open transaction is part of that.
        monitor: The monitor's name.
        config: How many generations are kept.
    """
    from tocsin.persistency.snapshots import RowStore, Snapshots

    return Snapshots(
        RowStore(memory, monitor),
        keep_generations=config.keep_generations,
        keep_days=config.keep_days,
    )


def _identity(parser: ParserConfig) -> str:
    """Tell a parser from one with other parameters."""
    text = json.dumps({"type": parser.type, "params": parser.params}, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class LogMemory:
    """The learning parts of a monitor, and where what they have learned is kept.

    Args:
        memory: The project's memory.
        monitor: The monitor.
        parser: Its parser, as it begins.
        detectors: The detectors by name, as they begin.
    """

    def __init__(
        self,
        memory: BaseDatabaseManager,
        monitor: LogMonitor,
        parser: LogParser,
        detectors: Mapping[str, CoreDetector],
    ) -> None:
        self._snapshots = open_snapshots(memory, monitor.name, monitor.config.state)
        self._monitor = monitor.name
        self._parser, self._detectors = parser, detectors
        self._parser_id = _identity(monitor.config.parser)
        self._parser_state: bytes | None = None
        self._moved: dict[str, RestoredPart] = {}  # what is kept under another name so far
        self.generation: int | None = None

    def restore(self) -> list[str]:
        """Go on with what was learned; give what there is to know about parts that begin anew.

        Raises:
            PersistencyLoadError: The state is damaged, or a newer Tocsin wrote it.
        """
        snapshot = self._load()
        if snapshot is None:
            return []
        self.generation = snapshot.generation
        identities = snapshot.positions.get("parts", {})
        notes = list(snapshot.notes)
        for name, detector in self._detectors.items():
            kept, note = self._kept_as(name, detector, snapshot, identities)
            if kept is not None:
                part = snapshot.parts[_DETECTOR_PREFIX + kept]
                detector.restore(part)
                if kept != name:
                    self._moved[name] = part
            if note:
                notes.append(note)
        self._restore_parser(snapshot, identities.get(PARSER_PART), notes)
        return notes

    def _load(self) -> Snapshot | None:
        try:
            return self._snapshots.load()
        except StateVersionError:
            raise
        except PersistencyLoadError as error:
            raise PersistencyLoadError(
                f"what {self._monitor} has learned is damaged: {error.message}", hint=self._way_out()
            ) from error

    def _way_out(self) -> str:
        whole = [info.generation for info in self._snapshots.generations() if info.damage is None]
        back = f"go back with `tocsin state revert {self._monitor} {whole[-1]}`, or " if whole else ""
        return f"{back}start anew with `tocsin run --select {self._monitor} --full-refresh`"

    def _kept_as(
        self, name: str, detector: CoreDetector, snapshot: Snapshot, identities: Mapping[str, str]
    ) -> tuple[str | None, str | None]:
        """Find under which name a detector's state is kept, and what there is to say about that."""
        identity = detector.get_detector_id()
        if _DETECTOR_PREFIX + name in snapshot.parts:
            if identities.get(name) == identity:
                return name, None
            return None, f"the parameters of detector {name} changed: it learns anew, from here on"
        for old, kept in identities.items():
            is_free = old not in self._detectors and _DETECTOR_PREFIX + old in snapshot.parts
            if is_free and kept == identity:
                return old, f"detector {name} goes on with what {old} has learned: only the name changed"
        return None, f"detector {name} is new: it learns from here on"

    def _restore_parser(self, snapshot: Snapshot, identity: str | None, notes: list[str]) -> None:
        if identity != self._parser_id:
            notes.append(
                "the parser changed: detectors know the EventIDs that the old one gave; where the new one "
                f"gives others, learn anew with `tocsin run --select {self._monitor} --full-refresh`"
            )
            return
        part = snapshot.parts.get(PARSER_PART)
        if part is None:
            return
        self._parser_state = part.contents[_PARSER_KEY]
        try:
            self._parser.load_state(self._parser_state)
        except ValueError as error:
            raise PersistencyLoadError(
                f"what the parser of {self._monitor} has learned cannot be read: {error}",
                hint=self._way_out(),
            ) from error

    def write(self, position: Mapping[str, Any], now: datetime) -> None:
        """Write what changed since the last time, within the open transaction of the memory.

        The batches of a run make one generation: each replaces the one before.
        """
        parts = {_DETECTOR_PREFIX + name: self._cut(name) for name in self._detectors}
        state = self._parser.dump()
        if state is not None:
            changed: dict[EventID, Callable[[], bytes]] = (
                {} if state == self._parser_state else {_PARSER_KEY: lambda: state}
            )
            parts[PARSER_PART] = Cut(
                "parser", (), {}, frozenset([_PARSER_KEY]), changed, {"identity": self._parser_id}
            )
            self._parser_state = state
        identities = {name: detector.get_detector_id() for name, detector in self._detectors.items()}
        positions = {**position, "parts": {**identities, PARSER_PART: self._parser_id}}
        self._snapshots.commit(parts, now=now, positions=positions, supersede=True)
        self._moved = {}

    def _cut(self, name: str) -> Cut:
        """Take the state of a detector: all of it, when nothing is kept under its name yet."""
        cut = self._detectors[name].cut()
        moved = self._moved.get(name)
        if moved is None:
            return cut
        kept = {key: partial(bytes, moved.contents[key]) for key in cut.keys if key not in cut.changed}
        return replace(cut, changed={**kept, **cut.changed})
