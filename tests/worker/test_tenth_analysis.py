"""An analysis is one file and one line: everything else finds it there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import geocrew
from geocrew.db import Connection

FILE = '''"""Counts: one row with the number of features."""

from pydantic import Field

from geocrew.analysis import Analysis, Column, Context, Params, Product
from geocrew.datasets.build import build
from geocrew.datasets.compose import compose
from geocrew.datasets.layer import open_layer


class CountParams(Params):
    """Parameters."""

    dataset_id: int = Field(ge=1, description="the dataset", json_schema_extra={"dataset": True})


def check(params, connection, user_id):
    return open_layer(connection, params.dataset_id, user_id)


def run(params: CountParams, context: Context) -> Product:
    layer = check(params, context.connection, context.user_id)
    select = compose(
        "SELECT 1::bigint AS id, count(*) AS features, ST_Centroid(ST_Collect({shape}))"
        "::geometry(Point, 4326) AS geom FROM {rows} AS s",
        shape=layer.shape("s"), rows=layer.relation,
    )
    staged = build(context.connection, context.staging, "static", select)
    return Product(staged, f"Count of {layer.dataset.name}", {})


ANALYSIS = Analysis(
    job_type="count_features", title="Count", summary="Counts features.", params=CountParams,
    columns=(Column("features", "bigint", "number of features"),), check=check, run=run,
)
'''


def test_one_file_and_one_line(connection: Connection, database: str, tmp_path: Path) -> None:
    package = tmp_path / "geocrew"
    shutil.copytree(Path(geocrew.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "analyses" / "count_features.py").write_text(FILE)
    registry = package / "analyses" / "__init__.py"
    line = '    "geocrew.analyses.outlier_analysis",\n'
    registry.write_text(
        registry.read_text().replace(line, line + '    "geocrew.analyses.count_features",\n')
    )
    environment = {"PYTHONPATH": str(tmp_path), "GEOCREW_DATABASE_URL": database, "HOME": str(tmp_path)}
    # It needs no kernel, and to compile them all for the copy takes longer than any test.
    environment["NUMBA_DISABLE_JIT"] = "1"

    def geocrew_command(*words: str) -> str:
        command = [sys.executable, "-m", "geocrew.cli.main", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout

    assert "count_features" in geocrew_command("analyses", "list")
    demo = package / "demo" / "data" / "us_cities.gpkg"
    dataset = json.loads(geocrew_command("datasets", "import", str(demo), "--json"))
    worker = subprocess.Popen(
        [sys.executable, "-m", "geocrew.cli.main", "worker", "count_features"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        words = ("run", "count_features", f"dataset_id={dataset['id']}", "--wait", "--json")
        job = json.loads(geocrew_command(*words))
    finally:
        worker.terminate()
        assert worker.wait(timeout=30) == 0
    table = job["result"]["table_name"]
    assert connection.execute(f"SELECT features FROM {table}").fetchone() == (17326,)
