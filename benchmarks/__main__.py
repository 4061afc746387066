"""The command line: `python -m benchmarks series|pipeline|crash [--json]`, from the repository's root."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.peer import Peer, PeerUnavailableError, find_peer
from benchmarks.process import CommandFailedError
from benchmarks.result import document, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.result import Result

__all__ = ["main"]

_BENCHMARKS = {
    "series": "how fast points are judged, against the peer",
    "pipeline": "how long whole runs take, against the peer",
    "crash": "kill -9 at random moments: is the memory that of an uninterrupted run?",
}
_NO_PEER = frozenset({"crash"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark and give the exit code: 1 when something could not be measured.

    A missed goal is a finding, not a failure.
    """
    options = _parser().parse_args(arguments)
    peer = None if options.no_peer or options.benchmark in _NO_PEER else _find_peer()
    module = importlib.import_module(f"benchmarks.{options.benchmark}")
    found: Iterator[Result] = module.run(peer, seed=options.seed, quick=options.quick)
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
    return parser


def _find_peer() -> Peer | None:
    try:
        return find_peer()
    except PeerUnavailableError as error:
        print(error, file=sys.stderr)
        return None


if __name__ == "__main__":
    sys.exit(main())
