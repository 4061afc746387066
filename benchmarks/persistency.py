"""What memory per EventID costs: time, space and stalls; and what event detectors find with it."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from benchmarks import audit
from benchmarks.log_rows import EVENT_IDS, VARIABLES
from benchmarks.result import Better, Result, at_least, at_least_times_the_peer, at_most
from benchmarks.sides import Sides, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.peer import Peer
    from benchmarks.sides import Replies

__all__ = ["run", "share_of_equal_kinds"]

_MODULE = "benchmarks.persistency_worker"
_UNIT = "events/s"
_SHAPE = f"{VARIABLES} variables, {EVENT_IDS} EventIDs"


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Measure everything that has a figure in the specification, but for the crashes.

    Args:
        peer: The installed peer, or `None`: then its figures are quoted.
        seed: Makes the events.
        quick: Small sizes; the figures then say little.

    Yields:
        The lines of the benchmark, as they are found.
    """
    steps: tuple[Callable[[Sides, int, bool], Iterator[Result]], ...] = (
        _trackers,
        _batches,
        _chunked_frames,
        _pandas_frames,
        _stalls,
        _distinct_values,
    )
    with Sides(_MODULE, peer) as sides:
        yield from chain.from_iterable(step(sides, seed, quick) for step in steps)
    yield from audit.run(peer, seed=seed, quick=quick)


def _trackers(sides: Sides, seed: int, quick: bool) -> Iterator[Result]:  # noqa: FBT001
    rows, turns = (5_000, 1) if quick else (200_000, 5)
    request = {"task": "one_by_one", "backend": "EventStabilityTracker", "rows": rows, "seed": seed}
    for named in (False, True):
        kind = "named" if named else "positional"
        title = f"tracker, one by one, {rows:,} events, {kind} variables"
        tell(f"{title} ...")
        replies = sides.take_turns(turns, request | {"named": named}, request | {"named": named})
        ours, peer = replies.rates(rows)
        yield Result(
            title, _UNIT, ours, peer, Better.HIGHER, at_least_times_the_peer(1.5), _SHAPE, quoted=82_000
        )
        if not named:
            title = "tracker, one by one (stretch)"
            yield Result(title, _UNIT, ours, peer, Better.HIGHER, at_least_times_the_peer(2.5))
        if replies.ours and replies.peer:
            title = f"tracker, {kind} variables, classifications that agree with the peer's"
            yield Result(title, "share", share_of_equal_kinds(replies), None, Better.HIGHER)


def share_of_equal_kinds(replies: Replies) -> float:
    """Give the share of variables that both sides classify alike: they must have had the same work."""
    ours, peer = replies.ours[0]["kinds"], replies.peer[0]["kinds"]
    names = ours.keys() | peer.keys()
    equal = sum(ours.get(name) == peer.get(name) for name in names)
    return equal / len(names) if names else 1.0


def _batches(sides: Sides, seed: int, quick: bool) -> Iterator[Result]:  # noqa: FBT001
    rows, turns = (5_000, 1) if quick else (400_000, 5)
    for mix, goal in (("few", 1_000_000), ("many", 300_000)):
        batch_rows = min(rows, 50_000)
        title = f"tracker, ingest_batch, exact, one core, {mix} distinct values"
        tell(f"{title} ...")
        request = {"task": "batch", "mix": mix, "rows": rows, "seed": seed, "batch_rows": batch_rows}
        replies = sides.take_turns(turns, request)
        ours, _ = replies.rates(rows)
        most = max((reply["most_distinct"] for reply in replies.ours), default=0)
        note = f"{rows:,} events in tables of {batch_rows:,}; {_SHAPE}; a variable has up to {most:,} values"
        yield Result(title, _UNIT, ours, None, Better.HIGHER, at_least(goal), note)


def _chunked_frames(sides: Sides, seed: int, quick: bool) -> Iterator[Result]:  # noqa: FBT001
    rows, turns = (3_000, 1) if quick else (60_000, 3)
    request = {"task": "one_by_one", "backend": "ChunkedEventDataFrame", "seed": seed}
    title = f"chunked frame, one by one, {rows:,} events"
    tell(f"{title} ...")
    replies = sides.take_turns(turns, request | {"rows": rows}, request | {"rows": rows})
    _must_hold(replies, rows)
    ours, peer = replies.rates(rows, name="ingest_seconds")
    yield Result(title, _UNIT, ours, peer, Better.HIGHER, at_least_times_the_peer(30), _SHAPE, quoted=8_700)
    yield Result(f"{title}, and read back", _UNIT, *replies.rates(rows), Better.HIGHER)

    request = {"task": "resident", "backend": "ChunkedEventDataFrame", "seed": seed}
    for count, goal in ((rows, None), (20_000 if quick else 1_000_000, at_most(100))):
        title = f"chunked frame, resident memory a row, {count:,} events"
        tell(f"{title} ...")
        replies = sides.ask_afresh(request | {"rows": count}, None if goal else request | {"rows": count})
        ours, peer = replies.median("bytes_a_row")
        note = "growth of a fresh process, divided by its rows"
        yield Result(title, "B", ours, peer, goal=goal, note=note, quoted=6_900)


def _pandas_frames(sides: Sides, seed: int, quick: bool) -> Iterator[Result]:  # noqa: FBT001
    half, whole, turns = (1_000, 2_000, 1) if quick else (20_000, 40_000, 3)
    request = {"task": "one_by_one", "backend": "EventDataFrame", "seed": seed}
    title = f"pandas frame, one by one, {whole:,} events, and read back"
    tell(f"{title} ...")
    whole_replies = sides.take_turns(turns, request | {"rows": whole})
    half_replies = sides.take_turns(turns, request | {"rows": half})
    whole_replies.peer = sides.take_turns(1, None, request | {"rows": whole}).peer
    _must_hold(whole_replies, whole)
    ours, peer = whole_replies.rates(whole)
    note = f"{_SHAPE}; the peer, whose time grows with the square, once"
    yield Result(title, _UNIT, ours, peer, Better.HIGHER, at_least_times_the_peer(300), note, quoted=288)

    (long, _), (short, _) = whole_replies.median("seconds"), half_replies.median("seconds")
    grown = long / short if long and short else None
    yield Result("pandas frame, time for twice the events", "times", grown, goal=at_most(2.5))


def _must_hold(replies: Replies, rows: int) -> None:
    """Drop the figures of a side whose frames do not hold the rows that it was given."""
    for kept in (replies.ours, replies.peer):
        if any(reply["rows"] != rows for reply in kept):
            tell(f"refused: frames with {kept[0]['rows']:,} rows of {rows:,}")
            kept.clear()


def _stalls(sides: Sides, seed: int, quick: bool) -> Iterator[Result]:  # noqa: FBT001
    rows, seconds, turns = (5_000, 1, 1) if quick else (400_000, 5, 3)
    title = f"an ingest while saving, p99.9, {rows * VARIABLES:,} values learned"
    tell(f"{title} ...")
    request = {"task": "stalls", "rows": rows, "seed": seed, "seconds": seconds, "rate": 1_000}
    replies = sides.take_turns(turns, request, request, warm_up=False)
    ours, peer = replies.median("call_p999_ms")
    saves = [f"{reply['repeats']} saves" for reply in (*replies.ours, *replies.peer)]
    note = f"1,000 ingests a second while another thread saves without a pause ({', '.join(saves)})"
    yield Result(title, "ms", ours, peer, goal=at_most(20), note=note, quoted=910)
    ours, peer = replies.median("p999_ms")
    yield Result("the same, with the wait of ingests that were due while others were stuck", "ms", ours, peer)
    ours, peer = replies.median("worst_ms")
    yield Result("the longest of these waits", "ms", ours, peer)


def _distinct_values(sides: Sides, seed: int, quick: bool) -> Iterator[Result]:  # noqa: FBT001
    del seed  # the values are numbered
    values = 100_000 if quick else 10_000_000
    tell(f"{values:,} distinct values in one variable ...")
    replies = sides.ask_afresh({"task": "distinct", "values": values, "probes": 100_000})
    reply = replies.ours[0] if replies.ours else {}
    for count, megabytes in reply.get("resident_mb", ()):
        yield Result(f"{count:,.0f} distinct values in one variable, resident memory", "MB", megabytes)
    marks = [megabytes for _, megabytes in reply.get("resident_mb", ())]
    grown = marks[-1] - marks[0] if marks else None
    note = "flat: nine times as many values more would need a gigabyte if they were kept"
    yield Result("growth from a tenth of them to all", "MB", grown, goal=at_most(50), note=note)
    ours, _ = replies.rates(values)
    yield Result("of these, learned in batches", "values/s", ours, None, Better.HIGHER)
    mistaken = reply.get("mistaken_share")
    yield Result("new values taken for known ones (the filter's rate)", "share", mistaken)
    forgotten = reply.get("forgotten_share")
    yield Result("known values taken for new ones", "share", forgotten, goal=at_most(0))
    counted = reply.get("counted")
    error = None if counted is None else abs(counted / values - 1)
    yield Result("error of the number of distinct values", "share", error)
