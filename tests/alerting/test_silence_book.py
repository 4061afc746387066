"""Silences as rows, in both memories."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.alerting.conftest import NOW
from tocsin.alerting.silence_book import (
    add_silence,
    close_expired,
    count_matches,
    end_silence,
    new_silence,
    read_silences,
)
from tocsin.errors import ConfigError, DatabaseError

if TYPE_CHECKING:
    from tocsin.database.sql_manager import SqlManager
    from tocsin.model import Silence

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def a_silence(**changes: Any) -> Silence:
    silence = new_silence(
        ["monitor=web*", "severity!=critical"],
        starts_at=NOW,
        ends_at=NOW + HOUR,
        author="ann",
        comment="the move",
        now=NOW,
    )
    return dataclasses.replace(silence, **changes)


def kept(store: SqlManager, *silences: Silence) -> None:
    with store.transaction() as tx:
        for silence in silences:
            add_silence(tx, silence, DAY)


def test_a_silence_comes_back_as_it_was(store: SqlManager) -> None:
    kept(store, a_silence())
    with store.transaction() as tx:
        assert read_silences(tx) == [a_silence()]


def test_an_id_is_eight_hexadecimal_digits_of_what_the_silence_says() -> None:
    one = new_silence(["a=b"], starts_at=NOW, ends_at=NOW + HOUR, author="", comment="", now=NOW)
    other = new_silence(["a=c"], starts_at=NOW, ends_at=NOW + HOUR, author="", comment="", now=NOW)
    assert len(one.id) == len(f"{int(one.id, 16):08x}") == 8
    assert one.id != other.id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matchers": ()}, "without matchers"),
        ({"matchers": ("web",)}, "'web' is no matcher"),
        ({"matchers": ("monitor=web", "colour=red")}, "colour"),
        ({"ends_at": NOW}, "must end after it starts"),
        ({"starts_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}, "over already"),
        ({"ends_at": NOW + DAY + HOUR}, "may last 1 day at most, this one lasts 1 day, 1:00:00"),
        ({"comment": "x" * 2001}, "2,000 characters"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(
    changes: dict[str, Any], message: str, store: SqlManager
) -> None:
    with pytest.raises(ConfigError, match=message) as caught, store.transaction() as tx:
        add_silence(tx, a_silence(**changes), DAY)
    assert caught.value.hint


def test_the_same_silence_again_lasts_until_the_later_end(store: SqlManager) -> None:
    kept(store, a_silence(), a_silence(id="2" * 8, starts_at=NOW + HOUR / 2, ends_at=NOW + 2 * HOUR))
    kept(store, a_silence(id="3" * 8, ends_at=NOW + HOUR / 2))
    with store.transaction() as tx:
        assert read_silences(tx) == [a_silence(ends_at=NOW + 2 * HOUR)]


@pytest.mark.parametrize(
    "changes",
    [
        {"author": "bob"},
        {"comment": "another move"},
        {"matchers": ("monitor=web*",)},
        {"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR},  # the first is over then
        {"starts_at": NOW + HOUR / 2, "ends_at": NOW + HOUR / 2 + DAY},  # one would be too long
    ],
)
def test_another_silence_is_one_of_its_own(changes: dict[str, Any], store: SqlManager) -> None:
    other = a_silence(id="f" * 8, **changes)
    kept(store, a_silence(id="1" * 8), other)
    with store.transaction() as tx:
        assert read_silences(tx) == [a_silence(id="1" * 8), other]


def test_two_silences_with_one_id_are_refused(store: SqlManager) -> None:
    kept(store, a_silence())
    with pytest.raises(DatabaseError):
        kept(store, a_silence(author="bob"))


def test_a_silence_is_active_from_its_start_to_just_before_its_end(store: SqlManager) -> None:
    kept(store, a_silence(), a_silence(id="2" * 8, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR))
    with store.transaction() as tx:
        active = [
            [silence.id for silence in read_silences(tx, active_at=NOW + step * HOUR)]
            for step in (-0.1, 0, 0.9, 1, 2)
        ]
    assert active == [[], [a_silence().id], [a_silence().id], ["2" * 8], []]


def test_a_silence_that_is_ended_is_over_and_is_not_noted_once_more(store: SqlManager) -> None:
    now = NOW + HOUR / 2
    kept(store, a_silence())
    with store.transaction() as tx:
        ended = end_silence(tx, a_silence().id, now)
        assert (ended.ends_at, ended.closed_at) == (now, now)
        assert end_silence(tx, a_silence().id, now + HOUR) == ended
        assert read_silences(tx) == [ended]
        assert read_silences(tx, active_at=now) == []
        assert close_expired(tx, now + DAY) == []


def test_a_silence_that_is_ended_before_it_begins_never_does(store: SqlManager) -> None:
    kept(store, a_silence(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR))
    with store.transaction() as tx:
        ended = end_silence(tx, a_silence().id, NOW)
        assert ended.starts_at == ended.ends_at
        assert read_silences(tx, active_at=NOW + HOUR) == []


def test_a_silence_that_is_not_there_cannot_be_ended(store: SqlManager) -> None:
    with pytest.raises(ConfigError, match="there is no silence '00000000'"), store.transaction() as tx:
        end_silence(tx, "00000000", NOW)


def test_what_a_silence_matched_is_counted(store: SqlManager) -> None:
    kept(store, a_silence(), a_silence(id="2" * 8, comment="another"))
    with store.transaction() as tx:
        count_matches(tx, {a_silence().id: 2}, NOW)
        count_matches(tx, {a_silence().id: 3, "gone": 1}, NOW + HOUR)
        first, second = sorted(read_silences(tx), key=lambda silence: silence.matched, reverse=True)
    assert (first.matched, first.last_matched_at) == (5, NOW + HOUR)
    assert (second.matched, second.last_matched_at) == (0, None)


def test_a_silence_that_is_over_is_given_once(store: SqlManager) -> None:
    kept(store, a_silence(ends_at=NOW + 2 * HOUR), a_silence(id="2" * 8, comment="another"))
    with store.transaction() as tx:
        assert close_expired(tx, NOW + HOUR / 2) == []
        (closed,) = close_expired(tx, NOW + HOUR)
        assert (closed.id, closed.closed_at, closed.matched) == ("2" * 8, NOW + HOUR, 0)
        assert [silence.id for silence in close_expired(tx, NOW + DAY)] == [a_silence().id]
        assert close_expired(tx, NOW + DAY) == []
        assert all(silence.closed_at for silence in read_silences(tx))
