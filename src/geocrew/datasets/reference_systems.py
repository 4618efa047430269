"""From a file's coordinate reference system to a SRID of spatial_ref_sys, and what kind it is."""

import pyproj
from pyproj.exceptions import CRSError

from geocrew.db import Connection, statement
from geocrew.errors import RefusedInput

_SQL = "geocrew.datasets.sql"
# pyproj's own default: same parameters and datum, names may differ (ESRI's .prj). Below it, datums
# differ.
_MIN_CONFIDENCE = 70


def identify(connection: Connection, crs: str | None) -> int:
    """Return the SRID of `crs`, 0 for None; raises RefusedInput where the database has none."""
    if crs is None:
        return 0
    try:
        parsed = pyproj.CRS.from_user_input(crs)
    except CRSError as error:
        raise RefusedInput(f"the file's coordinate reference system cannot be read: {error}") from error
    flat = parsed.sub_crs_list[0] if parsed.is_compound else parsed
    if flat.is_bound and flat.source_crs is not None:
        flat = flat.source_crs
    # Heights do not change the place; GDAL calls GeoJSON with Z 4979.
    if flat.is_geographic and len(flat.axis_info) == 3:
        flat = flat.to_2d()
    authority = _authority(flat)
    found = (
        authority
        and connection.execute(
            statement(_SQL, "find_srid"), {"authority": authority[0], "code": int(authority[1])}
        ).fetchone()
    )
    if not found:
        raise RefusedInput(
            f'the coordinate reference system "{flat.name}" is not in the table spatial_ref_sys; '
            f"give srid=… if you "
            "know its number, or reproject the file to an EPSG system first"
        )
    return int(found[0])


def check(connection: Connection, srid: int) -> bool:
    """Say whether the SRID is geographic (degrees).

    Raises RefusedInput where there is no such SRID, and for grads, which PostGIS takes for degrees.
    """
    if srid == 0:
        return False
    found = connection.execute(statement(_SQL, "is_geographic"), {"srid": srid}).fetchone()
    if found is None:
        raise RefusedInput(
            f"srid {srid} is not in the table spatial_ref_sys; give an EPSG code such as 4326, or "
            f"0 for none"
        )
    geographic, grads = found
    if grads:
        raise RefusedInput(
            f"srid {srid} measures in grads, which PostGIS would take for degrees; transform the shapes"
            " to a system in degrees, e.g. 4326"
        )
    return bool(geographic)


def definition(connection: Connection, srid: int) -> str | None:
    """Return what pyproj and GDAL call the SRID, e.g. EPSG:27700, or its WKT; None for 0."""
    if srid == 0:
        return None
    found = connection.execute(statement(_SQL, "define_srid"), {"srid": srid}).fetchone()
    if found is None:
        raise RefusedInput(f"srid {srid} is not in the table spatial_ref_sys")
    if found[0] is None:
        raise RefusedInput(f"srid {srid} has no definition in the table spatial_ref_sys")
    return str(found[0])


def _authority(crs: pyproj.CRS) -> tuple[str, str] | None:
    found = crs.to_authority(min_confidence=_MIN_CONFIDENCE)
    # The same system with its axes named the other way round, which is how every file here stores them.
    if found and found[0] == "OGC" and found[1] in ("CRS84", "CRS84h"):
        return ("EPSG", "4326")
    return found if found and found[1].isdigit() else None
