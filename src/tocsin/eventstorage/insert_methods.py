"""Storing events: the methods that a service and its cursors share."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from tocsin.collector import collector_at_rest
from tocsin.errors import DataError, StorageIntegrityError
from tocsin.eventstorage.dead_letters import keep_rejected
from tocsin.eventstorage.idea import row_of
from tocsin.eventstorage.methods import Methods
from tocsin.eventstorage.query.values import read_whole_number, refused
from tocsin.eventstorage.results import DUPLICATE, NEW, InsertKind, InsertResult
from tocsin.model import RejectedLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.eventstorage.idea import Idea
    from tocsin.eventstorage.row import EventRow
    from tocsin.eventstorage.session import Session

    Message: TypeAlias = Idea | Mapping[str, Any] | str | bytes

__all__ = ["InsertMethods"]


class InsertMethods(Methods):
    """Operations that store events."""

    def insert_event(self, idea: Message, *, ntp_times: bool = False) -> None:
        """Store one event.

        Args:
            idea: An `Idea`, a mapping, or JSON as text or bytes.
            ntp_times: Read NTP hexadecimal timestamps (`0xbc71f4f5.0xef449129`) too.

        Raises:
            StorageIntegrityError: Its id is there already.
            DataError: It is rejected: not JSON, without a usable ID, or over a limit.
        """

        def work(session: Session) -> None:
            row = row_of(idea, words=session.text_index, ntp_times=ntp_times)
            session.begin()
            if not session.insert_rows([row])[0]:
                raise StorageIntegrityError(f"an event with the id {row.id} is stored already")

        self._run(work, replay=False)

    def insert_events(
        self, ideas: Iterable[Message | RejectedLine], *, batch_size: int = 5000, ntp_times: bool = False
    ) -> list[InsertResult]:
        """Store events in batches, each of which is stored whole or not at all.

        What is rejected goes to the dead letters, in the transaction of its batch. When the connection is
        lost, the whole batch is repeated.

        Args:
            ideas: The events; and what a reader could not make one of, which is rejected with its reason.
            batch_size: How many are stored together.
            ntp_times: Read NTP hexadecimal timestamps (`0xbc71f4f5.0xef449129`) too.

        Returns:
            For each event, in order, what became of it. Of a service: it is committed by then.

        Raises:
            DataError: A single event is given in place of several, or the batch size is no number from 1 on.
        """
        if isinstance(ideas, str | bytes | Mapping):  # its letters or keys are no events
            raise refused("ideas", ideas, "several events; insert_event stores one")
        read_whole_number("batch_size", batch_size)
        rest = iter(ideas)
        results: list[InsertResult] = []
        while batch := list(islice(rest, batch_size)):
            results.extend(self._insert_batch(batch, ntp_times=ntp_times))
        return results

    def _insert_batch(
        self, ideas: Sequence[Message | RejectedLine], *, ntp_times: bool
    ) -> list[InsertResult]:
        def work(session: Session) -> list[InsertResult]:
            rows: list[EventRow] = []
            rejected: list[tuple[str, Message]] = []
            results: list[InsertResult | None] = []
            for idea in ideas:
                if isinstance(idea, RejectedLine):
                    rejected.append((f"{idea.source}:{idea.number}: {idea.reason}", idea.text))
                    results.append(InsertResult(InsertKind.REJECTED, idea.reason))
                    continue
                try:
                    rows.append(row_of(idea, words=session.text_index, ntp_times=ntp_times))
                    results.append(None)
                except DataError as error:
                    rejected.append((error.message, idea))
                    results.append(InsertResult(InsertKind.REJECTED, error.message))
            session.begin()
            stored = iter(zip(rows, session.insert_rows(rows), strict=True))
            keep_rejected(session, rejected)
            return [_result(*next(stored)) if one is None else one for one in results]

        with collector_at_rest():
            return self._run(work, replay=True)


def _result(row: EventRow, is_new: bool) -> InsertResult:  # noqa: FBT001 - a column of a table
    if not is_new:
        return DUPLICATE
    errors = row.inspectionerrors
    return InsertResult(InsertKind.NEW, inspection_errors=errors) if errors else NEW
