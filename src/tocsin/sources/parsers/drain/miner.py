"""A tree with its masks: from the text of a message to its template and variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tocsin.sources.parsers.drain.masking import PatternMasker, WordMasker
from tocsin.sources.parsers.drain.state import read_state, write_state
from tocsin.sources.parsers.drain.tree import DrainTree, event_id_of
from tocsin.sources.parsers.parameters import Parameter, between, choice, flag, optional, texts, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.sources.parsers.drain.masking import Masker

__all__ = ["DRAIN_PARAMETERS", "LONGEST_CONTENT", "MOST_WORDS", "OTHER", "TemplateMiner"]

LONGEST_CONTENT = 4096
"""Characters of a message that its template is made of."""

MOST_WORDS = 256
"""Words of a message that its template is made of."""

OTHER = "other"
"""What lines share that have no template when no more may be learned; see `event_id_of`."""


def _expressions(value: Any) -> tuple[str, ...]:
    patterns = texts(value)
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"regular expressions; {pattern!r} is none: {error}") from error
    return patterns


DRAIN_PARAMETERS = {
    "depth": Parameter(5, whole(3, 32), "depth of the tree: `depth - 3` first words lead to a leaf"),
    "similarity": Parameter(0.5, between(0, 1), "share of words that a line has in common with its template"),
    "max_children": Parameter(100, whole(2, 100_000), "how many words a node of the tree tells apart"),
    "max_clusters": Parameter(10_000, whole(1, 1_000_000), "how many templates are learned at most"),
    "masks": Parameter(
        None,
        optional(_expressions),
        "regular expressions whose matches are variable; without it numbers, addresses and ids are",
    ),
    "count_masked": Parameter(
        default=False,
        check=flag,
        meaning="whether variable words count as different ones, as in the paper, or not at all",
    ),
    "variables": Parameter(
        "varying",
        choice("varying", "all"),
        "which words are variables: those that vary, numbered as they were found to; or all, by their place",
    ),
}


class TemplateMiner:
    """Learns the templates of messages.

    Args:
        settings: Values for all of `DRAIN_PARAMETERS`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        masks = settings["masks"]
        self._settings = {**settings, "masks": None if masks is None else list(masks)}
        self._meaning = {name: self._settings[name] for name in ("depth", "masks", "variables")}
        self._masker: Masker = (
            WordMasker() if masks is None else PatternMasker([re.compile(one) for one in masks])
        )
        self._tree = self._new_tree()
        self._all_words = settings["variables"] == "all"
        self._dumped: tuple[int, bytes] | None = None

    def _new_tree(self) -> DrainTree:
        names = ("depth", "similarity", "max_children", "max_clusters", "count_masked")
        return DrainTree(**{name: self._settings[name] for name in names})

    @property
    def templates(self) -> dict[str, str]:
        """The templates learned so far, by EventID."""
        return {one.event_id: one.template for one in self._tree.clusters.values()}

    def read(self, group: str, content: str) -> tuple[str, str, list[Any]]:
        """Give EventID, template and variables of a message, after learning from it.

        Args:
            group: What messages must have in common beside their words, such as the program.
            content: The message; of a longer one the first `LONGEST_CONTENT` characters and
                `MOST_WORDS` words count.
        """
        if len(content) > LONGEST_CONTENT:
            content = content[:LONGEST_CONTENT]
        words, originals = self._masker.split(content)
        if len(words) > MOST_WORDS:
            words, originals = words[:MOST_WORDS], originals[:MOST_WORDS]
        cluster = self._tree.find(group, words)
        if cluster is None:
            return event_id_of(OTHER), "<*>", [content]
        values = list(originals) if self._all_words else cluster.values(originals)
        return cluster.event_id, cluster.template, values

    def dump(self) -> bytes:
        """Give the templates as data."""
        if self._dumped is None or self._dumped[0] != self._tree.version:
            state = write_state(self._tree.clusters.values(), self._meaning)
            self._dumped = (self._tree.version, state)
        return self._dumped[1]

    def load_state(self, content: bytes) -> None:
        """Go on with templates that `dump` gave, and forget those learned so far.

        Raises:
            ValueError: The content is something else, or was made with other settings.
        """
        tree = self._new_tree()
        for cluster in read_state(content, self._meaning):
            tree.add(cluster)
        self._tree = tree
        self._dumped = None
