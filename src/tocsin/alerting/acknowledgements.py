"""Incidents that somebody works on: they are not repeated, but told when they get worse, or end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.alerting.rows import storable

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.records import IncidentKey

__all__ = ["Acknowledgement", "acknowledge", "read_acknowledgements"]

_ACKNOWLEDGEMENTS = "_tocsin_acknowledgements"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who works on an incident, and since when.

    Attributes:
        series: With the next three the incident's key, see `tocsin.alerting.records.IncidentKey`.
        rule: The rule's name.
        condition: `anomaly` or `no_data`.
        opened_at: The incident's first point.
        author: Who it is.
        comment: What they say about it.
        created_at: Since when.
    """

    series: str
    rule: str
    condition: str
    opened_at: datetime
    author: str
    comment: str
    created_at: datetime

    @property
    def key(self) -> IncidentKey:
        """The key of the incident."""
        return self.series, self.rule, self.condition, self.opened_at


def acknowledge(tx: Transaction, key: IncidentKey, author: str, comment: str, now: datetime) -> None:
    """Note that somebody works on an incident; who says so last is the one."""
    series, rule, condition, opened_at = key
    tx.insert_batch(
        _ACKNOWLEDGEMENTS,
        {
            "series": [series],
            "rule": [rule],
            "condition": [condition],
            "opened_at": [opened_at],
            "author": [storable(author)],
            "comment": [storable(comment)],
            "created_at": [now],
        },
        "replace",
    )


def read_acknowledgements(tx: Transaction) -> dict[IncidentKey, Acknowledgement]:
    """Read who works on which incident, by the incident's key."""
    rows = tx.execute_query(
        "SELECT series, rule, condition, opened_at, author, comment, created_at"
        f" FROM {tx.get_full_table_name(_ACKNOWLEDGEMENTS)} ORDER BY created_at, series, rule, opened_at"
    )
    read = [Acknowledgement(**row) for row in rows]
    return {acknowledgement.key: acknowledgement for acknowledgement in read}
