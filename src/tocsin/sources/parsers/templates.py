"""Lines matched against templates that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.sources.parsers.base import BaseParser, Reading
from tocsin.sources.parsers.drain.masking import WILDCARD
from tocsin.sources.parsers.drain.tree import event_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.sources.parsers.drain import TemplateMiner

__all__ = ["Template", "TemplatesParser"]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with `<*>` for its variables.

    Attributes:
        event_id: The EventID of its lines.
        text: The text.
        literals: What stands between the variables.
    """

    event_id: int | str
    text: str
    literals: tuple[str, ...]

    @classmethod
    def from_text(cls, text: str, event_id: int | str | None = None) -> Template:
        """Make a template; without an EventID it gets one that is made from its text."""
        literals = tuple(text.split(WILDCARD))
        return cls(event_id_of(text) if event_id is None else event_id, text, literals)

    @property
    def weight(self) -> tuple[int, int]:
        """How specific it is: many characters of its own, few variables."""
        return sum(map(len, self.literals)), -len(self.literals)

    def values(self, text: str) -> list[str] | None:
        """Give the variables of a line, each as short as can be; `None` when it does not match.

        >>> Template.from_text("<*> logged in from <*>").values("eve logged in from 10.0.0.1")
        ['eve', '10.0.0.1']
        """
        first, *inner = self.literals
        if not inner:
            return [] if text == first else None
        last = inner.pop()
        end = len(text) - len(last)
        if not text.startswith(first) or not text.endswith(last) or end < len(first):
            return None
        values = []
        position = len(first)
        for literal in inner:
            found = text.find(literal, position, end)
            if found < 0:
                return None
            values.append(text[position:found])
            position = found + len(literal)
        values.append(text[position:end])
        return values


class TemplatesParser(BaseParser):
    """Gives each line the most specific of the templates that match it.

    Args:
        templates: The templates.
        miner: Learns templates for the lines that none matches; without it they are rejected.

    >>> parser = TemplatesParser([Template.from_text("<*> logged in"), Template.from_text("root logged in")])
    >>> [parser.parse_line(line)["variables"] for line in ("eve logged in", "root logged in")]
    [['eve'], []]
    """

    def __init__(self, templates: Sequence[Template], miner: TemplateMiner | None = None) -> None:
        self._miner = self.learner = miner
        self._by_word: dict[str, list[Template]] = {}
        self._anywhere: list[Template] = []
        ranked = sorted(templates, key=lambda one: one.weight, reverse=True)
        for template in ranked:
            word, space, _ = template.literals[0].partition(" ")
            if space or len(template.literals) == 1:
                self._by_word.setdefault(word, []).append(template)
            else:
                self._anywhere.append(template)
        rank = {id(template): number for number, template in enumerate(ranked)}
        for word, same_word in self._by_word.items():
            self._by_word[word] = sorted(same_word + self._anywhere, key=lambda one: rank[id(one)])

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a line."""
        del reference  # it has no time
        for template in self._by_word.get(text.partition(" ")[0], self._anywhere):
            values = template.values(text)
            if values is not None:
                return template.event_id, template.text, list(values), {}, None
        if self._miner is None:
            raise ParseError("no template matches the line")
        return *self._miner.read("", text), {}, None
