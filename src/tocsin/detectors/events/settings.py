"""Reads a configuration that may come as a mapping; errors name the key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tocsin.detectors.events.config import PersistConfig
from tocsin.errors import DetectorError
from tocsin.model.wrong_value import key_of_error, words_of_error

if TYPE_CHECKING:
    from tocsin.detectors.events.config import CoreDetectorConfig

__all__ = ["read_config"]


def read_config(
    owner: str, config_class: type[CoreDetectorConfig], config: CoreDetectorConfig | Mapping[str, Any] | None
) -> CoreDetectorConfig:
    """Give the configuration as its class.

    Raises:
        DetectorError: A key is unknown or has a wrong value.
    """
    if config is None:
        config = {}
    if not isinstance(config, Mapping):
        return config
    try:
        return config_class.model_validate(dict(config))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        # A key that is missing is often there, misspelt.
        first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
        key = ".".join(map(str, key_of_error(dict(config), first["loc"])))
        if first["type"] == "extra_forbidden":
            persist = first["loc"][:-1] == ("persist",)
            known = list((PersistConfig if persist else config_class).model_fields)
            close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
            nested = len(first["loc"]) > 1 and not persist
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
            raise DetectorError(f"{owner} has no parameter {key}", hint=None if nested else hint) from error
        message = words_of_error(first["type"], first["msg"])
        raise DetectorError(f"{owner}: {key + ': ' if key else ''}{message}") from error
