"""What stands for a view of features where counting the view would compute its results."""

from dataclasses import replace

from geocrew.analysis import Context
from geocrew.datasets.build import Staged
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.layer import Layer
from geocrew.datasets.output import GEOMETRY
from geocrew.datasets.staging import SCHEMA
from geocrew.datasets.summary import Summary, summarise


def summary_of_view(
    context: Context, staged: Staged, features: Features, where: Expression | None = None
) -> Summary | None:
    """Count a view of the rows s that meet `where`, as the caller sees it now; None for stored rows."""
    if staged.kind != "view":
        return None
    scope = _stand_in(context, features, where)
    return summarise(context.connection, SCHEMA, staged.table, GEOMETRY, scope)


def _stand_in(context: Context, features: Features, where: Expression | None) -> Layer:
    """Return a relation with the rows and shapes of a view of the rows s that meet `where`.

    The input is one itself where all of its rows go into the view as they are.
    """
    if where is None and not (features.invalid or features.nowhere):
        return features.layer
    context.connection.execute(
        compose(
            "CREATE VIEW {scope} AS SELECT {shape} AS geom FROM {rows} WHERE {kept} AND {where}",
            scope=context.staging.relation("scope"),
            shape=features.output_shape("s"),
            rows=features.rows("s"),
            kept=features.kept("s"),
            where=compose("true") if where is None else where,
        )
    )
    scope = features.layer.moved(SCHEMA, context.staging.name("scope"))
    return replace(scope, geometry_column=GEOMETRY)
