"""Every analysis of features, so that one test can hold them all to the same rule."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import shapely
from psycopg import sql
from psycopg.rows import dict_row
from tests.integration.analyses.layers import add_table
from tests.run_analysis import Row, Run, run_analysis

from geocrew.db import Connection

KNN = {"neighbor_type": "knn", "k_neighbors": 3}
MODES = ["static", "view", "materialized_view"]
BALANCE = ("rows_out", "dropped_outside", "dropped_empty", "dropped_lower_dimension", "failed")
Shapes = list[Any]


@dataclass(frozen=True)
class Case:
    """An analysis: how it calls its dataset and its other one, and the fields that it takes."""

    job_type: str
    source: str = "dataset_id"
    other: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)

    def given(self, source: int, other: int, names: dict[str, str] | None = None) -> dict[str, Any]:
        """Parameters for two datasets; `names`: what `value`, `seen` and `part` are called there."""
        fields = {parameter: (names or {}).get(role, role) for parameter, role in self.fields.items()}
        datasets = {self.source: source} | ({self.other: other} if self.other else {})
        return self.params | fields | datasets

    def run(self, connection: Connection, source: int, other: int, **more: Any) -> Run:
        """Run it on columns `value`, `seen` and `part`."""
        return run_analysis(connection, self.job_type, self.given(source, other) | more)


VALUE = {"value_field": "value"}
TIME = VALUE | {"time_field": "seen"}
CASES: dict[str, Case] = {
    "hotspot": Case("hotspot_analysis", fields=VALUE, params={"distance": 3.0}),
    "hotspot-knn": Case("hotspot_analysis", fields=VALUE, params=KNN),
    "hotspot-queen": Case("hotspot_analysis", fields=VALUE, params={"neighbor_type": "queen"}),
    "hotspot-rook": Case("hotspot_analysis", fields=VALUE, params={"neighbor_type": "rook"}),
    "hotspot-auto": Case("hotspot_analysis", fields=VALUE, params={"distance": "auto"}),
    "outlier": Case("outlier_analysis", fields=VALUE),
    "outlier-mad": Case("outlier_analysis", fields=VALUE, params={"method": "mad"}),
    "moran": Case("outlier_analysis", fields=VALUE, params={"method": "local_moran"} | KNN),
    "moran-queen": Case(
        "outlier_analysis", fields=VALUE, params={"method": "local_moran", "neighbor_type": "queen"}
    ),
    "timeseries": Case(
        "hotspot_timeseries", fields=TIME, params={"time_periods": ["a", "b"], "distance": 3.0}
    ),
    "timeseries-knn": Case("hotspot_timeseries", fields=TIME, params={"time_periods": ["a", "b"]} | KNN),
    "nearest": Case("nearest", "source_dataset_id", "target_dataset_id", params={"limit": 2}),
    "nearest-line": Case(
        "nearest", "source_dataset_id", "target_dataset_id", params={"geometry": "line"}
    ),
    "dissolve": Case(
        "dissolve",
        "source_dataset_id",
        fields={"dissolve_field": "part"},
        params={"aggregation_fields": {"value": ["sum", "avg", "stddev", "median", "first"]}},
    ),
    "clip": Case("clip", other="clip_dataset_id"),
    "erase": Case("erase_analysis", "input_dataset_id", "erase_dataset_id"),
}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def add_layer(
    connection: Connection, shapes: Shapes, table: str, *, order: Any = None, srid: int = 27700
) -> int:
    """Make a dataset of shapes in two periods and three parts, its rows stored in some order."""
    rows = [(i, float(i * i * 7 % 23), each.wkt) for i, each in enumerate(shapes)]
    dataset = add_table(connection, [rows[i] for i in order] if order else rows, table=table, srid=srid)
    # In place, so that the rows stay in the order in which they were stored.
    columns: Any = (
        f"ALTER TABLE {table} ADD part integer GENERATED ALWAYS AS (id % 3) STORED,"
        " ADD seen text GENERATED ALWAYS AS (CASE id % 2 WHEN 0 THEN 'a' ELSE 'b' END) STORED"
    )
    connection.execute(columns)
    return dataset


def bits(run: Run) -> list[Row]:
    """All rows by id, shapes to the last bit."""
    query = sql.SQL("SELECT *, geom::text AS geom FROM {} ORDER BY id").format(run.relation)
    with run.context.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def quads(seed: int, count: int) -> Shapes:
    """Quadrangles near each other, some of which have corners and edges in common, others overlap."""
    rng = np.random.default_rng(seed)
    corners = np.add.outer(np.arange(7.0), np.zeros(7)), np.add.outer(np.zeros(7), np.arange(7.0))
    x, y = (each + rng.uniform(-0.3, 0.3, each.shape) for each in corners)
    cells = [
        shapely.Polygon(
            [(x[i + a, j + b], y[i + a, j + b]) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
        )
        for i in range(6)
        for j in range(6)
    ]
    chosen = rng.choice(36, count - 4, replace=False)
    return [*(cells[each] for each in chosen), *(cells[each] for each in chosen[:2]), *_stars(rng)]


def _stars(rng: np.random.Generator) -> Shapes:
    places = rng.uniform(1, 5, (2, 2))
    return [shapely.Point(each).buffer(1.3, quad_segs=2) for each in places]


def boxes(seed: int, count: int) -> Shapes:
    """Boxes with corners on eighths: sums and differences of their coordinates are exact."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 64, (count, 2)) / 8
    sizes = rng.integers(1, 12, (count, 2)) / 8
    return [shapely.box(*at, *(at + size)) for at, size in zip(corners, sizes, strict=True)]
