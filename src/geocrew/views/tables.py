"""The tables that a view may read: the relations of datasets that its maker may read."""

import difflib
from dataclasses import dataclass

from geocrew.datasets import catalog
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.relation import find_relation
from geocrew.db import Connection
from geocrew.errors import NotFound, UserError

_LISTED = 10


@dataclass(frozen=True)
class Table:
    """The relation of a dataset; `oid` is what PostgreSQL's own records call it."""

    dataset_id: int
    schema: str
    name: str
    oid: int
    columns: tuple[str, ...]


class ReadableTables:
    """Finds tables by `spatial_data_{id}` or by their own name among what one user may read."""

    def __init__(self, connection: Connection, user_id: int) -> None:
        self._connection = connection
        self._datasets = catalog.listed(connection, user_id)

    def find(self, schema: str | None, name: str) -> Table:
        """Return the table; raises NotFound, or UserError where the name means several or no table."""
        found = [each for each in self._datasets if _answers(each, schema, name)]
        if not found:
            raise NotFound(self._unknown(schema, name))
        if len({(each.schema_name, each.table_name) for each in found}) > 1:
            which = ", ".join(f"{each.schema_name}.{each.table_name} ({each.id})" for each in found)
            raise UserError(f'table "{name}" may be {which}; write SCHEMA.TABLE')
        return self.of(found[0])

    def of(self, dataset: Dataset) -> Table:
        """Return the table of a dataset; raises UserError for rasters, NotFound where it is gone."""
        if dataset.table_name is None or dataset.schema_name is None:
            raise UserError(f"dataset {dataset.id} is a {dataset.kind}; a view reads tables")
        relation = find_relation(self._connection, dataset.schema_name, dataset.table_name)
        if relation is None:
            raise NotFound(f"the table of dataset {dataset.id} is not there any more")
        columns = tuple(each.name for each in relation.columns)
        return Table(dataset.id, dataset.schema_name, dataset.table_name, relation.oid, columns)

    def _unknown(self, schema: str | None, name: str) -> str:
        names = [each.table_name for each in self._datasets if each.table_name is not None]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        known = ", ".join(sorted(names)[:_LISTED]) or "none"
        more = ", …" if len(names) > _LISTED else ""
        written = f'"{schema}"."{name}"' if schema else f'"{name}"'
        return f"table {written} is not a dataset{hint}; datasets' tables: {known}{more}"


def _answers(dataset: Dataset, schema: str | None, name: str) -> bool:
    if schema is not None:
        return (dataset.schema_name, dataset.table_name) == (schema, name)
    return name in (dataset.table_name, f"spatial_data_{dataset.id}")
