"""The one place that loads GDAL: both copies, pyogrio's and rasterio's, and both restricted.

GDAL reads `GDAL_SKIP` once, when a copy registers its drivers, and only from the environment;
hence the writes to it here and nowhere else. A driver that is not registered cannot be chosen by a
file's content, whatever its name (VRT and MRF read and write other files, WMS and the like reach
the network; gdal issues 12645 and 14739).
"""

import os
from functools import cache
from types import ModuleType

from geocrew.errors import ConfigurationError

VECTOR_DRIVERS = frozenset({"ESRI Shapefile", "FlatGeobuf", "GPKG", "GeoJSON"})
RASTER_DRIVERS = frozenset({"COG", "GTiff", "MEM"})

_VECTOR_SKIPPED = """
ADBC,AIVector,AVCBin,AVCE00,AmigoCloud,CSV,CSW,Carto,DGN,DXF,EDIGEO,EEDA,ESRIJSON,
Elasticsearch,GDALG,GML,GPSBabel,GPX,GTFS,GeoJSONSeq,GeoRSS,HTTP,Idrisi,JML,JSONFG,
KML,LIBKML,LVBAG,MBTiles,MEM,MVT,MapInfo File,MapML,MiraMonVector,NGW,OAPIF,ODS,
OGCAPI,OGR_GMT,OGR_PDS,OGR_VRT,OSM,OpenFileGDB,PCIDSK,PDF,PDS4,PGDUMP,PLSCENES,PMTiles,
S57,SQLite,SXF,Selafin,TopoJSON,VDV,VFK,VICAR,VRT,WAsP,WCS,WFS,WMS,WMTS,MRF,XLSX
"""
_RASTER_SKIPPED = """
AAIGrid,ACE2,ADRG,AIG,AVCBin,AVCE00,AirSAR,BAG,BIGGIF,BLX,BMP,BSB,BT,BYN,CALS,CEOS,
COASP,COSAR,CPG,CTG,CTable2,DAAS,DERIVED,DIMAP,DIPEx,DOQ1,DOQ2,DTED,ECRGTOC,EEDA,
EEDAI,EHdr,EIR,ELAS,ENVI,ERS,ESAT,ESRI Shapefile,ESRIC,ESRIJSON,FAST,FIT,GFF,GIF,
GNMDatabase,GNMFile,GPKG,GRASSASCIIGrid,GRIB,GS7BG,GSAG,GSBG,GSC,GTI,GTX,GXF,GenBin,
GeoJSON,GeoJSONSeq,HDF5,HDF5Image,HF2,HFA,HTTP,ILWIS,IRIS,ISCE,ISG,ISIS2,ISIS3,
JAXAPALSAR,JDEM,JP2OpenJPEG,JPEG,KMLSUPEROVERLAY,KRO,L1B,LAN,LCP,LOSLAS,Leveller,MAP,
MBTiles,MFF,MFF2,MRF,MSGN,MVT,Memory,NDF,NGSGEOID,NITF,NOAA_B,NSIDCbin,NTv2,NWT_GRC,
NWT_GRD,OSM,OZI,PAux,PCIDSK,PCRaster,PDF,PDS,PDS4,PLMOSAIC,PNG,PNM,PRF,R,RIK,RMF,
ROI_PAC,RPFTOC,RRASTER,RS2,RST,Rasterlite,S102,S104,S111,SAFE,SAGA,SAR_CEOS,SDTS,
SENTINEL2,SGI,SIGDEM,SNAP_TIFF,SNODAS,SQLite,SRP,SRTMHGT,STACIT,STACTA,TGA,TIL,TSX,
Terragen,TopoJSON,USGSDEM,VICAR,VRT,WCS,WEBP,WMS,WMTS,XPM,XYZ,ZMap,Zarr,netCDF
"""
_RESTRICTIONS = {
    "GDAL_DRIVER_PATH": "disable",
    # A GeoTIFF can name another file, or an address, for its overviews; no network file has this name.
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "OGR_SQLITE_ALLOW_EXTERNAL_ACCESS": "NO",
    # Sidecars (.aux.xml) speak for a raster; ours must speak for themselves.
    "GDAL_PAM_ENABLED": "NO",
    "PROJ_NETWORK": "OFF",
    # FlatGeobuf's own Arrow stream writes negative offsets for NULL shapes (GDAL 3.12.4).
    "OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES",
}
# Opening looks at no other file of the directory; only for rasters, a shapefile needs its sidecars.
RASTER_OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


@cache
def vector() -> ModuleType:
    """Return pyogrio with four drivers; raises ConfigurationError when it has others."""
    _restrict(_VECTOR_SKIPPED)
    import pyogrio  # noqa: PLC0415  # the environment comes first

    _check("pyogrio", set(pyogrio.list_drivers()) - VECTOR_DRIVERS)
    return _typed(pyogrio)


@cache
def raster() -> ModuleType:
    """Return rasterio with three drivers; raises ConfigurationError when it has others."""
    _restrict(_RASTER_SKIPPED)
    import rasterio  # noqa: PLC0415  # the environment comes first
    import rasterio.shutil  # noqa: PLC0415  # so that callers find it as an attribute

    with rasterio.Env() as environment:
        _check("rasterio", set(environment.drivers()) - RASTER_DRIVERS)
    return _typed(rasterio)


def _typed(module: ModuleType) -> ModuleType:
    return module


def _restrict(skipped: str) -> None:
    os.environ.update(_RESTRICTIONS)
    os.environ["GDAL_SKIP"] = "".join(skipped.split("\n"))


def _check(package: str, unwanted: set[str]) -> None:
    """Fail closed: a newer wheel may bring drivers that the lists above do not know."""
    if unwanted:
        raise ConfigurationError(
            f"{package} can open formats that geocrew does not allow: "
            f"{', '.join(sorted(unwanted))}. Either it was "
            "imported before geocrew could restrict it, or its version is newer than the locked "
            "requirements"
        )
