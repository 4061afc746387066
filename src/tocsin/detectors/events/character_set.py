"""Characters that a variable never had in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tocsin.detectors.events.expectation import MISSING, Expectation, Finding
from tocsin.detectors.events.feature_detector import FeatureConfig, FeatureDetector
from tocsin.detectors.events.features import Feature, FeatureStructure, occurrences
from tocsin.detectors.events.words import counted, plain, quoted, since

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.persistency.values import EventID

__all__ = [
    "CharacterSetConfig",
    "CharacterSetDetector",
    "CharacterSets",
    "Characters",
    "ranges_of",
    "text_of",
]

_SHOWN = 60
_NEW_SHOWN = 5
_SHORTEST_RANGE = 3


def text_of(value: Any) -> str | None:
    """Give the text of a value: bytes as Latin-1, numbers as Python writes them; `None` has none.

    >>> text_of("a"), text_of(b"a"), text_of(12), text_of(None)
    ('a', 'a', '12', None)
    """
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("latin-1")
    try:
        return str(value)
    except ValueError:  # an integer of too many digits
        return hex(value)


class Characters(Feature):
    """The characters of a variable.

    Args:
        max_characters: How many are kept; a variable with more is not judged.
    """

    def __init__(self, *, max_characters: int = 1_024) -> None:
        super().__init__()
        self.known: set[str] = set()
        self.is_full = False
        self._max = max_characters

    def widen(self, column: Sequence[Any]) -> list[int]:
        """Learn values; those with a new character are new."""
        texts = list(map(text_of, column))
        new = []
        for text, (place, _) in occurrences(texts).items():
            if self.is_full:
                break
            if self.known.issuperset(text):
                continue
            new.append(place)
            self.known.update(text)
            if len(self.known) > self._max:
                self.is_full, self.known = True, set()
        if self.is_full:  # from there on everything may be new
            begin = new[-1] + 1 if new else 0
            new += [place for place in range(begin, len(texts)) if texts[place]]
        return new

    def in_words(self) -> dict[str, Any]:
        """Give the characters as JSON, for people."""
        kept = "too many characters" if self.is_full else ranges_of(self.known)
        return {"kept_as": kept, "values": len(self.known)}

    def state(self) -> Any:
        """Give the characters as JSON."""
        return ["".join(sorted(self.known)), self.is_full]

    def take_state(self, state: Any) -> None:
        """Undo `state`."""
        text, self.is_full = state
        self.known = set(text)


class CharacterSets(FeatureStructure):
    """Keeps the characters of each variable of one event.

    >>> sets = CharacterSets()
    >>> sets.add_data({"path": "/a/b"})
    >>> sorted(sets.get_data()["path"].known)
    ['/', 'a', 'b']
    """

    kind: ClassVar[str] = "character_sets"
    feature: ClassVar[type[Feature]] = Characters


class CharacterSetConfig(FeatureConfig):
    """The configuration of `CharacterSetDetector`.

    Attributes:
        max_characters: How many characters of a variable are remembered; one with more is not judged.
    """

    max_characters: int = Field(default=1_024, ge=1)


class CharacterSetDetector(FeatureDetector):
    """Alerts when a value has a character that its variable never had.

    It remembers the characters of each variable of each event. With `variables: null` those are watched
    whose set of characters was stable, even when their values were all different.

    Args:
        name: What people call it.
        config: A `CharacterSetConfig`, or a mapping of its keys.

    >>> detector = CharacterSetDetector(config={"data_use_training": 100, "variables": ["path"]})
    >>> for number in range(100):
    ...     _ = detector.process({"EventID": "get", "logFormatVariables": {"path": f"/item/{number}"}})
    >>> alert = detector.process({"EventID": "get", "logFormatVariables": {"path": "/item/7;rm"}})
    >>> for part in alert["description"].split("; "):
    ...     print(part)
    path '/item/7;rm' has ';', 'r', never there for event 'get' in 100 events
    expected only '/', '0' to '9', 'e', 'i', 'm', 't'
    """

    type_name: ClassVar[str] = "character_set"
    config_class: ClassVar[type[CharacterSetConfig]] = CharacterSetConfig
    config: CharacterSetConfig
    structure: ClassVar[type[FeatureStructure]] = CharacterSets

    def _feature_settings(self) -> dict[str, Any]:
        return {**super()._feature_settings(), "max_characters": self.config.max_characters}

    def _expectation(self, backend: CharacterSets, event_id: EventID, name: str) -> Expectation | None:
        feature = backend.get_data()[name]
        if not isinstance(feature, Characters) or feature.is_full or not feature.span.rows:
            return None
        allowed = {text_of(value) for value in self._allowances.values_of(event_id, name)}
        return _KnownCharacters(feature, event_id, name, "".join(text or "" for text in allowed))

    def _is_watchable(self, feature: Feature) -> bool:
        return isinstance(feature, Characters) and bool(feature.known)


class _KnownCharacters(Expectation):
    """The characters of a variable, and those of the values that somebody allowed."""

    def __init__(self, feature: Characters, event_id: EventID, name: str, allowed: str) -> None:
        self._feature = feature
        self._known = feature.known.union(allowed)
        self._event_id = event_id
        self._name = name

    def __contains__(self, value: object) -> bool:
        if type(value) is str:
            return self._known.issuperset(value)
        return value is MISSING or self.judge(value, None) is None

    def judge(self, value: Any, time: float | None) -> Finding | None:  # noqa: ARG002 - characters have no time
        text = text_of(value)
        if text is None or self._known.issuperset(text):
            return None
        new = [character for character in dict.fromkeys(text) if character not in self._known]
        feature = self._feature
        shown = ", ".join(quoted(character) for character in new[:_NEW_SHOWN])
        more = f" and {len(new) - _NEW_SHOWN:,} more" if len(new) > _NEW_SHOWN else ""
        return Finding(
            float(len(new)),
            f"{plain(self._name)} {quoted(value)} has {shown}{more}, never there for event"
            f" {quoted(self._event_id)} in {counted(feature.span.rows, 'event')}{since(feature.span.first)};"
            f" expected only {ranges_of(self._known)}",
        )


def ranges_of(characters: Iterable[str]) -> str:
    """Give characters in words, neighbours as ranges.

    >>> ranges_of("0123456789/abc")
    "'/', '0' to '9', 'a' to 'c'"
    """
    parts: list[str] = []
    run: list[str] = []
    for character in [*sorted(set(characters)), ""]:
        if run and _are_neighbours(run[-1], character):
            run.append(character)
            continue
        if len(run) >= _SHORTEST_RANGE:
            parts.append(f"{quoted(run[0])} to {quoted(run[-1])}")
        else:
            parts += map(quoted, run)
        run = [character]
    if len(parts) > _SHOWN:
        parts = [*parts[:_SHOWN], f"{len(parts) - _SHOWN} more"]
    return ", ".join(parts) or "no character"


def _are_neighbours(one: str, other: str) -> bool:
    return one.isalnum() and other.isalnum() and ord(other) == ord(one) + 1
