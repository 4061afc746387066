"""Snapshots in every format that was ever released stay readable."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tocsin.persistency import EventPersistency, load, save

if TYPE_CHECKING:
    from types import ModuleType

_FOLDER = Path(__file__).parent
_VERSIONS = sorted(int(path.stem.partition("-")[2]) for path in _FOLDER.glob("snapshot-*.txt"))


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_snapshot", _FOLDER / "make_snapshot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", _VERSIONS)
def test_a_released_format_is_read(version: int, make: ModuleType) -> None:
    content = make.from_text(make.path_of(version).read_text(encoding="ascii"))
    expected, found = make.state(), EventPersistency(make.Rows)

    load(found, content)

    assert found.get_events_seen() == expected.get_events_seen()
    assert found.get_event_templates() == expected.get_event_templates()
    assert found.metadata == expected.metadata
    assert {key: one.get_data() for key, one in found.get_events_data().items()} == {
        key: one.get_data() for key, one in expected.get_events_data().items()
    }


def test_there_is_a_fixture_of_the_format_that_is_written(make: ModuleType) -> None:
    assert make.FORMAT_VERSION in _VERSIONS


def test_a_fixture_is_what_it_was_made_of(make: ModuleType) -> None:
    content = save(make.state())
    assert make.from_text(make.to_text(content)) == content
