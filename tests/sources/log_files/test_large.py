"""Many lines, many files."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.log_files.conftest import FollowerFactory


@pytest.mark.slow
def test_a_million_lines_come_as_they_were_written(tmp_path: Path, follow: FollowerFactory) -> None:
    written = blake2b()
    with (tmp_path / "a.log").open("wb") as file:
        for start in range(0, 1_000_000, 10_000):
            block = "".join(f"{number} user=ä{number % 97}\n" for number in range(start, start + 10_000))
            written.update(block.encode())
            file.write(block.encode())
    read, count, last = blake2b(), 0, 0
    for chunk in follow().chunks():
        read.update(("\n".join(chunk.lines.texts) + "\n").encode())
        assert chunk.lines.numbers[0] == last + 1
        assert len(chunk.lines.texts) <= 10_000
        last = chunk.lines.numbers[-1]
        count += len(chunk.lines.texts)
    assert (count, last, read.digest()) == (1_000_000, 1_000_000, written.digest())


@pytest.mark.slow
def test_five_thousand_files_are_followed(tmp_path: Path, follow: FollowerFactory) -> None:
    for number in range(5000):
        (tmp_path / f"{number:04}.log").write_text(f"started\nfile {number}\n")
    follower = follow()
    chunks = follower.chunks()
    assert sum(len(chunk.lines.texts) for chunk in chunks) == 10_000
    assert len({chunk.lines.file_id for chunk in chunks}) == 5000
    assert follower.chunks() == []
    for number in range(0, 5000, 1000):
        (tmp_path / f"{number:04}.log").rename(tmp_path / f"{number:04}.log.1")
        (tmp_path / f"{number:04}.log").write_text(f"new {number}\n")
    assert sorted(follower.texts()) == [f"new {number}" for number in range(0, 5000, 1000)]
