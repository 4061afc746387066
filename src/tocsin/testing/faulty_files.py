"""An fsspec file system that fails, tears, delays and reorders the k-th call on purpose.

    plan = FaultPlan()
    FsspecStore("faulty://state", {"plan": plan})
    plan.arm("tear", at=3)

It keeps its files in memory, sees to it that a file is created once only, and shows a file whole, as S3
does; except where the plan says otherwise.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fsspec import AbstractFileSystem, register_implementation

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAULTS", "Fault", "FaultPlan", "FaultyFileSystem", "InjectedError"]

Fault = Literal["fail", "tear", "lose_answer", "delay", "reorder", "die"]
FAULTS: tuple[Fault, ...] = ("fail", "tear", "lose_answer", "delay", "reorder", "die")


class InjectedError(OSError):
    """The fault that a test asked for."""


@dataclass
class FaultPlan:
    """What goes wrong, and the files.

    - `fail`: the call does nothing and raises.
    - `tear`: a write keeps the first half and raises.
    - `lose_answer`: the call is done, and raises.
    - `delay`: the call raises, and is done after the next three.
    - `reorder`: a write succeeds, and is done after the next write.
    - `die`: this call and all after it raise, until `revive`.

    `complaint` is added to what the errors say.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    calls: int = 0
    kind: Fault | None = None
    at: int = 0
    complaint: str = ""
    waiting: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def arm(self, kind: Fault, at: int) -> None:
        """Let the `at`-th call from now (1 is the next) go wrong."""
        self.kind, self.at, self.calls = kind, at, 0

    def revive(self) -> None:
        """Let everything work from now on, and do what was delayed."""
        self.kind = None
        self.settle()

    def settle(self) -> None:
        """Do what was delayed."""
        waiting, self.waiting = self.waiting, []
        for _, action in waiting:
            action()

    @property
    def struck(self) -> bool:
        """Whether the fault happened."""
        return self.kind is not None and self.calls >= self.at

    def run(self, action: Callable[[], Any], *, half: Callable[[], None] | None = None) -> Any:
        """Do a call as the plan says; `half` is given for writes."""
        with self.lock:
            self.calls += 1
            due = [one for one in self.waiting if one[0] < self.calls or (one[0] == 0 and half)]
            self.waiting = [one for one in self.waiting if one not in due]
            try:
                if self.kind is not None and (
                    self.calls == self.at or (self.kind == "die" and self.calls > self.at)
                ):
                    return self._fault(action, half)
                return action()
            finally:
                for _, late in due:
                    late()

    def _fault(self, action: Callable[[], Any], half: Callable[[], None] | None) -> Any:
        match self.kind:
            case "tear" if half is not None:
                half()
            case "lose_answer":
                action()
            case "delay" if half is not None:
                self.waiting.append((self.calls + 3, action))
            case "reorder":
                if half is None:
                    return action()
                self.waiting.append((self.calls + 1, action))
                return None
        message = f"call {self.calls}: {self.kind} {self.complaint}".rstrip()
        raise InjectedError(message)


class FaultyFileSystem(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """Files in memory, with the faults of a plan."""

    protocol = "faulty"
    cachable = False

    def __init__(self, plan: FaultPlan, **_: Any) -> None:
        super().__init__()
        self.plan = plan

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: FBT001, FBT002 - fsspec's
        """List a folder."""
        prefix = self._strip_protocol(path) + "/"

        def listed() -> list[Any]:
            found = [name for name in sorted(self.plan.files) if name.startswith(prefix)]
            found = [name for name in found if "/" not in name[len(prefix) :]]
            if not detail:
                return found
            return [{"name": name, "size": len(self.plan.files[name]), "type": "file"} for name in found]

        return list(self.plan.run(listed))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Read a file."""
        name = self._strip_protocol(path)

        def content() -> bytes:
            if name not in self.plan.files:
                raise FileNotFoundError(name)
            return self.plan.files[name][start:end]

        return bytes(self.plan.run(content))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write a file whole."""
        name = self._strip_protocol(path)

        def write(content: bytes) -> None:
            if mode == "create" and name in self.plan.files:
                raise FileExistsError(name)
            self.plan.files[name] = content

        def whole() -> None:
            write(bytes(value))

        self.plan.run(whole, half=lambda: write(bytes(value[: len(value) // 2])))

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        name = self._strip_protocol(path)

        def remove() -> None:
            if self.plan.files.pop(name, None) is None:
                raise FileNotFoundError(name)

        self.plan.run(remove)


register_implementation("faulty", FaultyFileSystem, clobber=True)
