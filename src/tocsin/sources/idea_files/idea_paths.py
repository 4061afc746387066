"""The places in an IDEA message that a mapping can fill: `DetectTime`, `Target.IP4`, `Source[1].Port`."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum

from tocsin.errors import ConfigError

__all__ = ["IdeaPath", "PathKind", "parse_path"]


class PathKind(StrEnum):
    """What kind of value stands at a place."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    FLAG = "flag"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class IdeaPath:
    """A place in a message.

    Attributes:
        group: `Source`, `Target`, `Node`, `Attach`, `_Tocsin`, or `""` for the message itself.
        index: Which one of a group that is a list, from 0.
        name: The key.
        kind: What stands there.
        is_list: Whether several can stand there.
    """

    group: str
    index: int
    name: str
    kind: PathKind
    is_list: bool

    @property
    def is_own(self) -> bool:
        """Whether it is a key of one's own."""
        return not self.group and self.name.startswith("_")

    def __str__(self) -> str:
        if not self.group:
            return self.name
        return f"{self.group}[{self.index}].{self.name}" if self.index else f"{self.group}.{self.name}"


_TEXT, _NUMBER, _TIME, _FLAG, _ADDRESS = PathKind
_PEER = {
    **dict.fromkeys(("Type", "Hostname", "IP4", "IP6", "MAC", "Proto", "URL", "Email"), (_TEXT, True)),
    **dict.fromkeys(("AttachHand", "Router", "Netname", "Ref"), (_TEXT, True)),
    "Note": (_TEXT, False),
    **dict.fromkeys(("Port", "ASN"), (_NUMBER, True)),
    **dict.fromkeys(("Spoofed", "Imprecise", "Anonymised"), (_FLAG, False)),
    **dict.fromkeys(("InFlowCount", "OutFlowCount", "FlowCount"), (_NUMBER, False)),
    **dict.fromkeys(("InPacketCount", "OutPacketCount", "PacketCount"), (_NUMBER, False)),
    **dict.fromkeys(("InByteCount", "OutByteCount", "ByteCount"), (_NUMBER, False)),
    "IP": (_ADDRESS, True),
}
_KEYS: dict[str, dict[str, tuple[PathKind, bool]]] = {
    "": {
        "ID": (_TEXT, False),
        **dict.fromkeys(("DetectTime", "CreateTime", "EventTime", "CeaseTime"), (_TIME, False)),
        **dict.fromkeys(("WinStartTime", "WinEndTime"), (_TIME, False)),
        **dict.fromkeys(("Category", "Ref", "AltNames"), (_TEXT, True)),
        **dict.fromkeys(("CorrelID", "AggrID", "PredID", "RelID"), (_TEXT, True)),
        **dict.fromkeys(("Description", "Note"), (_TEXT, False)),
        **dict.fromkeys(
            ("Confidence", "ConnCount", "FlowCount", "PacketCount", "ByteCount"), (_NUMBER, False)
        ),
    },
    "Source": _PEER,
    "Target": _PEER,
    "Node": {
        **dict.fromkeys(("Name", "AggrWin", "Note"), (_TEXT, False)),
        **dict.fromkeys(("Type", "SW"), (_TEXT, True)),
    },
    "Attach": {
        **dict.fromkeys(
            ("Handle", "Note", "ContentType", "ContentCharset", "ContentEncoding"), (_TEXT, False)
        ),
        "Content": (_TEXT, False),
        **dict.fromkeys(("FileName", "Type", "Hash", "Ref", "ContentID"), (_TEXT, True)),
        "Size": (_NUMBER, False),
    },
    "_Tocsin": {
        **dict.fromkeys(("EventClass", "EventSeverity"), (_TEXT, False)),
        "ResolvedAbuses": (_TEXT, True),
    },
}
_PATH = re.compile(r"(?:(?P<group>\w+)(?:\[(?P<index>\d{1,2})\])?\.)?(?P<name>\w+)")


def parse_path(text: str) -> IdeaPath:
    """Read a place.

    `Target.IP` is `Target.IP4` or `Target.IP6`, whichever an address belongs to. Keys of one's own begin
    with `_`: `_Rule`.

    Raises:
        ConfigError: IDEA has no such key.

    >>> parse_path("Source[1].Port")
    IdeaPath(group='Source', index=1, name='Port', kind=<PathKind.NUMBER: 'number'>, is_list=True)
    """
    found = _PATH.fullmatch(text)
    group = (found["group"] or "") if found else ""
    if found is not None and group in _KEYS and not (found["index"] and group in ("", "_Tocsin")):
        name, keys = found["name"], _KEYS[group]
        if name in keys:
            return IdeaPath(group, int(found["index"] or 0), name, *keys[name])
        if name.startswith("_") and not group and name not in _KEYS:
            return IdeaPath("", 0, name, PathKind.TEXT, is_list=False)
    known = [f"{part}.{key}" if part else key for part, keys in _KEYS.items() for key in keys]
    close = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "such as DetectTime, Target.IP4 or Source[1].Port"
    raise ConfigError(f"IDEA has no {text!r}", hint=hint)
