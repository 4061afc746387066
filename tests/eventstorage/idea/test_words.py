"""The words of a message."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.eventstorage.idea.messages import junk

from tocsin.eventstorage.idea.words import MOST_WORDS, words_of, words_of_text


def words(document: Any) -> set[str]:
    return set(words_of(document).split())


def test_words_are_of_values_not_of_keys() -> None:
    document = {
        "Key": "Value one",
        "List": ["two", {"Deep": "three-four"}],
        "n": 80,
        "f": 1.5,
        "no": [True, None],
    }

    assert words(document) == {"value", "one", "two", "three", "four", "80", "1", "5"}


def test_a_word_is_a_run_of_letters_digits_and_underscores() -> None:
    assert words("internal_share,10.0.0.1|a@b") == {"internal_share", "10", "0", "1", "a", "b"}


def test_a_word_that_is_not_ascii_is_a_word_as_any() -> None:
    assert words("Žluť x") == {"žluť", "x"}
    assert words("STRASSE") == words("straße")


def test_a_word_is_cut_after_a_hundred_bytes() -> None:
    assert words("a" * 101) == {"a" * 100}
    assert words("ž" * 51) == {"ž" * 50}


def test_there_are_at_most_ten_thousand_words() -> None:
    assert len(words([str(n) for n in range(20_000)])) == MOST_WORDS
    assert len(words({"a": list(range(20_000)), "b": "ž"})) == MOST_WORDS


def test_a_number_longer_than_python_writes_has_no_words() -> None:
    assert words([10**5000, "a"]) == {"a"}


@given(text=st.text())
def test_ascii_and_other_texts_are_split_alike(text: str) -> None:
    assert (
        words_of_text(text) == [word for word in words_of_text(text + " žž") if word != "žž"] or "ž" in text
    )


@given(document=junk)
def test_any_document_has_words_of_letters_digits_and_underscores(document: Any) -> None:
    found = words_of(document)

    assert found == " ".join(dict.fromkeys(found.split(" ")))
    assert all(re.fullmatch(r"\w{1,100}", word) for word in found.split())
    assert all(len(word.encode()) <= 100 for word in found.split())
