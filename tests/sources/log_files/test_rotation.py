"""Rotation, step by step; the state machine next door tries all of it in any order."""

from __future__ import annotations

import gzip
import os
import shutil
from hashlib import blake2b
from typing import TYPE_CHECKING

import pytest
from tests.sources.log_files.conftest import NOW, FollowerFactory

from tocsin.sources.log_files import LogFiles
from tocsin.sources.log_files.rotation import could_become, file_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "live", "rotated", "number"),
    [
        ("app.log", "app.log", False, 0),
        ("app.log.1", "app.log", True, 1),
        ("app.log.12.gz", "app.log", True, 12),
        ("app.log.gz", "app.log", True, 0),
        ("app.log-20261122", "app.log", True, 0),
        ("app.log-20261122.xz", "app.log", True, 0),
        ("app.log.2026-11-22_10-00", "app.log", True, 0),
        ("app.log.1700000000", "app.log", True, 0),
        ("app-20261122.log", "app.log", True, 0),
        ("app.2026-11-22.log.bz2", "app.log", True, 0),
        ("app.log.old", "app.log", True, 0),
        ("syslog.1", "syslog", True, 1),
        ("messages-20261122", "messages", True, 0),
        ("node-1.log", "node-1.log", False, 0),
        (".1", ".1", False, 0),
        (".gz", "", True, 0),
    ],
)
def test_a_name_says_what_rotation_did(name: str, live: str, rotated: bool, number: int) -> None:  # noqa: FBT001
    assert file_name(f"/var/log/{name}") == ("/var/log", live, rotated, number)


@pytest.mark.parametrize(
    ("known", "new", "possible"),
    [
        ("app.log", "app.log.1", True),
        ("app.log.1", "app.log.2.gz", True),
        ("app.log.1", "app.log", False),
        ("app.log.2", "app.log.1", False),
        ("app.log.1", "old/app.log", True),
        ("app.log", "app.log", True),
        ("app.log-20261122", "app.log-20261122.gz", True),
    ],
)
def test_rotation_only_puts_files_further_away(known: str, new: str, possible: bool) -> None:  # noqa: FBT001
    assert could_become(file_name(known), file_name(new)) is possible


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_the_rest_of_a_renamed_file_comes_first(
    tmp_path: Path, follow: FollowerFactory, pattern: str
) -> None:
    live = tmp_path / "app.log"
    follower = follow(pattern)
    live.write_text("one\n")
    assert follower.texts() == ["one"]
    with live.open("a") as file:
        file.write("two\n")
    live.rename(tmp_path / "app.log.1")
    live.write_text("three\n")
    assert follower.texts() == ["two", "three"]
    with (tmp_path / "app.log.1").open("a") as file:
        file.write("a program that did not notice\n")
    assert follower.texts() == ["a program that did not notice"]


def test_a_renamed_file_is_found_under_a_name_that_nobody_could_guess(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    live = tmp_path / "app.log"
    live.write_text("one\n")
    follower = follow("app.log")
    follower.chunks()
    with live.open("a") as file:
        file.write("two\n")
    live.rename(tmp_path / "put away")
    live.write_text("three\n")
    assert follower.texts() == ["two", "three"]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("filler", ["", "x" * 3000 + "\n"])
def test_a_packed_file_goes_on_where_it_was(
    tmp_path: Path, follow: FollowerFactory, pattern: str, filler: str
) -> None:
    live = tmp_path / "app.log"
    live.write_text(f"one\n{filler}")
    follower = follow(pattern)
    follower.chunks()
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(live.read_bytes() + b"two\n"))
    live.unlink()
    live.write_text("three\n")
    assert sorted(follower.texts()) == ["three", "two"]
    assert follower.texts() == []


@pytest.mark.parametrize("done", [0.5, 1.0])
def test_a_file_is_not_read_twice_while_it_is_packed(
    tmp_path: Path, follow: FollowerFactory, done: float
) -> None:
    plain, packed = tmp_path / "app.log.1", tmp_path / "app.log.1.gz"
    lines = [blake2b(str(number).encode()).hexdigest() for number in range(1000)]
    plain.write_text("".join(f"{line}\n" for line in lines[:500]))
    follower = follow("app.log*")
    assert follower.texts() == lines[:500]
    content = gzip.compress("".join(f"{line}\n" for line in lines).encode())
    plain.write_bytes(gzip.decompress(content))
    packed.write_bytes(content[: int(len(content) * done)])
    assert follower.texts() == lines[500:]
    assert follower.texts() == []
    packed.write_bytes(content)
    plain.unlink()
    assert follower.texts() == []
    assert follower.chunks() == []  # it is not even looked into again


def test_a_packed_file_that_was_kept_beside_the_plain_one_is_not_read(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    (tmp_path / "app.log.1").write_text("one\n")
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(b"one\n"))
    assert follow("app.log*").texts() == ["one"]


def test_a_truncated_file_is_a_new_one(tmp_path: Path, follow: FollowerFactory) -> None:
    live = tmp_path / "app.log"
    live.write_text("one\ntwo\n")
    follower = follow("app.log")
    first = follower.chunks()
    live.write_text("new\n")
    [chunk] = [chunk for chunk in follower.chunks() if chunk.lines.texts]
    assert (chunk.lines.texts, chunk.lines.numbers) == (["new"], [1])
    assert chunk.lines.file_id != first[0].lines.file_id


@pytest.mark.parametrize("size", [10, 5000])
def test_a_file_truncated_and_grown_beyond_where_it_was_read_is_a_new_one(
    tmp_path: Path, follow: FollowerFactory, size: int
) -> None:
    live = tmp_path / "app.log"
    banner = "b" * size + "\n"
    live.write_text(banner + "one\n")
    follower = follow("app.log")
    follower.chunks()
    live.write_text(banner + "two\nthree\nfour\n")
    assert follower.texts() == [banner[:-1], "two", "three", "four"]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_copy_and_truncation_goes_on_in_the_copy(
    tmp_path: Path, follow: FollowerFactory, pattern: str
) -> None:
    live = tmp_path / "app.log"
    live.write_text("one\n")
    follower = follow(pattern)
    follower.chunks()
    with live.open("a") as file:
        file.write("two\n")
    shutil.copy(live, tmp_path / "app.log.1")
    assert follower.texts() == ["two"]  # the copy is there already, and not read
    os.truncate(live, 0)
    with live.open("a") as file:
        file.write("three\n")
    assert follower.texts() == ["three"]


def test_two_files_with_the_same_beginning_are_both_read(tmp_path: Path, follow: FollowerFactory) -> None:
    banner = "=" * 2000
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(f"{banner}\n{name}\n")
    follower = follow()
    assert follower.texts() == [banner, "a.log", banner, "b.log"]
    for name in ("a.log", "b.log"):
        with (tmp_path / name).open("a") as file:
            file.write(f"more of {name}\n")
    assert follower.texts() == ["more of a.log", "more of b.log"]


def test_a_file_that_was_moved_to_another_folder_is_known_again(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    (tmp_path / "archive").mkdir()
    content = "".join(f"line {number}\n" for number in range(500))
    (tmp_path / "app.log").write_text(content)
    follower = follow("**/*.log")
    assert len(follower.texts()) == 500
    (tmp_path / "archive" / "monday.log").write_text(content + "last\n")  # as if by another file system
    (tmp_path / "app.log").unlink()
    assert follower.texts() == ["last"]


def test_a_hard_link_or_a_symbolic_link_is_the_same_file(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "app.log").write_text("one\n")
    (tmp_path / "hard.log").hardlink_to(tmp_path / "app.log")
    (tmp_path / "soft.log").symlink_to("app.log")
    assert follow().texts() == ["one"]


def test_a_symbolic_link_that_points_to_another_file_is_followed(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    link = tmp_path / "current"
    (tmp_path / "monday.log").write_text("one\n")
    link.symlink_to("monday.log")
    follower = follow("current")
    assert follower.texts() == ["one"]
    with (tmp_path / "monday.log").open("a") as file:
        file.write("two\n")
    (tmp_path / "tuesday.log").write_text("three\n")
    link.unlink()
    link.symlink_to("tuesday.log")
    assert follower.texts() == ["two", "three"]


def test_a_file_that_is_no_longer_named_is_not_followed(tmp_path: Path, follow: FollowerFactory) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text("one\n")
    both = follow("a.log", "b.log")
    both.chunks()
    for name in ("a.log", "b.log"):
        with (tmp_path / name).open("a") as file:
            file.write(f"more of {name}\n")
    only = follow("a.log")
    only.position = both.position
    assert only.texts() == ["more of a.log"]


def test_a_file_truncated_while_it_is_read_gives_no_mixture(tmp_path: Path) -> None:
    live = tmp_path / "app.log"
    live.write_text("".join(f"old {number:06}\n" for number in range(1000)))
    files = LogFiles(["app.log"], tmp_path)
    reading = files.read(None, now=NOW, max_bytes=1100)
    first = next(reading)
    live.write_text("".join(f"new {number:06}\n" for number in range(2000)))
    rest = [text for chunk in reading for text in chunk.lines.texts]
    assert not [text for text in rest if text.startswith("new")]
    after = [text for chunk in files.read(first.position, now=NOW) for text in chunk.lines.texts]
    assert after == [f"new {number:06}" for number in range(2000)]


def test_a_file_renamed_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    live = tmp_path / "app.log"
    lines = [f"old {number:06}" for number in range(1000)]
    live.write_text("".join(f"{line}\n" for line in lines))
    files = LogFiles(["app.log*"], tmp_path)
    reading = files.read(None, now=NOW, max_bytes=1100)
    read = [*next(reading).lines.texts]
    live.rename(tmp_path / "app.log.1")
    live.write_text("new\n")
    for chunk in reading:
        read += chunk.lines.texts
        position = chunk.position
    assert read == lines
    assert [text for chunk in files.read(position, now=NOW) for text in chunk.lines.texts] == ["new"]
