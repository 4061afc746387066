"""Mattermost, through an incoming webhook."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tocsin.alerting.channels.card import Card
from tocsin.alerting.channels.config import ChannelConfig, SecretUrl, Timeout, url_secrets
from tocsin.alerting.channels.http import TIMEOUT, post_json, raise_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import Clock

__all__ = ["MattermostChannel", "MattermostConfig"]

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:&])")
_NO_MENTION = "@\u200b"  # a space of no width: "@channel" calls nobody


class MattermostConfig(ChannelConfig):
    """A Mattermost channel.

    Attributes:
        webhook_url: The incoming webhook's URL; it is a secret.
        channel: Another channel than the webhook's own.
        timeout: Seconds for the whole exchange.
    """

    webhook_url: SecretUrl
    channel: str | None = None
    timeout: Timeout = TIMEOUT


class MattermostChannel:
    """Posts a coloured card."""

    def __init__(self, name: str, config: MattermostConfig, *, clock: Clock) -> None:
        self._name, self._config, self._clock = name, config, clock

    def send(self, message: Mapping[str, Any]) -> None:
        """Post one message; see `tocsin.abc.Channel.send`."""
        url = self._config.webhook_url.get_secret_value()
        payload = _payload(Card.of(message))
        if self._config.channel is not None:
            payload["channel"] = self._config.channel
        response = post_json(
            url, json.dumps(payload).encode(), {}, allow_private=True, timeout=self._config.timeout
        )
        raise_for_status(
            response, what=f"mattermost {self._name}", clock=self._clock, secrets=url_secrets(url)
        )


def _payload(card: Card) -> dict[str, Any]:
    return {
        "attachments": [
            {
                "fallback": card.title.replace("@", _NO_MENTION),
                "color": card.color,
                "title": _escape(card.title),
                "text": _escape(card.text),
                "fields": [
                    {"short": True, "title": name, "value": _escape(value)} for name, value in card.fields
                ],
            }
        ]
    }


def _escape(text: str) -> str:
    """Take the meaning from Markdown and mentions."""
    return _MARKDOWN.sub(r"\\\1", text).replace("@", _NO_MENTION)
