"""Webhooks: the payload as JSON to any URL, with an idempotency key and, if wanted, a signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr, field_validator

from tocsin.alerting.channels.config import ChannelConfig, SecretUrl, Timeout, url_secrets
from tocsin.alerting.channels.http import TIMEOUT, post_json, raise_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import Clock

__all__ = ["WebhookChannel", "WebhookConfig", "sign"]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "transfer-encoding",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
_KEY_PREFIX = "whsec_"


class WebhookConfig(ChannelConfig):
    """A webhook.

    Attributes:
        url: Where to post.
        secret: Signs each request, see `sign`.
        headers: Further headers, e.g. `Authorization`.
        allow_private: Whether the receiver may be in a private network or on this machine.
        timeout: Seconds for the whole exchange.
    """

    url: SecretUrl
    secret: SecretStr | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    allow_private: bool = False
    timeout: Timeout = TIMEOUT

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            text = value.get_secret_value()
            if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
                raise ValueError(f"{name!r} cannot be set as a header")
            if not text.isascii() or not text.isprintable():
                raise ValueError(f"the value of {name} has characters that a header cannot have")
        return headers

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not _key(secret.get_secret_value()):
            raise ValueError("the secret is empty")
        return secret


class WebhookChannel:
    """Posts the payload, as it is in the outbox, with its id as `Idempotency-Key`."""

    def __init__(self, name: str, config: WebhookConfig, *, clock: Clock) -> None:
        self._name, self._config, self._clock = name, config, clock

    def send(self, message: Mapping[str, Any]) -> None:
        """Post one message; see `tocsin.abc.Channel.send`."""
        config = self._config
        url = config.url.get_secret_value()
        body = json.dumps(dict(message), allow_nan=False).encode()
        own = {name: value.get_secret_value() for name, value in config.headers.items()}
        headers = {**own, "Idempotency-Key": str(message["id"])}
        secrets = [*url_secrets(url), *own.values()]
        if config.secret is not None:
            key = config.secret.get_secret_value()
            secrets.append(key)
            at = int(self._clock.now().timestamp())
            headers |= {
                "Webhook-Id": str(message["id"]),
                "Webhook-Timestamp": str(at),
                "Webhook-Signature": sign(key, str(message["id"]), at, body),
            }
        response = post_json(url, body, headers, allow_private=config.allow_private, timeout=config.timeout)
        raise_for_status(response, what=f"webhook {self._name}", clock=self._clock, secrets=secrets)


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign a request as the Standard Webhooks specification does (HMAC-SHA256, version 1).

    The receiver computes the same over `id.timestamp.body`, compares in constant time, and refuses old
    timestamps.

    Args:
        secret: `whsec_` and base64, or any text.
        message_id: The header `Webhook-Id`.
        timestamp: The header `Webhook-Timestamp`, seconds since the epoch.
        body: The body as sent.

    >>> sign("whsec_c2VjcmV0", "id", 1, b"{}") == sign("secret", "id", 1, b"{}")
    True
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith(_KEY_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_KEY_PREFIX), validate=True)
    except ValueError:
        raise ValueError("a secret that begins with whsec_ goes on in base64") from None
