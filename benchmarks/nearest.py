"""Cost of nearest, whole, against the tutorial's SQL: CPU of server and client, in one run.

python -m benchmarks.nearest [--sources 10000] [--targets 100000] [--repeats 3]
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from benchmarks.measure import describe_machine
from psycopg import sql
from tests.run_analysis import run_analysis

from geocrew import local
from geocrew.datasets import catalog, registry
from geocrew.db import Connection, connect
from geocrew.schema.migrate import migrate

RESULT = Path(__file__).parent / "results" / "nearest.json"
TICKS = os.sysconf("SC_CLK_TCK")
REACH = 1000.0  # metres; the tutorial needs one that leaves no source without a target

DATA = """
SELECT setseed(0.5);
CREATE TABLE {sources} AS SELECT i::int AS id, {source} AS geom
FROM (SELECT i, random() * {side} AS x, random() * {side} AS y FROM generate_series(1, {n}) AS i) AS p;
CREATE TABLE {targets} AS SELECT i::int AS id, {target} AS geom
FROM (SELECT i, random() * {side} AS x, random() * {side} AS y, random() AS r
      FROM generate_series(1, {m}) AS i) AS p;
ALTER TABLE {sources} ADD PRIMARY KEY (id); ALTER TABLE {targets} ADD PRIMARY KEY (id);
CREATE INDEX ON {sources} USING gist (geom); CREATE INDEX ON {targets} USING gist (geom);
ANALYZE {sources}; ANALYZE {targets};
"""
POINT = "ST_Point(400000 + x, 100000 + y, 27700)::geometry(Point, 27700)"
DEGREES = "ST_Point(5 + x / 78000, 45 + y / 111000, 4326)::geometry(Point, 4326)"
LAKE = (
    "ST_Buffer(ST_Point(400000 + x, 100000 + y, 27700), 20 + 200 * r, 'quad_segs=100')"
    "::geometry(Polygon, 27700)"
)
NAIVE = """
CREATE TABLE {out} AS SELECT row_number() OVER () AS id, * FROM (
    SELECT s.id AS source_id, t.id AS target_id, ST_Distance(s.geom{cast}, t.geom{cast}) AS distance,
        s.geom, row_number() OVER (
            PARTITION BY s.id ORDER BY ST_Distance(s.geom{cast}, t.geom{cast}), t.id
        ) AS rank
    FROM {sources} AS s JOIN {targets} AS t ON ST_DWithin(s.geom{cast}, t.geom{cast}, {reach})
) AS pairs WHERE rank <= {k};
ALTER TABLE {out} ADD PRIMARY KEY (id); CREATE INDEX ON {out} USING gist (geom); ANALYZE {out}
"""


@dataclass(frozen=True)
class Comparison:
    """Medians over the repeats: CPU seconds of server and client, wall seconds; naive over ours."""

    case: str
    limit: int
    sources: int
    targets: int
    cpu: float
    wall: float
    naive_cpu: float
    cpu_ratio: float


def server_cpu(pid: int) -> float:
    """Return the CPU seconds of a backend so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cost(connection: Connection, call: Callable[[], object]) -> tuple[float, float]:
    """Run a call; return CPU seconds of this process and its backend, and wall seconds."""
    pid = connection.info.backend_pid
    cpu, wall = process_time() + server_cpu(pid), perf_counter()
    call()
    return process_time() + server_cpu(pid) - cpu, perf_counter() - wall


def compare(connection: Connection, case: str, n: int, m: int, limit: int, repeats: int) -> Comparison:
    """Run ours and the tutorial's in turn, on data that `case` names."""
    names = {name: sql.Identifier(f"{case}_{name}") for name in ("sources", "targets")}
    cast = sql.SQL("::geography" if case == "degrees" else "")
    found = {each.name: each.id for each in catalog.listed(connection)}
    params = {
        "source_dataset_id": found[f"{case}_sources"],
        "target_dataset_id": found[f"{case}_targets"],
        "limit": limit,
        "max_distance": REACH,
    }
    naive = sql.SQL(NAIVE).format(out=sql.Identifier("naive"), cast=cast, reach=REACH, k=limit, **names)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for _ in range(repeats):
        ours.append(cost(connection, lambda: run_analysis(connection, "nearest", params)))
        theirs.append(cost(connection, lambda: connection.execute(naive)))
        connection.execute("DROP TABLE naive")
    return Comparison(
        case,
        limit,
        n,
        m,
        median(cpu for cpu, _ in ours),
        median(wall for _, wall in ours),
        median(cpu for cpu, _ in theirs),
        median(b[0] / a[0] for a, b in zip(ours, theirs, strict=True)),
    )


def make_data(connection: Connection, case: str, n: int, m: int) -> None:
    """Make seeded sources and targets, a target on 100 m by 100 m each, a lake on 400 m by 400 m."""
    source, target = {
        "points": (POINT, POINT),
        "degrees": (DEGREES, DEGREES),
        "lakes": (POINT, LAKE),
    }[case]
    side = (400 if case == "lakes" else 100) * m**0.5
    connection.execute(
        sql.SQL(DATA).format(
            sources=sql.Identifier(f"{case}_sources"),
            targets=sql.Identifier(f"{case}_targets"),
            source=sql.SQL(source),
            target=sql.SQL(target),
            side=side,
            n=n,
            m=m,
        )
    )
    for table in ("sources", "targets"):
        registry.register(connection, "public", f"{case}_{table}")
    if case == "degrees":  # what the tutorial needs, not counted
        connection.execute("CREATE INDEX ON degrees_targets USING gist ((geom::geography))")


def main() -> None:
    """Run all cases on a server of its own and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=10_000)
    parser.add_argument("--targets", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    directory = Path(tempfile.gettempdir()) / f"geocrew-bench-{os.getpid()}"
    found: list[Comparison] = []
    try:
        with connect(local.start(directory), "bench") as connection:
            migrate(connection)
            connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
            for case, share in (("points", 1), ("degrees", 1), ("lakes", 20)):
                n, m = arguments.sources, arguments.targets // share
                make_data(connection, case, n, m)
                for limit in (1, 5):
                    found.append(compare(connection, case, n, m, limit, arguments.repeats))
                    print(found[-1])
    finally:
        local.stop(directory, "immediate")
        shutil.rmtree(directory)
    result = {
        "machine": asdict(describe_machine("psycopg")),
        "repeats": arguments.repeats,
        "comparisons": [asdict(each) for each in found],
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
