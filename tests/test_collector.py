"""The garbage collector rests while batches are stored, and only then."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING

import pytest

from tocsin.collector import collector_at_rest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _enabled_again() -> Iterator[None]:
    yield
    gc.enable()


def test_it_works_again_when_the_last_of_several_blocks_ends() -> None:
    with collector_at_rest():
        with collector_at_rest():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_after_an_error() -> None:
    with pytest.raises(KeyError), collector_at_rest():
        raise KeyError
    assert gc.isenabled()


def test_who_has_none_gets_none() -> None:
    gc.disable()
    with collector_at_rest():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_blocks_of_several_threads_end_in_any_order() -> None:
    inside, leave = threading.Event(), threading.Event()

    def rest() -> None:
        with collector_at_rest():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=rest)
    with collector_at_rest():
        thread.start()
        inside.wait()
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()
