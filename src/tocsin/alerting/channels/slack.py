"""Slack, through an incoming webhook."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tocsin.alerting.channels.card import Card, clip
from tocsin.alerting.channels.config import ChannelConfig, SecretUrl, Timeout, url_secrets
from tocsin.alerting.channels.http import TIMEOUT, post_json, raise_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import Clock

__all__ = ["SlackChannel", "SlackConfig"]

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class SlackConfig(ChannelConfig):
    """A Slack channel.

    Attributes:
        webhook_url: The incoming webhook's URL; it is a secret.
        timeout: Seconds for the whole exchange.
    """

    webhook_url: SecretUrl
    timeout: Timeout = TIMEOUT


class SlackChannel:
    """Posts a coloured card."""

    def __init__(self, name: str, config: SlackConfig, *, clock: Clock) -> None:
        self._name, self._config, self._clock = name, config, clock

    def send(self, message: Mapping[str, Any]) -> None:
        """Post one message; see `tocsin.abc.Channel.send`."""
        url = self._config.webhook_url.get_secret_value()
        body = json.dumps(_payload(Card.of(message))).encode()
        response = post_json(url, body, {}, allow_private=True, timeout=self._config.timeout)
        raise_for_status(response, what=f"slack {self._name}", clock=self._clock, secrets=url_secrets(url))


def _payload(card: Card) -> dict[str, Any]:
    # A text without a letter, as a template may give it, is one that Slack refuses for good.
    text = card.text if card.text.strip() else card.title
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _plain(text, 3000)}]
    if card.fields:
        fields = [_plain(f"{name}: {value}", 2000) for name, value in card.fields]
        blocks.append({"type": "section", "fields": fields})
    return {
        "text": _escape(card.title),
        "mrkdwn": False,
        "attachments": [{"color": card.color, "fallback": _escape(card.title), "blocks": blocks}],
    }


def _plain(text: str, length: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escape(text, length), "emoji": False}


def _escape(text: str, length: int = 3000) -> str:
    """Take the meaning from what Slack reads as a link, a mention or an entity."""
    escaped = text.translate(_ENTITIES)
    return escaped if len(escaped) <= length else re.sub(r"&\w*…$", "…", clip(escaped, length))
