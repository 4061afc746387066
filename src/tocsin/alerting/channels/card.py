"""What a chat message shows, before it is put into a channel's own markup."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.model import DecisionKind, number_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Card", "clip", "is_over", "one_line"]

_RED, _DARK_RED, _GREEN, _AMBER = "#d64541", "#96281b", "#2e9e5b", "#e08e0b"
_COLORS = {
    DecisionKind.ESCALATED.value: _DARK_RED,
    DecisionKind.NO_DATA.value: _AMBER,
}


@dataclass(frozen=True, slots=True)
class Card:
    """A message for a chat, all of it plain text.

    Attributes:
        title: One line.
        text: What the template gave.
        color: `#rrggbb`, by what is told.
        fields: Names and values of facts worth a glance.
    """

    title: str
    text: str
    color: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Card:
        """Make a card of a payload."""
        named = {
            "Monitor": message.get("monitor") if message.get("monitor") != message.get("series") else None,
            "Rule": message.get("rule") if message.get("rule") != "default" else None,
            "Value": message.get("value"),
            "Band": _band(message.get("confidence_lower"), message.get("confidence_upper")),
            "Severity": message.get("severity") or _severity_word(message),
            "Tags": ", ".join(message.get("tags") or ()) or None,
        }
        return cls(
            title=clip(one_line(str(message["title"])), 250),
            text=clip(str(message["text"]), 2500),
            color=_GREEN if is_over(message) else _COLORS.get(message["kind"], _RED),
            fields=tuple(
                (name, clip(one_line(_words(value)), 200))
                for name, value in named.items()
                if value is not None
            ),
        )


def is_over(message: Mapping[str, Any]) -> bool:
    """Say whether a message tells of ends alone: of one incident's, or of those of several in a digest.

    >>> is_over({"kind": "digest", "kinds": {"recovered": 3}, "more": 0})
    True
    """
    kinds = message.get("kinds") or {message["kind"]: 1}
    return set(kinds) == {DecisionKind.RECOVERED.value} and not (
        message["kind"] == "digest" and message["more"]
    )


def one_line(text: str) -> str:
    r"""Put a text on one line without control characters.

    >>> one_line("disk\r\nBcc: all@example.org\x00")
    'disk Bcc: all@example.org'
    """
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).split())


def clip(text: str, length: int) -> str:
    """Cut a text that is too long.

    >>> clip("long story", 5)
    'long…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def _severity_word(message: Mapping[str, Any]) -> str | None:
    """Give the severity in words where a message has no number of its own: of events and digests."""
    return message.get("severity_word") if message.get("opened_at") is None else None


def _words(value: Any) -> str:
    return number_text(value) if isinstance(value, float) else str(value)


def _band(lower: float | None, upper: float | None) -> str | None:
    if lower is None and upper is None:
        return None
    if lower is None or upper is None:
        return f"at most {_words(upper)}" if lower is None else f"at least {_words(lower)}"
    return f"{_words(lower)} to {_words(upper)}"
