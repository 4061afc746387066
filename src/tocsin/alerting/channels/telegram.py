"""Telegram, through the Bot API."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr, field_validator

from tocsin.alerting.channels.card import Card
from tocsin.alerting.channels.config import ChannelConfig, Timeout, Url
from tocsin.alerting.channels.http import TIMEOUT, Response, post_json, raise_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import Clock

__all__ = ["TelegramChannel", "TelegramConfig"]


class TelegramConfig(ChannelConfig):
    """A Telegram chat.

    Attributes:
        bot_token: The bot's token.
        chat_id: The chat's number, or `@channelname`.
        base_url: Where the Bot API is.
        timeout: Seconds for the whole exchange.
    """

    bot_token: SecretStr
    chat_id: Annotated[str, Field(coerce_numbers_to_str=True, min_length=1)]
    base_url: Url = "https://api.telegram.org"
    timeout: Timeout = TIMEOUT

    @field_validator("bot_token")
    @classmethod
    def _check_token(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value()
        if not text or not text.isascii() or not all(letter.isalnum() or letter in ":_-" for letter in text):
            raise ValueError("a bot's token is digits, a colon, and letters, digits, _ and -")
        return token


class TelegramChannel:
    """Sends a message with a bold title."""

    def __init__(self, name: str, config: TelegramConfig, *, clock: Clock) -> None:
        self._name, self._config, self._clock = name, config, clock

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; see `tocsin.abc.Channel.send`."""
        config = self._config
        token = config.bot_token.get_secret_value()
        payload = {
            "chat_id": config.chat_id,
            "text": _text(Card.of(message)),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        response = post_json(
            f"{config.base_url.rstrip('/')}/bot{token}/sendMessage",
            json.dumps(payload).encode(),
            {},
            allow_private=True,
            timeout=config.timeout,
        )
        what = f"telegram {self._name}"
        raise_for_status(response, what=what, clock=self._clock, secrets=[token], wait=_wait(response))


def _wait(response: Response) -> float | None:
    """Telegram says in the body how long to wait."""
    found = response.json()
    parameters = found.get("parameters") if isinstance(found, dict) else None
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0:
        return float(seconds)
    return None


def _text(card: Card) -> str:
    escaped = html.escape(card.text, quote=False)
    return f"<b>{html.escape(card.title, quote=False)}</b>\n{escaped}"
