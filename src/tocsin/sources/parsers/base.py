"""What all parsers share: lines in, events and rejected lines out, whatever the lines hold."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.errors import ParseError
from tocsin.model import ParsedBatch, ParsedLog, RejectedLine

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.model import RawLines

__all__ = ["LONGEST_REJECTED", "BaseParser", "Learner", "Reading", "clean_line", "continues"]

Reading = tuple[int | str, str, list[Any], dict[str, Any], float | None]
"""EventID, template, positional variables, named variables, Unix seconds or `None`."""

LONGEST_REJECTED = 65_536
"""Characters of a rejected line that are kept."""

_COLOUR = re.compile(r"\x1b\[[0-9;:?]{0,32}[ -/]?[@-~]")
_AROUND = "\0\r\n\ufeff"
# Told from the line alone: where a run or a chunk ends must not change what is made of the next line.
_CONTINUES = re.compile(
    r"\s|Caused by: |Traceback \(most recent call last\):"
    r"|(?:During handling of the above|The above) exception"
    r"|(?:[A-Za-z_$][\w$]{0,99}[.:]{1,2}){0,20}[A-Za-z_$][\w$]{0,99}(?:Exception|Error|Throwable)(?::\s|$)"
    r"|[a-z_]\w{0,99}(?:\.\w{1,99}){0,20}\.[A-Z]\w{0,99}(?::\s|$)"  # a class in a module, as Python names it
)


def clean_line(text: str) -> str:
    r"""Take away what is not of the log: colours, line ends, a byte order mark, the zeros of a sparse file.

    >>> clean_line("\x1b[31mfailed\x1b[0m\r")
    'failed'
    """
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    return text.strip(_AROUND)


def continues(text: str) -> bool:
    """Say whether a line looks as if it continued a record: indented, or a part of a stack trace.

    >>> [continues(text) for text in ("  at Cart.add(Cart.java:7)", "java.io.IOException: closed", "closed")]
    [True, True, False]
    """
    return _CONTINUES.match(text) is not None


class Learner(Protocol):
    """What learns for a parser, and keeps what it has learned."""

    def dump(self) -> bytes | None:
        """Give what was learned."""
        ...

    def load_state(self, content: bytes) -> None:
        """Go on with what `dump` gave; a `ValueError` when it is something else."""
        ...


class BaseParser(ABC):
    """A parser that reads each line by itself.

    Subclasses implement `read_text`; one that learns sets `learner` to what keeps its state, one whose
    records may go over several lines `may_continue`. Threads may not share one.
    """

    learner: Learner | None = None
    may_continue: bool = False

    @abstractmethod
    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a cleaned line that is not blank.

        Args:
            text: The line.
            reference: When it was read at the latest: the year of a time that has none.

        Raises:
            ParseError: The line is not what this parser reads; its message is the reason.
        """

    def dump(self) -> bytes | None:
        """Give what was learned from the lines so far, `None` for a parser that does not learn."""
        return None if self.learner is None else self.learner.dump()

    def load_state(self, content: bytes) -> None:
        """Go on with what `dump` gave.

        Raises:
            ValueError: It is not a state of this parser.
        """
        if self.learner is None:
            raise ValueError(f"{type(self).__name__} keeps no state, but {len(content)} bytes are given")
        self.learner.load_state(content)

    def parse(self, lines: RawLines) -> ParsedBatch:
        """Parse lines; one that fails is among the rejected.

        Blank ones are passed over, and counted those that fail and look as if they continued a record.
        """
        events: list[ParsedLog] = []
        indexes: list[int] = []
        rejected: list[RejectedLine] = []
        continued = 0
        read = self.read_text
        reference = lines.reference
        received = reference.timestamp()
        prefix = lines.file_id + ":"
        offsets = lines.offsets
        for index, text in enumerate(lines.texts):
            cleaned = clean_line(text) if not text.isprintable() else text
            if not cleaned or cleaned.isspace():
                continue
            try:
                event_id, template, variables, named, time = read(cleaned, reference)
            except Exception as error:  # noqa: BLE001 - whatever a line is, it does not stop the run
                if self.may_continue and isinstance(error, ParseError) and continues(cleaned):
                    continued += 1
                    continue
                reason = error.message if isinstance(error, ParseError) else f"the parser failed: {error!r}"
                kept = text[:LONGEST_REJECTED]
                rejected.append(RejectedLine(lines.source, lines.numbers[index], kept, reason))
                continue
            events.append(
                {
                    "EventID": event_id,
                    "template": template,
                    "variables": variables,
                    "logFormatVariables": named,
                    "log": text,
                    "logID": prefix + str(offsets[index]),
                    "receivedTimestamp": received,
                    "parsedTimestamp": time,
                }
            )
            indexes.append(index)
        return ParsedBatch(events, indexes, rejected, continued)

    def parse_line(
        self, text: str, *, file_id: str = "line", offset: int = 0, reference: datetime | None = None
    ) -> ParsedLog:
        """Parse one line, outside of a file.

        Args:
            text: The line, with or without its end.
            file_id: What the file is known by.
            offset: Where the line begins in it.
            reference: When the line was read; without it a time that has no year is unknown.

        Raises:
            ParseError: The line is blank, or not what this parser reads.
        """
        cleaned = clean_line(text)
        if not cleaned or cleaned.isspace():
            raise ParseError("the line is blank")
        event_id, template, variables, named, time = self.read_text(cleaned, reference)
        return ParsedLog(
            EventID=event_id,
            template=template,
            variables=variables,
            logFormatVariables=named,
            log=text,
            logID=f"{file_id}:{offset}",
            receivedTimestamp=0.0 if reference is None else reference.timestamp(),
            parsedTimestamp=time,
        )
