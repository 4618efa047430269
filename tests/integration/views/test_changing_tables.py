"""Tables that are others before the view of them is made."""

from typing import LiteralString

import pytest
from tests.integration.analyses.changes import changed_at
from tests.run_analysis import run_analysis

from geocrew.db import Connection
from geocrew.errors import SourceChanged


@pytest.mark.parametrize("materialized", [False, True])
@pytest.mark.parametrize("step", ["planning the query", "looking at its rows", "making the view"])
@pytest.mark.parametrize(
    "statement", ["DROP TABLE spots CASCADE", "ALTER TABLE spots DROP COLUMN value CASCADE"]
)
def test_a_table_that_changes_meanwhile_is_told(
    database: str,
    connection: Connection,
    spots: int,
    statement: LiteralString,
    step: str,
    materialized: bool,
) -> None:
    """Not with the name of a view in the workshop, nor as a mistake of the query."""
    given = {"source_dataset_id": spots, "columns": ["value"], "materialized": materialized}
    change = changed_at(database, connection, step, statement)
    with pytest.raises(SourceChanged, match=f"dataset {spots} was changed while the job was reading"):
        run_analysis(connection, "create_view", given, on_progress=change)
    left = "SELECT FROM pg_class WHERE relnamespace = 'geocrew_staging'::regnamespace"
    assert connection.execute(left).rowcount == 0
