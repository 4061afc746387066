"""Columns of values that share a dictionary: what a batch is made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tocsin.persistency.values import key_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tocsin.persistency.values import Key

__all__ = ["CodedColumn", "Dictionary", "DistinctCodes"]

_LONG = 1_024


class Dictionary:
    """The different values of columns; a column's codes are indexes into it.

    Args:
        values: Plain values, no two of them the same.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = np.fromiter(values, dtype=object, count=len(values))
        self._scratch = np.empty(len(values), dtype=np.int64)

    @cached_property
    def is_heavy(self) -> bool:
        """Whether there are long texts among the values."""
        return any(len(value) > _LONG for value in self.values if isinstance(value, str | bytes))

    @cached_property
    def _keys_and_codes(self) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
        keys = list(map(key_of, self.values))
        codes = {key: code for code, key in reversed(list(enumerate(keys)))}
        array = np.fromiter(keys, dtype=object, count=len(keys))
        if len(codes) == len(keys):
            return array, None
        return array, np.array([codes[key] for key in keys], dtype=np.int64)

    @property
    def keys(self) -> NDArray[Any]:
        """The keys of the values."""
        return self._keys_and_codes[0]

    def with_one_code_a_key(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give codes in which values with one key (0.0 and -0.0, say) have one code."""
        same = self._keys_and_codes[1]
        return codes if same is None else same[codes]

    def first_places(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give where each code comes first, ascending, in a time that does not depend on the dictionary."""
        places = np.arange(len(codes) - 1, -1, -1)
        self._scratch[codes[::-1]] = places  # of one code, the place that is written last remains
        return np.flatnonzero(self._scratch[codes] == places[::-1])

    def last_places(self, codes: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give for each of some codes where it comes last."""
        self._scratch[codes] = np.arange(len(codes))
        return self._scratch[of]

    def counts(self, codes: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give for each of some codes, which must be all there are, how often it comes."""
        self._scratch[of] = np.arange(len(of))
        return np.bincount(self._scratch[codes], minlength=len(of))


class DistinctCodes:
    """The distinct keys of a column, in order of first occurrence.

    Attributes:
        keys: The keys.
        counts: How often each comes.
        firsts: The row in which each comes first.
        lasts: The row in which each comes last.
    """

    def __init__(self, column: CodedColumn, order: NDArray[np.int64] | None) -> None:
        codes = column.dictionary.with_one_code_a_key(column.codes)
        dictionary = column.dictionary
        self.firsts = dictionary.first_places(codes)
        of = codes[self.firsts]
        self.keys: list[Key] = dictionary.keys[of].tolist()
        self.counts = dictionary.counts(codes, of)
        self._codes, self._of, self._dictionary, self._order = codes, of, dictionary, order

    def earliest_rows(self) -> NDArray[np.int64]:
        """Give for each key its row of the earliest time."""
        if self._order is None:
            return self.firsts
        back = self._order[::-1]
        return back[self._dictionary.last_places(self._codes[back], self._of)]

    def latest_rows(self) -> NDArray[np.int64]:
        """Give for each key its row of the latest time."""
        if self._order is None:
            return self._dictionary.last_places(self._codes, self._of)
        return self._order[self._dictionary.last_places(self._codes[self._order], self._of)]


class CodedColumn(Sequence[Any]):
    """A column of values as codes of a dictionary; a sequence of the values.

    Attributes:
        dictionary: The dictionary.
        codes: A code for each row.
    """

    __slots__ = ("codes", "dictionary")

    def __init__(self, dictionary: Dictionary, codes: NDArray[np.int64]) -> None:
        self.dictionary = dictionary
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> CodedColumn: ...

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return CodedColumn(self.dictionary, self.codes[place])
        return self.dictionary.values[self.codes[place]]

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def tolist(self) -> list[Any]:
        """Give the values."""
        values: list[Any] = self.dictionary.values[self.codes].tolist()
        return values
