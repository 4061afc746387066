"""The commands for events on a real PostgreSQL server: the same answers, and searches that can be ended."""

from __future__ import annotations

import gzip
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_events import event
from tocsin.errors import QueryCanceledException
from tocsin.eventstorage.service import EventStorageService
from tocsin.runtime.events.store import open_event_store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


def answers(cli: Cli, store: tuple[str, ...]) -> list[Any]:
    """Give what the commands say of a store, without what is its own."""
    questions = (
        ["count", "--source", "10.0.0.2-10.0.0.4"],
        ["search", "--target", ".example.org", "--limit", "4"],
        ["search", "--text", "scanning", "--sort", "detecttime.asc"],
        ["search", "--not-category", "Recon.Scanning"],
        ["top", "--by", "source-port", "--limit", "3"],
        ["timeline", "--by", "category"],
    )
    said: list[Any] = [cli("events", *options, *store, "--json").json for options in questions]
    said.append(cli("events", "export", *store).out)
    said.append(cli("events", "search", *store).out)
    return said


def test_a_server_and_a_file_give_the_same_answers(cli: Cli, tmp_path: Path, postgres_database: str) -> None:
    lines = "".join(json.dumps(event(number)) + "\n" for number in range(1, 11))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(f"{lines}broken\n".encode()))
    places = ("--store", "file.db"), ("--store", postgres_database)

    for store in places:
        first = cli("events", "import", "a.jsonl.gz", *store, "--json").json
        again = cli("events", "import", "a.jsonl.gz", *store, "--json").json
        assert (first["new"], first["duplicate"], first["rejected"]) == (10, 0, 1)
        assert (again["new"], again["duplicate"], again["rejected"]) == (0, 10, 1)
    of_file, of_server = (answers(cli, store) for store in places)

    assert of_server == of_file
    server = places[1]
    assert cli("events", "stats", *server, "--json").json["tables"]["events"]["rows"] is not None
    assert cli("events", "watchdog", *server).out == "events were stored within 1h\n"
    assert cli("events", "delete", "--id", "e1", "--yes", *server).out == "1 event deleted\n"
    assert cli("events", "retention", "--older-than", "1d", *server).out == "0 events deleted\n"
    assert cli("events", "count", *server).out == "9 events\n"


def test_a_project_whose_memory_is_a_server_has_its_events_there(
    cli: Cli, tmp_path: Path, postgres_database: str
) -> None:
    cli("init", "shop")
    (tmp_path / "shop" / "profiles.yml").write_text(
        f"profiles:\n  server:\n    type: postgres\n    url: {postgres_database}\ndefault_profile: server\n"
    )
    (tmp_path / "a.json").write_text(json.dumps([event(1), event(2)]))

    cli("events", "import", "a.json", "-p", "shop", "--profile", "server")

    assert cli("events", "count", "-p", "shop", "--profile", "server").out == "2 events\n"
    with EventStorageService(url=postgres_database) as service:
        assert service.count_events() == 2


def test_a_running_search_is_listed_and_ended_by_its_name(cli: Cli, postgres_database: str) -> None:
    ended: list[Exception] = []
    with open_event_store(postgres_database, create=True) as service:
        service.insert_events(event(number, ID=f"x{number}") for number in range(1, 11))

        def wait() -> None:
            session = service._session()
            try:
                with session.named("slow.one:1", None):
                    session.execute("SELECT pg_sleep(60)")
            except QueryCanceledException as error:
                ended.append(error)
            finally:
                session.rollback()

        searcher = threading.Thread(target=wait)
        searcher.start()
        while "slow.one:1" not in service.queries_status():
            assert searcher.is_alive()

        listed = cli("events", "queries", "--store", postgres_database, "--json").json["queries"]
        table = cli("events", "queries", "--store", postgres_database).out
        missing = cli("events", "cancel", "other", "--store", postgres_database, code=1).out
        canceled = cli("events", "cancel", "slow.one:1", "--store", postgres_database).out
        searcher.join(30)

    assert [one["query_name"] for one in listed] == ["slow.one:1"]
    assert "slow.one:1" in table
    assert missing == "no query other is running\n"
    assert canceled == "slow.one:1 was told to end\n"
    assert len(ended) == 1


@pytest.mark.parametrize(
    ("store", "code"),
    [
        ("postgresql://u:geheim@127.0.0.1:1/x", 1),
        ("postgresql://u:geheim\u2100@127.0.0.1:1/x", 2),
        ("postgresql://u:geheim@[::bad/x", 2),
        ("postgresql://u:geheim#1/2@127.0.0.1:1/x", 2),
        ("postgresql://u:2/geheim@127.0.0.1:1/x", 2),
        ("postgresql://u:2?geheim@127.0.0.1:1/x", 1),
        ("postgres:u:geheim@127.0.0.1", 2),
        ("postgres:/u:geheim@127.0.0.1", 2),
    ],
)
def test_no_connection_is_one_sentence_without_the_password(cli: Cli, store: str, code: int) -> None:
    said = cli("events", "import", "--store", store, "-", code=code)

    assert "geheim" not in said.err
    assert said.error


@pytest.mark.data
@pytest.mark.slow
def test_the_public_alerts_give_the_same_rows_on_both(
    cli: Cli, data_dir: Path, postgres_database: str
) -> None:
    source = str(data_dir / "alerts" / "russellmitchell_alerts.csv.gz")
    places = ("--store", "file.db"), ("--store", postgres_database)

    for store in places:
        assert cli("events", "import", source, *store, "--no-text-index", "--json").json["new"] == 45_544
    window = ("--target", "172.19.130.0/24", "--from", "2022-01-22", "--to", "2022-01-23T12:00")
    found = [cli("events", "search", *window, *store, "--limit", "500", "--json").json for store in places]

    assert found[0] == found[1]
    assert found[0]["count"] > 100


def test_a_connection_string_makes_no_file_with_a_password_in_its_name(cli: Cli, tmp_path: Path) -> None:
    said = cli("events", "import", "--store", "host=127.0.0.1 password=geheim", "-", code=2)

    assert "geheim" not in said.err
    assert "postgresql://" in said.err
    assert not list(tmp_path.glob("*geheim*"))
