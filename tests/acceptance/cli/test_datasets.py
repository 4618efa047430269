"""Data in, looked at, and out."""

from pathlib import Path

from tests.acceptance.cli.command import Command

from geocrew import demo
from geocrew.db import Connection

PUMPS = next(each for each in demo.files() if each.name == "soho_pumps.gpkg")


def test_in_and_out(geocrew: Command, tmp_path: Path) -> None:
    made = geocrew("datasets", "import", str(PUMPS), "--name", "pumps", "--json")
    assert made.code == 0, made.err
    dataset = made.document
    assert (dataset["name"], dataset["row_count"], dataset["srid"]) == ("pumps", 13, 27700)
    shown = geocrew("datasets", "show", "pumps")
    assert "13" in shown.out
    assert "27700" in shown.out
    fields = geocrew("datasets", "show", "pumps", "--json").document["fields"]
    assert {"name": "id", "type": "integer"} in fields
    assert "pumps" in geocrew("datasets", "list").out

    target = tmp_path / "pumps.geojson"
    assert geocrew("datasets", "export", "pumps", str(target)).code == 0
    assert target.read_text().count('"Point"') == 13
    again = geocrew("datasets", "export", "pumps", str(target))
    assert again.code == 2
    assert f'"{target}" exists already' in again.err
    assert geocrew("datasets", "export", "pumps", str(target), "--overwrite").code == 0

    assert geocrew("datasets", "drop", "pumps", "--json").document == {"dropped": dataset["id"]}
    gone = geocrew("datasets", "show", "pumps")
    assert gone.code == 2
    assert 'no dataset is named "pumps"' in gone.err


def test_register_reads_names_as_postgresql_does(geocrew: Command, connection: Connection) -> None:
    connection.execute(
        'CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema"."My.Table" (geom geometry(Point, 4326))'
    )
    made = geocrew("datasets", "register", '"My Schema"."My.Table"', "--json")
    assert made.code == 0, made.err
    assert (made.document["schema_name"], made.document["table_name"]) == ("My Schema", "My.Table")
    for name, told in (
        ('"My Schema"."No"', '"No"'),
        ("a.b.c", "3 parts"),
        ('"open', "string is not a valid identifier"),
    ):
        refused = geocrew("datasets", "register", name)
        assert refused.code == 2
        assert told in refused.err


def test_import_refuses_what_is_not_there(geocrew: Command, tmp_path: Path) -> None:
    (tmp_path / "false.gpkg").write_text("no database")
    for name in ("missing.gpkg", "false.gpkg"):
        refused = geocrew("datasets", "import", str(tmp_path / name))
        assert refused.code == 2
        assert name in refused.err
        assert "Traceback" not in refused.err


def test_reserve_keeps_an_id(geocrew: Command) -> None:
    dataset_id = int(geocrew("datasets", "reserve", "--name", "to come").out)
    (listed,) = geocrew("datasets", "list", "--json").document
    assert (listed["id"], listed["name"], listed["kind"]) == (dataset_id, "to come", "reserved")
