"""A file comes in: one transaction, streamed, typed; nothing is left of an import that failed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from geocrew.datasets import catalog, geopackage, rasters, reference_systems, shapefile
from geocrew.datasets.archive import unpack
from geocrew.datasets.catalog import OPERATOR, Dataset
from geocrew.datasets.csv_file import open_csv
from geocrew.datasets.destination import PUBLIC
from geocrew.datasets.loading import Loading
from geocrew.datasets.parquet import open_parquet
from geocrew.datasets.shelter import SHAPEFILE_PARTS, sheltered
from geocrew.datasets.sniff import Format, recognise
from geocrew.datasets.source import Source
from geocrew.datasets.vector import open_vector
from geocrew.db import Connection
from geocrew.errors import RefusedInput

Progress = Callable[[int], None]


def import_file(
    connection: Connection,
    path: Path,
    *,
    name: str | None = None,
    layer: str | None = None,
    srid: int | None = None,
    x: str | None = None,
    y: str | None = None,
    user_id: int = OPERATOR,
    raster_dir: Path,
    on_progress: Progress | None = None,
) -> Dataset:
    """Copy a file of any format in sniff.Format into a dataset of its own; return its catalog row.

    `srid` overrides the file's; `x` and `y` are column names of a CSV file; `on_progress` hears
    the rows so far. `Dataset.source` tells format, layer, null counts, renamed fields and notes.
    Raises RefusedInput.
    """
    path = Path(path)
    found = recognise(path)
    _refuse_useless(found, layer, x, y)
    if found is Format.GEOTIFF:
        return rasters.import_raster(
            connection, path, name=name or path.stem, srid=srid, user_id=user_id, raster_dir=raster_dir
        )
    try:
        with _opened(found, path, layer, x, y) as source, connection.transaction():
            return _load(
                connection,
                source,
                found,
                path,
                name or layer or path.stem,
                srid,
                user_id,
                on_progress,
            )
    except psycopg.DataError as error:
        reason = error.diag.message_primary or str(error)
        raise RefusedInput(f'"{path.name}" holds a value that PostgreSQL refuses: {reason}') from error


def _refuse_useless(found: Format, layer: str | None, x: str | None, y: str | None) -> None:
    """Refuse a parameter that would be ignored: it is a misunderstanding."""
    if (x is not None or y is not None) and found is not Format.CSV:
        raise RefusedInput(f"x and y name columns of a CSV file; this is {found.title}")
    if layer is not None and found in (Format.CSV, Format.GEOPARQUET, Format.GEOTIFF):
        raise RefusedInput(f'layer "{layer}" is not in the file; {found.title} has no layers')


@contextmanager
def _opened(
    found: Format, path: Path, layer: str | None, x: str | None, y: str | None
) -> Iterator[Source]:
    if found is Format.CSV:
        with open_csv(path, x, y) as source:
            yield source
    elif found is Format.GEOPARQUET:
        with open_parquet(path) as source:
            yield source
    elif found is Format.ZIP:
        with TemporaryDirectory(prefix="geocrew-") as directory:
            inner = unpack(path, Path(directory), layer)
            shapefile.inspect(inner)
            with open_vector(inner, path.stem, None) as source:
                yield source
    else:
        parts = SHAPEFILE_PARTS if found is Format.SHAPEFILE else ()
        with sheltered(path, parts) as inner:
            if found is Format.GEOPACKAGE:
                geopackage.inspect(inner)
            elif found is Format.SHAPEFILE:
                shapefile.inspect(inner)
            with open_vector(inner, path.stem, layer) as source:
                yield source


def _load(
    connection: Connection,
    source: Source,
    found: Format,
    path: Path,
    name: str,
    srid: int | None,
    user_id: int,
    on_progress: Progress | None,
) -> Dataset:
    notes = list(source.notes)
    chosen = reference_systems.identify(connection, source.crs) if srid is None else srid
    geographic = reference_systems.check(connection, chosen)
    if chosen == 0:
        notes.append("the file names no coordinate reference system; its SRID is 0")
    elif srid is not None and source.crs is not None:
        notes.append(f"SRID {srid} was given and replaces the file's own")
    dataset_id = catalog.reserve(connection, name, user_id)
    loading = Loading(connection, f"spatial_data_{dataset_id}", source, chosen, geographic)
    for rows in loading.load():
        if on_progress is not None:
            on_progress(rows)
    dataset = Dataset(
        id=dataset_id,
        user_id=user_id,
        name=name[:200],
        kind="table",
        schema_name=PUBLIC,
        table_name=loading.table,
        key_column="id",
        geometry_column="geom",
        geometry_type=loading.shape.geometry_type,
        srid=chosen,
        row_count=loading.rows,
        null_geometry_count=loading.null_shapes,
        bbox=loading.bounds,
        source={
            "file": path.name,
            "format": found.title,
            "layer": source.layer,
            **loading.told(),
            "notes": [*notes, *loading.notes()],
        },
    )
    catalog.add(connection, dataset)
    return dataset
