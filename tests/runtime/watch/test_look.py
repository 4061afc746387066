"""Looking whether there is anything new, without opening a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tocsin.runtime.config.events import EventsSourceConfig
from tocsin.runtime.config.log import LogSourceConfig
from tocsin.runtime.run_report import RunStatus
from tocsin.runtime.watch.look import FolderLook, LogLook

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_log_is_due_when_it_changed_and_once_more_when_it_has_been_quiet(tmp_path: Path) -> None:
    look = LogLook(LogSourceConfig(files=("*.log",)), tmp_path)
    assert look.is_due(0.0)  # what was there before the start
    look.ran(RunStatus.COMPLETED, 0.0)
    assert not look.is_due(1.0)
    (tmp_path / "a.log").write_text("one\ntw")
    assert look.is_due(2.0)
    assert not look.is_due(3.0)
    assert look.is_due(8.0)  # a last line without its end counts now
    assert not look.is_due(100.0)


def test_a_log_is_due_when_it_is_rotated_or_cut(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("one\n")
    look = LogLook(LogSourceConfig(files=("a.log*",)), tmp_path)
    assert look.is_due(0.0)
    log.rename(tmp_path / "a.log.1")
    assert look.is_due(1.0)
    log.write_text("two\n")
    assert look.is_due(2.0)
    log.write_text("")
    assert look.is_due(3.0)
    assert look.is_due(20.0)
    assert not look.is_due(21.0)


def test_what_failed_is_tried_again_after_waits_that_grow(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    look = LogLook(LogSourceConfig(files=("a.log",)), tmp_path)
    assert look.is_due(0.0)
    look.ran(RunStatus.FAILED, 0.0)
    log.write_text("one\n")
    assert not look.is_due(4.0)  # it changes, and is not tried at every change
    assert look.is_due(5.0)
    look.ran(RunStatus.FAILED, 5.0)
    assert not look.is_due(14.0)
    assert look.is_due(15.0)
    look.ran(RunStatus.COMPLETED, 15.0)
    log.write_text("one\ntwo\n")
    assert look.is_due(15.5)


def test_a_log_file_that_may_not_be_read_keeps_no_others_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, private = tmp_path / "a.log", tmp_path / "private.log"
    private.touch()
    monkeypatch.setattr(os, "access", lambda path, _: path != str(private))  # root may read everything
    look = LogLook(LogSourceConfig(files=("*.log",)), tmp_path)
    now = 0.0
    for _ in range(5):  # so that the waits of what failed have grown
        assert look.is_due(now)
        look.ran(RunStatus.FAILED, now)
        log.write_text(f"{now}\n")
        assert not look.is_due(now + 4.9)  # not all the time
        now += 5.0
    assert look.is_due(now)
    look.ran(RunStatus.FAILED, now)
    assert look.is_due(now + 6.0)  # a last line without its end counts now
    look.ran(RunStatus.FAILED, now + 6.0)
    assert not look.is_due(now + 30.0)  # nothing has changed
    assert look.is_due(now + 306.0)


def test_what_another_process_has_is_tried_again_soon(tmp_path: Path) -> None:
    look = LogLook(LogSourceConfig(files=("a.log",)), tmp_path)
    assert look.is_due(0.0)
    for now in (0.0, 5.0, 10.0):
        look.ran(RunStatus.SKIPPED, now)
        assert not look.is_due(now + 4.9)
        assert look.is_due(now + 5.0)


def test_a_folder_is_due_when_files_wait_in_it(tmp_path: Path) -> None:
    look = FolderLook(EventsSourceConfig(folder="in"), tmp_path)
    assert look.is_due(0.0)
    look.ran(RunStatus.FAILED, 0.0)  # there is no such folder
    assert not look.is_due(4.0)
    (tmp_path / "in").mkdir()
    assert look.is_due(5.0)
    look.ran(RunStatus.COMPLETED, 5.0)
    assert not look.is_due(6.0)
    (tmp_path / "in" / ".part").touch()
    assert not look.is_due(7.0)
    (tmp_path / "in" / "a.json").touch()
    assert look.is_due(8.0)
    (tmp_path / "in" / "a.json").unlink()
    (tmp_path / "in" / ".part").unlink()
    (tmp_path / "in").rmdir()
    assert look.is_due(9.0)  # so that the run says what is wrong


def test_a_file_that_has_to_stay_is_tried_again_after_waits_and_keeps_no_others(tmp_path: Path) -> None:
    look = FolderLook(EventsSourceConfig(folder="."), tmp_path)
    (tmp_path / "stuck").touch()
    for now, wait in ((0.0, 5.0), (5.0, 10.0)):
        assert look.is_due(now)
        look.ran(RunStatus.FAILED, now)
        assert not look.is_due(now + wait - 0.1)
    (tmp_path / "new").touch()
    assert not look.is_due(9.9)  # not all the time
    assert look.is_due(10.0)
