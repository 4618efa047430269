"""The server's settings: small, for a database that shares its machine with its workers."""

from geocrew.local.places import NAME, PORT, Places

SETTINGS = {
    "cluster_name": NAME,
    "max_connections": "60",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_parallel_workers_per_gather": "2",
    # Compiling costs more than it saves on statements that take milliseconds.
    "jit": "off",
    # Nobody replicates this cluster, so bulk loads into new tables may skip the log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    # The queue's table is small and churns: dead rows are what makes claims slow.
    "autovacuum_naptime": "10s",
    # A killed worker's statement ends within a second, not when it is done.
    "client_connection_check_interval": "1s",
    # The role is called as our schema is; "$user" would put tables of a psql session in there.
    "search_path": "public",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # A ring of seven files, each emptied when its weekday comes round.
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}


def write_configuration(places: Places, parameters: dict[str, str]) -> None:
    """Replace the file by our settings and `parameters`, which cannot open the server to others."""
    settings = SETTINGS | parameters | _closed(places)
    lines = [f"{name} = {_quote(value)}\n" for name, value in settings.items()]
    fresh = places.configuration.with_suffix(".new")
    fresh.write_text("# Rewritten by each start of geocrew.\n" + "".join(lines), "utf-8")
    fresh.chmod(0o644)
    fresh.replace(places.configuration)


def _closed(places: Places) -> dict[str, str]:
    sockets = str(places.sockets).replace('"', '""')
    return {
        "data_directory": str(places.data),
        "hba_file": str(places.data / "pg_hba.conf"),
        "ident_file": str(places.data / "pg_ident.conf"),
        "log_directory": str(places.log),
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{sockets}"',
        "unix_socket_permissions": "0700",
    }


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"
