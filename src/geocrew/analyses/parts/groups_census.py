"""What becomes of each row of an input whose rows are grouped, and what shape the groups have."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, LiteralString

from geocrew.analyses.parts.groups_aggregates import number_fields
from geocrew.analyses.parts.groups_select import Groups
from geocrew.analysis import balance
from geocrew.datasets.compose import Expression, compose, join
from geocrew.datasets.features import Features
from geocrew.datasets.geometry import OutputGeometry
from geocrew.db import Connection
from geocrew.errors import UserError

_LISTED = 1000
_MULTI: tuple[LiteralString, ...] = ("MultiPoint", "MultiLineString", "MultiPolygon")
_KINDS = ("points", "lines", "polygons")


def merged_geometry(connection: Connection, features: Features, multipart: bool) -> OutputGeometry:
    """Return the type of merged shapes; raises UserError, with the count of each, where dimensions mix.

    Empty shapes do not count. Single points stay Point, as everywhere.
    """
    geometry, dimension = features.geometry, features.geometry.dimension
    if dimension is None:
        dimension = _only_dimension(connection, features)
        if dimension is None:
            return geometry
    kind = "Point" if dimension == 0 and not multipart else _MULTI[dimension]
    return replace(geometry, type=kind, dimension=dimension, unchanged=False)


def _only_dimension(connection: Connection, features: Features) -> int | None:
    query = compose(
        "SELECT CASE WHEN ST_IsCollection({shape}) AND GeometryType({shape}) = 'GEOMETRYCOLLECTION'"
        " THEN 3 ELSE ST_Dimension({shape}) END, count(*) FROM {rows} WHERE {kept} AND NOT {hollow}"
        " GROUP BY 1 ORDER BY 1",
        shape=features.output_shape("s"),
        rows=features.rows("s"),
        kept=features.kept("s"),
        hollow=features.hollow("s"),
    )
    counts: dict[int, int] = dict(connection.execute(query).fetchall())
    if len(counts) > 1 or 3 in counts:
        kinds = (*_KINDS, "collections")
        listed = ", ".join(f"{count} {kinds[each]}" for each, count in counts.items())
        raise UserError(
            f"{features.layer.described} mixes shapes that cannot be merged with each other: {listed}; "
            "make a dataset of each kind, e.g. with create_view"
        )
    return next(iter(counts), None)


def count_rows(connection: Connection, groups: Groups) -> dict[str, Any]:
    """Return the balance sheet: `rows_out` are the input's rows that are part of a group."""
    features, fields = groups.features, number_fields(groups.aggregates)
    hollow, member = features.hollow("s"), groups.grouping.member
    tallies = [
        compose(
            ", count(*) FILTER (WHERE {taken} AND {value} IS NULL),"
            " count(*) FILTER (WHERE {taken} AND {value} IS NULL AND {present})",
            taken=compose("NOT {hollow} AND {member}", hollow=hollow, member=member),
            value=field.number("s"),
            present=field.present("s"),
        )
        for field in fields.values()
    ]
    query = compose(
        "SELECT count(*), count(*) FILTER (WHERE {hollow}),"
        " count(*) FILTER (WHERE NOT {hollow} AND NOT {member}){tallies}"
        " FROM {rows} {joins} WHERE {kept}",
        hollow=hollow,
        member=member,
        tallies=join("", tallies),
        rows=features.rows("s"),
        joins=groups.grouping.joins,
        kept=features.kept("s"),
    )
    rows, hollows, strangers, *nulls = connection.execute(query).fetchone() or (0, 0, 0)
    left_out = _dropped(connection, groups) if hollows or strangers else []
    sheet = balance(features, rows - hollows - strangers)
    return sheet | {
        "rows_in": rows + sheet["n_skipped"],
        "n_empty": hollows - features.lost,
        "dropped_empty": hollows - features.lost,
        "dropped_outside": strangers,
        "failed": sheet["n_skipped"] + features.lost,
        "n_unmatched": strangers,
        "n_null": dict(zip(fields, nulls[::2], strict=True)),
        "n_not_numeric": dict(zip(fields, nulls[1::2], strict=True)),
        "dropped": [*features.dropped, *left_out][:_LISTED],
    }


def name_failed(
    connection: Connection, members: Expression, failed: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the rows of groups that could not be merged, and why they are not in the output."""
    query = compose(
        "SELECT rank FROM {members} WHERE number IN ({failed}) ORDER BY rank",
        members=members,
        failed=join(", ", [compose("{number}", number=number) for number in failed]),
    )
    reason = "the shapes of its group could not be merged"
    return [_named(row[0], reason) for row in connection.execute(query)]


def _dropped(connection: Connection, groups: Groups) -> list[dict[str, Any]]:
    features = groups.features
    hollow = features.hollow("s")
    query = compose(
        "SELECT {rank}, CASE WHEN NOT {hollow} THEN 'its value is in no custom group'"
        " WHEN {stored} IS NULL THEN 'it has no shape'"
        " WHEN ST_IsEmpty({stored}) THEN 'its shape is empty'"
        " ELSE 'its shape is invalid, and nothing is left of it after repair' END"
        " FROM {rows} {joins} WHERE {kept} AND ({hollow} OR NOT {member}) ORDER BY 1 LIMIT {listed}",
        rank=features.layer.rank("s") or compose("0"),
        hollow=hollow,
        stored=features.layer.shape("s"),
        rows=features.rows("s"),
        joins=groups.grouping.joins,
        kept=features.kept("s"),
        member=groups.grouping.member,
        listed=_LISTED,
    )
    return [_named(*row) for row in connection.execute(query)]


def _named(row: Any, reason: str) -> dict[str, Any]:
    return {"id": row if isinstance(row, int) else str(row), "reason": reason}
