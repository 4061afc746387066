"""Channels made from configuration."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tocsin.alerting.channels import CHANNEL_CONFIGS, build_channel
from tocsin.errors import ConfigError


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_an_unknown_type_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean mattermost"):
        build_channel("x", "matermost", {}, clock=FixedClock())


def test_a_type_like_no_other_lists_them_all() -> None:
    with pytest.raises(ConfigError, match="known are apprise, email, mattermost, slack, telegram, webhook"):
        build_channel("x", "pigeon", {}, clock=FixedClock())


@pytest.mark.parametrize("type_", sorted(CHANNEL_CONFIGS))
def test_an_unknown_key_is_refused_and_its_value_not_shown(type_: str) -> None:
    with pytest.raises(ConfigError, match=r"'frobnicate' is no key of a .* channel") as caught:
        build_channel("x", type_, {"frobnicate": "geheim"}, clock=FixedClock())
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_token_that_would_change_the_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="token"):
        build_channel("x", "telegram", {"bot_token": "1/../x", "chat_id": "1"}, clock=FixedClock())


_MAIL = {"host": "mail.example.org", "from": "a@example.org", "to": "b@example.org"}
_SLACK = {"webhook_url": "https://hooks.example.org/x"}


@pytest.mark.parametrize(
    ("type_", "config", "said"),
    [
        ("email", _MAIL | {"port": "twenty-five"}, "channel ops: port: this must be a whole number"),
        ("email", _MAIL | {"port": 25.5}, "channel ops: port: this must be a whole number"),
        ("email", _MAIL | {"timeout": "10s"}, "channel ops: timeout: this must be a number"),
        ("email", _MAIL | {"to": []}, "channel ops: to: this should have at least 1 item, not 0"),
        ("email", _MAIL | {"to": 5}, "channel ops: to: this must be a list"),
        ("email", _MAIL | {"host": ""}, "channel ops: host: this should have at least 1 character"),
        ("email", _MAIL | {"host": None}, "channel ops: host: this must be text"),
        (
            "webhook",
            {"url": "https://h/", "headers": []},
            "channel ops: headers: this must hold keys and values",
        ),
        ("webhook", {"url": "https://h/", "allow_private": "x"}, "allow_private: this must be true or false"),
        ("slack", _SLACK | {"rate_limit": 30}, "rate_limit: '30' is no rate: write 30/min, 1/s or 5/10min"),
    ],
)
def test_a_wrong_value_is_said_in_words_of_the_file(type_: str, config: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_channel("ops", type_, config, clock=FixedClock())
    assert said in str(caught.value)
