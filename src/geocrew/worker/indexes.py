"""How far the indexes are that children's sessions make: PostgreSQL tells others, not them."""

from collections.abc import Iterable

from geocrew.db import Connection
from geocrew.queue.consume import index_shares
from geocrew.worker.children import Child


def follow_indexes(connection: Connection, children: Iterable[Child]) -> None:
    """Move the progress of each child that is making an index by what its session has done."""
    making = {
        each.backend: each for each in children if each.backend is not None and each.indexing is not None
    }
    if making:
        for backend, share in index_shares(connection, list(making)).items():
            making[backend].indexed(share)
