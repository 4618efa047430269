"""Whatever plan PostgreSQL chooses for the statements of an analysis, its result is one."""

from typing import Any

import pytest
from tests.integration.analyses.every import Case, add_layer, bits, every, quads

from geocrew.datasets import ticks
from geocrew.db import Connection

# As for large tables, which cost enough to be read by several processes.
PARALLEL = {
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "0",
    "min_parallel_index_scan_size": "0",
    "max_parallel_workers_per_gather": "2",
}


@pytest.mark.parametrize("mode", ["static", "materialized_view"])
@every
def test_several_processes_tell_and_find_the_same(
    connection: Connection, case: Case, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a statement writes, a function that asks for a setting may fail in its parallel plan."""
    monkeypatch.setattr(ticks, "_EACH", 1)
    source, other = (
        add_layer(connection, shapes, table)
        for table, shapes in (("features", quads(3, 34)), ("others", quads(4, 8)))
    )
    alone: Any = case.run(connection, source, other, output_mode=mode)
    for name, value in PARALLEL.items():
        connection.execute(f"SET {name} = {value}".encode())
    try:
        together = case.run(connection, source, other, output_mode=mode)
    finally:
        for name in PARALLEL:
            connection.execute(f"RESET {name}".encode())
    assert bits(together) == bits(alone)
    assert together.counts == alone.counts
    told = [{step for _, step in run.context.steps} for run in (alone, together)]
    assert told[0] == told[1]
    shares = [share for share, _ in together.context.steps]
    assert shares == sorted(shares)
