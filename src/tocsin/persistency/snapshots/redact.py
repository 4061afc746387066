"""Texts for people and logs, without what must stay secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

__all__ = ["Redactor", "shown_uri"]

_SHORTEST = 4
"""Characters; replacing shorter texts would make a message unreadable and hide nothing."""


def shown_uri(uri: str) -> str:
    """Give a URI without user, password and query.

    >>> shown_uri("sftp://me:secret@host/state?token=1"), shown_uri("./state")
    ('sftp://host/state', './state')
    """
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Redactor:
    """Takes the texts of some options, and the credentials of a URI, out of messages.

    Args:
        uri: Where the state is.
        options: What its file system is given; every text in it counts as secret.
    """

    def __init__(self, uri: str, options: Mapping[str, Any]) -> None:
        found = {text for text in _texts(options) if len(text) >= _SHORTEST}
        if "://" in uri:
            parts = urlsplit(uri)
            user = parts.netloc.rpartition("@")[0]
            found.update(text for text in (user, *user.split(":", 1), parts.query) if len(text) >= _SHORTEST)
        self._secrets = sorted(found, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Give the text with `***` for each secret."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _texts(item)
