"""Queries as templates, friendly and hostile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.errors import ConfigError, LoadError, TocsinError
from tocsin.sandbox import Sandbox
from tocsin.sources import render_query

_START = datetime(2026, 11, 30, 10, tzinfo=UTC)


def render(text: str, **variables: Any) -> str:
    return render_query(text, start=_START, end=None, interval_seconds=60, variables=variables)


def test_the_window_is_text_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    text = render_query(
        "{{ tocsin_start_time }}|{{ tocsin_end_time }}|{{ interval_seconds }}",
        start=datetime(2026, 11, 30, 1, tzinfo=berlin),
        end=datetime(2026, 12, 1, 0, 0, 0, 5000),  # noqa: DTZ001 (naive is UTC)
        interval_seconds=300,
    )

    assert text == "2026-11-30 00:00:00|2026-12-01 00:00:00.005|300"


def test_an_open_window_is_all_of_time() -> None:
    text = render_query(
        "{{ tocsin_start_time }}|{{ tocsin_end_time }}", start=None, end=None, interval_seconds=60
    )

    assert text == "1970-01-01 00:00:00|2262-01-01 00:00:00"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ table }}", "t"),
        ("{% for c in columns %}{{ c }}{{ ', ' if not loop.last }}{% endfor %}", "a, b"),
        ("{% if columns | length > 1 %}yes{% endif %}", "yes"),
        ("{{ columns | map('upper') | join(', ') }}", "A, B"),
        ("{% macro cast(x) %}CAST({{ x }} AS REAL){% endmacro %}{{ cast('a') }}", "CAST(a AS REAL)"),
        ("{{ 'a' ~ 'b' }} {{ 2 * 3 + 1 }} {{ 2 ** 3 }} {{ 'ab' * 2 }}", "ab 7 8 abab"),
        ("{{ 'x.y' | replace('.', '_') }}", "x_y"),
        ("SELECT 100 % 7, '%s', '%%'\n", "SELECT 100 % 7, '%s', '%%'\n"),
        (
            "{% for i in range(3) %}{% for j in range(i) %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
            "10 20 21 ",
        ),
    ],
)
def test_templates_do_what_people_need(text: str, rendered: str) -> None:
    assert render(text, table="t", columns=["a", "b"]) == rendered


@given(
    st.lists(
        st.sampled_from(
            [
                "{{ a }}",
                "{{b}}",
                "{{ a",
                "}}",
                "{",
                "{{",
                "{%",
                "%}",
                "{#",
                "#}",
                " ",
                "\n",
                "\r\n",
                "x",
                "'",
                "{{ c }}",
            ]
        )
        | st.text(max_size=3),
        max_size=8,
    ).map("".join)
)
@example("{{{ a }}").via("a brace before the placeholder")
@example("{{{ a }}{ a }}").via("what is left must not become a placeholder")
def test_filling_in_bare_names_without_jinja_is_what_jinja_does(text: str) -> None:
    try:
        expected = Sandbox("it").render(text, {"a": "{{ b }}", "b": 3})
    except TocsinError as error:
        with pytest.raises(type(error)):
            render_query(text, start=None, end=None, interval_seconds=1, variables={"a": "{{ b }}", "b": 3})
    else:
        assert expected == render_query(
            text, start=None, end=None, interval_seconds=1, variables={"a": "{{ b }}", "b": 3}
        )


def test_an_unknown_variable_is_named_with_its_line() -> None:
    with pytest.raises(LoadError, match=r"line 2.*'tabel' is undefined.*table"):
        render("SELECT 1\nFROM {{ tabel }}", table="t")


def test_a_syntax_error_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match=r"line 3 of the query's template"):
        render("SELECT\n1\n{{ a.b }")


def test_a_variable_may_not_hide_the_window() -> None:
    with pytest.raises(ConfigError, match="tocsin_end_time"):
        render("", tocsin_end_time="x")


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(10000000) %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) if false %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% for i in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
        "{% set n = namespace(s='aa') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
        "{% set n = namespace(s='aa') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
        "{% set n = namespace(s=9) %}{% for i in range(60) %}{% set n.s = n.s * n.s %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ ['a' * 900000] * 900000 }}",
        "{{ 10 ** 100000000 }}",
        "{{ range(99999) | join('a' * 99999) }}",
        "{{ ('a' * 9999) | replace('a', 'b' * 9999) }}",
        "{{ '%1000000000d' % 1 }}",
        "{% for i in range(99999) %}{{ 'a' * 100 }}{% endfor %}",
    ],
)
def test_a_template_that_wants_too_much_is_refused(text: str) -> None:
    with pytest.raises(LoadError, match="wants too much"):
        render(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ table.__init__.__globals__ }}",
        "{{ 'a'.center(1000000000) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ columns.append('c') }}",
        "{% include 'profiles.yml' %}",
        "{{ 1 / 0 }}",
    ],
)
def test_a_template_cannot_reach_out_of_its_sandbox(text: str) -> None:
    with pytest.raises(LoadError, match="line 1"):
        render(text, table="t", columns=["a"])


def test_a_filter_that_pads_is_bounded() -> None:
    assert render("{{ 'a' | center(5) }}") == "  a  "
    with pytest.raises(LoadError, match="wants too much"):
        render("{{ 'a' | center(1000000000) }}")


def test_a_template_nested_too_deeply_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match="nested"):
        render("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}")
