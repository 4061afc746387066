"""The words of a message: Jinja templates in a sandbox, with built-in ones to fall back on."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tocsin.errors import ConfigError, TocsinError
from tocsin.model import DecisionKind, Subject, number_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2.runtime import Context

    from tocsin.model import AlertRule
    from tocsin.sandbox import Sandbox

__all__ = ["BUILT_IN", "local_time", "render_text", "render_title", "validate_template"]

LONGEST_TEXT = 8000

BUILT_IN: dict[str, str] = {
    "single": """\
{{ series }} was {{ where }} at {{ timestamp | local }}: {{ value | number }}{{ band }}.
Why: {{ reason }}. Severity {{ severity | number }}.
{%- if description %}
{{ description }}
{%- endif %}""",
    "consecutive": """\
{{ series }} has been {{ where }} since {{ opened_at | local }} ({{ points }} points).
At {{ timestamp | local }}: {{ value | number }}{{ band }}.
Why: {{ reason }}. Severity {{ severity | number }}.
{%- if description %}
{{ description }}
{%- endif %}""",
    "recovery": """\
{{ series }} {% if direction is none %}has data again{% else %}is back to normal{% endif %} since \
{{ timestamp | local }}{% if value is not none %}: \
{{ value | number }}{{ band }}{% endif %}.
Why: {{ reason }}. It began at {{ opened_at | local }}.""",
    "no_data": """\
{{ series }} has had no values since {{ opened_at | local }} ({{ points }} slots).
Why: {{ reason }}.
{%- if description %}
{{ description }}
{%- endif %}""",
    "line": """\
{{ series }}: {% if points == 1 %}an anomalous line{% else %}{{ points }} anomalous lines since \
{{ opened_at | local }}, the last one{% endif %} at {{ timestamp | local }}.
{{ explanation }}
{{ log }}
{%- if description %}
{{ description }}
{%- endif %}""",
    "line_recovery": """\
{{ series }} has had no anomalous lines since {{ last_anomaly_at | local }}.
Why: {{ reason }}. It began at {{ opened_at | local }}.""",
}

_LINE_TITLES = {
    DecisionKind.FIRST: "{series} has an anomalous line",
    DecisionKind.REPEAT: "{series} still has anomalous lines",
    DecisionKind.ESCALATED: "{series} has a more anomalous line",
    DecisionKind.RELAPSED: "{series} has anomalous lines again",
    DecisionKind.RECOVERED: "{series} is back to normal",
}
_TITLES = {
    DecisionKind.FIRST: "{series} is {where}",
    DecisionKind.REPEAT: "{series} is still {where}",
    DecisionKind.ESCALATED: "{series} is further {where}",
    DecisionKind.RELAPSED: "{series} is {where} again",
    DecisionKind.RECOVERED: "{series} is back to normal",
    DecisionKind.NO_DATA: "{series} has no data",
}
_WHERE = {"up": "above its band", "down": "below its band", None: "without data"}
_EXAMPLE: dict[str, Any] = {
    "id": "00000000-0000-0000-0000-000000000000",
    "kind": "first",
    "monitor": "example",
    "series": "example",
    "subject": "slots",
    "rule": "default",
    "title": "example is above its band",
    "reason": "3 points in a row lie above the band",
    "direction": "up",
    "severity": 4.2,
    "value": 42.0,
    "confidence_lower": 10.0,
    "confidence_upper": 20.0,
    "timestamp": "2026-01-01T12:00:00Z",
    "opened_at": "2026-01-01T11:58:00Z",
    "last_anomaly_at": "2026-01-01T12:00:00Z",
    "resolved_at": None,
    "points": 3,
    "detectors": ["0123456789abcdef"],
    "explanation": "addr '198.51.100.7' was never seen",
    "log": "a line",
    "description": "An example.",
    "tags": ["example"],
    "context": {},
    "timezone": "UTC",
}


def render_title(message: Mapping[str, Any]) -> str:
    """Give the one-line title of a message."""
    kind = DecisionKind(message["kind"])
    titles = _LINE_TITLES if message.get("subject") == Subject.LINES else _TITLES
    form = titles.get(kind, "{series}: {kind}")
    if titles is _TITLES and kind is DecisionKind.RECOVERED and message["direction"] is None:
        form = "{series} has data again"
    return form.format(series=message["series"], where=_WHERE[message["direction"]], kind=kind.value)


def render_text(message: Mapping[str, Any], rule: AlertRule) -> str:
    """Give the text of a message, in the rule's time zone.

    A template of the user that fails does not lose the alert: the built-in text is used, and says so.

    Args:
        message: The payload without `text`; times are ISO strings in UTC.
        rule: The rule with the user's templates.
    """
    name, own = _choose(message, rule)
    values = {**message, "timezone": rule.timezone}
    if own is None:
        return _render(BUILT_IN[name], values)
    try:
        return _render(own, values)
    except Exception as error:  # noqa: BLE001 - whatever a user's template does, the alert must go out
        text = _render(BUILT_IN[name], values)
        return f"{text}\n(The rule's template_{name} failed: {_said(error)}. This is the built-in text.)"


def validate_template(text: str, *, name: str = "template") -> None:
    """Try a template on an example message.

    Args:
        text: The template.
        name: What to call it in the error.

    Raises:
        ConfigError: It cannot be read, uses something that a message does not have, or does something
            that the sandbox forbids.

    >>> validate_template("{{ series }} is at {{ value | number }} since {{ opened_at | local }}")
    >>> validate_template("{{ serie }}")
    Traceback (most recent call last):
    ...
    tocsin.errors.ConfigError: template cannot be used: line 1 of the template fails: 'serie' is undefined...
    """
    try:
        _render(text, _EXAMPLE)
    except Exception as error:
        names = ", ".join(sorted([*_EXAMPLE, "where", "band"]))
        hint = f"a message has {names}, and the filters local and number"
        raise ConfigError(f"{name} cannot be used: {_said(error)}", hint=hint) from error


def _said(error: Exception) -> str:
    return error.message if isinstance(error, TocsinError) else str(error)


def _choose(message: Mapping[str, Any], rule: AlertRule) -> tuple[str, str | None]:
    kind = DecisionKind(message["kind"])
    is_log = rule.subject is Subject.LINES
    if kind is DecisionKind.RECOVERED:
        return ("line_recovery" if is_log else "recovery"), None
    if message["direction"] is None:
        return "no_data", None
    if message["points"] == 1:
        return ("line" if is_log else "single"), rule.template_single
    return ("line" if is_log else "consecutive"), rule.template_consecutive


def _render(source: str, values: Mapping[str, Any]) -> str:
    more = {"where": _WHERE[values["direction"]], "band": _band(values)}
    text = _sandbox().render(source, {**values, **more, "timezone": values.get("timezone") or "UTC"})
    text = text.removesuffix("\n")  # of a block in YAML
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _band(values: Mapping[str, Any]) -> str:
    lower, upper = values["confidence_lower"], values["confidence_upper"]
    low = "" if lower is None else number_text(lower, upper)
    high = "" if upper is None else number_text(upper, lower)
    if low and high:
        return f" (band {low} to {high})"
    if high:
        return f" (upper bound {high})"
    return f" (lower bound {low})" if low else ""


@cache
def _sandbox() -> Sandbox:
    from jinja2 import pass_context

    from tocsin.sandbox import Sandbox

    @pass_context
    def local(context: Context, time: str | datetime | None) -> str:
        return local_time(time, ZoneInfo(context["timezone"]))

    # Channels escape the text for their own markup; the text itself is plain.
    return Sandbox("the template", {"local": local, "number": _number})


def local_time(time: str | datetime | None, zone: ZoneInfo) -> str:
    """Write a time for people of a zone; a time without a zone is UTC, and none is `-`."""
    if time is None:
        return "-"
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z").replace(":00 ", " ", 1)


def _number(value: float | None) -> str:
    """Write a number for people.

    >>> _number(39197.0), _number(0.123456789), _number(12345678.9), _number(None)
    ('39,197', '0.123457', '12,345,679', '-')
    """
    return "-" if value is None else number_text(value)
