"""How the variables of an event become the names of a row."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Layout", "Layouts"]

_MOST_LAYOUTS = 4096
"""Beyond these many the cache starts afresh: keys of JSON lines can be anything."""


class Layout:
    """The variables of one kind of row.

    Attributes:
        names: What is kept, in order.
        pick: Gives the kept values of a whole row; `None` when all are kept.
    """

    __slots__ = ("names", "pick")

    def __init__(self, names: tuple[str, ...], pick: Callable[[Sequence[Any]], Sequence[Any]] | None) -> None:
        self.names = names
        self.pick = pick


class Layouts:
    """Finds the layout of a row, and leaves out what the blacklist names.

    Args:
        blacklist: Names of named variables, and indexes of positional ones.

    Raises:
        TypeError: Something in the blacklist is neither a text nor an integer.
    """

    def __init__(self, blacklist: Iterable[str | int]) -> None:
        entries = tuple(blacklist)
        wrong = [entry for entry in entries if type(entry) not in {str, int}]
        if isinstance(blacklist, str) or wrong:
            message = (
                f"variable_blacklist is a list of names and indexes, not {wrong[0] if wrong else blacklist!r}"
            )
            raise TypeError(message)
        self.blacklist = entries
        self._names = frozenset(entry for entry in entries if type(entry) is str)
        self._indexes = frozenset(entry for entry in entries if type(entry) is int)
        self._known: dict[tuple[Any, ...], Layout] = {}
        self._named: dict[tuple[str, ...], Layout] = {}
        self._positional: dict[int, Layout] = {}

    def positional(self, count: int) -> Layout:
        """Give the layout of a row of positional variables only."""
        layout = self._positional.get(count)
        if layout is None:
            layout = self._make(count, ())
            if len(self._positional) < _MOST_LAYOUTS:
                self._positional[count] = layout
        return layout

    def named(self, names: tuple[str, ...]) -> Layout:
        """Give the layout of a row of named variables only.

        Raises:
            TypeError: A name is not a text.
        """
        layout = self._named.get(names)
        if layout is None:
            layout = self._make(0, names)
            if len(self._named) >= _MOST_LAYOUTS:
                self._named.clear()
            self._named[names] = layout
        return layout

    def mixed(self, count: int, named: tuple[str, ...]) -> Layout:
        """Give the layout of a row of positional variables, then named ones.

        Raises:
            TypeError: A name is not a text.
            ValueError: A named variable has the name of a positional one.
        """
        layout = self._known.get((count, named))
        if layout is None:
            layout = self._make(count, named)
            if len(self._known) >= _MOST_LAYOUTS:
                self._known.clear()
            self._known[count, named] = layout
        return layout

    def of_names(self, names: tuple[str, ...]) -> Layout:
        """Give the layout that keeps just these names, whatever the blacklist says."""
        layout = self._known.get((-1, names))
        if layout is None:
            if not all(type(name) is str for name in names):
                message = f"the names of variables are texts, not {names!r}"
                raise TypeError(message)
            layout = self._known[-1, names] = Layout(names, None)
        return layout

    def _make(self, count: int, named: tuple[str, ...]) -> Layout:
        positional = tuple(f"var_{index}" for index in range(count))
        for name in named:
            if not isinstance(name, str):
                message = f"the name of a variable is a text, not {name!r}"
                raise TypeError(message)
            if name in positional:
                message = f"the named variable {name!r} has the name of a positional one: rename it"
                raise ValueError(message)
        names = (*positional, *map(str, named))
        kept = [index for index in range(count) if index not in self._indexes]
        kept += [count + place for place, name in enumerate(named) if name not in self._names]
        if len(kept) == len(names):
            return Layout(names, None)
        return Layout(tuple(names[index] for index in kept), _picker(kept))


def _picker(kept: list[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(kept) > 1:
        return itemgetter(*kept)
    return lambda row: [row[index] for index in kept]
