"""Workers for a test, and the table in which test jobs note that they began."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from geocrew.db import Connection
from tests.worker.processes import Workers


@pytest.fixture
def workers(database: str, connection: Connection, tmp_path: Path) -> Iterator[Workers]:
    connection.execute("CREATE TABLE public.starts (job_id bigint)")
    made = Workers(database, tmp_path)
    yield made
    made.stop_all()
