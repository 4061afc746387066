from __future__ import annotations

import random
import threading
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.eventstorage.postgres.events import counts, row, rows, store

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.columns import ARRAY_COLUMNS, SCALAR_COLUMNS
from tocsin.eventstorage.idea.model import LONGEST_TEXT
from tocsin.eventstorage.postgres import PostgresBackend, partitions
from tocsin.eventstorage.postgres.known import Known, Learned
from tocsin.eventstorage.row import AddressBlock, EventRow
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from tests.conftest import SteppingClock

_numbers = count()
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_TEXTS = st.lists(_TEXT, max_size=6, unique=True).map(tuple)
_PORTS = st.lists(st.integers(0, 65535), max_size=6, unique=True).map(tuple)
_BLOCKS = st.lists(
    st.builds(
        lambda role, family, number: AddressBlock(role, family, number, number),
        st.integers(0, 1), st.just(4), st.integers(0, 2**32 - 1),
    )
    | st.builds(
        lambda role, number, bits: AddressBlock(role, 6, number << bits, ((number + 1) << bits) - 1),
        st.integers(0, 1), st.integers(0, 2**32 - 1), st.integers(0, 96),
    ),
    max_size=5, unique=True,
).map(tuple)  # fmt: skip
_ROWS = st.builds(
    EventRow,
    id=st.just(""),
    detecttime=st.none() | st.integers(-(10**15), 10**16),
    category=_TEXTS, description=st.none() | _TEXT, source_ip=_TEXTS, target_ip=_TEXTS, source_host=_TEXTS,
    target_host=_TEXTS, source_port=_PORTS, target_port=_PORTS, source_type=_TEXTS, target_type=_TEXTS,
    protocol=_TEXTS, node_name=_TEXTS, node_type=_TEXTS, resolvedabuses=_TEXTS, eventclass=st.none() | _TEXT,
    eventseverity=st.none() | _TEXT, inspectionerrors=_TEXTS, blocks=_BLOCKS,
    hosts=st.lists(st.tuples(st.integers(0, 1), _TEXT), max_size=4, unique=True).map(tuple),
    words=st.lists(st.from_regex(r"[a-z0-9_]{1,9}", fullmatch=True), max_size=9).map(" ".join),
    message=st.binary(max_size=200),
)  # fmt: skip


def stored(backend: PostgresBackend, ident: str) -> dict[str, Any]:
    """Read an event back from all its tables, without its number."""
    session = backend.session()
    columns = ("detecttime", "storagetime", *SCALAR_COLUMNS, *ARRAY_COLUMNS, "words::text")
    [found] = session.execute(f"SELECT seq, {', '.join(columns)} FROM events WHERE id = %s", (ident,))
    whole = dict(zip(columns, found[1:], strict=True))
    for table, column in (
        ("event_messages", "message"),
        ("event_ip", "role, low, high"),
        ("event_host", "role, name"),
        ("event_port", "role, port"),
    ):
        whole[table] = session.execute(
            f"SELECT {column} FROM {table} WHERE seq = %s ORDER BY {column}", (found[0],)
        )
    whole["event_ids"] = session.execute("SELECT storagetime FROM event_ids WHERE seq = %s", (found[0],))
    return whole


@given(one=_ROWS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_event_alone_is_stored_as_one_of_many(backend: PostgresBackend, one: EventRow) -> None:
    one = one._replace(id=str(next(_numbers)))  # the examples share a store
    others = [one._replace(id=f"{one.id} {number}") for number in range(4)]
    store(backend, [one._replace(id=f"{one.id} first")], others, [one])

    alone, among_many = stored(backend, one.id), stored(backend, others[1].id)

    assert alone == among_many
    assert alone["event_messages"] == [(one.message,)]
    assert [tuple(alone[name]) for name in ARRAY_COLUMNS] == [getattr(one, name) for name in ARRAY_COLUMNS]
    assert [alone[name] for name in SCALAR_COLUMNS] == [getattr(one, name) for name in SCALAR_COLUMNS]
    assert [
        (role, low.version, int(low), int(high)) for role, low, high in alone["event_ip"]
    ] == sorted(one.blocks)  # fmt: skip
    microseconds = (alone["detecttime"] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert one.detecttime in (None, microseconds)


def test_a_batch_tells_what_is_new_and_what_comes_twice(backend: PostgresBackend) -> None:
    verdicts = store(backend, rows(1, 5), [*rows(4, 8), row("8"), row("6")], [row("9")], [row("9")])

    assert verdicts == [[True] * 5, [False, False, True, True, True, False, False], [True], [False]]
    assert counts(backend.session()) == dict.fromkeys(counts(backend.session()), 9)


def test_the_longest_texts_fit_into_the_indexes(backend: PostgresBackend) -> None:
    letters = random.Random(0)  # noqa: S311 - so that nothing can be compressed
    long = "".join(chr(letters.randrange(0x10000, 0x20000)) for _ in range(LONGEST_TEXT))
    content = {
        "Category": [long, long[:-1] + "x"],
        "Source": [{"Hostname": [long[:255]], "Type": [long]}],
        "Node": [{"Name": long}],
        "_Tocsin": {"EventClass": long, "EventSeverity": long, "ResolvedAbuses": [long]},
        "Description": long * 100,
        "ID": long[:255],
    }
    store(backend, [row("many", **content), row("x"), row("y")], [row("one", **{**content, "ID": "one"})])
    session = backend.session()

    assert session.execute("SELECT count(*) FROM events WHERE category && %s::text[]", ([long],)) == [(2,)]
    assert session.execute("SELECT count(*) FROM events WHERE eventclass = %s", (long,)) == [(2,)]


def test_as_many_words_as_there_may_be_fit(backend: PostgresBackend) -> None:
    words = " ".join(f"{number:0100d}" for number in range(10_000))

    store(backend, [row("1")._replace(words=words)], [row("2")._replace(words=words)])

    assert backend.session().execute(
        "SELECT count(*) FROM events WHERE words @@ %s::tsquery", ("0" * 100,)
    ) == [(2,)]


def test_months_have_partitions_from_their_first_to_their_last_instant(
    backend: PostgresBackend, clock: SteppingClock
) -> None:
    instants = [
        datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    ]
    for number, instant in enumerate(instants):
        clock.time = instant
        store(backend, [row(str(number))], rows(10 * number + 10, 10 * number + 12))

    session = backend.session()
    found = session.execute(
        "SELECT tableoid::regclass::text, id::int FROM events WHERE id::int < 10 ORDER BY 2"
    )
    months = ["202602", "202603", "202603", "202612", "202701"]
    assert found == [(f"events_{month}", number) for number, month in enumerate(months)]
    assert [tuple(one) for one in session.work(partitions.existing)] == [
        (date(2026, 2, 1),), (date(2026, 3, 1),), (date(2026, 4, 1),), (date(2026, 12, 1),),
        (date(2027, 1, 1),), (date(2027, 2, 1),),
    ]  # fmt: skip


def test_events_that_come_one_by_one_find_a_partition_in_every_month(
    backend: PostgresBackend, postgres_database: str
) -> None:
    assert store(backend, rows(1, 3)) == [[True] * 3]
    with EventStorageService(url=postgres_database) as service, service.cursor_new() as cursor:
        service.insert_events([message(str(number)) for number in range(4, 8)])
        for month in range(1, 5):
            with psycopg.connect(postgres_database, options="-c timezone=UTC") as administrator:
                administrator.execute(
                    "UPDATE event_store SET last_storagetime = date_trunc('month', last_storagetime) "
                    "+ interval '1 month'"
                )
            cursor.insert_event(message(f"month {month}"))  # nothing tries again here
            cursor.commit()
        assert service.count_events() == 11


def test_what_another_thread_forgets_meanwhile_is_looked_at_once() -> None:
    class Forgetful(Known):
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if name == "_now":
                object.__setattr__(self, name, None)
            return value

    known, month = Forgetful(), date(2026, 3, 1)
    known.learn(Learned(1, month, {month}))

    assert known.has_partition(datetime(2026, 3, 9, tzinfo=UTC))


def test_a_clock_that_goes_back_does_not_reorder_what_is_stored(
    backend: PostgresBackend, clock: SteppingClock
) -> None:
    store(backend, rows(1, 3))
    clock.advance(timedelta(days=-30))
    store(backend, rows(4, 6), [row("7")])

    times = backend.session().execute("SELECT storagetime FROM events ORDER BY seq")
    assert set(times) == {(datetime(2026, 3, 1, 12, 0, tzinfo=UTC),)}


def test_writers_that_meet_at_the_begin_of_a_month_make_its_partition_once(
    postgres_database: str, clock: SteppingClock
) -> None:
    backends = [PostgresBackend({"conninfo": postgres_database}, clock=clock) for _ in range(4)]
    backends[0].create()
    barrier = threading.Barrier(len(backends))

    def write(place: int) -> None:
        barrier.wait()
        store(backends[place], rows(100 * place, 100 * place + 20), [row(f"last {place}")])

    for _ in range(2):
        threads = [threading.Thread(target=write, args=(place,)) for place in range(len(backends))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clock.advance(timedelta(days=62))

    [(events,)] = backends[0].session().execute("SELECT count(*) FROM events")
    assert events == 4 * 22
    for backend in backends:
        backend.close()


def test_what_is_committed_later_has_larger_numbers_without_exception(backend: PostgresBackend) -> None:
    first, second = backend.session(), backend.session()
    first.insert_rows(rows(1, 3))
    done = threading.Event()

    def write() -> None:
        second.insert_rows(rows(4, 6))
        second.commit()
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    reader = backend.session()
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while reader.execute(waiting) != [(1,)]:
        assert not done.is_set()
    first.insert_rows(rows(7, 9))
    first.commit()
    thread.join()

    seqs: dict[int, int] = dict(reader.execute("SELECT id::int, seq FROM events"))
    assert max(seqs[one] for one in (1, 2, 3, 7, 8, 9)) < min(seqs[one] for one in (4, 5, 6))


def test_what_was_rolled_back_is_not_taken_for_known(backend: PostgresBackend) -> None:
    session = backend.session()
    session.insert_rows(rows(1, 5))
    session.rollback()

    session.insert_rows([row("1")])
    session.commit()
    session.insert_rows([row("2", Category=["Other"])])
    session.rollback()
    session.insert_rows([row("2", Category=["Other"])])
    session.commit()

    values = session.execute("SELECT value FROM event_values WHERE name = 'category' ORDER BY value")
    assert values == [("Other",), ("Recon.Scanning",)]


def test_tables_made_anew_by_another_process_are_noticed(
    service: EventStorageService, postgres_database: str
) -> None:
    service.insert_events([message(str(number)) for number in range(5)])
    service.insert_event(message("6"))
    with EventStorageService(url=postgres_database) as other:
        other.database_drop()
        other.database_create()

    service.insert_event(message("6"))
    service.insert_events([message(str(number)) for number in range(5)])

    assert service.count_events() == 6
    assert service.distinct_values("category") == ["Recon.Scanning"]
