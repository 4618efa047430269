import os
import subprocess
from pathlib import Path

from tests.cluster import Cluster, remove_leftovers

from geocrew import db, local


def lives(pid: int) -> bool:
    """Tell a living process from a zombie, whose working directory is gone."""
    try:
        Path(f"/proc/{pid}/cwd").readlink()
    except FileNotFoundError:
        return False
    return True


def test_leftovers_of_a_killed_run_are_removed_and_those_of_a_living_one_kept(
    cluster_directory: Path,
) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    dead = cluster_directory / f"geocrew-test-{ended.pid}-a"
    alive = cluster_directory / f"geocrew-test-{os.getpid()}-b"
    alive.mkdir(parents=True)
    left = Cluster(dead / "shared")
    left.start()
    server = local.status(left.directory).pid
    assert server is not None
    remove_leftovers(cluster_directory)
    assert not dead.exists()
    assert not lives(server)
    assert alive.exists()


def test_templates_are_filled_once_and_copied(cluster: Cluster) -> None:
    filled: list[str] = []

    def fill(url: str) -> None:
        filled.append(url)
        with db.connect(url, "test") as connection:
            connection.execute("CREATE TABLE filled AS SELECT 7 AS x")

    try:
        for _ in range(2):
            assert cluster.create_template("test_local_template", fill) == "test_local_template"
        copy = cluster.create_database("test_local_copy", template="test_local_template")
        with db.connect(copy, "test") as held:
            assert held.execute("SELECT x FROM filled").fetchall() == [(7,)]
            cluster.drop_database("test_local_copy")  # though a session is in it
        assert len(filled) == 1
    finally:
        cluster.drop_database("test_local_copy")
        cluster.drop_database("test_local_template")
