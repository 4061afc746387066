"""What an IDEA message may hold, as types: what is searched for, and what is only checked."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct, convert, field

__all__ = [
    "LONGEST_TEXT",
    "Attachment",
    "Count",
    "Detector",
    "Endpoint",
    "Enrichment",
    "Event",
    "HostName",
    "PortNumber",
    "Share",
    "Short",
]

LONGEST_TEXT = 500
"""Characters of a text that is searched for as a whole; database indexes hold no longer ones."""

Short: TypeAlias = Annotated[str, Meta(max_length=LONGEST_TEXT)]
PortNumber: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
HostName: TypeAlias = Annotated[str, Meta(max_length=255)]
Shorts: TypeAlias = list[Short] | None
Time: TypeAlias = str | int | float | None


class Endpoint(Struct, gc=False):
    """A source or a target."""

    Type: Shorts = None
    Hostname: list[HostName] | None = None
    IP4: Shorts = None
    IP6: Shorts = None
    Port: list[PortNumber] | None = None
    Proto: Shorts = None
    MAC: Shorts = None
    URL: list[str] | None = None
    Email: list[str] | None = None
    AttachHand: list[str] | None = None
    Note: str | None = None
    Spoofed: bool | None = None
    Imprecise: bool | None = None
    Anonymised: bool | None = None
    ASN: list[Count] | None = None
    Router: list[str] | None = None
    Netname: list[str] | None = None
    Ref: list[str] | None = None


class Detector(Struct, gc=False):
    """Who found it: a detector, or one between it and us."""

    Name: Short | None = None
    Type: Shorts = None
    SW: list[str] | None = None
    AggrWin: str | None = None
    Note: str | None = None


class Attachment(Struct, gc=False):
    """Data that came with the message."""

    Handle: str | None = None
    FileName: list[str] | None = None
    Type: list[str] | None = None
    Hash: list[str] | None = None
    Size: Count | None = None
    Ref: list[str] | None = None
    Note: str | None = None
    ContentType: str | None = None
    ContentCharset: str | None = None
    ContentEncoding: str | None = None
    Content: str | None = None
    ContentID: list[str] | None = None
    ExternalURI: list[str] | None = None


class Enrichment(Struct, gc=False):
    """What was found out about the event after it came."""

    ResolvedAbuses: Shorts = None
    EventClass: Short | None = None
    EventSeverity: Short | None = None
    InspectionErrors: Shorts = None


class Event(Struct, gc=False):
    """An IDEA message; what is not here is not looked at."""

    Format: str | None = None
    DetectTime: Time = None
    Category: Shorts = None
    Description: str | None = None
    Source: list[Endpoint] | None = None
    Target: list[Endpoint] | None = None
    Node: list[Detector] | None = None
    CreateTime: Time = None
    EventTime: Time = None
    CeaseTime: Time = None
    WinStartTime: Time = None
    WinEndTime: Time = None
    Confidence: Share | None = None
    ConnCount: Count | None = None
    FlowCount: Count | None = None
    PacketCount: Count | None = None
    ByteCount: Count | None = None
    AltNames: list[str] | None = None
    CorrelID: list[str] | None = None
    AggrID: list[str] | None = None
    PredID: list[str] | None = None
    RelID: list[str] | None = None
    Ref: list[str] | None = None
    Note: str | None = None
    Attach: list[Attachment] | None = None
    tocsin: Enrichment | None = field(default=None, name="_Tocsin")
    mentat: Enrichment | None = field(default=None, name="_Mentat")
    cesnet: Enrichment | None = field(default=None, name="_CESNET")


# msgspec learns at a type's first use what it needs to know of it, and another thread that uses it meanwhile
# crashes the process. So the first use is here, where one thread alone is.
convert({}, Event)
