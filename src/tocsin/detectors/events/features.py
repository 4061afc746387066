"""A backend that keeps one small feature of each variable: a range, its characters, how they follow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tocsin.detectors.events.allowances import ANY
from tocsin.detectors.events.counts import Span
from tocsin.detectors.events.plain_state import PlainStructure, copied
from tocsin.errors import DetectorError
from tocsin.persistency.stability import Classification, Stability
from tocsin.persistency.stability.classification import is_stable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Feature", "FeatureStructure", "Novelties", "occurrences"]

_MOST_PLACES = 4_096
_SEGMENTS = 4


def occurrences(texts: Sequence[str | None]) -> dict[str, tuple[int, int]]:
    """Give for each text its first place and how often it is there, in the order of the places.

    >>> occurrences(["a", None, "b", "a"])
    {'a': (0, 2), 'b': (2, 1)}
    """
    counts = Counter(texts)
    places = dict(zip(reversed(texts), range(len(texts) - 1, -1, -1), strict=True))
    return {text: (places[text], count) for text, count in counts.items() if text is not None}


class Novelties:
    """At which values of a variable its feature had to be widened; the change series of features.

    More than 4,096 are not kept: such a feature is not stable.
    """

    def __init__(self, total: int = 0, count: int = 0, places: Sequence[int] = ()) -> None:
        self.total = total
        self.count = count
        self._places = list(places)

    def add(self, total: int, places: Sequence[int]) -> None:
        """Add values.

        Args:
            total: How many.
            places: Which of them brought something new.
        """
        room = _MOST_PLACES - len(self._places)
        self._places += [self.total + place for place in places[:room]]
        self.count += len(places)
        self.total += total

    def classify(self, min_samples: int) -> Classification:
        """Judge how stable the feature is by the rules of `EventStabilityTracker`."""
        total = self.total
        if total < min_samples:
            return Classification(Stability.INSUFFICIENT_DATA, f"{total} of at least {min_samples} values")
        if self.count <= 1:
            return Classification(Stability.STATIC, f"nothing new after the first of {total} values")
        if self.count == total:
            return Classification(Stability.RANDOM, f"each of {total} values brought something new")
        if self.count > len(self._places):
            return Classification(Stability.UNSTABLE, f"{self.count} of {total} values brought something new")
        borders = [segment * total // _SEGMENTS for segment in range(_SEGMENTS + 1)]
        means = tuple(
            sum(begin <= place < end for place in self._places) / (end - begin) if end > begin else 0.0
            for begin, end in pairwise(borders)
        )
        kind = Stability.STABLE if is_stable(means) else Stability.UNSTABLE
        shares = ", ".join(f"{mean:.3g}" for mean in means)
        return Classification(kind, f"the shares of values with something new in four quarters are {shares}")

    def to_json(self) -> list[Any]:
        """Give it as JSON."""
        return [self.total, self.count, self._places]


class Feature(ABC):
    """What is kept of one variable."""

    def __init__(self) -> None:
        self.span = Span()
        self.novelties = Novelties()

    def add(self, column: Sequence[Any], times: Sequence[int] | None) -> None:
        """Learn values in order, with their times in microseconds."""
        self.span = self.span.plus(len(column), times)
        self.novelties.add(len(column), self.widen(column))

    @abstractmethod
    def widen(self, column: Sequence[Any]) -> list[int]:
        """Learn values in order, and give the places of those that brought something new."""

    @abstractmethod
    def in_words(self) -> dict[str, Any]:
        """Give what `widen` learned as JSON, for people."""

    @abstractmethod
    def state(self) -> Any:
        """Give what `widen` learned as JSON."""

    @abstractmethod
    def take_state(self, state: Any) -> None:
        """Take what `state` gave; raise a `LookupError`, `TypeError` or `ValueError` when it is not that."""

    def copied(self) -> Self:
        """Give an independent copy."""
        other = copied(self)
        other.novelties = copied(self.novelties)
        return other

    def to_json(self) -> list[Any]:
        """Give it as JSON."""
        return [self.span.to_json(), self.novelties.to_json(), self.state()]

    def from_json(self, state: Any) -> Self:
        """Undo `to_json`."""
        span, novelties, own = state
        self.span = Span.from_json(span)
        self.novelties = Novelties(*novelties)
        self.take_state(own)
        return self


class FeatureStructure(PlainStructure):
    """Keeps a feature of each variable of one event.

    A subclass says its `kind` and which feature.

    Args:
        max_variables: How many variables are kept; those that come later are not learned.
        **settings: For the feature.
    """

    feature: ClassVar[type[Feature]]

    def __init__(self, *, max_variables: int = 1_000, **settings: Any) -> None:
        self._max_variables = max_variables
        self._settings = settings
        self._features: dict[str, Feature] = {}

    def add_rows(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Any]], times: Sequence[int] | None
    ) -> None:
        """Learn rows given as columns."""
        for name, column in zip(names, columns, strict=True):
            feature = self._features.get(name)
            if feature is None:
                if len(self._features) >= self._max_variables:
                    continue
                feature = self._features[name] = self.feature(**self._settings)
            feature.add(column, times)

    def get_data(self) -> dict[str, Feature]:
        """Give the feature of each variable."""
        with self._reading():
            return dict(self._features)

    def get_variables(self) -> list[str]:
        """Give the names of the variables, in the order they came."""
        with self._reading():
            return list(self._features)

    def export(self) -> Any:
        """Give the feature of each variable."""
        with self._reading():
            return {
                name: {
                    "total": feature.span.rows,
                    "first": feature.span.first,
                    "last": feature.span.last,
                    **feature.in_words(),
                }
                for name, feature in self._features.items()
            }

    def forget(self, variable: Any = ANY, value: Any = ANY) -> int:
        """Learn a variable anew (`ANY`: each); tell how many were known.

        Raises:
            DetectorError: One value is to be forgotten, and a feature does not know which values made it.
        """
        if value is not ANY:
            raise DetectorError(
                f"{self.kind} keep no single values, so none can be forgotten", hint="forget the variable"
            )
        with self._changing():
            names = [name for name in self._features if variable is ANY or name == variable]
            for name in names:
                del self._features[name]
            return len(names)

    def _copied(self) -> Self:
        other = super()._copied()
        features = {name: feature.copied() for name, feature in self._features.items()}
        other._features = features  # noqa: SLF001 - of the same class
        return other

    def _state(self) -> Any:
        return {name: feature.to_json() for name, feature in self._features.items()}

    def _take_state(self, state: Any, version: int) -> None:  # noqa: ARG002 - there is one so far
        self._features = {
            name: self.feature(**self._settings).from_json(kept) for name, kept in state.items()
        }
