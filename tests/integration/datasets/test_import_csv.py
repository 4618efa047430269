"""CSV: where the coordinates are, and what types the columns have."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.datasets.conftest import Rows, Take

from geocrew.db import Connection
from geocrew.errors import RefusedInput

Leftovers = Callable[[], list[str]]

NAIVE = dt.datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001  # as PostgreSQL has it


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "srid"),
    [("lon,lat", 4326), ("Longitude,LATITUDE", 4326), ("x,y", 0), ("Easting,Northing", 0)],
)
def test_usual_names_are_found(header: str, srid: int, tmp_path: Path, take: Take, rows: Rows) -> None:
    dataset = take(write(tmp_path, f"{header},a\n1.5,2,x\n,3,y\n"))
    assert (dataset.srid, dataset.null_geometry_count) == (srid, 1)
    assert rows(dataset, "st_astext(geom), a") == [("POINT(1.5 2)", "x"), (None, "y")]
    assert any(str(srid) in each for each in dataset.source["notes"])


def test_columns_given_and_srid(tmp_path: Path, take: Take, rows: Rows) -> None:
    dataset = take(write(tmp_path, "a;b;x;y\n1;2;9;9\n"), x="a", y="b", srid=27700)
    assert rows(dataset, "st_asewkt(geom), a, b") == [("SRID=27700;POINT(1 2)", 1, 2)]


@pytest.mark.parametrize(
    ("header", "options", "said"),
    [
        ("a,b", {}, 'no column is known to hold coordinates; .*x=… and y=…; its columns: "a", "b"'),
        ("x,y,lon,lat", {}, "several columns could hold the coordinates"),
        ("wkt,geom", {}, "several columns could hold the coordinates"),
        ("a,b", {"x": "a", "y": "c"}, 'no single column "c"; its columns: "a", "b"'),
        ("a,a,b", {"x": "a", "y": "b"}, 'no single column "a"'),
        ("a,b", {"x": "a"}, "x and y go together"),
    ],
)
def test_coordinate_columns_that_are_not_clear(
    header: str, options: dict[str, str], said: str, tmp_path: Path, take: Take
) -> None:
    with pytest.raises(RefusedInput, match=said):
        take(write(tmp_path, header + "\n" + ",".join("1" for _ in header.split(",")) + "\n"), **options)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("7,north", "row 2: the coordinate 'north' is not a number"),
        ("NaN,3", "row 2: the coordinate .NaN 3. is not finite"),
        ("3,inf", "row 2: .* is not finite"),
        ("3", "Expected 2 columns"),
    ],
)
def test_bad_coordinates_name_the_row(row: str, said: str, tmp_path: Path, take: Take) -> None:
    with pytest.raises(RefusedInput, match=said):
        take(write(tmp_path, f"x,y\n1,2\n{row}\n"))


@pytest.mark.parametrize("header", ["wkt", "GEOM", "geometry", "the_geom", "wkb_geometry"])
def test_shapes_of_any_kind_come_from_wkt(header: str, tmp_path: Path, take: Take, rows: Rows) -> None:
    lines = ['1,"LINESTRING (1 2,3 4)"', "2,", '3,"LINESTRING Z (5 6 7,8 9 10)"']
    dataset = take(write(tmp_path, "\n".join([f"a,{header}", *lines, ""])))
    assert (dataset.geometry_type, dataset.null_geometry_count) == ("MultiLineStringZ", 1)
    assert dataset.bbox == [1, 2, 8, 9]
    assert rows(dataset, "a, st_astext(geom)") == [
        (1, "MULTILINESTRING Z ((1 2 0,3 4 0))"),
        (2, None),
        (3, "MULTILINESTRING Z ((5 6 7,8 9 10))"),
    ]


def test_bad_wkt_names_the_row(tmp_path: Path, take: Take) -> None:
    with pytest.raises(RefusedInput, match=r"row 2: 'POINT 1' is no WKT geometry"):
        take(write(tmp_path, 'wkt\n"POINT (1 2)"\nPOINT 1\n'))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('x,y,a\n1,2,"open\n3,4,b\n5,6,c\n', 2),
        ('x,y,a\r\n1,2,"two\r\nlines"\r\n3,4,"open\r\n5,6,c\r\n', 4),
        ('x,y,a\n1,2,b\n3,4,"b""', 3),
        ('x;y;a\n1;2;b\n3;4;"', 3),
        ('wkt\n"POINT(1 2)"\n"POINT(3 4)\n', 3),
        ('x,y,"a\n1,2,b\n3,4,c\n', 1),
    ],
)
def test_a_quote_that_stays_open_is_refused(
    text: str, line: int, tmp_path: Path, take: Take, leftovers: Leftovers
) -> None:
    with pytest.raises(RefusedInput, match=f"line {line}: a quote is opened and never closed"):
        take(write(tmp_path, text))
    assert leftovers() == []


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('"b"', "b"),
        ('""""', '"'),
        ('"b"""', 'b"'),
        ('"b\n"', "b\n"),
        ('"b""\n"', 'b"\n'),
        ('",""b"', ',"b'),
        ('5" pipe', '5" pipe'),
        ('"a"b"', 'ab"'),
        ('"x,"a', "x,a"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_quotes_at_the_end_that_are_closed(
    value: str, read: str, end: str, tmp_path: Path, take: Take, rows: Rows
) -> None:
    assert rows(take(write(tmp_path, f"x,y,a\n1,2,{value}{end}")), "a") == [(read,)]


@pytest.mark.parametrize(
    ("values", "sql_type", "first"),
    [
        (["1", "-20"], "bigint", 1),
        (["1", "2.5", "1e300"], "double precision", 1.0),
        (["01001", "56045"], "text", "01001"),
        (["0", "0.5"], "double precision", 0.0),
        (["12345678901234567890"], "text", "12345678901234567890"),
        (["true", "FALSE"], "boolean", True),
        (["2020-02-29"], "date", dt.date(2020, 2, 29)),
        (["2021-02-29"], "text", "2021-02-29"),
        (["2020-01-02 03:04:05"], "timestamp without time zone", NAIVE),
        (
            ["2020-01-02T03:04:05Z"],
            "timestamp with time zone",
            dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        ),
        (["1", "one"], "text", "1"),
        (["", '""'], "text", None),
    ],
)
def test_a_column_has_the_narrowest_type_that_fits_all(
    values: list[str],
    sql_type: str,
    first: object,
    tmp_path: Path,
    take: Take,
    rows: Rows,
    connection: Connection,
) -> None:
    lines = "".join(f"1,2,{each}\n" for each in values)
    dataset = take(write(tmp_path, f"x,y,v\n{lines}"))
    found = connection.execute(
        "SELECT data_type FROM information_schema.columns WHERE table_name = %s AND column_name = 'v'",
        [dataset.table_name],
    ).fetchone()
    assert found == (sql_type,)
    assert rows(dataset, "v")[0] == (first,)


def test_types_hold_for_the_whole_file(tmp_path: Path, take: Take, rows: Rows) -> None:
    lines = "".join(f"1,2,{i}\n" for i in range(10_000))
    dataset = take(write(tmp_path, f"x,y,v\n{lines}1,2,n/a\n"))
    assert rows(dataset, "v")[-1] == ("n/a",)
    assert dataset.row_count == 10_001


def test_a_bom_quotes_and_newlines(tmp_path: Path, take: Take, rows: Rows) -> None:
    dataset = take(write(tmp_path, '\ufeffx,y,"a ""b"\n1,2,"line\nbreak, ""q"""\n'))
    assert rows(dataset, '"a ""b"') == [('line\nbreak, "q"',)]


def test_text_that_is_not_utf8(tmp_path: Path, take: Take) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"x,y,a\n1,2,\xe9\n")
    with pytest.raises(RefusedInput, match=r"UTF-?8"):
        take(path)


def test_a_header_alone_is_an_empty_dataset(tmp_path: Path, take: Take) -> None:
    assert take(write(tmp_path, "x,y,a\n")).row_count == 0
