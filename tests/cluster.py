"""The throw-away PostGIS of a test run: one for all tests and xdist workers, more on demand.

The controller names a directory and removes it at the end; whoever first needs the shared cluster
starts it (`local.start` takes a lock), so a run without database tests starts none. What a killed
run left is removed by the next one.
"""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg import errors, sql

from geocrew import db, local
from geocrew.errors import ConfigurationError
from tests.waiting import wait_for

_PREFIX = "geocrew-test-"
_HOME = pytest.StashKey[Path]()
# A test's database need not survive a power cut. It must survive `pg_ctl stop -m immediate`: without
# synchronous_commit that lost 16 of 4,000 acknowledged jobs.
_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


class Cluster:
    """A PostGIS server for tests, with databases made and dropped at will."""

    def __init__(self, directory: Path, **parameters: str) -> None:
        self.directory = directory
        self._parameters = _FORGETFUL | parameters

    def start(self) -> str:
        return local.start(self.directory, **self._parameters)

    def stop(self, mode: local.StopMode = "fast") -> None:
        local.stop(self.directory, mode)

    def restart(self, mode: local.StopMode = "fast") -> str:
        self.stop(mode)
        return self.start()

    def kill(self) -> None:
        """`kill -9` of the postmaster; its backends notice and end by themselves."""
        pid = local.status(self.directory).pid
        assert pid is not None, "the server is not running"
        os.kill(pid, signal.SIGKILL)

    def url(self, database: str = "geocrew") -> str:
        return local.url(self.directory, database)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create an empty database, or a copy of `template`, and return its URL."""
        copied = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._run(copied.format(sql.Identifier(name), sql.Identifier(template or "template0")))
        return self.url(name)

    def create_template(self, name: str, fill: Callable[[str], object]) -> str:
        """Create database `name` once for all workers, filled by `fill(url)`; return its name."""
        with _hold(self.directory / f"{name}.lock"):
            if not self._exists(name):
                unfinished = f"{name}_unfinished"
                self.drop_database(unfinished)
                fill(self.create_database(unfinished))
                renamed = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                self._run(renamed.format(sql.Identifier(unfinished), sql.Identifier(name)))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, ending the sessions in it, once each has left its C code."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))

        def dropped() -> bool:
            with suppress(errors.ObjectInUse):  # PostgreSQL waits five seconds for them
                self._run(statement)
                return True
            return False

        wait_for(dropped, 60, f"the sessions in {name} to end")

    def _exists(self, name: str) -> bool:
        query = sql.SQL("SELECT FROM pg_database WHERE datname = {}").format(sql.Literal(name))
        return self._run(query) > 0

    def _run(self, statement: sql.Composed) -> int:
        with db.connect(self.url("postgres"), "tests") as connection:
            # DROP … IF EXISTS need not tell that there is nothing to drop.
            connection.execute("SET client_min_messages = warning")
            return connection.execute(statement).rowcount


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Cluster:
    """The one server of this test run; stopped when the run ends."""
    shared = Cluster(pytestconfig.stash[_HOME] / "shared", max_connections="200")
    shared.start()
    return shared


@pytest.fixture
def cluster_directory(pytestconfig: pytest.Config) -> Iterator[Path]:
    """A path for a cluster of the test's own, not yet made, reachable by the server's user."""
    directory = pytestconfig.stash[_HOME] / uuid4().hex[:8]
    yield directory
    _remove(directory)


@pytest.fixture
def own_cluster(cluster_directory: Path) -> Cluster:
    """A running server that the test may restart, kill and stop."""
    own = Cluster(cluster_directory)
    own.start()
    return own


def pytest_configure(config: pytest.Config) -> None:
    given: dict[str, Any] | None = getattr(config, "workerinput", None)
    if given is not None:
        config.stash[_HOME] = Path(given["cluster_home"])
        return
    remove_leftovers(Path(tempfile.gettempdir()))
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    home.chmod(0o755)
    config.stash[_HOME] = home


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker, before it starts, where the clusters are."""
    node.workerinput["cluster_home"] = str(node.config.stash[_HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and _HOME in config.stash:
        _remove_home(config.stash[_HOME])


def remove_leftovers(parent: Path) -> None:
    """Stop and remove what runs of this user left in `parent` whose process is gone."""
    for home in parent.glob(f"{_PREFIX}*-*"):
        owner = home.name.removeprefix(_PREFIX).split("-")[0]
        with suppress(FileNotFoundError):  # two runs may clean up after the same third one
            if home.stat().st_uid == os.geteuid() and not Path("/proc", owner).exists():
                _remove_home(home)


def _remove_home(home: Path) -> None:
    for directory in home.iterdir():
        _remove(directory)
    shutil.rmtree(home)


def _remove(directory: Path) -> None:
    """Stop the clusters in a directory and one level below, and remove its files."""
    for pattern in ("geocrew.conf", "*/geocrew.conf"):
        for found in directory.glob(pattern):
            # One that a test ran as another user is not ours to stop; a server whose files are gone
            # notices within a minute and ends.
            with suppress(ConfigurationError):
                local.stop(found.parent, "immediate")
    if directory.exists():
        shutil.rmtree(directory)


@contextmanager
def _hold(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
