"""Damaged states: an error that says what to do, or the state as it was; never a wrong one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.persistency.snapshots.states import NOW, after, contents_of, cut_of
from tocsin.errors import PersistencyError, PersistencyLoadError, StateLockedError, StateVersionError
from tocsin.persistency.snapshots import FsspecStore, MemoryStore, Snapshots
from tocsin.persistency.snapshots.manifest_file import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD, NEW = {"a": b"old"}, {"a": b"new", 7: b"more"}


def files_of_two_generations() -> dict[str, bytes]:
    store = MemoryStore()
    snapshots = Snapshots(store)
    snapshots.commit({"": cut_of(OLD)}, now=NOW)
    snapshots.commit({"": cut_of(NEW)}, now=after(hours=1))
    return store.files


def newest(files: dict[str, bytes], kind: str) -> str:
    return max(name for name in files if name.startswith(kind))


@pytest.mark.parametrize("kind", ["manifests/", "segments/"])
def test_no_flipped_byte_and_no_truncation_gives_another_state(kind: str) -> None:
    files = files_of_two_generations()
    name = newest(files, kind)
    content = files[name]
    flipped = [content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
               for at in range(len(content)) for bit in (1, 32, 255)]  # fmt: skip
    truncated = [content[:length] for length in range(len(content))]

    for damaged in [*flipped, *truncated, content + b" ", b"\0" * len(content)]:
        with pytest.raises(PersistencyLoadError, match=r"generation 2 cannot be loaded.*on_corruption"):
            Snapshots(MemoryStore(files | {name: damaged})).load()


@pytest.fixture
def damage(tmp_path: Path) -> Callable[[], Path]:
    """Give what saves two generations and flips a byte of the newer one's segment."""

    def save_and_damage() -> Path:
        for name, content in files_of_two_generations().items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
        segment = max((tmp_path / "segments").iterdir())
        segment.write_bytes(b"?" + segment.read_bytes()[1:])
        return segment

    return save_and_damage


def test_a_damaged_generation_is_named_with_what_to_do(tmp_path: Path, damage: Callable[[], Path]) -> None:
    segment = damage()

    with pytest.raises(PersistencyLoadError) as caught:
        Snapshots(FsspecStore(tmp_path)).load()

    assert segment.name in str(caught.value)
    assert "revert" in str(caught.value)
    assert caught.value.path == str(tmp_path)


def test_a_damaged_generation_is_never_written_over(tmp_path: Path, damage: Callable[[], Path]) -> None:
    damage()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}

    for loads in ((), (1,)):
        snapshots = Snapshots(FsspecStore(tmp_path))
        for generation in loads:
            snapshots.load(generation)
        with pytest.raises(PersistencyLoadError, match="generation 2 cannot be loaded"):
            snapshots.commit({"": cut_of({"a": b"anew"})}, now=after(hours=2))
        snapshots.close()

    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()} == before


def test_the_generation_before_is_used_when_asked_for(tmp_path: Path, damage: Callable[[], Path]) -> None:
    segment = damage()

    loaded = Snapshots(FsspecStore(tmp_path), on_corruption="previous").load()

    assert contents_of(loaded) == OLD
    assert loaded is not None
    (note,) = loaded.notes
    assert "generation 2 is damaged, generation 1 is used" in note
    assert segment.exists(), "who only reads moves nothing"


def test_the_next_commit_puts_a_damaged_generation_aside(tmp_path: Path, damage: Callable[[], Path]) -> None:
    segment = damage()
    content = segment.read_bytes()
    snapshots = Snapshots(FsspecStore(tmp_path), on_corruption="previous")
    snapshots.load()

    info = snapshots.commit({"": cut_of({"a": b"old", "b": b"1"}, ["b"])}, now=after(hours=2))

    assert info.generation == 3
    assert (tmp_path / "quarantine" / segment.name).read_bytes() == content
    assert sorted(path.name for path in (tmp_path / "manifests").iterdir()) == [
        "000000000001.json",
        "000000000003.json",
    ]
    assert contents_of(Snapshots(FsspecStore(tmp_path)).load()) == {"a": b"old", "b": b"1"}


def test_when_all_generations_are_damaged_there_is_no_empty_beginning(tmp_path: Path) -> None:
    snapshots = Snapshots(FsspecStore(tmp_path))
    snapshots.commit({"": cut_of(OLD)}, now=NOW)
    snapshots.close()
    manifest = tmp_path / "manifests" / "000000000001.json"
    manifest.write_bytes(b"")

    for snapshots in (Snapshots(FsspecStore(tmp_path), on_corruption="previous") for _ in range(2)):
        with pytest.raises(PersistencyLoadError, match=r"no generation of .* can be loaded"):
            snapshots.load()
        with pytest.raises(PersistencyLoadError, match=r"no generation of .* can be loaded"):
            snapshots.commit({"": cut_of(NEW)}, now=NOW)
        snapshots.close()

    assert manifest.exists()


def test_a_state_that_is_being_written_is_not_reverted(tmp_path: Path) -> None:
    snapshots = Snapshots(FsspecStore(tmp_path))
    snapshots.commit({"": cut_of(OLD)}, now=NOW)

    with pytest.raises(StateLockedError, match=r"is being written by .* on .*, pid"):
        Snapshots(FsspecStore(tmp_path)).revert(1, now=after(hours=4))


def test_reverting_puts_newer_damaged_generations_aside(tmp_path: Path) -> None:
    snapshots = Snapshots(FsspecStore(tmp_path))
    for number in range(3):
        snapshots.commit({"": cut_of({"a": b"%d" % number})}, now=after(hours=number))
    snapshots.close()
    (tmp_path / "manifests" / "000000000003.json").write_bytes(b"?")

    info = Snapshots(FsspecStore(tmp_path)).revert(2, now=after(hours=4))

    assert info.generation == 4
    assert contents_of(Snapshots(FsspecStore(tmp_path)).load()) == {"a": b"1"}
    assert (tmp_path / "quarantine" / "000000000003.json").read_bytes() == b"?"


def test_a_damaged_generation_does_not_take_segments_that_others_need_with_it(tmp_path: Path) -> None:
    snapshots = Snapshots(FsspecStore(tmp_path))
    snapshots.commit({"": cut_of({"a": b"1", "b": b"1"})}, now=NOW)
    snapshots.commit({"": cut_of({"a": b"1", "b": b"2"}, ["b"])}, now=NOW)
    snapshots.commit({"": cut_of({"a": b"3", "b": b"2"}, ["a"])}, now=NOW)
    (tmp_path / "manifests" / "000000000002.json").write_bytes(b"?")

    snapshots.revert(1, now=after(hours=1))

    assert contents_of(snapshots.load(3)) == {"a": b"3", "b": b"2"}


def test_generations_name_what_is_damaged(tmp_path: Path, damage: Callable[[], Path]) -> None:
    segment = damage()
    segment.unlink()

    first, second = Snapshots(FsspecStore(tmp_path)).generations()

    assert first.damage is None
    assert second.damage is not None
    assert segment.name in second.damage


def test_a_missing_generation_in_the_middle_harms_nothing() -> None:
    store = MemoryStore()
    snapshots = Snapshots(store)
    for number in range(3):
        snapshots.commit({"": cut_of({"a": b"%d" % number})}, now=NOW)
    del store.files["manifests/000000000002.json"]

    snapshots.commit({"": cut_of({"a": b"3"})}, now=NOW)

    assert [info.generation for info in snapshots.generations()] == [1, 3, 4]


# -- manifests that somebody else made -----------------------------------------------------------------


def rewritten(change: Callable[[dict[str, Any]], None]) -> MemoryStore:
    """Give a state whose manifest was changed by somebody who can compute digests."""
    files = files_of_two_generations()
    name = newest(files, "manifests/")
    document = json.loads(files[name][65:])
    change(document)
    return MemoryStore(files | {name: sealed(json.dumps(document).encode())})


def sealed(body: bytes) -> bytes:
    return digest_of(body).encode() + b"\n" + body


def test_a_newer_format_is_an_error_of_its_own_and_stays_untouched() -> None:
    store = rewritten(lambda document: document.update(format_version=2, minimum_reader=2, parts="other"))
    before = dict(store.files)

    for mode in ("raise", "previous"):
        snapshots = Snapshots(store, on_corruption=mode)
        with pytest.raises(StateVersionError, match="format 2, this tocsin reads up to 1: upgrade"):
            snapshots.load()
        with pytest.raises(StateVersionError):
            snapshots.commit({"": cut_of(NEW)}, now=NOW)

    assert store.files == before
    assert contents_of(Snapshots(store).load(1)) == OLD


def test_reverting_leaves_a_newer_format_alone() -> None:
    store = rewritten(lambda document: document.update(minimum_reader=2))

    Snapshots(store).revert(1, now=NOW)

    assert "manifests/000000000002.json" in store.files
    assert contents_of(Snapshots(store).load()) == OLD


def test_what_later_formats_add_is_ignored() -> None:
    def add(document: dict[str, Any]) -> None:
        document["format_version"] = 2
        document["module"] = "os"
        document["parts"][""]["class"] = "subprocess.Popen"

    assert contents_of(Snapshots(rewritten(add)).load()) == NEW


def set_in(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        target: Any = document
        *keys, last = path.split("/")
        for key in keys:
            target = target[int(key) if isinstance(target, list) else key]
        target[int(last) if isinstance(target, list) else last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "pickle"),
        ("minimum_reader", "1"),
        ("generation", 3),
        ("generation", True),
        ("created_at", "yesterday"),
        ("created_at", "2026-03-01T12:00:00"),
        ("token", -1),
        ("writer", []),
        ("writer/pid", 1.5),
        ("parts", []),
        ("parts/", []),
        ("parts//kind", 7),
        ("parts//metadata", []),
        ("parts//seen", "all"),
        ("parts//seen/0", "a"),
        ("parts//seen/0", ["os.system", "true"]),
        ("parts//seen/0", ["i", True]),
        ("parts//seen/0", ["i", 1.0]),
        ("parts//seen/0", ["i", "0x_1"]),
        ("parts//seen/0", ["i", 7]),
        ("parts//seen/0", ["s", 7]),
        ("parts//seen/0", {"s": "a"}),
        ("parts//events", {}),
        ("parts//events/1/event", ["s", "a"]),
        ("parts//events/0/segment", 1),
        ("parts//events/0/segment", -1),
        ("parts//events/0/offset", -1),
        ("parts//events/0/offset", 5),
        ("parts//events/0/offset", 2**70),
        ("parts//events/0/length", 2**62),
        ("parts//events/0/length", 8),
        ("parts//events/0/length", None),
        ("parts//events/0/template", ["x"]),
        ("segments/0/name", "segments/../../../etc/passwd"),
        ("segments/0/name", "/etc/passwd"),
        ("segments/0/name", "manifests/000000000001.json"),
        ("segments/0/name", "s3://elsewhere/segments/000000000001-0000000000000000.seg"),
        ("segments/0/length", 2**60),
        ("segments/0/length", "7"),
        ("segments/0/digest", "0" * 63),
        ("segments/0/digest", None),
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused(path: str, value: Any) -> None:
    store = rewritten(set_in(path, value))

    with pytest.raises(PersistencyLoadError, match="generation 2 cannot be loaded"):
        Snapshots(store).load()


def test_events_cannot_share_bytes_to_fill_the_memory() -> None:
    def repeat(document: dict[str, Any]) -> None:
        part = document["parts"][""]
        event = part["events"][0] | {"offset": 0, "length": document["segments"][0]["length"]}
        part["seen"] = [["i", number] for number in range(1000)]
        part["events"] = [event | {"event": ["i", number]} for number in range(1000)]

    with pytest.raises(PersistencyLoadError, match="longer than the segments"):
        Snapshots(rewritten(repeat)).load()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"1" * 10_000,
        b'{"format": NaN}',
        "\N{SNOWMAN}".encode(),
    ],
    ids=range(10),
)
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    files = files_of_two_generations()

    with pytest.raises(PersistencyLoadError, match="generation 2 cannot be loaded"):
        Snapshots(MemoryStore(files | {newest(files, "manifests/"): sealed(body)})).load()


def test_deeply_nested_metadata_is_refused_both_ways() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    store = MemoryStore()

    with pytest.raises(PersistencyError, match="nested too deeply"):
        Snapshots(store).commit({"": cut_of(OLD, metadata={"deep": deep})}, now=NOW)
    with pytest.raises(PersistencyLoadError, match="nested too deeply"):
        Snapshots(rewritten(lambda document: document["parts"][""].update(metadata={"deep": deep}))).load()

    assert store.files == {}


@pytest.mark.parametrize("value", [{1: "number as key"}, float("nan"), {"x": object()}, {"x": {1}}])
def test_metadata_that_would_come_back_differently_is_refused(value: Any) -> None:
    store = MemoryStore()

    with pytest.raises(PersistencyError, match="must be JSON"):
        Snapshots(store).commit({"": cut_of(OLD, metadata={"value": value})}, now=NOW)

    assert store.files == {}


def test_a_state_that_names_a_module_imports_nothing(tmp_path: Path) -> None:
    """Load, in a process of its own, a state whose every text is the name of a module that would tell."""
    (tmp_path / "told.py").write_text("raise SystemExit('imported')")

    def name_it(document: dict[str, Any]) -> None:
        document.update(module="told", loader="told:load")
        part = document["parts"][""]
        part.update(kind="told.Loader", metadata={"class": "told.Loader", "py/object": "told.Loader"})
        part["events"][0]["template"] = "told"

    for name, content in rewritten(name_it).files.items():
        (tmp_path / "state" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "state" / name).write_bytes(content)
    program = (
        "import sys\n"
        "from tocsin.persistency.snapshots import FsspecStore, Snapshots\n"
        "loaded = Snapshots(FsspecStore('state')).load()\n"
        "assert loaded.parts[''].kind == 'told.Loader'\n"
        "assert 'told' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
