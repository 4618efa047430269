"""Groups of rows as SQL: the rows that are members, a row for each group, and the output."""

from collections.abc import Sequence
from dataclasses import dataclass

from geocrew.analyses.parts.groups import Grouping
from geocrew.analyses.parts.groups_aggregates import Aggregate
from geocrew.datasets.compose import Expression, compose, identify, join
from geocrew.datasets.features import Features
from geocrew.datasets.geometry import OutputGeometry
from geocrew.datasets.names import unique
from geocrew.datasets.output import GEOMETRY, ID

FEATURE_COUNT = "feature_count"

_PARTS_ORDER = (
    "ORDER BY g.number, ST_XMin(part.geom), ST_YMin(part.geom), ST_XMax(part.geom),"
    " ST_YMax(part.geom), ST_AsBinary(ST_Normalize(part.geom))"
)


@dataclass(frozen=True)
class Groups:
    """What the groups of `features` are and what is told of each; `shape` is the output's type."""

    features: Features
    grouping: Grouping
    aggregates: Sequence[Aggregate]
    shape: OutputGeometry
    multipart: bool

    def members(self, columns: Expression) -> Expression:
        """Return the SELECT of the rows that are in a group: `columns`, sort, key, rank, a0 and on."""
        values = [
            compose(", {value} AS {name}", value=each.value, name=identify(f"a{number}"))
            for number, each in enumerate(self.aggregates)
        ]
        return compose(
            "SELECT {columns}, {sort} AS sort, {key} AS key, {rank} AS rank{values}"
            " FROM {rows} {joins} WHERE {kept} AND NOT {hollow} AND {member}",
            columns=columns,
            sort=self.grouping.sort,
            key=self.grouping.key,
            rank=self.features.layer.rank("s") or compose("0"),
            values=join("", values),
            rows=self.features.rows("s"),
            joins=self.grouping.joins,
            kept=self.features.kept("s"),
            hollow=self.features.hollow("s"),
            member=self.grouping.member,
        )

    def grouped(self, members: Expression, more: Expression) -> Expression:
        """Return the SELECT of a row for each group: number, key, feature_count, a0 and on, `more`."""
        values = [
            compose(", {value} AS {name}", value=each.of(identify(name)), name=identify(name))
            for number, each in enumerate(self.aggregates)
            for name in (f"a{number}",)
        ]
        settled = self.grouping.settled
        key = "key" if settled else '(array_agg(key ORDER BY key::text COLLATE "C"))[1]'
        return compose(
            "SELECT row_number() OVER (ORDER BY sort NULLS LAST) AS number, {key} AS key,"
            " count(*) AS feature_count{values}, {more} FROM {members} GROUP BY {by}",
            key=compose(key),
            values=join("", values),
            more=more,
            members=members,
            by=compose("sort, key" if settled else "sort"),
        )

    def column_type(self) -> Expression:
        """Return the type of the output's geometry column."""
        kind = self.shape.type + ("Z" if self.shape.has_z else "")
        return compose("geometry(" + kind + ", {srid})", srid=self.shape.srid)

    def output(self, ctes: Expression, source: Expression, *, ready: bool = False) -> Expression:
        """Return the SELECT of the result from `source`, which holds groups g with their geom.

        `ready`: these are of the output's type already, and need not be unpacked.
        """
        part = compose("" if self.multipart else "CROSS JOIN LATERAL ST_Dump(g.geom) AS part")
        number = "g.number" if self.multipart else "row_number() OVER (" + _PARTS_ORDER + ")"
        shape = compose("g.geom" if self.multipart else "part.geom")
        columns = [
            (ID, compose(number)),
            *self._columns(),
            (GEOMETRY, shape if ready else self.shape.force(shape)),
        ]
        return compose(
            "{ctes} SELECT {columns} FROM {source} {part}",
            ctes=ctes,
            columns=join(
                ", ",
                (
                    compose("{value} AS {name}", value=value, name=identify(name))
                    for name, value in columns
                ),
            ),
            source=source,
            part=part,
        )

    def view(self) -> Expression:
        """Return the SELECT that defines the result."""
        # In an order, or how rows are scanned, by one process or several, decides on the last bits.
        union = compose("ST_Union(shape ORDER BY rank)")
        if self.shape.dimension is not None:
            union = compose(
                "ST_CollectionExtract({union}, {kind})", union=union, kind=self.shape.dimension + 1
            )
        shape = compose("{shape} AS shape", shape=self.features.output_shape("s"))
        ctes = compose(
            "WITH members AS ({members}), united AS ({groups})",
            members=self.members(shape),
            groups=self.grouped(compose("members"), compose("{union} AS geom", union=union)),
        )
        return self.output(ctes, compose("united AS g"))

    def _columns(self) -> list[tuple[str, Expression]]:
        """Name the columns between id and geom; a key whose name a result has is called name_1."""
        wanted = [FEATURE_COUNT, *(each.name for each in self.aggregates)]
        key = [self.grouping.name] if self.grouping.name is not None else []
        names = unique([*wanted, *key], (ID, GEOMETRY))
        values: list[Expression] = [compose("g.feature_count")]
        values += [identify("g", f"a{number}") for number in range(len(self.aggregates))]
        results = list(zip(names, values, strict=False))
        return [*((name, compose("g.key")) for name in names[len(wanted) :]), *results]
