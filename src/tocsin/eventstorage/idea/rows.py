"""From a message to the row that is stored of it."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import DataError
from tocsin.eventstorage.idea.decode import DEFAULT_LIMITS, cleaned, decode_message, message_bytes
from tocsin.eventstorage.idea.endpoints import distinct, side_of
from tocsin.eventstorage.idea.model import LONGEST_TEXT, Enrichment, Event
from tocsin.eventstorage.idea.repair import repaired
from tocsin.eventstorage.idea.times import has_zone, parse_time
from tocsin.eventstorage.idea.words import words_of
from tocsin.eventstorage.row import SOURCE, TARGET, EventRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.eventstorage.idea.decode import Limits

__all__ = ["MOST_CHARACTERS", "MOST_VALUES", "row_of"]

MOST_VALUES, MOST_CHARACTERS = 1_000, 32_768
"""How long a list of names may be: each is kept with the whole list. Addresses, hosts, ports may be more."""
_FEW = MOST_CHARACTERS // LONGEST_TEXT  # are never too many

_USABLE_ID = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")
_UNKEPT = re.compile(rb"\\u(?:0000|[dD])")  # in JSON, what `clean` replaces can only be an escape
_TIMES = ("CreateTime", "EventTime", "CeaseTime", "WinStartTime", "WinEndTime")
_NO_ENRICHMENT = Enrichment()


def row_of(
    message: Mapping[str, Any] | str | bytes,
    *,
    words: bool,
    limits: Limits = DEFAULT_LIMITS,
    ntp_times: bool = False,
) -> EventRow:
    """Make the row of an event.

    Args:
        message: An `Idea`, a mapping, or JSON.
        words: Whether to collect the words for full text.
        limits: How large it may be.
        ntp_times: Read NTP hexadecimal timestamps too.

    Raises:
        DataError: It is not JSON, has no usable ID (a text of 1 to 255 characters without control characters
            and lone surrogates), or is over a limit. Whatever else is wrong is among the row's
            `inspectionerrors`.
    """
    raw = message_bytes(message)
    document = decode_message(raw, limits)
    ident = document.get("ID")
    if not (isinstance(ident, str) and _USABLE_ID.fullmatch(ident)):
        raise DataError("no usable ID")
    if b"\\u" in raw and _UNKEPT.search(raw):
        document = cleaned(document)
    errors: list[str] = []
    try:
        event = msgspec.convert(document, Event)
    except msgspec.ValidationError:
        event, errors = repaired(document, Event)
    detecttime = _times(event, errors, ntp_times=ntp_times)
    return _row(event, ident, detecttime, raw, words_of(document) if words else "", errors)


def _row(
    event: Event, ident: str, detecttime: int | None, raw: bytes, words: str, errors: list[str]
) -> EventRow:
    if event.Format != "IDEA0":
        errors.append("Format: missing" if event.Format is None else "Format: not IDEA0")
    if not event.Category:
        errors.append("Category: missing")
    source = side_of(event.Source, SOURCE, "Source", errors)
    target = side_of(event.Target, TARGET, "Target", errors)
    nodes = event.Node or ()
    enrichment = _enrichment(event)
    return EventRow(
        ident,
        detecttime,
        _listed(event.Category, "Category", errors),
        event.Description,
        source.ip,
        target.ip,
        source.host,
        target.host,
        source.port,
        target.port,
        _listed(source.type, "Source.Type", errors),
        _listed(target.type, "Target.Type", errors),
        _listed(source.protocol + target.protocol, "Proto", errors),
        _listed([node.Name for node in nodes if node.Name is not None], "Node.Name", errors),
        _listed([kind for node in nodes for kind in node.Type or ()], "Node.Type", errors),
        _listed(enrichment.ResolvedAbuses, "ResolvedAbuses", errors),
        enrichment.EventClass,
        enrichment.EventSeverity,
        distinct((*_listed(enrichment.InspectionErrors, "InspectionErrors", errors), *errors)),
        source.blocks + target.blocks,
        source.hosts + target.hosts,
        words,
        raw,
    )


def _listed(items: Sequence[str] | None, where: str, errors: list[str]) -> tuple[str, ...]:
    """Give the items without duplicates, and only the first of very many."""
    found = distinct(items)
    if len(found) <= _FEW:
        return found
    lengths = accumulate(map(len, found[:MOST_VALUES]))
    kept = found[: sum(length <= MOST_CHARACTERS for length in lengths)]
    if len(kept) < len(found):
        errors.append(f"{where}: too many values")
    return kept


def _times(event: Event, errors: list[str], *, ntp_times: bool) -> int | None:
    """Look at every time, and give the one of detection."""
    for name in _TIMES:
        _time(event, name, errors, ntp_times=ntp_times)
    if event.DetectTime is None and "DetectTime: not a time" not in errors:
        errors.append("DetectTime: missing")
    return _time(event, "DetectTime", errors, ntp_times=ntp_times)


def _time(event: Event, name: str, errors: list[str], *, ntp_times: bool) -> int | None:
    value = getattr(event, name)
    if value is None:
        return None
    found = parse_time(value, ntp=ntp_times)
    if found is None:
        errors.append(f"{name}: not a time")
    elif isinstance(value, str) and ":" in value and not has_zone(value):
        errors.append(f"{name}: no time zone")
    return found


def _enrichment(event: Event) -> Enrichment:
    """Give what was found out; of what was found out twice, the first."""
    if event.mentat is None and event.cesnet is None:
        return event.tocsin or _NO_ENRICHMENT
    found = [one for one in (event.tocsin, event.mentat, event.cesnet) if one is not None]
    first = Enrichment()
    for name in Enrichment.__struct_fields__:
        for one in found:
            value = getattr(one, name)
            if value is not None:
                setattr(first, name, value)
                break
    return first
