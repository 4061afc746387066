"""Names and files that somebody made to annoy, or that just happen."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tocsin.sources.log_files.finding import find_paths

if TYPE_CHECKING:
    from tests.sources.log_files.conftest import FollowerFactory

NAMES = [
    "a\nb.log",
    "snow ☃ 😀.log",
    "with space.log",
    "[x]*?.log",
    "-rf.log",
    "a'b\"c.log",
    "..log",
    "$(x).log",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(tmp_path: Path, follow: FollowerFactory, name: str) -> None:
    (tmp_path / name).write_text("one\n")
    follower = follow(name)
    assert follower.texts() == ["one"]
    (tmp_path / name).rename(tmp_path / f"{name}.1")
    with (tmp_path / f"{name}.1").open("a") as file:
        file.write("two\n")
    (tmp_path / name).write_text("three\n")
    assert follower.texts() == ["two", "three"]


def test_a_name_that_is_not_utf_8_can_be_written_anywhere(tmp_path: Path, follow: FollowerFactory) -> None:
    name = os.fsdecode(b"gr\xfcn.log")
    (tmp_path / name).write_text("one\n")
    follower = follow("*.log")
    [chunk] = follower.chunks()
    assert chunk.lines.source == f"{tmp_path}/gr\\xfcn.log"
    json.dumps(chunk.position, ensure_ascii=False).encode()
    (tmp_path / name).rename(tmp_path / f"{name}.1")
    with (tmp_path / f"{name}.1").open("a") as file:
        file.write("two\n")
    assert follower.texts() == ["two"]


def test_a_loop_of_links_ends(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "loop.log").symlink_to("loop.log")
    (tmp_path / "a" / "b" / "x.log").write_text("one\n")
    follower = follow("**/*.log")
    assert follower.texts() == ["one"]
    assert len(follower.files.notes) == 1
    assert "loop.log is not read" in follower.files.notes[0]


def test_a_dangling_link_is_left_out(tmp_path: Path, follow: FollowerFactory) -> None:
    (tmp_path / "a.log").symlink_to("nowhere")
    assert follow().chunks() == []


def test_patterns_match_what_a_shell_would_match(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", ".hidden.log", "sub/c.log", "sub/deep/d.log", ".git/e.log", "sub/f.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def names(*patterns: str, ignore: tuple[str, ...] = ()) -> list[str]:
        found = find_paths(patterns, str(tmp_path), ignore).paths
        return [str(Path(path).relative_to(tmp_path)) for path in found]

    assert names("*.log") == ["a.log", "b.log"]
    assert names("[!a].log", "a.log", "*.log") == ["b.log", "a.log"]
    assert names(".*.log") == [".hidden.log"]
    assert names("*/*.log") == ["sub/c.log"]
    assert names("**/*.log") == ["a.log", "b.log", "sub/c.log", "sub/deep/d.log"]
    assert names("sub/**") == ["sub/c.log", "sub/deep", "sub/deep/d.log", "sub/f.txt"]
    assert names("**/deep/**/d.log", "./sub//deep/../c.log") == ["sub/deep/d.log", "sub/deep/../c.log"]
    assert names("**/*.log", ignore=("sub/*", "b.*")) == ["a.log"]
    assert names(str(tmp_path / "a.*")) == ["a.log"]


def test_what_was_begun_is_read_to_its_end_even_under_an_ignored_name(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    follower = follow("app.log*", ignore=["*.1"])
    (tmp_path / "app.log.1").write_text("ignored\n")
    (tmp_path / "app.log").write_text("one\n")
    assert follower.texts() == ["one"]
    with (tmp_path / "app.log").open("a") as file:
        file.write("two\n")
    (tmp_path / "app.log").rename(tmp_path / "app.log.1")
    assert follower.texts() == ["two"]


def test_a_pipe_or_a_device_does_not_make_anybody_wait(tmp_path: Path, follow: FollowerFactory) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "zero.log").symlink_to("/dev/zero")
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "z.log").write_text("one\n")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket must be short
        try:
            server.bind("socket.log")
        finally:
            os.chdir(here)
        follower = follow()
        assert follower.texts() == ["one"]
    assert [note.split(" is ")[0].rpartition("/")[2] for note in follower.files.notes] == [
        "pipe.log",
        "socket.log",
        "zero.log",
    ]


@pytest.mark.skipif(os.getuid() == 0, reason="modes do not bind root; the same is tried in a process below")
def test_a_file_that_may_not_be_read_is_named_and_the_others_are_read(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    (tmp_path / "a.log").write_text("secret\n")
    (tmp_path / "a.log").chmod(0)
    (tmp_path / "b.log").write_text("one\n")
    follower = follow()
    assert follower.texts() == ["one"]
    assert follower.files.unreadable == [f"{tmp_path}/a.log cannot be read: Permission denied"]
    assert follower.files.notes == []


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose content gives an error")
def test_a_file_whose_content_cannot_be_read_is_named_and_the_others_are_read(
    tmp_path: Path, follow: FollowerFactory
) -> None:
    (tmp_path / "a.log").symlink_to("/proc/self/mem")
    (tmp_path / "b.log").write_text("one\n")
    follower = follow()
    assert follower.texts() == ["one"]
    assert follower.files.unreadable == [f"{tmp_path}/a.log cannot be read: Input/output error"]
    (tmp_path / "a.log").unlink()
    assert (follower.texts(), follower.files.unreadable) == ([], [])


_AS_NOBODY = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from tocsin.sources.log_files import LogFiles
files = LogFiles(["**/*.log"], Path(sys.argv[1]))
chunks = files.read(None, now=datetime(2100, 1, 1, tzinfo=UTC))
os.setgroups([]); os.setgid(65534); os.setuid(65534)
files = LogFiles(["**/*.log", "private/x.log"], Path(sys.argv[1]))
for chunk in files.read(None, now=datetime(2100, 1, 1, tzinfo=UTC)):
    print(chunk.lines.texts)
print(files.unreadable)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_is_told_what_may_not_be_read(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("pytest", "test", "popen")):
            folder.chmod(0o755)
    (tmp_path / "a.log").write_text("secret\n")
    (tmp_path / "a.log").chmod(0)
    (tmp_path / "b.log").write_text("one\n")
    (tmp_path / "b.log").chmod(0o644)  # whatever the umask is
    (tmp_path / "private").mkdir(mode=0o700)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines, unreadable = done.stdout.splitlines()
    assert lines == "['one']"
    assert "a.log cannot be read: Permission denied" in unreadable
    assert "private cannot be read: Permission denied" in unreadable
    assert "private/x.log cannot be read: Permission denied" in unreadable


def test_what_is_not_text_is_not_read(tmp_path: Path, follow: FollowerFactory) -> None:
    with zipfile.ZipFile(tmp_path / "a.log", "w") as archive:
        archive.writestr("x.log", "one\n" * 100)
    with sqlite3.connect(tmp_path / "b.log") as database:
        database.execute("CREATE TABLE x (y)")
    database.close()
    (tmp_path / "c.log").write_bytes(Path(sys.executable).resolve().read_bytes()[:5000])
    (tmp_path / "d.log").write_bytes("no mark\n".encode("utf-16-le"))
    (tmp_path / "e.log").write_text("\x1b[31mred\x1b[0m\ttext\n")
    follower = follow()
    assert follower.texts() == ["\x1b[31mred\x1b[0m\ttext"]
    assert len(follower.files.notes) == 4
    assert all("does not look like text in utf-8" in note for note in follower.files.notes)
