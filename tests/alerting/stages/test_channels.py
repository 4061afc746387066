"""Every channel sends messages about events, relapses and many things as well as those about incidents."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

import pytest

from tests.alerting.stages.builders import NOON, at, event, incident, worse
from tests.conftest import SteppingClock
from tocsin.alerting.channels import build_channel
from tocsin.alerting.channels.card import Card, is_over
from tocsin.alerting.channels.email import EmailChannel, EmailConfig
from tocsin.alerting.digest import digest_message
from tocsin.alerting.event_message import message_about, relapse_message
from tocsin.alerting.plan import Answer
from tocsin.model import AlertDecision, DecisionKind, Severity
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import EmailMessage

# Apprise imports a module that Python 3.13 no longer has; it has its own answer to that.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

CLOCK = SteppingClock(NOON)
HOSTILE = "<!channel> @all <b>x</b>\r\nBcc: all@example.org \ud800\x00"


def answer(kind: DecisionKind) -> Answer:
    return Answer(
        kind, at(60), 3, "soc", "mail", ("Recon.Scanning",), "192.0.2.1", Severity.HIGH, ("e0", "e1", "e2")
    )


def about(kind: str, name: str = "e1", **values: Any) -> dict[str, Any]:
    decision = AlertDecision(DecisionKind(kind), "it went on")
    said = None if kind == "first" else answer(decision.kind)
    candidate = worse(event(name, **values), Severity.HIGH)
    message = message_about(candidate, decision, group="soc", project="p", now=NOON, answer=said)
    return {"id": f"id-{name if name.isalnum() else 0}", **message}


def of_incident(kind: str) -> dict[str, Any]:
    candidate = incident("web", DecisionKind(kind))
    decision = AlertDecision(candidate.kind, candidate.reason)
    return {"id": kind, **message_about(candidate, decision, group="soc", project="p", now=NOON)}


def digest(*messages: Mapping[str, Any], total: int | None = None) -> dict[str, Any]:
    count = len(messages) if total is None else total
    made = digest_message(messages, total=count, group="soc", severity=Severity.HIGH, project="p", now=NOON)
    return {"id": "id-digest", **made}


RELAPSE = {
    "id": "id-relapse",
    **relapse_message(
        answer(DecisionKind.RELAPSED),
        AlertDecision(DecisionKind.RELAPSED, "it went on"),
        candidate=event("relapse"),
        project="p",
        now=NOON + timedelta(minutes=1),
    ),
}
MESSAGES = {
    "an event": about("first"),
    "an escalation": about("escalated"),
    "a relapse of an event": about("relapsed"),
    "a relapse that came due": RELAPSE,
    "an incident": of_incident("first"),
    "an end": of_incident("recovered"),
    "a digest": digest(about("first"), of_incident("recovered"), RELAPSE),
    "a digest of many": digest(*[about("first", f"e{number}") for number in range(50)], total=1200),
    "a hostile event": about(
        "first", HOSTILE, sources=(HOSTILE,), category=HOSTILE, idea={"Description": HOSTILE}
    ),
}
CONFIGS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "{url}/hook", "allow_private": True, "secret": "s"},
    "slack": {"webhook_url": "{url}/services/x"},
    "mattermost": {"webhook_url": "{url}/hooks/x"},
    "telegram": {"bot_token": "1:x", "chat_id": "2", "base_url": "{url}"},
    "apprise": {"url": "json://127.0.0.1:{port}/x"},
}


@pytest.fixture(scope="module")
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.mark.parametrize("what", MESSAGES)
@pytest.mark.parametrize("type_", CONFIGS)
def test_every_channel_sends_every_message(receiver: HttpReceiver, type_: str, what: str) -> None:
    config = {
        key: value.format(url=receiver.url, port=receiver.port) if isinstance(value, str) else value
        for key, value in CONFIGS[type_].items()
    }
    # What the outbox holds is JSON.
    message = json.loads(json.dumps(MESSAGES[what]))
    build_channel("any", type_, config, clock=CLOCK).send(message)
    body = receiver.requests[-1].body.decode()
    assert type_ != "webhook" or json.loads(body) == message
    if "hostile" not in what:
        first = message["title"].split(":")[0].split(".")[0]
        assert first in body


def mail(message: Mapping[str, Any]) -> EmailMessage:
    config = EmailConfig.model_validate({"host": "h", "from": "t@example.org", "to": ["o@example.org"]})
    return EmailChannel("mail", config, clock=CLOCK)._mail(json.loads(json.dumps(message)))


@pytest.mark.parametrize("what", MESSAGES)
def test_a_mail_is_made_of_every_message(what: str) -> None:
    made = mail(MESSAGES[what])
    assert made["Subject"].startswith("[tocsin] ")
    assert "Bcc" not in made
    assert parseaddr(made["To"])[1] == "o@example.org"
    made.as_bytes()


def test_mails_about_the_same_are_a_thread() -> None:
    thread = mail(about("relapsed"))["References"]
    assert mail(about("escalated", "e9"))["References"] == thread
    relapse = {**RELAPSE, "series": "ids", "rule": "default"}
    assert mail(relapse)["References"] == thread
    other = about("relapsed")
    other["event"] = {**other["event"], "entity": "192.0.2.99"}
    assert mail(other)["References"] != thread
    assert mail(MESSAGES["a digest"])["References"] != mail({**MESSAGES["a digest"], "id": "2"})["References"]


@pytest.mark.parametrize(
    ("message", "color", "severity"),
    [
        (about("first"), "#d64541", "high"),
        (about("escalated"), "#96281b", "high"),
        (of_incident("first"), "#d64541", "4.5"),
        (of_incident("recovered"), "#2e9e5b", "4.5"),
        (digest(of_incident("recovered"), of_incident("recovered")), "#2e9e5b", "high"),
        (digest(of_incident("recovered"), of_incident("recovered"), total=60), "#d64541", "high"),
        (digest(of_incident("recovered"), about("first")), "#d64541", "high"),
    ],
)
def test_a_card_shows_how_bad_it_is(message: dict[str, Any], color: str, severity: str) -> None:
    card = Card.of(message)
    assert card.color == color
    assert dict(card.fields)["Severity"] == severity
    assert is_over(message) is (color == "#2e9e5b")
