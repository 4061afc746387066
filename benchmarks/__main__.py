"""The command line: `python -m benchmarks NAME [--json]`, from the repository's root."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.peer import Peer, PeerUnavailableError, find_event_peer, find_log_peer, find_peer
from benchmarks.process import CommandFailedError
from benchmarks.result import document, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.result import Result

__all__ = ["main"]

_BENCHMARKS = {
    "series": "how fast points are judged, against the peer",
    "pipeline": "how long whole runs take, against the peer",
    "crash": "kill -9 at random moments: is the memory that of an uninterrupted run?",
    "persistency": "what memory per EventID costs, and what event detectors find with it",
    "parsers": "how fast lines become events, and how well Drain groups them",
    "logs": "how long runs over a log take",
    "crash-state": "kill -9 while saving: is what is left one state that was?",
    "eventstore": "how fast events are stored, found and deleted, against the peer",
    "noise": "how many messages people get for how many alerts, with every step of an attack told",
    "watch": "whether one process keeps up with a thousand monitors and a million events",
    "replay": "a day at 1,000 times its speed through `tocsin watch`, killed again and again",
    "crash-events": "kill -9 of writers and of the server: is every acknowledged event there, once?",
}
_PEERS: dict[str, Callable[[], Peer]] = {
    "series": find_peer,
    "pipeline": find_peer,
    "persistency": find_log_peer,
    "parsers": find_log_peer,
    "crash-state": find_log_peer,
    "eventstore": find_event_peer,
    "crash-events": find_event_peer,
}

_OWN_OPTIONS = {"crash-state": ("kills",), "crash-events": ("rounds",)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark and give the exit code: 1 when something could not be measured.

    A missed goal is a finding, not a failure.
    """
    options = _parser().parse_args(arguments)
    find = None if options.no_peer else _PEERS.get(options.benchmark)
    peer = None if find is None else _find_peer(find)
    module = importlib.import_module(f"benchmarks.{options.benchmark.replace('-', '_')}")
    more = {name: getattr(options, name) for name in _OWN_OPTIONS.get(options.benchmark, ())}
    found: Iterator[Result] = module.run(peer, seed=options.seed, quick=options.quick, **more)
    try:
        results = [replace(result, goal=None) if options.quick else result for result in found]
    except CommandFailedError as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        print(table(options.benchmark, results), file=sys.stderr)
        print(document(options.benchmark, results))
    else:
        print(table(options.benchmark, results))
    return 1 if any(result.ours is None for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "benchmark", choices=_BENCHMARKS, help="; ".join(f"{k}: {v}" for k, v in _BENCHMARKS.items())
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on stdout; the table goes to stderr"
    )
    parser.add_argument("--seed", type=int, default=1, help="makes the synthetic data (default 1)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes, to try it out; without goals, which need the full ones",
    )
    parser.add_argument("--no-peer", action="store_true", help="leave the peer out; its columns stay empty")
    parser.add_argument(
        "--kills", type=int, default=None, help="crash-state: how often to kill (default 1,000; the peer 50)"
    )
    parser.add_argument(
        "--rounds", type=int, default=None, help="crash-events: how often to kill, each way (default 100)"
    )
    return parser


def _find_peer(find: Callable[[], Peer]) -> Peer | None:
    try:
        return find()
    except PeerUnavailableError as error:
        print(error, file=sys.stderr)
        return None


if __name__ == "__main__":
    sys.exit(main())
