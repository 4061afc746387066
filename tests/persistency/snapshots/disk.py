"""A stand-in for `os` in `local_files`: notes every call that changes the disk, and fails when told."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

WRITING = frozenset({"open", "write", "fsync", "rename", "replace", "unlink", "mkdir", "scandir", "close"})


@dataclass
class Disk:
    """Calls go to the real `os`; `log` is what happened, for `after_power_loss`.

    Attributes:
        fail_at: The call that fails, counted from 1.
        half: Whether a write that fails has written half.
    """

    fail_at: int = 0
    half: bool = False
    calls: int = 0
    log: list[tuple[Any, ...]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in WRITING:
            return real

        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls == self.fail_at and name != "close":  # a descriptor is closed in any case
                if name == "write" and self.half:
                    self._note(
                        name, arguments, os.write(arguments[0], arguments[1][: len(arguments[1]) // 2])
                    )
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            result = real(*arguments) if name != "fsync" else None  # what counts is that it was called
            self._note(name, arguments, result)
            return result

        return call

    def _note(self, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        match name:
            case "open":
                self.names[result] = str(arguments[0])
                if arguments[1] & os.O_CREAT:
                    self.log.append(("create", str(arguments[0])))
            case "write":
                self.log.append(("write", self.names[arguments[0]], bytes(arguments[1][:result])))
            case "fsync":
                self.log.append(("fsync", self.names[arguments[0]]))
            case "rename" | "replace":
                self.log.append(("rename", str(arguments[0]), str(arguments[1])))
            case "unlink" | "mkdir":
                self.log.append((name, str(arguments[0])))


@dataclass
class _File:
    content: bytes = b""
    synced: bytes = b""


@dataclass
class _Tree:
    files: dict[str, _File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def create(self, path: str, file: _File) -> None:
        self.files[path] = file

    def rename(self, path: str, to: str) -> None:
        if path in self.files:
            self.files[to] = self.files.pop(path)

    def unlink(self, path: str) -> None:
        self.files.pop(path, None)

    def mkdir(self, path: str) -> None:
        self.folders.add(path)


def after_power_loss(  # noqa: C901 - a case for each kind of call
    log: list[tuple[Any, ...]], root: Path, keep: Callable[[], bool]
) -> dict[str, bytes]:
    """Give the files below a folder, which was made in the log, as the disk may show them without power.

    What was synced is there. Each change of a folder that was not synced, and each content, is there or
    not as `keep` says, in any combination; so a rename can outlive what it renamed.
    """
    live, durable = _Tree(), _Tree()
    pending: list[tuple[str, Callable[[_Tree], None]]] = []

    def change(path: str, action: Callable[[_Tree], None]) -> None:
        action(live)
        pending.append((path.rpartition("/")[0], action))

    for name, path, *rest in log:
        match name:
            case "create":
                change(path, partial(_Tree.create, path=path, file=_File()))
            case "mkdir":
                change(path, partial(_Tree.mkdir, path=path))
            case "rename":
                change(path, partial(_Tree.rename, path=path, to=rest[0]))
            case "unlink":
                change(path, partial(_Tree.unlink, path=path))
            case "write":
                live.files[path].content += rest[0]
            case "fsync" if path in live.files:
                live.files[path].synced = live.files[path].content
            case "fsync":
                for folder, action in pending:
                    if folder == path:
                        action(durable)
                pending = [one for one in pending if one[0] != path]
    for _, action in pending:
        if keep():
            action(durable)
    return {
        path.removeprefix(f"{root}/"): file.content if keep() else file.synced
        for path, file in durable.files.items()
        if path.startswith(f"{root}/") and _reachable(path.rpartition("/")[0], root, durable.folders)
    }


def _reachable(folder: str, root: Path, folders: set[str]) -> bool:
    above = [folder, *(str(one) for one in Path(folder).parents)]
    return all(one in folders for one in above if one.startswith(str(root)))
