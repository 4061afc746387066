"""Templates, learned line by line: Drain's tree of fixed depth.

After He, Zhu, Zheng, Lyu: Drain, an online log parsing approach with fixed depth tree (ICWS 2017). A line
goes down the tree by its number of words and its first words to a leaf; there it joins the most similar
template, or becomes a new one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from operator import eq
from typing import TYPE_CHECKING

from tocsin.sources.parsers.drain.masking import WILDCARD

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_IN_A_LEAF", "Cluster", "DrainTree", "event_id_of"]

MOST_IN_A_LEAF = 500
"""Templates; a line is compared with all of its leaf, so that a log of random words would take for ever."""

_ID_DIGITS = 8


def event_id_of(*parts: str) -> str:
    """Give the EventID of a template: made from the text, so that it is the same everywhere.

    >>> event_id_of("took", "<*>", "ms")
    'Eb21962a7'
    """
    content = "\0".join(parts).encode("utf-8", "surrogatepass")
    return "E" + hashlib.blake2b(content, digest_size=_ID_DIGITS // 2).hexdigest()


@dataclass(slots=True, eq=False)
class Cluster:
    """Lines of one template.

    Attributes:
        event_id: Made from group and words of the first line; stays when the template generalises.
        group: What lines must have in common beside the template, such as the program's name.
        path: The way from the group to the leaf: number of words, first words.
        words: The template's words now.
        places: The places of the variable words, in the order in which they were found to be variable:
            a variable keeps its number for good.
        template: The template as text.
        constants: The words, `None` for those that are variable altogether.
        variable: How many these are.
        cuts: For each place, where in its word the variable begins and ends.
    """

    event_id: str
    group: str
    path: tuple[str, ...]
    words: list[str]
    places: list[int] = field(default_factory=list)
    template: str = ""
    constants: list[str | None] = field(default_factory=list)
    variable: int = 0
    cuts: list[tuple[int, int, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        variable = [place for place, word in enumerate(self.words) if WILDCARD in word]
        self.places += [place for place in variable if place not in self.places]
        self._show()

    def generalise(self, words: Sequence[str]) -> bool:
        """Make every word variable in which a line differs; give whether there was one."""
        changed = False
        for place, (mine, other) in enumerate(zip(self.words, words, strict=True)):
            if mine not in (other, WILDCARD):
                self.words[place] = WILDCARD
                changed = True
                if place not in self.places:
                    self.places.append(place)
        if changed:
            self._show()
        return changed

    def values(self, originals: Sequence[str]) -> list[str]:
        """Give the variables of a line of this template."""
        return [originals[place][start:stop] for place, start, stop in self.cuts]

    def _show(self) -> None:
        """Work out text and cuts: within a word, all from its first to its last `<*>` is one variable."""
        shown = list(self.words)
        self.cuts = []
        for place in self.places:
            before, _, rest = self.words[place].partition(WILDCARD)
            after = rest.rpartition(WILDCARD)[2]
            shown[place] = before + WILDCARD + after
            self.cuts.append((place, len(before), -len(after) or None))
        self.template = " ".join(shown)
        self.constants = [None if word == WILDCARD else word for word in self.words]
        self.variable = self.constants.count(None)


class _Leaf:
    __slots__ = ("clusters", "version")

    def __init__(self) -> None:
        self.clusters: list[Cluster] = []
        self.version = 0


class DrainTree:
    """Finds the template of a line, or learns it.

    Args:
        depth: Of the tree, as the paper counts: `depth - 3` first words lead to a leaf.
        similarity: How much of a template's words a line must share at least, 0 to 1.
        max_children: How many different words a node tells apart; the others share `<*>`.
        max_clusters: How many templates are learned at most.
        count_masked: Whether masked words of a line count as words that it does not share, as in the
            paper; else they do not count at all.
    """

    def __init__(
        self, depth: int, similarity: float, max_children: int, max_clusters: int, *, count_masked: bool
    ) -> None:
        self._first_words = depth - 3
        self._similarity = similarity
        self._max_children = max_children
        self._max_clusters = max_clusters
        self._count_masked = count_masked
        self._children: dict[_Place, set[str]] = {}
        self._leaves: dict[_Place, _Leaf] = {}
        self._recent: dict[_Place, tuple[Cluster, _Leaf, int]] = {}
        self.clusters: dict[str, Cluster] = {}
        self.version = 0

    def find(self, group: str, words: tuple[str, ...]) -> Cluster | None:
        """Give the template of a line, after learning from it.

        Args:
            group: Lines of different groups have different templates.
            words: The line's words, masked.

        Returns:
            The template; `None` when the line has none of those known and no more may be learned.
        """
        recent = self._recent.get((group, words))
        if recent is not None:
            cluster, leaf, version = recent
            if leaf.version == version:
                return cluster
        return self._find(group, words)

    def _find(self, group: str, words: tuple[str, ...]) -> Cluster | None:
        path = self._route(group, words)
        leaf = None if path is None else self._leaves.get((group, path))
        cluster = None if leaf is None else self._most_similar(leaf, words)
        if leaf is None or cluster is None:
            is_full = leaf is not None and len(leaf.clusters) >= MOST_IN_A_LEAF
            if is_full or len(self.clusters) >= self._max_clusters:
                return None
            cluster = self._new_cluster(group, words)
            leaf = self.add(cluster)
        elif cluster.generalise(words):
            leaf.version += 1
            self.version += 1
        if sum(map(len, words)) <= _LONGEST_REMEMBERED:
            if len(self._recent) >= _REMEMBERED:
                self._recent.clear()
            self._recent[group, words] = (cluster, leaf, leaf.version)
        return cluster

    def add(self, cluster: Cluster) -> _Leaf:
        """Put a template at its place in the tree."""
        group, path = cluster.group, cluster.path
        for depth in range(1, len(path)):
            self._children.setdefault((group, path[:depth]), set()).add(path[depth])
        leaf = self._leaves.setdefault((group, path), _Leaf())
        leaf.clusters.append(cluster)
        leaf.version += 1
        self.version += 1
        self.clusters[cluster.event_id] = cluster
        return leaf

    def _route(self, group: str, words: tuple[str, ...]) -> tuple[str, ...] | None:
        """Give the way to the leaf of a line, `None` when there is none yet."""
        path: tuple[str, ...] = (str(len(words)),)
        for word in words[: self._first_words]:
            children = self._children.get((group, path), _NO_CHILDREN)
            if word in children:
                path = (*path, word)
            elif WILDCARD in children:
                path = (*path, WILDCARD)
            else:
                return None
        return path

    def _new_path(self, group: str, words: tuple[str, ...]) -> tuple[str, ...]:
        """Give the way to the leaf that a line founds: numbers and too many words share a child."""
        path: tuple[str, ...] = (str(len(words)),)
        for word in words[: self._first_words]:
            children = self._children.get((group, path), _NO_CHILDREN)
            # One place is kept for the shared child.
            room = len(children) + (WILDCARD not in children) < self._max_children
            own = word in children or (room and not any(map(str.isdecimal, word)))
            path = (*path, word if own else WILDCARD)
        return path

    def _most_similar(self, leaf: _Leaf, words: tuple[str, ...]) -> Cluster | None:
        """Find the template that shares most words with a line, and of these the most general one."""
        best, best_rank = None, (-1, -1)
        for cluster in leaf.clusters:
            rank = (sum(map(eq, cluster.constants, words)), cluster.variable)
            if rank > best_rank:
                best, best_rank = cluster, rank
        telling = len(words) if self._count_masked else len(words) - words.count(WILDCARD)
        if best_rank[0] >= self._similarity * telling and telling:
            return best
        # A template that is mostly variable shares too little even with its own lines.
        return next((one for one in leaf.clusters if tuple(one.words) == words), None)

    def _new_cluster(self, group: str, words: tuple[str, ...]) -> Cluster:
        event_id = event_id_of(group, *words)
        salt = 0
        while event_id in self.clusters:
            salt += 1
            event_id = event_id_of(group, *words, str(salt))
        return Cluster(event_id, group, self._new_path(group, words), list(words))


_Place = tuple[str, tuple[str, ...]]
_NO_CHILDREN: frozenset[str] = frozenset()
_REMEMBERED = 16_384  # lines
_LONGEST_REMEMBERED = 512  # characters
