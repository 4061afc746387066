"""Texts that every database can keep."""

from __future__ import annotations

import re

__all__ = ["clean"]

_UNKEPT = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """Put U+FFFD in the place of what a database cannot keep: NUL and lone surrogates.

    Whatever reaches a column or a parameter goes through here, so that both sides of a comparison agree.
    """
    return _UNKEPT.sub("�", text)
