"""What every detector of series has in common: parameters, identity, and verdicts as a list."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tocsin.collector import collector_at_rest
from tocsin.detectors.metadata import metadata_dicts
from tocsin.detectors.parameters import Parameter, integer, optional, read_parameters
from tocsin.errors import DetectorError
from tocsin.model import DetectionResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tocsin.model import Detections, SeriesData

__all__ = ["BATCH_SIZE", "BaseDetector", "grid_of"]

BATCH_SIZE: dict[str, Parameter] = {
    "batch_size": Parameter(None, optional(integer(minimum=1)), changes_results=False),
}


class BaseDetector(ABC):
    """A detector of anomalies in one series.

    A subclass lists its `parameters`, sets `algorithm_version` (raise it when verdicts change, so that
    those of the old and the new algorithm do not mix), and writes `detect_arrays`, `context_slots` and,
    if parameters depend on each other, `_validate_params`. `tocsin.testing.detectors.DetectorContract`
    tests it.

    Args:
        **params: Values for `parameters`; every detector also takes `batch_size`, a wish of the
            configuration about how much is judged at once, which changes no result and no id.

    Raises:
        DetectorError: A parameter is unknown or has a wrong value.
    """

    algorithm_version: ClassVar[int] = 1
    parameters: ClassVar[Mapping[str, Parameter]] = BATCH_SIZE

    def __init__(self, **params: Any) -> None:
        self._params = read_parameters(type(self).__name__, self.parameters, params)
        self._validate_params()

    @property
    def params(self) -> Mapping[str, Any]:
        """All parameters with their values, defaults included."""
        return MappingProxyType(self._params)

    def _validate_params(self) -> None:  # noqa: B027 - most detectors have nothing to add
        """Check parameters against each other; raise `DetectorError`."""

    @abstractmethod
    def detect_arrays(self, data: SeriesData) -> Detections:
        """Judge every slot. A verdict depends on the data up to its point only.

        Args:
            data: The series, all arrays of length n: `timestamp`, datetime64 (or whole milliseconds since
                1970), rising by one interval; `value`, numbers, NaN where a slot is a gap; and what the
                seasonality needs, see `tocsin.model.SeriesData`.

        Returns:
            Arrays of length n, a verdict (or the reason why there is none) for each slot.

        Raises:
            DetectorError: The arrays differ in length, or the timestamps are not an even, rising grid.
        """

    @property
    @abstractmethod
    def context_slots(self) -> int:
        """How many slots before a point its verdict can depend on."""

    def detect(self, data: SeriesData) -> list[DetectionResult]:
        """Judge every slot, as a list of one result a slot.

        Raises:
            DetectorError: As for `detect_arrays`, which is the fast way when the list is not needed.
        """
        found = self.detect_arrays(data)
        with collector_at_rest():
            columns = (found.value, found.confidence_lower, found.confidence_upper)
            value, lower, upper = (_none_for_nan(column) for column in columns)
            anomaly = found.is_anomaly.tolist()
            rows = zip(
                list(found.timestamp), value, anomaly, lower, upper, metadata_dicts(found), strict=True
            )
            return list(map(DetectionResult._make, rows))

    def get_detector_id(self) -> str:
        """Give 16 hex digits made from class, algorithm version and parameters."""
        return self._identity

    def get_detector_params(self) -> str:
        """Give the parameters that are not defaults as JSON with sorted keys."""
        return self._params_text

    # Asked for every series of a run, and a detector never changes: made once.
    @cached_property
    def _identity(self) -> str:
        identity = f"{type(self).__name__}|{self.algorithm_version}|{self._params_text}"
        return hashlib.sha256(identity.encode()).hexdigest()[:16]

    @cached_property
    def _params_text(self) -> str:
        return json.dumps(self._get_non_default_params(), sort_keys=True)

    def _get_non_default_params(self) -> dict[str, Any]:
        """Give the parameters that change results and are not defaults."""
        return {
            name: self._params[name]
            for name, parameter in sorted(self.parameters.items())
            if parameter.changes_results and self._params[name] != parameter.check(parameter.default)
        }

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._get_non_default_params().items())
        return f"{type(self).__name__}({given})"


def _none_for_nan(column: NDArray[np.float64]) -> list[float | None]:
    values: list[float | None] = column.tolist()
    for index in np.flatnonzero(np.isnan(column)).tolist():
        values[index] = None
    return values


def grid_of(
    data: SeriesData,
) -> tuple[NDArray[np.datetime64], NDArray[np.float64], int, int]:
    """Read the grid and the values of a series.

    Returns:
        Timestamps (datetime64[ms]), values as loaded (float64), the absolute index of the first slot
        (time since the epoch in steps), and the step in ms. Of a single slot the step is unknown and
        given as 1: nothing can be judged from one slot's past.

    Raises:
        DetectorError: The arrays differ in length, or the timestamps are not an even, rising grid.
    """
    missing = sorted({"timestamp", "value"}.difference(data))
    if missing:
        raise DetectorError(f"the data has no {' and no '.join(missing)}", hint="give both arrays")
    timestamp = np.asarray(data["timestamp"]).astype("datetime64[ms]")
    value = np.ascontiguousarray(data["value"], dtype=np.float64)
    if timestamp.ndim != 1 or timestamp.shape != value.shape:
        raise DetectorError(
            f"timestamp has shape {timestamp.shape}, value {value.shape}",
            hint="give two arrays of one length",
        )
    if len(timestamp) == 0:
        return timestamp, value, 0, 1
    if np.isnat(timestamp).any():
        raise DetectorError(f"timestamp {int(np.isnat(timestamp).argmax())} is missing (NaT)")
    milliseconds = timestamp.astype(np.int64)
    if len(timestamp) == 1:
        return timestamp, value, int(milliseconds[0]), 1
    steps = np.diff(milliseconds)
    step = int(steps[0])
    uneven = np.flatnonzero((steps != step) | (steps <= 0))
    if len(uneven):
        place = int(uneven[0])
        raise DetectorError(
            f"timestamps must rise by one interval from slot to slot, but slot {place} is at"
            f" {timestamp[place]} and slot {place + 1} at {timestamp[place + 1]}",
            hint="sort the rows and fill the gaps with NaN, as the loader does",
        )
    return timestamp, value, int(milliseconds[0]) // step, step
