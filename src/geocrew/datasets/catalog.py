"""The catalog: one row a dataset, found by id or by name."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, cast

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from geocrew.db import Connection, statement
from geocrew.errors import InvalidParameters, NotFound, UserError

Kind = Literal["reserved", "table", "view", "materialized_view", "raster"]

# Owns what nobody else does, and may read everything: the user of a psql prompt.
OPERATOR = 1

_SQL = "geocrew.datasets.sql"
_LISTED, _LONGEST = 10, 40


@dataclass(frozen=True)
class Dataset:
    """A row of the catalog; which members are None depends on `kind` (schema/0002_datasets.sql)."""

    id: int
    user_id: int
    name: str
    kind: Kind
    registered: bool = False
    schema_name: str | None = None
    table_name: str | None = None
    key_column: str | None = None
    geometry_column: str | None = None
    geometry_type: str | None = None
    srid: int | None = None
    properties_column: str | None = None
    properties_fields: dict[str, str] | None = None
    row_count: int | None = None
    null_geometry_count: int | None = None
    bbox: list[float] | None = None
    raster_file: str | None = None
    raster: dict[str, Any] | None = None
    job_id: int | None = None
    source: dict[str, Any] = field(default_factory=dict)


def reserve(connection: Connection, name: str, user_id: int = OPERATOR) -> int:
    """Keep an id free for the output of a job to come (`output_dataset_id`)."""
    return _first(connection, "reserve", {"name": name, "user_id": user_id})


def hold(connection: Connection, dataset_id: int, user_id: int) -> None:
    """Keep a reserved id for the caller's transaction; waits for one that fills it.

    Raises InvalidParameters where it is not reserved any more.
    """
    if _first(connection, "hold", {"id": dataset_id, "user_id": user_id}) == 0:
        problem = f"output_dataset_id {dataset_id} has been filled or dropped since the job began"
        raise InvalidParameters([f"{problem}; reserve another"])


def add(connection: Connection, dataset: Dataset) -> None:
    """Fill the catalog row `dataset.id`, which must be reserved and still empty.

    Raises UserError where it is not.
    """
    values = {each.name: getattr(dataset, each.name) for each in fields(dataset)}
    for name in ("properties_fields", "raster", "source"):
        values[name] = None if values[name] is None else Jsonb(values[name])
    if connection.execute(statement(_SQL, "add"), values).rowcount != 1:
        raise UserError(
            f"dataset {dataset.id} is not a reserved, empty dataset of user {dataset.user_id}"
        )


def get(connection: Connection, dataset_id: int, user_id: int = OPERATOR) -> Dataset:
    """Return the dataset, or raise NotFound when it is not there or not `user_id`'s to read."""
    with connection.cursor(row_factory=class_row(Dataset)) as cursor:
        found = cursor.execute(statement(_SQL, "get"), {"id": dataset_id}).fetchone()
    if found is None or not may_read(found, user_id):
        raise NotFound(f"dataset {dataset_id} does not exist")
    return found


def given(
    connection: Connection,
    parameter: str,
    dataset_id: int,
    user_id: int,
    called: str,
    fits: Callable[[Dataset], bool],
) -> Dataset:
    """Return the dataset that a parameter names; raises NotFound that lists those that fit.

    `called` is what these are, such as "rasters".
    """
    try:
        return get(connection, dataset_id, user_id)
    except NotFound as error:
        raise NotFound(f"{parameter}: {error}; {choices(connection, user_id, called, fits)}") from error


def choices(connection: Connection, user_id: int, called: str, fits: Callable[[Dataset], bool]) -> str:
    """Name the newest datasets that fit and that `user_id` may read."""
    fitting = [each for each in reversed(listed(connection, user_id)) if fits(each)]
    if not fitting:
        return f"there are no {called} yet"
    named = ", ".join(f"{each.id} ({_shortened(each.name)})" for each in fitting[:_LISTED])
    return f"{called}: {named}{', …' if len(fitting) > _LISTED else ''}"


def find(connection: Connection, reference: str, user_id: int = OPERATOR) -> Dataset:
    """Return the dataset of an id or a name; raises NotFound, or UserError for a name used twice."""
    if reference.isascii() and reference.isdigit():
        return get(connection, int(reference), user_id)
    named = [each for each in listed(connection, user_id) if each.name == reference]
    if not named:
        raise NotFound(_unknown(connection, reference, user_id))
    if len(named) > 1:
        ids = ", ".join(str(each.id) for each in named)
        raise UserError(f'several datasets are named "{reference}": {ids}; use the id')
    return named[0]


def listed(connection: Connection, user_id: int = OPERATOR) -> list[Dataset]:
    """Return all datasets that `user_id` may read, oldest first."""
    with connection.cursor(row_factory=class_row(Dataset)) as cursor:
        rows = cursor.execute(statement(_SQL, "list")).fetchall()
    return [each for each in rows if may_read(each, user_id)]


def check_output(connection: Connection, dataset_id: int | None, user_id: int) -> None:
    """Raise NotFound or InvalidParameters where `user_id` cannot fill the given `output_dataset_id`."""
    if dataset_id is None:
        return

    def fits(each: Dataset) -> bool:
        return each.kind == "reserved" and each.user_id == user_id

    dataset = given(connection, "output_dataset_id", dataset_id, user_id, "reserved datasets", fits)
    if dataset.kind != "reserved":
        kind = dataset.kind.replace("_", " ")
        raise InvalidParameters(
            [f"output_dataset_id {dataset_id} is a {kind}, not a reserved dataset of yours"]
        )
    if dataset.user_id != user_id:
        owner = f"user {dataset.user_id}"
        raise InvalidParameters(
            [f"output_dataset_id {dataset_id} is reserved by {owner}; reserve one of your own"]
        )


def may_read(dataset: Dataset, user_id: int) -> bool:
    """Say whether the user may read the dataset: its owner and the operator may."""
    return user_id in (dataset.user_id, OPERATOR)


def remove(connection: Connection, dataset_id: int) -> None:
    """Take the row out of the catalog; what it points to is the caller's business."""
    connection.execute(statement(_SQL, "remove"), {"id": dataset_id})


def _unknown(connection: Connection, reference: str, user_id: int) -> str:
    names = [each.name for each in listed(connection, user_id)]
    near = difflib.get_close_matches(reference, names, n=1)
    hint = f'; did you mean "{_shortened(near[0])}"?' if near else ""
    known = choices(connection, user_id, "datasets", lambda _: True)
    return f'no dataset is named "{reference}"{hint}; {known}'


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _first(connection: Connection, name: str, values: dict[str, Any]) -> int:
    row = connection.execute(statement(_SQL, name), values).fetchone()
    return cast(int, row[0]) if row else 0
