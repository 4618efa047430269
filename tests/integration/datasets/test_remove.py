"""Dropping: what is ours goes with its row, what is not stays."""

from pathlib import Path

import geopandas
import pytest
from psycopg import sql
from shapely.geometry import Point
from tests.integration.datasets.conftest import Take

from geocrew.datasets import catalog
from geocrew.datasets.registry import register
from geocrew.datasets.remove import drop
from geocrew.db import Connection
from geocrew.errors import UserError


def exists(connection: Connection, relation: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [relation]).fetchone()
    return bool(row and row[0])


def test_an_imported_table_goes(tmp_path: Path, take: Take, connection: Connection) -> None:
    geopandas.GeoDataFrame(geometry=[Point(0, 0)], crs=4326).to_parquet(tmp_path / "x.parquet")
    dataset = take(tmp_path / "x.parquet")
    assert exists(connection, str(dataset.table_name))
    drop(connection, dataset, tmp_path)
    assert not exists(connection, str(dataset.table_name))
    assert catalog.listed(connection) == []


def test_a_registered_table_stays(tmp_path: Path, connection: Connection) -> None:
    connection.execute("CREATE TABLE t (geom geometry(Point, 4326))")
    drop(connection, register(connection, "public", "t"), tmp_path)
    assert exists(connection, "t")
    assert catalog.listed(connection) == []


def test_dependants_are_named_and_nothing_goes(
    tmp_path: Path, take: Take, connection: Connection
) -> None:
    geopandas.GeoDataFrame(geometry=[Point(0, 0)], crs=4326).to_parquet(tmp_path / "x.parquet")
    dataset = take(tmp_path / "x.parquet")
    for name in ("seen", "other"):
        connection.execute(
            sql.SQL("CREATE VIEW {} AS SELECT * FROM {}").format(
                sql.Identifier(name), sql.Identifier(str(dataset.table_name))
            )
        )
    view = register(connection, "public", "seen")
    with pytest.raises(UserError) as refused:
        drop(connection, dataset, tmp_path)
    assert str(refused.value) == (
        f'dataset {dataset.id} cannot be dropped: the view "public"."other", dataset {view.id} '
        f'("public"."seen") '
        "are built on it; drop that first"
    )
    assert exists(connection, str(dataset.table_name))
    assert catalog.get(connection, dataset.id) == dataset
