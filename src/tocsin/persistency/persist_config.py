"""The `persist:` block of a detector's configuration, and the saver that it asks for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from tocsin.errors import ConfigError
from tocsin.persistency.saver import PersistencySaver
from tocsin.persistency.saver_config import PersistencySaverConfig

if TYPE_CHECKING:
    from tocsin.persistency.event_persistency import EventPersistency

__all__ = ["PersistBlock", "init_persistency"]

_LONGEST_NAME = 200
"""Bytes; file systems take 255, and temporary files have longer names."""


@dataclass(frozen=True, slots=True)
class PersistBlock:
    """The `persist:` block.

    Attributes:
        path: The folder or URI in which each detector has a folder of its own; the first entry of
            `$STATE_DIRECTORY` when left out, else `./state`.
        interval_seconds: Save after this time.
        events_until_save: Save after this many events as well.
        auto_load: Begin with what is saved; `if_present` begins empty when nothing is.
        storage_options: Credentials and knobs of the file system.
    """

    path: str | os.PathLike[str] | None = field(default=None, repr=False)
    interval_seconds: float = 300.0
    events_until_save: int | None = None
    auto_load: bool | Literal["if_present"] = False
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def read(cls, block: Any) -> PersistBlock:
        """Make one of a mapping, or of anything with these attributes.

        Raises:
            ConfigError: There is a key that we do not know.
        """
        known = [one.name for one in fields(cls)]
        if isinstance(block, cls):
            return block
        if not isinstance(block, Mapping):
            return cls(**{name: getattr(block, name) for name in known if hasattr(block, name)})
        for key in block:
            if key not in known:
                close = get_close_matches(str(key), known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
                message = f"persist has no key {key!r}"
                raise ConfigError(message, hint=hint)
        return cls(**block)

    def saver_config(self, name: str) -> PersistencySaverConfig:
        """Give what the saver of one detector is told."""
        base = str(self.path or _state_directory())
        return PersistencySaverConfig(
            path=f"{base.rstrip('/') or '/'}/{_folder(name)}",
            save_interval_seconds=self.interval_seconds,
            events_until_save=self.events_until_save,
            auto_load=self.auto_load,
            storage_options=self.storage_options,
        )


def init_persistency(persistency: EventPersistency, config: Any, name: str) -> PersistencySaver | None:
    """Build and start the saver that a `persist:` block asks for.

    Args:
        persistency: What is saved.
        config: The block: a mapping, or an object with its keys as attributes; or a mapping or object
            that has it as `persist`. `None` or no block: nothing is saved.
        name: The detector's; its state is in a folder of this name.

    Returns:
        The saver, or `None`.

    Raises:
        ConfigError: A key is not known, or a value not possible.
        PersistencyLoadError: `auto_load` is on and there is nothing whole to load.
        StateLockedError: Another process saves there.

    >>> init_persistency(None, None, "new-values") is None
    True
    """
    block = _block(config)
    if block is None:
        return None
    return PersistencySaver(persistency, PersistBlock.read(block).saver_config(name)).start()


def _block(config: Any) -> Any:
    if isinstance(config, Mapping) and "persist" in config:
        return config["persist"]
    return getattr(config, "persist") if hasattr(config, "persist") else config  # noqa: B009 - any object


def _state_directory() -> str:
    """Give where systemd wants a service's state (it may name several folders)."""
    return os.environ.get("STATE_DIRECTORY", "").split(":")[0] or "./state"


def _folder(name: str) -> str:
    """Give a name as one that every store takes, and that no other name has.

    >>> _folder("new values"), _folder("../x"), _folder("..")
    ('new values', '..%2Fx', '%2E%2E')
    """
    quoted = quote(name, safe=" ", errors="surrogatepass")
    if not quoted.strip(". "):  # nothing, or a way out of the folder
        return "".join(f"%{ord(character):02X}" for character in quoted) or "%"
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    digest = hashlib.blake2b(quoted.encode("ascii"), digest_size=16).hexdigest()
    return f"{quoted[: _LONGEST_NAME // 2]}%{digest}"
