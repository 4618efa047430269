"""Help is there at once because nothing heavy is imported for it."""

import subprocess
import sys

from tests.acceptance.cli.command import Command

from geocrew import __version__

HEAVY = (
    "numpy",
    "scipy",
    "numba",
    "psycopg",
    "prometheus_client",
    "pyarrow",
    "pydantic",
    "pydantic_settings",
    "structlog",
    "rich",
)


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = f"import sys, geocrew.cli.main; print(*sorted(set({HEAVY!r}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_version_and_help(geocrew: Command) -> None:
    assert geocrew("--version").out == f"geocrew {__version__}\n"
    told = geocrew("--help").out
    names = "run jobs datasets worker workers db analyses up metrics doctor demo"
    for name in names.split():
        assert f"\n  {name} " in told


def test_analyses_are_described_from_their_models(geocrew: Command) -> None:
    listed = {each["job_type"] for each in geocrew("analyses", "list", "--json").document}
    assert {"hotspot_analysis", "outlier_analysis"} <= listed
    described = geocrew("analyses", "show", "hotspot_analysis", "--json").document
    parameters = {each["name"]: each for each in described["parameters"]}
    assert parameters["dataset_id"]["required"]
    assert parameters["dataset_id"]["names_dataset"]
    assert parameters["value_field"]["names_field_of"] == "dataset_id"
    assert parameters["neighbor_type"]["choices"][:2] == ["distance", "knn"]
    assert parameters["distance"]["bounds"] == ["> 0"]
    assert parameters["k_neighbors"]["type"] == "integer"
    assert {"gi_z", "hotspot_class"} <= {each["name"] for each in described["columns"]}
    page = geocrew("analyses", "show", "hotspot_analysis").out
    assert parameters["k_neighbors"]["description"] in page
    unknown = geocrew("analyses", "show", "hotspots")
    assert unknown.code == 2
    assert "hotspot_analysis" in unknown.err
