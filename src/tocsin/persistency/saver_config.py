"""What a saver is told: where to save, and when."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from tocsin.errors import ConfigError
from tocsin.persistency.snapshots.redact import shown_uri

if TYPE_CHECKING:
    from tocsin.persistency.snapshots.reading import OnCorruption

__all__ = ["PersistencySaverConfig"]


@dataclass(frozen=True, slots=True, repr=False)
class PersistencySaverConfig:
    """Where state is saved, and when; an unknown name is refused.

    Attributes:
        path: A folder, or any fsspec URI: `memory://…`, `s3://…`, `gs://…`, `az://…`.
        save_interval_seconds: Save after this time since the last save, if there is anything to save.
        events_until_save: Save after this many events as well; `None`: by time only.
        auto_load: Begin with what is saved. `True`: nothing saved is an error; `"if_present"`: then begin
            empty; `False`: begin empty in any case.
        storage_options: Credentials and knobs of the file system. They appear in no message.
        keep_generations: How many generations are kept.
        keep_days: Of how many past UTC days the last generation is kept, additionally.
        on_corruption: `raise`: a damaged newest generation is an error; `previous`: it is put aside and
            the one before is used.

    Raises:
        ConfigError: A value is not possible.

    >>> PersistencySaverConfig(path="./state/x", events_until_save=10_000).save_interval_seconds
    300.0
    """

    path: str | os.PathLike[str]
    save_interval_seconds: float = 300.0
    events_until_save: int | None = None
    auto_load: bool | Literal["if_present"] = False
    storage_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    keep_generations: int = 3
    keep_days: int = 0
    on_corruption: OnCorruption = "raise"

    def __post_init__(self) -> None:
        options = self.storage_options or {}
        _check("storage_options", isinstance(options, Mapping), "a mapping")
        object.__setattr__(self, "storage_options", dict(options))
        _check("path", _path(self.path), "a folder or a URI")
        _check("save_interval_seconds", _seconds(self.save_interval_seconds), "more than 0 seconds")
        _check(
            "events_until_save",
            self.events_until_save is None or _whole(self.events_until_save, 1),
            "a whole number from 1, or None",
        )
        known = isinstance(self.auto_load, bool) or self.auto_load == "if_present"
        _check("auto_load", known, "True, False or 'if_present'")
        _check("keep_generations", _whole(self.keep_generations, 1), "a whole number from 1")
        _check("keep_days", _whole(self.keep_days, 0), "a whole number from 0")
        _check("on_corruption", self.on_corruption in {"raise", "previous"}, "'raise' or 'previous'")

    def __repr__(self) -> str:
        """Tell all but the secrets."""
        shown = [
            f"{one.name}={getattr(self, one.name)!r}"
            for one in fields(self)
            if one.name not in {"path", "storage_options"}
        ]
        return f"{type(self).__name__}(path={shown_uri(str(self.path))!r}, {', '.join(shown)})"


def _path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and str(value) != ""


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _check(name: str, right: bool, expected: str) -> None:  # noqa: FBT001 - the condition reads well here
    if not right:
        message = f"{name} of a saver must be {expected}"
        raise ConfigError(message)
