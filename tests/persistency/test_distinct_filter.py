"""Very many distinct values: no one is forgotten, mistakes are as rare as was asked, memory stays bounded."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tocsin.persistency.bloom import BloomFilter, GrowingFilter
from tocsin.persistency.distinct import DistinctSettings, DistinctValues
from tocsin.persistency.hash_table import HashTable
from tocsin.persistency.hashed_values import hash_key, hash_keys
from tocsin.persistency.values import key_of


def random_hashes(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.random.default_rng(seed).integers(1, 2**64, count, dtype=np.uint64)


def add_numbers(values: DistinctValues, start: int, stop: int, time: int | None = None) -> int:
    """Add users with these numbers and give how many were new."""
    new = 0
    for begin in range(start, stop, 5000):
        keys = [f"user-{number}" for number in range(begin, min(stop, begin + 5000))]
        times = None if time is None else dict.fromkeys(keys, time)
        new += len(values.add(dict.fromkeys(keys, 1), times))
    return new


@pytest.mark.parametrize("rate", [0.1, 0.01, 0.001])
def test_mistakes_are_no_more_than_the_setting_and_what_was_seen_stays_seen(rate: float) -> None:
    settings = DistinctSettings(
        max_distinct=100, max_hashes=2000, false_positive_rate=rate, max_filter_bytes=2**18
    )
    values = DistinctValues(settings)

    new = add_numbers(values, 0, 100_000)
    missed = sum(values.seen(f"other-{number}") for number in range(60_000)) / 60_000

    assert values.stage == "filter"
    assert missed <= rate * 1.3 + 1e-4
    assert abs(values.false_positive_rate - missed) < 0.3 * rate + 3e-4
    assert 100_000 * (1 - rate) <= new <= 100_000
    assert add_numbers(values, 0, 100_000) == 0
    assert abs(values.count - 100_000) < 5000


def test_past_its_bytes_the_rate_climbs_and_is_told() -> None:
    values = DistinctValues(DistinctSettings(max_distinct=100, max_hashes=2000, max_filter_bytes=2**16))

    add_numbers(values, 0, 100_000)
    told = values.false_positive_rate
    missed = sum(values.seen(f"other-{number}") for number in range(10_000)) / 10_000

    assert told > 0.01
    assert abs(missed - told) < 0.3 * told
    assert add_numbers(values, 0, 100_000) == 0
    assert sum(map(len, values.state().blobs.values())) < 2**16 + 2000 * 10 + 5000


def test_a_filter_that_ages_keeps_to_the_rate_and_to_its_bytes() -> None:
    settings = DistinctSettings(
        max_distinct=100, max_hashes=2000, forget_after=100, false_positive_rate=0.01, max_filter_bytes=2**20
    )
    values = DistinctValues(settings)
    largest = 0

    for time in range(0, 400, 5):
        add_numbers(values, time * 1000, time * 1000 + 2000, time)
        largest = max(largest, sum(map(len, values.state().blobs.values())))
        assert values.seen(f"user-{(max(0, time - 100)) * 1000}")
        assert not values.seen("user-0") or time <= 130
    missed = sum(values.seen(f"other-{number}") for number in range(20_000)) / 20_000

    assert missed < 0.013
    assert 42_000 * 0.95 < values.count < 54_000 * 1.05  # 100 to 125 microseconds with 400 each
    assert largest < 2**20 + 2**16


def test_three_hundred_thousand_values_take_no_more_memory_than_the_filter() -> None:
    values = DistinctValues(DistinctSettings(max_distinct=1000, max_hashes=10_000, max_filter_bytes=2**20))
    add_numbers(values, 0, 50_000)

    tracemalloc.start()
    add_numbers(values, 50_000, 300_000)
    grown, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert grown < 1.1 * 2**20
    assert peak < 8 * 2**20


@pytest.mark.parametrize("rate", [0.5, 0.05, 0.002])
def test_a_bloom_filter_keeps_to_its_rate_when_it_is_full(rate: float) -> None:
    held = BloomFilter.of(20_000, rate)
    inside, outside = random_hashes(held.capacity, 1), random_hashes(200_000, 2)

    held.add(inside)

    assert held.contains(inside).all()
    assert all(map(held.contains_one, inside[:200].tolist()))
    wrong = float(held.contains(outside).mean())
    assert 0.6 * rate < wrong < 1.1 * rate + 1e-4
    assert wrong == pytest.approx(held.false_positive_rate, rel=0.2)
    one_by_one = [held.contains_one(each) for each in outside[:3000].tolist()]
    assert one_by_one == held.contains(outside[:3000]).tolist()


def test_a_growing_filter_takes_its_bytes_in_three_steps() -> None:
    grows = GrowingFilter(160_000, 0.01)
    sizes = []

    for seed in range(60):
        grows.add(random_hashes(3000, seed))
        sizes.append(sum(len(part.bits) for part in grows.parts))

    assert sorted(set(sizes)) == [10_000, 40_000, 160_000]
    for seed in range(60):
        assert grows.contains(random_hashes(3000, seed)).all()


@pytest.mark.parametrize("timed", [False, True])
def test_a_hash_table_holds_what_a_dict_holds(*, timed: bool) -> None:
    table, model = HashTable(timed=timed), dict[int, int]()

    for seed in range(20):
        hashes = np.unique(random_hashes(500, seed)) | np.uint64(0xFFFF << 20)  # many fall on the same places
        hashes = np.unique(hashes)
        hashes = hashes[table.find(hashes) < 0]
        times = np.arange(len(hashes), dtype=np.int64) + seed
        if seed % 2:
            table.add(hashes, times if timed else None)
        else:
            for each, time in zip(hashes.tolist(), times.tolist(), strict=True):
                table.add_one(each, time)
        model |= dict(zip(hashes.tolist(), times.tolist(), strict=True))
    gone = next(iter(model))
    table.remove(table.find_one(gone))
    del model[gone]
    if timed:
        table.drop_before(10)
        model = {each: time for each, time in model.items() if time >= 10}

    hashes, kept = table.sorted()
    assert hashes.tolist() == sorted(model)
    assert len(table) == len(model)
    assert (
        kept is None
        if not timed
        else kept is not None and kept.tolist() == [model[each] for each in sorted(model)]
    )
    assert all(table.find_one(each) >= 0 for each in model)
    assert table.find_one(gone) < 0


def test_a_hash_is_the_same_in_every_process_and_differs_by_seed_and_type() -> None:
    keys = ["a", "\ud800", *map(key_of, (1, "1", 1.0, True, (1, "a"), None, ""))]

    hashes = hash_keys(keys, bytes(16))

    assert hashes.tolist() == [hash_key(key, bytes(16)) for key in keys]
    assert hashes.tolist()[:3] == [14250148980241042346, 17472168310318035224, 5926931043130427529]
    assert len(set(hashes.tolist())) == len(keys)
    assert not set(hashes.tolist()) & set(hash_keys(keys, bytes([1] * 16)).tolist())
