"""Parsers made of a header and another parser, or of learned templates alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.sources.parsers.base import BaseParser, Reading
from tocsin.sources.parsers.drain.tree import event_id_of
from tocsin.sources.parsers.flatten import free_name
from tocsin.sources.parsers.json_lines import event_id_of_keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.sources.parsers.drain import TemplateMiner
    from tocsin.sources.parsers.header import Header

__all__ = ["DrainParser", "HeadedParser", "RegexParser"]


class DrainParser(BaseParser):
    """Learns the templates of whole lines.

    Args:
        miner: Learns the templates.
    """

    def __init__(self, miner: TemplateMiner) -> None:
        self._miner = self.learner = miner

    @property
    def templates(self) -> dict[str, str]:
        """The templates learned so far, by EventID."""
        return self._miner.templates

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a line."""
        del reference  # it has no time
        return *self._miner.read("", text), {}, None


class HeadedParser(BaseParser):
    """Takes a header off each line, and gives the rest to another parser.

    Args:
        header: The header; its values are named variables.
        inner: Reads the content. Where it names a value as the header does, its own is `name_2`.
    """

    may_continue = True

    def __init__(self, header: Header, inner: BaseParser) -> None:
        self._header = header
        self.inner = self.learner = inner

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a line."""
        named, content, time = self._header.read(text, reference)
        event_id, template, variables, inner_named, inner_time = self.inner.read_text(content, reference)
        for name, value in inner_named.items():
            named[free_name(named, name)] = value
        return event_id, template, variables, named, inner_time if time is None else time


class RegexParser(BaseParser):
    """Reads lines with one regular expression, whose groups are the named variables.

    Args:
        header: The expression.
        pattern: Its text.
        event_id: The groups whose values are the EventID; without any all lines have one EventID.
    """

    may_continue = True

    def __init__(self, header: Header, pattern: str, event_id: Sequence[str]) -> None:
        self._header = header
        self._pattern = pattern
        self._event_id = event_id_of("regex", pattern)
        self._keys = tuple(event_id)

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a line."""
        named, _, time = self._header.read(text, reference)
        if not self._keys:
            return self._event_id, self._pattern, [], named, time
        event_id = event_id_of_keys(named, self._keys)
        return event_id, " ".join(f"{key}={named[key]}" for key in self._keys), [], named, time
