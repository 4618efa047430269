import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cluster import Cluster
from tests.waiting import wait_for

from geocrew import db, local
from geocrew.errors import ConfigurationError
from geocrew.local import programs
from geocrew.local.account import find_account
from geocrew.local.directories import prepare
from geocrew.local.places import find_places
from geocrew.local.processes import list_processes

IS_ROOT = os.geteuid() == 0
START = """
import os, sys
from pathlib import Path
from geocrew import local
if len(sys.argv) > 2:
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[2]))
print(local.start(Path(sys.argv[1])))
"""
STOP = START.replace("print(local.start(Path(sys.argv[1])))", "local.stop(Path(sys.argv[1]))")
BUSY = b"SELECT count(*) FROM generate_series(1, 1000000000000)"


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with db.connect(url, "test") as connection:
        # The statements are this file's own.
        return connection.execute(query.encode()).fetchall()


def begin_start(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, str(directory)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def running_pid(directory: Path) -> int:
    pid = local.status(directory).pid
    assert pid is not None
    return pid


def test_a_fresh_cluster_is_closed_to_others_and_holds_one_empty_database(
    cluster_directory: Path,
) -> None:
    url = local.start(cluster_directory)
    names = "listen_addresses data_checksums jit client_connection_check_interval cluster_name"
    asked = [f"current_setting('{name}')" for name in names.split()]
    assert ask(url, f"SELECT {', '.join(asked)}") == [("", "on", "off", "1s", "geocrew")]
    assert ask(url, "SELECT datname::text FROM pg_database WHERE NOT datistemplate ORDER BY 1") == [
        ("geocrew",),
        ("postgres",),
    ]
    assert ask(
        url,
        "SELECT pg_encoding_to_char(encoding)::text, datcollate FROM pg_database"
        " WHERE datname = current_database()",
    ) == [("UTF8", "C.UTF-8")]
    assert ask(url, "SELECT extname::text FROM pg_extension") == [("plpgsql",)]
    status = local.status(cluster_directory)
    for closed in (status.data_directory, status.socket_directory):
        assert closed.stat().st_mode & 0o777 == 0o700


def test_the_server_is_never_roots_and_outlives_the_terminal(own_cluster: Cluster) -> None:
    pid = running_pid(own_cluster.directory)
    assert Path(f"/proc/{pid}").stat().st_uid != 0
    assert os.getsid(pid) != os.getsid(0)


def test_a_second_start_changes_nothing(own_cluster: Cluster) -> None:
    before = local.status(own_cluster.directory)
    assert local.start(own_cluster.directory) == own_cluster.url()
    assert local.status(own_cluster.directory).pid == before.pid


def test_status_follows_start_stop_and_start_again(cluster_directory: Path) -> None:
    local.stop(cluster_directory)
    assert local.status(cluster_directory).state == "absent"
    url = local.start(cluster_directory)
    running = local.status(cluster_directory)
    assert (running.state, running.version) == ("running", programs.find_programs().major)
    assert running.size_bytes > 20_000_000
    with db.connect(url, "test") as held:
        held.execute("CREATE TABLE kept AS SELECT 1 AS one")
        local.stop(cluster_directory)  # an open session does not stand in the way
    stopped = local.status(cluster_directory)
    assert (stopped.state, stopped.pid) == ("stopped", None)
    assert local.start(cluster_directory) == url
    assert ask(url, "SELECT one FROM kept") == [(1,)]


def test_parameters_apply_but_cannot_open_the_server(cluster_directory: Path) -> None:
    url = local.start(cluster_directory, work_mem="5MB", listen_addresses="*")
    asked = "SELECT current_setting('work_mem'), current_setting('listen_addresses')"
    assert ask(url, asked) == [("5MB", "")]
    local.stop(cluster_directory)
    local.start(cluster_directory)
    assert ask(url, asked) == [("16MB", "")]


def test_a_start_that_fails_says_why(cluster_directory: Path) -> None:
    with pytest.raises(ConfigurationError, match='unrecognized configuration parameter "nonsense"'):
        local.start(cluster_directory, nonsense="1")
    assert local.status(cluster_directory).state == "stopped"


def test_an_ordinary_user_runs_a_cluster_too(cluster_directory: Path) -> None:
    """As root, `nobody` stands for the ordinary user; else it is whoever runs the tests."""
    user = pwd.getpwnam("nobody") if IS_ROOT else pwd.getpwuid(os.geteuid())
    cluster_directory.mkdir()
    change = [str(user.pw_uid), str(user.pw_gid)] if IS_ROOT else []
    if IS_ROOT:
        os.chown(cluster_directory, user.pw_uid, user.pw_gid)
    mine = cluster_directory / "mine"
    command = [sys.executable, "-c", START, str(mine), *change]
    try:
        started = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ask(started.stdout.strip(), "SELECT 1") == [(1,)]
        pid = int((mine / "data" / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").stat().st_uid == user.pw_uid
        if IS_ROOT:
            with pytest.raises(ConfigurationError, match="belongs to the user with id"):
                local.status(mine)
    finally:
        subprocess.run([sys.executable, "-c", STOP, *command[3:]], check=True)


def test_a_directory_inside_a_closed_home_is_refused_by_name(cluster_directory: Path) -> None:
    cluster_directory.mkdir(mode=0o700 if IS_ROOT else 0)
    with pytest.raises(ConfigurationError) as caught:
        local.start(cluster_directory / "inside" / "postgres")
    cluster_directory.chmod(0o755)
    name = find_account().name
    for part in (f'user "{name}"', f"{cluster_directory} is closed", "GEOCREW_DATA_DIR"):
        assert part in str(caught.value)
    assert list(cluster_directory.iterdir()) == []


def test_a_pid_file_that_names_another_process_of_the_user_is_ignored(own_cluster: Cluster) -> None:
    """After a reboot the dead server's pid may be anybody's."""
    places = find_places(own_cluster.directory)
    account = find_account()
    files = [path for path in places.leftovers if path.is_file()]
    written = [path.read_text() for path in files]
    own_cluster.stop()
    user = account.uid if IS_ROOT else None
    with subprocess.Popen(["sleep", "60"], user=user) as other:
        try:
            for path, text in zip(files, written, strict=True):
                path.write_text(text.replace(text.split("\n")[0], str(other.pid), 1))
                os.chown(path, account.uid, account.gid)
            assert local.status(own_cluster.directory).state == "stopped"
            assert ask(own_cluster.start(), "SELECT 1") == [(1,)]
            assert other.poll() is None
        finally:
            other.terminate()


def test_a_killed_server_starts_again_though_its_backend_computes_on(own_cluster: Cluster) -> None:
    busy = db.connect(own_cluster.url(), "busy")
    orphan = busy.info.backend_pid
    busy.pgconn.send_query(BUSY)
    active = "SELECT pid FROM pg_stat_activity WHERE state = 'active'"
    wait_for(lambda: (orphan,) in ask(own_cluster.url(), active), 20, "the statement to run")
    own_cluster.kill()
    wait_for(lambda: local.status(own_cluster.directory).pid is None, 20, "the server's death")
    places = find_places(own_cluster.directory)
    assert orphan in list_processes(places, find_account())
    assert ask(own_cluster.start(), "SELECT 1") == [(1,)]
    assert orphan not in list_processes(places, find_account())
    busy.close()


def test_a_directory_that_another_start_makes_first(
    cluster_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was there when this start looked; all is there when it makes it."""
    cluster_directory.mkdir(mode=0o755, exist_ok=True)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    prepare(find_places(cluster_directory), find_account())
    assert (cluster_directory.stat().st_mode & 0o777) == 0o755


def test_two_starts_at_once_make_one_cluster(cluster_directory: Path) -> None:
    both = [begin_start(cluster_directory) for _ in range(2)]
    said = [process.communicate()[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said == [local.url(cluster_directory)] * 2
    assert ask(said[0], "SELECT 1") == [(1,)]


@pytest.mark.parametrize("victims", ["the caller", "the caller and initdb"])
def test_a_start_killed_while_initdb_works_is_made_good(cluster_directory: Path, victims: str) -> None:
    unfinished = find_places(cluster_directory).unfinished
    with begin_start(cluster_directory) as starter:
        wait_for((unfinished / "PG_VERSION").exists, 20, "initdb to be at work")
        if victims == "the caller":
            starter.kill()
        else:
            os.killpg(starter.pid, signal.SIGKILL)
    assert local.status(cluster_directory).state == "absent"
    assert ask(local.start(cluster_directory), "SELECT 1") == [(1,)]
    assert not unfinished.exists()


@pytest.mark.parametrize("name", ["x" * 120, "a,b", "it's a place"])
def test_any_path_will_do(cluster_directory: Path, name: str) -> None:
    directory = cluster_directory / name
    url = local.start(directory)
    sockets = local.status(directory).socket_directory
    try:
        assert ask(url, "SELECT 1") == [(1,)]
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        local.stop(directory)
    assert sockets.is_relative_to(cluster_directory) == sockets.exists()


def test_a_socket_directory_that_others_made_is_refused(cluster_directory: Path) -> None:
    directory = cluster_directory / ("y" * 120)
    sockets = find_places(directory).sockets
    sockets.mkdir(mode=0o755)
    try:
        with pytest.raises(ConfigurationError, match=f"{sockets} must be a directory of user"):
            local.start(directory)
    finally:
        sockets.rmdir()
