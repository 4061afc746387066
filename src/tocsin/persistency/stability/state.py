"""All there is to save of a variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tocsin.persistency.distinct import DistinctState

__all__ = ["VariableState"]


@dataclass(frozen=True, slots=True)
class VariableState:
    """A variable as flat columns.

    Attributes:
        attributes: `length` of the series, `block` (0: runs are exact), `width` of an instant (0: none are
            kept), `latest` time; JSON.
        runs: The lengths of the runs, or the ones of the blocks.
        slots: Instants, values at each, new values at each.
        values: The distinct values.
    """

    attributes: Mapping[str, Any]
    runs: NDArray[np.int64]
    slots: Sequence[NDArray[np.int64]]
    values: DistinctState
