"""Whether jobs can be taken and finished now: what a load balancer or a start script asks."""

from dataclasses import dataclass

import psycopg

from geocrew.db import statement
from geocrew.error_classes import waiting_reason
from geocrew.errors import GeocrewError
from geocrew.ops.probe import Address, probe
from geocrew.schema.migrate import pending

_SQL = "geocrew.ops.sql"


@dataclass(frozen=True)
class Readiness:
    """Ready, or why not: a few words that name no address."""

    ready: bool
    reason: str | None = None


def check_readiness(address: Address) -> Readiness:
    """See that the database answers, can be written to and has all migrations."""
    try:
        with probe(address, "readiness") as connection:
            row = connection.execute(statement(_SQL, "writable")).fetchone()
            if row is None or not row[0]:
                return Readiness(False, "the database is read-only")
            missing = pending(connection)
    except psycopg.Error as error:
        return Readiness(False, waiting_reason(error))
    except GeocrewError as error:
        return Readiness(False, str(error))
    if missing:
        return Readiness(False, f"the database lacks migrations {', '.join(missing)}")
    return Readiness(True)
