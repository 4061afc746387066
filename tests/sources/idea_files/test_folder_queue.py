"""A queue gives each file to one importer, and keeps what was not finished."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import LoadError
from tocsin.sources.idea_files import ClaimedFile, FolderQueue

if TYPE_CHECKING:
    from pathlib import Path

_HOLDER = """
import sys
from pathlib import Path
from tocsin.sources.idea_files import FolderQueue
claimed = FolderQueue(Path(sys.argv[1])).claim(sys.argv[2])
print("yes" if claimed else "no", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.json", "a.json"):
        (tmp_path / name).write_text(name)
    return tmp_path


def claimed(queue: FolderQueue, name: str) -> ClaimedFile:
    file = queue.claim(name)
    assert file is not None
    return file


def test_files_wait_in_the_order_of_their_names_and_unfinished_ones_do_not_count(folder: Path) -> None:
    for name in (".hidden", "c.tmp", "d.part", "e~"):
        (folder / name).touch()
    (folder / "link").symlink_to("a.json")
    (folder / "sub").mkdir()

    assert FolderQueue(folder).names() == ["a.json", "b.json"]


def test_a_folder_with_incoming_has_its_files_there(folder: Path) -> None:
    (folder / "incoming").mkdir()
    (folder / "incoming" / "x").write_text("x")
    queue = FolderQueue(folder)

    assert queue.names() == ["x"]
    assert claimed(queue, "x").finish() == folder / "done" / "x"
    assert queue.names() == []


def test_a_claimed_file_is_not_given_to_anybody_else(folder: Path) -> None:
    queue, other = FolderQueue(folder), FolderQueue(folder)

    with claimed(queue, "a.json"):
        assert other.claim("a.json") is None
    with claimed(other, "a.json") as again:
        assert again.path.read_text() == "a.json"


def test_what_is_done_is_moved_away_or_removed(folder: Path) -> None:
    assert claimed(FolderQueue(folder), "a.json").finish() == folder / "done" / "a.json"
    assert claimed(FolderQueue(folder, remove=True), "b.json").finish() is None

    assert FolderQueue(folder).names() == []
    assert [path.name for path in (folder / "done").iterdir()] == ["a.json"]


def test_a_file_with_something_wrong_goes_to_the_errors_with_the_reasons(folder: Path) -> None:
    target = claimed(FolderQueue(folder, remove=True), "a.json").finish(["1: not JSON", "2: ü \udcff"])

    assert target == folder / "errors" / "a.json"
    assert (folder / "errors" / "a.json.reason").read_text(encoding="utf-8") == "1: not JSON\n2: ü ?\n"


def test_a_file_of_the_same_name_replaces_nothing(folder: Path) -> None:
    queue = FolderQueue(folder)
    claimed(queue, "a.json").finish()
    (folder / "a.json").write_text("another")

    assert claimed(queue, "a.json").finish() == folder / "done" / "a.json.1"
    assert (folder / "done" / "a.json").read_text() == "a.json"
    assert (folder / "done" / "a.json.1").read_text() == "another"


def test_a_name_that_comes_again_and_again_costs_few_looks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "done").mkdir()
    for number in range(1000):
        (folder / "done" / (f"a.json.{number}" if number else "a.json")).touch()
    looks, look, link = [0], os.path.lexists, os.link

    def counted_look(path: Path) -> bool:
        looks[0] += 1
        return look(path)

    def counted_link(*names: Path) -> None:
        looks[0] += 1
        link(*names)

    monkeypatch.setattr(os.path, "lexists", counted_look)
    monkeypatch.setattr(os, "link", counted_link)

    assert claimed(FolderQueue(folder), "a.json").finish() == folder / "done" / "a.json.1000"
    assert looks[0] < 30


def test_a_file_that_has_both_names_since_a_kill_is_moved_once(folder: Path) -> None:
    (folder / "done").mkdir()
    (folder / "done" / "a.json").hardlink_to(folder / "a.json")

    claimed(FolderQueue(folder), "a.json").finish()

    assert [path.name for path in (folder / "done").iterdir()] == ["a.json"]


def test_a_file_that_somebody_finished_meanwhile_is_not_given(folder: Path) -> None:
    queue = FolderQueue(folder)
    names = queue.names()
    claimed(FolderQueue(folder), "a.json").finish()

    assert [name for name in names if queue.claim(name) is not None] == ["b.json"]


def test_the_file_of_a_killed_importer_waits_for_the_next_one(folder: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder), "a.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    with holder:
        assert holder.stdout.readline() == "yes\n"
        queue = FolderQueue(folder)
        assert queue.claim("a.json") is None

        holder.kill()
        holder.wait()

        with claimed(queue, "a.json") as file:
            assert file.path == folder / "a.json"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="nowhere is not a folder"):
        FolderQueue(tmp_path / "nowhere")


def test_a_file_that_cannot_be_moved_stays_and_is_released(folder: Path) -> None:
    (folder / "done").write_text("in the way")
    queue = FolderQueue(folder)

    with pytest.raises(LoadError, match="is imported, but cannot be moved away"):
        claimed(queue, "a.json").finish()

    with claimed(queue, "a.json"):
        assert queue.names() == ["a.json", "b.json", "done"]


def test_a_file_that_was_replaced_meanwhile_waits_for_the_next_claim(folder: Path) -> None:
    queue = FolderQueue(folder)
    file = claimed(queue, "a.json")
    (folder / ".new").write_text("another")
    (folder / ".new").replace(folder / "a.json")

    assert file.finish() is None

    assert queue.names() == ["a.json", "b.json"]
    assert claimed(queue, "a.json").finish() == folder / "done" / "a.json"
    assert (folder / "done" / "a.json").read_text() == "another"


def test_a_file_that_is_replaced_at_the_last_moment_is_not_taken_for_the_one_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def replaced_before(*names: Path) -> None:
        (folder / ".new").replace(folder / "a.json")
        link(*names)

    queue = FolderQueue(folder)
    file = claimed(queue, "a.json")
    (folder / ".new").write_text("another")
    monkeypatch.setattr(os, "link", replaced_before)

    assert file.finish(["1: not JSON"]) is None

    assert list((folder / "errors").iterdir()) == []
    with claimed(queue, "a.json") as again:
        assert again.path.read_text() == "another"


def test_a_file_whose_replacement_is_moved_away_meanwhile_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def gone_before(*names: Path) -> None:
        (folder / "a.json").unlink()
        link(*names)

    file = claimed(FolderQueue(folder), "a.json")
    monkeypatch.setattr(os, "link", gone_before)

    assert file.finish() is None


def test_a_file_whose_name_is_too_long_to_be_kept_with_its_reasons_says_so(folder: Path) -> None:
    name = "x" * 250
    (folder / name).write_text("")

    with pytest.raises(LoadError, match=r"cannot be moved away: .*: give it a shorter name"):
        claimed(FolderQueue(folder), name).finish(["1: not JSON"])

    assert (folder / name).exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_that_can_have_one_name_only_is_moved_and_replaces_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    queue = FolderQueue(folder)
    assert claimed(queue, "a.json").finish() == folder / "done" / "a.json"
    (folder / "a.json").write_text("another")

    assert claimed(queue, "a.json").finish() == folder / "done" / "a.json.1"
    assert claimed(queue, "b.json").finish(["1: not JSON"]) == folder / "errors" / "b.json"

    assert queue.names() == []
    there = {path.name: path.read_text() for path in (folder / "done").iterdir()}
    assert there == {"a.json": "a.json", "a.json.1": "another"}


def test_a_folder_that_may_not_be_looked_into_is_an_error_that_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(type(folder), "is_dir", refuse)

    with pytest.raises(LoadError, match="cannot be read: Permission denied"):
        FolderQueue(folder)
