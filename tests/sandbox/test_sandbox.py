"""Templates of people who want too much, and of those who do not."""

from __future__ import annotations

import tracemalloc

import pytest

from tocsin.errors import ConfigError, LoadError
from tocsin.sandbox import Sandbox

_PEAK = 200_000_000  # bytes; each of the hostile templates would take at least a thousand million
_LONG = "{% set s = 'a' * 900000 %}"
_KEEP = _LONG + "{% set all = namespace(x=none) %}{% for i in range(900) %}{% set all.x = [all.x, "
_KEPT = "] %}{% endfor %}"
_TWICE = "{% set all = namespace(x=(1,), y=(1,)) %}{% for i in range(60) %}{% set all.x = (all.x, all.x) %}"
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
        ("{{ rows | join(', ', attribute='n') }} {{ 'aaa' | replace('a', 'b', 1) }}", "2, 3 baa"),
        ("{{ '{:,.2f}|{:>4}|{x[n]}'.format(1234.567, 'a', x=rows[0]) }}", "1,234.57|   a|2"),
        ("{% for two in [1, 2, 3] | batch(2, 0) %}{{ two }}{% endfor %}", "[1, 2][3, 0]"),
        ("{{ [1, 2, 3] | slice(2) | list }}", "[[1, 2], [3]]"),
        ("{{ {'a': [1]} | tojson(indent=1) }}", '{\n "a": [\n  1\n ]\n}'),
        ("{{ 'a-b' | wordwrap(2, wrapstring='/') }}", "a-/b"),
        ("{{ '5 %% of (all (x))' % () }}", "5 % of (all (x))"),
        (
            "{% for a, b in {'k': 1}.items() %}{{ a }}{{ b }}{% endfor %}{% set c, d = 1, 2 %}{{ c + d }}",
            "k13",
        ),
        (
            "{{ 'abc'[1:] }} {{ (1, 2) == (1, 2) }} {{ rows | selectattr('n', '>', 2) | list }}",
            "bc True [{'n': 3}]",
        ),
        (
            "{{ nothing | default('-') }} {{ nothing is defined }} {{ [3, 1, 3] | unique | sort | first }}",
            "- False 1",
        ),
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
        "{{ '%(a(b))1000000000d' % {'a(b)': 1} }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '{:{}}'.format(1, 1000000000) }}",
        "{{ [1] | batch(1000000000, 'x') | list }}",
        "{{ [1] | slice(1000000000, 'x') | list }}",
        _LONG + "{{ [" + "s.upper(), " * 600 + "] | length }}",
        _LONG + "{{ [" + "s[1:], " * 600 + "] | length }}",
        _KEEP + "s.upper()" + _KEPT,
        _KEEP + "s[1:]" + _KEPT,
        _KEEP + "s.split('a')" + _KEPT,
        _KEEP + "s.split('a').copy()" + _KEPT,
        _LONG + "{% for i in range(100000) %}{{ {'a': s}.items() }}{% endfor %}",
        "{{ {}['a' * 900000] }}",
        "{{ ('f' * 900000) | int(base=16) // 3 }}",
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
    "text",
    [
        _TWICE + "{% set all.y = (all.y, all.y) %}{% endfor %}{{ all.x == all.y }}",
        _TWICE + "{% endfor %}{{ {all.x: 1} | length }}",
        _TWICE + "{% endfor %}{{ [1].index(all.x) }}",
        _TWICE + "{% endfor %}{{ all[all.x] }}",
        _LONG + "{{ range(99999) | map('string') | select('in', s ~ 'b') | list | length }}",
        _LONG + "{{ s | wordwrap(1) | length }}",
    ],
)
def test_nothing_goes_on_for_ever(sandbox: Sandbox, text: str) -> None:
    with pytest.raises(LoadError, match="wants too much"):
        sandbox.render(text, {})


def test_an_error_does_not_repeat_a_giant_value(sandbox: Sandbox) -> None:
    with pytest.raises(LoadError) as caught:
        sandbox.render("{{ {}['a' * 900000] }}", {})
    assert len(caught.value.message) < 1000


def test_what_a_namespace_holds_is_not_written(sandbox: Sandbox) -> None:
    text = (
        "{% set a = namespace(x=1) %}" + "{% set a = namespace(x=[a, a, a, a, a, a, a]) %}" * 20 + "{{ a }}"
    )
    assert sandbox.render(text, {}) == "<namespace>"


@pytest.mark.parametrize(
    "expression",
    [
        "'a'.encode()",
        "'a'.ljust(1000000000)",
        "'a'.zfill(1000000000)",
        "'a'.translate({97: 'b' * 900000})",
        "'a'.join(['b'])",
        "'{0.__class__}'.format(1)",
        "'{0.ljust}'.format('a')",
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


@pytest.mark.parametrize("name", ["pprint", "urlize"])
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
