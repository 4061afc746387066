"""Any of the services that Apprise knows, by its URL."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr

from tocsin.alerting.channels.card import Card, is_over
from tocsin.alerting.channels.config import ChannelConfig, Timeout
from tocsin.alerting.channels.http import TIMEOUT
from tocsin.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tocsin.abc import Clock

__all__ = ["AppriseChannel", "AppriseConfig"]


class AppriseConfig(ChannelConfig):
    """A service behind an Apprise URL.

    Attributes:
        url: `scheme://…`, see Apprise's documentation; it is a secret.
        timeout: Seconds for the whole sending.
    """

    url: Annotated[SecretStr, Field(min_length=1)]
    timeout: Timeout = TIMEOUT


class AppriseChannel:
    """Hands title and text to Apprise.

    Apprise does not tell why a service failed, so every failure is one that may pass.
    """

    def __init__(self, name: str, config: AppriseConfig, *, clock: Clock) -> None:
        self._name, self._config = name, config
        del clock  # all channels are made alike; this one needs no time

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; see `tocsin.abc.Channel.send`."""
        from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

        service = Apprise(asset=AppriseAsset(service_timeout=self._config.timeout))
        recovered = is_over(message)
        card = Card.of(message)
        with _quiet():
            if not service.add(self._config.url.get_secret_value()):
                raise ChannelError(
                    f"apprise {self._name}: Apprise cannot read the URL",
                    hint="its scheme names the service; see Apprise's documentation",
                )
            try:
                result = service.notify(
                    body=card.text,
                    title=card.title,
                    notify_type=NotifyType.SUCCESS if recovered else NotifyType.FAILURE,
                    body_format=NotifyFormat.TEXT,
                )
            except Exception as error:  # noqa: BLE001 - its plugins raise what they like, with the URL in the text
                what = f"apprise {self._name}: the service failed with {type(error).__name__}"
                raise ChannelError(what, transient=True) from None
        if not result:
            raise ChannelError(f"apprise {self._name}: the service did not take the message", transient=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Apprise's own log shut: it writes URLs that it cannot read, with their secrets."""
    logger = logging.getLogger("apprise")
    logger.addFilter(_nothing)
    try:
        yield
    finally:
        logger.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False
