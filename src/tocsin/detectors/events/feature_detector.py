"""What the detectors of features have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tocsin.detectors.events.watching import WatchingConfig, WatchingDetector
from tocsin.persistency import EventPersistency
from tocsin.persistency.stability import Stability

if TYPE_CHECKING:
    from tocsin.detectors.events.features import Feature, FeatureStructure

__all__ = ["FeatureConfig", "FeatureDetector"]


class FeatureConfig(WatchingConfig):
    """The configuration of a detector of features.

    Attributes:
        min_samples: From how many values on a variable's feature is classified.
    """

    min_samples: int = Field(default=3, ge=1)


class FeatureDetector(WatchingDetector):
    """The frame of the detectors that keep one feature of each variable."""

    structure: ClassVar[type[FeatureStructure]]
    config_class: ClassVar[type[FeatureConfig]] = FeatureConfig
    config: FeatureConfig

    def _make_memory(self) -> EventPersistency:
        return EventPersistency(self.structure, (), event_data_kwargs=self._feature_settings())

    def _feature_settings(self) -> dict[str, Any]:
        """Give the arguments of the feature."""
        return {"max_variables": self.config.max_variables}

    @abstractmethod
    def _is_watchable(self, feature: Feature) -> bool:
        """Tell whether a variable's values have the feature at all."""

    def _stable_variables(self, backend: FeatureStructure) -> list[str]:
        stable = {Stability.STATIC, Stability.STABLE}
        return [
            name
            for name, feature in backend.get_data().items()
            if self._is_watchable(feature)
            and feature.novelties.classify(self.config.min_samples).type in stable
        ]

    def _novelty(self, backend: FeatureStructure, name: str) -> int:
        return backend.get_data()[name].novelties.count

    def _describe_variable(self, backend: FeatureStructure, name: str) -> dict[str, Any]:
        feature = backend.get_data()[name]
        verdict = feature.novelties.classify(self.config.min_samples)
        return {
            "type": verdict.type.value,
            "reason": verdict.reason,
            "total": feature.span.rows,
            **feature.in_words(),
        }
