"""What the query of a view may hold. Whatever is not named here is refused."""

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NODES = _words(
    """
    SelectStmt ResTarget ColumnRef A_Const A_Star A_Expr A_Indirection A_Indices A_ArrayExpr BoolExpr
    FuncCall NamedArgExpr TypeCast TypeName CollateClause CaseExpr CaseWhen CoalesceExpr MinMaxExpr
    NullTest BooleanTest RowExpr SubLink SQLValueFunction GroupingSet GroupingFunc SortBy WindowDef
    RangeVar RangeSubselect RangeFunction JoinExpr Alias WithClause CommonTableExpr
    String Integer Float Boolean
    """
)

# Why nodes are refused that people are likely to write.
NODE_REASONS: Mapping[str, str] = {
    "InsertStmt": "INSERT writes; a view only reads",
    "UpdateStmt": "UPDATE writes; a view only reads",
    "DeleteStmt": "DELETE writes; a view only reads",
    "MergeStmt": "MERGE writes; a view only reads",
    "IntoClause": "INTO makes a table; a view only reads",
    "LockingClause": "FOR UPDATE and FOR SHARE lock rows; a view only reads",
    "ParamRef": "parameters such as $1 have no value in a view",
    "RangeTableSample": "TABLESAMPLE gives other rows with every reading",
    "ColumnDef": "column definition lists are for functions that a view may not call",
    "SetToDefault": "DEFAULT has no meaning in a view",
    "BitString": "bit strings are not among the values of views",
    "XmlExpr": "XML is not among the types of views",
    "XmlSerialize": "XML is not among the types of views",
    "RangeTableFunc": "XMLTABLE reads XML, which is not among the types of views",
    "CurrentOfExpr": "WHERE CURRENT OF needs a cursor; a view has none",
}

# Immutable or stable, of bounded cost for bounded input, and unable to see anything but their arguments.
# What can make much of little is left out: generate_series, repeat, lpad, ST_Segmentize, the grids.
BUILTIN_FUNCTIONS = _words(
    """
    abs acos acosd asin asind atan atan2 atan2d atand cbrt ceil ceiling cos cosd cosh cot cotd degrees
    div exp factorial floor gcd lcm ln log log10 min_scale mod pi power radians round scale sign sin sind
    sinh sqrt tan tand tanh trim_scale trunc width_bucket float4 float8 int2 int4 int8 numeric
    ascii bit_length btrim char_length character_length chr concat concat_ws initcap left length lower
    ltrim md5 normalize octet_length overlay position quote_nullable replace reverse right rtrim
    split_part starts_with strpos substr substring to_hex translate upper like_escape
    similar_to_escape is_normalized regexp_match regexp_matches regexp_replace regexp_split_to_array
    string_to_array array_to_string to_char to_number to_date to_timestamp
    age date_bin date_part date_trunc extract isfinite justify_days justify_hours justify_interval
    make_date make_interval make_time make_timestamp make_timestamptz now overlaps timezone
    transaction_timestamp date timestamp
    array_agg avg bit_and bit_or bool_and bool_or corr count covar_pop covar_samp every json_agg
    json_object_agg jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc regr_avgx
    regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop
    stddev_samp string_agg sum var_pop var_samp variance
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
    array_append array_cat array_length array_ndims array_position array_positions array_prepend
    array_remove array_replace array_upper array_lower cardinality unnest
    json_array_length json_build_array json_build_object json_extract_path json_extract_path_text
    json_typeof jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
    jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text
    jsonb_object_keys jsonb_strip_nulls jsonb_typeof row_to_json to_json to_jsonb num_nonnulls num_nulls
    """
)

SPATIAL_FUNCTIONS = _words(
    """
    geometrytype st_3ddistance st_3ddwithin st_3dintersects st_3dlength st_addpoint st_angle st_area
    st_asbinary st_asewkt st_asgeojson st_astext st_azimuth st_boundary st_boundingdiagonal st_buffer
    st_buildarea st_centroid st_chaikinsmoothing st_closestpoint st_clusterdbscan st_clusterintersecting
    st_clusterwithin st_collect st_collectionextract st_collectionhomogenize
    st_concavehull st_contains st_containsproperly st_convexhull st_coorddim st_coveredby st_covers
    st_crosses st_curvetoline st_delaunaytriangles st_dfullywithin st_difference st_dimension st_disjoint
    st_distance st_distancesphere st_distancespheroid st_dump st_dumppoints st_dumprings st_dwithin
    st_endpoint st_envelope st_equals st_expand st_extent st_exteriorring st_flipcoordinates st_force2d
    st_force3d st_force3dz st_forcepolygonccw st_forcepolygoncw st_frechetdistance st_geogfromtext
    st_geohash st_geometricmedian st_geometryn st_geometrytype st_geomfromewkt st_geomfromgeojson
    st_geomfromtext st_geomfromwkb st_hasarc st_hausdorffdistance st_interiorringn st_intersection
    st_intersects st_isclosed st_iscollection st_isempty st_ispolygonccw st_isring st_issimple st_isvalid
    st_isvalidreason st_length st_length2d st_lineinterpolatepoint st_linelocatepoint st_linemerge
    st_linesubstring st_longestline st_m st_makeenvelope st_makeline st_makepoint st_makepolygon
    st_makevalid st_maxdistance st_maximuminscribedcircle st_memsize st_minimumboundingcircle
    st_minimumboundingradius st_minimumclearance st_multi st_ndims st_node st_normalize st_npoints
    st_nrings st_numgeometries st_numinteriorring st_numinteriorrings st_numpoints st_offsetcurve
    st_orderingequals st_orientedenvelope st_overlaps st_perimeter st_point st_pointfromtext st_pointn
    st_pointonsurface st_points st_polygon st_polygonfromtext st_polygonize st_project
    st_quantizecoordinates st_reduceprecision st_relate st_removepoint st_removerepeatedpoints st_reverse
    st_rotate st_scale
    st_setsrid st_shiftlongitude st_shortestline st_simplify st_simplifypreservetopology st_simplifyvw
    st_snap st_snaptogrid st_split st_srid st_startpoint st_subdivide st_symdifference st_touches
    st_transform st_translate st_unaryunion st_union st_voronoilines st_voronoipolygons st_within
    st_wrapx st_x st_xmax st_xmin st_y st_ymax st_ymin st_z st_zmax st_zmin st_zmflag
    box2d geography geometry
    """
)

# Why functions are refused that a sandbox must not run, by how their names begin.
FUNCTION_REASONS: Mapping[str, str] = {
    "pg_sleep": "it waits",
    "set_config": "it changes settings",
    "current_setting": "it reads the server's settings",
    "query_to_xml": "it runs a query that it is given as text",
    "table_to_xml": "it reads a table that it is given by name",
    "schema_to_xml": "it reads a whole schema",
    "database_to_xml": "it reads the whole database",
    "cursor_to_xml": "it reads from a cursor",
    "lo_": "it reads and writes large objects",
    "loread": "it reads large objects",
    "lowrite": "it writes large objects",
    "dblink": "it connects to other databases",
    "postgres_fdw": "it connects to other databases",
    "pg_read": "it reads the server's files",
    "pg_ls_": "it lists the server's files",
    "pg_stat_file": "it reads the server's files",
    "nextval": "it changes a sequence",
    "setval": "it changes a sequence",
    "currval": "it reads a sequence",
    "lastval": "it reads a sequence",
    "pg_advisory": "it takes locks",
    "pg_try_advisory": "it takes locks",
    "pg_notify": "it notifies other sessions",
    "pg_terminate": "it ends other sessions",
    "pg_cancel": "it stops other sessions",
    "pg_stat": "it reads or resets the server's statistics",
    "random": "it gives another value with every call",
    "setseed": "it changes the session",
    "gen_random": "it gives another value with every call",
    "clock_timestamp": "it gives another value with every call",
    "timeofday": "it gives another value with every call",
    "statement_timestamp": "it gives another value with every call",
    "generate_series": "it can make rows without end",
    "generate_subscripts": "it makes rows of nothing",
    "repeat": "it can make much of little",
    "lpad": "it can make much of little",
    "rpad": "it can make much of little",
    "st_segmentize": "it can make much of little",
    "st_squaregrid": "it can make rows without end",
    "st_hexagongrid": "it can make rows without end",
    "st_generatepoints": "it can make much of little",
    "to_reg": "it looks names up in the catalog",
    "has_": "it reads privileges",
    "pg_": "it belongs to the server, not to the data",
    "txid_": "it belongs to the server, not to the data",
    "inet_": "it belongs to the server, not to the data",
    "version": "it belongs to the server, not to the data",
    "current_": "it belongs to the session, not to the data",
    "session_": "it belongs to the session, not to the data",
    "xpath": "XML is not among the types of views",
    "xml": "XML is not among the types of views",
    "addgeometrycolumn": "it alters tables",
    "dropgeometry": "it alters tables",
    "updategeometry": "it alters tables",
    "find_srid": "it reads the catalog",
    "populate_geometry": "it alters tables",
    "postgis_": "it belongs to PostGIS, not to the data",
    "st_estimatedextent": "it reads the server's statistics",
    "st_fromgdal": "it opens files with GDAL",
    "st_asgdal": "it writes files with GDAL",
}

TYPES = _words(
    """
    bool int2 int4 int8 float4 float8 numeric text varchar bpchar date time timetz timestamp timestamptz
    interval json jsonb uuid bytea geometry geography box2d
    """
)

OPERATORS = _words(
    """
    = <> != < <= > >= + - * / % ^ |/ ||/ @ & | # ~ << >> || ~~ !~~ ~~* !~~* ~* !~ !~* ^@
    -> ->> #> #>> @> <@ ? ?| ?& && &&& &< &> <<| &<| |>> |&> ~= <-> <#>
    """
) | {"BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC"}

COLLATIONS = r"C|POSIX|default|ucs_basic|(und|[a-z]{2,3}(-[A-Z]{2})?)-x-icu"

# Names that columns get where the query gives none, and fields of what allowed functions return.
DEFAULT_NAMES = _words(
    "array case coalesce exists greatest least nullif row grouping ordinality key value geom path center"
    " nearest radius"
)

SYSTEM_COLUMNS = _words("tableoid ctid xmin xmax cmin cmax")
SYSTEM_SCHEMAS = _words("pg_catalog information_schema geocrew geocrew_staging pg_toast pg_temp")
