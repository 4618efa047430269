"""A dataset opened for an analysis: its fields, its rows' identity and its places, as SQL."""

import difflib
from dataclasses import dataclass, replace
from typing import cast

from psycopg import sql

from geocrew.datasets import catalog, reference_systems
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.fields import Field, FieldType, column_field, property_field
from geocrew.datasets.relation import Relation, find_relation
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, NotFound, SourceChanged, UserError

_FEATURES = "datasets of features"


@dataclass(frozen=True)
class Layer:
    """A vector dataset with what PostgreSQL says of its relation now.

    `relation_kind` is pg_class.relkind; `geometry_type` is PostGIS's name of the column's type, e.g.
    MultiPolygonZ, or Geometry where it promises nothing; `geographic` is true for degrees.
    """

    dataset: Dataset
    schema: str
    table: str
    relation_kind: str
    columns: tuple[Field, ...]
    fields: tuple[Field, ...]
    key: Field | None
    geometry_column: str
    geometry_type: str
    srid: int
    geographic: bool

    @property
    def relation(self) -> sql.Identifier:
        """The relation's qualified name."""
        return sql.Identifier(self.schema, self.table)

    @property
    def stored(self) -> bool:
        """Whether rows have an address (ctid) and a version (xmin) of their own."""
        return self.relation_kind in ("r", "m")

    def shape(self, alias: str) -> sql.Composable:
        """Return the geometry column."""
        return sql.Identifier(alias, self.geometry_column)

    def rank(self, alias: str) -> sql.Composable | None:
        """Return what orders features uniquely (ties go by it), or None where nothing does."""
        if self.key is not None:
            key = sql.Identifier(alias, self.key.name)
            return sql.SQL('{} COLLATE "C"').format(key) if self.key.type == "text" else key
        return sql.SQL("{}.ctid").format(sql.Identifier(alias)) if self.stored else None

    def number(self, alias: str) -> sql.Composable | None:
        """Return an integer that is another for each feature, or None where the key is none."""
        if self.key is None or self.key.type != "integer":
            return None
        return sql.Identifier(alias, self.key.name)

    def any_field(self, parameter: str, name: str) -> Field:
        """Return the field `name`; raises InvalidParameters that lists those there are."""
        for each in self.fields:
            if each.name == name:
                return each
        names = ", ".join(each.name for each in self.fields if each.type != "geometry")
        raise InvalidParameters(
            [f'{parameter} "{name}" is not in {self.described}; fields: {names or "none"}']
        )

    def number_field(self, parameter: str, name: str) -> Field:
        """Return the numeric field `name`; raises InvalidParameters that lists those there are."""
        found = [each for each in self.fields if each.name == name]
        if found and found[0].numeric:
            return found[0]
        numeric = [each.name for each in self.fields if each.numeric and each != self.key]
        choices = f"numeric fields: {', '.join(numeric) or 'none'}"
        if found:
            problem = f'{parameter} "{name}" is {found[0].type}, not numeric, in {self.described}'
        else:
            near = difflib.get_close_matches(name, numeric, n=1)
            hint = f' (did you mean "{near[0]}"?)' if near else ""
            problem = f'{parameter} "{name}" is not in {self.described}{hint}'
        raise InvalidParameters([f"{problem}; {choices}"])

    @property
    def described(self) -> str:
        """How messages name it."""
        return f"dataset {self.dataset.id}"

    def changed(self) -> SourceChanged:
        """Return the error of a layer that is not what it was when the job began to read it."""
        return SourceChanged(f"{self.described} was changed while the job was reading it")

    def has_columns_of(self, relation: Relation) -> bool:
        """Say whether a relation has the columns that this layer was opened with, of the same types."""
        return self.columns == _columns(relation)

    def moved(self, schema: str, table: str) -> "Layer":
        """Return the same layer read from a plain table with the same columns."""
        return replace(self, schema=schema, table=table, relation_kind="r")


def open_layer(
    connection: Connection, dataset_id: int, user_id: int, parameter: str = "dataset_id"
) -> Layer:
    """Open a vector dataset; raises NotFound, or UserError for one that has no rows of features.

    `parameter` is what names it, for these messages.
    """
    dataset = catalog.given(connection, parameter, dataset_id, user_id, _FEATURES, _has_features)
    if dataset.schema_name is None or dataset.table_name is None or dataset.geometry_column is None:
        problem = (
            f"{parameter}: dataset {dataset_id} is {_article(dataset.kind)}, not a dataset of features"
        )
        raise UserError(f"{problem}; {catalog.choices(connection, user_id, _FEATURES, _has_features)}")
    srid = dataset.srid or 0
    relation = find_relation(connection, dataset.schema_name, dataset.table_name)
    if relation is None:
        raise NotFound(
            f"the table of dataset {dataset_id}, "
            f"{dataset.schema_name}.{dataset.table_name}, is not there any more"
        )
    return _layer(dataset, relation, reference_systems.check(connection, srid))


def _layer(dataset: Dataset, relation: Relation, geographic: bool) -> Layer:
    columns = _columns(relation)
    by_name = {each.name: each for each in columns}
    geometry = relation.column(dataset.geometry_column)
    if geometry is None or geometry.type_name != "geometry":
        raise UserError(f'dataset {dataset.id} has lost its geometry column "{dataset.geometry_column}"')
    return Layer(
        dataset=dataset,
        schema=cast(str, dataset.schema_name),
        table=cast(str, dataset.table_name),
        relation_kind=relation.kind,
        columns=columns,
        fields=tuple(_fields(dataset, columns)),
        key=by_name.get(dataset.key_column) if dataset.key_column else None,
        geometry_column=cast(str, dataset.geometry_column),
        # A column that does not fix its SRID promises nothing about its type either.
        geometry_type=geometry.geometry_type if geometry.srid == dataset.srid else "Geometry",
        srid=dataset.srid or 0,
        geographic=geographic,
    )


def _fields(dataset: Dataset, columns: tuple[Field, ...]) -> list[Field]:
    """AR1's layout has its fields in one JSONB column; the columns beside it are housekeeping."""
    if dataset.properties_column is None or dataset.properties_fields is None:
        return [each for each in columns if each.type != "geometry"]
    return [
        property_field(name, cast(FieldType, field_type), dataset.properties_column)
        for name, field_type in dataset.properties_fields.items()
    ]


def _has_features(dataset: Dataset) -> bool:
    return dataset.table_name is not None and dataset.geometry_column is not None


def _article(kind: str) -> str:
    return {"raster": "a raster", "reserved": "reserved and still empty"}.get(kind, f"a {kind}")


def _columns(relation: Relation) -> tuple[Field, ...]:
    return tuple(column_field(each.name, each.sql_type, each.type_name) for each in relation.columns)
