"""Known templates."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import ParseError
from tocsin.sources.parsers import create_parser
from tocsin.sources.parsers.templates import Template


def test_the_most_specific_template_wins_in_any_order() -> None:
    templates = ["<*> <*>", "<*> logged in", "root logged in", "<*> logged <*>"]

    for order in (templates, templates[::-1]):
        parser = create_parser("templates", {"templates": order})

        assert parser.parse_line("root logged in")["template"] == "root logged in"
        assert parser.parse_line("eve logged in")["template"] == "<*> logged in"
        assert parser.parse_line("eve logged out")["variables"] == ["eve", "out"]
        assert parser.parse_line("eve left")["template"] == "<*> <*>"


def test_an_event_has_the_id_given_or_one_made_from_its_text() -> None:
    templates = [{"id": "E7", "template": "<*> logged in"}, {"id": 8, "template": "<*> left"}, "<*> came"]

    parser = create_parser("templates", {"templates": templates})
    ids = [parser.parse_line(line)["EventID"] for line in ("eve logged in", "eve left", "eve came")]

    assert ids[:2] == ["E7", 8]
    assert ids[2] == create_parser("templates", {"templates": ["<*> came"]}).parse_line("bob came")["EventID"]


def test_lines_of_a_file_are_templates() -> None:
    parser = create_parser("templates", {"templates": ["pid=<*> res=<*>\n", "uid=<*>\r\n"]})

    assert parser.parse_line("uid=")["variables"] == [""]
    assert parser.parse_line("pid=1 res=a b")["variables"] == ["1", "a b"]


def test_a_line_that_none_matches_is_refused_or_learned_from() -> None:
    with pytest.raises(ParseError, match="no template matches"):
        create_parser("templates", {"templates": ["a <*>"]}).parse_line("b 1")

    learning = create_parser("templates", {"templates": ["a <*>"], "unmatched": "drain"})
    assert learning.parse_line("b 1")["template"] == "b <*>"
    assert learning.dump()


words = st.lists(st.sampled_from(["a", "b", "ab", " ", "<*>"]), max_size=8).map("".join)


@settings(max_examples=300)
@given(words, st.text("ab ", max_size=12))
def test_a_template_matches_what_its_regular_expression_matches(text: str, line: str) -> None:
    pattern = "(.*?)".join(re.escape(part) for part in text.split("<*>"))
    expected = re.fullmatch(pattern, line, re.DOTALL)

    found = Template.from_text(text).values(line)

    assert found == (None if expected is None else list(expected.groups()))
