"""Apprise, by a URL that leads to this machine."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tocsin.alerting.channels import build_channel
from tocsin.errors import ChannelError
from tocsin.testing.channels import MESSAGE, Answer, HttpReceiver

# Apprise imports a module that Python 3.13 no longer has; it has its own answer to that.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "type_"), [("first", "failure"), ("recovered", "success")])
def test_a_message_arrives(kind: str, type_: str) -> None:
    with HttpReceiver() as receiver:
        url = f"json://127.0.0.1:{receiver.port}/apprise-secret"
        build_channel("any", "apprise", {"url": url}, clock=FixedClock()).send({**MESSAGE, "kind": kind})
        (request,) = receiver.requests
        assert request.json()["title"] == MESSAGE["title"]
        assert request.json()["message"] == MESSAGE["text"]
        assert request.json()["type"] == type_


def test_a_service_that_refuses_is_worth_a_retry_and_shows_no_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with HttpReceiver() as receiver:
        receiver.default = Answer(500, echo=True)
        url = f"json://127.0.0.1:{receiver.port}/apprise-secret"
        channel = build_channel("any", "apprise", {"url": url}, clock=FixedClock())
        with pytest.raises(ChannelError) as caught:
            channel.send(MESSAGE)
        assert receiver.requests
    assert caught.value.transient
    assert "apprise-secret" not in str(caught.value) + repr(channel) + str(vars(channel))
    assert "apprise-secret" not in caplog.text


@pytest.mark.parametrize("url", ["nothing://secret-part", "secret-part"])
def test_a_url_that_apprise_cannot_read_is_no_retry(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ChannelError, match="cannot read") as caught:
        build_channel("any", "apprise", {"url": url}, clock=FixedClock()).send(MESSAGE)
    assert not caught.value.transient
    assert "secret-part" not in str(caught.value)
    assert "secret-part" not in caplog.text
