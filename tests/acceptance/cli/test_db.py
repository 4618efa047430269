"""The private database, and the prompt in any."""

import os
import subprocess
import sys

import pytest
from tests.acceptance.cli.command import Command

from geocrew.cli.address import parts_of, split_password


def test_the_private_database_from_start_to_stop(private: Command) -> None:
    assert private("db", "status", "--json").document["state"] == "absent"
    url = private("db", "start", "--json").document["url"]
    again = private("db", "start", GEOCREW_DATABASE_URL="host=elsewhere")
    assert again.code == 0
    assert url in again.out
    assert "GEOCREW_DATABASE_URL is set" in again.err
    assert private("db", "url", GEOCREW_DATABASE_URL="").out == f"{url}\n"
    assert private("jobs", "list").code == 78
    assert "0001_queue" in private("db", "migrate").out
    assert private("jobs", "list", "--json").document == []
    assert private("db", "stop").code == 0
    assert private("db", "status", "--json").document["state"] == "stopped"


def test_shell_is_psql_in_the_database(geocrew: Command) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "geocrew.cli.main", "db", "shell"],
        env=geocrew.environment,
        input="SELECT 'jobs: ' || count(*) FROM background_jobs",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "jobs: 0" in done.stdout


def test_shell_without_psql_says_so(geocrew: Command) -> None:
    answer = geocrew("db", "shell", PATH=os.fspath(geocrew.directory))
    assert answer.code == 78
    assert "psql is not installed" in answer.err


@pytest.mark.parametrize(
    "address",
    ["postgresql://me:s%40cret@db:5433/gis", "host=db port=5433 user=me dbname=gis password=s@cret"],
)
def test_a_password_is_taken_out_of_the_address(address: str) -> None:
    rest, password = split_password(address)
    assert password == "s@cret"  # noqa: S105 (of nobody)
    assert "cret" not in rest
    expected = {"host": "db", "port": "5433", "database": "gis", "user": "me"}
    assert parts_of(rest) == parts_of(address) == expected
