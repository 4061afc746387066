"""The contract of detectors of series, as a suite: subclass it and say how the detector is made."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from tocsin.abc import Detector
from tocsin.detectors import metadata_json
from tocsin.errors import DetectorError
from tocsin.model import Detections, Reason, SeriesData

if TYPE_CHECKING:
    from tocsin.detectors import BaseDetector

__all__ = ["DetectorContract", "assert_same_verdicts", "make_series", "part_of"]

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
    value[random.random(slots) < 0.02] += 60.0  # noqa: PLR2004 - one in fifty
    value[2 * slots // 3 :] += 25.0
    value = np.round(value * 4.0) / 4.0
    value[random.random(slots) < 0.05] = np.nan  # noqa: PLR2004
    texts = [
        json.dumps({"hour": int(slot // 6 % 24), "is_weekend": int(slot // 144 % 7 >= 5)})  # noqa: PLR2004
        for slot in place
    ]
    return SeriesData(
        timestamp=start + place * np.timedelta64(600_000, "ms"),
        value=value,
        seasonality_data=np.array(texts, dtype=object),
        seasonality_columns=["hour", "is_weekend"],
    )


def part_of(data: SeriesData, start: int, stop: int) -> SeriesData:
    """Give the slots [start, stop) of a series."""
    return SeriesData(
        timestamp=data["timestamp"][start:stop],
        value=data["value"][start:stop],
        seasonality_data=data["seasonality_data"][start:stop],
        seasonality_columns=data["seasonality_columns"],
    )


def assert_same_verdicts(found: Detections, expected: Detections, start: int, stop: int) -> None:
    """Check that the last slots of one result are, bit for bit, the slots [start, stop) of another."""
    size = stop - start
    for name in (*_COLUMNS, *expected.extra):
        source = (
            (found.extra, expected.extra) if name in expected.extra else (vars_of(found), vars_of(expected))
        )
        ours, theirs = source[0][name], source[1][name]
        ours, theirs = ours[len(ours) - size :], theirs[start:stop]
        assert ours.dtype == theirs.dtype, name
        if ours.dtype.kind == "f":  # every NaN is the same "nothing"; all other bits count
            assert np.array_equal(np.isnan(ours), np.isnan(theirs)), name
            ours, theirs = ours[~np.isnan(ours)].view(np.int64), theirs[~np.isnan(theirs)].view(np.int64)
        different = np.flatnonzero(ours != theirs)
        assert not len(different), f"{name} differs at {start + different[:5]} of [{start}, {stop})"


def vars_of(found: Detections) -> dict[str, np.ndarray]:
    """Give the columns by name."""
    return {name: getattr(found, name) for name in _COLUMNS}


class DetectorContract(ABC):
    """What every detector of series promises.

    Subclass it in a test module, write `make_detector`, and set the attributes.

    Attributes:
        shift_invariant: Whether adding a whole number to all values leaves all verdicts alone.
        slots: How long the series of the tests is; several times `context_slots`.
    """

    shift_invariant: ClassVar[bool] = False
    slots: ClassVar[int] = 700

    @abstractmethod
    def make_detector(self) -> BaseDetector:
        """Make a new detector, with the same parameters each time."""

    def series(self, *, seed: int = 0) -> SeriesData:
        """Make a series that the detector can judge."""
        return make_series(self.slots, seed=seed, phase=37)

    def test_it_is_a_detector(self) -> None:
        assert isinstance(self.make_detector(), Detector)

    def test_there_is_one_verdict_or_reason_for_each_slot(self) -> None:
        data = self.series()

        found = self.make_detector().detect_arrays(data)

        assert all(len(column) == self.slots for column in vars_of(found).values())
        assert all(len(column) == self.slots for column in found.extra.values())
        assert np.array_equal(found.timestamp, data["timestamp"])
        assert np.array_equal(found.value, data["value"], equal_nan=True)
        assert np.any(found.reason == Reason.NONE)

    def test_the_columns_agree_with_each_other(self) -> None:
        found = self.make_detector().detect_arrays(self.series())
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

    def test_a_missing_value_gets_no_verdict(self) -> None:
        data = self.series()

        found = self.make_detector().detect_arrays(data)

        missing = np.isnan(data["value"])
        assert np.array_equal(found.reason == Reason.MISSING_DATA, missing)

    def test_a_series_without_any_value_gets_no_verdict(self) -> None:
        data = self.series()
        data["value"] = np.full(self.slots, np.nan)

        found = self.make_detector().detect_arrays(data)

        assert np.all(found.reason == Reason.MISSING_DATA)

    @pytest.mark.parametrize("slots", [0, 1, 2, 3])
    def test_a_series_may_be_empty_or_short(self, slots: int) -> None:
        data = part_of(self.series(), 0, slots)

        assert len(self.make_detector().detect_arrays(data)) == slots
        assert len(self.make_detector().detect(data)) == slots

    @pytest.mark.parametrize("seed", range(4))
    def test_where_a_run_begins_changes_no_bit(self, seed: int) -> None:
        data = self.series(seed=seed)
        detector = self.make_detector()
        whole = detector.detect_arrays(data)
        random = np.random.default_rng(seed)

        borders = sorted({0, self.slots, *random.integers(0, self.slots, 12).tolist()})

        for start, stop in zip(borders, borders[1:], strict=False):
            begin = max(start - detector.context_slots, 0)
            assert_same_verdicts(detector.detect_arrays(part_of(data, begin, stop)), whole, start, stop)

    def test_one_slot_at_a_time_changes_no_bit(self) -> None:
        data = self.series(seed=9)
        detector = self.make_detector()
        whole = detector.detect_arrays(data)

        for slot in range(self.slots - 40, self.slots):
            begin = max(slot - detector.context_slots, 0)
            found = detector.detect_arrays(part_of(data, begin, slot + 1))
            assert_same_verdicts(found, whole, slot, slot + 1)

    def test_what_comes_later_changes_no_bit(self) -> None:
        data = self.series()
        detector = self.make_detector()
        whole = detector.detect_arrays(data)
        half = self.slots // 2
        changed = part_of(data, 0, self.slots)
        changed["value"] = np.where(np.arange(self.slots) < half, data["value"], 1e6)

        found = detector.detect_arrays(changed)

        assert_same_verdicts(detector.detect_arrays(part_of(data, 0, half)), whole, 0, half)
        ours = Detections(*(column[:half] for column in vars_of(found).values()))
        assert_same_verdicts(ours, replace(whole, extra={}), 0, half)

    def test_judging_leaves_the_series_as_it_was(self) -> None:
        data = self.series()
        before = data["value"].copy()

        self.make_detector().detect_arrays(data)

        assert np.array_equal(data["value"], before, equal_nan=True)

    def test_adding_a_constant_changes_no_verdict_where_that_is_promised(self) -> None:
        if not self.shift_invariant:
            return
        data = self.series()
        moved = part_of(data, 0, self.slots)
        moved["value"] = data["value"] + 4096.0
        detector = self.make_detector()

        found, expected = detector.detect_arrays(moved), detector.detect_arrays(data)

        assert np.array_equal(found.direction, expected.direction)
        assert np.allclose(found.severity, expected.severity, rtol=1e-6, atol=1e-6)

    def test_the_list_says_what_the_arrays_say(self) -> None:
        data = self.series()
        detector = self.make_detector()
        found = detector.detect_arrays(data)

        rows = [result.to_dict() for result in detector.detect(data)]

        assert [row["detection_metadata"] for row in rows] == metadata_json(found)
        assert [row["is_anomaly"] for row in rows] == found.is_anomaly.tolist()
        for name in ("value", "confidence_lower", "confidence_upper"):
            column = np.array([row[name] for row in rows], dtype=np.float64)
            assert np.array_equal(column, getattr(found, name), equal_nan=True)

    def test_metadata_is_sorted_json_with_finite_numbers(self) -> None:
        found = self.make_detector().detect_arrays(self.series())

        for text, is_anomaly in zip(metadata_json(found), found.is_anomaly.tolist(), strict=True):
            row = json.loads(text, parse_constant=pytest.fail)
            assert text == json.dumps(row, sort_keys=True)
            assert ("direction" in row) == is_anomaly
            assert ("score" in row) != ("reason" in row)

    def test_equal_parameters_give_equal_ids(self) -> None:
        detector, other = self.make_detector(), self.make_detector()

        again = type(detector)(**json.loads(detector.get_detector_params()))

        assert detector.get_detector_id() == other.get_detector_id() == again.get_detector_id()
        assert re.fullmatch(r"[0-9a-f]{16}", detector.get_detector_id())

    def test_an_unknown_parameter_is_refused_by_its_name(self) -> None:
        given = json.loads(self.make_detector().get_detector_params())

        with pytest.raises(DetectorError, match="no_such_parameter"):
            type(self.make_detector())(**given, no_such_parameter=1)

    @pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 1, 1, 2], [3, 2, 1, 0], [0, 1, 2, 4]])
    def test_timestamps_that_are_not_an_even_rising_grid_are_refused(self, order: list[int]) -> None:
        data = part_of(self.series(), 0, 5)
        wrong = SeriesData(
            timestamp=data["timestamp"][order],
            value=data["value"][order],
            seasonality_data=data["seasonality_data"][order],
            seasonality_columns=data["seasonality_columns"],
        )

        with pytest.raises(DetectorError, match="timestamps must rise"):
            self.make_detector().detect_arrays(wrong)
