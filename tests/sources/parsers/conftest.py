"""What the tests of parsers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from tocsin.model import RawLines

RawLinesMaker = Callable[..., RawLines]


@pytest.fixture
def raw_lines() -> RawLinesMaker:
    """Give what makes the raw lines of a file that was read on 22 November 2026."""

    def make(
        texts: Sequence[str],
        *,
        first: int = 1,
        reference: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
    ) -> RawLines:
        numbers = list(range(first, first + len(texts)))
        offsets = [100 * (number - 1) for number in numbers]
        return RawLines("app.log", "f00d", list(texts), numbers, offsets, reference)

    return make
