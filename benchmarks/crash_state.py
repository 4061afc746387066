"""Kills processes that save their learned state, and looks at what is left; ours and the peer's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.result import Better, Result, at_least, at_most
from benchmarks.sides import Sides, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peer import Peer

__all__ = ["run"]

_MODULE = "benchmarks.crash_state_worker"
_KILLS_A_REQUEST = 50
_PEER_KILLS = 50


def run(peer: Peer | None, *, seed: int, quick: bool, kills: int | None = None) -> Iterator[Result]:
    """Kill a life of each side again and again.

    Args:
        peer: The installed peer, or `None`: then its figure is quoted.
        seed: Makes the events and the moments.
        quick: 20 kills of each.
        kills: How many of ours; the peer gets at most 50.

    Yields:
        The lines of the benchmark.
    """
    wanted = kills or (20 if quick else 1_000)
    with Sides(_MODULE, peer) as sides:
        ours = _kill(sides, "ours", wanted, seed)
        theirs = _kill(sides, "peer", min(wanted, _PEER_KILLS), seed) if peer else Counter()
    yield from _results(ours, theirs)


def _kill(sides: Sides, side: str, kills: int, seed: int) -> Counter[str]:
    """Kill in portions, so that people see how far it is."""
    tally: Counter[str] = Counter()
    portion = 0
    while tally["kills"] < kills:
        portion += 1
        request: dict[str, Any] = {"task": "kill", "kills": min(_KILLS_A_REQUEST, kills - tally["kills"])}
        request["seed"] = seed * 1_000 + portion
        replies = sides.take_turns(1, *((request, None) if side == "ours" else (None, request)))
        if not (kept := replies.ours or replies.peer):
            return Counter()
        reply = kept[0]
        if not reply.pop("steady"):
            tell(f"{side}: a state is not the same after a save and a load, without any kill")
        tally.update(reply)
        tell(f"{side}: {tally['consistent']:,} consistent of {tally['kills']:,} kills")
    return tally


def _results(ours: Counter[str], peer: Counter[str]) -> Iterator[Result]:
    def figures(name: str) -> tuple[float | None, float | None]:
        return (ours[name] if ours["kills"] else None), (peer[name] if peer["kills"] else None)

    def share(tally: Counter[str]) -> float | None:
        return tally["consistent"] / tally["kills"] if tally["kills"] else None

    yield Result("kills of a process that saves", "kills", *figures("kills"), Better.HIGHER)
    yield Result("of these, while a save was under way", "kills", *figures("while_saving"), Better.HIGHER)
    yield Result("saves that had ended before", "saves", *figures("saves"), Better.HIGHER)
    yield Result("reloads that were consistent", "reloads", *figures("consistent"), Better.HIGHER)
    note = (
        "consistent: equal to the state after the last step whose save had ended, or after the one whose "
        "save was under way; steps of a memory that was never interrupted"
    )
    title = "share of reloads that were consistent"
    yield Result(title, "", share(ours), share(peer), Better.HIGHER, at_least(1.0), note, quoted=2 / 50)
    yield Result("reloads that failed", "reloads", *figures("unreadable"), goal=at_most(0))
    yield Result("reloads of a state that never was", "reloads", *figures("mixed"), goal=at_most(0))
    title = "reloads of a state older than a save that had ended"
    yield Result(title, "reloads", *figures("lost"), goal=at_most(0))
