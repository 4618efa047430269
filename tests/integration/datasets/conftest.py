"""Short ways to import a file and to look at what came of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from geocrew.datasets import catalog, gdal
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.importer import import_file
from geocrew.db import Connection

# Before geopandas loads pyogrio with every driver it has.
gdal.vector()
gdal.raster()

Take = Callable[..., Dataset]


@pytest.fixture
def raster_dir(tmp_path: Path) -> Path:
    return tmp_path / "rasters"


@pytest.fixture
def take(connection: Connection, raster_dir: Path) -> Take:
    """Import a file; the catalog must have what import_file said."""

    def run(path: Path, **options: Any) -> Dataset:
        told = import_file(connection, path, raster_dir=raster_dir, **options)
        assert catalog.get(connection, told.id) == told
        return told

    return run


Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def rows(connection: Connection) -> Rows:
    """Return the rows of a dataset by id; `columns` are SQL."""

    def run(dataset: Dataset, columns: str = "*") -> list[tuple[Any, ...]]:
        query = sql.SQL("SELECT {} FROM {} ORDER BY id").format(
            sql.SQL(columns),
            sql.Identifier(str(dataset.schema_name), str(dataset.table_name)),
        )
        return connection.execute(query).fetchall()

    return run


@pytest.fixture
def leftovers(connection: Connection, raster_dir: Path) -> Callable[[], list[str]]:
    """List tables, catalog rows and raster files that an import could have left."""

    def run() -> list[str]:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE tablename LIKE 'spatial\\_data\\_%'"
        ).fetchall()
        datasets = connection.execute("SELECT 'dataset ' || id FROM geocrew.datasets").fetchall()
        files = [each.name for each in raster_dir.iterdir()] if raster_dir.exists() else []
        return [each for (each,) in tables + datasets] + files

    return run
