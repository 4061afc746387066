"""What rotation does to names: which are of one family, and which of them is older."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

__all__ = ["FileName", "could_become", "file_name"]

_PACKED = re.compile(r"\.(?:gz|bz2|xz)$")
_NUMBERED = re.compile(r"(?<=.)\.(?P<number>\d{1,5})$")
_DATED = re.compile(r"(?<=.)[._-]\d{4}-?\d\d(?:-?\d\d)?[\d._T-]*$")
_DATED_INSIDE = re.compile(r"(?<=.)[._-]\d{4}-?\d\d(?:-?\d\d)?[\d._T-]*(?P<suffix>\.[A-Za-z]\w*)$")
_OLD = re.compile(r"(?<=.)\.(?:old|bak|prev|save)$")


class FileName(NamedTuple):
    """What a name says about a file.

    Attributes:
        folder: Where it is.
        live: The name that a logger writes to: `app.log` of `app.log.1`, `app.log-20261122.gz`.
        rotated: Whether it was put away.
        number: How often, where the name counts; 0 otherwise.
    """

    folder: str
    live: str
    rotated: bool
    number: int

    @property
    def stem(self) -> str:
        """Give what the names of a family begin with."""
        return re.split(r"(?<=.)[._-]", self.live, maxsplit=1)[0]


def file_name(path: str) -> FileName:
    """Read the name of a file."""
    folder, name = os.path.split(path)
    live = _PACKED.sub("", name)
    if numbered := _NUMBERED.search(live):
        return FileName(folder, live[: numbered.start()], rotated=True, number=int(numbered["number"]))
    if inside := _DATED_INSIDE.search(live):
        live = live[: inside.start()] + inside["suffix"]
    else:
        live = _OLD.sub("", _DATED.sub("", live))
    return FileName(folder, live, rotated=live != name, number=0)


def could_become(known: FileName, new: FileName) -> bool:
    """Say whether rotation may rename a file so: it only ever puts it further away."""
    if known[:2] != new[:2] or not known.rotated:
        return True
    return new.rotated and (new.number >= known.number or not new.number)
