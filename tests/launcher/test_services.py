"""The two services for tests and tools: `with services.running(…)`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from crm.launcher import homes, machine, services
from crm.launcher.errors import CannotStart

from .installation import REPOSITORY, open_folder, wait_until

STARTS_AND_DIES = """
import os, signal, sys
from pathlib import Path
from crm.launcher import services
with services.running(Path(sys.argv[1]), durable=False):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = open_folder()
    yield folder / "home"
    shutil.rmtree(folder)


def test_both_answer_at_their_addresses_and_are_gone_after_the_block(home: Path):
    with services.running(home, durable=False) as (database_url, redis_url):
        assert redis.from_url(redis_url).ping()
        with psycopg.connect(database_url) as connection:
            place = Path(connection.execute("SHOW data_directory").fetchone()[0])
            # Letters of all languages sort and fold, whatever the machine's locale.
            row = connection.execute("SELECT lower('É'), '熟' > '客', current_setting('timezone')")
            assert row.fetchone() == ("é", True, "UTC")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database_url)
    assert not place.exists()


def test_durable_services_keep_what_was_written_and_have_their_share_of_memory(home: Path):
    with services.running(home, durable=True) as (database_url, redis_url):
        redis.from_url(redis_url).set("kept", "yes")
        with psycopg.connect(database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT current_setting('fsync') AS fsync")
    with services.running(home, durable=True) as (database_url, redis_url):
        assert redis.from_url(redis_url).get("kept") == b"yes"
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT fsync FROM kept").fetchone() == ("on",)
            given = machine.for_postgres(machine.memory(), machine.processors())
            names = connection.execute(
                "SELECT name, pg_size_bytes(current_setting(name)) = pg_size_bytes(said) "
                "FROM unnest(%s::text[], %s::text[]) AS s (name, said)",
                [list(given), list(given.values())],
            )
            assert dict(names.fetchall()) == dict.fromkeys(given, True)


def test_a_home_in_use_is_refused(home: Path):
    with (
        homes.occupy(home, os.getpid()),
        pytest.raises(CannotStart, match="already running"),
        services.running(home, durable=False),
    ):
        pass


def test_a_home_with_a_long_name_works(home: Path):
    long = home / ("long-" * 24)
    with services.running(long, durable=False) as (database_url, redis_url):
        assert redis.from_url(redis_url).ping()
        psycopg.connect(database_url).close()


def test_they_end_with_the_process_that_started_them_however_it_ends(home: Path):
    subprocess.run([sys.executable, "-c", STARTS_AND_DIES, str(home)], cwd=REPOSITORY)
    wait_until(lambda: not any(str(home) in line for line in _command_lines()))
    with services.running(home, durable=False) as (database_url, _):
        psycopg.connect(database_url).close()


def test_data_of_another_version_is_refused_with_the_way_out(home: Path):
    with services.running(home, durable=True):
        pass
    (home / "postgres" / "data" / "PG_VERSION").write_text("15\n")
    with (
        pytest.raises(CannotStart, match=r"written by PostgreSQL 15; .*pg_dump"),
        services.running(home, durable=True),
    ):
        pass


def _command_lines() -> list[str]:
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return listing.stdout.splitlines()
