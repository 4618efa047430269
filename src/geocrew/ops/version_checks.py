"""Which versions are at work, and which of them are known to be bad."""

import platform
from collections.abc import Iterator

import psycopg
import pyproj
import shapely

from geocrew import __version__
from geocrew.datasets import gdal
from geocrew.db import Connection, statement
from geocrew.ops.finding import Finding

_SQL = "geocrew.ops.sql"
# ST_MakeValid by structure, which repairs need, came with GEOS 3.10 (PostGIS manual).
_OLDEST_GEOS = (3, 10)
# GEOS 3.11.1 (Debian 12) ends the server in ST_UnaryUnion('GEOMETRYCOLLECTION(POINT EMPTY, …)') and
# ST_PointOnSurface('MULTILINESTRING(EMPTY, …)'): tried. Mended in 3.11.2 and 3.11.4, says its NEWS.md.
_MENDED_GEOS: dict[tuple[int, ...], int] = {(3, 11): 4}
# Release notes of 2026: privilege escalation by an extension (#6055), hostile FlatGeobuf (3.5.7, 3.6.4).
_SAFE_POSTGIS: dict[tuple[int, ...], int] = {(3, 4): 6, (3, 5): 7, (3, 6): 4}


def check_versions() -> Finding:
    """Tell what this process works with."""
    versions = {
        "geocrew": __version__,
        "Python": platform.python_version(),
        "GDAL": f"{gdal.vector().__gdal_version_string__} and {gdal.raster().__gdal_version__}",
        "GEOS": shapely.geos_version_string,
        "PROJ": pyproj.__proj_version__,
        "libpq": str(psycopg.pq.version() // 10_000),
    }
    if shapely.geos_version < _OLDEST_GEOS:
        message = f"shapely brings GEOS {shapely.geos_version_string}, which is too old"
        return Finding("versions", "problem", message, "install the locked requirements")
    return Finding("versions", "ok", ", ".join(f"{name} {each}" for name, each in versions.items()))


def check_server_geos(connection: Connection) -> Iterator[Finding]:
    """Yield the GEOS that PostGIS works with: a crash in there ends the whole server."""
    for (version,) in connection.execute(statement(_SQL, "geos")):
        yield judge_geos(version)


def judge_geos(version: str) -> Finding:
    """Say whether the server's GEOS will do."""
    numbers = parse(version)
    mended = _MENDED_GEOS.get(numbers[:2])
    if numbers < _OLDEST_GEOS:
        advice = "install a PostGIS that is built with GEOS 3.10 or newer"
        return Finding("GEOS", "problem", f"the server's GEOS {version} is too old", advice)
    if mended is not None and numbers[2:3] < (mended,):
        message = f"the server's GEOS {version} crashes PostgreSQL on some shapes with empty parts"
        advice = f"update it to {numbers[0]}.{numbers[1]}.{mended} or newer"
        return Finding("GEOS", "warning", message, advice)
    return Finding("GEOS", "ok", f"the server's: {version}")


def unsafe_postgis(version: str) -> str | None:
    """Return the first version of the same series without known security holes, if this one has some."""
    numbers = parse(version)
    safe = _SAFE_POSTGIS.get(numbers[:2])
    if safe is None or numbers[2:3] >= (safe,):
        return None
    return f"{numbers[0]}.{numbers[1]}.{safe}"


def parse(version: str) -> tuple[int, ...]:
    """`3.11.1-CAPI-1.17.1` → (3, 11, 1); `3.4.0dev` → (3, 4, 0)."""
    numbers = []
    for part in version.partition("-")[0].split("."):
        digits = "".join(each for each in part if each.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)
