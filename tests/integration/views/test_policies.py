"""Tables of which policies (row level security) hide rows."""

import pytest
from tests.run_analysis import run_analysis

from geocrew.db import Connection


@pytest.mark.parametrize("materialized", [False, True])
def test_policies_that_hide_rows_from_the_role_are_told(
    connection: Connection, spots: int, materialized: bool
) -> None:
    """It looks at the rows as a role for which no policy may have been made."""
    given = {
        "source_dataset_id": spots,
        "query": "SELECT id, geom FROM spots",
        "materialized": materialized,
    }
    assert "policies" not in str(run_analysis(connection, "create_view", given).counts)
    connection.execute("ALTER TABLE spots ENABLE ROW LEVEL SECURITY")
    run = run_analysis(connection, "create_view", given)
    assert run.dataset.row_count == 0
    assert len(run.rows()) == (0 if materialized else 5)
    begins = "the view holds the rows" if materialized else "counts are of the rows"
    assert run.counts["notes"][0].startswith(f"{begins} that the policies (row level security) of ")
    assert '"public"."spots" let geocrew_views see' in run.counts["notes"][0]
