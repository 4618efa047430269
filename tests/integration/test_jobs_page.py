"""docs/jobs.md and the database say the same."""

import re
from pathlib import Path

from geocrew.db import Connection
from geocrew.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text("utf-8")


def test_every_column_is_told(connection: Connection) -> None:
    table = PAGE.split("\n## Columns\n")[1].split("\n## ")[0]
    told = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", table, re.MULTILINE)))
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'background_jobs'::regclass"
        " AND attnum > 0 AND NOT attisdropped"
    ).fetchall()
    assert sorted(told) == sorted(name for (name,) in found)


def test_the_insert_is_a_full_enqueue(connection: Connection) -> None:
    (insert,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    connection.execute(insert.encode())
    row = connection.execute(
        "SELECT job_type, status, user_id, attempt, max_attempts FROM background_jobs"
    ).fetchone()
    assert row == ("hotspot_analysis", "queued", 1, 0, 5)
    assert "may be (5)" in PAGE


def test_the_diagram_has_the_moves_that_the_trigger_lets_pass(connection: Connection) -> None:
    drawn = re.findall(r"^ +(\w+) --> (\w+):", PAGE, re.MULTILINE)
    ((body,),) = connection.execute(
        "SELECT prosrc FROM pg_proc WHERE oid = 'geocrew.check_job_transition'::regproc"
    ).fetchall()
    assert sorted(drawn) == sorted(re.findall(r"\('(\w+)', '(\w+)'\)", body))


def test_the_numbers_are_the_defaults() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    for words in (
        f"the lease is {defaults['lease_seconds']:g} seconds",
        f"ones every {defaults['sweep_seconds']:g} seconds",
        f"lets a worker's jobs finish ({defaults['drain_seconds']:g} seconds)",
    ):
        assert words in " ".join(PAGE.split())
