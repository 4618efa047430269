"""Names of fields and layers: whatever a file holds arrives, once, and nothing is run."""

import json
from pathlib import Path

import geopandas
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from pyarrow import parquet
from shapely import to_wkb
from shapely.geometry import Point
from tests.integration.datasets.conftest import Rows, Take

from geocrew.datasets import catalog
from geocrew.datasets.importer import import_file
from geocrew.db import Connection

GEO = {
    "geo": json.dumps({"version": "1.1.0", "primary_column": "§", "columns": {"§": {"encoding": "WKB"}}})
}
HARD = [
    '"',
    "'",
    ";",
    '"; DROP TABLE geocrew.datasets; --',
    "select",
    "User",
    "ID",
    "id",
    "geom",
    "xmin",
    "ctid",
    "%s",
    "{}",
    "a" * 63,
    "a" * 64,
    "é" * 40,
    "",
    " ",
    "\\",
    "$1",
    ":x",
    "漢字",
    "id_1",
    "\u202e",
]
NAMES = st.lists(
    st.sampled_from(HARD) | st.text(st.characters(codec="utf-8", exclude_characters="§"), max_size=70),
    min_size=1,
    max_size=12,
)


def write(path: Path, names: list[str]) -> None:
    arrays = [pa.array([position]) for position, _ in enumerate(names)]
    table = pa.Table.from_arrays([*arrays, pa.array([to_wkb(Point(1, 2))])], names=[*names, "§"])
    parquet.write_table(table.replace_schema_metadata(GEO), path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES)
def test_every_field_arrives_under_one_name(
    names: list[str], tmp_path: Path, raster_dir: Path, connection: Connection
) -> None:
    write(tmp_path / "x.parquet", names)
    dataset = import_file(connection, tmp_path / "x.parquet", raster_dir=raster_dir)
    with connection.cursor() as cursor:
        row = cursor.execute(
            sql.SQL("SELECT * FROM {}").format(sql.Identifier(str(dataset.table_name)))
        ).fetchone()
        assert row is not None
        assert row[:-1] == (1, *range(len(names)))
        columns = [each.name for each in cursor.description or ()]
    for column, name in zip(columns[1:-1], names, strict=True):
        assert column == name or dataset.source["renamed"][column] == name.replace("\0", "")
    assert connection.execute("SELECT count(*) > 0 FROM geocrew.datasets").fetchone() == (True,)


def test_clashing_names_are_changed_and_said(tmp_path: Path, take: Take) -> None:
    write(tmp_path / "x.parquet", ["id", "geom", "a", "a", "id_1", "a" * 70])
    source = take(tmp_path / "x.parquet").source
    assert source["renamed"] == {
        "id_1": "id",
        "geom_1": "geom",
        "a_1": "a",
        "id_1_1": "id_1",
        "a" * 63: "a" * 70,
    }
    assert 'fields renamed: "id" is now "id_1", "geom" is now "geom_1"' in source["notes"][0]


def test_layers_with_hard_names(tmp_path: Path, take: Take) -> None:
    path = tmp_path / "x.gpkg"
    frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[Point(0, 0)], crs=4326)
    layers = ["a'", "a;b", "select", "漢字", "x" * 100, "a b"]
    for each in layers:
        frame.to_file(path, layer=each)
    for each in layers:
        assert take(path, layer=each).name == each


def test_fields_that_differ_in_case(tmp_path: Path, take: Take, rows: Rows) -> None:
    feature = {"type": "Feature", "geometry": None, "properties": {"Name": "A", "name": "b", "NAME": 3}}
    (tmp_path / "x.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert rows(take(tmp_path / "x.geojson"), '"Name", name, "NAME"') == [("A", "b", 3)]


def test_indexes_whose_names_are_taken_are_numbered(
    tmp_path: Path, take: Take, connection: Connection
) -> None:
    """A table that was renamed keeps the names of its indexes."""
    (tmp_path / "a.csv").write_text("x,y\n1,2\n", "utf-8")
    number = catalog.reserve(connection, "spent") + 1
    table = f"spatial_data_{number}"
    connection.execute(
        f"CREATE TABLE renamed (id int CONSTRAINT {table}_pkey PRIMARY KEY, geom geometry);"
        f"CREATE INDEX {table}_geom ON renamed USING gist (geom);"
    )
    assert take(tmp_path / "a.csv").id == number
    names = "SELECT indexname::text FROM pg_indexes WHERE tablename = %s ORDER BY 1"
    found = connection.execute(names, (table,)).fetchall()
    assert found == [(f"{table}_geom_1",), (f"{table}_pkey_1",)]
