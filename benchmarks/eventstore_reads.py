"""How fast events are found: steps of the benchmark of the event storage."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.eventstore_bench import milliseconds, share_of_equal_answers
from benchmarks.idea_events import BATCH_EVENTS, address_queries, category_of
from benchmarks.result import Better, Result, at_least_times_the_peer, at_most
from benchmarks.sides import Replies, tell

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from benchmarks.eventstore_bench import Bench

__all__ = ["address_searches", "other_searches", "pages", "reads"]

_PAGE = 100
_COLD_LIMIT = "the processor's empty caches: with them a bare SELECT 1 takes several times as long as without"
_WARM_LIMIT = (
    "the way to the server and back, binding and reading: half of the time; the server works the rest"
)


def address_searches(bench: Bench) -> Iterator[Result]:
    """Single addresses, networks and ranges, each with few events; the peer's on PostgreSQL."""
    sizes = bench.sizes
    kinds = address_queries(bench.path, sizes.events, sizes.queries, bench.seed)
    for kind, addresses in kinds.items():
        title = f"source_addrs, {kind}, {sizes.events:,} events"
        queries: list[list[Any]] = [[{"source_addrs": [address]}] for address in addresses]
        replies = yield from _each_search(bench, title, queries, in_a_row=False)
        yield from _each_search(bench, f"{title}, one after the other", queries, in_a_row=True)
        if replies.ours and replies.peer:
            share = share_of_equal_answers(replies)
            yield Result(f"source_addrs, {kind}, searches that find what the peer finds", "share", share)


def _each_search(
    bench: Bench, title: str, queries: list[list[Any]], *, in_a_row: bool
) -> Generator[Result, None, Replies]:
    """Time searches: each after the garbage collector, which empties the processor's caches, or in a row."""
    tell(f"{title} ...")
    turns, goal = bench.sizes.turns, at_least_times_the_peer(100)
    ours, peer = bench.store("postgresql full"), bench.peer_store("postgresql full")
    ask = {"task": "ask", "operation": "search", "queries": queries, "in_a_row": in_a_row}
    replies = bench.sides.take_turns(turns, ours | ask, peer and peer | ask)
    in_file = bench.sides.take_turns(turns, bench.store("sqlite full") | ask)
    in_file.peer = replies.peer
    found = median(len(answer) for answer in replies.ours[0]["found"]) if replies.ours else 0
    note = f"{len(queries)} searches, each {turns} times; {found:g} events found in the middle"
    limit = _WARM_LIMIT if in_a_row else _COLD_LIMIT
    times = milliseconds(replies, 0.5)
    yield Result(f"{title}, PostgreSQL", "ms", *times, goal=goal, note=note, limit=limit)
    yield Result(f"{title}, PostgreSQL, p95", "ms", *milliseconds(replies, 0.95))
    times = milliseconds(in_file, 0.5)
    title_in_file = f"{title}, SQLite, the peer on PostgreSQL"
    yield Result(title_in_file, "ms", *times, goal=goal, limit="" if in_a_row else _COLD_LIMIT)
    yield Result(f"{title}, SQLite, p95", "ms", *milliseconds(in_file, 0.95))
    return replies


def other_searches(bench: Bench) -> Iterator[Result]:
    """Category and time, counts, top lists and known values."""
    sizes = bench.sizes
    ours, peer = bench.store("postgresql full"), bench.peer_store("postgresql full")
    lite = bench.store("sqlite full")
    week = {"dt_from": "2022-01-17T00:00:00+00:00", "dt_to": "2022-01-24T00:00:00+00:00"}
    rare, common = (
        category_of("AMiner: New status code in Apache Access log."),
        category_of("Wazuh: Web server 400 error code."),
    )
    newest: dict[str, Any] = {"limit": _PAGE, "sortby": "detecttime.desc"}
    operations: tuple[tuple[str, str, list[list[Any]]], ...] = (
        (
            f"a rare category in a week, {_PAGE} newest",
            "search",
            [[{"categories": [rare], **week, **newest}]],
        ),
        (
            f"a common category in a week, {_PAGE} newest",
            "search",
            [[{"categories": [common], **week, **newest}]],
        ),
        ("count_events, a common category in a week", "count", [[{"categories": [common], **week}]]),
        ("count_events, a week", "count", [[week]]),
        ("top 10 categories of a week", "top", [[week, "category"]]),
        ("top 10 categories of all", "top", [[{}, "category"]]),
        ("distinct_values, category", "distinct", [["category"]]),
    )
    for title, operation, queries in operations:
        tell(f"{title} ...")
        ask = {"task": "ask", "operation": operation, "queries": queries * 3}
        replies = bench.sides.take_turns(sizes.turns, ours | ask, peer and peer | ask)
        note = (
            "" if not replies.peer or share_of_equal_answers(replies) == 1 else "the peer finds other events"
        )
        if operation == "search" and note:
            note = (
                "events of one second are in no order at the peer, so that it may show others of the last one"
            )
        yield Result(f"{title}, PostgreSQL", "ms", *milliseconds(replies, 0.5), note=note)
        replies = bench.sides.take_turns(sizes.turns, lite | ask)
        yield Result(f"{title}, SQLite", "ms", milliseconds(replies, 0.5)[0])


def pages(bench: Bench) -> Iterator[Result]:
    """The first page against a deep one: ours by what was last seen, the peer's by its number."""
    sizes = bench.sizes
    peer = bench.peer_store("postgresql full")
    for name in ("postgresql full", "sqlite full"):
        ours, theirs = bench.store(name), peer if name == "postgresql full" else None
        where = "PostgreSQL" if name == "postgresql full" else "SQLite"
        locate = {"task": "tell", "operation": "page_position", "query": [sizes.deep, _PAGE]}
        positions = bench.sides.take_turns(1, ours | locate, theirs and theirs | locate)
        requests = []
        for store, replies in ((ours, positions.ours), (theirs, positions.peer)):
            # By turns, as the machine is not equally fast all the time.
            queries = [[1, _PAGE, at] for at in (None, replies[0]["answer"])] * 5 if replies else []
            ask = {"task": "ask", "operation": "page", "queries": queries}
            requests.append(store | ask if store and replies else None)
        titles = (f"the first page of {_PAGE}", f"page {sizes.deep + 1:,} of {_PAGE}")
        tell(f"{' and '.join(titles)}, {where} ...")
        found = bench.sides.take_turns(sizes.turns, *requests)
        times = []
        for place, title in enumerate(titles):
            of_title = (
                [reply | {"times": reply["times"][place::2]} for reply in replies]
                for replies in (found.ours, found.peer)
            )
            times.append(milliseconds(Replies(*of_title), 0.5))
            yield Result(f"{title}, newest first, {where}", "ms", *times[-1])
        ours_slower, peer_slower = (
            deep / first if deep and first else None for first, deep in zip(*times, strict=True)
        )
        title = f"a deep page takes so many times the first's time, {where}"
        yield Result(title, "times", ours_slower, peer_slower, goal=at_most(1.25))


def reads(bench: Bench) -> Iterator[Result]:
    """All events in the order of their commits."""
    for name, title in (("postgresql full", "PostgreSQL"), ("sqlite full", "SQLite")):
        tell(f"read_since, {title} ...")
        ask = {"task": "ask", "operation": "read_all", "queries": [[BATCH_EVENTS]]}
        replies = bench.sides.take_turns(1, bench.store(name) | ask)
        rate = replies.ours[0]["found"][0] / replies.ours[0]["times"][0] if replies.ours else None
        note = "all events, in portions; the peer has no such reading: its consumers ask by a window of time"
        yield Result(f"read_since, {title}", "events/s", rate, None, Better.HIGHER, note=note)
