"""Threads of a run take turns, and let each other in while they wait."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tocsin.runtime.gate import Gate, GatedSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

PATIENCE = 30  # seconds; only a broken gate waits for as long


class WaitingSource:
    """A source that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.may_answer = threading.Event()

    def read_columns(self, query: str, params: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:
        del query, params
        self.asked.set()
        assert self.may_answer.wait(PATIENCE)
        return {"value": np.array([1.0])}


def test_another_thread_works_while_a_source_is_waited_for() -> None:
    gate, source = Gate(), WaitingSource()
    answers: list[dict[str, NDArray[Any]]] = []

    def ask() -> None:
        with gate.inside():
            answers.append(GatedSource(source, gate).read_columns("SELECT 1"))  # type: ignore[arg-type]

    asking = threading.Thread(target=ask)
    asking.start()
    assert source.asked.wait(PATIENCE)
    with gate.inside():  # would wait for ever if the asking thread had kept the gate
        source.may_answer.set()
    asking.join(PATIENCE)

    assert [answer["value"].tolist() for answer in answers] == [[1.0]]


def test_the_gate_is_ours_again_after_an_error_outside() -> None:
    gate = Gate()
    entered = threading.Event()

    def enter() -> None:
        with gate.inside():
            entered.set()

    with gate.inside():
        with pytest.raises(ValueError, match="outside"), gate.outside():
            raise ValueError("outside")
        other = threading.Thread(target=enter)
        other.start()
        assert not entered.is_set()
    other.join(PATIENCE)

    assert entered.is_set()
