"""What a detector keeps beside its memory: who it is, where it stands, what was chosen and allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.detectors.events.life_cycle import new_record
from tocsin.errors import PersistencyLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.detectors.events.config import CoreDetectorConfig

__all__ = ["STATE_KEY", "check_state", "config_json", "effective_config", "new_state"]

STATE_KEY = "detector"
"""The key of the metadata under which all of it is kept."""

_KEYS = frozenset({"type", "version", "config", "chosen", "life", "allowed", "warnings"})


def new_state(
    type_name: str, version: int, config: CoreDetectorConfig, *, judges_at_once: bool
) -> dict[str, Any]:
    """Give the state of a detector that begins now; JSON.

    `config` is the effective configuration, `chosen` the part of it that training chose, `life` the phase
    and counters, `allowed` the feedback.
    """
    return {
        "type": type_name,
        "version": version,
        "config": config_json(config),
        "chosen": {},
        "life": new_record(config, judges_at_once=judges_at_once),
        "allowed": [],
        "warnings": [],
    }


def config_json(config: CoreDetectorConfig) -> dict[str, Any]:
    """Give a configuration as JSON; where the state is kept, with credentials, is no part of it."""
    return config.model_dump(mode="json", exclude={"persist"})


def effective_config(state: Mapping[str, Any], given: CoreDetectorConfig) -> CoreDetectorConfig:
    """Give the configuration with what training chose where it leaves that open: what is written wins."""
    chosen = {key: value for key, value in state["chosen"].items() if getattr(given, key, ...) is None}
    if not chosen:
        return given
    written = {key: getattr(given, key) for key in given.model_fields_set}
    return type(given).model_validate({**written, **chosen})


def check_state(
    metadata: Mapping[str, Any],
    *,
    name: str,
    type_name: str,
    version: int,
    shaping: Mapping[str, Any],
) -> None:
    """Refuse the state of another detector, or one that was learned in another shape.

    Args:
        metadata: That of the persistency.
        name: What the detector is called.
        type_name: Its type.
        version: Its algorithm's version.
        shaping: The values of the configuration on which the state depends.

    Raises:
        PersistencyLoadError: The detector cannot go on with it.
    """
    state = metadata.get(STATE_KEY)
    if not isinstance(state, dict) or not state.keys() >= _KEYS:
        raise PersistencyLoadError(
            f"the state has nothing that a detector kept, {name} cannot go on with it",
            hint="give the path of a detector's state",
        )
    if state["type"] != type_name:
        raise PersistencyLoadError(
            f"the state is that of a {state['type']} detector, {name} is a {type_name}",
            hint="give each detector a path of its own",
        )
    if state["version"] > version:
        raise PersistencyLoadError(
            f"the state of {name} was made by version {state['version']} of {type_name}, this is {version}",
            hint="upgrade tocsin, or load an older generation",
        )
    for key, value in shaping.items():
        if state["config"].get(key) != value:
            raise PersistencyLoadError(
                f"the state of {name} was learned with {key} {state['config'].get(key)!r},"
                f" the configuration has {value!r}",
                hint=f"set {key} back, or begin anew with another path",
            )
