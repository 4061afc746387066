"""How fast events are stored, refused and deleted: steps of the benchmark of the event storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.idea_events import BATCH_EVENTS
from benchmarks.result import Better, Result, at_least, at_least_times_the_peer, at_most
from benchmarks.sides import Replies, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.eventstore_bench import Bench

__all__ = ["duplicates", "fills", "inserts", "inserts_into_full", "retention", "sqlite_inserts"]

_RATE = "events/s"
_INSERT_LIMIT = "one processor: a third of the time is reading the message, half SQLite's, a tenth commits"
_RETENTION_LIMIT = (
    "ids, addresses, hosts and ports are deleted row by row, and the files of whole months given back, after"
    " no search finds the events any more; the peer's deletion gives nothing back"
)
_STEP_LIMIT = "the disk, which a step between the deletions waits for without the lock"
# Connects, and loads what a process needs once.
_KNOCK = {"task": "tell", "operation": "search", "query": [{"source_addrs": ["192.0.2.1"]}]}


def inserts(bench: Bench) -> Iterator[Result]:
    """PostgreSQL, an empty store: many at once, one by one, and what the text index costs."""
    sizes = bench.sizes
    ours, peer = bench.store("postgresql plain"), bench.peer_store("postgresql plain")
    text = bench.store("postgresql text", text_index=True)
    bench.create(ours, peer)
    bench.create(text)
    request: dict[str, Any] = {"task": "insert", "path": str(bench.path)}
    for way, title, count, peer_count, goal in (
        ("insert", "insert_events, PostgreSQL", sizes.ours, sizes.peer, at_least_times_the_peer(5)),
        ("insert_each", "insert_event, PostgreSQL, a commit each", sizes.each, sizes.each, None),
    ):
        tell(f"{title} ...")
        asked = request | {"way": way, "count": count}
        theirs = peer and peer | request | {"way": way, "count": peer_count}
        rates = bench.sides.take_turns(sizes.turns, ours | asked, theirs).rates(count, peer_count)
        note = f"from JSON text, full typing; {BATCH_EVENTS:,} events a batch, the peer's 500 a commit"
        yield Result(title, _RATE, *rates, Better.HIGHER, goal, note if goal else "")
        tell(f"{title}, with a text index ...")
        replies = bench.sides.take_turns(sizes.turns, text | asked)
        indexed, _ = replies.rates(count)
        yield Result(f"{title}, with a text index", _RATE, indexed, rates[1], Better.HIGHER)


def sqlite_inserts(bench: Bench) -> Iterator[Result]:
    """SQLite: with a text index, and one by one; without one the store to be searched is filled."""
    sizes = bench.sizes
    request: dict[str, Any] = {"task": "insert", "path": str(bench.path)}
    text, plain = bench.store("sqlite text", text_index=True), bench.store("sqlite plain")
    bench.create(text)
    bench.create(plain)
    count = sizes.text // (sizes.turns + 1)
    tell("insert_events, SQLite ...")
    for store, title, goal in (
        (plain, "insert_events, SQLite", 15_000),
        (text, "insert_events, SQLite, with a text index", 10_000),
    ):
        replies = bench.sides.take_turns(sizes.turns, store | request | {"way": "insert", "count": count})
        rate = replies.rates(count)[0]
        yield Result(title, _RATE, rate, None, Better.HIGHER, at_least(goal), limit=_INSERT_LIMIT)
    replies = bench.sides.take_turns(
        sizes.turns, plain | request | {"way": "insert_each", "count": sizes.each}
    )
    title = "insert_event, SQLite, a commit each"
    yield Result(title, _RATE, replies.rates(sizes.each)[0], None, Better.HIGHER)


def fills(bench: Bench) -> Iterator[Result]:
    """Fill what is searched."""
    sizes = bench.sizes
    ours, peer = bench.store("postgresql full"), bench.peer_store("postgresql full")
    lite = bench.store("sqlite full")
    bench.create(ours, peer, indexes=False)
    bench.create(lite)
    fill: dict[str, Any] = {"task": "fill", "path": str(bench.path), "count": sizes.events}
    for store, title in (
        (ours, f"{sizes.events:,} events into PostgreSQL"),
        (lite, f"{sizes.events:,} events into SQLite"),
    ):
        tell(f"{title} ...")
        replies = bench.sides.take_turns(1, store | fill)
        yield Result(title, _RATE, replies.rates(sizes.events)[0], None, Better.HIGHER)
    if peer:
        tell("the same into the peer's store, by COPY ...")
        if bench.sides.take_turns(1, None, peer | fill).peer:
            share = bench.share_of_equal_rows("postgresql plain", "postgresql full", sizes.peer)
            yield Result("rows of the peer's COPY that are as its own insert makes them", "share", share)
    bench.settle("postgresql full")
    sizes_on_disk = bench.bytes_an_event("postgresql full"), bench.bytes_an_event("peer postgresql full")
    yield Result("an event in PostgreSQL, with its indexes", "B", *sizes_on_disk)


def inserts_into_full(bench: Bench) -> Iterator[Result]:
    """Insert into stores whose indexes are large; the stores differ from then on."""
    sizes = bench.sizes
    ours, peer = bench.store("postgresql full"), bench.peer_store("postgresql full")
    title = f"insert_events, PostgreSQL with {sizes.events:,} events"
    tell(f"{title} ...")
    insert: dict[str, Any] = {"task": "insert", "path": str(bench.path), "way": "insert"}
    replies = bench.sides.take_turns(
        sizes.turns,
        ours | insert | {"count": sizes.later},
        peer and peer | insert | {"count": sizes.peer // 2},
    )
    yield Result(title, _RATE, *replies.rates(sizes.later, sizes.peer // 2), Better.HIGHER)


def duplicates(bench: Bench) -> Iterator[Result]:
    """Insert events that are there."""
    sizes = bench.sizes
    peer = bench.peer_store("postgresql full")
    again: dict[str, Any] = {"task": "again", "path": str(bench.path)}
    for name, theirs in (("postgresql full", peer), ("sqlite full", None)):
        title = f"events that are there already, {'PostgreSQL' if theirs or 'post' in name else 'SQLite'}"
        tell(f"{title} ...")
        replies = bench.sides.take_turns(
            sizes.turns,
            bench.store(name) | again | {"count": sizes.ours},
            theirs and theirs | again | {"count": sizes.each},
        )
        note = "the peer has no insert that goes on after one: each fails on its own" if theirs else ""
        yield Result(title, _RATE, *replies.rates(sizes.ours, sizes.each), Better.HIGHER, note=note)


def retention(bench: Bench) -> Iterator[Result]:
    """Delete the oldest events, each time from copies of the stores."""
    old = bench.sizes.old
    request = {"task": "tell", "operation": "retain", "query": [old]}
    for name, where in (("postgresql full", "PostgreSQL"), ("sqlite full", "SQLite")):
        title = f"retention of {old:,} events, {where}"
        answers = Replies()
        for turn in range(bench.sizes.turns):
            tell(f"{title}, {turn + 1} of {bench.sizes.turns} ...")
            ours, peer = bench.copies(name)
            bench.sides.take_turns(1, ours | _KNOCK, peer and peer | _KNOCK)
            replies = bench.sides.take_turns(1, ours | request, peer and peer | request)
            for kept, more in ((answers.ours, replies.ours), (answers.peer, replies.peer)):
                kept += [reply["answer"] for reply in more if reply["answer"]["count"] == old]
        goal = at_least_times_the_peer(10) if peer else None
        mine, theirs = answers.median("seconds")
        yield Result(title, "s", mine, theirs, goal=goal, limit=_RETENTION_LIMIT)
        mine, theirs = answers.median("gone")
        # As far as the peer's deletion goes: the rows stay in its files until the server has swept them up.
        yield Result(f"{title}: until no search finds them", "s", mine, theirs, goal=goal)
        mine, theirs = (seconds and seconds * 1e3 for seconds in answers.median("longest"))
        title = f"the longest step of it, {where}"
        yield Result(title, "ms", mine, theirs, goal=at_most(100), limit=_STEP_LIMIT)
