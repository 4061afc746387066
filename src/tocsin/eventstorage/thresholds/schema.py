"""The tables of thresholds: what is silent, what was held back meanwhile, and what was told of each key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.eventstorage.session import Dialect

__all__ = ["statements"]


def statements(dialect: Dialect) -> list[str]:
    """Give the statements that make the tables and their indexes.

    Args:
        dialect: For which database.
    """
    if dialect == "sqlite":
        text, time, number, by_key = "TEXT", "INTEGER", "INTEGER", " WITHOUT ROWID"
    else:
        text, time, number, by_key = 'text COLLATE "C"', "timestamptz", "bigint", ""
    return [
        f"""CREATE TABLE thresholds (
            id {text} NOT NULL PRIMARY KEY,
            thresholdtime {time} NOT NULL,
            relapsetime {time} NOT NULL,
            ttltime {time} NOT NULL
        ){by_key}""",
        "CREATE INDEX thresholds_by_ttltime ON thresholds (ttltime)",
        f"""CREATE TABLE events_thresholded (
            keyid {text} NOT NULL,
            eventid {text} NOT NULL,
            groupname {text} NOT NULL,
            eventseverity {text} NOT NULL,
            createtime {time} NOT NULL,
            PRIMARY KEY (keyid, eventid)
        ){by_key}""",
        "CREATE INDEX events_thresholded_by_event ON events_thresholded (eventid)",
        # `id` is a digest of the fields of the key, `number` counts its reports (0: none yet). The events
        # held back after a report are under the key `id/number`, from `first_kept` on. `last_held_after` is
        # in microseconds since the report, so that a changed rule needs no arithmetic with times in SQL.
        f"""CREATE TABLE threshold_reports (
            id {text} NOT NULL PRIMARY KEY,
            groupname {text} NOT NULL,
            channel {text} NOT NULL,
            side {text} NOT NULL,
            shadow {number} NOT NULL,
            classes {text} NOT NULL,
            entity_from {text} NOT NULL,
            entity {text} NOT NULL,
            number {number} NOT NULL DEFAULT 0,
            severity {text},
            reported_at {time},
            until {time},
            held_count {number} NOT NULL DEFAULT 0,
            last_held_after {number},
            worst_held {text},
            told {text} NOT NULL DEFAULT '[]',
            first_kept {number} NOT NULL DEFAULT 1
        ){by_key}""",
        "CREATE INDEX threshold_reports_by_time ON threshold_reports (severity, reported_at)",
    ]
