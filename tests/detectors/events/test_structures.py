"""The backends of the event detectors: many rows equal row by row, dumps come back, others are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.detectors.events.bigram_frequency import TransitionTables
from tocsin.detectors.events.character_set import CharacterSets
from tocsin.detectors.events.counts import EventCount
from tocsin.detectors.events.features import FeatureStructure, Novelties
from tocsin.detectors.events.sequences import EventSequences
from tocsin.detectors.events.slot_counts import SlotCounts
from tocsin.detectors.events.value_range import NumberRanges
from tocsin.persistency.stability import Stability

if TYPE_CHECKING:
    from tocsin.detectors.events.plain_state import PlainStructure

VALUES = st.lists(
    st.one_of(st.text("abc%12", max_size=4), st.integers(0, 30), st.none(), st.floats(), st.booleans())
)
FEATURES: list[tuple[type[FeatureStructure], dict[str, Any]]] = [
    (NumberRanges, {}),
    (CharacterSets, {"max_characters": 4}),
    (TransitionTables, {"max_transitions": 6}),
]


@pytest.mark.parametrize(("cls", "settings"), FEATURES)
@given(values=VALUES, cut=st.integers(0, 20))
def test_many_rows_equal_row_by_row(
    cls: type[FeatureStructure], settings: dict[str, Any], values: list[Any], cut: int
) -> None:
    single, many = cls(**settings), cls(**settings)
    for place, value in enumerate(values):
        single.add_data({"x": value}, float(place))
    for part, begin in ((values[:cut], 0), (values[cut:], cut)):
        if part:
            many.add_rows(("x",), [part], [1_000_000 * (begin + place) for place in range(len(part))])

    assert many.dump() == single.dump()
    assert cls.load(many.dump(), **settings).dump() == many.dump()


def filled() -> list[PlainStructure]:
    structures: list[PlainStructure] = [NumberRanges(), CharacterSets(), TransitionTables(), EventCount()]
    for structure in structures:
        structure.add_data({"x": "5", "y": "\ud800"}, 7.0)
    slots, sequences = SlotCounts(), EventSequences()
    slots.add_data({"slot": 4}, 7.0)
    sequences.add_data({"before": (1, "1"), "session": b"s", "number": 1, "tail": ("1", 4)}, 7.0)
    return [*structures, slots, sequences]


@pytest.mark.parametrize("structure", filled(), ids=lambda structure: structure.kind)
def test_a_dump_comes_back_as_it_was_and_goes_on(structure: PlainStructure) -> None:
    again = type(structure).load(structure.dump())

    assert again.dump() == structure.dump()
    assert again.export() == structure.export()


@pytest.mark.parametrize("structure", filled(), ids=lambda structure: structure.kind)
def test_a_cut_gives_what_was_there_then(structure: PlainStructure) -> None:
    before = structure.dump()
    give = structure.cut()

    structure.forget()

    assert structure.dump() != before
    assert give() == before


@pytest.mark.parametrize("structure", filled(), ids=lambda structure: structure.kind)
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b"\xff", b'{"kind": 1, "version": 1, "state": []}']
)
def test_what_is_no_dump_is_refused(structure: PlainStructure, content: bytes) -> None:
    with pytest.raises(ValueError, match=structure.kind):
        type(structure).load(content)


@pytest.mark.parametrize("structure", filled(), ids=lambda structure: structure.kind)
def test_other_kinds_newer_versions_and_wrong_states_are_refused(structure: PlainStructure) -> None:
    good = json.loads(structure.dump())
    for changes in ({"kind": "other"}, {"version": 99}, {"state": "x"}, {"state": [[1], 2]}):
        with pytest.raises(ValueError, match=structure.kind):
            type(structure).load(json.dumps({**good, **changes}).encode())


@pytest.mark.parametrize(
    ("total", "places", "kind"),
    [
        (2, [0], Stability.INSUFFICIENT_DATA),
        (100, [0], Stability.STATIC),
        (4, [0, 1, 2, 3], Stability.RANDOM),
        (100, [0, 1, 2, 30, 60], Stability.STABLE),
        (100, [0, 1, 2, 99], Stability.UNSTABLE),
        (100_000, list(range(5_000)), Stability.UNSTABLE),
    ],
)
def test_features_are_classified_as_values_are(total: int, places: list[int], kind: Stability) -> None:
    novelties = Novelties()
    novelties.add(total, places)

    assert novelties.classify(3).type is kind


def test_detectors_of_series_load_nothing_of_those_of_events() -> None:
    program = (
        "import sys, tocsin.detectors as d; d.MADDetector;"
        "print([m for m in sys.modules if m.startswith(('pydantic', 'tocsin.persistency', 'pyarrow',"
        " 'tocsin.detectors.events'))]); d.NewValueDetector; print('pyarrow.compute' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[:2] == ["[]", "False"]
