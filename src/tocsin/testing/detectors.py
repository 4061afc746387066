"""The contract of detectors of series, as a suite: subclass it and say how the detector is made."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from tocsin.abc import Detector
from tocsin.detectors import metadata_json
from tocsin.errors import DetectorError
from tocsin.model import Reason, SeriesData

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tocsin.detectors import BaseDetector
    from tocsin.model import Detections

__all__ = ["DetectorContract", "assert_same_bits", "columns_of", "make_series", "part_of", "series_of"]

_COLUMNS = (
    "timestamp", "value", "is_anomaly", "confidence_lower", "confidence_upper", "score", "severity",
    "direction", "reason",
)  # fmt: skip


def make_series(slots: int, *, seed: int = 0, phase: int = 0) -> SeriesData:
    """Give a series with a daily rhythm, noise in steps of 0.25, spikes, a level shift, and gaps.

    Args:
        slots: How many ten-minute slots.
        seed: Decides noise, spikes and gaps.
        phase: Slots by which the series begins later in the grid.

    >>> data = make_series(3)
    >>> data["seasonality_columns"], data["seasonality_data"][0]
    (['hour', 'is_weekend'], '{"hour": 0, "is_weekend": 0}')
    """
    random = np.random.default_rng(seed)
    place = np.arange(slots) + phase
    start = np.datetime64("2026-03-02T00:00:00.000", "ms")
    value = 50.0 + 10.0 * np.sin(2.0 * np.pi * place / 144.0) + random.normal(0.0, 2.0, slots)
    value[random.random(slots) < 0.02] += 60.0  # one in fifty
    value[2 * slots // 3 :] += 25.0
    value = np.round(value * 4.0) / 4.0
    value[random.random(slots) < 0.05] = np.nan
    texts = [
        json.dumps({"hour": int(slot // 6 % 24), "is_weekend": int(slot // 144 % 7 >= 5)}) for slot in place
    ]
    return SeriesData(
        timestamp=start + place * np.timedelta64(600_000, "ms"),
        value=value,
        seasonality_data=np.array(texts, dtype=object),
        seasonality_columns=["hour", "is_weekend"],
    )


def series_of(values: Iterable[float], seasonality: Sequence[Mapping[str, Any]] = ()) -> SeriesData:
    """Give an hourly series of values; the dicts of its seasonality are repeated from slot to slot.

    >>> series_of([1.0, 2.0], [{"hour": 0}])["seasonality_data"]
    array(['{"hour": 0}', '{"hour": 0}'], dtype=object)
    """
    value = np.array(list(values), dtype=np.float64)
    start = np.datetime64("2026-03-01T00:00:00.000", "ms")
    cycle = [json.dumps(row) for row in seasonality] or ["{}"]
    return SeriesData(
        timestamp=start + np.arange(len(value)) * np.timedelta64(3_600_000, "ms"),
        value=value,
        seasonality_data=np.array([cycle[slot % len(cycle)] for slot in range(len(value))], dtype=object),
        seasonality_columns=sorted({name for row in seasonality for name in row}),
    )


def part_of(data: SeriesData, start: int, stop: int) -> SeriesData:
    """Give the slots [start, stop) of a series."""
    return SeriesData(
        timestamp=data["timestamp"][start:stop],
        value=data["value"][start:stop],
        seasonality_data=data["seasonality_data"][start:stop],
        seasonality_columns=data["seasonality_columns"],
    )


def columns_of(found: Detections, start: int = 0, stop: int | None = None) -> dict[str, NDArray[Any]]:
    """Give all columns of the slots [start, stop), the detector's own ones included."""
    columns = {name: getattr(found, name) for name in _COLUMNS} | dict(found.extra)
    return {name: column[start:stop] for name, column in columns.items()}


def assert_same_bits(found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]]) -> None:
    """Check that columns are equal bit for bit; every NaN is the same nothing."""
    assert found.keys() == expected.keys()
    for name, column in found.items():
        ours, theirs = column, expected[name]
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), name
        if ours.dtype.kind == "f":
            ours, theirs = (np.where(np.isnan(side), np.nan, side).view(np.int64) for side in (ours, theirs))
        different = np.flatnonzero(ours != theirs)
        assert not len(different), f"{name} differs at {different[:5]} of {len(ours)}"


class DetectorContract:
    """What every detector of series promises.

    Subclass it in a test module, override the fixture `detector` (with `params`, to test many), and set
    the attributes:

        class TestMine(DetectorContract):
            @pytest.fixture(params=[1, 2])
            def detector(self, request):
                return MyDetector(period=request.param)

    Attributes:
        shift_invariant: Whether adding a whole number to all values leaves all verdicts alone.
        slots: How long the series of the tests is; several times `context_slots`.
    """

    shift_invariant: ClassVar[bool] = False
    slots: ClassVar[int] = 700

    @pytest.fixture
    def detector(self) -> BaseDetector:
        """Make the detector to test; a subclass says which."""
        pytest.fail(f"{type(self).__name__} does not override the fixture `detector`")

    def series(self, *, seed: int = 0) -> SeriesData:
        """Make a series that the detector can judge."""
        return make_series(self.slots, seed=seed, phase=37)

    def test_it_is_a_detector(self, detector: BaseDetector) -> None:
        assert isinstance(detector, Detector)

    def test_there_is_one_verdict_or_reason_for_each_slot(self, detector: BaseDetector) -> None:
        data = self.series()

        found = detector.detect_arrays(data)

        assert all(len(column) == self.slots for column in columns_of(found).values())
        assert np.array_equal(found.timestamp, data["timestamp"])
        assert np.array_equal(found.value, data["value"], equal_nan=True)
        assert np.any(found.reason == Reason.NONE)

    def test_the_columns_agree_with_each_other(self, detector: BaseDetector) -> None:
        found = detector.detect_arrays(self.series())
        judged = found.reason == Reason.NONE

        assert np.array_equal(np.isnan(found.score), ~judged)
        assert np.array_equal(found.is_anomaly, found.direction != 0)
        assert np.array_equal(found.is_anomaly, found.severity > 0.0)
        assert np.array_equal(found.is_anomaly[judged], found.score[judged] > 1.0)
        assert np.all(np.isfinite(found.severity))
        assert np.all(np.isfinite(found.score[judged]))
        bounds = (found.confidence_lower, found.confidence_upper)
        assert all(not np.any(np.isinf(bound)) for bound in bounds)
        assert all(np.all(np.isnan(bound[~judged])) for bound in bounds)
        assert not np.any(found.is_anomaly[~judged])

    def test_a_missing_value_gets_no_verdict(self, detector: BaseDetector) -> None:
        data = self.series()

        found = detector.detect_arrays(data)

        missing = np.isnan(data["value"])
        assert np.array_equal(found.reason == Reason.MISSING_DATA, missing)

    def test_a_series_without_any_value_gets_no_verdict(self, detector: BaseDetector) -> None:
        data = self.series()
        data["value"] = np.full(self.slots, np.nan)

        found = detector.detect_arrays(data)

        assert np.all(found.reason == Reason.MISSING_DATA)

    @pytest.mark.parametrize("slots", [0, 1, 2, 3])
    def test_a_series_may_be_empty_or_short(self, detector: BaseDetector, slots: int) -> None:
        data = part_of(self.series(), 0, slots)

        assert len(detector.detect_arrays(data)) == slots
        assert len(detector.detect(data)) == slots

    @pytest.mark.parametrize("seed", range(4))
    def test_where_a_run_begins_changes_no_bit(self, detector: BaseDetector, seed: int) -> None:
        data = self.series(seed=seed)
        whole = detector.detect_arrays(data)
        random = np.random.default_rng(seed)

        borders = sorted({0, self.slots, *random.integers(0, self.slots, 12).tolist()})

        for start, stop in pairwise(borders):
            begin = max(start - detector.context_slots, 0)
            found = detector.detect_arrays(part_of(data, begin, stop))
            assert_same_bits(columns_of(found, start - begin), columns_of(whole, start, stop))

    def test_one_slot_at_a_time_changes_no_bit(self, detector: BaseDetector) -> None:
        data = self.series(seed=9)
        whole = detector.detect_arrays(data)

        for slot in range(self.slots - 15, self.slots):
            begin = max(slot - detector.context_slots, 0)
            found = detector.detect_arrays(part_of(data, begin, slot + 1))
            assert_same_bits(columns_of(found, slot - begin), columns_of(whole, slot, slot + 1))

    def test_what_comes_later_changes_no_bit(self, detector: BaseDetector) -> None:
        data = self.series()
        half = self.slots // 2
        expected = columns_of(detector.detect_arrays(data), 0, half)
        other = part_of(data, 0, self.slots)
        other["value"] = np.where(np.arange(self.slots) < half, data["value"], 1e6)

        assert_same_bits(columns_of(detector.detect_arrays(part_of(data, 0, half))), expected)
        assert_same_bits(columns_of(detector.detect_arrays(other), 0, half), expected)

    def test_judging_leaves_the_series_as_it_was(self, detector: BaseDetector) -> None:
        data = self.series()
        before = data["value"].copy()

        detector.detect_arrays(data)

        assert np.array_equal(data["value"], before, equal_nan=True)

    def test_adding_a_constant_changes_no_verdict_where_that_is_promised(
        self, detector: BaseDetector
    ) -> None:
        if not self.shift_invariant:
            return
        data = self.series()
        moved = part_of(data, 0, self.slots)
        moved["value"] = data["value"] + 4096.0

        found, expected = detector.detect_arrays(moved), detector.detect_arrays(data)

        assert np.array_equal(found.direction, expected.direction)
        assert np.allclose(found.severity, expected.severity, rtol=1e-6, atol=1e-6)

    def test_the_list_says_what_the_arrays_say(self, detector: BaseDetector) -> None:
        data = self.series()
        found = detector.detect_arrays(data)

        rows = [result.to_dict() for result in detector.detect(data)]

        assert [row["detection_metadata"] for row in rows] == metadata_json(found)
        assert [row["is_anomaly"] for row in rows] == found.is_anomaly.tolist()
        for name in ("value", "confidence_lower", "confidence_upper"):
            column = np.array([row[name] for row in rows], dtype=np.float64)
            assert np.array_equal(column, getattr(found, name), equal_nan=True)

    def test_metadata_is_sorted_json_with_finite_numbers(self, detector: BaseDetector) -> None:
        found = detector.detect_arrays(self.series())

        for text, is_anomaly in zip(metadata_json(found), found.is_anomaly.tolist(), strict=True):
            row = json.loads(text, parse_constant=pytest.fail)
            assert text == json.dumps(row, sort_keys=True)
            assert ("direction" in row) == is_anomaly
            assert ("score" in row) != ("reason" in row)

    def test_equal_parameters_give_equal_ids(self, detector: BaseDetector) -> None:
        again = type(detector)(**json.loads(detector.get_detector_params()))

        assert detector.get_detector_id() == again.get_detector_id()
        assert re.fullmatch(r"[0-9a-f]{16}", detector.get_detector_id())

    def test_an_unknown_parameter_is_refused_by_its_name(self, detector: BaseDetector) -> None:
        given = json.loads(detector.get_detector_params())

        with pytest.raises(DetectorError, match="no_such_parameter"):
            type(detector)(**given, no_such_parameter=1)

    @pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 1, 1, 2], [3, 2, 1, 0], [0, 1, 2, 4]])
    def test_timestamps_that_are_not_an_even_rising_grid_are_refused(
        self, detector: BaseDetector, order: list[int]
    ) -> None:
        data = part_of(self.series(), 0, 5)
        wrong = SeriesData(
            timestamp=data["timestamp"][order],
            value=data["value"][order],
            seasonality_data=data["seasonality_data"][order],
            seasonality_columns=data["seasonality_columns"],
        )

        with pytest.raises(DetectorError, match="timestamps must rise"):
            detector.detect_arrays(wrong)
