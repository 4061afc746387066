"""The words of messages."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.alerting.render import BUILT_IN, render_text, render_title, validate_template
from tocsin.errors import ConfigError
from tocsin.model import AlertRule
from tocsin.testing.channels import MESSAGE

RULE = AlertRule(timezone="America/New_York")


def message(**changes: Any) -> dict[str, Any]:
    return {**MESSAGE, **changes}


def test_a_single_point_is_told_in_the_rules_time_zone() -> None:
    assert render_text(message(points=1, description=None), RULE) == (
        "orders{country=DE} was below its band at 2026-03-01 07:02 EST: 3 (band 10.5 to 20.5).\n"
        "Why: 3 points in a row lie below the band. Severity 4.25."
    )


def test_several_points_are_told_with_their_beginning() -> None:
    assert render_text(message(), RULE) == (
        "orders{country=DE} has been below its band since 2026-03-01 07:00 EST (3 points).\n"
        "At 2026-03-01 07:02 EST: 3 (band 10.5 to 20.5).\n"
        "Why: 3 points in a row lie below the band. Severity 4.25.\n"
        "Orders a minute."
    )


def test_summer_time_is_written_as_such() -> None:
    text = render_text(message(points=1, timestamp="2026-07-01T12:02:30Z"), RULE)
    assert "2026-07-01 08:02:30 EDT" in text


def test_a_recovery_says_since_when() -> None:
    text = render_text(message(kind="recovered", reason="no longer below the band", value=None), RULE)
    assert text == (
        "orders{country=DE} is back to normal since 2026-03-01 07:02 EST.\n"
        "Why: no longer below the band. It began at 2026-03-01 07:00 EST."
    )


def test_missing_data_has_words_of_its_own() -> None:
    text = render_text(message(kind="no_data", direction=None, value=None), RULE)
    assert text.startswith("orders{country=DE} has had no values since 2026-03-01 07:00 EST (3 slots).")


@pytest.mark.parametrize(
    ("kind", "direction", "title"),
    [
        ("first", "up", "s is above its band"),
        ("repeat", "down", "s is still below its band"),
        ("escalated", "up", "s is further above its band"),
        ("relapsed", "up", "s is above its band again"),
        ("recovered", "up", "s is back to normal"),
        ("recovered", None, "s has data again"),
        ("no_data", None, "s has no data"),
        ("repeat", None, "s is still without data"),
        ("held", "up", "s: held"),
    ],
)
def test_titles(kind: str, direction: str | None, title: str) -> None:
    assert render_title({"series": "s", "kind": kind, "direction": direction}) == title


def test_a_series_name_is_never_read_as_a_form() -> None:
    assert render_title({"series": "{kind} {{ x }} {0}", "kind": "first", "direction": "up"}) == (
        "{kind} {{ x }} {0} is above its band"
    )
    assert "{{ 7 * 7 }}" in render_text(message(series="{{ 7 * 7 }}", points=1), RULE)


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [(None, 2.0, "(upper bound 2)"), (1.0, None, "(lower bound 1)"), (1.0, 2.0, "(band 1 to 2)")],
)
def test_a_band_with_one_end(lower: float | None, upper: float | None, words: str) -> None:
    assert words in render_text(message(confidence_lower=lower, confidence_upper=upper), RULE)


def test_the_users_templates_are_used() -> None:
    rule = dataclasses.replace(
        RULE, template_single="one {{ value | number }}", template_consecutive="{{ points }} of {{ tags[0] }}"
    )
    assert render_text(message(points=1), rule) == "one 3"
    assert render_text(message(), rule) == "3 of shop"


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing }}",
        "{% if %}",
        "{{ series.nothing.more }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__ }}",
        "{% for i in range(999999999) %}x{% endfor %}",
        "{% include 'secrets' %}",
        "{{ tags.append('x') }}",
        "{{ 'x' * 10 ** 10 }}",
        "{% set x %}{% for i in range(90000) %}{{ 'x' * 90000 }}{% endfor %}{% endset %}",
    ],
)
def test_a_template_that_fails_does_not_lose_the_alert(template: str) -> None:
    rule = dataclasses.replace(RULE, template_consecutive=template)
    text = render_text(message(), rule)
    assert text.startswith(render_text(message(), RULE))
    assert "template_consecutive failed: " in text
    with pytest.raises(ConfigError, match=r"my\.yml cannot be used"):
        validate_template(template, name="my.yml")


def test_the_built_in_templates_are_valid() -> None:
    for template in BUILT_IN.values():
        validate_template(template)


def test_an_error_in_a_template_names_its_line_and_what_there_is() -> None:
    with pytest.raises(ConfigError, match="line 2") as caught:
        validate_template("fine\n{% if %}")
    assert "last_anomaly_at" in str(caught.value)


def test_a_text_without_end_is_cut() -> None:
    rule = dataclasses.replace(RULE, template_consecutive="{% for i in range(90000) %}x{% endfor %}")
    assert len(render_text(message(), rule)) <= 8000


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.none())
def test_whatever_the_names_and_numbers_a_text_comes_out(name: str, value: float | None) -> None:
    assert name in render_text(message(series=name, value=value), RULE)
