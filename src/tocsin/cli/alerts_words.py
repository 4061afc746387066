"""Why somebody was told, or not, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerting.case import MUTED
from tocsin.cli.console import count, visible
from tocsin.model import DecisionKind, IncidentState, number_text
from tocsin.runtime.why.facts import HeldBack, MessageState, Next

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from tocsin.eventstorage.thresholds.looking import Holding
    from tocsin.model import Silence
    from tocsin.runtime.alerts.history import DecisionRow
    from tocsin.runtime.why.facts import (
        Answer,
        IncidentStory,
        Message,
        RuleStory,
        Watcher,
        Why,
    )
    from tocsin.runtime.why.found import Found

__all__ = ["lines_of"]

_MOST_NAMED = 5
_LONGEST_TEXT = 2_000
_NO_EVENT = "due "  # what the thresholds note as the event of a relapse that came due without one
_NOT_TOLD = {
    DecisionKind.HELD: "not told, as the same was told before (threshold)",
    DecisionKind.SILENCED: "not told, as people asked for silence",
    DecisionKind.INHIBITED: "not told, as it follows from something else (inhibition)",
}
_TIMES = {1: "told", 2: "told twice"}
_SILENT = {
    DecisionKind.NONE: "not told",
    DecisionKind.HELD: "held back",
    DecisionKind.SILENCED: "silenced",
    DecisionKind.INHIBITED: "inhibited",
}
_AGAIN = {
    Next.UNSILENCED: "If it still goes on when the silence is over ({at}), it is told then.",
    Next.UNINHIBITED: "If it still goes on when the other one is over, it is told then.",
    Next.IF_IT_GOES_ON: (
        "It is silent until {at}, unless it gets worse. If more of it comes{since}, it is told again at {at}."
    ),
    Next.QUIET: "It is silent until {at}; worse is told at once, and after that it is news again.",
    Next.REPEAT: (
        "It is told again at the first anomalous point from {at} on, when it gets worse, and when it is over."
    ),
    Next.ACKNOWLEDGED: (
        "It is acknowledged, so it is not repeated; it is told when it gets worse, and when it is over."
    ),
    Next.CHANGE: "It is not repeated; it is told when it gets worse, and when it is over.",
    Next.SILENCED: "That it began was told; what it comes to is not, until the silence is over ({at}).",
    Next.WORSE_UNSILENCED: (
        "That it got worse is told when the silence is over ({at}), if it still goes on then."
    ),
    Next.WORSE_UNINHIBITED: "That it got worse is told when the other one is over, if it still goes on then.",
    Next.SILENCED_END: "That it is over is told when the silence is over ({at}).",
    Next.NOBODY: "Nothing more of it is told while the project has no such rule, or has it not enabled.",
}


def lines_of(why: Why, now: datetime) -> Iterator[str]:
    """Write all of it, line by line.

    Args:
        why: The facts.
        now: The present.
    """
    yield from _found(why.found)
    for story in why.rules:
        yield ""
        yield from _story(story, now)
    if not why.rules:
        yield ""
        yield from _nobody_looked(why.found, why.watchers)
    if why.silences:
        yield ""
        for silence in why.silences:
            yield _silence(silence, now)


def _found(found: Found) -> Iterator[str]:
    """Say what was found, by whom, and whom it is about."""
    what = ", ".join(found.categories) or "an event"
    if not found.categories and found.monitor:
        what = "missing values" if found.value is None and found.line is None else "an anomaly"
    head = [visible(what)]
    if found.at is not None:
        head.append(f"{_time(found.at)} UTC")
    if found.severity:
        head.append(f"severity {visible(found.severity)}")
    if found.event_id is not None:
        yield f"{visible(found.event_id)}: {', '.join(head)}"
        if found.event is None:
            yield "  The event is not in the store (any more); this is what was noted about it."
    else:
        yield f"{visible(found.series or '')}: {', '.join(head)}"
    yield from _particulars(found)
    if found.monitor is not None:
        about = f", series {found.series}" if found.series not in (None, found.monitor) else ""
        yield f"  Found by the {found.kind or 'monitor'} {visible(found.monitor + about)}."
    elif found.nodes:
        yield f"  Sent by {visible(_list(found.nodes))}."


def _particulars(found: Found) -> Iterator[str]:
    if found.description:
        yield f"  {_cut(_sentence(found.summary or found.description))}"
    elif found.value is not None:
        yield f"  The value is {_value_and_band(found.value, found.lower, found.upper)}."
    if found.line:
        yield f"  | {_cut(found.line)}"
    sides = [("source", found.sources), ("target", found.targets)]
    named = [f"{name} {visible(_list(places))}" for name, places in sides if places]
    if named:
        yield f"  About {', '.join(named)}."


def _cut(text: str) -> str:
    """Leave out what nobody would read; `tocsin events show` has it whole."""
    more = len(text) - _LONGEST_TEXT
    return visible(text[:_LONGEST_TEXT]) + (f" … and {more:,} more characters" if more > 0 else "")


def _value_and_band(value: float, lower: float | None, upper: float | None) -> str:
    text = number_text(value, lower, upper)
    low = "" if lower is None else number_text(lower, value, upper)
    high = "" if upper is None else number_text(upper, value, lower)
    match lower, upper:
        case None, None:
            return text
        case None, _:
            return f"{text}, expected up to {high}"
        case _, None:
            return f"{text}, expected from {low} on"
    return f"{text}, expected {low} to {high}"


def _story(story: RuleStory, now: datetime) -> Iterator[str]:
    kind = "" if story.kind is None else f" ({story.kind})"
    yield f"Rule {visible(story.rule)} of {visible(story.monitor)}{kind}:"
    if story.point is not None:
        yield f"  Not told by itself: {visible(_sentence(story.point.reason))}"
    if story.incident is not None:
        yield from _incident(story.incident, "line" if story.kind == "log" else "point")
    if story.waits:
        yield "  The rule wants it told, and nothing is decided yet: the next `tocsin run` does."
    for answer in story.answers:
        yield from _answer(answer, story.incident, now)


def _incident(story: IncidentStory, noun: str) -> Iterator[str]:
    incident = story.incident
    points = count(story.points.count, noun if incident.direction else "slot")
    what = f"{points} without a value" if incident.direction is None else points
    began = f"  Incident {story.id} began at {_time(incident.opened_at)} UTC"
    last = f"{what}, the last at {_time(incident.last_anomaly_at)} UTC"
    match incident.state:
        case IncidentState.RESOLVED:
            over = incident.resolved_at or incident.last_anomaly_at
            yield f"{began} and was over at {_time(over)} UTC: {last}."
        case IncidentState.PENDING:
            yield f"{began} and is not as long yet as the rule asks for: {last}."
        case _ if not story.is_looked_after:
            yield f"{began}, and no rule looks for its end any more: {last}."
        case _:
            yield f"{began} and goes on: {last}."
    if story.acknowledged is not None:
        said = f": {story.acknowledged.comment}" if story.acknowledged.comment else ""
        at = f"{_time(story.acknowledged.created_at)} UTC"
        yield f"  {visible(story.acknowledged.author)} acknowledged it at {at}{visible(said)}."
    if story.points.count > 1 and story.points.ids:
        yield f"  What was found in it is told as one: {_named(story.points.ids, story.points.count)}."


def _answer(answer: Answer, incident: IncidentStory | None, now: datetime) -> Iterator[str]:
    whom = " by ".join(visible(name) for name in (answer.group, answer.channel) if name) or "Nobody"
    told = answer.told
    is_told_later = answer.relapse is not None and answer.relapse.told
    if told:
        times = len(told) + is_told_later
        yield f"  {whom}: {_TIMES.get(times, f'told {times} times')}."
    elif is_told_later:
        yield f"  {whom}: held back at first (threshold), and told later with others."
    else:
        yield f"  {whom}: {_NOT_TOLD.get(answer.last.kind, 'not told')}."
    messages = iter(answer.messages)
    for row in answer.decisions:
        yield f"    {_decision(row)}"
        if row.told:
            yield f"      {_message(next(messages), answer.channel, now)}"
    if answer.holding is not None:
        yield from (f"    {line}" for line in _holding(answer.holding, told))
    if answer.relapse is not None:
        if not is_told_later:
            muted = "something else muted it" if answer.relapse.kind in MUTED else "nobody was to be told"
            yield f"    It went on near the end of that silence, and came due when {muted}:"
        yield f"    {_decision(answer.relapse)}"
    if answer.relapse_message is not None:
        yield f"      {_message(answer.relapse_message, answer.channel, now)}"
    else:
        yield f"    {_again(answer, incident)}"


def _decision(row: DecisionRow) -> str:
    """Say what was decided, when, by what, and why."""
    what = row.kind.value.replace("_", " ") if row.told else f"{_SILENT[row.kind]} (stage {row.stage})"
    return f"{_time(row.at)} UTC, {what}: {visible(_sentence(row.reason))}"


def _message(message: Message, channel: str, now: datetime) -> str:
    also = f" (with {count(message.together - 1, 'other')})" if message.together > 1 else ""
    name = f"Message {message.id}{also}"
    tries = count(message.attempts, "attempt")
    said = f": {visible(message.last_error)}" if message.last_error else ""
    when = "" if message.at is None else f"{_time(message.at)} UTC"
    is_later = message.at is not None and message.at > now
    then = f"at {when}" if is_later else "by the next `tocsin run`"
    match message.state:
        case MessageState.DELIVERED:
            text = f"{name} was delivered at {when} by {visible(channel)}, after {tries}{said}."
        case MessageState.GIVEN_UP:
            text = f"{name} was given up after {tries} by {visible(channel)}{said}."
        case MessageState.WAITING if not message.attempts:
            text = f"{name} waits to be sent by {visible(channel)}{said}."
        case MessageState.WAITING:
            text = f"{name} is sent by {visible(channel)} again {then}, after {tries} that failed{said}."
        case MessageState.COLLECTING if message.at is None:
            text = f"Notice {message.id} waits for hours of the group that never come."
        case MessageState.COLLECTING:
            text = f"Notice {message.id} waits, for others or for the hours of the group, and leaves {then}."
        case MessageState.UNKNOWN:
            text = f"{name} is not in the outbox any more, as old ones are deleted."
    return text


def _holding(holding: Holding, told: Sequence[DecisionRow]) -> Iterator[str]:
    """Say what the threshold holds back, and what it held back before."""
    if holding.kind.value == "held" and told:  # an incident that was told later than it began
        return
    what = visible(", ".join(holding.key.classes) or "It")
    who = f" of {visible(holding.key.entity)}" if holding.key.entity else ""
    if holding.kind.value == "held":
        by_event = f"event {visible(holding.told_event)}"
        if holding.told_event.startswith(_NO_EVENT):
            by_event = "a relapse: what had been held back came due"
        yield (
            f"{what}{who} was told at {_time(holding.told_at)} UTC with severity {holding.severity}"
            f" ({by_event})."
        )
    if holding.before_count and told:
        before = HeldBack(holding.before_count, holding.before_first, holding.before_last, holding.before_ids)
        yield f"Held back before, and told with it: {_held_back(before)}"
    if holding.held_count:
        after = HeldBack(holding.held_count, holding.first_held, holding.last_held, holding.held_ids)
        yield f"Held back after that: {_held_back(after)}"
    elif told:
        yield "Nothing was held back after that."


def _held_back(held: HeldBack) -> str:
    stretch = ""
    if held.first is not None and held.last is not None:
        stretch = f", from {_time(held.first)} to {_time(held.last)} UTC"
        if held.first == held.last:
            stretch = f", at {_time(held.first)} UTC"
    ids = f": {_named(held.ids, held.count)}" if held.ids else ""
    return f"{count(held.count, 'event')}{stretch}{ids}."


def _again(answer: Answer, incident: IncidentStory | None) -> str:
    """Say when it is told, or told again."""
    again = answer.again
    at = "" if again.at is None else f"{_time(again.at)} UTC"
    if again.kind is Next.RELAPSE:
        return (
            f"It still went on{_near_the_end(answer.holding)}: what was held back is told when the silence is"
            f" over, at {at} by the time of the events."
        )
    if again.kind is Next.IF_IT_GOES_ON and incident is not None and incident.goes_on and not answer.told:
        return f"It is silent until {at}; if it still goes on after that, it is told then."
    if again.kind is not Next.NEVER:
        return _AGAIN[again.kind].format(at=at or "that time", since=_relapse_from(answer.holding))
    if incident is not None and incident.goes_on:
        return "What it comes to is told to those only who were told that it began."
    if incident is not None:
        return "It is over, and is not told again; a new incident is told anew."
    never = "It is not told again" if answer.told else "It is not told later either"
    is_muted = answer.relapse is not None and answer.relapse.kind in MUTED
    return f"{never}; what comes of it next is told as the first." if is_muted else f"{never}."


def _near_the_end(holding: Holding | None) -> str:
    last = None if holding is None else holding.last_held
    return "" if last is None else f" near the end of its silence ({_time(last)} UTC)"


def _relapse_from(holding: Holding | None) -> str:
    since = None if holding is None else holding.relapse_from
    return "" if since is None else f" from {_time(since)} UTC on"


def _silence(silence: Silence, now: datetime) -> str:
    over = "ended" if silence.ends_at <= now else "ends"
    comment = f": {visible(silence.comment)}" if silence.comment else ""
    return (
        f"Silence {silence.id} ({visible(' '.join(silence.matchers))}) of {visible(silence.author)}"
        f" {over} at {_time(silence.ends_at)} UTC{comment}"
    )


def _nobody_looked(found: Found, watchers: Sequence[Watcher]) -> Iterator[str]:
    """Say that no rule looked at it, and who could have."""
    yield "No rule has looked at it, so nobody was told."
    if found.seq is None and found.event_id is not None:
        yield "  It is not in the store, so no monitor can look at it."
    for one in watchers:
        name = (
            f"{one.kind} monitor {visible(one.monitor)}"
            if one.kind == "events"
            else f"{one.kind} {visible(one.monitor)}"
        )
        yield f"  The {name} {_watching(one)}"
    if found.monitor is None and found.seq is not None and not watchers:
        yield "  The project has no events monitor: `events/NAME.yml` says which events are told to whom."


def _watching(one: Watcher) -> str:
    if not one.matches:
        return f"does not look at it: {visible(_sentence(one.reason or 'its filter does not match'))}"
    if one.reason is not None:
        found = "finds such things" if one.kind != "events" else "has a filter that matches"
        return f"{found}, but {visible(_sentence(one.reason))}"
    rules = " and ".join(visible(rule) for rule in one.rules)
    if one.kind != "events":
        if one.passed:
            return f"found it; its rule {rules} had looked at that time already when it was found."
        return f"found it; its rule {rules} looks at it in the next `tocsin run`."
    if one.passed:
        return (
            "has a filter that matches now, but it passed this event before, by what its file said then:"
            " a changed filter or rule is for events that are stored later."
        )
    return f"has a filter that matches: rule {rules} looks at it in the next `tocsin run`."


def _named(ids: Iterable[str], total: int) -> str:
    shown = [visible(one) for one in ids][:_MOST_NAMED]
    more = total - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _list(values: Sequence[str]) -> str:
    return _named(values, len(values))


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _time(instant: datetime) -> str:
    """Write an instant; fractions of a second only where they tell two lines apart."""
    return f"{instant:%Y-%m-%d %H:%M:%S}"
