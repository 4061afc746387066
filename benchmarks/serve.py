"""The loop of a worker program: a request a line, a reply a line, JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PACKAGES", "persistency_of", "serve"]

PACKAGES = {"ours": "tocsin.persistency", "peer": "detectmatelibrary.utils.persistency"}


def serve(tasks: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
    """Answer requests until the input ends.

    Args:
        tasks: What can be asked for. A request's `task` chooses; everything else are its arguments. It
            gets `side` as well, which says whose interpreter this is.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not come between the replies
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = tasks[request.pop("task")](**request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side tells it
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def persistency_of(side: str) -> Any:
    """Give a side's persistency package; both offer the same names."""
    return importlib.import_module(PACKAGES[side])
