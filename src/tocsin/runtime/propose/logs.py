"""Turns log files into log monitors, by looking at their first lines: for `tocsin init --from x.log`.

The detectors are tried on the sample: they learn from its first part and judge the rest, so that the
proposal says what they would watch and how often they would speak.
"""

from __future__ import annotations

import lzma
import re
import zlib
from dataclasses import dataclass, field
from glob import glob
from itertools import zip_longest
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import yaml

from tocsin.errors import ConfigError
from tocsin.runtime.config.loader import load_project
from tocsin.runtime.create_project import is_project
from tocsin.runtime.propose.paths import written_path
from tocsin.runtime.propose.trial import try_detectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tocsin.model import RawLines

__all__ = ["LogProposal", "holds_idea", "is_log", "propose_logs"]

_TABLES = frozenset({".csv", ".tsv", ".parquet", ".pq"})
_NEITHER = frozenset({".html", ".htm", ".xml", ".yml", ".yaml", ".xls", ".xlsx", ".pdf", ".db", ".sqlite"})
_JSON = frozenset({".json", ".jsonl", ".ndjson"})
_LOG_ENDINGS = _JSON | {".log"}
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst"})
_ROTATED = re.compile(r"[.-]\d{1,8}(?:[T_-]\d{2,6})?$")
_MESSAGE_KEYS = frozenset({"message", "msg", "log", "event", "eventid", "level", "severity"})
_UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError)
_IDEA = re.compile(rb'"Format"\s*:\s*"IDEA')
_IDEA_WITHIN = 1 << 16
_SAMPLE = 20_000
_LINES_FOR_PROPOSAL = 1000
_LINES_FOR_FORMAT = 20  # fewer may look alike by chance
_LONGEST_ROW, _LONGEST_NUMBER = 1000, 40
_DELIMITERS = ";\t|,"
_DEFAULT_TRAIN = 10_000
_DETECTORS = ("new_event", "new_value")


@dataclass(frozen=True, slots=True)
class LogProposal:
    """A log monitor to be written, and why it looks as it does."""

    path: Path
    config: dict[str, Any]
    reason: str
    comments: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def write(self) -> None:
        """Write the monitor's YAML, with the reasons as comments.

        Raises:
            ConfigError: The file is there already, or cannot be written.
        """
        lines: list[str] = []
        for key, value in self.config.items():
            lines.extend(f"# {line}" for line in self.comments.get(key, "").splitlines())
            text = yaml.safe_dump({key: value}, allow_unicode=True, sort_keys=False, width=110)
            lines.append(text.rstrip("\n"))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("x", encoding="utf-8", newline="\n") as file:
                file.write("\n".join(lines) + "\n")
        except FileExistsError:
            hint = "delete it first, or leave the file out"
            raise ConfigError(f"{self.path} is there already", hint=hint) from None
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written ({error.strerror})") from error


def is_log(name: str) -> bool:
    """Tell whether a file (or pattern) is a log: neither a table by its name, nor JSON rows of numbers.

    >>> is_log("access.log"), is_log("syslog.2.gz"), is_log("cpu.csv.gz")
    (True, True, False)
    """
    suffix = _ending(name)
    if suffix in _JSON:
        return _holds_events(name)
    return suffix not in _TABLES | _NEITHER


def holds_idea(path: Path) -> bool:
    """Tell whether a JSON file begins with security events, which are imported and no series."""
    if _ending(path.name) not in _JSON:
        return False
    try:
        with _open(path) as file:
            return _IDEA.search(file.read(_IDEA_WITHIN)) is not None
    except _UNREADABLE:  # whoever reads it next says why
        return False


def _ending(name: str) -> str:
    path = Path(name)
    while path.suffix.lower() in _COMPRESSED:
        path = path.with_suffix("")
    return path.suffix.lower()


def _holds_events(name: str) -> bool:
    import json

    try:
        found = sorted(glob(name, recursive=True))  # noqa: PTH207  # the pattern may be absolute
        with _open(Path(found[0] if found else name)) as file:
            first = json.loads(file.readline(1 << 20))
    except (*_UNREADABLE, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and not _MESSAGE_KEYS.isdisjoint(key.lower() for key in first)


def _open(path: Path) -> IO[bytes]:
    import bz2
    import gzip

    match path.suffix.lower():
        case ".gz":
            return cast("IO[bytes]", gzip.open(path))
        case ".bz2":
            return cast("IO[bytes]", bz2.open(path))
        case ".xz":
            return cast("IO[bytes]", lzma.open(path))
    return path.open("rb")


def propose_logs(
    names: Sequence[str], folder: Path, *, train: int | None, now: datetime
) -> list[LogProposal]:
    """Look at logs and propose a monitor for each; what a rotation left belongs to its log.

    Args:
        names: Files and patterns.
        folder: The project's folder.
        train: From how many lines to learn; found by their number when `None`.
        now: The current instant.

    Raises:
        ConfigError: A file is missing, empty or not text, or the monitor's file is there already.
    """
    logs = folder / (load_project(folder).config.paths.logs if is_project(folder) else "logs")
    proposals = []
    for name, files in _by_log(names).items():
        path = logs / f"{name}.yml"
        if path.exists():
            raise ConfigError(f"{path} is there already", hint="delete it first, or leave the file out")
        proposals.append(_propose(path, name, files, folder, train, now))
    return proposals


def _by_log(names: Sequence[str]) -> dict[str, list[str]]:
    logs: dict[str, list[str]] = {}
    for name in names:
        path = Path(name)
        is_pattern = any(character in name for character in "*?[")
        if not is_pattern and not path.is_file():
            raise ConfigError(
                f"{name} is not a file", hint="after --from all names up to the next option are files"
            )
        stem = re.sub(r"[*?\[\]]", "", path.name)
        while Path(stem).suffix.lower() in _COMPRESSED:
            stem = Path(stem).stem
        stem = _ROTATED.sub("", stem)
        path_of_stem = Path(stem)  # a hidden file's name is no ending
        stem = path_of_stem.stem if path_of_stem.suffix.lower() in _LOG_ENDINGS else stem
        stem = re.sub(r"[^A-Za-z0-9_.:-]+", "_", stem).strip("._:-") or "log"
        logs.setdefault(stem, []).append(name)
    return logs


def _propose(
    path: Path, name: str, files: list[str], folder: Path, train: int | None, now: datetime
) -> LogProposal:
    from tocsin.sources.parsers import PARSER_TYPES, propose_parser

    batches, count, is_all = _sample(files, now)
    texts = [text for lines in batches for text in lines.texts]
    if not texts:
        raise ConfigError(f"{files[0]} has no lines", hint="begin when there are some, or write the YAML")
    parser = propose_parser(texts[:_LINES_FOR_PROPOSAL])
    params = dict(parser.params)
    if "variables" in PARSER_TYPES[parser.type].parameters and (parser.type != "json" or "message" in params):
        # A word that never changed while detectors learned must be watched as well: the only user's name.
        params.setdefault("variables", "all")
    learned, why = _train(train, count, parser.share, is_all=is_all)
    config: dict[str, Any] = {
        "name": name,
        "description": f"{Path(files[0]).name}: {re.split('[:;]', parser.reason)[0]}",
        "source": {"files": [written_path(file, folder) for file in files]},
        "parser": {"type": parser.type, **({"params": params} if params else {})},
        "train": learned,
        "detectors": [{"type": detector} for detector in _DETECTORS],
        "alerting": {"channels": []},
    }
    trial = try_detectors(config, batches, learned)
    config["detectors"] = trial.detectors
    comments = {
        "source": "a pattern such as app.log* also follows what a rotation leaves; see docs/reading-logs.md",
        "parser": parser.reason if parser.has_zone else f"{parser.reason}\n{_zone_words(parser.type)}",
        "train": why,
        "detectors": "\n".join(trial.words),
        "alerting": "name channels of profiles.yml here to be told",
    }
    first = "the first line" if learned == 1 else f"the first {learned:,} lines"
    reason = "; ".join([parser.reason, f"learns from {first}", *trial.summary])
    notes = () if parser.params or parser.type != "drain" else _mixture(path, batches)
    if _is_like_a_table(texts):
        how = "to watch its numbers, give the file the ending .csv, and name it again"
        notes += (f"{path.name}: the lines look like the rows of a table: {how}",)
    return LogProposal(path, config, reason, comments, notes)


def _zone_words(parser: str) -> str:
    where = (
        "header: {pattern: …, timezone: Europe/Berlin}" if parser == "drain" else "timezone: Europe/Berlin"
    )
    return (
        f"times name no zone and are taken as UTC; where that is wrong, add to params, for instance, {where}"
    )


def _is_like_a_table(texts: list[str]) -> bool:
    """Tell whether lines behind the first have as many cells each, and a number in one behind the first."""
    lines = [text[:_LONGEST_ROW] for text in texts[1 : 1 + _LINES_FOR_FORMAT]]
    for delimiter in _DELIMITERS if len(lines) == _LINES_FOR_FORMAT else "":
        columns = list(zip_longest(*(line.split(delimiter) for line in lines)))
        if None not in columns[-1] and any(all(map(_is_number, column)) for column in columns[1:]):
            return True
    return False


def _is_number(cell: str | None) -> bool:
    text = (cell or "").strip().strip('"')
    return len(text) <= _LONGEST_NUMBER and re.fullmatch("[+-]?[0-9.]*[.,]?[0-9]+", text) is not None


def _mixture(path: Path, batches: list[RawLines]) -> tuple[str, ...]:
    """Say which of several files, that together have no format, has one of its own."""
    from tocsin.sources.parsers import propose_parser

    by_file: dict[str, list[str]] = {}
    for lines in batches:
        by_file.setdefault(lines.source, []).extend(lines.texts[:_LINES_FOR_PROPOSAL])
    if len(by_file) == 1:
        return ()
    for file, texts in by_file.items():
        alone = propose_parser(texts[:_LINES_FOR_PROPOSAL])
        if len(texts) >= _LINES_FOR_FORMAT and (alone.params or alone.type != "drain"):
            words = f"{path.name}: {Path(file).name} has a format that others of its files do not have"
            return (f"{words}, and is not read by it: name the files one by one, each is a log then",)
    return ()


def _sample(files: list[str], now: datetime) -> tuple[list[RawLines], int, bool]:
    """Read the first lines; give also how many that are, and whether that is all."""
    from tocsin.sources.log_files import LogFiles

    reader = LogFiles(files, Path.cwd(), unfinished_line_after=0.0)
    batches: list[RawLines] = []
    count = 0
    chunks: Iterator[Any] = reader.read(None, now=now, max_lines=2000)
    for chunk in chunks:
        if count >= _SAMPLE:
            return batches, count, False
        if chunk.lines.texts:
            batches.append(chunk.lines)
            count += len(chunk.lines.texts)
    reasons = [*reader.unreadable, *reader.notes]
    if not count and reasons:
        raise ConfigError(f"nothing can be read: {reasons[0]}")
    return batches, count, True


def _train(given: int | None, count: int, share: float, *, is_all: bool) -> tuple[int, str]:
    """Find from how many lines to learn; those that are no events, such as stack traces, do not count."""
    if given is not None:
        return given, "lines to learn from before judging; as it was asked for"
    if is_all and count < 2 * _DEFAULT_TRAIN:
        events = round(share * count)
        which = f"{count:,} lines there are now" if events == count else f"{events:,} events there are now"
        return max(1, events // 2), f"lines to learn from before judging: half of the {which}"
    return _DEFAULT_TRAIN, "lines to learn from before judging; more, where rare things are normal"
