"""`geocrew datasets`: bring data in, look at it, take it out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geocrew.cli.options import AsJson, DatasetReference
from geocrew.cli.output import emit, notice, pairs, say, table

if TYPE_CHECKING:
    from geocrew.datasets.catalog import Dataset

app = typer.Typer(help="Bring data in, look at it, take it out.", no_args_is_help=True)
_Name = Annotated[
    str | None, typer.Option("--name", help="Name of the dataset; the default says what it is.")
]


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="GeoPackage, GeoJSON, FlatGeobuf, Shapefile (also zipped), CSV, GeoParquet or GeoTIFF."
        ),
    ],
    layer: Annotated[str | None, typer.Option(help="Layer of a file that has several.")] = None,
    name: _Name = None,
    srid: Annotated[
        int | None, typer.Option(min=0, max=999_999, help="Reference system, over what the file says.")
    ] = None,
    x: Annotated[
        str | None, typer.Option(help="Column of a CSV file that holds x or longitude.")
    ] = None,
    y: Annotated[str | None, typer.Option(help="Column of a CSV file that holds y or latitude.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a file into a dataset of its own."""
    from geocrew.cli.row_counter import row_counter
    from geocrew.cli.session import opened
    from geocrew.datasets.importer import import_file

    with opened("import") as session, row_counter(file.name) as count:
        dataset = import_file(
            session.connection,
            file,
            name=name,
            layer=layer,
            srid=srid,
            x=x,
            y=y,
            raster_dir=session.settings.raster_dir,
            on_progress=count,
        )
    _report(dataset, as_json)


@app.command()
def register(
    relation: Annotated[
        str, typer.Argument(metavar="SCHEMA.TABLE", help="As in SQL: quote names that need it.")
    ],
    name: _Name = None,
    geometry_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where the table has several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a dataset of a table or view.

    Nothing is copied, and the relation is never changed.
    """
    from geocrew.cli.session import opened
    from geocrew.datasets import registry
    from geocrew.db import statement
    from geocrew.errors import UserError

    with opened("register") as session:
        row = session.connection.execute(
            statement("geocrew.cli.sql", "parse_name"), {"name": relation}
        ).fetchone()
        parts = row[0] if row else []
        if len(parts) > 2:
            raise UserError(f"{relation} has {len(parts)} parts; a table is SCHEMA.TABLE")
        schema, table_name = parts if len(parts) == 2 else ("public", parts[0])
        dataset = registry.register(
            session.connection, schema, table_name, name=name, geometry_column=geometry_column
        )
    _report(dataset, as_json)


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List all datasets."""
    from geocrew.cli.session import opened
    from geocrew.datasets import catalog

    with opened("datasets") as session:
        found = catalog.listed(session.connection)
    if as_json:
        emit(found)
        return
    rows = [
        (each.id, each.name, each.kind, each.geometry_type, each.srid, each.row_count, _place(each))
        for each in found
    ]
    columns = ["id", "name", "kind", "geometry", "srid", "rows", "where"]
    table(columns, rows, numbers=["id", "srid", "rows"])


@app.command()
def show(reference: DatasetReference, as_json: AsJson = False) -> None:
    """Show all that is known of a dataset."""
    from geocrew.cli.session import opened
    from geocrew.datasets import catalog
    from geocrew.datasets.layer import open_layer

    with opened("datasets") as session:
        dataset = catalog.find(session.connection, reference)
        fields = []
        if dataset.geometry_column is not None:
            fields = list(open_layer(session.connection, dataset.id, dataset.user_id).fields)
    if as_json:
        emit({**vars(dataset), "fields": [{"name": each.name, "type": each.type} for each in fields]})
        return
    _describe(dataset)
    if fields:
        say("\nfields")
        table(["name", "type"], [(each.name, each.type) for each in fields])


@app.command()
def export(
    reference: DatasetReference,
    file: Annotated[
        Path, typer.Argument(help="The ending decides: .gpkg .geojson .fgb .parquet .csv, rasters .tif")
    ],
    overwrite: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a dataset to a file."""
    from geocrew.cli.session import opened
    from geocrew.datasets import catalog, exporter

    with opened("export") as session:
        dataset = catalog.find(session.connection, reference)
        raster_dir = session.settings.raster_dir
        rows = exporter.export(session.connection, dataset, file, raster_dir, overwrite=overwrite)
    if as_json:
        emit({"dataset_id": dataset.id, "file": str(file), "row_count": rows})
    else:
        what = "raster" if dataset.kind == "raster" else f"{rows} rows"
        say(f"dataset {dataset.id} {dataset.name}: {what} in {file}")


@app.command()
def refresh(
    reference: DatasetReference,
    wait: Annotated[bool, typer.Option(help="Show progress and the result.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a stored view up to date: enqueue a job.

    Prints the number of the job. Exit codes with --wait: 0 completed, 3 failed, 4 cancelled.
    """
    from geocrew.cli.session import opened
    from geocrew.cli.waiting import follow
    from geocrew.datasets import catalog
    from geocrew.submit import submit

    with opened("refresh") as session:
        dataset = catalog.find(session.connection, reference)
        job_id = submit(session.connection, "refresh_view", {"dataset_id": dataset.id})
        code = follow(session, job_id, wait=wait, as_json=as_json)
    raise typer.Exit(code)


@app.command()
def drop(reference: DatasetReference, as_json: AsJson = False) -> None:
    """Remove a dataset.

    Of a registered one only the entry goes, never the table.
    """
    from geocrew.cli.session import opened
    from geocrew.datasets import catalog, remove

    with opened("drop") as session:
        dataset = catalog.find(session.connection, reference)
        remove.drop(session.connection, dataset, session.settings.raster_dir)
    if as_json:
        emit({"dropped": dataset.id})
    else:
        say(f"dropped dataset {dataset.id} {dataset.name}")


@app.command()
def reserve(name: _Name = None, as_json: AsJson = False) -> None:
    """Keep an id free for the output of a job.

    Give it as output_dataset_id.
    """
    from geocrew.cli.session import opened
    from geocrew.datasets import catalog

    with opened("reserve") as session:
        dataset_id = catalog.reserve(session.connection, name or "reserved")
    if as_json:
        emit({"dataset_id": dataset_id})
    else:
        say(str(dataset_id))


def _report(dataset: "Dataset", as_json: bool) -> None:
    if as_json:
        emit(dataset)
        return
    _describe(dataset)
    for note in dataset.source.get("notes", []):
        notice(f"note: {note}")


def _describe(dataset: "Dataset") -> None:
    pairs(
        [
            ("dataset", dataset.id),
            ("name", dataset.name),
            ("kind", f"{dataset.kind}, registered" if dataset.registered else dataset.kind),
            ("where", _place(dataset)),
            ("geometry", dataset.geometry_type),
            ("srid", dataset.srid),
            ("rows", dataset.row_count),
            ("without geometry", dataset.null_geometry_count),
            ("extent", dataset.bbox),
            ("key", dataset.key_column),
            ("made by job", dataset.job_id),
            ("raster", dataset.raster),
            ("source", dataset.source or None),
        ]
    )


def _place(dataset: "Dataset") -> str | None:
    if dataset.table_name is not None:
        return f"{dataset.schema_name}.{dataset.table_name}"
    return dataset.raster_file
