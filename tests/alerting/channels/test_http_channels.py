"""The contract of channels, held against each one that speaks HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tocsin.alerting.channels import build_channel
from tocsin.testing.channels import MESSAGE, Answer, HttpChannelContract, HttpReceiver

if TYPE_CHECKING:
    from tocsin.abc import Channel


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


CLOCK = FixedClock()
MEAN = {
    **MESSAGE,
    "title": "<!channel> <https://evil.example|click> & *bold* @all <b>x</b> [a](http://b)\r\nBcc: x",
    "text": "<script>alert(1)</script> @here & </b><a href='x'>y</a> ![i](http://b/i.png)",
    "tags": ["<!everyone>"],
}


class TestWebhook(HttpChannelContract):
    secrets = ("hook-path", "hook-query", "header-secret", "signing-secret")

    def make_channel(self, url: str, *, timeout: float) -> Channel:
        config = {
            "url": f"{url}/hook-path?key=hook-query",
            "secret": "signing-secret",
            "headers": {"Authorization": "Bearer header-secret"},
            "allow_private": True,
            "timeout": timeout,
        }
        return build_channel("hook", "webhook", config, clock=CLOCK)


class TestSlack(HttpChannelContract):
    secrets = ("T000/B000/slack-secret",)

    def make_channel(self, url: str, *, timeout: float) -> Channel:
        config = {"webhook_url": f"{url}/services/T000/B000/slack-secret", "timeout": timeout}
        return build_channel("team", "slack", config, clock=CLOCK)

    def test_markup_in_a_message_means_nothing(self, receiver: HttpReceiver) -> None:
        self.make_channel(receiver.url, timeout=10.0).send(MEAN)
        body = receiver.requests[0].body.decode()
        assert "<" not in body
        assert ">" not in body
        assert "&lt;!channel&gt;" in body
        assert receiver.requests[0].json()["mrkdwn"] is False

    @pytest.mark.parametrize("text", ["", " \n"])
    def test_a_text_without_a_letter_which_slack_refuses_is_the_title(
        self, receiver: HttpReceiver, text: str
    ) -> None:
        self.make_channel(receiver.url, timeout=10.0).send({**MESSAGE, "text": text})
        block = receiver.requests[0].json()["attachments"][0]["blocks"][0]
        assert block["text"]["text"] == MESSAGE["title"]

    def test_a_long_text_is_cut_between_entities(self, receiver: HttpReceiver) -> None:
        self.make_channel(receiver.url, timeout=10.0).send({**MESSAGE, "text": "&" * 5000})
        text = receiver.requests[0].json()["attachments"][0]["blocks"][0]["text"]["text"]
        assert len(text) <= 3000
        assert text.rstrip("…").replace("&amp;", "") == ""

    @pytest.mark.parametrize(
        ("kind", "color"),
        [("first", "#d64541"), ("escalated", "#96281b"), ("recovered", "#2e9e5b"), ("no_data", "#e08e0b")],
    )
    def test_the_colour_tells_the_kind(self, receiver: HttpReceiver, kind: str, color: str) -> None:
        self.make_channel(receiver.url, timeout=10.0).send({**MESSAGE, "kind": kind})
        assert receiver.requests[0].json()["attachments"][0]["color"] == color


class TestMattermost(HttpChannelContract):
    secrets = ("mattermost-secret",)

    def make_channel(self, url: str, *, timeout: float) -> Channel:
        config = {"webhook_url": f"{url}/hooks/mattermost-secret", "channel": "town", "timeout": timeout}
        return build_channel("team", "mattermost", config, clock=CLOCK)

    def test_markup_in_a_message_means_nothing(self, receiver: HttpReceiver) -> None:
        self.make_channel(receiver.url, timeout=10.0).send(MEAN)
        payload = receiver.requests[0].json()
        (card,) = payload["attachments"]
        assert payload["channel"] == "town"
        assert r"\[a\]\(http\://b\)" in card["title"]
        assert r"\!\[i\]" in card["text"]
        assert "@all" not in card["title"] + card["fallback"]
        assert "@here" not in card["text"]
        assert "\n" not in card["title"]


class TestTelegram(HttpChannelContract):
    secrets = ("123:telegram-secret",)

    def make_channel(self, url: str, *, timeout: float) -> Channel:
        config = {"bot_token": "123:telegram-secret", "chat_id": -42, "base_url": url, "timeout": timeout}
        return build_channel("chat", "telegram", config, clock=CLOCK)

    def test_it_calls_the_bot_api(self, receiver: HttpReceiver) -> None:
        self.make_channel(receiver.url, timeout=10.0).send(MESSAGE)
        (request,) = receiver.requests
        assert request.path == "/bot123:telegram-secret/sendMessage"
        assert request.json()["chat_id"] == "-42"
        assert request.json()["parse_mode"] == "HTML"

    def test_markup_in_a_message_means_nothing(self, receiver: HttpReceiver) -> None:
        self.make_channel(receiver.url, timeout=10.0).send(MEAN)
        text = receiver.requests[0].json()["text"]
        assert text.count("<") == 2  # the title's own <b> and </b>
        assert "&lt;script&gt;" in text
        assert "&amp;" in text

    def test_the_wait_that_the_body_asks_for_counts(self, receiver: HttpReceiver) -> None:
        body = (
            b'{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":17}}'
        )
        error = self.refused(receiver, Answer(429, body))
        assert error.transient
        assert error.retry_after == 17

    @pytest.mark.parametrize(
        "body", [b"[]", b"{", b'{"parameters":[]}', b'{"parameters":{"retry_after":"x"}}']
    )
    def test_a_strange_body_is_no_wait(self, receiver: HttpReceiver, body: bytes) -> None:
        assert self.refused(receiver, Answer(429, body)).retry_after is None
