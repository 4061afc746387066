"""Parameters in the notation of a database: found where they are, left alone where they are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.database.parameters import bind, translate
from tocsin.errors import DatabaseError

_INSIDE = st.text("%(a)s -*/;\n:?", max_size=15)
_HIDING = st.one_of(
    _INSIDE.map(lambda text: f"'{text}'"),
    _INSIDE.map(lambda text: f"'it''s {text}'"),
    _INSIDE.map(lambda text: f"E'it\\'s {text}'"),
    _INSIDE.map(lambda text: f'"{text}"'),
    _INSIDE.map(lambda text: f"`{text}`"),
    _INSIDE.map(lambda text: "--" + text.replace("\n", "") + "\n"),
    _INSIDE.map(lambda text: "/*" + text.replace("*/", "") + " */"),
    _INSIDE.map(lambda text: f"$${text}$$"),
    _INSIDE.map(lambda text: f"$tag${text}$$ $tag$"),
)
_PARAMETER = st.sampled_from(["%(a)s", "%(b_2)s"])
_PLAIN = st.sampled_from([" SELECT ", " x ", "7 % 4", " -1 ", " 4/2 ", "%s", "%(a) s", "()", "$1"])


@given(st.lists(st.one_of(_HIDING, _PARAMETER, _PLAIN)))
def test_a_parameter_is_found_outside_of_texts_names_and_comments_only(parts: list[str]) -> None:
    expected, names = [], []
    for part in parts:
        if part in ("%(a)s", "%(b_2)s"):
            expected.append(":" + part[2:-2])
            names.append(part[2:-2])
        else:
            expected.append(part.replace("%%", "%"))
    query, found = translate(" ".join(parts), ":{}")
    assert query == " ".join(expected)
    assert found == tuple(dict.fromkeys(names))


@pytest.mark.parametrize("query", ["'%(a)s", '"%(a)s', "/* %(a)s", "-- %(a)s", "$$ %(a)s", "$x$ %(a)s $$"])
def test_what_is_never_closed_reaches_to_the_end(query: str) -> None:
    assert translate(query, ":{}") == (query, ())


@pytest.mark.parametrize("name", ["a b", "1a", "ä", "a-b", "a:b", "a;b", '"'])
def test_a_parameter_has_a_plain_name(name: str) -> None:
    with pytest.raises(DatabaseError):
        bind(f"SELECT %({name})s, %(a)s", {name: 1}, ":{}")
