"""Names of hosts in the order in which domains nest."""

from __future__ import annotations

__all__ = ["host_key"]


def host_key(name: str) -> str:
    """Give the key of a host name: its labels in small letters, the widest domain first, each with a dot.

    A name and all below it have keys that begin with the name's own. A dot at either end means nothing.

    Args:
        name: A text as `idea.texts.clean` gives it.

    Example:
        >>> host_key("www.Example.org")
        'org.example.www.'
    """
    labels = name.strip(".").lower().split(".")
    labels.reverse()
    return ".".join(labels) + "."
