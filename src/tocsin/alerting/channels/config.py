"""What the configuration models of all channels share."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from tocsin.alerting.rate_limit import RateLimit

__all__ = ["ChannelConfig", "Rate", "SecretUrl", "Timeout", "Url", "url_secrets"]


def _parse_rate(value: Any) -> RateLimit:
    return value if isinstance(value, RateLimit) else RateLimit.parse(str(value))


Rate = Annotated[
    RateLimit,
    BeforeValidator(_parse_rate),
    WithJsonSchema({"type": "string", "description": "a number of messages in a time: 30/min, 1/s, 5/10min"}),
]


class ChannelConfig(BaseModel):
    """The keys of a channel; unknown ones are refused, and no error repeats a value.

    Attributes:
        rate_limit: How many messages it takes in a time; further ones wait, in their order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    rate_limit: Rate | None = None


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("this is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        raise ValueError("a URL begins with http:// or https:// and has a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL has no user and password here: use a header")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("characters outside ASCII must be percent-encoded in a URL")
    return url


def _check_secret_url(url: SecretStr) -> SecretStr:
    _check_url(url.get_secret_value())
    return url


Url = Annotated[str, AfterValidator(_check_url)]
SecretUrl = Annotated[SecretStr, AfterValidator(_check_secret_url)]
Timeout = Annotated[float, Field(gt=0, le=60)]


def url_secrets(url: str) -> list[str]:
    """Give what of a URL must never be shown: all of it, its path and its query.

    >>> url_secrets("https://hooks.example.org/services/T0/B0/xyz?key=1")
    ['https://hooks.example.org/services/T0/B0/xyz?key=1', '/services/T0/B0/xyz', 'key=1']
    """
    parts = urlsplit(url)
    return [part for part in (url, parts.path.rstrip("/"), parts.query) if part]
