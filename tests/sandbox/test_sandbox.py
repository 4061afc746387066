"""Templates of people who want too much, and of those who do not."""

from __future__ import annotations

import tracemalloc

import pytest

from tocsin.errors import ConfigError, LoadError
from tocsin.sandbox import Sandbox

_PEAK = 200_000_000  # bytes; each of the hostile templates would take at least a thousand million
_LONG = "{% set s = 'a' * 900000 %}"
_MANY = ", ".join(["s"] * 5000)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox("the test's template", {"shout": lambda text: f"{text}!"})


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ '%.2f' | format(2.346) }} {{ '%s-%5d' % ('a', 7) }} {{ '%(x)s' % {'x': 1} }}", "2.35 a-    7 1"),
        ("{{ 'a\nb' | indent(2) }}|{{ 'a' | indent('> ', first=true) }}", "a\n  b|> a"),
        ("{{ 'ab' | center(6) }}|{{ 'a b c' | wordwrap(3) }}", "  ab  |a b\nc"),
        ("{{ [1, 2, 3] | sum }} {{ rows | sum('n') }} {{ 2.345 | round(1) }}", "6 5 2.3"),
        ("{{ {'b': 1, 'a': [1, 2]} | tojson }}", '{"a": [1, 2], "b": 1}'),
        ("{{ 'Ab'.lower() }} {{ ' x '.strip() }} {{ 'a,b'.split(',') | last }}", "ab x b"),
        ("{{ rows[0].items() | list }} {{ rows[1]['n'] }}", "[('n', 2)] 3"),
        ("{{ 'x' ~ 1 ~ none }} {{ 'hey' | shout }}", "x1None hey!"),
        ("{% set x %}{% for i in range(3) %}{{ i }}{% endfor %}{% endset %}{{ x * 2 }}", "012012"),
        ("{{ range(4) | map('string') | join('/') }} {{ [3, 1] | sort }}", "0/1/2/3 [1, 3]"),
        ("a\n", "a\n"),
    ],
)
def test_what_people_need_is_there(sandbox: Sandbox, text: str, rendered: str) -> None:
    assert sandbox.render(text, {"rows": [{"n": 2}, {"n": 3}]}) == rendered


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 10 ** 10 }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '%.*f' % (1000000000, 1.0) }}",
        "{{ '%(x)1000000000d' % {'x': 1} }}",
        _LONG + "{{ ('%s' * 5000) | format(" + _MANY + ") }}",
        _LONG + "{% for i in range(5000) %}{{ s }}{% endfor %}",
        _LONG + "{% set t %}{% for i in range(5000) %}{{ s }}{% endfor %}{% endset %}",
        _LONG
        + "{% macro f() %}{% for i in range(5000) %}{{ s }}{% endfor %}{% endmacro %}{{ f() | length }}",
        "{% set t %}{% for i in range(100000) %}" + "a" * 20000 + "{% endfor %}{% endset %}",
        _LONG + "{{ " + " ~ ".join(["s"] * 500) + " }}",
        _LONG + "{{ [" + _MANY + "] }}",
        _LONG + "{{ [" + _MANY + "] | string }}",
        _LONG + "{{ {'a': [" + _MANY + "]} | tojson }}",
        _LONG + "{{ [" + _MANY + "] | join }}",
        "{% set a = ['x'] %}" + "{% set a = [a, a, a, a, a, a, a, a, a, a] %}" * 12 + "{{ a }}",
        "{{ {'a': 1} | tojson(indent=1000000000) }}",
        "{{ '\\\\' * 900000 " + "| tojson" * 12 + " }}",
        "{{ 1 | round(1000000000, 'ceil') }}",
        "{{ 5 | round(-1000000000) }}",
        "{{ 'a' | indent(1000000000, first=true) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ ('a\n' * 400000) | indent(3000) }}",
        _LONG + "{{ range(5000) | map('replace', '1', s) | list | length }}",
        _LONG + "{{ [" + ", ".join(["range(99999) | list"] * 300) + "] | sum(start=[]) | length }}",
        _LONG + "{% set t = s | list %}{{ [" + ", ".join(["t"] * 5000) + "] | sum(start=[]) | length }}",
    ],
)
def test_nothing_becomes_enormous(sandbox: Sandbox, text: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((LoadError, ConfigError)):
            sandbox.render(text, {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < _PEAK


@pytest.mark.parametrize(
    "expression",
    [
        "'a'.encode()",
        "'a'.ljust(1000000000)",
        "'a'.zfill(1000000000)",
        "'a'.translate({97: 'b' * 900000})",
        "'a'.join(['b'])",
        "'{:1000000000}'.format(1)",
        "(1).to_bytes(1000000000, 'big')",
        "('a' | escape).ljust(1000000000)",
        "'a' | attr('ljust')",
        "''.__class__",
        "(1.5).as_integer_ratio()",
    ],
)
def test_methods_that_pad_or_make_bytes_are_refused(sandbox: Sandbox, expression: str) -> None:
    with pytest.raises(LoadError, match="line 1 of the test's template"):
        sandbox.render("{{ (" + expression + ") | length }}{{ " + expression + " }}", {})


@pytest.mark.parametrize("name", ["batch", "slice", "pprint", "urlize"])
def test_filters_without_bounds_are_not_there(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        sandbox.render("{{ 'a' | " + name + " }}", {})


def test_what_is_asked_for_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(
        LoadError, match=r"line 2 of the test's template fails: 'b' is undefined.*it may use a"
    ):
        sandbox.render("x\n{{ b }}", {"a": 1})


def test_one_rendering_does_not_pay_for_another(sandbox: Sandbox) -> None:
    text = "{% for i in range(90000) %}x{% endfor %}"
    assert {len(sandbox.render(text, {})) for _ in range(4)} == {90000}
