"""The stage that holds back what follows from something else: a host that is down mutes its services.

Everything goes by event time: a candidate is inhibited when, at its own time, an incident of a monitor that
mutes its own had begun and was not over. So the same history decides alike, however fast it is read.

An incident that is itself silenced or inhibited mutes all the same. Whether people hear of a trouble does not
change what follows from it: who silences the host does not want its forty services instead, and in a row of
host, database and shop the shop's messages are no news while the host is down, though the database's were
held back.

Monitors may so mute each other, directly or in a ring. Then an incident is held back by those alone that
began before it (of those that began together, by the first in the order of their names). The first one is
told, and nobody is left without any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.alerting.patterns import glob
from tocsin.model.alert import IncidentState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.plan import AlertingPlan
    from tocsin.model import AlertCandidate, Inhibition

__all__ = ["TAG_PREFIX", "Hold", "Inhibitor", "Trouble", "read_troubles"]

TAG_PREFIX = "tag:"
"""How a name of an inhibition begins that means the monitors with a tag."""


class Trouble(NamedTuple):
    """An incident that was worth telling, as far as muting others goes; all times are event times.

    Attributes:
        opened_at: Its first point.
        monitor: Whose it is.
        series: With rule, condition and `opened_at` its key.
        rule: The rule's name.
        condition: `anomaly` or `no_data`.
        resolved_at: The point that ended it, or `None`.
    """

    opened_at: datetime
    monitor: str
    series: str
    rule: str
    condition: str
    resolved_at: datetime | None = None


class Hold(NamedTuple):
    """What holds a candidate back.

    Attributes:
        by: The trouble that does.
        until: When it, and what went on at its end, was over; `None`: it is not.
    """

    by: Trouble
    until: datetime | None


def read_troubles(tx: Transaction, plan: AlertingPlan, since: datetime) -> list[Trouble]:
    """Read the told incidents that are open, or ended after an instant; none when nothing is inhibited.

    Those of monitors and rules that the project no longer has, or that are not enabled, are left out: nobody
    would ever end them.
    """
    if not plan.inhibitions:
        return []
    rows = tx.execute_query(
        "SELECT series, rule, condition, opened_at, resolved_at"
        f" FROM {tx.get_full_table_name('_tocsin_incidents')}"
        " WHERE told_at IS NOT NULL AND (state <> %(resolved)s OR resolved_at > %(since)s)",
        {"resolved": IncidentState.RESOLVED.value, "since": since},
    )
    # A series is called as its monitor, with its dimensions in braces; no monitor has one in its name.
    found = (Trouble(monitor=row["series"].partition("{")[0], **row) for row in rows)
    return [one for one in found if plan.looks_after(one.monitor, one.rule)]


class Inhibitor:
    """Says what is held back by which trouble.

    Args:
        plan: Which monitors mute which, and the monitors' tags.
        troubles: The incidents of monitors.
    """

    def __init__(self, plan: AlertingPlan, troubles: Iterable[Trouble]) -> None:
        self._plan = plan
        self._troubles: dict[str, list[Trouble]] = {}
        for trouble in sorted(troubles, key=lambda one: one[:5]) if plan.inhibitions else ():
            self._troubles.setdefault(trouble.monitor, []).append(trouble)
        monitors = {**dict.fromkeys(self._troubles, ()), **plan.monitor_tags} if self._troubles else {}
        self._web = _Web(plan.inhibitions, monitors)
        self._muting: dict[str, list[tuple[Trouble, bool]]] = {}

    def hold(self, candidate: AlertCandidate, at: datetime) -> Hold | None:
        """Say what holds a candidate back at an instant, by event time, and until when; `None`: nothing."""
        if not self._troubles:
            return None
        muting = self._muting_for(candidate)
        by = found = _covering(muting, candidate, at)
        while found is not None and found.resolved_at is not None:
            at = found.resolved_at
            found = _covering(muting, candidate, at)
        return None if by is None else Hold(by, None if found is not None else at)

    def _muting_for(self, candidate: AlertCandidate) -> list[tuple[Trouble, bool]]:
        """Give what may mute a monitor, each with whether the two are in a ring."""
        muted = candidate.monitor
        if muted not in self._muting:
            tags = self._plan.monitor_tags.get(muted, candidate.tags)
            names = sorted(self._web.muting(muted, tags) & self._troubles.keys())
            following = self._web.following(muted) if names else set()
            self._muting[muted] = [
                (trouble, name in following) for name in names for trouble in self._troubles[name]
            ]
        return self._muting[muted]


def _covering(
    muting: Sequence[tuple[Trouble, bool]], candidate: AlertCandidate, at: datetime
) -> Trouble | None:
    """Give the trouble that holds a candidate back at an instant: of several the one that ends last."""
    best: Trouble | None = None
    for trouble, ring in muting:
        if trouble.opened_at > at or (trouble.resolved_at is not None and trouble.resolved_at <= at):
            continue
        if ring and candidate.opened_at is not None:
            own = (
                candidate.opened_at,
                candidate.monitor,
                candidate.series,
                candidate.rule,
                candidate.condition,
            )
            if trouble[:5] >= own:
                continue
        if trouble.resolved_at is None:
            return trouble
        if best is None or best.resolved_at is None or trouble.resolved_at > best.resolved_at:
            best = trouble
    return best


def _named(names: Iterable[str], monitor: str, tags: Sequence[str]) -> bool:
    """Say whether names of monitors, or of their tags, mean a monitor."""
    for name in names:
        if name.startswith(TAG_PREFIX):
            fits = glob(name.removeprefix(TAG_PREFIX))
            if any(map(fits, tags)):
                return True
        elif glob(name)(monitor):
            return True
    return False


class _Web:
    """Which monitors mute which, directly or through others."""

    def __init__(self, inhibitions: Sequence[Inhibition], monitors: dict[str, tuple[str, ...]]) -> None:
        self._inhibitions = inhibitions
        self._when = [
            {name for name, tags in monitors.items() if _named(one.when, name, tags)} for one in inhibitions
        ]
        self._muted = [
            {name for name, tags in monitors.items() if _named(one.mutes, name, tags)} - when
            for one, when in zip(inhibitions, self._when, strict=True)
        ]
        follows = [
            [number for number, when in enumerate(self._when) if not muted.isdisjoint(when)]
            for muted in self._muted
        ]
        self._reached = [_reach(number, follows) for number in range(len(follows))]

    def muting(self, muted: str, tags: Sequence[str]) -> set[str]:
        """Give the monitors that mute one; never itself, nor its like in `when`."""
        found: set[str] = set()
        for one, when in zip(self._inhibitions, self._when, strict=True):
            if _named(one.mutes, muted, tags) and not _named(one.when, muted, tags):
                found |= when
        return found

    def following(self, monitor: str) -> set[str]:
        """Give the monitors that one mutes, directly or through others."""
        found: set[str] = set()
        for number, when in enumerate(self._when):
            if monitor in when:
                for reached in self._reached[number]:
                    found |= self._muted[reached]
        return found


def _reach(start: int, follows: Sequence[Sequence[int]]) -> set[int]:
    reached, ahead = {start}, [start]
    while ahead:
        new = set(follows[ahead.pop()]) - reached
        reached |= new
        ahead += new
    return reached
