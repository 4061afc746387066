"""Sizes of networks: a search that was made for those that there were finds those that came since."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import StorageIntegrityError
from tocsin.eventstorage import EventStorageService
from tocsin.testing.event_stores.base import EventStoreContract, examples, message
from tocsin.testing.event_stores.sessions import session_of

__all__ = ["BlockSizesContract"]


def _at(ident: str, *addresses: str) -> dict[str, Any]:
    source = {
        "IP4": [one for one in addresses if ":" not in one],
        "IP6": [one for one in addresses if ":" in one],
    }
    return message(ident, Source=[source])


def _found(store: EventStorageService, address: str) -> list[str]:
    return sorted(event.id for event in store.search_events({"source_addrs": [address]})[1])


class BlockSizesContract(EventStoreContract):
    """Processes know sizes from what they last saw, and notice when that is no longer so."""

    def test_networks_that_another_one_stores_are_found(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        store.insert_event(_at("single", "10.1.2.3"))
        assert _found(store, "10.1.2.3") == ["single"]
        with EventStorageService(**conncfg) as other:
            assert _found(other, "10.1.2.3") == ["single"]
            for size in (32, 31, 24, 13, 8, 1, 0):
                other.insert_events([_at(f"of {size}", f"10.1.2.3/{size}"), _at(f"6 {size}", f"::1/{size}")])
                for one in (store, other):
                    assert f"of {size}" in _found(one, "10.1.2.3")
                    assert f"of {size}" in _found(one, "10.1.2.2-10.1.2.3")
                    assert f"6 {size}" in _found(one, "::2")
                    assert f"6 {size}" in _found(one, "::/16")
        assert len(_found(store, "10.1.2.3")) == 8
        assert store.count_events({"source_addrs": ["10.1.2.3"]}) == 8
        parameters = {"source_addrs": ["10.1.2.3"], "limit": 3, "sortby": "storagetime.asc"}
        assert next(event.id for event in store.search_events(parameters)[1]) == "single"

    def test_what_was_not_kept_is_forgotten_and_what_comes_then_is_found(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        store.insert_event(_at("single", "10.1.2.3"))
        with store.cursor_new() as cursor:
            cursor.insert_event(_at("network", "10.0.0.0/8"))
            count, _ = cursor.search_events({"source_addrs": ["10.1.2.3"]})
            assert count == 2
            cursor.rollback()
        assert _found(store, "10.1.2.3") == ["single"]
        with EventStorageService(**conncfg) as other:
            other.insert_event(_at("wider", "10.0.0.0/7"))
        assert _found(store, "10.1.2.3") == ["single", "wider"]

    def test_tables_that_another_one_made_anew_have_sizes_of_their_own(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        store.insert_event(_at("a", "10.1.2.0/24"))
        assert _found(store, "10.1.2.3") == ["a"]
        with EventStorageService(**conncfg) as other:
            other.database_drop()
            other.database_create()
            other.insert_event(_at("b", "10.1.0.0/16"))
        assert _found(store, "10.1.2.3") == ["b"]

    @pytest.mark.parametrize("addresses", [("10.0.0.0/8", "10.1.2.3", "::/3"), ()])
    def test_a_store_of_version_1_is_brought_up_to_date(
        self, conncfg: dict[str, Any], store: EventStorageService, addresses: tuple[str, ...]
    ) -> None:
        store.insert_event(_at("old", *addresses))
        with session_of(conncfg) as session:
            session.execute_count("UPDATE event_store SET version = 1")
            session.execute_count("ALTER TABLE event_store DROP COLUMN block_sizes")
            session.commit()
        with EventStorageService(**conncfg) as newer:
            for use in (
                lambda: _found(newer, "10.1.2.3"),
                lambda: newer.insert_event(_at("new", "10.1.2.3")),
            ):
                with pytest.raises(StorageIntegrityError, match="database_create"):
                    use()
            newer.database_create()
            newer.database_create()
            newer.insert_event(_at("new", "10.1.2.0/24"))
            old = ["old"] if addresses else []
            assert _found(newer, "10.1.2.3") == ["new", *old]
            assert _found(newer, "10.2.0.0/16") == old
            assert _found(newer, "::1") == old
        assert _found(store, "10.1.2.3") == ["new", *old]

    @given(
        data=st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(0, 255), st.integers(0, 32)), min_size=1, max_size=8
        ),
        asked=st.tuples(st.integers(0, 255), st.integers(0, 32)),
    )
    @examples(25)
    def test_two_who_store_and_search_in_turns_find_every_overlap(
        self,
        conncfg: dict[str, Any],
        store: EventStorageService,
        data: list[tuple[str, int, int]],
        asked: tuple[int, int],
    ) -> None:
        def ends(low: int, size: int) -> tuple[int, int]:
            span = (1 << 32 - size) - 1
            return low & ~span, low | span

        store.delete_events(all=True)
        first, last = ends(*asked)
        expected = set()
        with EventStorageService(**conncfg) as other:
            stores = {"a": store, "b": other}
            for number, (who, low, size) in enumerate(data):
                stores[who].insert_event(_at(f"{number}", f"0.0.0.{low}/{size}"))
                begin, end = ends(low, size)
                if begin <= last and first <= end:
                    expected.add(f"{number}")
                for one in stores.values():
                    assert set(_found(one, f"0.0.0.{asked[0]}/{asked[1]}")) == expected
