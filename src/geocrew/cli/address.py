"""The database's address in parts."""

from psycopg.conninfo import conninfo_to_dict, make_conninfo


def split_password(url: str) -> tuple[str, str | None]:
    """Return the address without its password, and the password."""
    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    return make_conninfo("", **parts), None if password is None else str(password)


def parts_of(url: str) -> dict[str, str]:
    """Return what other programs ask for: host, port, database, user."""
    parts = conninfo_to_dict(url)
    names = {"host": "host", "port": "port", "dbname": "database", "user": "user"}
    return {title: str(parts[name]) for name, title in names.items() if parts.get(name)}
