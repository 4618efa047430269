"""Where relations of ours go, and whether we may put them there."""

from geocrew.datasets.staging import SCHEMA
from geocrew.db import Connection, statement
from geocrew.errors import ConfigurationError

PUBLIC = "public"


def check_rights(connection: Connection) -> None:
    """Raise ConfigurationError where the session's role may not make relations and publish them."""
    values = {"names": [SCHEMA, PUBLIC]}
    rows = connection.execute(statement("geocrew.datasets.sql", "denied_schemas"), values).fetchall()
    if rows:
        schemas, role = ", ".join(schema for schema, _ in rows), rows[0][1]
        raise ConfigurationError(
            f"datasets cannot be made, for the role {role} may not create in schema {schemas}; as its"
            f" owner: GRANT USAGE, CREATE ON SCHEMA {schemas} TO {role}"
        )
