"""IDs for rows that have none, made from their content so that importing again makes the same ones."""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID

__all__ = ["NAMESPACE", "RowIds", "content_id"]

NAMESPACE = UUID("a7d0d4a4-6f0b-5a53-9c0e-8e3a7b0f2c51")
"""The UUIDv5 namespace of imported rows. It never changes: IDs that are stored would no longer be met."""

_PREPARED = sha1(NAMESPACE.bytes, usedforsecurity=False)


def content_id(content: bytes) -> str:
    """Give the UUIDv5 of some bytes.

    >>> import uuid
    >>> content_id(b"one row") == str(uuid.uuid5(NAMESPACE, "one row"))
    True
    """
    digest = _PREPARED.copy()
    digest.update(content)
    return _uuid5(digest.digest())


class RowIds:
    r"""Gives each row of a file its ID, the UUIDv5 of its text and of how many equal rows came before.

    Text and number are joined by a line end.

    It keeps about 100 bytes for each distinct row.

    >>> ids = RowIds()
    >>> first, second = ids.next_id(b"the same"), ids.next_id(b"the same")
    >>> first == content_id(b"the same\n0"), second == content_id(b"the same\n1")
    (True, True)
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def next_id(self, row: bytes) -> str:
        """Give the ID of the next row.

        Args:
            row: Its bytes, without the line end.
        """
        digest = _PREPARED.copy()
        digest.update(row)
        # Should two texts ever share these 64 bits, one counts further than it must: its IDs stay its own.
        key = int.from_bytes(digest.digest()[:8], "little")
        before = self._counts.get(key, 0)
        self._counts[key] = before + 1
        digest.update(b"\n%d" % before)
        return _uuid5(digest.digest())


def _uuid5(digest: bytes) -> str:
    text = digest.hex()
    variant = "89ab"[(digest[8] >> 4) & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"
