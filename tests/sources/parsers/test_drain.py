"""Templates that are learned."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.sources.parsers import create_parser
from tocsin.sources.parsers.drain import DRAIN_PARAMETERS, TemplateMiner
from tocsin.sources.parsers.drain.masking import PatternMasker, WordMasker
from tocsin.sources.parsers.drain.tree import MOST_IN_A_LEAF, DrainTree


def miner(**settings_: Any) -> TemplateMiner:
    return TemplateMiner({name: one.default for name, one in DRAIN_PARAMETERS.items()} | settings_)


def test_lines_of_one_template_are_one_event_and_their_words_are_variables() -> None:
    learned = miner()

    first = learned.read("", "session opened for user eve by uid 0")
    second = learned.read("", "session opened for user bob by uid 0")

    assert first == (first[0], "session opened for user eve by uid <*>", ["0"])
    assert second == (first[0], "session opened for user <*> by uid <*>", ["0", "bob"])


def test_a_variable_keeps_its_number_when_more_words_vary() -> None:
    learned = miner()
    learned.read("", "job 7 of eve on web1 done")
    learned.read("", "job 8 of bob on web1 done")

    _, template, variables = learned.read("", "job 9 of bob on db2 done")

    assert template == "job <*> of <*> on <*> done"
    assert variables == ["9", "bob", "db2"]
    assert learned.read("", "job 9 of ann on db2 done")[2] == ["9", "ann", "db2"]


def test_all_words_can_be_variables_by_their_place() -> None:
    learned = miner(variables="all")

    assert learned.read("", "job 7 of eve")[2] == ["job", "7", "of", "eve"]


def test_a_variable_is_what_stands_in_place_of_the_mask() -> None:
    learned = miner()

    _, template, variables = learned.read("", "from=192.0.2.7:4242 took (12ms), 3/4 done")

    assert template == "from=<*> took (<*>), <*> done"
    assert variables == ["192.0.2.7:4242", "12ms", "3/4"]


def test_groups_have_templates_of_their_own() -> None:
    learned = miner()

    assert learned.read("sshd", "started")[0] != learned.read("cron", "started")[0]


def test_an_event_id_is_the_same_in_every_process() -> None:
    assert miner().read("", "disk is hot")[0] == miner().read("", "disk is hot")[0] == "E7cf6b0a0"


@pytest.mark.parametrize(
    ("word", "masked"),
    [
        ("12", "<*>"), ("-12.5", "<*>"), ("0x1fE", "<*>"), ("192.0.2.7", "<*>"), ("10:15:00,123", "<*>"),
        ("12ms", "<*>"), ("5%", "<*>"), ("uid=0", "uid=<*>"), ("[24200]:", "[<*>]:"), ("eth0", "eth0"),
        ("6f1c2a9e-0000-4000-8000-0123456789ab", "<*>"), ("02:42:ac:11:00:02", "<*>"), ("deadbeef01", "<*>"),
        ("deadbeef", "deadbeef"), ("facade", "facade"), ("sha1", "sha1"), ("v1.2", "v1.<*>"), ("(a)", "(a)"),
    ],
)  # fmt: skip
def test_numbers_addresses_and_ids_are_masked(word: str, masked: str) -> None:
    assert WordMasker().split(word) == ((masked,), [word])


@settings(max_examples=200)
@given(st.text("ab12 .<*>\t", max_size=40))
def test_masked_words_stand_for_words_of_the_line(content: str) -> None:
    for masker in (WordMasker(), PatternMasker([])):
        words, originals = masker.split(content)

        assert list(originals) == content.split()
        assert len(words) == len(originals)


@settings(max_examples=200)
@given(st.text("ab12 .", max_size=40))
def test_masks_of_the_users_give_back_what_they_hid(content: str) -> None:
    words, originals = PatternMasker([re.compile(r"\d+(?: \d+)*"), re.compile("b+")]).split(content)

    assert len(words) == len(originals)
    assert " ".join(originals).split() == content.split()


def test_words_that_differ_too_much_are_another_template() -> None:
    learned = miner(similarity=0.8)

    assert learned.read("", "disk a is hot")[0] != learned.read("", "disk b was cold")[0]
    assert list(learned.templates.values()) == ["disk a is hot", "disk b was cold"]


def test_a_template_of_nothing_but_variables_is_found_again() -> None:
    for count_masked in (True, False):
        learned = miner(count_masked=count_masked)

        assert len({learned.read("", f"{number} {number} {number}")[0] for number in range(50)}) == 1
        assert learned.read("", "")[1] == ""


def test_when_no_more_templates_may_be_learned_other_lines_share_one_event() -> None:
    learned = miner(max_clusters=2)
    known = learned.read("", "a b c")[0]
    learned.read("", "d e")

    others = [learned.read("", "x " * number + "y") for number in range(5, 9)]

    assert {template for _, template, _ in others} == {"<*>"}
    assert len({event_id for event_id, _, _ in others}) == 1
    assert learned.read("", "a b c")[0] == known
    assert len(learned.templates) == 2


def test_a_line_is_compared_with_so_many_templates_and_no_more() -> None:
    tree = DrainTree(depth=4, similarity=0.9, max_children=100, max_clusters=10_000, count_masked=False)
    found = [tree.find("", ("a", f"b{number}", f"c{number}")) for number in range(MOST_IN_A_LEAF + 1)]

    assert None not in found[:-1]
    assert found[-1] is None
    assert tree.find("", ("a", "b7", "c7")) is found[7]
    assert tree.find("", ("other", "b", "c")) is not None


def test_a_node_tells_so_many_words_apart_and_no_more() -> None:
    tree = DrainTree(depth=4, similarity=0.9, max_children=3, max_clusters=100, count_masked=False)

    paths = [tree.find("", (word, "x")).path[1] for word in "abcde"]  # type: ignore[union-attr]

    assert paths == ["a", "b", "<*>", "<*>", "<*>"]


def test_long_messages_count_with_their_beginning() -> None:
    learned = miner()
    begin = "word " * 300

    assert learned.read("", begin + "a")[0] == learned.read("", begin + "b c d " * 100_000)[0]
    assert len(learned.read("", "x" * 2**20)[1]) == 4096


words = st.sampled_from(["open", "close", "eve", "bob", "for", "user", "12", "7", "uid=3", "<*>"])
messages = st.lists(words, max_size=6).map(" ".join)


@settings(max_examples=150)
@given(st.lists(messages, max_size=40), st.integers(0, 40), st.sampled_from([0.3, 0.5, 0.8]))
def test_a_restart_changes_nothing(lines: list[str], cut: int, similarity: float) -> None:
    whole = miner(similarity=similarity, max_clusters=8, max_children=3)
    expected = [whole.read("g", line) for line in lines]

    before = miner(similarity=similarity, max_clusters=8, max_children=3)
    events = [before.read("g", line) for line in lines[:cut]]
    after = miner(similarity=similarity, max_clusters=8, max_children=3)
    after.load_state(before.dump())
    events += [after.read("g", line) for line in lines[cut:]]

    assert events == expected
    assert after.dump() == whole.dump()


@settings(max_examples=150)
@given(st.lists(messages, max_size=40))
def test_what_is_remembered_of_recent_lines_changes_nothing(lines: list[str]) -> None:
    remembering, forgetful = miner(), miner()
    for line in lines:
        forgetful._tree._recent.clear()
        assert remembering.read("", line) == forgetful.read("", line)


@settings(max_examples=100)
@given(st.lists(messages, max_size=30))
def test_an_event_keeps_its_id_and_a_template_fits_its_lines(lines: list[str]) -> None:
    learned = miner()
    ids: dict[str, set[str]] = {}
    for line in lines:
        event_id, template, variables = learned.read("", line)
        ids.setdefault(event_id, set()).add(line)
        assert template.count("<*>") >= len(variables)
        assert len(template.split()) == len(line.split())
    assert set(ids) == set(learned.templates)


def test_the_state_is_the_same_bytes_until_something_is_learned() -> None:
    learned = miner()
    learned.read("", "disk is hot")
    state = learned.dump()
    learned.read("", "disk is hot")

    assert learned.dump() is state
    learned.read("", "disk is cold")
    assert learned.dump() != state


def test_a_state_of_the_first_version_is_read() -> None:
    """As it was written then; also when other settings that change no meaning are new."""
    state = (
        b'{"kind":"drain","version":1,"settings":{"depth":5,"masks":null,"variables":"varying"},"templates":'
        b'[["E7cf6b0a0","",["3","disk","is"],["disk","is","<*>"],[2]],'
        b'["E83a3a4c1","cron",["4","job","<*>"],["job","<*>","of","<*>"],[1,3]]]}'
    )
    learned = miner(similarity=0.6, max_children=7, max_clusters=1)
    learned.load_state(state)

    assert learned.read("", "disk is cold") == ("E7cf6b0a0", "disk is <*>", ["cold"])
    assert learned.read("cron", "job 7 of eve") == ("E83a3a4c1", "job <*> of <*>", ["7", "eve"])
    assert learned.read("", "more is never learned")[1] == "<*>"
    assert learned.dump() == state


def test_lone_surrogates_survive_a_state() -> None:
    learned = miner()
    learned.read("", "caf\udce9 open")
    restored = miner()
    restored.load_state(learned.dump())

    assert restored.templates == learned.templates


GOOD = json.loads(miner().dump())
ROW = ["E1", "", ["2", "a"], ["a", "<*>"], [1]]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no state of a drain parser"),
        (b'{"kind": "other"}', "no state of a drain parser"),
        (GOOD | {"version": 2}, "version 2, this tocsin reads up to 1"),
        (GOOD | {"version": "1"}, "version"),
        (GOOD | {"settings": GOOD["settings"] | {"depth": 9}}, "another depth"),
        (GOOD | {"settings": None}, "no state"),
        (GOOD | {"templates": [ROW] * 2}, "twice"),
        (GOOD | {"templates": "x"}, "no state"),
        (GOOD | {"templates": [["E1", "", ["2", "a"], ["a"], []]]}, "a template in it is none"),
        (GOOD | {"templates": [["E1", "", ["1", "a"], ["a"], [1]]]}, "a template in it is none"),
        (GOOD | {"templates": [["E1", "", ["1", "a"], ["a"], [True]]]}, "a template in it is none"),
        (GOOD | {"templates": [["E1", "", [], ["a"], []]]}, "a template in it is none"),
        (GOOD | {"templates": [[1, "", ["1"], ["a"], []]]}, "a template in it is none"),
        (GOOD | {"templates": [{}]}, "a template in it is none"),
    ],
)
def test_what_is_no_state_is_refused_and_the_parser_goes_on(state: Any, reason: str) -> None:
    parser = create_parser("drain")
    parser.parse_line("disk is hot")
    before = parser.dump()
    content = state if isinstance(state, bytes) else json.dumps(state).encode()

    with pytest.raises(ValueError, match=reason):
        parser.load_state(content)

    assert parser.dump() == before


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_state_is_refused_or_is_a_state(data: st.DataObject) -> None:
    learned = miner()
    for line in ("open for eve 12", "open for bob 13", "close"):
        learned.read("", line)
    content = bytearray(learned.dump())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    restored = miner()
    try:
        restored.load_state(bytes(content))
    except ValueError:
        return
    restored.read("", "open for ann 14")
