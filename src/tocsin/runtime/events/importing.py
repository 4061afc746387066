"""Imports events from files and queues into an event storage, in batches, with what became of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from tocsin.errors import ConfigError, LoadError
from tocsin.eventstorage.results import InsertKind
from tocsin.sources.idea_files import STDIN, EventFile, FolderQueue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.eventstorage.results import InsertResult
    from tocsin.eventstorage.service import EventStorageService
    from tocsin.model import RejectedLine
    from tocsin.sources.idea_files import ClaimedFile, CsvMapping

__all__ = ["FailedFile", "ImportListener", "ImportReport", "Rejection", "import_files", "import_queue"]

BATCH_SIZE = 5_000
_BATCH_BYTES = 16 << 20  # messages may be large: a batch is in memory
_MOST_CLAIMED = 256  # files of a queue in one batch: each is held open
_MOST_REJECTIONS = 100


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message that was not stored; it is among the storage's dead letters.

    Attributes:
        file: Its file.
        number: Its line, or which event it is of a JSON document.
        reason: Why.
        counts_events: Whether the number is that of an event.
    """

    file: str
    number: int
    reason: str
    counts_events: bool = False

    @property
    def place(self) -> str:
        """Where it is, for people.

        >>> Rejection("a.jsonl", 6, "no usable ID").place
        'a.jsonl:6'
        >>> Rejection("a.json", 6, "no usable ID", counts_events=True).place
        'a.json, event 6'
        """
        return f"{self.file}, event {self.number}" if self.counts_events else f"{self.file}:{self.number}"


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be read to its end.

    Attributes:
        file: Its name.
        error: Why.
    """

    file: str
    error: ConfigError | LoadError


@dataclass(slots=True)
class ImportReport:
    """What an import did; it grows while the import goes on.

    Attributes:
        new: Events that were stored.
        duplicate: Events that were there already.
        rejected: Messages that are no events.
        flawed: How many of the new events have something wrong in them.
        flaws: What is wrong, and how often.
        files: Files that were read.
        rejections: The first hundred of the rejected.
        failed: The files that could not be read to their end.
        stuck: The files that are still in a queue, as they could not be read at all, or not be moved away.
        more: Whether files of a queue were left, as the limit was reached.
    """

    new: int = 0
    duplicate: int = 0
    rejected: int = 0
    flawed: int = 0
    flaws: Counter[str] = field(default_factory=Counter)
    files: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    failed: list[FailedFile] = field(default_factory=list)
    stuck: list[FailedFile] = field(default_factory=list)
    more: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "new": self.new,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "files": self.files,
            "failed": [{"file": one.file, "error": str(one.error)} for one in (*self.failed, *self.stuck)],
        }


class ImportListener(Protocol):
    """Who is told how an import goes."""

    def started(self, name: str, size: int | None) -> None:
        """A file is begun; `size` is its bytes on disk, `None` when nobody knows."""
        ...

    def progressed(self, bytes_read: int, report: ImportReport) -> None:
        """A batch was stored; so far was the file read."""
        ...


def import_files(
    service: EventStorageService,
    paths: Iterable[str],
    mapping: CsvMapping | None = None,
    *,
    stdin: IO[bytes] | None = None,
    listener: ImportListener | None = None,
    batch_size: int = BATCH_SIZE,
    ntp_times: bool = False,
) -> ImportReport:
    """Import files; one that cannot be read does not stop the others.

    What is imported is committed batch by batch. Done again, after an interruption or not, it finds as
    duplicates what is there already.

    Args:
        service: Where to.
        paths: The files, `-` for standard input; a folder stands for its files, in the order of their names.
        mapping: The columns of CSV files; without one, known headers are recognised.
        stdin: What `-` is.
        listener: Who is told of progress.
        batch_size: How many events are stored at once.
        ntp_times: Read NTP hexadecimal timestamps too.

    Raises:
        EventStorageException: The storage failed; the batches before are kept.
    """
    batch = _Batch(service, batch_size, listener, ntp_times=ntp_times)
    for path in paths:
        for file in _files_of(path):
            _read(file, mapping, batch, _Work(), stdin, listener)
    batch.store()
    return batch.report


def import_queue(
    service: EventStorageService,
    queue: FolderQueue,
    mapping: CsvMapping | None = None,
    *,
    listener: ImportListener | None = None,
    batch_size: int = BATCH_SIZE,
    ntp_times: bool = False,
    limit: int | None = None,
) -> ImportReport:
    """Import the files that wait in a queue; each is moved away after all of it is committed.

    A file in which something was wrong goes to the queue's errors, with the reasons; what was right in it is
    stored. When the storage fails, files stay where they are.

    Args:
        service: Where to.
        queue: The queue.
        mapping: The columns of CSV files.
        listener: Who is told of progress.
        batch_size: How many events are stored at once.
        ntp_times: Read NTP hexadecimal timestamps too.
        limit: Begin with no further file after so many events; `None` takes all files that wait now.

    Raises:
        EventStorageException: The storage failed.
        LoadError: The folder cannot be read.
    """
    batch = _Batch(service, batch_size, listener, ntp_times=ntp_times)
    try:
        for name in queue.names():
            if limit is not None and batch.taken >= limit:
                batch.report.more = True
                break
            try:
                claimed = queue.claim(name)
            except LoadError as error:
                batch.report.stuck.append(FailedFile(name, error))
                continue
            if claimed is not None:
                work = batch.claimed(claimed)
                _read(str(claimed.path), mapping, batch, work, None, listener)
                batch.finished(work)
        batch.store()
    finally:
        batch.release()
    return batch.report


def _files_of(path: str) -> list[str]:
    """Give the files of a folder, or the path itself; one that is not there is an error of its reader."""
    if path == STDIN or not Path(path).is_dir():
        return [path]
    queue = FolderQueue(Path(path))
    return [str(queue.incoming / name) for name in queue.names()]


def _read(
    path: str,
    mapping: CsvMapping | None,
    batch: _Batch,
    work: _Work,
    stdin: IO[bytes] | None,
    listener: ImportListener | None,
) -> None:
    batch.report.files += 1
    try:
        with EventFile(path, mapping, stdin=stdin) as file:
            work.name = file.name
            if listener is not None:
                listener.started(file.name, file.size)
            for number, item in file:
                work.any_read, work.counts_events = True, file.counts_events
                batch.add(item, number, work, file)
    except (ConfigError, LoadError) as error:
        batch.report.failed.append(FailedFile(path, error))
        work.reasons.append(str(error))


class _Work:
    """A file that is being imported, and what was wrong in it."""

    def __init__(self, claimed: ClaimedFile | None = None) -> None:
        self.claimed = claimed
        self.name = ""
        self.reasons: list[str] = []
        self.any_read = False
        self.counts_events = False


class _Batch:
    """Collects messages, also of several files, and stores them together."""

    def __init__(
        self,
        service: EventStorageService,
        batch_size: int,
        listener: ImportListener | None,
        *,
        ntp_times: bool,
    ) -> None:
        self.report = ImportReport()
        self.taken = 0
        self._service = service
        self._batch_size = batch_size
        self._ntp_times = ntp_times
        self._listener = listener
        self._items: list[bytes | RejectedLine] = []
        self._places: list[tuple[_Work, int]] = []
        self._bytes = 0
        self._bytes_read = 0
        self._finished: list[_Work] = []
        self._claimed: set[ClaimedFile] = set()

    def claimed(self, file: ClaimedFile) -> _Work:
        """Begin with a file of a queue."""
        self._claimed.add(file)
        return _Work(file)

    def release(self) -> None:
        """Give back the files that were not finished."""
        while self._claimed:
            self._claimed.pop().release()

    def add(self, item: bytes | RejectedLine, number: int, work: _Work, file: EventFile) -> None:
        """Take a message; a full batch is stored."""
        self.taken += 1
        self._items.append(item)
        self._places.append((work, number))
        self._bytes += len(item) if isinstance(item, bytes) else len(item.text)
        if len(self._items) >= self._batch_size or self._bytes >= _BATCH_BYTES:
            self._bytes_read = file.bytes_read
            self.store()

    def finished(self, work: _Work) -> None:
        """Take note that all of a file was added: it is moved away with the next store."""
        if not work.any_read and not work.reasons:
            work.reasons.append("the file is empty")
        self._finished.append(work)
        if len(self._finished) >= _MOST_CLAIMED:
            self.store()

    def store(self) -> None:
        """Store what was added, then move away the files that are finished."""
        if not self._items and not self._finished:
            return
        if self._items:
            results = self._service.insert_events(
                self._items, batch_size=len(self._items), ntp_times=self._ntp_times
            )
            self._count(results)
            self._items, self._places, self._bytes = [], [], 0
        finished, self._finished = self._finished, []
        for work in finished:
            if work.claimed is not None:
                self._claimed.discard(work.claimed)
                self._move_away(work.claimed, work.reasons)
        if self._listener is not None:
            self._listener.progressed(self._bytes_read, self.report)

    def _count(self, results: list[InsertResult]) -> None:
        kinds = Counter(result.kind for result in results)
        self.report.new += kinds[InsertKind.NEW]
        self.report.duplicate += kinds[InsertKind.DUPLICATE]
        self.report.rejected += kinds[InsertKind.REJECTED]
        for (work, number), result in zip(self._places, results, strict=True):
            if result.inspection_errors:
                self.report.flawed += 1
                self.report.flaws.update(result.inspection_errors)
            elif result.kind is InsertKind.REJECTED:
                self._reject(work, number, result.reason or "it is no event")

    def _move_away(self, file: ClaimedFile, reasons: list[str]) -> None:
        """Move a file away; one that has to stay does not keep those behind it."""
        try:
            file.finish(reasons)
        except LoadError as error:
            self.report.stuck.append(FailedFile(str(file.path), error))

    def _reject(self, work: _Work, number: int, reason: str) -> None:
        work.reasons.append(f"{'event ' if work.counts_events else ''}{number}: {reason}")
        if len(self.report.rejections) < _MOST_REJECTIONS:
            rejection = Rejection(work.name, number, reason, counts_events=work.counts_events)
            self.report.rejections.append(rejection)
