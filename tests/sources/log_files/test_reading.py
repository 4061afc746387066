"""What is read, in which order, and from where the next reading goes on."""

from __future__ import annotations

import gzip
import os
import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pytest
from tests.sources.log_files.conftest import NOW, FollowerFactory, set_age

from tocsin.errors import ConfigError, PersistencyLoadError, StateVersionError
from tocsin.sources.log_files import LogFiles

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_come_with_their_numbers_and_offsets(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "a.log").write_bytes("one\r\nzwö\n\nfour\n".encode())
    [chunk] = follow().chunks()
    assert chunk.lines.texts == ["one", "zwö", "", "four"]
    assert chunk.lines.numbers == [1, 2, 3, 4]
    assert chunk.lines.offsets == [0, 5, 10, 11]
    assert chunk.lines.source == str(tmp_path / "a.log")
    assert (chunk.consumed, chunk.total) == (16, 16)


def test_a_path_beside_the_base_is_shown_without_going_up_unless_the_base_is_a_link(tmp_path: Path) -> None:
    for folder in ("project", "deep/below"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "below")
    for path in (tmp_path / "a.log", tmp_path / "deep" / "b.log"):
        path.write_text(f"{path.name}\n")

    def sources(folder: str, pattern: str) -> list[str]:
        return [chunk.lines.source for chunk in LogFiles([pattern], tmp_path / folder).read(None, now=NOW)]

    assert sources("project", "../*.log") == [str(tmp_path / "a.log")]
    assert sources("deep/below", "../../a.log") == [str(tmp_path / "a.log")]
    assert sources("link", "../b.log") == [str(tmp_path / "link" / ".." / "b.log")]


def test_a_lone_carriage_return_is_content(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "a.log").write_bytes(b"a\rb\r\r\nc\n")
    assert follow().texts() == ["a\rb\r", "c"]


def test_what_was_committed_is_not_read_again(tmp_path: Path, follow: FollowerFactory) -> None:
    follower = follow()
    (tmp_path / "a.log").write_text("one\n")
    assert follower.texts() == ["one"]
    assert follower.chunks() == []
    with (tmp_path / "a.log").open("a") as file:
        file.write("two\n")
    [chunk] = follower.chunks()
    assert (chunk.lines.texts, chunk.lines.numbers, chunk.lines.offsets) == (["two"], [2], [4])


def test_the_position_of_any_chunk_goes_on_behind_its_lines(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text("".join(f"{name} {number}\n" for number in range(20)))
    files = LogFiles(["*.log"], tmp_path)
    chunks = list(files.read(None, now=NOW, max_lines=3))
    assert max(len(chunk.lines.texts) for chunk in chunks) == 3
    everything = [text for chunk in chunks for text in chunk.lines.texts]
    before: list[str] = []
    for chunk in chunks:
        before += chunk.lines.texts
        after = [text for later in files.read(chunk.position, now=NOW) for text in later.lines.texts]
        assert before + after == everything
    assert [chunk.consumed for chunk in chunks] == sorted(chunk.consumed for chunk in chunks)
    assert chunks[-1].consumed == chunks[-1].total


def test_a_line_that_is_being_written_is_left_for_the_next_time(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\ntw")
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    follower = follow()
    assert follower.texts(changed + timedelta(seconds=4)) == ["one"]
    assert follower.texts(changed + timedelta(seconds=4)) == []
    with path.open("a") as file:
        file.write("o\n")
    assert follower.texts(changed + timedelta(seconds=4)) == ["two"]


@pytest.mark.parametrize("late_end", ["\n", "\r\n"])
def test_a_last_line_without_end_is_taken_when_the_file_rests(
    tmp_path: Path, follow: FollowerFactory, late_end: str
) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\ntwo")
    follower = follow()
    assert follower.texts() == ["one", "two"]
    with path.open("ab") as file:
        file.write((late_end + "three\n").encode())
    [chunk] = follower.chunks()
    assert (chunk.lines.texts, chunk.lines.numbers) == (["three"], [3])
    assert chunk.lines.offsets == [7 + len(late_end)]
    assert follower.texts() == []


def test_what_comes_behind_a_line_that_was_taken_too_early_is_a_line(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    path = tmp_path / "a.log"
    path.write_text("on")
    follower = follow()
    assert follower.texts() == ["on"]
    with path.open("a") as file:
        file.write("e\ntwo\n")
    assert follower.texts() == ["e", "two"]


def test_files_come_in_the_order_of_their_last_change(tmp_path: Path, follow: FollowerFactory) -> None:
    for order, name in enumerate(["c.log", "a.log", "b.log"]):
        (tmp_path / name).write_text(f"{name}\n")
        set_age(tmp_path / name, order)
    assert follow().texts() == ["c.log", "a.log", "b.log"]


def test_what_was_put_away_comes_before_what_is_written(tmp_path: Path, follow: FollowerFactory) -> None:
    names = ["app.log.10", "app.log.2.gz", "app.log.1", "app.log"]
    for name in names:
        content = f"{name}\n".encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        set_age(tmp_path / name, 0)
    set_age(tmp_path / "app.log.1", 5)  # by copytruncate: the copy is as new as what it was copied from
    assert follow().texts() == names


@pytest.mark.parametrize("module", ["gzip", "bz2", "lzma"])
def test_compressed_files_are_read(tmp_path: Path, follow: FollowerFactory, module: str) -> None:
    compress = pytest.importorskip(module).compress
    lines = [f"line {number}" for number in range(5000)]
    (tmp_path / "a.log.packed").write_bytes(compress("".join(f"{line}\n" for line in lines).encode()))
    follower = follow()
    assert follower.texts(max_lines=100) == lines
    assert follower.chunks() == []


def test_a_compressed_file_that_ends_early_is_read_as_far_as_it_goes(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    lines = [
        f"line {number} {blake2b(bytes([number % 251, number // 251])).hexdigest()}" for number in range(5000)
    ]
    packed = gzip.compress("".join(f"{line}\n" for line in lines).encode())
    path = tmp_path / "a.log.gz"
    path.write_bytes(packed[: len(packed) // 2])
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    follower = follow()
    read = follower.texts(changed)
    assert 1000 < len(read) < 4000
    assert follower.files.notes == []  # it may be in the making
    path.write_bytes(packed)
    assert read + follower.texts() == lines


def test_a_damaged_compressed_file_is_noted_and_stops_nobody(tmp_path: Path, follow: FollowerFactory) -> None:
    packed = bytearray(gzip.compress(b"one\n" * 1000))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "a.log.gz").write_bytes(packed)
    (tmp_path / "b.log").write_text("two\n")
    follower = follow()
    assert follower.texts()[-1] == "two"
    assert re.search(r"a\.log\.gz is damaged and ends early", " ".join(follower.files.notes))


def test_an_empty_file_is_nothing_until_it_grows(tmp_path: Path, follow: FollowerFactory) -> None:
    follower = follow()
    (tmp_path / "a.log").touch()
    assert follower.chunks() == []
    (tmp_path / "a.log").write_text("one\n")
    assert follower.texts() == ["one"]


def test_the_lines_were_received_when_the_file_was_last_changed(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    (tmp_path / "a.log").write_text("one\n")
    set_age(tmp_path / "a.log", 0)
    [chunk] = follow().chunks()
    assert chunk.lines.reference == datetime.fromtimestamp(1_700_000_000, UTC)


def test_a_file_from_the_future_was_received_now(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "a.log").write_text("one\n")
    os.utime(tmp_path / "a.log", (2**33, 2**33))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    [chunk] = follow().chunks(now)
    assert chunk.lines.reference == now


def test_the_id_of_a_file_stays_while_it_grows_and_is_put_away(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    follower = follow("app.log*")
    path = tmp_path / "app.log"
    path.write_text("# a comment that all begin with\nfirst\n")
    ids = {chunk.lines.file_id for chunk in follower.chunks()}
    with path.open("a") as file:
        file.write("second\n" * 1000)
    ids |= {chunk.lines.file_id for chunk in follower.chunks(max_lines=100)}
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(path.read_bytes() + b"third\n"))
    path.unlink()
    last = follower.chunks()
    assert last[0].lines.texts == ["third"]
    assert len(ids | {last[0].lines.file_id}) == 1
    again = follow("app.log*").chunks()
    assert {
        chunk.lines.file_id for chunk in again if chunk.lines.texts
    } == ids  # without a position it is the same, too


def test_files_that_begin_with_the_same_line_have_ids_of_their_own(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    for name in ("a.log", "b.log", "c.log"):
        (tmp_path / name).write_text(f"started\n{name}\n")
    follower = follow()
    chunks = follower.chunks()
    assert [len(chunk.lines.texts) for chunk in chunks] == [2, 2, 2]
    assert len({chunk.lines.file_id for chunk in chunks}) == 3
    assert follower.chunks() == []


def test_a_path_that_is_not_there_is_an_error_with_what_to_do(follow: FollowerFactory) -> None:
    with pytest.raises(ConfigError, match=r"there is no log file .*app\.log: correct the path"):
        follow("app.log").chunks()


def test_a_path_that_was_there_is_a_note(tmp_path: Path, follow: FollowerFactory) -> None:
    follower = follow("app.log")
    (tmp_path / "app.log").write_text("one\n")
    follower.chunks()
    (tmp_path / "app.log").rename(tmp_path / "app.log.1")
    assert follower.texts() == []
    assert follower.texts() == []
    assert follower.files.notes == [f"{tmp_path}/app.log is not there now"]


def test_a_folder_is_an_error_with_what_to_do(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(ConfigError, match=r"is a folder: write .*logs/\*\.log"):
        follow("logs").chunks()


def test_a_pattern_without_a_match_is_a_note(follow: FollowerFactory) -> None:
    follower = follow("*.log")
    assert follower.chunks() == []
    assert follower.files.notes == ["no file matches *.log"]


@pytest.mark.parametrize("patterns", [[], [""]])
def test_without_a_pattern_there_is_nothing_to_read(tmp_path: Path, patterns: list[str]) -> None:
    with pytest.raises(ConfigError, match="no log files are named"):
        LogFiles(patterns, tmp_path)


@pytest.mark.parametrize(
    "position",
    [
        {},
        {"version": 0, "files": {}},
        {"version": 1},
        {"version": 1, "files": {"x": {}}},
        {"version": 1, "files": {"x": 5}},
        {
            "version": 1,
            "files": {
                "x": {
                    "path": "/a",
                    "device": 1,
                    "inode": 1,
                    "offset": -5,
                    "line": 1,
                    "head": "",
                    "tail": "",
                }
            },
        },
    ],
)
def test_a_damaged_position_is_an_error(tmp_path: Path, position: dict[str, Any]) -> None:
    with pytest.raises(PersistencyLoadError, match="is damaged"):
        LogFiles(["*.log"], tmp_path).read(position, now=NOW)


def test_the_position_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateVersionError, match="version 2"):
        LogFiles(["*.log"], tmp_path).read({"version": 2}, now=NOW)


def test_a_file_that_is_gone_is_forgotten_after_a_while(tmp_path: Path, follow: FollowerFactory) -> None:
    follower = follow(forget_after=timedelta(days=30))
    (tmp_path / "a.log").write_text("one\n")
    (tmp_path / "b.log").write_text("other\n")
    follower.chunks()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.log").rename(tmp_path / "elsewhere" / "a.log")
    follower.chunks(NOW + timedelta(days=1))
    assert follower.position is not None
    assert len(follower.position["files"]) == 2
    follower.chunks(NOW + timedelta(days=30))
    assert len(follower.position["files"]) == 2
    follower.chunks(NOW + timedelta(days=32))
    assert len(follower.position["files"]) == 1


def test_a_file_that_comes_back_in_time_goes_on(tmp_path: Path, follow: FollowerFactory) -> None:
    follower = follow()
    (tmp_path / "a.log").write_text("one\n")
    follower.chunks()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.log").rename(tmp_path / "elsewhere" / "a.log")
    assert follower.texts() == []
    (tmp_path / "elsewhere" / "a.log").rename(tmp_path / "a.log")
    with (tmp_path / "a.log").open("a") as file:
        file.write("two\n")
    assert follower.texts() == ["two"]
