"""Messages that tests are about."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

__all__ = ["junk", "message", "messages", "raw", "texts"]


def message(**parts: Any) -> dict[str, Any]:
    """Give a message without faults, with some parts changed; `None` takes one away."""
    whole = {
        "Format": "IDEA0",
        "ID": "4dd7cf5e-4a95-49f6-8f00-947998012345",
        "DetectTime": "2026-03-01T12:00:00Z",
        "Category": ["Recon.Scanning"],
        **parts,
    }
    return {name: part for name, part in whole.items() if part is not None}


def raw(**parts: Any) -> bytes:
    """Give the JSON of a message."""
    return json.dumps(message(**parts)).encode()


texts = st.text(max_size=20)
_moments = st.one_of(
    st.integers(-60_000_000_000, 250_000_000_000),
    st.floats(-6e10, 2.5e11),
    st.datetimes(timezones=st.just(None)).map(lambda moment: moment.isoformat() + "-03:30"),
    texts,
)
_addresses = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=4).map(lambda address: f"{address}/20"),
    st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6)).map(lambda two: f"{min(two)}-{max(two)}"),
    texts,
)
_counts = st.integers(0, 1 << 40)
_notes = {"Note": texts, "Ref": st.lists(texts, max_size=2)}


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in fields.items()})


_endpoints = _object(
    Type=st.lists(texts, max_size=3),
    Hostname=st.lists(texts, max_size=3),
    IP4=st.lists(_addresses, max_size=3),
    IP6=st.lists(_addresses, max_size=3),
    Port=st.lists(st.integers(0, 65535), max_size=3),
    Proto=st.lists(texts, max_size=3),
    URL=st.lists(texts, max_size=2),
    ASN=st.lists(_counts, max_size=2),
    Spoofed=st.booleans(),
    **_notes,
)
_nodes = _object(Name=texts, Type=st.lists(texts, max_size=3), SW=st.lists(texts, max_size=2), Note=texts)
_enrichments = _object(
    ResolvedAbuses=st.lists(texts, max_size=3),
    EventClass=texts,
    EventSeverity=texts,
    InspectionErrors=st.lists(texts, max_size=2),
)
_parts = _object(
    DetectTime=_moments,
    CreateTime=_moments,
    WinEndTime=_moments,
    Category=st.lists(texts, max_size=3),
    Description=texts,
    Confidence=st.floats(0, 1),
    ConnCount=_counts,
    Source=st.lists(_endpoints, max_size=3),
    Target=st.lists(_endpoints, max_size=3),
    Node=st.lists(_nodes, max_size=3),
    Attach=st.lists(_object(Handle=texts, Size=_counts, **_notes), max_size=2),
    _Tocsin=_enrichments,
    _Mentat=_enrichments,
    _CESNET=_enrichments,
    **_notes,
)
messages = _parts.map(lambda parts: {**message(), **parts})
"""Messages of the right form; addresses and times may be wrong."""

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=()), max_size=12)
    | st.sampled_from(
        ["", "1.2.3.4", "::1/64", "2026-03-01T12:00:00Z", "443", "0", "x" * 600, "\x00", "\ud800"]
    )
)
junk = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Note", "IP4", "Type", "Name", "", "\x00"]), inner, max_size=3)
    ),
    max_leaves=8,
)
"""Any JSON."""
