"""How fast lines become events, and how well Drain groups them, paired with the peer and with drain3."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.grouping import grouping_accuracy
from benchmarks.log_lines import make_access_lines, make_lines
from benchmarks.loghub import SYSTEMS, read_contents, read_lines, read_truth
from benchmarks.public_data import data_folder, find_audit_log
from benchmarks.result import Better, Result
from benchmarks.sides import Sides, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peer import Peer

__all__ = ["run"]

_MODULE = "benchmarks.parsers_worker"
_UNIT = "lines/s"


def run(peer: Peer | None, *, seed: int, quick: bool) -> Iterator[Result]:
    """Measure every parser that there are lines for.

    Args:
        peer: The installed peer, with drain3 beside it, or `None`.
        seed: Makes the synthetic lines.
        quick: Each log once, and few of the systems.

    Yields:
        The lines of the benchmark.
    """
    data = data_folder()
    if data is None:
        tell("the public data is not there: set TOCSIN_DATA to its folder; only synthetic lines are parsed")
    with tempfile.TemporaryDirectory() as scratch, Sides(_MODULE, peer) as sides:
        bench = _Bench(sides, Path(scratch), quick=quick)
        yield from bench.synthetic(seed)
        if data is None:
            yield Result("parsers over public logs", _UNIT, None)
            return
        yield from bench.audit()
        yield from bench.windows(data)
        yield from bench.loghub(data)


class _Bench:
    """Gives both sides files of lines."""

    def __init__(self, sides: Sides, folder: Path, *, quick: bool) -> None:
        self._sides = sides
        self._folder = folder
        self._lines_wanted, self._turns = (2_000, 1) if quick else (40_000, 5)
        self._quick = quick

    def synthetic(self, seed: int) -> Iterator[Result]:
        """Measure what has a format but is not among the public logs."""
        lines = list(make_lines(self._lines_wanted, seed))
        yield from self._speed("syslog, synthetic", "syslog", {}, lines)
        access = list(make_access_lines(self._lines_wanted, seed))
        yield from self._speed("nginx_access, synthetic", "nginx_access", {}, access)
        contents = [line.split(": ", 1)[1] for line in lines]
        yield from self._speed("drain, synthetic messages", "drain", {}, contents, "drain")

    def audit(self) -> Iterator[Result]:
        """Measure the parsers for the audit log, one of them as the peer's."""
        audit = find_audit_log()
        if audit is None:
            return
        lines = audit.log.read_text(encoding="utf-8").splitlines()
        yield from self._speed("auditd, audit.log", "auditd", {}, lines)
        templates = [line for line in audit.templates.read_text(encoding="utf-8").splitlines() if line]
        params = {"templates": templates, "header": "type=<Type> msg=audit(<Time>:<Serial>): <Content>"}
        peer_params = {"templates": str(audit.templates)}
        yield from self._speed(
            "templates, audit.log", "templates", params, lines, "templates", peer_params=peer_params
        )

    def windows(self, data: Path) -> Iterator[Result]:
        """Measure JSON lines of Windows events."""
        for archive in sorted((data / "logs" / "windows").glob("*.zip"))[:1]:
            with zipfile.ZipFile(archive) as content:
                text = content.read(content.namelist()[0]).decode("utf-8")
            yield from self._speed("windows_json, Windows events", "windows_json", {}, text.splitlines())

    def loghub(self, data: Path) -> Iterator[Result]:
        """Measure Drain over all systems, and judge its groups beside those of drain3."""
        folder = data / "logs" / "loghub"
        systems = [name for name in SYSTEMS if (folder / name).is_dir()][: 2 if self._quick else None]
        contents = {name: read_contents(folder, name) for name in systems}
        together = [line for lines in contents.values() for line in lines]
        yield from self._speed("drain, messages of loghub", "drain", {}, together, "drain")
        yield from self._speed(
            "drain, messages of loghub, drain3 without values", "drain", {}, together, "drain without values"
        )
        for name in systems:
            yield from self._accuracy(
                name, read_lines(folder, name), contents[name], read_truth(folder, name)
            )

    def _speed(
        self,
        title: str,
        parser: str,
        params: dict[str, Any],
        lines: list[str],
        peer_way: str | None = None,
        peer_params: dict[str, Any] | None = None,
    ) -> Iterator[Result]:
        tell(f"{title} ...")
        copies = max(1, round(self._lines_wanted / len(lines)))
        request = {"task": "parse", "file": self._write(title, lines), "copies": copies}
        theirs = None if peer_way is None else request | {"way": peer_way, "params": peer_params or {}}
        replies = self._sides.take_turns(self._turns, request | {"way": parser, "params": params}, theirs)
        ours, peer = replies.rates(copies * len(lines))
        parsed = replies.ours[0]["parsed"] / len(lines) if replies.ours else 0
        note = f"{copies} copies of {len(lines):,} lines; {parsed:.1%} of them were parsed"
        if replies.peer:
            note += f", by the peer {replies.peer[0]['parsed'] / len(lines):.1%}"
        yield Result(title, _UNIT, ours, peer, Better.HIGHER, note=note)

    def _accuracy(
        self, name: str, lines: list[str], contents: list[str], truth: list[str]
    ) -> Iterator[Result]:
        request = {"task": "parse", "copies": 1, "keep": True}
        messages = request | {"params": {}, "file": self._write(name, contents)}
        replies = self._sides.take_turns(
            1, messages | {"way": "drain"}, messages | {"way": "drain without values"}
        )
        ours, peer = (_judged(kept, truth) for kept in (replies.ours, replies.peer))
        title = f"Drain, grouping accuracy, {name}"
        note = "messages alone; the peer is drain3 as it comes"
        yield Result(f"{title}, as it comes", "", ours, peer, Better.HIGHER, note=note)
        whole = request | {"way": "drain", "params": SYSTEMS[name].params, "file": self._write(title, lines)}
        ours = _judged(self._sides.take_turns(1, whole).ours, truth)
        note = "whole lines; quoted is what was published for Drain"
        title = f"{title}, masks and settings as published"
        yield Result(title, "", ours, None, Better.HIGHER, note=note, quoted=SYSTEMS[name].published)

    def _write(self, name: str, lines: list[str]) -> str:
        path = self._folder / f"{abs(hash(name))}.log"
        path.write_bytes(
            "\n".join(line.replace("\n", " ") for line in lines).encode("utf-8", "surrogateescape")
        )
        return str(path)


def _judged(replies: list[dict[str, Any]], truth: list[str]) -> float | None:
    return grouping_accuracy(replies[0]["groups"], truth) if replies else None
