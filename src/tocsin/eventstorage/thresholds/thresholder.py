"""Who is told of an event, and who was told before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.eventstorage.query.values import instant_of, read_text, read_time, read_whole_number
from tocsin.eventstorage.thresholds.judge import Candidate
from tocsin.eventstorage.thresholds.rules import Severity, rules_with
from tocsin.eventstorage.thresholds.verdicts import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from tocsin.eventstorage.idea import Idea
    from tocsin.eventstorage.thresholds.entities import Side
    from tocsin.eventstorage.thresholds.judge import Message
    from tocsin.eventstorage.thresholds.keys import ThresholdKey
    from tocsin.eventstorage.thresholds.looking import Holding
    from tocsin.eventstorage.thresholds.report_methods import ReportMethods
    from tocsin.eventstorage.thresholds.rules import ThresholdRule
    from tocsin.eventstorage.thresholds.verdicts import Verdict

__all__ = ["Thresholder"]


class Thresholder:
    """Says of each event whether it is told now, or held back because it was told before.

    What is told once is a key: group, channel, side, whether it is a trial, the event's class (without one:
    its categories) and an entity. After a report the key is silent for as long as the rule of the reported
    severity says; something more severe is told at once, and begins a silence by its own rule. When the
    silence ends and something was held back in its last part, the relapse period, the key is told again with
    all that was held back: by the next event of the key, or by `due`, whichever is first. Otherwise it is
    forgotten.

    An event with several entities on its side is about each of them: it is held back when all are silent.
    Which ones an event has, and what counts when it has none: see `entities.facts_of`.

    The same event again is given the same verdict, and counts once, until its key was told twice more. Times
    are those that callers give. An event whose time is before the last report of its key is held back like
    any other, unless the report is from further ahead than its whole silence: then the clock was wrong.

    With a service each call is a transaction of its own. With a cursor it is a part of the cursor's, so that
    what is told can be kept together with the verdict; keys are locked until its end.

    Args:
        service: The event storage, or a cursor of it.
        rules: Severity (`info` to `critical`) → its rule (or period, silence, relapse period), where it is
            not the default. Other rules than before count at once, for what was told before as well.

    Raises:
        DataError: A rule is wrong.

    Example:
        >>> from datetime import UTC, datetime
        >>> from tempfile import TemporaryDirectory
        >>> from tocsin.eventstorage import EventStorageService
        >>> event = {"Format": "IDEA0", "DetectTime": 0, "Category": "Test", "Source": [{"IP4": "192.0.2.1"}]}
        >>> with TemporaryDirectory() as folder, EventStorageService(path=f"{folder}/events.db") as service:
        ...     service.database_create()
        ...     thresholder = Thresholder(service)
        ...     for number in range(3):
        ...         now = datetime(2026, 3, 1, number, tzinfo=UTC)
        ...         verdict = thresholder.admit({**event, "ID": f"e{number}"}, "abuse", "mail", now)
        ...         print(verdict.kind, verdict.held_count, verdict.until.date())
        first 0 2026-03-07
        held 1 2026-03-07
        held 2 2026-03-07
    """

    def __init__(
        self,
        service: ReportMethods,
        rules: Mapping[str, ThresholdRule | tuple[timedelta, timedelta, timedelta]] | None = None,
    ) -> None:
        self._methods = service
        self._rules = rules_with(rules)

    def rule(self, severity: str | None) -> ThresholdRule:
        """Give the rule of a severity; an unknown one has that of `medium`."""
        return self._rules[Severity.of(severity)]

    def admit(
        self,
        event: Message,
        group: str,
        channel: str,
        now: datetime,
        *,
        side: Side = "source",
        shadow: bool = False,
    ) -> Verdict:
        """Decide whether to tell a group of an event by a channel, and remember it: one atomic step.

        Args:
            event: The event; it need not be stored, but only stored ones can be given back by `held_events`.
            group: Who would be told.
            channel: By what.
            now: The current instant, or the end of the window when events are collected before.
            side: Which side of the event it is about.
            shadow: Whether it is a trial: it is told, and silent, apart from what is real.

        Raises:
            DataError: It is no event, or an argument is wrong.
        """
        [verdict] = self.admit_all([Candidate(event, group, channel, now, side, shadow)])
        return verdict

    def admit_all(self, candidates: Iterable[Candidate]) -> list[Verdict]:
        """Decide about many events, one after the other, in one transaction: all of them, or none."""
        return self._methods.report_events(candidates, self._rules)

    def due(self, now: datetime, *, limit: int = 1000) -> list[Verdict]:
        """Tell again what was still going on near the end of its silence, when that is over.

        Each relapse is given to one caller, once, however late and however many call. Who must not lose one
        in a crash calls it with a cursor, and commits when what is to be told is written down.

        Args:
            now: The current instant.
            limit: How many at most, the most severe and longest silent first; call again until nothing comes.

        Returns:
            For each its verdict `RELAPSED`: `severity` is the highest that was held back, `held_events` gives
            the events.
        """
        read_whole_number("limit", limit)
        return self._methods.report_relapses(_instant(now), self._rules, limit)

    def forget(self, keys: Iterable[ThresholdKey]) -> None:
        """Forget what was told of some keys, and held back: the next event of each is told as the first.

        For who could not tell what a verdict or `due` said. With a cursor it is one step with that.
        """
        self._methods.report_forget(tuple(keys))

    def next_due(self, now: datetime) -> datetime | None:
        """Say since when something can be had from `due`, `None` when nothing can.

        Who comes late, and wants each relapse to be of the instant at which its silence ended, calls `due`
        with that instant until there is none.
        """
        return self._methods.report_next_due(_instant(now), self._rules)

    def next_end(self, now: datetime) -> datetime | None:
        """Say when the next silence ends that may relapse by then, `None` when there is none."""
        return self._methods.report_next_end(_instant(now), self._rules)

    def held_events(self, verdict: Verdict, *, limit: int | None = None) -> list[Idea]:
        """Give the events that a verdict counts in `held_count`, in the order in which they were held back.

        Those that are not stored are missing. They can be read until the report after the verdict's has been
        made and `clean` has been called.

        Args:
            verdict: What was said; of several entities, one of `each` at a time.
            limit: How many at most, the first ones; `None` gives all, which can be very many.
        """
        if limit is not None:
            read_whole_number("limit", limit)
        if verdict.kind is VerdictKind.FIRST:
            return []
        return self._methods.report_held_events(verdict.held_under, limit)

    def held_ids(self, verdict: Verdict, *, limit: int = 100) -> list[str]:
        """Give the IDs of the events that `held_events` is about, also of those that are not stored.

        Args:
            verdict: What was said; of several entities, one of `each` at a time.
            limit: How many at most, the first ones.
        """
        read_whole_number("limit", limit)
        if verdict.kind is VerdictKind.FIRST:
            return []
        return self._methods.report_held_ids(verdict.held_under, limit)

    def look_up(self, event: str, keys: Sequence[ThresholdKey] = (), *, most_ids: int = 5) -> list[Holding]:
        """Find afterwards what was said of an event: for which key it was held back, or told.

        Nothing is written. What was told so long ago that it is forgotten is not found.

        Args:
            event: Its ID.
            keys: What it may have been told as; where it was held back is known without.
            most_ids: How many of the events that were held back with it to name.
        """
        return self._methods.report_holdings(
            read_text("event", event), keys, self._rules, read_whole_number("most_ids", most_ids)
        )

    def silences(self, now: datetime, *, group: str | None = None, limit: int = 1000) -> list[Verdict]:
        """Give what is silent now: until when, and how many events were held back.

        Args:
            now: The current instant.
            group: Only of this group.
            limit: How many at most, those that end first.

        Returns:
            For each key what the next event of no higher severity would be told: `HELD`.
        """
        read_whole_number("limit", limit)
        group = None if group is None else read_text("group", group)
        return self._methods.report_silences(_instant(now), self._rules, group, limit)

    def clean(self, now: datetime, *, batch: int = 500) -> int:
        """Forget what is over and does not relapse, and give of how many keys; a relapse is never forgotten.

        Args:
            now: The current instant.
            batch: How many keys a transaction takes.
        """
        total = 0
        while some := self.clean_some(now, batch):
            total += some
        return total

    def clean_some(self, now: datetime, batch: int = 500) -> int:
        """Do one step of `clean`, and give of how many keys; 0: nothing is left."""
        read_whole_number("batch", batch)
        return self._methods.reports_clean(_instant(now), self._rules, batch)

    def recompute(self) -> int:
        """Write the times in the table of thresholds anew by these rules, and give for how many keys.

        What is decided here never needs it; it is for those who read the table by other means.
        """
        return self._methods.reports_recompute(self._rules)


def _instant(now: datetime) -> datetime:
    return instant_of(read_time("now", now))
