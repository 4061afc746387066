"""Finds the parts that others add: databases and detectors, by entry point and type name."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import Detector

__all__ = ["create_detector", "find_part"]

# Looked up without a scan of all installed packages, which costs more than the rest of a start.
_BUILT_IN = {
    "tocsin.databases": {
        "sqlite": "tocsin.database.sqlite:SQLiteManager",
        "duckdb": "tocsin.database.duckdb:DuckDBManager",
        "postgres": "tocsin.database.postgres:PostgresManager",
    },
    "tocsin.detectors": {
        "mad": "tocsin.detectors:MADDetector",
        "zscore": "tocsin.detectors:ZScoreDetector",
        "iqr": "tocsin.detectors:IQRDetector",
        "manual_bounds": "tocsin.detectors:ManualBoundsDetector",
    },
    "tocsin.event_detectors": {
        "new_event": "tocsin.detectors.events:NewEventDetector",
        "new_value": "tocsin.detectors.events:NewValueDetector",
        "new_value_combination": "tocsin.detectors.events:NewValueCombinationDetector",
        "value_range": "tocsin.detectors.events:ValueRangeDetector",
        "character_set": "tocsin.detectors.events:CharacterSetDetector",
        "bigram_frequency": "tocsin.detectors.events:BigramFrequencyDetector",
        "event_sequence": "tocsin.detectors.events:EventSequenceDetector",
        "rate": "tocsin.detectors.events:RateDetector",
        "rule": "tocsin.detectors.events:RuleDetector",
    },
}


def find_part(group: str, name: str) -> Any:
    """Find a class by its type name; only names that an installed package declares can be found.

    Raises:
        ConfigError: Nothing of that name is installed.
    """
    built_in = _BUILT_IN[group].get(name)
    if built_in is not None:
        module, _, attribute = built_in.partition(":")
        return getattr(import_module(module), attribute)
    found = entry_points(group=group, name=name)
    if not found:
        known = sorted({*_BUILT_IN[group], *(point.name for point in entry_points(group=group))})
        what = group.removeprefix("tocsin.").removesuffix("s").replace("_", " ")
        raise ConfigError(f"there is no {what} {name!r}", hint=f"known are {', '.join(known)}")
    return next(iter(found)).load()


def create_detector(name: str, params: Mapping[str, Any]) -> Detector:
    """Make a detector from its type name and parameters.

    Raises:
        ConfigError: There is no such type.
        DetectorError: The parameters are wrong.
    """
    detector: Detector = find_part("tocsin.detectors", name)(**params)
    return detector
