"""The `persist:` block: where its state goes, and what it refuses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import ConfigError, PersistencyLoadError
from tocsin.persistency import EventPersistency, EventStabilityTracker, init_persistency
from tocsin.persistency.snapshots import FsspecStore, Snapshots

if TYPE_CHECKING:
    from pathlib import Path


def new_memory() -> EventPersistency:
    return EventPersistency(EventStabilityTracker)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


def path_of(block: Any, name: str = "new-values") -> str:
    saver = init_persistency(new_memory(), block, name)
    assert saver is not None
    with saver:
        assert saver.status().running
        return saver.status().path


@pytest.mark.parametrize("config", [None, {"persist": None}, SimpleNamespace(persist=None)])
def test_without_a_block_there_is_no_saver(config: Any) -> None:
    assert init_persistency(new_memory(), config, "x") is None


@pytest.mark.parametrize(
    "config",
    [
        {"path": "here"},
        {"persist": {"path": "here"}},
        SimpleNamespace(path="here", other=1),
        SimpleNamespace(persist=SimpleNamespace(path="here")),
    ],
)
def test_a_block_may_come_as_mapping_or_object(config: Any) -> None:
    assert path_of(config) == "here/new-values"


def test_state_goes_to_the_first_state_directory_of_the_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert path_of({}) == "./state/new-values"
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/one:{tmp_path}/two")
    assert path_of({}) == f"{tmp_path}/one/new-values"
    assert path_of({"path": "memory://persist-block/"}) == "memory://persist-block/new-values"


@pytest.mark.parametrize("name", ["..", ".", "", "../../etc", "a/b", "a\nb", "😀", "\ud800", "x" * 5000, " "])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    path_of({"path": str(tmp_path / "state")}, name)

    (folder,) = (tmp_path / "state").iterdir()
    assert (folder / "LOCK").exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_different_names_have_different_folders(tmp_path: Path) -> None:
    names = ["a", "A ", "a/b", "a%2Fb", "x" * 5000, "x" * 5001, "..", "%2E%2E", "", "%"]
    assert len({path_of({"path": str(tmp_path)}, name) for name in names}) == len(names)


def test_an_unknown_key_is_refused_with_what_was_meant() -> None:
    with pytest.raises(
        ConfigError, match="persist has no key 'interval_second': did you mean 'interval_seconds'"
    ):
        init_persistency(new_memory(), {"interval_second": 5}, "x")
    with pytest.raises(ConfigError, match="there are path, interval_seconds"):
        init_persistency(new_memory(), {"zzz": 5}, "x")


@pytest.mark.parametrize(
    "block", [{"interval_seconds": 0}, {"events_until_save": "10"}, {"auto_load": "maybe"}]
)
def test_a_value_that_is_not_possible_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        init_persistency(new_memory(), block, "x")


def test_the_block_is_what_the_saver_is_told(tmp_path: Path) -> None:
    block = {
        "path": str(tmp_path),
        "interval_seconds": 7,
        "events_until_save": 9,
        "auto_load": "if_present",
        "storage_options": {},
    }
    memory = new_memory()
    saver = init_persistency(memory, block, "x")
    assert saver is not None
    memory.ingest_event("4624", "t", ["alice"])
    saver.stop()

    status = saver.status()
    assert (status.save_interval_seconds, status.events_until_save, status.saves) == (7, 9, 1)
    restored = new_memory()
    again = init_persistency(restored, block | {"auto_load": True}, "x")
    assert again is not None
    again.stop()
    assert restored.get_events_seen() == {"4624"}
    assert [info.generation for info in Snapshots(FsspecStore(tmp_path / "x")).generations()] == [1]


def test_auto_load_without_a_state_fails_at_once() -> None:
    with pytest.raises(PersistencyLoadError, match="nothing is saved at"):
        init_persistency(new_memory(), {"auto_load": True}, "x")
