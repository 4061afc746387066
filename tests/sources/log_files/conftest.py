"""A folder of logs, and a reader that commits what it is told to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.sources.log_files import LogFiles

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.sources.log_files import LogChunk

NOW = datetime(2100, 1, 1, tzinfo=UTC)  # every file is old by then


class Follower:
    """Reads a folder again and again."""

    def __init__(self, folder: Path, *patterns: str, **options: Any) -> None:
        self.files = LogFiles(patterns or ("*.log*",), folder, **options)
        self.position: dict[str, Any] | None = None

    def chunks(self, now: datetime = NOW, **limits: int) -> list[LogChunk]:
        """Read and commit all that is new; the position goes through JSON, as it does in a store."""
        chunks = list(self.files.read(self.position, now=now, **limits))
        if chunks:
            self.position = json.loads(json.dumps(chunks[-1].position))
        return chunks

    def texts(self, now: datetime = NOW, **limits: int) -> list[str]:
        return [text for chunk in self.chunks(now, **limits) for text in chunk.lines.texts]


FollowerFactory = Callable[..., Follower]


@pytest.fixture
def follow(tmp_path: Path) -> FollowerFactory:
    def make(*patterns: str, **options: Any) -> Follower:
        return Follower(tmp_path, *patterns, **options)

    return make


def set_age(path: Path, order: int) -> None:
    """Set the last change of a file: a greater order is later."""
    os.utime(path, (1_700_000_000 + order, 1_700_000_000 + order))
