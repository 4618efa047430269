"""The private PostGIS of a machine that has none running.

One cluster in one directory, made from the system's PostgreSQL and PostGIS packages. It listens on
a unix socket only and has one superuser and one database, both named `geocrew`: only a superuser
may create PostGIS's extensions, and the closed socket directory is what keeps others out.
"""

from geocrew.local.places import url
from geocrew.local.server import StopMode, start, stop
from geocrew.local.status import Status, status

__all__ = ["Status", "StopMode", "start", "status", "stop", "url"]
