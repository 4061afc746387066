"""Tables that others remove and make again, while somebody has the store open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import DataError, StorageContentionError, StorageIntegrityError
from tocsin.eventstorage import EventStorageService
from tocsin.testing.event_stores.base import EventStoreContract, message
from tocsin.testing.event_stores.sessions import session_of
from tocsin.testing.event_stores.storing import many

if TYPE_CHECKING:
    from tocsin.testing.event_stores.base import FixedClock

__all__ = ["RemakingContract"]


class RemakingContract(EventStoreContract):
    """`store` has used the tables before; somebody else makes them anew, with or without a text index."""

    def test_words_are_found_as_soon_as_others_have_made_an_index(self, conncfg: dict[str, Any]) -> None:
        with EventStorageService(**conncfg, text_index=False) as store:
            store.database_create()
            with pytest.raises(DataError, match="index of words"):
                store.count_events({"text": "needle"})

            _make_anew(conncfg, text_index=True)

            for number in range(2):
                assert store.count_events({"text": "needle"}) == 1, number
            assert [event.id for event in store.stream_events({"text": "needle"})] == ["there"]
            store.insert_event(message("single", Note="needle"))
            assert store.delete_event("there")
            assert store.search_events({"text": "needle"})[0] == 1

    def test_words_are_refused_as_soon_as_the_index_is_gone(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        store.insert_event(message("a", Note="needle"))
        assert store.count_events({"text": "needle"}) == 1

        _make_anew(conncfg, text_index=False)

        with pytest.raises(DataError, match="index of words"):
            store.search_events({"text": "needle"})

    @pytest.mark.parametrize("text_index", [True, False])
    def test_an_event_is_stored_in_the_tables_that_are_there_now(
        self, conncfg: dict[str, Any], clock: FixedClock, *, text_index: bool
    ) -> None:
        with EventStorageService(**conncfg, clock=clock, text_index=not text_index) as store:
            store.database_create()
            store.insert_events(many("a", 5))
            store.insert_event(message("a"))

            _make_anew(conncfg, text_index=text_index, clock=clock)

            store.insert_event(message("a"))
            assert store.count_events() == 2

    def test_a_cursor_is_told_to_try_again(self, conncfg: dict[str, Any], clock: FixedClock) -> None:
        with EventStorageService(**conncfg, clock=clock) as store:
            store.database_create()
            store.insert_events(many("a", 5))
            _make_anew(conncfg, text_index=False, clock=clock)
            with store.cursor_new() as cursor:
                with pytest.raises(StorageContentionError) as caught:
                    cursor.insert_event(message("a"))
                assert caught.value.transient
                cursor.insert_event(message("a"))
                cursor.commit()
            assert store.count_events() == 2

    def test_tables_of_others_in_their_place_are_told(self, conncfg: dict[str, Any]) -> None:
        with EventStorageService(**conncfg) as store:
            store.database_create()
            store.insert_events(many("a", 5))
            store.database_drop()
            with session_of(conncfg) as session:
                session.execute("CREATE TABLE event_store (id text, note text)")
                session.commit()
            for use in (
                store.count_events,
                lambda: store.search_events({"text": "a"}),
                lambda: store.insert_event(message("a")),
                lambda: store.insert_events(many("a", 5)),
                lambda: store.delete_event("a"),
            ):
                with pytest.raises(StorageIntegrityError):
                    use()

    def test_events_are_deleted_with_their_words_or_without(
        self, conncfg: dict[str, Any], store: EventStorageService, clock: FixedClock
    ) -> None:
        store.insert_event(message("a"))
        for text_index in (False, True):
            _make_anew(conncfg, text_index=text_index, clock=clock)
            assert store.delete_event("there")

            _make_anew(conncfg, text_index=text_index, clock=clock)
            clock.advance(hours=1)
            assert sum(store.retain(clock.now())) == 1
            if text_index and "path" in conncfg:
                with session_of(conncfg) as session:
                    assert session.execute("SELECT count(*) FROM events_text") == [(0,)]


def _make_anew(conncfg: dict[str, Any], *, text_index: bool, **arguments: Any) -> None:
    with EventStorageService(**conncfg, text_index=text_index, **arguments) as other:
        other.database_drop()
        other.database_create()
        other.insert_event(message("there", Note="needle"))
