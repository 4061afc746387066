"""A limit for channels: what they call may take no notice of theirs."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from tocsin.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import Channel

__all__ = ["LONGEST_SENDING", "PatientChannel"]

LONGEST_SENDING = 90.0
"""Seconds; more than a channel may be allowed to take by its `timeout`."""


class PatientChannel:
    """Sends through another channel, and does not wait for ever.

    Looking up a name has no time limit, and a mail server that says a byte a second keeps all of its. Such a
    sending is left to a thread of its own; as long as that goes on, no other is begun. It may still succeed:
    then the receiver gets the message again, under the same id.

    Args:
        name: The channel's name, for people.
        channel: What sends.
        seconds: How long to wait.
    """

    def __init__(self, name: str, channel: Channel, seconds: float = LONGEST_SENDING) -> None:
        self._name, self._channel, self._seconds = name, channel, seconds
        self._sending: threading.Thread | None = None

    def send(self, message: Mapping[str, Any]) -> str | None:
        """Send one message; see `tocsin.abc.Channel.send`."""
        if self._sending is not None and self._sending.is_alive():
            raise ChannelError(f"{self._name} is still at an earlier message", transient=True)
        outcome: SimpleQueue[BaseException | str | None] = SimpleQueue()
        self._sending = threading.Thread(
            target=self._work, args=(message, outcome), name=f"tocsin-send-{self._name}", daemon=True
        )
        self._sending.start()
        try:
            said = outcome.get(timeout=self._seconds)
        except Empty:
            raise ChannelError(
                f"{self._name} has not ended within {self._seconds:g} s", transient=True
            ) from None
        self._sending.join()
        if isinstance(said, BaseException):
            raise said
        return said

    def _work(self, message: Mapping[str, Any], outcome: SimpleQueue[BaseException | str | None]) -> None:
        try:
            said = self._channel.send(message)
        except BaseException as error:  # noqa: BLE001  # the border of a thread: who asked hears of it
            outcome.put(error)
        else:
            outcome.put(said)
