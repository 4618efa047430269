"""A dataset goes out as a file, whole or not at all."""

import secrets
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from geocrew.datasets import raster_cog, reference_systems, writers
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.geometry import STRAIGHT
from geocrew.datasets.reading import reading
from geocrew.datasets.relation import find_relation
from geocrew.db import Connection
from geocrew.errors import NotFound, RefusedInput, UserError

# By ending: who writes.
_VECTOR = {
    ".gpkg": writers.write_geopackage,
    ".geojson": writers.write_geojson,
    ".fgb": writers.write_flatgeobuf,
    ".parquet": writers.write_geoparquet,
    ".csv": writers.write_csv,
}
_RASTER = (".tif", ".tiff")


def export(
    connection: Connection, dataset: Dataset, path: Path, raster_dir: Path, *, overwrite: bool = False
) -> int:
    """Write `dataset` to `path`, in the format of its ending; return the rows (0 for rasters).

    GeoJSON is transformed to 4326; a COG is a copy of the stored one. Raises UserError for an
    ending that does not fit, and where `path` exists and `overwrite` is false.
    """
    path = Path(path)
    _check(dataset, path, overwrite)
    schema, table = dataset.schema_name, dataset.table_name
    if table is not None and find_relation(connection, schema, table) is None:
        raise NotFound(f"the table of dataset {dataset.id}, {schema}.{table}, is not there any more")
    if dataset.raster_file is not None and not (raster_dir / dataset.raster_file).is_file():
        raise NotFound(f"the file of dataset {dataset.id}, {dataset.raster_file}, is not there any more")
    # Beside the target, so that the last step is a rename; GDAL sees it by a name without surprises.
    partial = path.parent / f".geocrew-{secrets.token_hex(8)}"
    try:
        partial.mkdir()
        written = partial / f"export{path.suffix.lower()}"
        rows = _write(connection, dataset, written, raster_dir)
        raster_cog.flush(written)
        written.replace(path)
    except OSError as error:
        raise UserError(f'"{path}" cannot be written: {error}') from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return rows


def _check(dataset: Dataset, path: Path, overwrite: bool) -> None:
    if dataset.kind == "reserved":
        raise UserError(f"dataset {dataset.id} is reserved and still empty")
    endings = _RASTER if dataset.kind == "raster" else tuple(_VECTOR)
    if path.suffix.lower() not in endings:
        what = "a raster" if dataset.kind == "raster" else "a vector dataset"
        raise UserError(
            f'"{path.name}": dataset {dataset.id} is {what}; choose one of {", ".join(endings)}'
        )
    if path.is_dir() or (path.exists() and not overwrite):
        raise UserError(f'"{path}" exists already')
    if path.suffix.lower() == ".geojson" and dataset.srid == 0:
        raise UserError(
            f"dataset {dataset.id} has no SRID, and GeoJSON is longitude and latitude; choose .gpkg"
        )


def _write(connection: Connection, dataset: Dataset, target: Path, raster_dir: Path) -> int:
    if dataset.kind == "raster":
        shutil.copyfile(raster_dir / str(dataset.raster_file), target)
        return 0
    suffix = target.suffix
    shape = _shape(dataset, suffix)
    srid = 4326 if suffix == ".geojson" else int(dataset.srid or 0)
    crs = reference_systems.definition(connection, srid)
    with TemporaryDirectory(prefix="geocrew-") as directory, connection.transaction():
        inner = Path(directory) / "out"
        inner.symlink_to(target.parent.resolve())
        plan = reading(connection, dataset, shape, finite=suffix == ".geojson")
        try:
            return _VECTOR[suffix](connection, plan, inner / target.name, crs)
        except writers.write_errors() as error:
            raise RefusedInput(f"dataset {dataset.id} cannot be written as {suffix}: {error}") from error
        except psycopg.DataError as error:
            reason = error.diag.message_primary or str(error)
            raise UserError(
                f"dataset {dataset.id} holds a value that is not of its field's type any more, as the"
                f" catalog knows it: {reason}; register its table again"
            ) from error


def _shape(dataset: Dataset, suffix: str) -> str:
    flat = "ST_Force3DZ({c})" if _has_z(dataset) else "ST_Force2D({c})"
    plain = STRAIGHT.replace("{shape}", flat)
    if suffix == ".geojson":
        plain = f"ST_Transform({plain}, 4326)"
    return f"ST_AsText({plain}, 17)" if suffix == ".csv" else f"ST_AsBinary({plain}, 'NDR')"


def _has_z(dataset: Dataset) -> bool:
    return (dataset.geometry_type or "").upper().endswith(("Z", "ZM"))
