"""Makes a channel of what the profile says."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tocsin.alerting.channels.apprise import AppriseChannel, AppriseConfig
from tocsin.alerting.channels.email import EmailChannel, EmailConfig
from tocsin.alerting.channels.mattermost import MattermostChannel, MattermostConfig
from tocsin.alerting.channels.slack import SlackChannel, SlackConfig
from tocsin.alerting.channels.telegram import TelegramChannel, TelegramConfig
from tocsin.alerting.channels.webhook import WebhookChannel, WebhookConfig
from tocsin.errors import ConfigError
from tocsin.model.wrong_value import words_of_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.abc import Channel, Clock
    from tocsin.alerting.channels.config import ChannelConfig

__all__ = ["CHANNEL_CONFIGS", "build_channel"]

CHANNEL_CONFIGS: dict[str, type[ChannelConfig]] = {
    "apprise": AppriseConfig,
    "email": EmailConfig,
    "mattermost": MattermostConfig,
    "slack": SlackConfig,
    "telegram": TelegramConfig,
    "webhook": WebhookConfig,
}
_CHANNELS: dict[str, Callable[..., Channel]] = {
    "apprise": AppriseChannel,
    "email": EmailChannel,
    "mattermost": MattermostChannel,
    "slack": SlackChannel,
    "telegram": TelegramChannel,
    "webhook": WebhookChannel,
}


def build_channel(name: str, type: str, config: Mapping[str, Any], *, clock: Clock) -> Channel:  # noqa: A002 - the key is called type
    """Make a channel.

    Args:
        name: What the profile calls it.
        type: One of `CHANNEL_CONFIGS`.
        config: Its keys, without `type`.
        clock: For signatures, dates of mails, and `Retry-After`.

    Raises:
        ConfigError: The type or a key is unknown, or a value is wrong. No value is repeated.

    >>> from tocsin.abc import Clock
    >>> build_channel("ops", "slak", {}, clock=Clock)
    Traceback (most recent call last):
    ...
    tocsin.errors.ConfigError: channel ops: there is no channel type 'slak': did you mean slack?
    """
    model = CHANNEL_CONFIGS.get(type)
    if model is None:
        raise ConfigError(
            f"channel {name}: there is no channel type {type!r}", hint=_hint(type, CHANNEL_CONFIGS)
        )
    try:
        checked = model.model_validate(dict(config))
    except ValidationError as error:
        raise _config_error(name, type, model, error) from None
    return _CHANNELS[type](name, checked, clock=clock)


def _config_error(name: str, type_: str, model: type[ChannelConfig], error: ValidationError) -> ConfigError:
    keys = [field.alias or key for key, field in model.model_fields.items()]
    wrong = error.errors(include_url=False, include_context=False, include_input=False)
    sentences, hint = [], None
    for one in wrong:
        key = ".".join(str(part) for part in one["loc"])
        if one["type"] == "extra_forbidden":
            sentences.append(f"{key!r} is no key of a {type_} channel")
            hint = hint or _hint(key, keys)
        elif one["type"] == "missing":
            sentences.append(f"{key!r} is missing")
        else:
            said = words_of_error(one["type"], one["msg"])
            sentences.append(f"{key}: {said}" if key else said)
    return ConfigError(f"channel {name}: {'; '.join(sentences)}", hint=hint)


def _hint(wrong: str, known: Any) -> str:
    close = get_close_matches(wrong, list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
