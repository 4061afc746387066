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
