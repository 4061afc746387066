"""A memory with the stages over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.alerting.stages.builders import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.alerting.conftest import Memory
    from tocsin.database.sql_manager import SqlManager


@pytest.fixture
def world(memory: Memory) -> World:
    return World(memory.database)


@pytest.fixture
def new_world(new_memory: Callable[[], Memory]) -> Callable[[], World]:
    return lambda: World(new_memory().database)


@pytest.fixture
def any_world(store: SqlManager) -> World:
    """Give a world on each kind of database."""
    return World(store)
